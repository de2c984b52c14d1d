"""The way of accepted work to the user's files: whole, once, and never over a change that somebody else made."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from events.types.task import OutputFile
from swarm.errors import SwarmError, UsageError
from swarm.paths import OutsideProject, confined


class OutputConflict(SwarmError):
    """Outputs cannot go to the user's files. `reasons` says of each path why; none of the outputs was written."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        told = "; ".join(f"{path!r} {why}" for path, why in self.reasons.items())
        super().__init__(
            f"no output was written, because {told}; read the result with `swarm show`, or put aside what is in its way "
            "and deliver it with `swarm resume`"
        )


class _Planned(msgspec.Struct, frozen=True):
    path: str
    place: Path  # with every symlink followed
    content: bytes
    found: str | None  # digest of what stands there, None = nothing

    @property
    def part(self) -> Path:
        """Where the content is written first: its name follows from the place, so a later delivery clears up a crash."""
        return self.place.parent / f".swarm-{_digest(os.fsencode(self.place.name))[:16]}.part"


def file_bytes(text: str) -> bytes:
    """Return what a file with this text holds: UTF-8, one newline at its end."""
    return (text.rstrip("\n") + "\n").encode("utf-8", "surrogatepass")


def fingerprint(root: Path, paths: Iterable[str]) -> dict[str, str | None]:
    """Return of each path, relative to `root`, the digest of the file there (as `events.blobs.digest_of`), None = no file.

    Raises UsageError for a path that no output can be written to: outside of the project, a folder, a device, unreadable.
    """
    found: dict[str, str | None] = {}
    for path in paths:
        try:
            found[path] = _digest_at(confined(root, path))
        except _InTheWay as error:
            raise UsageError(f"the output {path!r} {error}; name another path for it") from error
    return found


def deliver(root: Path, outputs: Mapping[str, str], before: Mapping[str, str | None]) -> tuple[OutputFile, ...]:
    """Write each text to its path below `root` and return what stands there now, in the order of `outputs`.

    `before` is the fingerprint from the start; a path that is not in it was absent. A file that holds the text already
    is left alone, so a second delivery is harmless. Raises OutputConflict before the first file is touched where one
    is neither as it was nor as it shall be, or cannot be written. A file keeps its mode.
    """
    planned = _plan(root, outputs, before)
    new = [output for output in planned if output.found != _digest(output.content)]
    try:
        for output in new:
            with _refusing(output.path):
                _stage(output)
        for output in new:
            with _refusing(output.path):
                _put(output)
    finally:
        for output in new:
            with suppress(OSError):  # most of them have got their names
                output.part.unlink()
    return tuple(OutputFile(output.path, _digest(output.content)) for output in planned)


class _InTheWay(Exception):
    """Something at a path keeps a file from being written there. The words go behind the path."""


@contextmanager
def _refusing(path: str) -> Generator[None]:
    """Turn an OSError that leaves the block into the refusal of that path."""
    try:
        yield
    except OSError as error:
        raise OutputConflict({path: f"cannot be written ({error.strerror or error})"}) from error


def _plan(root: Path, outputs: Mapping[str, str], before: Mapping[str, str | None]) -> list[_Planned]:
    """Decide for all outputs before any is written. Raises OutputConflict with all that stands in their way."""
    planned: list[_Planned] = []
    reasons: dict[str, str] = {}
    for path, text in outputs.items():
        try:
            place = confined(root, path)
            output = _Planned(path, place, file_bytes(text), _digest_at(place))
            _check(output, before.get(path), planned)
            planned.append(output)
        except OutsideProject as error:
            reasons[path] = error.why
        except _InTheWay as error:
            reasons[path] = str(error)
    if reasons:
        raise OutputConflict(reasons)
    return planned


def _check(output: _Planned, before: str | None, others: list[_Planned]) -> None:
    for other in others:
        if output.place == other.place:
            raise _InTheWay(f"is the same file as {other.path!r}")
        if output.place in other.place.parents or other.place in output.place.parents:
            raise _InTheWay(f"cannot stand beside {other.path!r}: one would have to be a folder")
    if output.found not in (before, _digest(output.content)):
        raise _InTheWay(
            "was changed since the work began" if before and output.found else _came_or_went(output.found is not None)
        )


def _came_or_went(there: bool) -> str:
    return "was made by somebody else since the work began" if there else "was removed since the work began"


def _digest_at(place: Path) -> str | None:
    """Return the digest of the file at `place`, None where there is none and one can be made."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # else a pipe would wait for its writer
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise _InTheWay("lies below a file that is no folder") from None
    except OSError as error:
        raise _InTheWay(f"cannot be read ({error.strerror})") from error
    try:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            raise _InTheWay("is a folder" if stat.S_ISDIR(kind) else "is no ordinary file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return _encoded(hashlib.file_digest(file, "sha256").digest())
    finally:
        os.close(handle)


def _digest(content: bytes) -> str:
    return _encoded(hashlib.sha256(content).digest())


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _stage(output: _Planned) -> None:
    """Write the content to a file beside its place; it is on the disk when this returns."""
    output.part.parent.mkdir(parents=True, exist_ok=True)
    output.part.unlink(missing_ok=True)
    handle = os.open(output.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "wb") as file:
        if output.found is not None:
            os.fchmod(handle, stat.S_IMODE(output.place.stat().st_mode) & 0o777)
        file.write(output.content)
        file.flush()
        os.fsync(handle)


def _put(output: _Planned) -> None:
    """Give the staged file its name, durably."""
    output.part.replace(output.place)
    folder = os.open(output.place.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
