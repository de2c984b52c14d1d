"""A text made short by its form, in so many tokens and never more: the one door to what this package knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from swarm.compress.code import short_code
from swarm.compress.conversation import Brief, short_conversation
from swarm.compress.diffs import short_diff
from swarm.compress.form import Form, form_of
from swarm.compress.logs import fold
from swarm.compress.passages import selection
from swarm.compress.records import short_json, short_table
from swarm.compress.repeats import once, settled
from swarm.compress.room import Count, Shortened, line_starts, lines_at
from swarm.compress.rows import pack

if TYPE_CHECKING:
    from swarm.compress.lingua import Reader
    from swarm.text.embed import Embedder

_AROUND = 100  # characters on each side of what is kept, of its line
_BEGINNING = re.compile(r"(?<=[.!?:])\s|\n")  # behind it, of a message
_NOTE_SHARE = 3  # the note has at most a third of the room
_USUAL_SAID = "1,000 of 10,000 sentences"
_TRIES = 4

Make = Callable[[int], Shortened]
"""What makes a text short, given the room."""


class Compressed(msgspec.Struct, frozen=True, kw_only=True):
    """A text in fewer tokens, and what was done to it."""

    text: str
    form: Form
    kept: tuple[
        int, ...
    ]  # numbers of the lines, from 1, of which something is shown; none where lines say nothing, as in JSON
    said: str  # what of it is shown, as "12 of 80 sentences"; "" where all is
    reversible: bool  # it is the text itself, or JSON that `swarm.compress.rows.unpack` gives back
    missing: tuple[str, ...]  # of what was to be kept, what stands in the text and did not fit
    tokens_before: int
    tokens_after: int
    words: bool = False  # of the sentences that it shows words are left out


def compress(
    text: str,
    *,
    limit: int,
    count: Count,
    sought: str = "",
    form: Form | None = None,
    keep: Sequence[str] = (),
    embedder: Embedder | None = None,
    handle: str = "",
    reader: Reader | None = None,
) -> Compressed:
    """Return a text in `limit` tokens at the most, as `count` counts them; one that fits comes back as it is.

    `sought` is what the reader wants to know, `keep` what must still stand in it. A line at its end says what is shown of it and
    names the `handle` by which the whole can be had; it is left out where it would take more than a third of the room. With a
    `reader` more sentences of prose are shown, and words of them left out. What comes back depends on the arguments alone.
    Raises EmbedderBroken, and LinguaUnusable where the reader does.
    """
    before = count(text)
    form = form or form_of(text)
    lines = tuple(range(1, text.count("\n") + 2))
    if before <= limit:
        return _compressed(Shortened(text, lines, ""), form, text, keep, before, before)
    if form in ("json", "conversation") and (packed := pack(text)):
        whole = packed.text()
        if (size := count(whole)) <= limit and not _missing(text, whole, keep):
            return _compressed(Shortened(whole, (), ""), form, text, keep, before, size)
    make = _maker(text, form, sought, keep, embedder, count, reader if form == "prose" else None)
    short = _noted(lambda room: _with_kept(make, text, keep, room, count), limit, handle, count)
    return _compressed(short, form, text, keep, before, count(short.text))


def _compressed(short: Shortened, form: Form, text: str, keep: Sequence[str], before: int, after: int) -> Compressed:
    return Compressed(
        text=short.text,
        form=form,
        kept=short.kept,
        said=short.said,
        reversible=not short.said,
        missing=_missing(text, short.text, keep),
        tokens_before=before,
        tokens_after=after,
        words=short.words,
    )


def _missing(text: str, short: str, keep: Sequence[str]) -> tuple[str, ...]:
    return tuple(item for item in dict.fromkeys(keep) if item in text and item not in short)


def _maker(
    text: str,
    form: Form,
    sought: str,
    keep: Sequence[str],
    embedder: Embedder | None,
    count: Count,
    reader: Reader | None,
) -> Make:
    """Return what makes this text short; what of it is the same for every room is done once, and not before it is asked for."""
    plain = settled(text) if form in ("log", "prose", "markdown", "code", "conversation") else text
    lines = once(plain) if form in ("prose", "markdown", "code") else []
    told = "\n".join(line.text for line in lines) if lines else plain
    numbers = [line.number for line in lines]
    passages: list[Make] = []

    def sentences(room: int) -> Shortened:
        if not passages:
            whole = selection(told, count=count, sought=sought, keep=keep, embedder=embedder)
            passages.append(_finer(whole, reader, count, sought, keep) if reader is not None else whole)
        return passages[0](room)

    def make(room: int) -> Shortened:
        if told != text and count(told) <= room:
            shown = sum(line.number > 0 for line in lines) if lines else told.count("\n") + 1
            every = tuple(range(1, len(lines or told.split("\n")) + 1))
            short = Shortened(told, every, f"{shown:,} of {text.count(chr(10)) + 1:,} lines, without repetitions")
        else:
            short = _by_form(told, form, room, sought, count) or sentences(room)
        kept = [numbers[line - 1] for line in short.kept] if numbers else short.kept
        return short._replace(kept=tuple(line for line in kept if line))

    return make


def _finer(select: Make, reader: Reader, count: Count, sought: str, keep: Sequence[str]) -> Make:
    from swarm.compress.lingua import coarse_to_fine  # where a model is named

    return coarse_to_fine(select, reader, count=count, sought=sought, keep=keep)


def _by_form(text: str, form: Form, room: int, sought: str, count: Count) -> Shortened | None:
    """The text as its form has it; None where that is sentences, or nothing of the form is found in it."""
    match form:
        case "log":
            return fold(text, limit=room, count=count, sought=sought)
        case "json":
            return short_json(text, limit=room, count=count, sought=sought)
        case "code":
            return short_code(text, limit=room, count=count, sought=sought)
        case "diff":
            return short_diff(text, limit=room, count=count, sought=sought)
        case "table":
            return short_table(text, limit=room, count=count, sought=sought)
        case "conversation":
            return short_conversation(text, limit=room, count=count, brief=_brief(sought, count), sought=sought)
        case "markdown" | "prose":
            return None


def _brief(sought: str, count: Count) -> Brief:
    """What makes one message short, by its own form; how it begins says what the rest is for."""

    def brief(said: str, room: int) -> Shortened:
        form = form_of(said)
        own: Form = "prose" if form == "conversation" else form
        begins = [_BEGINNING.split(said.strip(), 1)[0][:_AROUND]] if own in ("prose", "markdown") else []
        short = compress(said, limit=room, count=count, sought=sought, form=own, keep=begins)
        return Shortened(short.text, short.kept, short.said)

    return brief


def _with_kept(make: Make, text: str, keep: Sequence[str], room: int, count: Count) -> Shortened:
    """The text made short with what is to be kept: what the form has left out stands behind it, with a part of its line."""
    short = make(room)
    places = dict.fromkeys(_around(text, item) for item in _missing(text, short.text, keep))
    for _ in range(_TRIES):
        behind = "\n".join(text[start:end] for start, end in places)
        if not places:
            break
        needed = count(f"\n{behind}")
        candidate = make(room - needed) if needed < room else Shortened("", (), short.said)
        joined = f"{candidate.text}\n{behind}" if candidate.text else behind
        if count(joined) <= room and len(_missing(text, joined, keep)) < len(_missing(text, short.text, keep)):
            kept = {*candidate.kept, *lines_at(line_starts(text), places)}
            return Shortened(joined, tuple(sorted(kept)), candidate.said, candidate.words)
        places = dict.fromkeys(list(places)[: len(places) // 2])
    return short


def _around(text: str, item: str) -> tuple[int, int]:
    """The line in which something stands first, or a part of it where that is long."""
    at = text.find(item)
    start = max(text.rfind("\n", 0, at) + 1, at - _AROUND)
    end = text.find("\n", at + len(item))
    return start, min(len(text) if end < 0 else end, at + len(item) + _AROUND)


def _noted(make: Make, limit: int, handle: str, count: Count) -> Shortened:
    """The text made short, and behind it the line that says what it is, where there is room for that."""
    room = limit - count(f"\n{_note(_USUAL_SAID, handle)}")
    for _ in range(_TRIES):
        if (limit - room) * _NOTE_SHARE > limit:
            break
        short = make(room)
        text = f"{short.text}\n{_note(short.said, handle)}" if short.text else ""
        over = count(text) - limit
        if text and over <= 0:
            return short._replace(text=text)
        room -= max(1, over)
    return make(limit)


def _note(said: str, handle: str) -> str:
    return f"[{said}; all: {handle}]" if handle else f"[{said}]"
