"""What is put in the place of a text that does not leave the house: a token by a key, the same for the same text."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

import msgspec

from events.scopes import LOG, day_and_zone, session_of
from events.types.base import TextRef
from events.types.schedule import SCHEDULES
from events.types.upkeep import ARCHIVE, UPKEEP
from swarm.export.fields import SENTENCES, What, what_is
from swarm.export.vocabulary import keys, vocabulary
from swarm.task import is_item_id

S = TypeVar("S", bound=msgspec.Struct)

LETTERS = 12
"""Of a token behind its x, 5 bits each."""

NO_ZONE = "local"
"""In the scope of a day, where settings name no time zone."""

DAY_US = 86_400_000_000
_PURPOSE = b"swarm share 1"
_TOPICS = frozenset(
    {"sessions", "ledger", "trust", "trails", "answers", "stages", "approvals", SCHEDULES, UPKEEP, ARCHIVE}
)
_OF_SESSIONS = re.compile(r"(claim/|control/)?s[0-9]{1,15}")
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}((a|b|rc|\.dev|\.post)[0-9]{1,4})?")
_CRON = re.compile(r"@[a-z]{1,8}|([0-9A-Za-z*,/#-]{1,20} ){4}[0-9A-Za-z*,/#-]{1,20}")
_BRANCH = re.compile(r"([a-z-]{1,40}):([0-9]{1,9})")
_FREE = frozenset({"items", "schema", "value", "vars", "values", "env"})
"""Keys of a task or a plan below which a person writes what they like: numbers, too."""


class Mask:
    """Replaces what texts say. The same key gives the same tokens, whichever sessions are shared."""

    def __init__(self, key: bytes, *, shift_days: int = 0) -> None:
        self._key = hmac.digest(key, _PURPOSE, "sha256")
        self._shift = shift_days
        self._words = vocabulary()
        self._by: dict[What, Callable[[str], str]] = {
            What.WORD: self.word,
            What.TASK: self.task,
            What.ARM: self.arm,
            What.SCOPE: self.scope,
            What.CONTEXT: self.context,
            What.BRANCH: self.branch,
            What.VERSION: self.version,
            What.CRON: self.cron,
            What.ZONE: _zone,
        }

    def token(self, text: str) -> str:
        """A word that stands for a text; nothing stands for no text. It can be the id of a task."""
        if not text:
            return ""
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return "x" + base64.b32encode(digest)[:LETTERS].decode().lower()

    def length(self, text: str) -> str:
        """The token with the length class of the text: below which power of four its characters are."""
        return f"{self.token(text)} (<{4 ** ((len(text).bit_length() + 1) // 2)})" if text else ""

    def id(self, id_: bytes, at: int) -> bytes:
        """A UUIDv7 in the place of another one: of the moment that is told, and with no bit of its own."""
        bits = int.from_bytes(hmac.digest(self._key, id_, hashlib.sha256)[:10], "big")
        marked = bits & ~(0xF << 76 | 0b11 << 62) | 0x7 << 76 | 0b10 << 62
        return ((at // 1000) << 80 | marked).to_bytes(16, "big")

    def moment(self, at: int) -> int:
        return at + self._shift * DAY_US if at else 0

    def word(self, text: str) -> str:
        return text if text in self._words else self.token(text)

    def task(self, text: str) -> str:
        if is_item_id(text):
            name, _, number = text.rpartition(".")
            return f"{self.token(name)}.{number}"
        return self.token(text)

    def arm(self, text: str) -> str:
        return "@".join(self.word(part) for part in text.split("@", 1))

    def context(self, text: str) -> str:
        return "/".join(self.word(part) for part in text.split("/"))

    def branch(self, text: str) -> str:
        found = _BRANCH.fullmatch(text)
        return f"{self.word(found[1])}:{found[2]}" if found else self.token(text)

    def version(self, text: str) -> str:
        return text if _VERSION.fullmatch(text) else self.token(text)

    def cron(self, text: str) -> str:
        return text if _CRON.fullmatch(text) else self.token(text)

    def scope(self, text: str) -> str:
        """A scope part by part: a day stays (and tells no place), a session keeps its number, what has a name gets another."""
        if text in ("", LOG):
            return text
        if session_of(text):
            session, *parts = text.split("/")
            return "/".join([session, *map(self.task, parts[:1]), *map(self._below, parts[1:])])
        kind, _, name = text.partition(":")
        if (day := day_and_zone(text)) is not None:
            return f"{kind}:{self._day(day[0])}@{_zone(day[1])}"
        if kind == "month":
            return f"{kind}:{self._day(name[:7] + '-15')[:7]}@{_zone(name.partition('@')[2])}"
        return f"{kind}:{self.token(name)}" if kind in ("project", "schedule") else self.token(text)

    def _below(self, part: str) -> str:
        return part if part.isdecimal() and len(part) < 4 else self.branch(part) if ":" in part else self.word(part)

    def _day(self, day: str) -> str:
        from datetime import date, timedelta

        try:
            return (date.fromisoformat(day) + timedelta(days=self._shift)).isoformat()
        except (ValueError, OverflowError):
            return self.token(day)

    def topic(self, text: str) -> str:
        if text in _TOPICS or _OF_SESSIONS.fullmatch(text):
            return text
        kind, slash, rest = text.partition("/")
        return f"{kind}/{self.token(rest)}" if kind in ("cooldown", "schedule") and slash else self.token(text)

    def string(self, struct: str, field: str, text: str) -> str:
        what = what_is(struct, field, str)
        if field in SENTENCES and text in self._words:
            return text
        return self._by.get(what or What.TEXT, self.token)(text)

    def json(self, text: str) -> str:
        """A plan or a task as JSON with its numbers and its own words, and nothing else; a token where it is no JSON."""
        try:
            return msgspec.json.encode(self._plain(msgspec.json.decode(text))).decode()
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self.length(text)

    def _plain(self, value: Any, key: str = "") -> Any:
        if isinstance(value, bool) or value is None:
            return value
        if key in _FREE:
            return self._freely(value)
        match value:
            case str():
                return "UTC" if key == "time_zone" and value else self._said(key, value)
            case dict():
                table = cast("dict[str, Any]", value)
                return {self._key_of(name): self._plain(each, name) for name, each in table.items()}
            case list():
                listed = cast("Sequence[Any]", value)
                return [self._plain(each, key) for each in listed]
            case _:
                return value if key in keys() else 0  # under a name of a person's own

    def _key_of(self, name: str) -> str:
        return name if name in keys() else self.word(name)

    def _said(self, key: str, text: str) -> str:
        if key in ("id", "needs", "from_task"):
            return self.task(text)
        if key == "schedule":
            return self.token(text)
        return self.word(text)

    def _freely(self, value: Any) -> Any:
        """What a person may write in any form: a list keeps its length, a table its size."""
        match value:
            case list():
                listed = cast("Sequence[Any]", value)
                return [self._whole(each) for each in listed]
            case dict():
                table = cast("dict[str, Any]", value)
                return {self.token(name): self._whole(each) for name, each in table.items()}
            case _:
                return self._whole(value)

    def _whole(self, value: Any) -> str:
        return self.token(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _zone(name: str) -> str:
    return name if name == NO_ZONE else "UTC"


class Places(Protocol):
    """How positions of a log are those of another, and its texts: given by who writes that."""

    def position(self, position: int) -> int:
        """Where an event stands there; 0 where it does not."""
        ...

    def up_to(self, position: int) -> int:
        """Where the last event stands there that stood no further than this."""
        ...

    def text(self, field: str, ref: TextRef) -> TextRef: ...


def masked(value: S, mask: Mask, places: Places) -> S:
    """The same event, with every string, number and text of it as it may be told."""
    return _Walk(mask, places).struct(value)


class _Walk:
    def __init__(self, mask: Mask, places: Places) -> None:
        self._mask, self._places = mask, places

    def struct(self, value: S) -> S:
        kind = type(value)
        return kind(
            **{field: self._of(kind.__name__, field, getattr(value, field)) for field in kind.__struct_fields__}
        )

    def _of(self, struct: str, field: str, value: Any) -> Any:
        match value:
            case None | bool() | float():
                return value
            case str():
                return self._mask.string(struct, field, value)
            case int():
                return self._number(what_is(struct, field, int), value)
            case TextRef():
                return self._places.text(field, value)
            case tuple():
                several = cast("Sequence[Any]", value)
                return tuple(self._of(struct, field, each) for each in several)
            case msgspec.Struct():
                return self.struct(value)
            case _:
                raise TypeError(
                    f"{struct}.{field} holds a {type(value).__name__}, of which nobody has said what it tells"
                )

    def _number(self, what: What | None, value: int) -> int:
        match what:
            case What.POSITION:
                return self._places.position(value) if value else 0
            case What.UPTO:
                return self._places.up_to(value)
            case What.MOMENT:
                return self._mask.moment(value)
            case What.NUMBER:
                return value
            case _:
                return 0
