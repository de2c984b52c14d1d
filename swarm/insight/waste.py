"""What was spent on what came to no accepted result, and the setting or command that avoids the like of it. Pure but for the reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from events.log import EventLog, TextMissing
from events.views.stages import StagesView
from events.views.waste import Offer, Spent, Told, Wasted, WasteView
from swarm.insight.periods import Period


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A way to spend for nothing. What is between backticks in `avoid` is a setting, a key of a task, or a command."""

    says: str
    of: str  # what is counted
    avoid: str


CALLS: Mapping[str, Cause] = {
    "failed": Cause(
        says="tries that failed; the provider bills nothing",
        of="calls",
        avoid="`swarm models test` says who answers, `models_off` leaves a model out, `calls.tries` bounds the tries",
    ),
    "lost": Cause(
        says="sent, and no answer came: maybe paid, at what was reserved",
        of="calls",
        avoid="`calls.timeout_s` says how long an answer may take; `swarm budget reconcile` settles what was not billed",
    ),
    "cut": Cause(
        says="answers cut at a limit, which are never accepted",
        of="calls",
        avoid="`limits: {answer: 2000}` in the task gives its drafts more room, `limits: {words: 300}` asks for fewer words",
    ),
    "rejected": Cause(
        says="drafts that were rejected",
        of="calls",
        avoid='`choice.start = "planned"` has the first try where it is expected to be accepted; `tiers` in the task says where',
    ),
    "judged": Cause(
        says="judges of rejected drafts",
        of="calls",
        avoid="`check` in the task rejects what fails it before a judge is asked",
    ),
    "abandoned": Cause(
        says="attempts without a plan, a draft or a verdict that could be read",
        of="calls",
        avoid='`models."NAME".schema = true` where the provider keeps to a schema, `models."NAME".judge = false` for a bad judge',
    ),
    "undone": Cause(
        says="the rest of tasks that failed",
        of="calls",
        avoid="`swarm run --from SESSION FILE` takes over what was accepted; `limits: {attempts: 2}` in the task gives up earlier",
    ),
    "halted": Cause(
        says="the rest of tasks that a cap or an open question halted, as long as nobody goes on with them",
        of="calls",
        avoid="`swarm resume SESSION` goes on, with `--raise AMOUNT` under a higher cap; `swarm run --dry-run FILE` says before what is likely",
    ),
    "cancelled": Cause(
        says="the rest of tasks that were cancelled",
        of="calls",
        avoid="`swarm run --only ID FILE` does a part of a file; `swarm run --from SESSION FILE` takes over what was accepted",
    ),
}
"""Whole calls. Each call stands in one of them: the first that applies."""

PARTS: Mapping[str, Cause] = {
    "resent": Cause(
        says="what was said before in the same attempt, sent again and not cached",
        of="calls",
        avoid='`tokens.stages.outputs = "on"` tells less of what tools say, `tokens.stages.history = "on"` less of it again, `limits: {turns: 6}` in the task bounds its calls',
    ),
    "tools": Cause(
        says="descriptions of tools that the attempt did not use",
        of="calls",
        avoid="`tools` in the task offers those that it needs, `tools.most_offered` fewer at once",
    ),
    "skills": Cause(
        says="skills told for drafts that were rejected or abandoned",
        of="calls",
        avoid="`swarm skills stats` says which to look at, `skills` in the task which are told",
    ),
    "repeated": Cause(
        says="calls that asked to the letter what had been answered within a week",
        of="calls",
        avoid='`tokens.answers = "exact"` gives that answer again',
    ),
    "measured": Cause(
        says="texts that a stage would have made shorter and only measured",
        of="texts",
        avoid='`tokens.preset = "standard"` uses the stages, `tokens.stages.outputs = "on"` one of them',
    ),
}
"""Parts of calls, and calls that another view of them finds: they overlap with one another and with the calls above."""

