"""Which messages of a conversation matter to whoever goes on with it: by who said them, their words, and what came later.

No model is asked: the same conversation is judged in the same way everywhere. Words and points were chosen by the messages of
bench/messages.jsonl that are not held out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from swarm.compress import cues
from swarm.compress.guards import specifics
from swarm.compress.logs import kinds_of
from swarm.compress.trouble import tells_of_trouble

Rank = Literal["must stay", "useful", "background", "droppable"]
"""How much a message matters. Must stay: what is wanted, limits, decisions, what is open, errors that nobody solved."""

RANKS: tuple[Rank, ...] = get_args(Rank)

Part = Literal["person", "agent", "tool", "system"]

MUST, USEFUL, BACKGROUND = 4, 2, 0
"""Points from which on a message is of that rank."""

LONG_OUTPUT, MANY_LINES = 600, 10
"""Characters and lines from which on what a tool answered is background: it can be had again, and what it means is told behind it."""

MOST_READ = 4_000
"""Characters of a message by which it is judged."""

_PARTS: dict[str, Part] = {
    **dict.fromkeys(("assistant", "agent", "ai", "bot", "model", "worker", "explorer", "validator"), "agent"),
    **dict.fromkeys(("tool", "function", "output", "result", "observation", "shell", "terminal"), "tool"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_NAME = re.compile(r"[^\W_]+")
_SHORT = 160  # characters of a message that may be courtesy alone
_LEAST_SAID = 4  # words that say something, from which on an agent's statement is a finding
_REPEATED_LINES, _KIND_SHARE = 6, 3  # lines of an output, and how many of them are a kind each where it repeats itself
_RARE = 3  # messages that have a word, up to which it tells one subject from another
_SHARED = 2  # such words of two messages that are of one subject
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class Said(NamedTuple):
    """A message."""

    speaker: str
    text: str


class Level(NamedTuple):
    """How much a message matters, and why. `points` tell messages of a rank apart."""

    rank: Rank
    reasons: tuple[str, ...]
    points: int


class _Talk(NamedTuple):
    """A conversation with what is asked of its messages more than once."""

    messages: Sequence[Said]  # as much of each as is read
    low: Sequence[str]  # their words in small letters
    parts: Sequence[Part]
    words: Sequence[frozenset[str]]  # that say something
    items: Sequence[Sequence[str]]  # numbers, names, paths
    places: Mapping[str, Sequence[int]]  # the messages that have a word
    last: Mapping[str, int]  # the last message that has an item


Point = tuple[str, int]


def part_of(speaker: str) -> Part:
    """Return what takes part under a name; one that is not known is a person's."""
    name = _NAME.search(speaker.casefold())
    return _PARTS.get(name.group(), "person") if name else "person"


def levels(messages: Sequence[Said]) -> list[Level]:
    """Return of each message how much it matters, in their order. It depends on these messages alone."""
    talk = _talk(messages)
    seen: set[Said] = set()
    found: list[Level] = []
    for number, message in enumerate(messages):
        points = [("said before", -MUST)] if message in seen else list(_points(talk, number))
        seen.add(message)
        total = sum(each for _, each in points)
        found.append(Level(_rank(total), tuple(reason for reason, _ in points), total))
    return found


def _talk(messages: Sequence[Said]) -> _Talk:
    read = [Said(each.speaker, each.text[:MOST_READ]) for each in messages]
    words = [frozenset(cues.content(each.text)) for each in read]
    items = [specifics(each.text) for each in read]
    places: dict[str, list[int]] = {}
    for number, each in enumerate(words):
        for word in each:
            places.setdefault(word, []).append(number)
    last = {item: number for number, each in enumerate(items) for item in each}
    return _Talk(
        read,
        [cues.low(each.text) for each in read],
        [part_of(each.speaker) for each in read],
        words,
        items,
        places,
        last,
    )


def _rank(points: int) -> Rank:
    if points >= USEFUL:
        return "must stay" if points >= MUST else "useful"
    return "background" if points >= BACKGROUND else "droppable"


def _points(talk: _Talk, number: int) -> Iterator[Point]:
    message, part = talk.messages[number], talk.parts[number]
    if not message.text.strip():
        yield "empty", -1
    elif part == "system":
        yield "what everybody is told", MUST + 2
    elif part == "tool":
        yield from _of_output(talk, number)
    elif number == talk.parts.index(part) and part == "person":
        yield "what is wanted", MUST + 4
    elif _is_courtesy(message.text):
        yield "courtesy", 1 if _is_answer(talk, number) else -1
    else:
        yield from _of_speech(talk, number)


