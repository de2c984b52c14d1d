"""The lines of the panes as pieces of text with a tone, for any width: what is drawn is decided here, without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich.cells import cell_len, set_cell_size

from events.log import Entry
from events.types.call import CallFailed, CallOverran, CallUnknown
from events.types.model import ModelCooled
from events.types.session import SessionClosed
from events.types.task import AttemptAbandoned, StepAccepted, StepRejected, TaskAccepted, TaskFailed, TaskHalted
from events.types.tool import ApprovalAsked, QuestionAsked, ToolFinished
from events.types.tree import ChangesApplied
from events.views.tasks import TaskState
from tui.lines import essence, id_of
from tui.words import Status, Tone, attempt_of, count, span, status_of, usd, visible

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
ASKS = Status("?", "asks you", "warn")
_WIDE = 76  # columns from which the tasks have all columns
_MIDDLE = 46  # columns from which they have their age


def task_head(width: int) -> Row:
    return _task_columns(width, ("STATE", "TASK", "ROLE", "MODEL", "TRY", "TOKENS", "COST", "AGE"), "faint", "faint")


def task_row(task: TaskState, width: int, now: int, *, using: str = "", asks: int = 0) -> Row:
    """A task; on a narrow screen without the columns that can be missed. The tool that it is using stands for its model,
    which rests meanwhile; `asks` is how much of it waits for a person."""
    status = ASKS if asks else status_of(task)
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


def event_row(entry: Entry, zone: tzinfo | None) -> Row:
    moment = datetime.fromtimestamp(entry.at // 1_000_000, zone)
    tone = _tone_of(entry)
    return [
        (f"{entry.position:>6} {moment:%H:%M:%S} ", "faint"),
        (f"{entry.kind:<17} ", tone),
        (f"{_cell(_short_id(entry), 14)}", ""),
        (essence(entry), "faint"),
    ]


def log_row(entry: Entry, zone: tzinfo | None, width: int, *, sessions: bool) -> Row:
    """An event among those of a long time: with its day where there is room, and its session where there are several."""
    moment = datetime.fromtimestamp(entry.at // 1_000_000, zone)
    when = f"{moment:%Y-%m-%d %H:%M:%S}" if width >= _WIDE else f"{moment:%H:%M:%S}"
    return [
        (f"{entry.position:>7} {when} ", "faint"),
        (f"{entry.kind:<17} ", _tone_of(entry)),
        (_cell(id_of(entry) if sessions else _short_id(entry), 18 if sessions else 14), ""),
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
