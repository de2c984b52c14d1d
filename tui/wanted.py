"""Which events of a log are wanted, and how people say so behind `/`: in the words of `swarm log`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import msgspec

from events.log import Entry
from events.types.any import KINDS
from tui.words import cut

FIELDS = ("kind", "task", "since", "session")
FORMS = "kind:call.settled,tool  task:build  since:2h  session:s4  or an id such as s4/build/2"
_LONGEST = 200  # characters of a filter


class NotWanted(Exception):
    """What was typed says nothing; the message is for people, and tells what does."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for. No kinds are all kinds, no session all sessions."""

    session: int | None = None
    task: str = ""
    step: int = 0
    kinds: tuple[str, ...] = ()

    def fits(self, entry: Entry) -> bool:
        if (
            (self.session is not None and entry.session != self.session)
            or (self.task and entry.task != self.task)
            or (self.step and entry.step != self.step)
        ):
            return False
        return not self.kinds or any(entry.kind == kind or entry.kind.startswith(kind + ".") for kind in self.kinds)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed, word by word. Empty: nothing is said of it."""

    kinds: tuple[str, ...] = ()
    task: str = ""
    since: str = ""
    session: str = ""
    name: str = ""  # a session, a task or a step, as every command takes it


def read_said(text: str) -> Said:
    """Understand what was typed: `field:word`, or `--field word` as on the command line. Raises NotWanted."""
    if len(text) > _LONGEST:
        raise NotWanted(f"a filter has at most {_LONGEST} characters, and this one has {len(text):,}")
    said: dict[str, list[str]] = {}
    words = text.split()
    while words:
        word = words.pop(0)
        field, sign, value = _parted(word)
        if word.startswith("--") and not sign:
            value = words.pop(0) if words else ""
        if not value:
            raise NotWanted(f"nothing stands behind {cut(word, 40)}; write {FORMS}")
        said.setdefault(field, []).append(value)
    for field in ("task", "since", "session", "name"):
        if len(said.get(field, ())) > 1:
            named = ", ".join(cut(each, 40) for each in said[field])
            raise NotWanted(f"{named}: one {field if field != 'name' else 'id'} can be looked for at a time")
    one = {field: said[field][0] for field in ("task", "since", "session", "name") if field in said}
    return Said(kinds=kinds_of(said.get("kind", ())), **one)


def _parted(word: str) -> tuple[str, str, str]:
    """The field of a word, the sign behind it and what stands behind that; a word without a field is a name."""
    is_option = word.startswith("--")
    bare = word.removeprefix("--")
    at = min((found for found in (bare.find(":"), bare.find("=")) if found >= 0), default=-1)
    if at < 0 and not is_option:
        return "name", ":", word
    field = (bare if at < 0 else bare[:at]).lower()
    if field not in FIELDS:
        near = get_close_matches(field, FIELDS, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise NotWanted(f"there is no field {cut(field or word, 40)}; {guess}write {FORMS}")
    return (field, "", "") if at < 0 else (field, bare[at], bare[at + 1 :])


def kinds_of(given: Sequence[str]) -> tuple[str, ...]:
    """The kinds that are meant by words such as `call.settled,tool` or `call.*`.

    >>> kinds_of(["call.settled,tool", "task.*"])
    ('call.settled', 'tool', 'task')
    """
    kinds = (kind.strip().rstrip("*").rstrip(".") for word in given for kind in word.split(","))
    return tuple(kind for kind in kinds if kind)


def unknown_kinds(kinds: Sequence[str]) -> list[str]:
    """Of each kind that this program does not know a sentence. A newer program's kinds can stand in the log."""
    subjects = sorted({kind.partition(".")[0] for kind in KINDS})
    found: list[str] = []
    for kind in kinds:
        if kind not in KINDS and kind not in subjects:
            near = get_close_matches(kind, [*KINDS, *subjects], n=1)
            found.append(f"{cut(kind, 40)}: no such kind is known" + (f"; did you mean {near[0]}?" if near else ""))
    return found