def _of_output(talk: _Talk, number: int) -> Iterator[Point]:
    text = talk.messages[number].text
    lines = text.split("\n")
    trouble = any(map(tells_of_trouble, lines))
    if len(lines) >= _REPEATED_LINES and len(kinds_of(lines)) * _KIND_SHARE <= len(lines):
        yield "repeated output", BACKGROUND if trouble else -1
    elif len(text) > LONG_OUTPUT or len(lines) >= MANY_LINES:
        yield "long output", BACKGROUND + trouble
    elif trouble:
        yield from _of_trouble(talk, number)
    elif cues.PASSED.search(talk.low[number]):
        yield "output of what went well", BACKGROUND
    else:
        yield "short output", USEFUL
        yield from _of_specifics(talk, number)


def _of_trouble(talk: _Talk, number: int) -> Iterator[Point]:
    yield "trouble", MUST + 1
    if cues.TRANSIENT.search(talk.low[number]):
        yield "of a kind that passes", -2
    if _later(talk, number, cues.SOLVED, least=1):
        yield "solved later", -2


def _of_speech(talk: _Talk, number: int) -> Iterator[Point]:
    is_person = talk.parts[number] == "person"
    if is_person and "agent" in talk.parts:
        yield "said by a person", 2
    else:
        yield "said", 1
    yield from _of_question(talk, number)
    for cue in (cues.LIMIT, cues.DECISION, cues.OPEN):
        if cue.sign.search(talk.low[number]):
            yield cue.reason, cue.points if is_person or cue is cues.OPEN else 1
    yield from _of_wish(talk, number) if is_person else _of_report(talk, number)
    yield from _of_specifics(talk, number)
    if _later(talk, number, cues.ANEW, least=_SHARED, by=talk.parts[number]):
        yield "replaced later", -2


def _of_question(talk: _Talk, number: int) -> Iterator[Point]:
    text = talk.messages[number].text.strip()
    if not all(_asks(each) for each in _SENTENCE_END.split(text)):
        return
    if cues.OPEN.sign.search(talk.low[number]) or not _answered(talk, number):
        yield "an open question", MUST
    else:
        yield "a question that was answered", -3


def _asks(text: str) -> bool:
    return text.rstrip(" \"'*_)").endswith("?")


def _of_wish(talk: _Talk, number: int) -> Iterator[Point]:
    if tells_of_trouble(talk.messages[number].text):
        yield "trouble", 1
    if len(talk.words[number]) >= _LEAST_SAID:
        yield "a statement", 1


def _of_report(talk: _Talk, number: int) -> Iterator[Point]:
    """What an agent did, found or thinks."""
    text = talk.low[number]
    if tells_of_trouble(text):
        yield "trouble", 1 if _later(talk, number, cues.SOLVED, least=1) else 2
    changed = cues.CHANGE.sign.search(text)
    if changed:
        yield cues.CHANGE.reason, cues.CHANGE.points
    if cues.PLACE.search(text):
        yield "where it matters", 1
    if not changed and cues.START.match(text.strip()):
        yield "a look, or a beginning", -2
    elif hedges := len(cues.HEDGE.findall(text)):
        yield "thoughts", -2 * min(hedges, 2)
    elif not _asks(text) and len(talk.words[number]) >= _LEAST_SAID:
        yield "a statement", 2
    if cues.CAUSE.sign.search(text):
        yield cues.CAUSE.reason, cues.CAUSE.points


def _of_specifics(talk: _Talk, number: int) -> Iterator[Point]:
    items = talk.items[number]
    if items:
        yield "numbers, names or paths", 1 + (len(items) > 2)
    if any(talk.last[item] > number for item in items if len(item) > 1):
        yield "what stands in it comes again", 1
    elif any(shared >= _SHARED for shared in _akin(talk, number).values()):
        yield "its subject comes again", 1


def _is_courtesy(text: str) -> bool:
    return len(text) <= _SHORT and not specifics(text) and "?" not in text and cues.is_courtesy(text)


def _is_answer(talk: _Talk, number: int) -> bool:
    """Whether another one asked right before."""
    before = number - 1
    return before >= 0 and talk.parts[before] != talk.parts[number] and _asks(talk.messages[before].text)


def _answered(talk: _Talk, number: int) -> bool:
    """Whether somebody else said something behind a question."""
    asking, behind = talk.messages[number].speaker, range(number + 1, len(talk.messages))
    return any(talk.messages[each].speaker != asking and talk.parts[each] != "tool" for each in behind)


def _akin(talk: _Talk, number: int) -> Counter[int]:
    """The messages behind one that share rare words with it, and how many."""
    rare = (talk.places[word] for word in talk.words[number] if len(talk.places[word]) <= _RARE)
    return Counter(each for places in rare for each in places if each > number)


def _later(talk: _Talk, number: int, sign: re.Pattern[str], *, least: int, by: Part | None = None) -> bool:
    """Whether a message behind one shares so many rare words with it, and has the sign."""
    akin = (each for each, shared in _akin(talk, number).items() if shared >= least)
    return any(by in (None, talk.parts[each]) and sign.search(talk.low[each]) for each in akin)
