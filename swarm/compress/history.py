"""Conversations with tools made shorter: what older turns brought, with a handle to all of it. Pure.

What is wanted stays as it is: the messages before the first answer. So do the newest turns, and of each older one what the model
did. The rest is made short by one of two strategies; a third, a summary that a model writes, takes the place of the second.
Depends on the conversation alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from swarm.compress import cues
from swarm.compress.compress import compress
from swarm.compress.guards import specifics
from swarm.compress.importance import Said, levels
from swarm.compress.room import Count
from swarm.messages import Message, ToolCall

WHOLE_TURNS = 1
"""The newest, whose results the model has not answered to."""

PENDING = 3
"""Files that were read and not changed since: so many may be about to be edited, where files can be."""

EDITED = 0.25
"""Of a file that was read, and edited in the newest turn: what is about the edit, as another one may follow."""

LEAST = 24
"""Tokens of an old result that stay beside the mark: a line or two that fit."""

SHORT = 60
"""Up to so many a result stays as it is: the mark has a third of them."""

CHANGING = frozenset({"write", "edit", "patch"})

STAYS = frozenset({"ask_human", "read_skill", "find_tool"})
"""Tools whose results are to be gone by: a person's word, a skill, how a tool is used."""

BEGIN, END = "[What I did and found before, shortened:]", "[From here on all of it.]"

REPEATS = "[unchanged: to the letter what "
"""With this a result begins that says no more than where it stands above."""

