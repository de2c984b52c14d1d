"""Changes of a work copy brought to the user's tree, or back: all or none of them, and never over somebody else's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from events.types.tree import ABSENT, LARGE, LINK, PROGRAM, SECRET
from swarm.errors import SwarmError
from swarm.paths import OutsideProject, confined
from swarm.tools.tree import Change, Held, content_of, holds


class ChangesConflict(SwarmError):
    """Changes cannot go to the user's files. `reasons` says of each path why; none of them was touched."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        told = "; ".join(f"{path!r} {why}" for path, why in list(self.reasons.items())[:10])
        more = f"; and {len(self.reasons) - 10} more" if len(self.reasons) > 10 else ""
        super().__init__(
            f"no file was changed, because {told}{more}; `swarm show --diff` prints the changes, to be merged by hand; "
            "once the files are as they were, it can be tried again"
        )


class _Step(msgspec.Struct, frozen=True):
    path: str
    place: Path
    held: Held
    content: bytes | None  # None: nothing is to stand there
    part: Path


def reverse(changes: Sequence[Change]) -> list[Change]:
    """What leads back."""
    return [Change(change.path, change.after, change.before) for change in changes]


def apply(
    root: Path,
    changes: Sequence[Change],
    *,
    key: bytes,
    content: Callable[[Change], bytes | None] = lambda _: None,
) -> bool:
    """Bring the files below `root` from `before` to `after`; a file that is there already is left alone.

    Returns whether there was anything to do.

    `key` makes the digests of contents with secrets, `content` gives the bytes of one that is not kept, None where nobody has
    them. Raises ChangesConflict before the first file is touched where one is neither as it was nor as it shall
    be, lies outside of the project, or cannot be written.
    """
    steps = _plan(root, changes, key, content)
    try:
        for step in steps:
            _refusing(step, _stage)
        for step in steps:
            _refusing(step, _put)
    finally:
        for step in steps:
            with suppress(OSError):
                step.part.unlink()
    return bool(steps)


def _plan(
    root: Path,
    changes: Sequence[Change],
    key: bytes,
    content: Callable[[Change], bytes | None],
) -> list[_Step]:
    steps: list[_Step] = []
    reasons: dict[str, str] = {}
    for change in changes:
        try:
            place = _place(root, change.path)
            there, as_before = holds(place, change.after, key), holds(place, change.before, key)
        except OutsideProject as error:
            reasons[change.path] = error.why
            continue
        except OSError as error:
            reasons[change.path] = f"cannot be read ({error.strerror or error})"
            continue
        if there:
            continue
        if not as_before:
            reasons[change.path] = "is not as it was when the work began"
            continue
        wanted = content(change) if change.after.form in (SECRET, LARGE) else _bytes(change.after)
        if wanted is None and change.after.kind != ABSENT:
            reasons[change.path] = "is not kept in the log: a secret is in it, or it is too large"
            continue
        # its name follows from the place, so that a later delivery clears up what a crash left
        mark = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:12]
        part = place.parent / f".swarm-{mark}.part"
        steps.append(_Step(change.path, place, change.after, wanted, part))
    if reasons:
        raise ChangesConflict(reasons)
    return steps


def _place(root: Path, path: str) -> Path:
    """Where a path lies: its folder with every symlink followed, it itself not, for it may be one."""
    above, _, name = path.rpartition("/")
    if name in ("", ".", ".."):
        raise OutsideProject(path, "is no file")
    if name.lower() == ".git":
        raise OutsideProject(path, "lies in git's own folder")
    return (confined(root, above) if above else root.resolve()) / name


def _bytes(held: Held) -> bytes | None:
    return None if held.kind == ABSENT else content_of(held)


def _refusing(step: _Step, act: Callable[[_Step], None]) -> None:
    try:
        act(step)
    except OSError as error:
        raise ChangesConflict({step.path: f"cannot be written ({error.strerror or error})"}) from error


def _stage(step: _Step) -> None:
    """Write what is to stand there beside its place; it is on the disk when this returns."""
    if step.content is None:
        return
    step.part.parent.mkdir(parents=True, exist_ok=True)
    step.part.unlink(missing_ok=True)
    if step.held.kind == LINK:
        step.part.symlink_to(os.fsdecode(step.content))
        return
    handle = os.open(step.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "wb") as file:
        mode = (step.place if step.place.is_file() else step.part).stat().st_mode & 0o666
        readers = (mode & 0o444) >> 2
        os.fchmod(handle, mode | (readers if step.held.kind == PROGRAM else 0))
        file.write(step.content)
        file.flush()
        os.fsync(handle)


def _put(step: _Step) -> None:
    if step.content is None:
        step.place.unlink(missing_ok=True)
    else:
        step.part.replace(step.place)
