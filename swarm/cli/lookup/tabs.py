"""The texts of an attempt for the screen, each as a document: what was answered, changed, used, checked and recorded, and why."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import groupby

import msgspec

from events.log import EventLog, TextMissing, session_name
from events.types.base import TextRef
from events.types.call import CallSettled
from events.types.task import StepAccepted, StepDrafted, StepRejected
from events.types.tool import ToolFinished, ToolStarted
from events.types.tree import FileChange
from events.views.attempts import Attempt, Call, Use, Verdict
from events.views.tasks import TaskState
from swarm.cli.show_document import of_attempt
from swarm.cli.show_page import call_line
from swarm.insight.choices import why_choice
from swarm.insight.reason import Reason
from swarm.insight.sentences import audit_said, judged_by
from swarm.insight.story import Story, text_or_none
from swarm.insight.uses import use_said
from swarm.insight.why import explained
from swarm.messages import ToolCall
from swarm.roles.checks import Checked
from tui.document import Document, Part, Prose, Rows, prose
from tui.rows import Piece
from tui.words import Tone, visible, visible_lines

BAR: Piece = ("│ ", "faint")
_NO_TEXT = "its text is no longer kept"
_DIFF: Mapping[str, Tone] = {"+": "good", "-": "bad", "@": "busy", "d": "busy"}
_USED: Mapping[str, tuple[str, Tone]] = {
    "done": ("✔", "good"),
    "failed": ("✘", "bad"),
    "refused": ("⊘", "warn"),
    "waiting": ("?", "warn"),
    "open": ("●", "busy"),
}


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What documents are made from: a task, its part of the session, and one of its attempts; None: there is none yet."""

    log: EventLog
    story: Story
    task: TaskState
    attempt: Attempt | None


def title(text: str, *, mark: str = "", tone: Tone = "busy") -> Prose:
    return Prose((visible(text),), tone=tone, mark=mark)


def note(text: str) -> Prose:
    return Prose((text,), tone="faint")


def gap() -> Rows:
    return Rows(([],))


def quoted(text: str | None) -> Part:
    return prose(text, gutter=BAR) if text is not None else note(f"  ({_NO_TEXT})")


def call_name(number: int) -> str:
    """The place of a call in the documents of its attempt, by its number from 1."""
    return f"call {number}"


def call_title(number: int, call: Call) -> Prose:
    """A call by its number in the attempt, with the position of its event."""
    said = call_line(call).removeprefix(f"call {call.position} ")
    tone: Tone = "warn" if call.state == "maybe paid" else "busy"
    return title(f"{call_name(number)}  {said}  [{call.position}]", mark=call_name(number), tone=tone)


async def _document(parts: AsyncIterator[Part], empty: str) -> Document:
    found = tuple([part async for part in parts])
    return Document(found or (note(empty),))


async def response_tab(basis: Basis) -> Document:
    return await _document(_responses(basis), "no call was made yet; what is answered stands here")


async def _responses(basis: Basis) -> AsyncIterator[Part]:
    attempt, log = basis.attempt, basis.log
    if attempt is None:
        return
    for number, call in enumerate(attempt.calls, 1):
        yield call_title(number, call)
        async for part in _answer(basis, call):
            yield part
        yield gap()
    if attempt.draft is not None:
        ref, at = attempt.draft
        same = [n for n, call in enumerate(attempt.calls, 1) if call.answer and call.answer[0].digest == ref.digest]
        yield title(f"draft of {attempt.drafted_by}", mark="draft")
        yield note(f"  it is the answer of call {same[-1]}") if same else quoted(await text_or_none(log, ref, at=at))
        yield gap()
    if attempt.stopped:
        yield title(f"‖ ended: {attempt.stopped}", tone="warn")
    for verdict in attempt.verdicts:
        yield _verdict_title(verdict)
        if isinstance(verdict.event, StepRejected):
            yield note("  what the next attempt is told")
            yield quoted(await text_or_none(log, verdict.event.feedback, at=verdict.position))
    for _, audit in attempt.audits:
        yield title(f"◇ {audit_said(audit)}", tone="warn" if audit.agrees is False else "")
    if attempt.abandoned:
        yield title(f"⊘ abandoned: {attempt.abandoned}", tone="warn")


