"""An event as one line: what `swarm log` prints and the event pane draws."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import msgspec

from events.log import Entry, session_name
from events.types.any import AnyEvent
from events.types.base import TextRef, Unknown
from events.types.tree import FileChange
from tui.words import cut, usd

SHORT_DIGEST = 10  # characters of a digest: 60 bits, enough to tell the texts of a log apart
_LONGEST = 160  # characters of one value

# what says little on one line, or is counted instead
_LEFT_OUT = frozenset(
    {
        "captured",
        "scopes",
        "settings",
        "seed",
        "ordinal",
        "decisions",
        "price",
        "boot",
        "started",
        "valid_until",
        "tree",
    }
)


def id_of(entry: Entry) -> str:
    """What people type for the place of an event: s412/build/2, as far as it belongs to one; empty for none."""
    if not entry.session:
        return ""
    parts = [session_name(entry.session), entry.task, str(entry.step) if entry.step else ""]
    return "/".join(part for part in parts if part)


def essence(entry: Entry) -> str:
    """The fields of an event that matter, as name=value, on one line with nothing in it to act upon."""
    words = [f"attempt={entry.attempt}"] if entry.attempt else []
    words += [f"{name}={value}" for name, value in _fields(entry.event)]
    return "  ".join(words)


def texts_of(event: AnyEvent | Unknown) -> Iterator[tuple[str, TextRef]]:
    """The texts that an event refers to, each with the name of its field, in the order of the fields."""
    if isinstance(event, Unknown):
        return
    for name in event.__struct_fields__:
        yield from _texts(name, getattr(event, name))


def short(ref: TextRef) -> str:
    return ref.digest[:SHORT_DIGEST]


@cache
def _defaults(kind: type[AnyEvent]) -> dict[str, Any]:
    """The default of each field. Once for each kind: to have them, msgspec evaluates what is written of every field."""
    return {field.name: field.default for field in msgspec.structs.fields(kind)}


def _fields(event: AnyEvent | Unknown) -> Iterator[tuple[str, str]]:
    if isinstance(event, Unknown):
        yield "body", cut(event.raw.decode("utf-8", "replace"), _LONGEST)
        return
    defaults = _defaults(type(event))
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name in _LEFT_OUT or value == defaults[name]:
            continue
        if name.endswith("_nanos"):
            yield name.removesuffix("_nanos"), usd(value)
        elif written := _written(value):
            yield name, written


def _written(value: Any) -> str:
    match value:
        case TextRef():
            return short(value)
        case tuple():
            parts = cast("tuple[object, ...]", value)
            named = [part.path if isinstance(part, FileChange) else part for part in parts]
            words = [word for word in named if isinstance(word, str)]
            return cut(",".join(words), _LONGEST) if len(words) == len(parts) else str(len(parts))
        case float():
            return f"{value:.3g}"
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case _:
            text = str(value)
            return cut(f'"{text}"' if " " in text or not text else text, _LONGEST)


def _texts(name: str, value: Any) -> Iterator[tuple[str, TextRef]]:
    match value:
        case TextRef():
            yield name, value
        case msgspec.Struct():
            said = getattr(value, "speaker", "") or getattr(value, "name", "")
            for field in value.__struct_fields__:
                yield from _texts(f"{name}.{said}" if said else name, getattr(value, field))
        case tuple():
            for part in cast("tuple[object, ...]", value):
                yield from _texts(name, part)
        case _:
            pass
