"""The files of a skill: found and read without following a symlink, without waiting, and only up to a size."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

MOST_FILES, MOST_DEPTH, MOST_BYTES = 500, 6, 20_000_000
"""Of one skill: the largest public one has 1.3 million tokens of resources."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Refused(Exception):
    """A file of a skill is not read; the text says why."""


class File(msgspec.Struct, frozen=True, order=True):
    """A file of a skill, by its path below the skill's folder."""

    path: str
    size: int  # bytes


def read_head(path: str, most: int) -> tuple[bytes, int]:
    """The beginning of a file, and how large it is. Raises OSError, Refused where it is a symlink or no regular file."""
    try:
        file = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused("the file is a symlink, which is not followed") from error
        raise
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("it is no regular file")
        return _pread(file, most, status.st_size), status.st_size
    finally:
        os.close(file)


@contextmanager
def _open_folder(path: Path) -> Generator[int]:
    """Open a folder to read below it. Raises OSError."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _open_below(folder: int, path: str) -> Generator[int]:
    """Open a regular file below an open folder, no part of whose path is a symlink. Raises OSError, Refused."""
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise Refused(f"{path[:80]!r} is no path inside of a skill")
    inner = folder
    try:
        for part in parts[:-1]:
            outer, inner = inner, _opened(part, _FLAGS | os.O_DIRECTORY, inner, path)
            if outer != folder:
                os.close(outer)
        file = _opened(parts[-1], _FLAGS, inner, path)
    finally:
        if inner != folder:
            os.close(inner)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise Refused(f"{path[:80]!r} is no regular file")
        yield file
    finally:
        os.close(file)


def _opened(part: str, flags: int, folder: int, path: str) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except OSError as error:
        if _is_link(part, folder):
            raise Refused(f"{path[:80]!r} is or goes through a symlink, which is not followed") from error
        raise


def _is_link(part: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _pread(file: int, most: int, size: int) -> bytes:
    """At most so many bytes from the beginning of an open file. Raises OSError."""
    raw = b""
    while len(raw) < min(size, most) and (part := os.pread(file, most - len(raw), len(raw))):
        raw += part
    return raw


def read_whole(folder: Path, path: str, most: int) -> bytes:
    """A file of a skill. Raises Refused, also where it is larger than `most` bytes or cannot be read."""
    try:
        with _open_folder(folder) as top, _open_below(top, path) as file:
            size = os.fstat(file).st_size
            raw = _pread(file, most, size)
    except FileNotFoundError as error:
        raise Refused(f"there is no {path[:80]!r} in the skill") from error
    except OSError as error:
        raise Refused(f"{path[:80]!r} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if size > most:
        raise Refused(f"{path[:80]!r} has {size:,} bytes, and {most:,} are read at the most")
    return raw


def files_of(folder: Path) -> tuple[File, ...]:
    """All files of a skill by their paths; symlinks with the size 0. Raises Refused where there are too many, or too deep."""
    found: list[File] = []
    for file in _walk(folder, "", 1):
        found.append(file)
        if len(found) > MOST_FILES:
            raise Refused(f"{folder} holds more than {MOST_FILES} files, and is no skill")
    return tuple(sorted(found))


def _walk(folder: Path, below: str, depth: int) -> Iterator[File]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Refused(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}") from error
    for entry in entries:
        if entry.name == ".git":
            continue  # a skill that is a repository: none of its content, and never the same for long
        path = f"{below}{entry.name}"
        if not path.isprintable():
            raise Refused(f"{folder} holds a file whose name cannot be shown: {entry.name!r}")
        if entry.is_dir(follow_symlinks=False):
            if depth == MOST_DEPTH:
                raise Refused(f"{folder / entry.name} lies more than {MOST_DEPTH} folders deep in its skill")
            yield from _walk(folder / entry.name, f"{path}/", depth + 1)
        else:
            yield File(path, 0 if entry.is_symlink() else entry.stat(follow_symlinks=False).st_size)


def digests_of(folder: Path) -> dict[str, str]:
    """By the path of each file of a skill what stands for its content: a SHA-256; of what is no regular file what it is.

    Raises Refused where the files are too many or too large.
    """
    files = files_of(folder)
    if (size := sum(file.size for file in files)) > MOST_BYTES:
        raise Refused(f"the files of {folder} have {size:,} bytes together, and {MOST_BYTES:,} are read at the most")
    return {file.path: _digest(folder, file.path) for file in files}


def _digest(folder: Path, path: str) -> str:
    whole = folder / path
    if whole.is_symlink():
        return f"link to {whole.readlink()}"
    if not whole.is_file():
        return "no regular file"
    return hashlib.sha256(read_whole(folder, path, MOST_BYTES)).hexdigest()
