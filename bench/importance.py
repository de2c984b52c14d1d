"""Which messages of a conversation are kept when it is made short, against labels, and beside simple ways to choose.

python -m bench.importance [--quick] [--json]

The conversations are those of bench/messages.jsonl. A message is kept where at least 60 % of its characters still stand in the short text,
in whole sentences. Each conversation is made short as one text, through `swarm.compress.compress.compress`; the share of important messages
that are kept is judged on those that are held out alone: words and points of `swarm.compress.importance` were chosen by the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from statistics import median

from bench.messages import Conversation, Message, conversations
from bench.options import parser_of, to_its_end
from bench.table import Bar, Figure, show
from swarm.compress.compress import compress
from swarm.compress.importance import Level, Said, levels
from swarm.compress.room import cut, pack
from swarm.compress.sentences import divided

KEPT = 0.6
"""Of the characters of a message that is kept."""

RATIOS = (2, 4, 8)
BAR = 80
"""Of 100 important messages that are held out, at half of the characters."""

Way = Callable[[Conversation, int], str]
"""Makes a conversation short, in so many characters."""


def written(talk: Conversation) -> str:
    return "\n\n".join(map(line_of, talk.messages)) + "\n"


def line_of(message: Message) -> str:
    return f"{message.speaker}: {message.text}"


def is_kept(message: Message, short: str) -> bool:
    """Whether enough of a message stands in a short text."""
    sentences = [message.text[each.start : each.end] for each in divided(message.text).sentences] or [message.text]
    return sum(len(each) for each in sentences if each in short) >= KEPT * sum(map(len, sentences))


def ours(talk: Conversation, limit: int) -> str:
    return compress(written(talk), limit=limit, count=len).text


def head(talk: Conversation, limit: int) -> str:
    return cut(written(talk), limit, len)


def at_random(talk: Conversation, limit: int) -> str:
    order = list(range(len(talk.messages)))
    Random(talk.name).shuffle(order)
    return _packed(talk, order, limit)


def longest_first(talk: Conversation, limit: int) -> str:
    return _packed(talk, _by_length(talk)[::-1], limit)


def shortest_first(talk: Conversation, limit: int) -> str:
    return _packed(talk, _by_length(talk), limit)


def newest_first(talk: Conversation, limit: int) -> str:
    return _packed(talk, list(range(len(talk.messages)))[::-1], limit)


def _by_length(talk: Conversation) -> list[int]:
    return sorted(range(len(talk.messages)), key=lambda each: (len(talk.messages[each].text), each))


def _packed(talk: Conversation, order: Sequence[int], limit: int) -> str:
    lines = list(map(line_of, talk.messages))

    def write(numbers: Sequence[int]) -> str:
        return "\n\n".join(lines[number] for number in sorted(numbers))

    return write(pack(order, lines.__getitem__, write, limit, len))


BESIDE: Mapping[str, Way] = {
    "head": head,
    "random": at_random,
    "longest first": longest_first,
    "shortest first": shortest_first,
    "newest first": newest_first,
}


def shares(way: Way, talks: Sequence[Conversation], ratio: int) -> tuple[float, float]:
    """Return of the important messages that are held out how many of 100 are kept, and of those by which words were chosen."""
    kept: dict[bool, list[bool]] = {True: [], False: []}
    for talk in talks:
        short = way(talk, len(written(talk)) // ratio)
        for message in talk.messages:
            if message.important:
                kept[message.is_held_out].append(is_kept(message, short))
    return _percent(kept[True]), _percent(kept[False])


def _percent(found: Sequence[bool]) -> float:
    return 100 * sum(found) / max(1, len(found))


def short_texts(talks: Sequence[Conversation]) -> Iterator[Figure]:
    for ratio in RATIOS:
        judged, chosen = shares(ours, talks, ratio)
        others = ", ".join(f"{name} {shares(way, talks, ratio)[0]:.0f}" for name, way in BESIDE.items())
        bar = Bar(BAR, least=True) if ratio == RATIOS[0] else None
        said = f"of those words were chosen by {chosen:.0f}; {others}"
        yield Figure(f"{ratio} times shorter: important messages kept", judged, "%", said, bar)


def half_of_the_messages(talks: Sequence[Conversation]) -> Figure:
    """By rank and points alone, where each message costs the same: that what is unimportant is often long does not help."""
    judged = half_kept(talks, _by_level)
    short = half_kept(talks, _by_length)
    return Figure("half of the messages: important ones kept", judged, "%", f"shortest first {short:.0f}")


def half_kept(talks: Sequence[Conversation], order: Callable[[Conversation], Sequence[int]]) -> float:
    kept: list[bool] = []
    for talk in talks:
        first = set(order(talk)[: (len(talk.messages) + 1) // 2])
        kept += [number in first for number, each in enumerate(talk.messages) if each.important and each.is_held_out]
    return _percent(kept)


def judged_levels(talk: Conversation) -> list[Level]:
    return levels([Said(each.speaker, each.text) for each in talk.messages])


def _by_level(talk: Conversation) -> list[int]:
    judged = judged_levels(talk)
    return sorted(range(len(judged)), key=lambda each: (-judged[each].points, each))


def ranks(talks: Sequence[Conversation]) -> Iterator[Figure]:
    """What the ranks say, against the labels of the messages that are held out."""
    pairs = [(level, each) for talk in talks for level, each in zip(judged_levels(talk), talk.messages, strict=True)]
    held = [(level.rank, each.important) for level, each in pairs if each.is_held_out]
    must = [rank == "must stay" for rank, important in held if important]
    more = [rank in ("must stay", "useful") for rank, important in held if important]
    right = [important for rank, important in held if rank == "must stay"]
    dropped = [not important for rank, important in held if rank == "droppable"]
    yield Figure(
        "important: said to be of those that must stay", _percent(must), "%", f"or useful {_percent(more):.0f}"
    )
    yield Figure("said that they must stay: important", _percent(right), "%", f"of {len(right)} messages")
    yield Figure("said to be droppable: not important", _percent(dropped), "%", f"of {len(dropped)} messages")


def time_taken(talks: Sequence[Conversation]) -> Figure:
    taken: list[float] = []
    for talk in talks:
        begun = time.process_time()
        ours(talk, len(written(talk)) // 2)
        taken.append(1000 * (time.process_time() - begun))
    return Figure("one conversation: time", median(taken), "ms", f"most {max(taken):.0f} ms")


def figures(*, quick: bool) -> list[Figure]:
    talks = conversations()[: 4 if quick else None]
    return [*short_texts(talks), half_of_the_messages(talks), *ranks(talks), time_taken(talks)]


def main() -> None:
    args = parser_of(__doc__, "four of the conversations").parse_args()
    found = figures(quick=args.quick)
    show("conversations made short, and which of their messages are kept", found, as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