BASIS = (
    "each call stands in the first row of its kind that applies, so the calls add up. The parts overlap with them and with one "
    "another: their money is the mean price of a token of the same requests, tools and skills are by our own count, and a "
    "provider's cache makes them less. A question about its own moment (today, the latest) is asked again whatever settings "
    "say. What a later session took over of a task counts here all the same"
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    says: str
    part: bool  # of calls; False: whole calls, which are in no other such row
    count: int
    of: str
    tokens: int
    nanos: int
    avoid: str


class Waste(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of which there is something, whole calls before parts, the most tokens first."""

    rows: tuple[Row, ...]
    all: Spent
    calls: Spent  # the rows of whole calls together
    unread: int = 0  # requests whose list of tools the log does not keep any more


Sizes = Mapping[str, Mapping[str, int]]
"""By the digest of a list of tools the tokens of each, by name."""


async def tool_sizes(log: EventLog, lists: Mapping[str, Told]) -> Sizes:
    """How many tokens each tool of each list has. A list that is no longer kept is left out."""
    from swarm.text.count import about

    sizes: dict[str, dict[str, int]] = {}
    for digest, told in lists.items():
        try:
            listed = msgspec.json.decode(await log.text(told.text, at=told.at), type=list[_Tool])
        except (TextMissing, msgspec.DecodeError):  # the report says of how many requests it is left out
            continue
        sizes[digest] = {tool.name: about(msgspec.json.encode(tool).decode()).tokens for tool in listed}
    return sizes


class _Tool(msgspec.Struct):
    name: str
    description: str
    parameters: dict[str, Any]


def waste(view: WasteView, stages: StagesView, sizes: Sizes, period: Period | None = None) -> Waste:
    """What the log says was wasted in the period, by the days of the calls; of stages by the day of a task's first call."""
    wasted = view.wasted()
    sums = _sums(wasted, period)
    unused, unread = _unused(wasted.offers, sizes, period)
    sums |= {"tools": unused, "measured": _measured(stages, period)}
    calls = _rows(CALLS, sums, part=False)
    return Waste(
        rows=(*calls, *_rows(PARTS, sums, part=True)),
        all=sums.get("all", Spent()),
        calls=_total(calls),
        unread=unread,
    )


def _sums(wasted: Wasted, period: Period | None) -> dict[str, Spent]:
    sums: dict[str, Spent] = {}
    for kind, spent in wasted.spent.items():
        if _holds(period, kind.day):
            sums.setdefault(kind.what, Spent()).add(spent.count, spent.tokens, spent.nanos)
    return sums


def _unused(offers: Mapping[Offer, Spent], sizes: Sizes, period: Period | None) -> tuple[Spent, int]:
    """What the descriptions of tools took of requests in whose attempts they were not used; and how many cannot be read."""
    found, unread = Spent(), 0
    for offer, spent in offers.items():
        if not _holds(period, offer.day):
            continue
        if offer.tools not in sizes:
            unread += spent.count
            continue
        each = sum(size for name, size in sizes[offer.tools].items() if name not in offer.used)
        if each:
            tokens = min(each * spent.count, spent.tokens)  # by our own count it can come to more than the provider's
            found.add(spent.count, tokens, tokens * spent.nanos // spent.tokens if spent.tokens else 0)
    return found, unread


def _measured(stages: StagesView, period: Period | None) -> Spent:
    found = Spent()
    for kind, texts in stages.texts.items():
        if kind.how == "measured" and _holds(period, kind.day):
            found.add(texts.count, texts.saved, texts.saved_nanos)
    return found


def _rows(causes: Mapping[str, Cause], sums: Mapping[str, Spent], *, part: bool) -> list[Row]:
    rows = [
        Row(
            what=what,
            says=cause.says,
            part=part,
            count=sums[what].count,
            of=cause.of,
            tokens=sums[what].tokens,
            nanos=sums[what].nanos,
            avoid=cause.avoid,
        )
        for what, cause in causes.items()
        if what in sums and sums[what].count
    ]
    return sorted(rows, key=lambda row: (-row.tokens, -row.nanos, row.what))


def _total(rows: Iterable[Row]) -> Spent:
    total = Spent()
    for row in rows:
        total.add(row.count, row.tokens, row.nanos)
    return total


def _holds(period: Period | None, day: str) -> bool:
    return period is None or period.first.isoformat() <= day <= period.last.isoformat()
