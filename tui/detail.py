"""A task as its own view shows it: what is looked up for that, and the rows above its text, drawn from the folds for any width."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise

import msgspec

from events.log import Entry
from events.types.call import CallReserved
from events.types.choice import FREE_TIERS
from events.types.stage import StageApplied
from events.types.task import StepAccepted, StepRejected
from events.views.attempts import Attempt
from events.views.tasks import TaskState
from tui.document import Document, breaks_of
from tui.lanes import WORD, axis_row, lane_row, lanes_of
from tui.live import Cap, Live
from tui.rows import Piece, Row, fitted
from tui.widgets.bars import MARKS, gauge_row
from tui.words import attempt_of, count, span, status_of, usd, visible

WIDE = 110  # columns from which the facts stand beside the lanes
_GAUGE = 20
_HIGH = 8  # rows, from which the line that explains the choice may have two
_IN = " \u203a "  # what is in what is before it


class Tab(msgspec.Struct, frozen=True):
    """One of the texts of an attempt, by the key that shows it."""

    key: str
    word: str


TABS = (
    Tab("p", "prompt"),
    Tab("r", "response"),
    Tab("d", "diff"),
    Tab("t", "tools"),
    Tab("c", "checks"),
    Tab("e", "events"),
    Tab("w", "why"),
    Tab("J", "json"),
)

AttemptKey = tuple[int, int]
"""A step and an attempt at it, from 1; step 0 is the plan."""


class Wanted(msgspec.Struct, frozen=True):
    """What is looked at of a task: one of the tabs, of one of its attempts; None: of the newest."""

    task: str
    attempt: AttemptKey | None
    tab: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """A task as of a place of the log."""

    task: TaskState
    attempts: Sequence[Attempt]  # in the order in which they began
    number: int  # of the one that is looked at, from 0; -1: there is none yet
    entries: Sequence[Entry]  # of the task
    needs: Sequence[TaskState]
    blocks: Sequence[TaskState]  # that need it
    cap: Cap
    chosen: str  # why this agent has the attempt, in one line; "": nobody was chosen
    document: Document  # of the tab

    @property
    def attempt(self) -> Attempt | None:
        return self.attempts[self.number] if 0 <= self.number < len(self.attempts) else None


DetailOf = Callable[[Live, int, Wanted], Awaitable[Detail | None]]
"""Looks a task up as of where the view model stands in the log, at a moment in microseconds since 1970; None: it was not
submitted by then. What it needs of the view model it takes before it waits for anything. Raises LogError."""


def key_of(attempt: Attempt) -> AttemptKey:
    return attempt.step, attempt.number


def attempt_name(attempt: Attempt, task: TaskState) -> str:
    """attempt 2; with the step where there are several."""
    if not attempt.step:
        return f"plan {attempt.number}" if attempt.number > 1 else "plan"
    return f"step {attempt.step}{_IN}attempt {attempt.number}" if task.total > 1 else f"attempt {attempt.number}"


def tab_row(detail: Detail | None, tab: str, width: int) -> Row:
    """The tabs with how much is in them, as far as there is room; the one that is seen stands in brackets."""
    much = {
        each.word: f"{each.word} {_much(detail, each.word) if detail is not None else ''}".rstrip() for each in TABS
    }
    short = {each.word: much[each.word] if each.word == tab else "" for each in TABS}
    rows = [_tabs(said, tab) for said in (much, {word: word for word in much}, short)]
    return next((row for row in rows if sum(len(text) for text, _ in row) <= width), rows[-1])


def _tabs(words: Mapping[str, str], tab: str) -> Row:
    row: Row = []
    for each in TABS:
        said = f"{each.key} {words[each.word]}".rstrip()
        if each.word == tab:
            row.append((f"[{said}]", "busy"))
        else:
            row.append((f" {said} ", "faint"))
    return row


def _much(detail: Detail, word: str) -> str:
    attempt = detail.attempt
    if word == "events":
        return f"{len(detail.entries):,}"
    if attempt is None:
        return ""
    match word:
        case "prompt" | "response":
            return str(len(attempt.calls)) if attempt.calls else ""
        case "tools":
            return str(len(attempt.uses)) if attempt.uses else ""
        case "checks":
            checks = attempt.verdicts[-1].event.checks if attempt.verdicts else ()
            return f"{sum(check.passed for check in checks)}/{len(checks)}" if checks else ""
        case "diff":
            files = {file.path for use in attempt.uses for file in use.files}
            return f"{len(files)}" if files else ""
        case _:
            return ""


def head_rows(detail: Detail, now: int, width: int, most: int) -> list[Row]:
    """What stands above the text, in at most so many rows: where there is no room for all, what matters least goes first."""
    lanes, (begin, end) = lanes_of(detail.entries, now), _time_of(detail.task, now)
    facts = [row for row in (_skills_row(detail), _cache_row(detail), _stages_row(detail), _needs_row(detail)) if row]
    ranked: list[tuple[int, Row]] = [(0, _state_row(detail, now)), (1, _amounts_row(detail, width))]
    if models := _models_row(detail):
        ranked.append((3, models))
    if detail.chosen:
        ranked += [(2, row) for row in _why_rows(detail.chosen, width, 2 if most >= _HIGH else 1)]
    half = (width - 2) // 2 if width >= WIDE and facts else width
    drawn = [axis_row(begin, end, half), *(lane_row(lane, begin, end, half) for lane in lanes)] if lanes else []
    if half < width:
        for at in range(max(len(drawn), len(facts))):
            left = fitted(drawn[at] if at < len(drawn) else [], half)
            ranked.append((5 if at else 6, [*left, ("  ", ""), *(facts[at] if at < len(facts) else [])]))
    else:
        ranked += [(4 if at else 6, row) for at, row in enumerate(drawn)]
        ranked += [(5, row) for row in facts]
    kept = sorted(range(len(ranked)), key=lambda at: (ranked[at][0], at))[: max(0, most)]
    return [ranked[at][1] for at in sorted(kept)]


def _time_of(task: TaskState, now: int) -> tuple[int, int]:
    return task.submitted_at, max(task.submitted_at + 1, task.ended_at or now)


def _state_row(detail: Detail, now: int) -> Row:
    task, status = detail.task, status_of(detail.task)
    step, who = task.step, _who(task)
    parts = [who] if who else []
    parts.append(f"attempt {attempt_of(task)} of {task.attempts}" if task.steps else "not planned yet")
    if task.total > 1:
        parts.append(f"step {step.number if step is not None else task.total} of {task.total}")
    parts.append(span((task.ended_at or now) - task.submitted_at))
    reason = f": {visible(task.reason)}" if task.reason else ""
    unjudged = " (unjudged)" if task.unjudged else ""
    return [(f"{status.glyph} {status.word}{unjudged}", status.tone), (reason, ""), (f"  {' · '.join(parts)}", "")]


def _who(task: TaskState) -> str:
    """Who is at work, or whose draft was the last."""
    last = task.steps[-1] if task.steps else None
    if task.status != "open" and last is not None and last.model:
        return f"by {visible(last.agent)}@{visible(last.model)} ({last.tier})"
    tier = f"({task.tier})" if task.tier else ""
    return " ".join(each for each in (task.role, visible(task.model), tier) if each)


def _why_rows(chosen: str, width: int, most: int) -> list[Row]:
    """In so many rows at most, of which the last one may be cut."""
    said = visible(chosen)
    starts = [*breaks_of(said, max(1, width - WORD))[:most], len(said)]
    parts = [said[one:other].rstrip() for one, other in pairwise(starts)]
    return [[(f"{'' if at else 'why':<{WORD}}", "faint"), (part, "")] for at, part in enumerate(parts)]


def _amounts_row(detail: Detail, width: int) -> Row:
    """Tokens and dollars, each against the cap of the task where it has one."""
    task, cap = detail.task, detail.cap
    wide = _GAUGE if width >= 2 * _GAUGE + 60 else 0
    row: Row = [(f"{'spent':<{WORD}}", "faint")]
    row += _amount(count(task.tokens), "tokens", task.tokens, cap.tokens, count, wide)
    row.append(("   ", ""))
    row += _amount(usd(task.cost_nanos), "", task.cost_nanos, cap.nanos, usd, wide)
    calls = f"   {task.calls} {'call' if task.calls == 1 else 'calls'}"
    maybe = f", {task.maybe_paid} maybe paid" if task.maybe_paid else ""
    return [*row, (calls + maybe, "warn" if maybe else "faint")]


def _amount(said: str, word: str, used: int, cap: int | None, write: Callable[[int], str], gauge: int) -> Row:
    said = f"{said} {word}".rstrip()
    if cap is None:
        return [(said, "")]
    percent = 100 * used // cap if cap else 100
    mark: Piece = (" !!", "bad") if percent >= 100 else (" !", "warn") if percent >= MARKS[0] else ("", "")
    row: Row = [(f"{said} of {write(cap)} ", "")]
    if gauge:
        row += gauge_row(gauge, used, 0, cap)
        row.append((" ", ""))
    return [*row, (f"{percent}%{mark[0]}", mark[1])]


def _models_row(detail: Detail) -> Row:
    """The models that drafted one after the other, and why another one did; nothing where it was one."""
    row: Row = []
    tiers, before, why = dict[str, str](), "", ""
    for attempt in detail.attempts:
        for call in attempt.calls:
            if call.role == "worker" and not call.branch and call.model != before:
                tier = f" ({call.tier})" if call.tier != tiers.get(before) else ""
                row.append((f" → {visible(call.model)}{tier}" if before else visible(call.model) + tier, ""))
                if before and why:
                    dearer = call.tier not in FREE_TIERS and tiers[before] in FREE_TIERS
                    row.append((f" ({'escalated: ' if dearer else ''}{why})", "faint"))
                before = call.model
                tiers[before] = call.tier
        why = _why_anew(attempt) or why
    return [(f"{'models':<{WORD}}", "faint"), *row] if len(tiers) > 1 else []


def _why_anew(attempt: Attempt) -> str:
    if attempt.abandoned:
        return f"⊘ {visible(attempt.abandoned)}"
    rejected = [each.event for each in attempt.verdicts if isinstance(each.event, StepRejected)]
    return f"✘ {visible(rejected[-1].reason)}" if rejected else ""


def _skills_row(detail: Detail) -> Row:
    """The skills that the attempt was told of, each once."""
    told: dict[str, int] = {}
    for entry in _of_attempt(detail):
        if isinstance(entry.event, CallReserved):
            told.update(zip(entry.event.skills, entry.event.skill_tokens, strict=False))
            for name in entry.event.skills:
                told.setdefault(name, 0)
    if not told:
        return []
    tokens = f" ({count(sum(told.values()))} tokens)" if any(told.values()) else ""
    return [(f"{'skills':<{WORD}}", "faint"), (", ".join(visible(name) for name in told) + tokens, "")]


def _cache_row(detail: Detail) -> Row:
    """Which calls of the attempt got an earlier answer, and how much of what was sent the providers had kept."""
    calls = detail.attempt.calls if detail.attempt is not None else []
    if not calls:
        return []
    served = [call for call in calls if call.state == "served"]
    how = f" ({', '.join(sorted({call.how for call in served if call.how}))})" if served else ""
    hits = f"hit: {len(served)} of {len(calls)} calls answered before{how}" if served else "miss"
    sent, cached = sum(call.input_tokens for call in calls), sum(call.cached_tokens for call in calls)
    kept = f" · {count(cached)} of {count(sent)} tokens in were kept by the provider" if cached else ""
    return [(f"{'cache':<{WORD}}", "faint"), (hits + kept, "")]


def _stages_row(detail: Detail) -> Row:
    """What the stages of the token pipeline made shorter for the attempt: before → after."""
    made: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in _of_attempt(detail):
        if isinstance(entry.event, StageApplied):
            stage = entry.event
            before, after = made.get((stage.stage, stage.how), (0, 0))
            made[stage.stage, stage.how] = before + stage.before, after + stage.after
    notes = {"measured": " (only measured)", "held": " (held back)"}
    said = [
        f"{visible(stage)} {count(before)} → {count(after)}{notes.get(how, '')}"
        for (stage, how), (before, after) in made.items()
    ]
    return [(f"{'shorter':<{WORD}}", "faint"), (" · ".join(said), "")] if said else []


def _needs_row(detail: Detail) -> Row:
    row: Row = []
    for word, others in (("needs", detail.needs), ("blocks", detail.blocks)):
        if not others:
            continue
        row.append((f"{word:<{WORD}}" if not row else f"   {word} ", "faint"))
        for number, other in enumerate(others):
            status = status_of(other)
            row.append((f"{', ' if number else ''}{other.name} ", ""))
            row.append((f"{status.glyph} {status.word}", status.tone))
    return row


def _of_attempt(detail: Detail) -> list[Entry]:
    attempt = detail.attempt
    if attempt is None:
        return []
    return [entry for entry in detail.entries if (entry.step, entry.attempt) == key_of(attempt)]


def verdict_glyph(attempt: Attempt) -> str:
    """✔ or ✘ where it was judged, ⊘ where it was abandoned."""
    if attempt.verdicts:
        return "✔" if isinstance(attempt.verdicts[-1].event, StepAccepted) else "✘"
    return "⊘" if attempt.abandoned else ""


def crumb_row(detail: Detail | None, opened_from: str, task: str, mark: str) -> Row:
    """Where one is: the view from which it was opened, the task, the attempt, the call."""
    row: Row = [(f" {opened_from}{_IN}", "faint"), (visible(task), "busy")]
    attempt = detail.attempt if detail is not None else None
    if detail is None or attempt is None:
        return row
    glyph = verdict_glyph(attempt)
    row.append((f"{_IN}{attempt_name(attempt, detail.task)}{f' {glyph}' if glyph else ''}", ""))
    row.append((f"{_IN}{mark}" if mark else "", ""))
    of = f"  {detail.number + 1} of {len(detail.attempts)}" if len(detail.attempts) > 1 else ""
    return [*row, (f"{of}  {visible(detail.task.title)}", "faint")]
