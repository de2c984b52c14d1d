"""The library: which skills there are and may be used, their texts when they are asked for, and never more of them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from shlex import quote

import msgspec

from skills.discovery import search
from skills.files import File, Refused, files_of
from skills.levels import Brief, Level, Offer, Part, choose_levels, listed_files, outlined, told
from skills.lock import Lock, SkillChanged, SkillError, Trusted, head_changed, read_trusted, require_unchanged
from skills.matching import Catalogue, Explore, Match, Matches, Rank, match
from skills.skill import FILE, Finding, Place, Skill

MOST_BODY_BYTES, MOST_RESOURCE_BYTES = 512 * 1024, 4_000_000
"""Of a SKILL.md, and of another file of a skill, that is read at all."""

NOT_TRUSTED, CHANGED = "not trusted", "changed since it was trusted"
"""How the state begins of a skill that waits for a person."""


class UnknownSkill(SkillError):
    """There is no such skill, or it may not be used: `state` says why not, `near` is what was perhaps meant."""

    def __init__(self, name: str, known: Sequence[str], state: str = "") -> None:
        found = [] if state else get_close_matches(name, known, n=1)
        self.name, self.near, self.state = name, found[0] if found else "", state
        guess = f"did you mean {self.near!r}?" if found else "`swarm skills list` lists those that there are"
        if state:
            said = f"the skill {name!r} is not used: {state}; look at it and say `swarm skills trust {quote(name)}`"
        else:
            said = f"there is no skill {name[:80]!r}; {guess}"
        super().__init__(said)


class Found(msgspec.Struct, frozen=True):
    """A skill that is here; `state` says why it is not used, and is empty where it is."""

    skill: Skill
    state: str = ""


class Library:
    """Skills by their names, as they were when the library was opened. Every text is read when it is asked for.

    What lies in a project is read only as a person trusted it: its front matter was compared at the opening, and before a text
    of it is given out all of its files are. Nothing else is kept of a file, so that a change is seen at the next use.
    """

    def __init__(self, found: Sequence[Found], warnings: Sequence[Finding], lock: Lock) -> None:
        self.found, self.warnings, self._lock = tuple(found), tuple(warnings), lock
        self.skills = tuple(each.skill for each in found if not each.state)
        self._by_name = {skill.name: skill for skill in self.skills}

    @cached_property
    def catalogue(self) -> Catalogue:
        """The skills that may be used as they are searched."""
        return Catalogue(self.skills)

    def get(self, name: str) -> Skill:
        """The skill of that name that may be used. Raises UnknownSkill."""
        if name in self._by_name:
            return self._by_name[name]
        states = {each.skill.name: each.state for each in reversed(self.found)}
        raise UnknownSkill(name, list(self._by_name), states.get(name, ""))

    def match(
        self, query: str, *, rank: Rank, tags: Sequence[str] = (), most: int = 10, explore: Explore | None = None
    ) -> Matches:
        """The skills that have to do with a text and tags, the best first. Reads no file."""
        return match(query, tags, self.catalogue, rank, most=most, explore=explore)

    def named(self, names: Sequence[str]) -> Matches:
        """These skills, whatever they have to do with a task, and no others. Raises UnknownSkill."""
        found = {name: Match(skill=self.get(name), score=0.0, fits=True, named=True) for name in names}
        return Matches(tuple(found.values()), (), len(found))

    def brief(self, matches: Matches, *, tokens: int, count: Callable[[str], int], top: Level = "resources") -> Brief:
        """As much of each match as `tokens` hold: the texts of those that fit the task, of the others the catalogue line.

        A skill whose files changed since they were trusted is left out, and the brief says so.
        """
        texts: dict[str, Mapping[Level, str]] = {}
        refused: list[str] = []
        for each in matches.shown:
            try:
                texts[each.skill.name] = self.texts(each.skill) if each.fits else told(each.skill)
            except SkillError as error:
                refused.append(str(error))
        offers = [
            Offer(each.skill.name, {level: count(text) for level, text in texts[each.skill.name].items()}, top)
            for each in matches.shown
            if each.skill.name in texts
        ]
        chosen = choose_levels(offers, tokens)
        parts = tuple(
            Part(self._by_name[name], level, texts[name][level], cost) for name, (level, cost) in chosen.items()
        )
        left_out = [offer.name for offer in offers if offer.name not in chosen]
        return Brief(parts, (*left_out, *matches.left_out), tuple(refused))

    def texts(self, skill: Skill) -> Mapping[Level, str]:
        """What there is to tell of a skill at each level. Raises SkillError."""
        body = self.body(skill)
        known = told(skill)
        whole = f"# Skill: {skill.name}\n\n{body}"
        return {
            **known,
            "outline": outlined(known["line"], body),
            "body": whole,
            "resources": whole + listed_files(self.resources(skill)),
        }

    def body(self, skill: Skill) -> str:
        """The text below the front matter. Raises SkillError, for one of a project that changed SkillChanged."""
        raw = read_trusted(skill, self._lock_of(skill), FILE, MOST_BODY_BYTES)
        return raw[skill.head_bytes :].decode("utf-8", "replace").replace("\r\n", "\n").strip()

    def resources(self, skill: Skill) -> tuple[File, ...]:
        """The other files of a skill, but for those that it is measured by. Raises SkillError where there are too many."""
        return tuple(file for file in self.files(skill) if file.path != FILE and not is_hidden(file.path))

    def files(self, skill: Skill) -> tuple[File, ...]:
        """All files of a skill. Raises SkillError where there are too many."""
        try:
            return tuple(files_of(skill.path.parent))
        except Refused as error:
            raise SkillError(f"skill {skill.name!r}: {error}") from error

    def resource(self, skill: Skill, path: str) -> bytes:
        """The content of a file that `resources` names; no symlink is followed. Raises SkillError."""
        return read_trusted(skill, self._lock_of(skill), path, MOST_RESOURCE_BYTES)

    def changed(self, skill: Skill) -> SkillChanged | None:
        """What is no longer as it was trusted; None for a skill that needs no trust. Reads all of its files."""
        try:
            if (trusted := self._lock_of(skill)) is not None:
                require_unchanged(skill, trusted)
        except SkillChanged as error:
            return error
        return None

    def _lock_of(self, skill: Skill) -> Trusted | None:
        return _required(skill, self._lock)


def is_hidden(path: str) -> bool:
    """Whether a file of a skill is not for a model: in `evals` stand the answers by which it is measured."""
    return posixpath.normpath(path).partition("/")[0] == "evals"


def _required(skill: Skill, lock: Lock) -> Trusted | None:
    """What the files of the skill have to be; None where they need no trust. Raises UnknownSkill where nobody gave it."""
    if skill.origin != "project":
        return None
    if (trusted := lock.of(skill)) is None:
        raise UnknownSkill(skill.name, (), NOT_TRUSTED)
    return trusted


def open_library(places: Sequence[Place], lock: Lock) -> Library:
    """Read the catalogue lines of all skills in these places; of two with one name that of the first place holds.

    A skill of a project is used only where the lock has it as it is; it covers no other before that. Nothing is raised for what
    is wrong with a skill: it is left out, and is in the warnings.
    """
    found: list[Found] = []
    warnings: list[Finding] = []
    holding: dict[str, Skill] = {}
    for place in places:
        here = search(place)
        warnings += here.findings
        for read in here.reads:
            warnings += read.findings
            if read.skill is None:
                continue
            state = _trouble(read.skill, lock)
            if not state and (first := holding.setdefault(read.skill.name, read.skill)) is not read.skill:
                state = f"covered by {first.folder}"
                said = f"the skill {read.skill.name!r} is covered by that of {first.folder}"
                warnings.append(Finding(path=str(read.skill.path), message=said))
            found.append(Found(read.skill, state))
    return Library(found, warnings, lock)


def _trouble(skill: Skill, lock: Lock) -> str:
    if skill.origin != "project":
        return ""
    if (trusted := lock.of(skill)) is None:
        return NOT_TRUSTED
    return "" if head_changed(skill, trusted) is None else f"{CHANGED}: {FILE} was changed"
