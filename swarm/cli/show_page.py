"""What `swarm show` writes for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from events.log import session_name
from events.types.choice import ChoiceMade
from events.types.session import Estimated
from events.types.task import StepAccepted, StepRejected
from events.types.tool import SandboxProbed
from events.views.attempts import Attempt, Call, Use, Verdict
from events.views.tasks import StepState, TaskState, own_changes
from swarm.choice.choose import probabilities
from swarm.cli.estimated import beside
from swarm.cli.hints import to_type
from swarm.cli.output import Cell, Output, counted
from swarm.cli.ps import Listed
from swarm.cli.sessions import STYLES
from swarm.errors import dollars
from swarm.insight.sentences import audit_said
from swarm.insight.uses import files_said, sandbox_said, use_said
from tui.words import PAUSED, attempt_of, count, cut, span, status_of, visible, visible_lines

_STYLE = {"good": "green", "bad": "red", "busy": "blue", "warn": "yellow", "faint": "dim", "": ""}
_USE = {"refused": "yellow", "waiting": "yellow", "open": "blue", "failed": "", "done": ""}
_MOST_LINES = 20  # of a text; `--text` prints it whole
_FEEDBACK_LINES = 6
_HANDOVER_LINES = 60  # of a plan with the most steps; it is bounded
_LONGEST_TITLE = 60
_LONGEST_QUESTION = 80
_ANSWERED = {"done": "it answered", "failed": "it came to no answer"}


def session_page(
    one: Listed,
    estimate: Estimated | None,
    output: Output,
    *,
    now: int,
    way: Sequence[str] = (),
    sandbox: SandboxProbed | None = None,
) -> None:
    session = one.session
    name = session_name(session.number)
    output.line(f"{name}  {visible(session.title)}", "bold")
    output.line(f"  {one.state}" + (f": {visible(session.reason)}" if session.reason else ""), STYLES[one.state])
    if one.is_paused and one.paused is not None:
        who = f"paused by {visible(one.paused.by)} {span(now - one.paused.since)} ago"
        output.line(f"  {PAUSED.glyph} {who}: `{to_type('unpause', name, log=output.log)}` goes on", "yellow")
    owner = f" · owned by {visible(session.claim.owner)}" if session.claim else ""
    output.line(f"  {session.type} · {span(now - session.opened_at)} ago · {visible(session.directory)}{owner}")
    if estimate is not None:
        output.line(f"  {beside(estimate, sum(task.cost_nanos for task in one.tasks))}")
    if sandbox is not None:
        output.line(f"  {visible(sandbox_said(sandbox))}", "yellow" if sandbox.backend == "none" else "")
    output.line()
    if one.tasks:
        _tasks_table(one, output, now)
    else:
        output.line("  no task was submitted")
    if one.state in ("interrupted", "orphaned"):
        output.note(f"go on with `{' '.join(('swarm resume', name, *way))}`")


def _tasks_table(one: Listed, output: Output, now: int) -> None:
    rows: list[list[Cell]] = []
    for task in one.tasks:
        status = status_of(task)
        rows.append(
            [
                (f"{status.glyph} {status.word}{' (unjudged)' if task.unjudged else ''}", _STYLE[status.tone]),
                f"{session_name(task.session)}/{task.name}",
                f"{task.role or '-'}",
                visible(task.model) or "-",
                str(attempt_of(task)),
                count(task.tokens),
                dollars(task.cost_nanos) + (f" ({task.maybe_paid} maybe paid)" if task.maybe_paid else ""),
                span((task.ended_at or now) - task.submitted_at),
                cut(task.reason or task.title, _LONGEST_TITLE),
            ]
        )
    output.table(("STATE", "TASK", "ROLE", "MODEL", "TRY", "TOKENS", "COST", "AGE", "TITLE OR REASON"), rows)


def task_page(
    task: TaskState,
    step: StepState | None,
    attempts: list[Attempt],
    texts: dict[int, str | None],
    output: Output,
    *,
    now: int,
) -> None:
    """Write a task, or the one step of it that is given."""
    _task_head(task, output, now)
    if not step:
        _handovers(task, texts, output)
    planning = [attempt for attempt in attempts if attempt.step == 0]
    if planning:
        output.line("plan", "bold")
        for attempt in planning:
            _attempt(attempt, texts, output)
    for one in [step] if step else task.steps:
        output.line(f"step {one.number} of {task.total}  {visible(one.title)}  ({one.stage})", "bold")
        for attempt in attempts:
            if attempt.step == one.number:
                _attempt(attempt, texts, output)
    place, word = (step.draft, "draft") if step else (task.result, "result")
    if place is not None:
        output.line(word, "bold")
        whole = f"{session_name(task.session)}/{task.name}" + (f"/{step.number}" if step else "")
        _text(texts.get(place.at), output, most=_MOST_LINES, whole=to_type("show", whole, "--text", log=output.log))


def _task_head(task: TaskState, output: Output, now: int) -> None:
    status = status_of(task)
    output.line(f"{session_name(task.session)}/{task.name}  {visible(task.title)}", "bold")
    unjudged = " (unjudged: nobody could judge it, only its form was looked at)" if task.unjudged else ""
    reason = f": {visible(task.reason)}" if task.reason else ""
    if status is not PAUSED:  # who paused it stands below
        output.line(f"  {status.glyph} {status.word}{unjudged}{reason}", _STYLE[status.tone])
    for line in _steered(task, output, now):
        output.line(f"  {line}", "yellow")
    needs = f" · needs {', '.join(task.needs)}" if task.needs else ""
    took = span((task.ended_at or now) - task.submitted_at)
    output.line(f"  {task.type} · {task.complexity}{needs} · {took}")
    maybe = f" · {task.maybe_paid} maybe paid" if task.maybe_paid else ""
    served = f" · {task.served} answered before" if task.served else ""
    sizes = f"{task.input_tokens:,} tokens in, {task.output_tokens:,} out"
    output.line(f"  {counted(task.calls, 'call')} · {sizes} · {dollars(task.cost_nanos)}{maybe}{served}")
    if files := own_changes(task) if task.status == "accepted" else ():
        output.line(
            f"  {counted(len(files), 'file')} changed · {_where_now(task, output)}: {visible(files_said(files))}"
        )
    elif task.applied:
        output.line(f"  what its tools changed before is {_where_now(task, output)}")


def _steered(task: TaskState, output: Output, now: int) -> Iterator[str]:
    """What a person said of how the task goes on."""
    paused, pin, name = task.own.paused, task.own.pin, f"{session_name(task.session)}/{task.name}"
    if paused is not None and task.status in ("open", "halted"):
        who = f"paused by {visible(paused.by)} {span(now - paused.since)} ago"
        yield f"{PAUSED.glyph} {who}: `{to_type('unpause', name, log=output.log)}` goes on"
    if pin is not None and task.status not in ("accepted", "skipped"):
        yield f"first tries go to the tier {visible(pin.tier)}, said {visible(pin.by)} (event {pin.at})"


def _where_now(task: TaskState, output: Output) -> str:
    """Where that is which tools changed for a task, and what is typed to have it otherwise."""
    name = f"{session_name(task.session)}/{task.name}"
    if task.applied:
        return f"in your files (back: `{to_type('undo', name, log=output.log)}`)"
    them = "it" if len(own_changes(task)) == 1 else "them"
    return f"not in your files (`{to_type('apply', name, log=output.log)}` takes {them} over)"


def _handovers(task: TaskState, texts: dict[int, str | None], output: Output) -> None:
    """What the task began with, and what it hands over where it was stopped."""
    by = f", written by {visible(task.summary_by)}" if task.summary_by else ""
    for place, word in ((task.handover, "goes on from"), (task.summary, f"hand-over{by}")):
        if place is not None:
            output.line(word, "bold")
            _text(texts.get(place.at), output, most=_HANDOVER_LINES)


def _attempt(attempt: Attempt, texts: dict[int, str | None], output: Output) -> None:
    by = f"  {visible(attempt.drafted_by)}" if attempt.drafted_by else ""
    output.line(f"  attempt {attempt.number}{by}")
    for position, choice in attempt.choices:
        for line in _choice_lines(position, choice):
            output.line(f"    {line}", "dim")
    done: list[Call | Use] = [*attempt.calls, *attempt.uses]
    for one in sorted(done, key=lambda one: one.position):
        if isinstance(one, Use):
            who = f"sub-agent {one.branch} " if one.branch else ""
            output.line(f"    use {one.position} {who}{visible(use_said(one))}", _USE[one.state])
        else:
            output.line(f"    {call_line(one)}", "yellow" if one.state == "maybe paid" else "")
    for line in _beside_lines(attempt):
        output.line(f"    {line}")
    if attempt.stopped:
        output.line(f"    ‖ ended: {visible(attempt.stopped)}", "yellow")
    for verdict in attempt.verdicts:
        _verdict(verdict, texts, output)
    for _, audit in attempt.audits:
        output.line(f"    ◇ {visible(audit_said(audit))}", "yellow" if audit.agrees is False else "dim")
    if attempt.abandoned:
        output.line(f"    ⊘ abandoned: {visible(attempt.abandoned)}", "yellow")


def _beside_lines(attempt: Attempt) -> Iterator[str]:
    """Its sub-agents, and what was asked of a person."""
    for branch, use in attempt.sub_agents().items():
        calls = [call for call in attempt.calls if call.branch == branch]
        took = f"{sum(call.tokens for call in calls):,} tokens, {dollars(sum(call.cost_nanos for call in calls))}"
        word = _ANSWERED.get(use.state if use is not None else "", "it has not answered yet")
        yield f"sub-agent {branch}: {counted(len(calls), 'call')}, {took}; {word}"
    for asked in attempt.questions.values():
        said = f"{visible(asked.by)} answered" if asked.by else "nobody answered yet"
        yield f"asked: {cut(asked.event.question, _LONGEST_QUESTION)}  ({said})"


def _choice_lines(position: int, choice: ChoiceMade) -> Iterator[str]:
    """Who was chosen and why; each candidate with its share of the draw; who could not be drawn, and by which rule."""
    why = f" because {visible(choice.why)}" if choice.why else ""
    yield f"chosen {visible(choice.agent)}@{visible(choice.model)} by {choice.policy} (event {position}){why}"
    if choice.spent_scope:
        yield f"  {choice.spent_percent} % of the money cap of {choice.spent_scope} is spent: cheaper arms first"
    chances = probabilities(choice)
    width = max((len(one.arm) for one in choice.candidates), default=0)
    for one in choice.candidates:
        share = f"{100 * chances[one.arm]:.0f} %" if one.arm in chances else "-"
        name = visible(one.arm).ljust(width)
        how = f"weight {one.weight:.3g}" if one.weight else f"drawn as {one.draw:.2f}" if one.draw else "not drawn"
        trail = f"{one.accepted:.1f} accepted, {one.rejected:.1f} rejected"
        cost = f" · {dollars(one.cost_nanos)}"
        yield f"  {name} {one.tier:<5} {how} ({share}) · mean {one.mean:.2f} · {trail}{cost}"
    for skipped in choice.skipped:
        yield f"  free, and not first: {visible(skipped.model)}: {visible(skipped.rule)}"
    for excluded in choice.excluded:
        yield f"  not {visible(excluded.model)}: {visible(excluded.rule)}"


def call_line(call: Call) -> str:
    role = f"{call.role} {call.branch}" if call.branch else call.role
    who = f"call {call.position} {role} {visible(call.agent)}@{visible(call.model)} ({call.tier})"
    why = f" · {visible(call.why)}" if call.why else ""
    match call.state:
        case "settled":
            cached = f" ({call.cached_tokens:,} cached)" if call.cached_tokens else ""
            finish = "" if call.finish == "stop" else f" · finish {call.finish}"
            sizes = f"{call.input_tokens:,} in{cached}, {call.output_tokens:,} out"
            return f"{who}: {sizes}, {dollars(call.cost_nanos)}, {call.duration_ms / 1000:.1f} s{finish}{why}"
        case "served":
            return f"{who}: not asked, {call.how} answer of {call.source}, {dollars(call.saved_nanos)} saved{why}"
        case "open" | "maybe paid":
            held = f"{call.reserved_tokens:,} tokens and {dollars(call.reserved_nanos)} reserved"
            word = "in flight" if call.state == "open" else f"maybe paid: {visible(call.reason)}"
            return f"{who}: {word}; {held}{why}"
        case _:
            return f"{who}: {call.state}: {visible(call.reason)}{why}"


def _verdict(verdict: Verdict, texts: dict[int, str | None], output: Output) -> None:
    event = verdict.event
    for check in event.checks:
        mark, style = ("✔", "green") if check.passed else ("✘", "red" if check.required else "yellow")
        optional = "" if check.required else " (optional)"
        detail = f": {visible(check.detail)}" if check.detail else ""
        output.line(f"    check {mark} {visible(check.name)}{optional}{detail}", style)
    accepted = isinstance(event, StepAccepted)
    by_checks = not event.judge and any(check.name != "form" or not check.passed for check in event.checks)
    judge = f" by {visible(event.judge) if event.judge else 'its checks'}" if event.judge or by_checks else ""
    why = f" ({visible(event.why_judge)})" if event.why_judge else ""
    score = f", score {event.score:.2f}" if event.score is not None else ""
    unjudged = ", unjudged" if isinstance(event, StepAccepted) and event.unjudged else ""
    reason = f": {visible(event.reason)}" if event.reason and not by_checks else ""  # the checks have said theirs
    word, style = ("✔ accepted", "green") if accepted else ("✘ rejected", "red")
    output.line(f"    {word}{judge}{why}{score}{unjudged}{reason}", style)
    if isinstance(event, StepRejected):
        output.line("    feedback for the next attempt")
        _text(texts.get(verdict.position), output, most=_FEEDBACK_LINES, indent="      ")


def _text(text: str | None, output: Output, *, most: int, indent: str = "  ", whole: str = "") -> None:
    if text is None:
        output.line(f"{indent}(its text is no longer kept)", "dim")
        return
    lines = visible_lines(text.rstrip("\n")).split("\n")
    for line in lines[:most]:
        output.line(f"{indent}│ {line}")
    if len(lines) > most:
        how = f"; whole: `{whole}`" if whole else ""
        output.line(f"{indent}│ … {len(lines) - most} more lines{how}", "dim")