async def _answer(basis: Basis, call: Call) -> AsyncIterator[Part]:
    if call.answer is None:
        if call.state == "open":
            yield note("  no answer yet")
        return
    text = await text_or_none(basis.log, call.answer[0], at=call.answer[1])
    if text != "":
        yield quoted(text)
    end = basis.story.ends.get(call.position)
    if end is None or not isinstance(end.event, CallSettled) or end.event.calls is None:
        return
    wanted = await text_or_none(basis.log, end.event.calls, at=end.position)
    if wanted is None:
        yield note("  what it wanted of tools is no longer kept")
        return
    for each in msgspec.json.decode(wanted, type=tuple[ToolCall, ...]):
        yield title(f"  ▸ {each.name}", tone="")
        yield prose(pretty(each.arguments), gutter=BAR)


def _verdict_title(verdict: Verdict, mark: str = "verdict") -> Prose:
    event = verdict.event
    accepted = isinstance(event, StepAccepted)
    reason = f": {event.reason}" if event.reason else ""
    word = "✔ accepted" if accepted else "✘ rejected"
    return title(f"{word}{judged_by(event)}{reason}", mark=mark, tone="good" if accepted else "bad")


async def diff_tab(basis: Basis) -> Document:
    return await _document(_diff(basis), "no tool has changed a file of the project")


async def _diff(basis: Basis) -> AsyncIterator[Part]:
    """What differs from the project in the draft; as long as there is none, what each use changed."""
    from swarm.engine.copies import loaded
    from swarm.tools.diff import of_one, stat_line

    attempt = basis.attempt
    if attempt is None:
        return
    drafted = basis.story.at(attempt.draft[1]) if attempt.draft is not None else None
    stages: list[tuple[str, tuple[FileChange, ...], int]] = []
    if drafted is not None and isinstance(drafted.event, StepDrafted):
        stages.append(("the draft, against the project", drafted.event.files, drafted.position))
    else:
        stages += [(use_said(use), use.files, use.answer[1]) for use in attempt.uses if use.answer is not None]
    for said, files, at in stages:
        if not files:
            continue
        try:
            changes = await loaded(basis.log, files, at=at)
        except TextMissing:
            yield title(f"{said}: {', '.join(file.path for file in files)}")
            yield note(f"  ({_NO_TEXT})")
            continue
        yield title(f"{stat_line(changes)}  {said}")
        for change in changes:
            yield gap()
            yield title(f"file {change.path}", mark=visible(change.path))
            for part in diff_parts(of_one(change)):
                yield part


def diff_parts(patch: str) -> Iterator[Part]:
    """A patch, what goes behind + and what comes behind -."""
    for sign, lines in groupby(visible_lines(patch.rstrip("\n")).split("\n"), key=lambda line: line[:1]):
        if sign in ("+", "-"):
            is_head = ("+++", "---")
            run = list(lines)
            if run and run[0].startswith(is_head):
                yield Prose(run[:1], tone="faint")
                run = run[1:]
            if run:
                yield Prose([line[1:] for line in run], (f"{sign} │ ", _DIFF[sign]), _DIFF[sign], copied=sign)
        elif sign == " ":
            yield Prose([line[1:] for line in lines], ("  │ ", "faint"), copied=" ")
        else:
            yield Prose(list(lines), tone=_DIFF.get(sign, "faint"))


async def tools_tab(basis: Basis) -> Document:
    return await _document(_uses(basis), "no tool was used")


async def _uses(basis: Basis) -> AsyncIterator[Part]:
    attempt = basis.attempt
    for number, use in enumerate(attempt.uses if attempt is not None else (), 1):
        glyph, tone = _USED[use.state]
        who = f"sub-agent {use.branch} " if use.branch else ""
        yield title(f"{glyph} {use.state}  {who}{use_said(use)}", mark=f"use {number}", tone=tone)
        word = f"; {use.word.by or 'a person'} {'allowed' if use.word.allowed else 'refused'} it" if use.word else ""
        yield note(
            visible(f"  {'refused' if use.state == 'refused' else 'allowed'} by the rule: {use.rule or 'none'}{word}")
        )
        arguments, told = await _use_texts(basis, use)
        for said, text in (("arguments", arguments), ("what the model was told", told)):
            if text != "":
                yield note(f"  {said}")
                yield quoted(text)
        yield gap()


async def _use_texts(basis: Basis, use: Use) -> tuple[str | None, str | None]:
    """Its arguments, and what the model was told; "": that is not recorded yet, None: it is no longer kept."""
    at = use.answer[1] if use.answer is not None else use.position
    entry = basis.story.at(at)
    if entry is None or not isinstance(entry.event, ToolStarted | ToolFinished):
        return "", ""
    arguments = await text_or_none(basis.log, entry.event.arguments, at=at)
    told: str | None = ""
    if isinstance(entry.event, ToolFinished):
        told = await text_or_none(basis.log, entry.event.shown or entry.event.answer, at=at)
    return pretty(arguments) if arguments is not None else None, told


