"""What a person trusted: of each skill the digests of all of its files, as they were then.

The lock belongs to the user and lies with the user's settings, never in a project: a repository that brings skills along
could bring a lock along, too, and would have trusted itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from shlex import quote

import msgspec

from skills.files import Refused, digests_of, read_whole
from skills.skill import FILE, Skill

MOST_BYTES = 16 * 1024 * 1024
"""Of a lock."""

FORM = 1
_MOST_CHANGES = 5  # that a sentence names


class SkillError(Exception):
    """A skill cannot be used as it was asked for; the text says why, and what to do."""


class BrokenLock(SkillError):
    """The lock cannot be read: nothing is trusted by it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read ({why}); move it away and trust again with `swarm skills trust`")


class SkillChanged(SkillError):
    """The files of a skill are not those that a person trusted."""

    def __init__(self, skill: Skill, changes: tuple[str, ...]) -> None:
        self.skill, self.changes = skill, changes
        more = f" and {len(changes) - _MOST_CHANGES} more" if len(changes) > _MOST_CHANGES else ""
        self.said = ", ".join(changes[:_MOST_CHANGES]) + more
        super().__init__(
            f"the skill {skill.name!r} is not what was trusted: {self.said}; look at it and say "
            f"`swarm skills trust {quote(skill.folder)}`"
        )


class Trusted(msgspec.Struct, frozen=True):
    """One skill as it was trusted."""

    head: str  # SHA-256 of the front matter, which is all that the catalogue reads
    files: Mapping[str, str]  # by their paths


class Lock(msgspec.Struct, frozen=True):
    """What was trusted, by the folders of the skills."""

    skills: Mapping[str, Trusted] = {}
    form: int = FORM

    def of(self, skill: Skill) -> Trusted | None:
        return self.skills.get(skill.folder)

    def adding(self, entries: Mapping[str, Trusted]) -> Lock:
        """The lock with further entries; those of folders that are no longer there are dropped."""
        kept = {folder: entry for folder, entry in self.skills.items() if Path(folder).is_dir()}
        return Lock({**kept, **entries})

    def to_bytes(self) -> bytes:
        """The lock as it is stored: the same lock is the same text."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1) + b"\n"


def read_lock(path: Path) -> Lock:
    """Read the user's lock, which may not be there yet. Raises BrokenLock."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        lock = msgspec.json.decode(raw, type=Lock)
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise BrokenLock(path, (error.strerror or str(error)).lower()) from error
    except msgspec.DecodeError as error:
        raise BrokenLock(path, str(error)) from error
    if lock.form != FORM:
        raise BrokenLock(path, f"it has the form {lock.form}, and {FORM} is known here")
    return lock


def trusted_now(skill: Skill) -> Trusted:
    """What a lock has to hold so that the skill is trusted as its files are now. Raises SkillError."""
    try:
        return Trusted(skill.digest, digests_of(Path(skill.folder)))
    except Refused as error:
        raise SkillError(f"{error}; take out what the skill does not need") from error


def require_unchanged(skill: Skill, trusted: Trusted) -> None:
    """Raises SkillChanged where a file was changed, added or removed since the skill was trusted."""
    try:
        now = digests_of(Path(skill.folder))
    except Refused as error:
        raise SkillChanged(skill, (str(error),)) from error
    if changes := tuple(_changes(trusted.files, now)):
        raise SkillChanged(skill, changes)


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({*before, *now}):
        if path not in now:
            yield f"{path} was removed"
        elif path not in before:
            yield f"{path} was added"
        elif before[path] != now[path]:
            yield f"{path} was changed"


def read_trusted(skill: Skill, trusted: Trusted | None, path: str, most: int) -> bytes:
    """Read a file of a skill; where it is one of a project, only what was trusted: the bytes that are returned are those
    whose digest was compared. Raises SkillError.
    """
    if trusted is not None:
        require_unchanged(skill, trusted)
    try:
        raw = read_whole(Path(skill.folder), path, most)
    except Refused as error:
        raise SkillError(f"skill {skill.name!r}: {error}") from error
    if trusted is not None and trusted.files.get(path) != sha256(raw).hexdigest():
        raise SkillChanged(skill, (f"{path} was changed",))
    return raw


def head_changed(skill: Skill, trusted: Trusted) -> SkillChanged | None:
    """The error where the front matter, and so what the catalogue would tell, is not what was trusted."""
    return None if skill.digest == trusted.head else SkillChanged(skill, (f"{FILE} was changed",))
