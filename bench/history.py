"""What the input of a long conversation with tools costs: as it grows, made shorter at entry, compacted, and that at each turn.

python -m bench.history [--quick] [--json]

A session of 30 calls is simulated: 4,000 tokens that stay, and with each call an answer of 250 tokens and a result of 1,500, which
is a log, rows of JSON or prose. A provider keeps the messages with which a request begins as one before began, and takes a part of
the price for them; others cost the price of input, or what it takes to write to the cache. All is compared with the same session
that grows where nothing is cached. Nothing is drawn by chance, and nothing depends on the machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from bench.material import made_up_log, orders, sentences
from bench.options import parser_of, to_its_end
from bench.table import Bar, Figure, show
from swarm.compress.history import Compacted, Past, Talk, digest, results
from swarm.compress.when import Rates, State, due, further_requests
from swarm.messages import Message, ToolCall
from swarm.settings.stages import preset_rules
from swarm.stages import compressed
from swarm.text.tokens import quick_tokens

CALLS, STABLE, RESULT, REPLY = 30, 4_000, 1_500, 250
MOST_CALLS = 50
KEEP = preset_rules("standard")["history"].keep
AT_ENTRY = 3
"""So many times shorter a result is made when it enters the history."""

PRICES: Mapping[str, Rates] = {
    "no cache": Rates(),
    "cached at a quarter": Rates(0.25),
    "cached at a tenth": Rates(0.1),
    "cached at a tenth, written at 1.25": Rates(0.1, 1.25),
    "cached at a fiftieth": Rates(0.02),
}
"""As of free tiers and local servers; of xAI; of OpenAI and Gemini; of Anthropic; of DeepSeek (November 2026)."""

JUDGED = "cached at a tenth, written at 1.25"

Strategy = Callable[[Talk, float, Callable[[str], int]], Compacted | None]


@dataclass(frozen=True)
class Way:
    """How a session is held. `strategy` says how it is compacted, None: it only grows; `always`: at each turn."""

    name: str
    strategy: Strategy | None = None
    shorter: bool = False  # results are, when they enter
    always: bool = False


WAYS = (
    Way("it grows"),
    Way("compacted at each turn", results, always=True),
    Way("compacted (results)", results),
    Way("compacted (digest)", digest),
    Way("shorter at entry", shorter=True),
    Way("shorter at entry, compacted (results)", results, shorter=True),
    Way("shorter at entry, compacted (digest)", digest, shorter=True),
)


@dataclass(frozen=True)
class Session:
    """What it cost up to each of its calls, and why it was compacted, each time."""

    costs: Sequence[float]
    reasons: Sequence[str]


def result(number: int) -> str:
    """What the tool of a call says."""
    draw = Random(f"result {number}")
    kinds = (
        lambda: made_up_log(f"{number}", lines=90, trouble=[f"ERROR worker {number} gave up after 30 s"]),
        lambda: json.dumps(orders(f"{number}", rows=30)),
        lambda: "\n".join(sentences(draw, 110)),
    )
    return _of_size(kinds[number % len(kinds)](), RESULT)


def _of_size(text: str, tokens: int) -> str:
    """The beginning of a text, repeated where it is too short, of about so many tokens."""
    while quick_tokens(text) < tokens:
        text = f"{text}\n{text}"
    return text[: len(text) * tokens // quick_tokens(text)]


def turn(number: int, *, shorter: bool) -> tuple[Message, Message]:
    said = _of_size(" ".join(sentences(Random(f"reply {number}"), 20)), REPLY)
    call = ToolCall(f"c{number}", "look", json.dumps({"at": f"part {number}"}))
    text = result(number)
    if shorter:
        room = quick_tokens(text) // AT_ENTRY
        text = compressed(
            text, room, False, sought="which worker gave up", handle=f"`read_output` with handle={number}"
        ).text
    return Message("assistant", said, (call,)), Message("tool", text, answers=call.id)


def held(way: Way, rates: Rates, turns: Sequence[tuple[Message, Message]]) -> Session:
    """Hold the session."""
    stable = _of_size(" ".join(sentences(Random("stable"), 300)), STABLE)
    messages: tuple[Message, ...] = (Message("system", stable), Message("user", "Which worker gave up, and why?"))
    before: tuple[Message, ...] = ()
    past, since, total = Past(), 0, 0.0
    costs: list[float] = []
    reasons: list[str] = []
    for number, new in enumerate(turns, 1):
        total += request(messages, before, rates)
        costs.append(total)
        before, messages = messages, (*messages, *new)
        found = (
            way.strategy(Talk(messages, "which worker gave up", past=past), KEEP, quick_tokens)
            if way.strategy
            else None
        )
        if found is None:
            continue
        reason = "always" if way.always else due(state(messages, found, number, since, rates))
        if reason:
            messages, past, since = found.messages, found.past, number
            reasons.append(reason)
    return Session(costs, reasons)


def state(messages: Sequence[Message], found: Compacted, made: int, since: int, rates: Rates) -> State:
    return State(
        tokens=sum(map(size, messages)),
        removed=found.before - found.after,
        rewritten=found.rewritten,
        turns=made - since,
        further=further_requests(made, MOST_CALLS),
        rates=rates,
    )


def request(messages: Sequence[Message], before: Sequence[Message], rates: Rates) -> float:
    """What the input of a request costs, in tokens at the full price."""
    same = 0
    while same < min(len(messages), len(before)) and messages[same] == before[same]:
        same += 1
    return rates.cached * sum(map(size, messages[:same])) + rates.written * sum(map(size, messages[same:]))


def size(message: Message) -> int:
    return quick_tokens(message.text) + sum(quick_tokens(call.arguments) for call in message.calls)


def figures(calls: int) -> Iterator[Figure]:
    """Of each price and way the share of what the session costs that grows and of which nothing is cached."""
    turns = {shorter: [turn(number, shorter=shorter) for number in range(1, calls + 1)] for shorter in (False, True)}
    uncached = held(WAYS[0], Rates(), turns[False]).costs[-1]
    for name, rates in PRICES.items():
        sessions = {way.name: held(way, rates, turns[way.shorter]) for way in WAYS}
        for way in WAYS:
            found = sessions[way.name]
            times = f"compacted {len(found.reasons)} times" if way.strategy else ""
            bar = Bar(0.10) if name == JUDGED and way.shorter and way.strategy else None
            yield Figure(f"{name}: {way.name}", found.costs[-1] / uncached, "", times, bar)
        yield from _beside_growing(name, sessions)


def _beside_growing(name: str, sessions: Mapping[str, Session]) -> Iterator[Figure]:
    """How much more compaction may have cost than to go on as it was, wherever the session ends."""
    for way in WAYS:
        if way.strategy is None or way.always:
            continue
        grown = sessions["shorter at entry" if way.shorter else "it grows"].costs
        more = [one / other for one, other in zip(sessions[way.name].costs, grown, strict=True)]
        at, for_size = more.index(max(more)) + 1, "size" in sessions[way.name].reasons
        said = f"if it ends with call {at}{', for its size' if for_size else ''}"
        bar = None if for_size else Bar(1.05)
        yield Figure(f"{name}: {way.name}, beside growing at worst", max(more), "", said, bar)


def main() -> None:
    args = parser_of(__doc__, "a session of 12 calls").parse_args()
    calls = 12 if args.quick else CALLS
    title = f"input of a session of {calls} calls, as a part of what it costs where nothing is cached"
    show(title, list(figures(calls)), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
