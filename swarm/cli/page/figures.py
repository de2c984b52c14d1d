"""The sections of a report's page that tell of money, tokens and verdicts: figures, charts over time, sums by who and what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo

from events.views.burn import Burnt
from events.views.cost import Cost, Payer
from swarm.cli.page.charts import Level, Line, Stack, bars, over_time, percent, share_bar, thinned
from swarm.cli.page.elements import Child, Column, Element, cut, element, table
from swarm.cli.recorded import local_time
from swarm.errors import amount, dollars
from swarm.insight.account import Account, Cap, drafts_by_arm, is_whole, rejected_drafts, summed, tokens_of
from swarm.insight.efficiency import Figures
from swarm.messages import TIER_SAYS, TIERS

ROWS = 20
"""Rows of a table of sums; the others are summed in one more."""

DAYS = 92
"""Bars of a chart of days; of more days they are of months."""

NUMBERS = 40
"""Rows of the table beside a chart over time."""

_TONES = ("c1", "c2", "c3", "c5")  # of the tiers
_NAME = 120  # characters of a name

_SUMS = (
    Column("Calls"),
    Column("Input"),
    Column("Cached"),
    Column("Output"),
    Column("Money"),
    Column("Share"),
)


def facts(figures: Figures, account: Account) -> Element:
    """What somebody wants to know first."""
    each, basis = "-", "all money by accepted tasks"
    if account.archived:
        basis = "a part of the tasks was archived"
    elif figures.accepted:
        each = dollars(figures.nanos // figures.accepted)
    maybe = f"{dollars(figures.maybe_paid_nanos)} of it maybe paid" if figures.maybe_paid_nanos else ""
    unjudged = f"{figures.unjudged:,} of them unjudged" if figures.unjudged else ""
    saved = max(0, figures.saved_tokens)
    told = [
        ("Tasks accepted", f"{figures.accepted:,} of {figures.tasks:,}", unjudged),
        ("Money", dollars(figures.nanos), maybe),
        ("Tokens", f"{figures.tokens:,}", f"in {figures.calls:,} calls"),
        ("For an accepted task", each, basis),
        ("On free tiers", percent(figures.free_tokens, figures.tokens), "of the tokens"),
        ("Drafts rejected", f"{figures.rejected:,} of {figures.drafts:,}", percent(figures.rejected, figures.drafts)),
        ("Cached by providers", percent(figures.cached_tokens, figures.input_tokens), "of the input"),
        ("Saved by stages", f"{saved:,}", "tokens that requests had less"),
        ("Spent for nothing", dollars(account.waste.calls.nanos), f"{account.waste.calls.tokens:,} tokens"),
    ]
    cards = [
        element("div", element("dt", name), element("dd", value), element("dd", more, class_="small") if more else None)
        for name, value, more in told
    ]
    return element("dl", *cards, class_="facts")


def over_the_time(account: Account, zone: tzinfo | None) -> Iterator[Element]:
    """How money and tokens went, and what is left of the caps."""
    if not account.burnt:
        yield element("p", "Nothing was charged in this time.")
        return
    for unit, word in (("nanos", "Money"), ("tokens", "Tokens")):
        spent = _grown(account.burnt, unit)
        cap = next((cap for cap in account.caps if cap.unit == unit and is_whole(account, cap.scope)), None)
        if not spent[-1][1] and cap is None:
            yield element("p", f"{word}: nothing was charged.")
            continue
        yield from _burnt_up(word, unit, spent, cap, zone)
        if cap is not None and cap.cap:
            yield _burnt_down(word, unit, spent, cap, zone)
    if account.session is None and (account.period is None or account.period.name != "day"):
        yield from _by_day(account)
    if account.caps:
        yield _caps(account.caps)
    if account.marks:
        rows = [
            (_moment(mark.at, zone), mark.scope, f"{mark.percent} %", amount(mark.used, mark.unit))
            for mark in account.marks[-ROWS:]
        ]
        heads = (Column("When", False), Column("Cap of", False), Column("Passed"), Column("Spent then"))
        yield table(f"Marks of caps that were passed{_last_of(len(account.marks))}", heads, rows)


def _burnt_up(
    word: str, unit: str, spent: list[tuple[int, int]], cap: Cap | None, zone: tzinfo | None
) -> Iterator[Element]:
    last = spent[-1][1]
    counted = ", as caps count them" if unit == "tokens" else ""
    said = f"{amount(last, unit)} in {len(spent) - 1:,} charges, from {_moment(spent[0][0], zone)} to {_moment(spent[-1][0], zone)}"
    levels: list[Level] = []
    if cap is not None:
        said += f"; the cap of {cap.scope} is {amount(cap.cap, unit)}"
        levels = [
            Level(name=f"{share} % of the cap", amount=cap.cap * share // 100)
            for share in (80, 90, 100)
            if cap.cap * share // 100 <= 2 * last
        ]
    points = thinned(spent)
    line = Line(name="spent", points=points, tone="c4")
    yield over_time(f"{word} spent{counted}", f"{said}.", [line], levels, _label(unit), zone)
    rows = [(_moment(at, zone), amount(value, unit)) for at, value in thinned(spent, NUMBERS)]
    yield _numbers(table(f"{word} spent{counted}, up to a moment", (Column("Up to", False), Column(word)), rows))


def _burnt_down(word: str, unit: str, spent: list[tuple[int, int]], cap: Cap, zone: tzinfo | None) -> Element:
    left = [(at, max(0, cap.cap - value)) for at, value in thinned(spent)]
    said = f"{amount(left[-1][1], unit)} of {amount(cap.cap, unit)} left at the end, in {cap.scope}."
    line = Line(name="left", points=tuple(left), tone="c5")
    levels = [Level(name=f"{100 - share} % left", amount=cap.cap * (100 - share) // 100) for share in (80, 90)]
    return over_time(f"{word} left of the cap", said, [line], levels, _label(unit), zone)


def _grown(burnt: Iterable[Burnt], unit: str) -> list[tuple[int, int]]:
    """The sum at each moment, from nothing at the first."""
    points: list[tuple[int, int]] = []
    total = latest = 0
    for each in burnt:
        latest = max(latest, each.at)  # a clock that goes back turns no line around
        if not points:
            points.append((latest, 0))
        total += getattr(each, unit)
        points.append((latest, total))
    return points


def _by_day(account: Account) -> Iterator[Element]:
    """Money and tokens by day, or by month where there are too many days, divided by tier."""
    days = sorted({payer.day for payer in account.costs if payer.day})
    if not days:
        return
    monthly = len(days) > DAYS
    known = _tiers(account.costs)
    parts = [(_tier(tier), tone) for tier, tone in known]
    sums: dict[str, dict[str, Cost]] = {}
    for payer, cost in account.costs.items():
        if payer.day:
            by_tier = sums.setdefault(payer.day[:7] if monthly else payer.day, {})
            by_tier.setdefault(payer.tier, Cost()).add(cost)
    names = sorted(sums)[-DAYS:]
    for word, of, label in (("Money", _nanos, dollars), ("Tokens", tokens_of, _counted)):
        stacks = [
            Stack(name=name, parts=tuple(of(sums[name].get(tier, Cost())) for tier, _ in known)) for name in names
        ]
        if not any(sum(stack.parts) for stack in stacks):
            continue
        most = max(stacks, key=lambda stack: sum(stack.parts))
        each = "month" if monthly else "day"
        said = f"{len(names)} {each}s with calls, by tier; the most on {most.name}: {label(sum(most.parts))}."
        yield bars(f"{word} by {each}", said, stacks, parts, label, None)
    heads = (Column("Month" if monthly else "Day", False), Column("Calls"), Column("Tokens"), Column("Money"))
    wholes = [(name, summed(sums[name].values())) for name in names]
    rows = [(name, f"{cost.calls:,}", f"{tokens_of(cost):,}", dollars(cost.nanos)) for name, cost in wholes]
    yield _numbers(table(f"Money and tokens by {'month' if monthly else 'day'}", heads, rows))


def _caps(caps: Sequence[Cap]) -> Element:
    rows = [
        (
            cap.scope,
            amount(cap.cap, cap.unit),
            amount(cap.spent, cap.unit),
            amount(max(0, cap.cap - cap.spent), cap.unit),
            percent(cap.spent, cap.cap),
            f"{cap.marked} %" if cap.marked else "none",
        )
        for cap in caps[:ROWS]
    ]
    heads = (Column("Cap of", False), *(Column(name) for name in ("Cap", "Spent", "Left", "Share", "Highest mark")))
    return table(f"Caps as they stand{_first_of(len(caps))}", heads, rows)


def tiers(account: Account) -> Iterator[Element]:
    """Which part of the calls, tokens and money each tier has."""
    found = _tiers(account.costs)
    sums = {tier: summed(cost for payer, cost in account.costs.items() if payer.tier == tier) for tier, _ in found}
    for word, of in (("Calls", _calls), ("Tokens", tokens_of), ("Money", _nanos)):
        parts = [(_tier(tier), tone, of(sums[tier])) for tier, tone in found]
        whole = sum(each for _, _, each in parts)
        if whole:
            said = ", ".join(f"{name} {percent(each, whole)}" for name, _, each in parts if each)
            yield share_bar(f"{word} by tier", f"{said}.", parts)
    yield _sums_table("By tier", "Tier", [(_tier(tier), cost) for tier, cost in sums.items()], account.total)


KEYS: tuple[tuple[str, Callable[[Payer], str]], ...] = (
    ("model", lambda payer: payer.model),
    ("role", lambda payer: payer.role),
    ("agent", lambda payer: payer.agent),
    ("project", lambda payer: payer.project or "-"),
)


def sums(account: Account) -> Iterator[Element]:
    """What calls cost by model, role, agent, project, and by the skills that they held."""
    for key, of in KEYS:
        by: dict[str, Cost] = {}
        for payer, cost in account.costs.items():
            by.setdefault(of(payer), Cost()).add(cost)
        if key != "project" or len(by) > 1:
            yield _sums_table(f"By {key}", key.title(), list(by.items()), account.total)
    if account.skills:
        rows = [(", ".join(names), cost) for names, cost in account.skills]
        yield _sums_table("By the skills that calls held", "Skills", rows, None)


def _sums_table(caption: str, key: str, rows: Sequence[tuple[str, Cost]], total: Cost | None) -> Element:
    """The dearest rows, what the others come to, and the sum of all where that is given."""
    ordered = sorted(rows, key=lambda row: (-row[1].nanos, -tokens_of(row[1]), -row[1].calls, row[0]))
    shown, rest = ordered[:ROWS], ordered[ROWS:]
    whole = summed(cost for _, cost in ordered) if total is None else total
    lines = [_sum_row(cut(name, _NAME), cost, whole) for name, cost in shown]
    if rest:
        lines.append(_sum_row(f"{len(rest):,} more", summed(cost for _, cost in rest), whole))
    if total is not None:
        lines.append(_sum_row("total", total, whole))
    return table(caption, (Column(key, False), *_SUMS), lines, last=total is not None)


def _sum_row(name: str, cost: Cost, whole: Cost) -> tuple[Child, ...]:
    share = percent(cost.nanos, whole.nanos) if whole.nanos else percent(tokens_of(cost), tokens_of(whole))
    money = dollars(cost.nanos) + (f" ({dollars(cost.maybe_paid_nanos)} maybe)" if cost.maybe_paid else "")
    tokens = (cost.input_tokens, cost.cached_tokens, cost.output_tokens)
    return (name, f"{cost.calls:,}", *(f"{each:,}" for each in tokens), money, share)


def verdicts(account: Account) -> Iterator[Element]:
    """How drafts were judged, by who made them, and how many drafts tasks needed."""
    arms = list(drafts_by_arm(account.tasks).items())
    if not arms:
        yield element("p", "No draft was judged.")
        return
    shown, rest = arms[:ROWS], arms[ROWS:]
    rows = [(cut(arm, _NAME), each.accepted, each.rejected) for arm, each in shown]
    if rest:
        more = [each for _, each in rest]
        rows.append((f"{len(rest):,} more", sum(e.accepted for e in more), sum(e.rejected for e in more)))
    rows.append(("total", sum(e.accepted for _, e in arms), sum(e.rejected for _, e in arms)))
    stacks = [Stack(name=name, parts=(accepted, rejected)) for name, accepted, rejected in rows[:-1]]
    said = f"{rows[-1][1]:,} accepted and {rows[-1][2]:,} rejected drafts of {len(arms):,} agents on models."
    yield bars("Drafts by agent and model", said, stacks, (("accepted", "c4"), ("rejected", "c3")), _counted, None)
    heads = (Column("Agent and model", False), Column("Accepted"), Column("Rejected"), Column("Share accepted"))
    told = [(name, f"{yes:,}", f"{no:,}", percent(yes, yes + no)) for name, yes, no in rows]
    yield table("Drafts by who made them", heads, told, last=True)
    retries: dict[int, list[int]] = {}
    for task in account.tasks:
        retries.setdefault(min(rejected_drafts(task), 5), []).append(task.status == "accepted")
    lines = [
        (f"{number}{' or more' if number == 5 else ''}", f"{len(found):,}", f"{sum(found):,}")
        for number, found in sorted(retries.items())
    ]
    yield table(
        "Tasks by their rejected drafts", (Column("Rejected drafts", False), Column("Tasks"), Column("Accepted")), lines
    )


def _tiers(costs: Mapping[Payer, Cost]) -> list[tuple[str, str]]:
    """The tiers that were called, from the first that is tried, each with its tone."""
    there = {payer.tier for payer in costs}
    known = [(str(tier), tone) for tier, tone in zip(TIERS, _TONES, strict=True) if tier in there]
    return [*known, *((tier, "c6") for tier in sorted(there - set(TIERS)))]


def _tier(name: str) -> str:
    says = {str(tier): said for tier, said in TIER_SAYS.items()}
    return f"{name} ({says[name]})" if says.get(name, name) != name else name


def _numbers(of: Element) -> Element:
    return element("details", element("summary", "The numbers"), of)


def _label(unit: str) -> Callable[[int], str]:
    return dollars if unit == "nanos" else _counted


def _calls(cost: Cost) -> int:
    return cost.calls


def _nanos(cost: Cost) -> int:
    return cost.nanos


def _counted(number: int) -> str:
    return f"{number:,}"


def _moment(at: int, zone: tzinfo | None) -> str:
    return f"{local_time(at, zone):%Y-%m-%d %H:%M:%S}"


def _first_of(number: int) -> str:
    return f" (the first {ROWS} of {number:,})" if number > ROWS else ""


def _last_of(number: int) -> str:
    return f" (the last {ROWS} of {number:,})" if number > ROWS else ""
