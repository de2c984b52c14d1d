"""A program that takes rights from itself by Landlock and becomes another one.

It is started as a file of its own, without the rest of this program, for each command: `python -I -S landlock.py RULES
WORDS...`, the rules as JSON: {"read": [...], "list": [...], "write": [...], "network": false}. With RULES "abi" it prints what the
system's Landlock can do. Numbers are those of the kernel's user interface (include/uapi/linux/landlock.h).
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import sys
from collections.abc import Mapping
from typing import Any

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every architecture
_ABI_ASKED = 1  # flag of the first
_PATH_BENEATH = 1  # kind of rule
_NO_NEW_PRIVILEGES, _DROP_BOUND = 38, 24  # of prctl

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR = 1 << 4, 1 << 5, 1 << 6, 1 << 7
MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
TCP = 0b11  # binding and connecting
SCOPES = 0b11  # abstract unix sockets, signals

_READ = EXECUTE | READ_FILE | READ_DIR
_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_WRITE = (
    _READ
    | WRITE_FILE
    | REMOVE_DIR
    | REMOVE_FILE
    | MAKE_DIR
    | MAKE_REG
    | MAKE_SOCK
    | MAKE_FIFO
    | MAKE_SYM
    | REFER
    | TRUNCATE
)
FILES_BY_ABI = {1: REFER - 1, 2: TRUNCATE - 1, 3: IOCTL_DEV - 1, 4: IOCTL_DEV - 1}
"""The rights on files that a version knows; from 5 on all of them."""


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi(libc: ctypes.CDLL) -> int:
    """The version of Landlock here; 0 where there is none."""
    return max(0, _ask(libc, _CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ABI_ASKED)))


def restrict(libc: ctypes.CDLL, rules: Mapping[str, Any]) -> None:
    """Take from this process, for good, what the rules do not give. Raises OSError."""
    version = abi(libc)
    files = FILES_BY_ABI.get(version, (IOCTL_DEV << 1) - 1)
    handled = _Rules(files, 0 if rules["network"] or version < 4 else TCP, SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _called(libc, _CREATE, ctypes.byref(handled), ctypes.c_size_t(size), ctypes.c_uint32(0))
    for kind, rights in (("read", _READ), ("list", READ_DIR), ("write", _WRITE)):
        for path in rules[kind]:
            _allow(libc, ruleset, path, rights & files)
    _drop_capabilities(libc)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no new privileges")
    _called(libc, _RESTRICT, ruleset, ctypes.c_uint32(0))
    os.close(ruleset)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Root's go with the next program that is started; nobody else has any, and the call fails, which changes nothing."""
    for capability in range(64):
        libc.prctl(_DROP_BOUND, capability, 0, 0, 0)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # it went away since the rules were made
        return
    try:
        allowed = rights if stat.S_ISDIR(os.fstat(place).st_mode) else rights & _ON_FILES
        rule = _Beneath(allowed, place)
        _called(libc, _ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(place)


def _called(libc: ctypes.CDLL, number: int, *arguments: Any) -> int:
    result = _ask(libc, number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _ask(libc: ctypes.CDLL, number: int, *arguments: Any) -> int:
    return int(libc.syscall(number, *arguments))


def main(words: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if words == ["abi"]:
        sys.stdout.write(str(abi(libc)))
        return
    try:
        restrict(libc, json.loads(words[0]))
        os.execvp(words[1], words[1:])
    except OSError as error:
        sys.exit(f"Landlock: {error.strerror or error}")


if __name__ == "__main__":
    main(sys.argv[1:])