async def checks_tab(basis: Basis) -> Document:
    return await _document(_checks(basis), "nothing of it was checked or judged yet")


async def _checks(basis: Basis) -> AsyncIterator[Part]:
    for number, verdict in enumerate(basis.attempt.verdicts if basis.attempt is not None else (), 1):
        event = verdict.event
        yield _verdict_title(verdict, f"verdict {number}")
        said = await _printed(basis, verdict)
        for check in event.checks:
            mark = "✔ passed" if check.passed else "✘ failed"
            tone: Tone = "good" if check.passed else "bad" if check.required else "warn"
            optional = "" if check.required else " (optional)"
            yield Prose((visible(f"{mark}  {check.name}{optional}"),), tone=tone)
            if check.detail:
                yield prose(check.detail, gutter=BAR)
            if printed := said.get(check.name):
                yield note("  what it printed last")
                yield prose(printed, gutter=BAR)
        if isinstance(event, StepRejected):
            yield note("  what the next attempt is told")
            yield quoted(await text_or_none(basis.log, event.feedback, at=verdict.position))
        yield gap()


async def _printed(basis: Basis, verdict: Verdict) -> dict[str, str]:
    """What the checks of a verdict printed, by their names, as far as that is kept."""
    places: list[tuple[TextRef, int]] = []
    for entry in basis.story.entries:
        attempt = basis.attempt
        is_mine = attempt is not None and (entry.step, entry.attempt) == (attempt.step, attempt.number)
        if entry.position <= verdict.position and is_mine and entry.task == basis.task.name:
            captured = getattr(entry.event, "captured", ())
            places += [(each.text, entry.position) for each in captured if each.name == "checks"]
    text = await text_or_none(basis.log, places[-1][0], at=places[-1][1]) if places else None
    try:
        results = msgspec.json.decode(text, type=tuple[Checked, ...]) if text is not None else ()
    except msgspec.MsgspecError:
        return {}  # of another program: what is in the verdict is shown
    return {each.name: each.said for each in results if each.said}


async def why_tab(basis: Basis) -> Document:
    """Why this agent has the attempt, and how the task came to where it stands, as `swarm why` says it."""
    parts: list[Part] = []
    for position, choice in basis.attempt.choices if basis.attempt is not None else ():
        parts += [*_reason(why_choice(position, choice), mark=f"choice {position}"), gap()]
    reason = await explained(basis.log, basis.story, task=basis.task.name)
    return Document((*parts, *_reason(reason, mark="the task")))


def _reason(reason: Reason, depth: int = 0, mark: str = "") -> Iterator[Part]:
    indent: Piece = ("  " * depth, "")
    event = f"  [{reason.event}]" if reason.event else ""
    tone: Tone = reason.tone if depth else "busy"
    yield Prose((visible(reason.said) + event,), indent, tone, copied=indent[0], mark=mark)
    if reason.text:
        yield prose(reason.text.rstrip("\n"), gutter=(indent[0] + BAR[0], "faint"))
    for each in reason.because:
        yield from _reason(each, depth + 1)


async def json_tab(basis: Basis) -> Document:
    """What `swarm show --json` says of the attempt."""
    attempt = basis.attempt
    if attempt is None:
        return Document((note("no attempt was made yet"),))
    places = [attempt.draft] if attempt.draft else []
    places += [(v.event.feedback, v.position) for v in attempt.verdicts if isinstance(v.event, StepRejected)]
    texts = {at: await text_or_none(basis.log, ref, at=at) for ref, at in places}
    step = f"/{attempt.step}" if attempt.step else ""
    name = f"{session_name(basis.task.session)}/{basis.task.name}{step}"
    document = msgspec.to_builtins({"what": "attempt", "id": name, **of_attempt(attempt, texts)})
    return Document((Prose(visible_lines(json.dumps(document, indent=2, ensure_ascii=False)).split("\n")),))


def pretty(text: str) -> str:
    """JSON on several lines; any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


async def events_tab(basis: Basis) -> Document:
    """The screen draws them itself: they are in the detail."""
    return Document()


TABS: Mapping[str, Callable[[Basis], Awaitable[Document]]] = {
    "response": response_tab,
    "diff": diff_tab,
    "tools": tools_tab,
    "checks": checks_tab,
    "events": events_tab,
    "why": why_tab,
    "json": json_tab,
}
