"""What tools changed of a project: states of files, told as they were before and are now."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from events.types.base import Event, TextRef

ABSENT, FILE, PROGRAM, LINK = "", "file", "program", "link"
"""What may stand at a path: nothing, a file, one that can be executed, a symbolic link, whose content is where it points."""

PLAIN, BASE64, SECRET, LARGE = "", "base64", "secret", "large"
"""How a content is kept: as the text that it is, in base64; or not at all, for a secret in it or for its size."""


class FileState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What stands at a path."""

    kind: str = ABSENT
    digest: str = ""  # SHA-256 of the content, base64url without padding; with a key where the form is "secret"
    form: str = PLAIN
    content: TextRef | None = None  # None: it is not kept, or there is none


class FileChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A path of the project whose state is no longer the one that it had when the work copy was made."""

    path: str  # relative to the project's folder, surrogate escapes where it is not UTF-8
    before: FileState
    after: FileState


class ChangesApplied(Event, frozen=True, kw_only=True, tag="changes.applied"):
    """What tools changed for a task was taken over into the user's tree."""

    files: tuple[FileChange, ...]  # `before`: as they stood in the user's tree
    by: str = ""  # the person who did it; empty: the rule of the task


class ChangesUndone(Event, frozen=True, kw_only=True, tag="changes.undone"):
    """The user's tree has them as before again."""

    applied: int  # position of the changes.applied
    by: str


def same_content(one: FileState, other: FileState) -> bool:
    """Whether the same stands there, however it is kept."""
    return (one.kind, one.digest) == (other.kind, other.digest)


def changed_on(changes: Iterable[FileChange], more: Iterable[FileChange]) -> tuple[FileChange, ...]:
    """All changes after some more of them, sorted by path; what is again as it was is none."""
    found = {change.path: change for change in changes} | {change.path: change for change in more}
    return tuple(found[path] for path in sorted(found) if not same_content(found[path].before, found[path].after))
