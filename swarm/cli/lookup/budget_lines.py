"""The lines of the view of budgets: a scope and a unit each, as a tree or by how much of a cap is spent. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo

import msgspec

from events.log import session_name
from events.scopes import SHARED, day_and_zone, schedule_scope, session_of
from events.views.burning import HOUR_US, LEAST_US, Burning
from events.views.capped import CappedView, Led
from events.views.money import ScopeState
from swarm.errors import dollars
from swarm.insight.budgets import UNITS, Budgets, Held, Portioned
from swarm.insight.periods import moment
from swarm.zones import zone_named
from tui.rows import Row
from tui.sheet import Cell, Column, Gauge, Line, Sheet, Text
from tui.words import Tone, count, span, visible

NO_CAP = Text("no cap", "faint")
_NONE = Text("—", "faint")
_KINDS = ("spent", "reserved", "maybe_paid")
_LONGEST_US = 366 * 24 * HOUR_US  # nobody plans for what lies further ahead


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """All that the sheet is made of."""

    budgets: Budgets
    burning: Burning
    capped: CappedView
    now: int
    zone: tzinfo | None
    left_out: int = 0  # tasks that are not shown
    is_over: bool = False  # nobody works on the session
    ended: frozenset[str] = frozenset()  # tasks of it that are

    def rests(self, scope: str) -> bool:
        """Whether nothing more will be spent there as things stand."""
        if session_of(scope) == SHARED:
            return False
        return self.is_over or (scope.partition("/")[2].partition("/")[0] in self.ended)


class Of(msgspec.Struct, frozen=True, kw_only=True):
    """What a line is of: a scope in one unit, with its cap where one holds."""

    scope: str
    unit: str
    state: ScopeState
    held: Held | None
    is_first: bool  # of the lines of its scope

    def amount(self, of: str) -> int:
        found: int = getattr(getattr(self.state, of), self.unit)
        return found

    def said(self, of: str) -> str:
        """The amount; of a scope without a cap that of each unit in which something moved. Empty where it is nothing."""
        units = (self.unit,) if self.held is not None else UNITS
        amounts = [(getattr(getattr(self.state, of), unit), unit) for unit in units]
        return " + ".join(exact(value, unit) for value, unit in amounts if value)


_COLUMNS = (
    Column("scope", least=10, most=44),
    Column("spent / cap", right=True, most=40),
    Column("    80 90 100", right=True, rank=1, least=20),
    Column("share", right=True),
    Column("reserved", right=True, rank=5),
    Column("maybe paid", right=True, rank=6),
    Column("burn/h", right=True, rank=3),
    Column("hits cap", right=True, rank=2),
    Column("action taken", rank=4),
    Column("cap from", rank=7, most=48),
)
_OPTIONAL = ("reserved", "maybe paid", "action taken")  # left out where no line has any


def budget_sheet(told: Told, *, by_share: bool) -> Sheet:
    """The sheet, the widest scope first; `by_share`: what is nearest to its cap first, those without one last."""
    found = [of for name in shown_scopes(told.budgets) for of in _of_scope(told.budgets, name)]
    if by_share:
        found.sort(key=lambda of: -1 if of.held is None else of.held.per_mille, reverse=True)
    lines: list[Line] = []
    for at, of in enumerate(found):
        lines.append(_line(told, of, flat=by_share))
        if not by_share and (at + 1 == len(found) or found[at + 1].scope != of.scope):
            lines += [_portion_line(part) for part in told.budgets.portions() if part.scope == of.scope]
    order = "by share" if by_share else "the widest first"
    columns, lines = _without_empty(lines)
    notes = tuple(_notes(told, found))
    return Sheet(title=f"Budget · {order}", columns=columns, lines=tuple(lines), notes=notes)


def shown_scopes(budgets: Budgets) -> list[str]:
    """Those with a cap, and those above and of the session that have none but spend; the widest first."""
    money, own = budgets.money.scopes, session_name(budgets.session)
    capped = budgets.scopes()
    spends = [name for name, state in money.items() if _units_moved(state)]
    schedules = [name for name in (*capped, *spends) if name.startswith(schedule_scope(""))]
    wide = [name for name in (*budgets.shared, *schedules) if name in capped or name in spends]
    rest = [name for name in capped if session_of(name) == SHARED]
    mine = [name for name in capped if session_of(name) == budgets.session]
    mine += [name for name in spends if name == own or (name.startswith(f"{own}/") and name.count("/") == 1)]
    mine = [name for name in mine if name != f"{own}/*"]
    tasks = {task: number for number, task in enumerate(budgets.tasks)}

    def place(name: str) -> tuple[int, str, int, str]:
        parts = name.split("/")
        return (tasks.get(parts[1], len(tasks)) if len(parts) > 1 else -1, "/".join(parts[:2]), len(parts), name)

    return list(dict.fromkeys([*wide, *rest, *sorted(mine, key=place)]))


def _of_scope(budgets: Budgets, scope: str) -> list[Of]:
    """Its lines: the units in which it has a cap, money first; of one that has none what moved is told in one line."""
    state = budgets.money.scopes.get(scope, ScopeState())
    held = {each.unit: each for each in budgets.held((scope,))}
    units = [unit for unit in UNITS if unit in held] or [next(iter(_units_moved(state)), UNITS[0])]
    return [Of(scope=scope, unit=unit, state=state, held=held.get(unit), is_first=unit == units[0]) for unit in units]


def _units_moved(state: ScopeState) -> list[str]:
    return [unit for unit in UNITS if any(getattr(getattr(state, of), unit) for of in _KINDS)]


def _line(told: Told, of: Of, *, flat: bool) -> Line:
    held, spent, unit = of.held, of.amount("spent"), of.unit
    an_hour = told.burning.an_hour(of.scope, unit)
    name = visible(of.scope.partition("@")[0].replace(":", " ", 1)) if flat else label_of(of.scope)
    cells: tuple[Cell, ...] = (
        Text(name if of.is_first or flat else ""),
        Text(_used(spent, held.cap, unit) if held else of.said("spent") or exact(0, unit)),
        Gauge(spent, of.amount("reserved"), held.cap) if held else NO_CAP,
        Text(*share_said(held)) if held else Text(""),
        Text(of.said("reserved"), "warn"),
        Text(of.said("maybe_paid"), "warn"),
        Text(_short(an_hour, unit)) if an_hour else _NONE,
        _hits(told, of, an_hour),
        Text(*_action(told.capped, of)),
        Text(visible(held.source) if held else "", "faint"),
    )
    return Line(cells, key=f"{unit} {of.scope}", indent=0 if flat else _depth(of.scope))


def _portion_line(part: Portioned) -> Line:
    """A share of a split: it can be read, and has no history of its own."""
    known = part.spent is not None
    spent, reserved = part.spent or 0, part.reserved or 0
    share = f"{spent * 1000 // part.share // 10}.{spent * 1000 // part.share % 10} %" if known and part.share else ""
    cells: tuple[Cell, ...] = (
        Text(visible(part.name), "faint"),
        Text(_used(spent, part.share, part.unit) if known else exact(part.share, part.unit)),
        Gauge(spent, reserved, part.share) if known else Text("a share", "faint"),
        Text(share),
        Text(exact(reserved, part.unit) if reserved else "", "warn"),
        Text(""),
        Text(""),
        Text(""),
        Text(""),
        Text(f"a share of {visible(part.scope)}; what it leaves flows to the others", "faint"),
    )
    return Line(cells, indent=_depth(part.scope) + 1)


def label_of(scope: str) -> str:
    """Its own part of the name: what is above it in the tree need not be said again."""
    if session_of(scope) != SHARED:
        return visible(scope.rpartition("/")[2])
    return visible(scope.partition("@")[0].replace(":", " ", 1))


def _depth(scope: str) -> int:
    return 1 + scope.count("/") if session_of(scope) != SHARED else 0 if scope == "log" else 1


def share_said(held: Held) -> tuple[str, Tone]:
    """What share of a cap is spent, and a sign from the first mark on, as it is said without a colour."""
    said = f"{held.per_mille // 10}.{held.per_mille % 10} %"
    if held.is_reached:
        return f"{said} !!", "bad"
    return (f"{said} ! ", "warn") if held.is_near else (f"{said}   ", "")


def _used(spent: int, cap: int, unit: str) -> str:
    used = dollars(spent) if unit == "nanos" else f"{spent:,}"
    return f"{used} / {exact(cap, unit)}"


def exact(value: int, unit: str) -> str:
    return dollars(value) if unit == "nanos" else f"{value:,} tok"


def _short(value: int, unit: str) -> str:
    return dollars(value) if unit == "nanos" else count(value)


def _hits(told: Told, of: Of, an_hour: int) -> Cell:
    """When the cap is hit at this speed; a dash where nothing goes now, all is done, or the scope ends before."""
    if of.held is None:
        return Text("")
    if of.held.is_reached:
        return Text("reached", "bad")
    at = None if told.rests(of.scope) else hits_at(of.held, an_hour, told.burning, told.now)
    if at is None:
        return _NONE
    return Text(_moment(at, told.now, told.zone), "warn" if at - told.now < HOUR_US else "")


def hits_at(held: Held, an_hour: int, burning: Burning, now: int) -> int | None:
    """The moment at which what is spent comes to the cap, at so much an hour from now on, in microseconds since 1970.

    None: it does not within a year, or before the day or month of the scope ends, or nothing was charged in the last hour.
    """
    if not an_hour or burning.until <= now - HOUR_US:
        return None
    left = max(0, held.cap - held.kept - held.spent)
    at = now + left * HOUR_US // an_hour
    ends = ends_at(held.scope)
    return None if at - now > _LONGEST_US or (ends is not None and at >= ends) else at


def ends_at(scope: str) -> int | None:
    """When a day or a month is over, in its own time zone; None for a scope that does not end by itself."""
    if scope.startswith("month:"):
        month, _, zone = scope.removeprefix("month:").partition("@")
        last = (date.fromisoformat(f"{month}-01") + timedelta(days=31)).replace(day=1)
        return moment(last, zone_named("" if zone == "local" else zone))
    if (found := day_and_zone(scope)) is None:
        return None
    day, zone = found
    return moment(date.fromisoformat(day) + timedelta(days=1), zone_named("" if zone == "local" else zone))


def _moment(at: int, now: int, zone: tzinfo | None) -> str:
    then, today = (datetime.fromtimestamp(each // 1_000_000, zone) for each in (at, now))
    if then.date() == today.date():
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if (then.date() - today.date()).days < 7 else f"{then:%d %b %Y}"


def _action(capped: CappedView, of: Of) -> tuple[str, Tone]:
    """What the cap led to, the gravest first."""
    led = capped.led.get((of.scope, of.unit), Led())
    compacted = capped.compacted.get(of.scope.partition("/")[2]) if of.scope.count("/") == 1 else None
    found: list[str] = []
    if led.stopped:
        many = f" {len(led.stopped)} tasks" if of.scope.count("/") == 0 else ""
        found.append(f"halted{many}" + (" + summarised" if all(led.stopped.values()) else ""))
    if led.failed:
        found.append(f"failed {len(led.failed)}")
    if led.cheaper:
        found.append(f"cheaper arms first, {led.cheaper}x")
    if compacted is not None and of.is_first:
        found.append(f"compressed {count(compacted.before)}→{count(compacted.after)}")
    if not found and of.unit in of.state.marked:
        return f"told at {of.state.marked[of.unit]} %", "faint"
    return ", ".join(found), "warn" if found else ""


def _without_empty(lines: Sequence[Line]) -> tuple[tuple[Column, ...], list[Line]]:
    """The columns without those that have nothing to say."""
    kept = [
        number
        for number, column in enumerate(_COLUMNS)
        if column.name not in _OPTIONAL or any(_says(line.cells[number]) for line in lines)
    ]
    columns = tuple(_COLUMNS[number] for number in kept)
    return columns, [
        msgspec.structs.replace(line, cells=tuple(line.cells[number] for number in kept)) for line in lines
    ]


def _says(cell: Cell) -> bool:
    return not isinstance(cell, Text) or bool(cell.text)


def _notes(told: Told, found: Sequence[Of]) -> Iterator[Row]:
    if not found:
        yield [
            (
                "nothing is spent or reserved yet, and no cap holds here; `swarm budget set day '$0.50'` gives one",
                "faint",
            )
        ]
    for note in told.budgets.notes:
        yield [(visible(note), "warn")]
    if told.left_out:
        own = session_name(told.budgets.session)
        yield [(f"{told.left_out:,} tasks are not shown; `swarm budget {own}` has all", "faint")]
    burning = told.burning
    if burning.until:
        until = datetime.fromtimestamp(burning.until // 1_000_000, told.zone)
        length = burning.until - burning.since
        least = ", taken as a minute" if length < LEAST_US else ""
        yield [("", "")]
        yield [
            (f"burn/h: of the {span(length)}{least}, up to the last charge at {until:%H:%M:%S} in this log", "faint")
        ]
