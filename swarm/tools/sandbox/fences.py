"""The words that put our Landlock program around a command, and what each version of Landlock cannot keep."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from swarm.tools.sandbox.places import Places, within

LAUNCHER = Path(__file__).with_name("landlock.py")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")  # may be written to


def landlock_words(places: Places, *, copy: Path, temp: Path, network: bool) -> tuple[str, ...]:
    """What is put before a command that may write to `copy` and `temp` and read what `places` leave."""
    rights: dict[str, set[str]] = {"read": set(), "list": set(), "write": {str(copy), str(temp), *_DEVICES}}
    for place, closed in (("/", (*places.emptied, *places.hidden)), *((each, places.hidden) for each in places.shown)):
        for right, one in _open_of(place, closed):
            if right == "read" or not any(within(each, one) for each in places.emptied):
                rights[right].add(one)
    rules = {**{right: sorted(those) for right, those in rights.items()}, "network": network}
    return (sys.executable, "-I", "-S", os.fspath(LAUNCHER), msgspec.json.encode(rules).decode())


def asked_version() -> tuple[str, ...]:
    """The command that prints the version of Landlock."""
    return (sys.executable, "-I", "-S", os.fspath(LAUNCHER), "abi")


def missing_of(version: int, *, counted: bool) -> tuple[str, ...]:
    """What a version of Landlock cannot keep; `counted`: processes are kept by control groups."""
    gaps = {
        "processes": not counted,
        "private /tmp": True,
        "modes and times": True,
        "command lines": True,
        "loopback": True,
        "udp": True,
        "unix sockets": True,
        "signals": version < 6,
        "devices": version < 5,
        "tcp": version < 4,
        "truncation": version < 3,
    }
    return tuple(what for what, there in gaps.items() if there)


def _open_of(place: str, closed: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield `place` to be read, or where something in it is closed that it may be listed, and what in it is open.

    A rule holds for all that is below, and can only add to what one above gives: what is closed is named nowhere.
    """
    inner = [each for each in closed if within(each, place)]
    if not inner:
        yield "read", place
    elif place not in inner:
        yield "list", place
        with suppress(OSError), os.scandir(place) as found:  # what cannot be listed cannot be read either
            for entry in found:
                if not entry.is_symlink():  # it leads to a place that has its own rule, or none
                    yield from _open_of(entry.path, inner)