_BEGINNING = 60  # characters by which that is known
_DIGEST_LEAST, _NOTE_MOST = 120, 160  # tokens of a digest; of what the model said in one turn
_ARGUMENTS = 120  # characters of a call that a digest names
_SUMMARISED = 400  # tokens of a result that who writes a summary is told
_QUOTED = "  | "  # stands before what a tool said, so that it is never taken for the model's own words
_NO_CALL = ToolCall("", "", "{}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class Past(msgspec.Struct, frozen=True):
    """What earlier compactions left of a conversation."""

    short: tuple[int, ...] = ()  # numbers of the messages that they made short
    uses: int = 0  # of tools, whose results have no message any more
    told: int = 0  # characters of the digest with which the first answer begins


class Talk(NamedTuple):
    """A conversation, and what is to be known of it."""

    messages: Sequence[Message]
    sought: str = ""  # what it is about
    edits: bool = False  # files can be changed in it
    handles: bool = True  # the model has the tool that gives outputs by their handles
    past: Past = Past()


class Compacted(NamedTuple):
    """A conversation that is shorter. `before` and `after` are tokens of what became another."""

    messages: tuple[Message, ...]
    past: Past
    before: int
    after: int
    rewritten: int  # tokens of what was sent before and stands behind the first change
    form: str = ""


class Use(NamedTuple):
    """A use of a tool in a conversation."""

    place: int  # of the message with its result
    handle: int
    tool: str
    arguments: Mapping[str, Any]
    then: str  # what the model said when it knew the result

    @property
    def path(self) -> str:
        path = self.arguments.get("path")
        return path if isinstance(path, str) else ""

    @property
    def words(self) -> list[str]:
        return [each for each in self.arguments.values() if isinstance(each, str)]

    def changes(self, path: str) -> bool:
        """Whether it may have changed a file."""
        return self.tool in CHANGING and (self.path == path or path in str(self.arguments.get("diff", "")))


def results(talk: Talk, keep: float, count: Count) -> Compacted | None:
    """Make the results of older turns short: each to that share, or to one line where it stands again below or is of the past.

    With a share of 1 only what stands again below goes. None where nothing becomes shorter.
    """
    new = list(talk.messages)
    first, end = len(new), _whole_from(new)
    before = after = 0
    changed: list[int] = []
    uses = list(uses_in(talk))
    for number, use in enumerate(uses):
        text = new[use.place].text
        if use.place >= end or use.place in talk.past.short:
            continue
        short = _short(use, text, uses[number + 1 :], talk, keep, count)
        was, now = count(text), count(short)
        if now >= was:
            continue
        new[use.place] = msgspec.structs.replace(new[use.place], text=short)
        first, before, after = min(first, use.place), before + was, after + now
        changed.append(use.place)
    if not changed:
        return None
    past = msgspec.structs.replace(talk.past, short=tuple(sorted((*talk.past.short, *changed))))
    return Compacted(tuple(new), past, before, after, _tokens(new[first:end], count), "results")


def digest(talk: Talk, keep: float, count: Count, summary: str = "") -> Compacted | None:
    """Put older turns into words before the first turn that stays: what the model said, did and found.

    It has the share of their tokens at the most, or as many as what the model said that matters. A `summary` takes its place. What
    an earlier one said stays as it is, before it. None where nothing becomes shorter.
    """
    messages, past = talk.messages, talk.past
    start, end = _head(messages), _whole_from(messages)
    if end <= start or end >= len(messages):
        return None
    old = messages[start:end]
    earlier = old[0].text[: past.told]
    before = _tokens(old, count) - count(earlier)
    said = summary or _digest(talk, int(before * keep), count)
    text = f"{earlier.removesuffix(END).rstrip() or BEGIN}\n{said}\n{END}"
    whole = messages[end]
    joined = msgspec.structs.replace(whole, text=f"{text}\n\n{whole.text}".rstrip())
    after = count(text) - count(earlier)
    if after >= before:
        return None
    left = Past((), past.uses + sum(each.speaker == "tool" for each in old), len(text))
    new = (*messages[:start], joined, *messages[end + 1 :])
    return Compacted(new, left, before, after, count(text), "digest")


def to_summarise(talk: Talk, count: Count) -> str:
    """The older turns as a text for whoever writes the summary."""
    told: list[str] = []
    for message in _old(talk):
        text, calls = message.text, "".join(f"\n[used {call.name} {call.arguments}]" for call in message.calls)
        if message.speaker == "tool" and count(text) > _SUMMARISED:
            text = compress(text, limit=_SUMMARISED, count=count, sought=talk.sought).text
        told.append(f"{message.speaker}: {text}{calls}")
    return "\n".join(told)


def lost(talk: Talk, summary: str) -> tuple[str, ...]:
    """What of the model's own words in older turns a summary does not keep: numbers, names, paths, what is quoted or open."""
    own = [each for each in _old(talk) if each.speaker == "assistant"]
    said = "\n".join(each.text for each in own)
    end = _whole_from(talk.messages)
    items = [*specifics(said), *(use.path for use in uses_in(talk) if use.place < end)]
    sentences = [each.strip() for each in _SENTENCE_END.split(said) if cues.OPEN.sign.search(each)]
    gone = [item for item in dict.fromkeys(items) if item and item not in summary]
    return (*gone, *(each for each in sentences if not _is_told(each, summary)))


def _is_told(sentence: str, summary: str) -> bool:
    """Whether most words of a sentence that say something stand in a text."""
    words, there = cues.content(sentence), set(cues.content(summary))
    return 2 * sum(word in there for word in words) >= len(words)


def keeps(talk: Talk, summary: str) -> bool:
    """Whether a summary may stand for the older turns: nothing of what must not be lost is."""
    return bool(summary.strip()) and not lost(talk, summary)


def uses_in(talk: Talk) -> Iterator[Use]:
    """The uses of tools whose results stand in the conversation, with what the model said next."""
    calls: dict[str, ToolCall] = {}
    handle = talk.past.uses
    for place, message in enumerate(talk.messages):
        calls.update({call.id: call for call in message.calls})
        if message.speaker != "tool":
            continue
        handle += 1
        then = next((each.text for each in talk.messages[place + 1 :] if each.speaker == "assistant"), "")
        name, arguments = _meant(calls.get(message.answers, _NO_CALL))
        yield Use(place, handle, name, arguments, then)


def _meant(call: ToolCall) -> tuple[str, Mapping[str, Any]]:
    """The tool and its arguments, also where it is used through another."""
    arguments = _object(call.arguments)
    inner = arguments.get("arguments")
    if call.name == "use_tool" and isinstance(name := arguments.get("name"), str):
        return name, _object(inner if isinstance(inner, str) else msgspec.json.encode(inner).decode())
    return call.name, arguments


def _object(text: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _head(messages: Sequence[Message]) -> int:
    """Where the model answers first: what stands before is what is wanted."""
    return next((at for at, each in enumerate(messages) if each.speaker == "assistant"), len(messages))


def _whole_from(messages: Sequence[Message]) -> int:
    """Where the newest turns begin, which stay whole."""
    answers = [at for at, each in enumerate(messages) if each.speaker == "assistant"]
    return answers[-WHOLE_TURNS] if len(answers) >= WHOLE_TURNS else len(messages)


def _tokens(messages: Sequence[Message], count: Count) -> int:
    return sum(
        count(each.text) + sum(count(call.name) + count(call.arguments) for call in each.calls) for each in messages
    )


def beginning(text: str) -> str:
    """By which a text is named that stands above."""
    return " ".join(text[: _BEGINNING * 4].split())[:_BEGINNING]


def _is_named(text: str, talk: Talk) -> bool:
    """Whether a result of the newest turn says no more than that it is this one."""
    newest = talk.messages[_whole_from(talk.messages) :]
    return any(each.text.startswith(REPEATS) and f": {beginning(text)}]" in each.text for each in newest)


def _short(use: Use, text: str, later: Sequence[Use], talk: Talk, keep: float, count: Count) -> str:
    """A result as it goes on."""
    if _is_named(text, talk):
        return text
    same = (each for each in later if (each.tool, each.arguments) == (use.tool, use.arguments))
    again = next((each for each in same if not talk.messages[each.place].text.startswith(REPEATS)), None)
    handle = f"`read_output` handle={use.handle}"
    if again is not None and talk.messages[again.place].text == text:
        return "[The same stands below.]"
    if keep >= 1 or not talk.handles or use.tool in STAYS:
        return text
    if again is not None:
        return f"[It was done again, see below. What it said here: {handle}]"
    changes = [each for each in later if each.changes(use.path)] if use.tool == "read" else []
    if changes and changes[0].place < _whole_from(talk.messages):
        return f"[The file was changed since. As it was: {handle}]"
    if talk.edits and not changes and _is_pending(use, later):
        return text
    about = "\n".join((talk.sought, use.then, *(said for each in (use, *changes) for said in each.words)))
    return _brief(text, about, max(LEAST, int(count(text) * max(keep, EDITED if changes else 0))), handle, count)


def _is_pending(use: Use, later: Sequence[Use]) -> bool:
    """Whether a file was read that may be about to be edited."""
    return use.tool == "read" and len({each.path for each in later if each.tool == "read"}) < PENDING


@lru_cache(maxsize=256)  # before each request all older results are looked at again
def _brief(text: str, about: str, room: int, handle: str, count: Count) -> str:
    """The lines of a result that fit best what is sought and what the model made of it, and a mark that says how all is had."""
    if count(text) <= SHORT:
        return text
    made = compress(_without_mark(text), limit=room, count=count, sought=about)
    told = made.text.removesuffix(f"[{made.said}]").rstrip()
    mark = f"[{made.said or 'shortened'}; all: {handle}]"
    return f"{told}\n{mark}" if told else mark


def _without_mark(text: str) -> str:
    """A result without the line that said how it had been shortened before."""
    head, _, last = text.rpartition("\n")
    return head if last.startswith("[") and "`read_output`" in last else text


class _Line(NamedTuple):
    """What a digest says of a message."""

    head: str
    body: str = ""
    stays: bool = False  # it is not made shorter
    acts: bool = False  # something was changed by it: that it was done stays

    @property
    def text(self) -> str:
        return f"{self.head}{self.body}"


def _digest(talk: Talk, room: int, count: Count) -> str:
    """The older turns in words, a few lines each. What matters of the model's own words stays, whatever the room."""
    start, old = _head(talk.messages), _old(talk)
    uses = list(uses_in(talk))
    at = {use.place: number for number, use in enumerate(uses)}
    ranks = [level.rank for level in levels([Said(each.speaker, each.text) for each in old])]
    lines: list[_Line] = []
    for place, (message, rank) in enumerate(zip(old, ranks, strict=True), start):
        if place in at:
            lines.append(_of_use(uses[at[place]], uses[at[place] + 1 :], message.text, talk, count))
        elif message.text.strip() and rank != "droppable":
            most = _NOTE_MOST if rank in ("must stay", "useful") else LEAST
            lines.append(_Line(_clipped(message.text, most, count), stays=True))
    return _within(lines, max(_DIGEST_LEAST, room), count)


def _of_use(use: Use, later: Sequence[Use], text: str, talk: Talk, count: Count) -> _Line:
    """What was done, and what came of it."""
    short = _short(use, text, later, talk, _least(text, count), count)
    pending = talk.edits and _is_pending(use, later) and short == text
    quoted = short.replace("\n", f"\n{_QUOTED}")
    body = f": {quoted}" if "\n" not in short else f":\n{_QUOTED}{quoted}"
    head = f"- {_done(use)} (handle={use.handle})"
    return _Line(head, body, stays=pending or use.tool in STAYS, acts=use.tool in CHANGING)


def _least(text: str, count: Count) -> float:
    """The share of a text that is LEAST; under 1, where it has no more."""
    return min(0.999, LEAST / max(1, count(text)))


def _old(talk: Talk) -> list[Message]:
    """The messages of older turns, without the digest that an earlier compaction put before the first."""
    old = list(talk.messages[_head(talk.messages) : _whole_from(talk.messages)])
    if old and talk.past.told:
        old[0] = msgspec.structs.replace(old[0], text=old[0].text[talk.past.told :].lstrip())
    return old


def _done(use: Use) -> str:
    said = " ".join(str(each) for each in use.arguments.values())
    line = " ".join(said.split())
    return f"{use.tool} {line if len(line) <= _ARGUMENTS else line[: _ARGUMENTS - 1] + '…'}"


def _clipped(text: str, most: int, count: Count) -> str:
    flat = " ".join(text.split())
    return flat if count(flat) <= most else compress(flat, limit=most, count=count, keep=specifics(flat)).text


def _within(lines: Sequence[_Line], room: int, count: Count) -> str:
    """The lines in the room: of what was done, the oldest first, the result goes, then all but what changed something."""
    shown = list(lines)
    for shorter in (_without_result, _gone):
        for at, line in enumerate(shown):
            if count(_written(shown)) <= room:
                return _written(shown)
            if not line.stays:
                shown[at] = shorter(line)
    return _written(shown)


def _without_result(line: _Line) -> _Line:
    return line._replace(body="")


def _gone(line: _Line) -> _Line:
    return line if line.acts else _Line("")


def _written(lines: Sequence[_Line]) -> str:
    return "\n".join(line.text for line in lines if line.text)
