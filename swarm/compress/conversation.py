"""Conversations made short: what must stay stays word for word, the rest is shortened or left out. The order stays.

A conversation is written with a speaker before each message, as `User: ...`, `**assistant:** ...` or `[10:02] ann: ...`, or it is a JSON
list of objects with `role` and `content`, as requests to models have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from swarm.compress.importance import RANKS, Level, Rank, Said, levels, part_of
from swarm.compress.jsontext import NoJson, Value, read, written
from swarm.compress.room import CUT, Count, Shortened, cut, pack
from swarm.compress.worth import fitting

Brief = Callable[[str, int], Shortened]
"""Makes one message short, in so many tokens."""

_ROLES = "user|human|person|customer|me|assistant|agent|ai|bot|model|worker|explorer|validator|tool|function|observation|system|developer"
_TURN = re.compile(
    rf"(?im)^(?:#{{1,4}} +)?(?:\*\*)?(?P<role>{_ROLES})(?: ?[(\[][^()\[\]\n]{{1,60}}[)\]])?(?:\*\*)?:(?:\*\*)?(?:[ \t]+|$)"
    r"|^\[?(?:\d{4}-\d\d-\d\d,? )?\d\d?:\d\d(?: ?[AaPp][Mm])?\]? +(?:- )?<?(?P<name>[^\W\d_][\w.'-]{0,30}(?: [^\W\d_][\w.'-]{0,30})?)>?:(?:[ \t]+|$)"
)
_TIMED_LEVEL = re.compile(r"(?i)(?:trace|debug|info|notice|warn|warning|error|fatal|critical)\Z")
_LEAST_TURNS, _LEAST_WORDS = 3, 3  # of a conversation; of its messages on average
_MOST_TITLE = 300  # characters that may stand before the first message
_READ_CHARS = 40_000  # by which it is told that a text is a conversation
_OBJECTS = re.compile(r"\s*(?:\[\s*)?\{")
_ROLE_KEY, _SAID_KEY = '"role"', '"content"'
_LARGE = 4  # a message that takes more than such a part of the room is made short before others are left out for it
_LEAST_ROOM = 12  # tokens for which a message is still made short
_MOST_BRIEF = 40  # messages that are made short
_SOUGHT = 5  # messages that fit what is sought best, and are taken before others of their rank


class Turn(NamedTuple):
    """A message in its place."""

    said: Said
    head: str  # what stands before its words, with the speaker
    lines: range  # from 1; none in JSON


def is_conversation(text: str) -> bool:
    """Whether a text has the signs of one: several messages, of two speakers at least, of whom one comes again."""
    found = turns(text if _OBJECTS.match(text) else text[:_READ_CHARS])
    if len(found) < _LEAST_TURNS:
        return False
    often = Counter(each.said.speaker.casefold() for each in found)
    words = sum(len(each.said.text.split()) for each in found)
    return (
        len(often) > 1 and max(often.values()) > 1 and words >= _LEAST_WORDS * len(found) and _answer_each_other(found)
    )


def _answer_each_other(found: Sequence[Turn]) -> bool:
    """Whether there is a person and somebody who serves them, or people with a time: a file of settings has a user, too."""
    parts = {part_of(each.said.speaker) for each in found}
    return "person" in parts and (len(parts) > 1 or any(each.head[0] in "[0123456789" for each in found))


def turns(text: str) -> list[Turn]:
    """Return the messages of a conversation in their order; none where it is no such text."""
    return _of_json(text) if _OBJECTS.match(text) else list(_of_lines(text))


def _of_lines(text: str) -> Iterator[Turn]:
    begun = [each for each in _TURN.finditer(text) if not _TIMED_LEVEL.match(each.group("name") or "")]
    if not begun or len(text[: begun[0].start()].strip()) > _MOST_TITLE:
        return
    ends = [*(each.start() for each in begun[1:]), len(text)]
    line = text.count("\n", 0, begun[0].start()) + 1
    for each, end in zip(begun, ends, strict=True):
        said = text[each.end() : end].rstrip()
        yield Turn(
            Said(each.group("role") or each.group("name"), said),
            each.group() or "",
            range(line, line + each.group().count("\n") + said.count("\n") + 1),
        )
        line += text.count("\n", each.start(), end)


def _of_json(text: str) -> list[Turn]:
    if _ROLE_KEY not in text[:_READ_CHARS] or _SAID_KEY not in text[:_READ_CHARS]:
        return []
    try:
        value = read(text)
    except NoJson:
        return []
    messages = value.get("messages") if isinstance(value, dict) else value
    if not isinstance(messages, list):
        return []
    found = [turn for each in messages if (turn := _message(each))]
    return found if len(found) == len(messages) else []


def _message(value: Value) -> Turn | None:
    if not isinstance(value, dict) or not isinstance(role := value.get("role"), str) or "content" not in value:
        return None
    others = {key: each for key, each in value.items() if key not in ("role", "content")}
    texts = [*_texts(value["content"]), *([written(others)] if others else [])]
    return Turn(Said(role, "\n".join(texts)), f"{role}: ", range(0))


def _texts(content: Value) -> Iterator[str]:
    if isinstance(content, list):
        for each in content:
            text = each.get("text") if isinstance(each, dict) else None
            yield text if isinstance(text, str) else written(each)
    elif content is not None:
        yield content if isinstance(content, str) else written(content)


def short_conversation(text: str, *, limit: int, count: Count, brief: Brief, sought: str = "") -> Shortened | None:
    """Return the messages of a conversation that matter most, and of the others what fits, made short by `brief`.

    Those that must stay are whole where all of them fit; what is droppable goes in any case, unless it is sought. Between messages
    stands a mark where others are left out. None where the text is no conversation, or all of it is droppable.
    """
    found = turns(text)
    order = _order(found, levels([each.said for each in found]), sought)
    if not order:
        return None
    pages = _Pages(found, limit, count, brief)
    must = [each for each, rank in order.items() if rank == "must stay"]
    useful = [each for each, rank in order.items() if rank == "useful"]
    large = pages.shorten_large(useful)
    if count(pages.write(must)) <= limit:
        taken = must + pack(useful, pages.piece, lambda more: pages.write([*must, *more]), limit, count)
    else:
        large = pages.shorten_large(must) + large
        taken = pack(must + useful, pages.piece, pages.write, limit, count)
    taken = pages.fill(taken, [*large, *(each for each, rank in order.items() if rank == "background")])
    said = f"{len(taken):,} of {len(found):,} messages"
    if taken:
        return Shortened(pages.write(taken), pages.lines(taken), said)
    first = next(iter(order))
    clipped = cut(pages.piece(first), limit, count)
    return Shortened(clipped, tuple(found[first].lines[:1]) if clipped else (), said)


class _Pages:
    """What is written of each message: all of it, or what it was shortened to."""

    def __init__(self, found: Sequence[Turn], limit: int, count: Count, brief: Brief) -> None:
        self._found, self._limit, self._count, self._brief = found, limit, count, brief
        self._shown: dict[int, Shortened] = {}

    def piece(self, number: int) -> str:
        return self._found[number].head + self._words(number)

    def _words(self, number: int) -> str:
        return self._shown[number].text if number in self._shown else self._found[number].said.text

    def write(self, numbers: Sequence[int]) -> str:
        written_out: list[str] = []
        following = 0
        for number in sorted(numbers):
            written_out += [CUT] if number > following else []
            written_out.append(self.piece(number))
            following = number + 1
        return "\n".join([*written_out, CUT] if 0 < following < len(self._found) else written_out)

    def shorten_large(self, numbers: Sequence[int]) -> list[int]:
        """Make short what would leave little room for others; return which that is."""
        large = [each for each in numbers if self._count(self.piece(each)) * _LARGE > self._limit]
        for number in large:
            self._shorten(number, self._limit // max(_LARGE, 2 * len(large)))
        return large

    def fill(self, taken: Sequence[int], numbers: Sequence[int]) -> list[int]:
        """Return what is taken and, of these messages, as much as there is room for, each as much of it."""
        numbers = numbers[:_MOST_BRIEF]
        for place, number in enumerate(numbers):
            others, before = [each for each in taken if each != number], self._shown.get(number)
            room = (self._limit - self._count(self.write(others))) // (len(numbers) - place)
            if before is not None and number in taken and room <= self._count(self.piece(number)):
                continue
            if self._shorten(number, room) and self._count(self.write([*others, number])) <= self._limit:
                taken = [*others, number]
            elif before is not None:
                self._shown[number] = before
        return list(taken)

    def _shorten(self, number: int, room: int) -> bool:
        """Write of a message what fits; whether that is something."""
        room -= self._count(self._found[number].head) + 1
        short = self._brief(self._found[number].said.text, room) if room >= _LEAST_ROOM else None
        if short is None or not short.text:
            return False
        self._shown[number] = short
        return True

    def lines(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """The lines of the text of which something is written."""
        lines: list[int] = []
        for number in sorted(numbers):
            own = self._found[number].lines
            kept = self._shown[number].kept if number in self._shown else range(1, len(own) + 1)
            lines += [own[each - 1] for each in kept if each <= len(own)]
        return tuple(lines)


def _order(found: Sequence[Turn], judged: Sequence[Level], sought: str) -> dict[int, Rank]:
    """The messages that are not to be dropped, by what they matter; of those of a rank first what is sought, of equals the newer."""
    fit = set(fitting([each.said.text for each in found], sought)[:_SOUGHT])
    ranks: dict[int, Rank] = {
        number: "background" if number in fit and level.rank == "droppable" else level.rank
        for number, level in enumerate(judged)
    }

    def key(number: int) -> tuple[int, bool, int, int]:
        return RANKS.index(ranks[number]), number not in fit, -judged[number].points, -number

    return {number: ranks[number] for number in sorted(ranks, key=key) if ranks[number] != "droppable"}
