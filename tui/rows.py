"""The lines of the panes as pieces of text with a tone, for any width: what is drawn is decided here, without a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from events.log import Entry, session_name
from events.types.call import CallFailed, CallOverran, CallUnknown
from events.types.model import ModelCooled
from events.types.session import SessionClosed
from events.types.task import AttemptAbandoned, StepAccepted, StepRejected, TaskAccepted, TaskFailed, TaskHalted
from events.types.tool import ApprovalAsked, QuestionAsked, ToolFinished
from events.types.tree import ChangesApplied
from events.views.money import ScopeState
from events.views.tasks import TaskState
from tui.lines import essence, id_of
from tui.live import SCOPED, Cap, Live, todays
from tui.words import PAUSED, Status, Tone, attempt_of, count, span, status_of, usd, visible

Piece = tuple[str, Tone]
Row = list[Piece]

_KINDS: dict[type, Tone] = {
    StepAccepted: "good",
    TaskAccepted: "good",
    StepRejected: "bad",
    TaskFailed: "bad",
    TaskHalted: "warn",
    CallFailed: "warn",
    CallUnknown: "warn",
    CallOverran: "warn",
    ModelCooled: "warn",
    AttemptAbandoned: "warn",
    ApprovalAsked: "warn",
    QuestionAsked: "warn",
    ChangesApplied: "good",
    SessionClosed: "busy",
}
_STATES: dict[str, tuple[str, Tone]] = {
    "running": ("● live", "busy"),
    "finished": ("✔ finished", "good"),
    "interrupted": ("‖ interrupted", "warn"),
    "orphaned": ("✘ orphaned", "bad"),
}
_ASKS = Status("?", "asks you", "warn")
WARN_PERCENT = 80  # of a cap: the mark from which a run prefers cheaper models
_WIDE = 84  # columns from which the tasks have all columns
_MIDDLE = 46  # columns from which they have their age


class _Amounts(NamedTuple):
    """What one scope holds of money or of tokens."""

    spent: int
    reserved: int
    maybe: int
    over: int


def header_row(live: Live, state: str, now: int, behind: str, *, hint: str = "") -> Row:
    """The session, its state, its tasks, what today has cost, and what waits for a person; `hint` says how it is answered."""
    if live.state is None:
        return [("swarm  ", ""), (behind or "no session yet; start one with `swarm run`", "faint")]
    paused = state == "running" and live.tasks.whole(live.session).paused is not None
    word, tone = (f"{PAUSED.glyph} {PAUSED.word}", PAUSED.tone) if paused else _STATES.get(state, (state, ""))
    counts = live.counts()
    tasks = "".join(f" {glyph}{counts[glyph]}" for glyph in "✔✘‖⊘●↻○" if counts[glyph])
    named = f"  {session_name(live.session)}  {sum(counts.values())} tasks{tasks}  "
    row: Row = [("swarm ", ""), (word, tone), (named, ""), *_today(live, now)]
    if asks := live.asks.total():
        row.append((f"  {_ASKS.glyph} {asks} {'waits' if asks == 1 else 'wait'} for you{hint}", _ASKS.tone))
    if behind:
        row.append((f"  {behind}", "warn"))
    return [*row, (f"  {visible(live.state.title)}", "faint")]


def _today(live: Live, now: int) -> Row:
    days = todays(live.money.scopes, now)
    spent = sum(live.money.scopes[name].spent.nanos for name in days)
    caps = [cap.nanos for name in days if (cap := live.cap(name)).nanos is not None]
    over = bool(caps) and spent > min(caps)
    text = f"today {usd(spent)}" + (f" of {usd(min(caps))}" if caps else "")
    return [(text + (" !!" if over else ""), "bad" if over else "")]


def task_head(width: int) -> Row:
    return _task_columns(width, ("STATE", "TASK", "ROLE", "MODEL", "TRY", "TOKENS", "COST", "AGE"), "faint", "faint")


def task_row(task: TaskState, width: int, now: int, *, using: str = "", asks: int = 0) -> Row:
    """A task; on a narrow screen without the columns that can be missed. The tool that it is using stands for its model,
    which rests meanwhile; `asks` is how much of it waits for a person."""
    status = _ASKS if asks else status_of(task)
    maybe = "?" if task.maybe_paid else ""
    cells = (
        f"{status.glyph} {status.word}",
        task.name,
        task.role or "-",
        f"▸ {visible(using)}" if using else visible(task.model) or "-",
        str(attempt_of(task)),
        count(task.tokens),
        usd(task.cost_nanos) + maybe,
        span((task.ended_at or now) - task.submitted_at),
    )
    return _task_columns(width, cells, status.tone, "")


def _task_columns(width: int, cells: Sequence[str], first: Tone, rest: Tone) -> Row:
    state, name, role, model, attempt, tokens, cost, age = cells
    wide = width >= _WIDE
    with_age = width >= _MIDDLE
    numbers = f"{tokens:>7} {cost:>11} {age:>7}" if with_age else f"{tokens:>7} {cost:>8}"
    fixed = 12 + (27 if with_age else 16) + (11 + 4 if wide else 0)
    left = max(6, width - fixed - 2)
    model_width = min(28, left // 2) if width >= 60 else 0
    row: Row = [(_cell(state, 12), first), (_cell(name, left - model_width), rest)]
    if wide:
        row.append((_cell(role, 11), rest))
    if model_width:
        row.append((_cell(model, model_width), rest))
    if wide:
        row.append((f"{attempt:>3} ", rest))
    return [*row, (numbers, rest)]


def budget_rows(live: Live, now: int) -> list[Row]:
    """For each scope what is spent, reserved and maybe paid, against its cap where one is known."""
    rows: list[Row] = []
    scopes = live.scopes(now)
    for name, scope in scopes:
        rows += _scope_rows(name, scope, live.cap(name))
    if len(scopes) > SCOPED:
        rows.append([(f"at most {SCOPED} tasks here; all: `swarm cost --by task`", "faint")])
    return rows or [[("nothing is spent or reserved yet", "faint")]]


def _scope_rows(name: str, scope: ScopeState, cap: Cap) -> list[Row]:
    money = _Amounts(scope.spent.nanos, scope.reserved.nanos, scope.maybe_paid.nanos, scope.overran.nanos)
    tokens = _Amounts(scope.spent.tokens, scope.reserved.tokens, scope.maybe_paid.tokens, scope.overran.tokens)
    return [
        [(name.partition("@")[0].replace(":", " "), "busy")],
        *_amount_rows("money", money, cap.nanos, usd),
        *_amount_rows("tokens", tokens, cap.tokens, count),
    ]


def _amount_rows(word: str, scope: _Amounts, cap: int | None, write: Callable[[int], str]) -> list[Row]:
    """What is spent of what; below it what is reserved, maybe paid or over the reservation, where there is any."""
    row: Row = [(f" {word:<6} {write(scope.spent)}" + (f" of {write(cap)}" if cap is not None else ""), "")]
    if cap:
        percent = 100 * (scope.spent + scope.reserved) // cap
        mark: Piece = (" !!", "bad") if percent >= 100 else (" !", "warn") if percent >= WARN_PERCENT else ("", "")
        row.append((f"  {percent}%{mark[0]}", mark[1]))
    parts = ((scope.reserved, "reserved"), (scope.maybe, "maybe paid"), (scope.over, "over"))
    more = " · ".join(f"{write(amount)} {what}" for amount, what in parts if amount)
    return [row, [(f"        {more}", "warn")]] if more else [row]


def event_row(entry: Entry, zone: tzinfo | None) -> Row:
    moment = datetime.fromtimestamp(entry.at // 1_000_000, zone)
    tone = _tone_of(entry)
    return [
        (f"{entry.position:>6} {moment:%H:%M:%S} ", "faint"),
        (f"{entry.kind:<17} ", tone),
        (f"{_cell(_short_id(entry), 14)}", ""),
        (essence(entry), "faint"),
    ]


def _tone_of(entry: Entry) -> Tone:
    if isinstance(entry.event, ToolFinished):
        return "warn" if entry.event.refused else ""
    return _KINDS.get(type(entry.event), "")


def _short_id(entry: Entry) -> str:
    return id_of(entry).partition("/")[2] or id_of(entry)


def fitted(row: Row, width: int) -> Row:
    """The row cut or filled to exactly `width` cells; a cut shows as an ellipsis."""
    used, fitting = 0, list[Piece]()
    for text, tone in row:
        room = width - used
        size = cell_len(text)
        if size > room:
            fitting.append((set_cell_size(text, max(0, room - 1)) + "…" if room > 0 else "", tone))
            return fitting
        fitting.append((text, tone))
        used += size
    fitting.append((" " * (width - used), ""))
    return fitting


def _cell(text: str, width: int) -> str:
    """A column's text with one blank behind it, cut with an ellipsis."""
    if cell_len(text) >= width:
        return set_cell_size(text, max(0, width - 2)) + "… " if width > 2 else " " * width
    return set_cell_size(text, width)
