"""`swarm show --prompt`: the requests of a task as they were sent, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from events.log import EventLog
from events.types.stage import StageApplied
from swarm.cli.names import Name
from swarm.cli.output import Cell, Output, counted
from swarm.errors import UsageError
from swarm.insight.requests import Piece, TakenApart, taken_apart
from swarm.insight.story import Story
from tui.words import visible, visible_lines


async def show_prompt(
    log: EventLog, name: Name, story: Story, output: Output, *, attempt: int | None, full: bool
) -> None:
    """Write the requests of a task, of a step of it, or of one attempt. Raises UsageError where it is not one task's."""
    name = one_task(name, story)
    task = story.tasks[name.task]
    requests = await taken_apart(log, story, task)
    found = [one for one in requests if not name.step or one.sent.conversation[0] == name.step]
    if attempt is not None:
        found = _of_attempt(found, attempt, name)
    if output.json:
        output.document(
            "swarm.show/1",
            {"what": "requests", "id": str(name), "requests": [_request_document(one, full=full) for one in found]},
        )
        return
    for number, one in enumerate(found):
        if number:
            output.line()
        _request_page(one, output, full=full)
    if not found:
        output.note(_why_none(story, name))


def one_task(name: Name, story: Story) -> Name:
    """The task that is meant, by its name or as the only one. Raises UsageError where there are several."""
    if name.task:
        return name
    if len(story.tasks) != 1:
        listed = ", ".join(str(Name(name.session, task)) for task in story.tasks) or "none"
        raise UsageError(
            f"session {name} has {len(story.tasks)} tasks ({listed}); name the one whose prompts are wanted"
        )
    return Name(name.session, next(iter(story.tasks)))


def _of_attempt(requests: Sequence[TakenApart], attempt: int, name: Name) -> list[TakenApart]:
    found = [one for one in requests if one.sent.conversation[1] == attempt]
    if not found:
        known = sorted({one.sent.conversation[1] for one in requests})
        listed = ", ".join(map(str, known)) or "none"
        raise UsageError(f"no request of attempt {attempt} of {name} was sent; there are those of attempts {listed}")
    return found


def _why_none(story: Story, name: Name) -> str:
    calls = [
        call for each in story.attempts.of(name.task) if not name.step or each.step == name.step for call in each.calls
    ]
    served = sum(call.state == "served" for call in calls)
    return f"nothing was sent for {name}" + (f": {counted(served, 'call')} got an earlier answer" if served else "")


def _request_page(one: TakenApart, output: Output, *, full: bool) -> None:
    output.line(head_of(one), "bold")
    if not one.sent.messages:
        output.line("  some of its text is no longer kept", "dim")
        return
    said_before, shown = folded(one)
    rows = [_said_before_row(said_before, one)] if said_before else []
    rows += [_row(piece, one) for piece in shown]
    rows.append([("framing", "dim"), "", f"{one.framing:,}", share_of(one.framing, one), "", ""])
    output.table(("PART", "OF", "TOKENS", "SHARE", "AGAIN", "STAGE"), rows)
    output.line(f"  {sum_of(one)}")
    for piece in shown if full else ():
        output.line()
        output.line(f"{piece.name} {visible(piece.of)}".rstrip(), "bold")
        for line in visible_lines(piece.text).split("\n"):
            output.line(f"  │ {line}")


def head_of(one: TakenApart) -> str:
    sent = one.sent
    step, attempt, role, branch = sent.conversation
    where = f"step {step}, attempt {attempt}" if step else f"plan, attempt {attempt}"
    who = f"{role} {branch}" if branch else role
    nth = f", try {sent.call.nth}" if sent.call.nth > 1 else ""
    return f"call {sent.position}  {where}: {visible(who)} {visible(sent.call.agent)}@{visible(sent.call.model)}{nth}"


def sum_of(one: TakenApart, before: str = "") -> str:
    """What a request came to; `before` is how the one is called that it was compared with."""
    said = f"{one.tokens:,} tokens by o200k"
    settled, shared = one.sent.settled, one.sent.call.shared
    if shared:
        said += f" if it had been sent alone: it went in one request with {shared.parts - 1} other tasks"
    if settled is None:
        said += "; it has no answer"
    elif settled.basis == "provider":
        cached = f", {settled.cached_tokens:,} of them cached" if settled.cached_tokens else ""
        said += f"; the provider counted {settled.input_tokens:,}{cached}{' as its share' if shared else ''}"
    if one.before:
        said += f"; {one.again:,} ({share_of(one.again, one)}) begin it as they began {before or f'call {one.before}'}"
    if one.compacted is not None:
        made = one.compacted
        said += f"; the conversation was compacted ({made.on}): {made.before:,} tokens to {made.after:,}, {made.form}"
    return said


def folded(one: TakenApart) -> tuple[Sequence[Piece], Sequence[Piece]]:
    """What was said in the conversation before, and what is new; the first request of one is all new."""
    if not one.sent.call.follows:
        return (), one.pieces
    first = next((at for at, piece in enumerate(one.pieces) if piece.again < piece.tokens), len(one.pieces))
    return one.pieces[:first], one.pieces[first:]


def _said_before_row(pieces: Sequence[Piece], one: TakenApart) -> list[Cell]:
    tokens = sum(piece.tokens for piece in pieces)
    parts = counted(len(pieces), "part")
    return [("said before", "dim"), (parts, "dim"), f"{tokens:,}", share_of(tokens, one), f"{tokens:,}", ""]


def _row(piece: Piece, one: TakenApart) -> list[Cell]:
    again = f"{piece.again:,}" if one.before else ""
    stage = stage_said(piece.stage) if piece.stage else ""
    return [piece.name, visible(piece.of), f"{piece.tokens:,}", share_of(piece.tokens, one), again, stage]


def stage_said(applied: StageApplied) -> str:
    what = f"{applied.stage}: {applied.before:,} to {applied.after:,}"
    return {"used": what, "measured": f"{what}, only measured", "held": f"{what}, held back"}[applied.how]


def share_of(tokens: int, one: TakenApart) -> str:
    return f"{100 * tokens / one.tokens:.0f}%" if one.tokens else ""


def _request_document(one: TakenApart, *, full: bool) -> dict[str, Any]:
    sent, settled = one.sent, one.sent.settled
    step, attempt, role, branch = sent.conversation
    counted_there = settled is not None and settled.basis == "provider"
    return {
        "position": sent.position,
        "step": step,
        "attempt": attempt,
        "role": role,
        "branch": branch or None,
        "agent": sent.call.agent,
        "model": sent.call.model,
        "try": sent.call.nth,
        "kept": bool(sent.messages),
        "tokens": one.tokens,
        "again": one.again,
        "again_of": one.before or None,
        "framing": one.framing,
        "compacted": _stage_document(one.compacted) | {"on": one.compacted.on} if one.compacted else None,
        "input_tokens": settled.input_tokens if settled is not None and counted_there else None,
        "cached_tokens": settled.cached_tokens if settled is not None and counted_there else None,
        "parts": [_piece_document(piece, full=full) for piece in one.pieces],
    }


def _piece_document(piece: Piece, *, full: bool) -> dict[str, Any]:
    stage = piece.stage
    return {
        "part": piece.name,
        "of": piece.of or None,
        "message": piece.message or None,
        "tokens": piece.tokens,
        "again": piece.again,
        "stage": _stage_document(stage) if stage else None,
        **({"text": piece.text} if full else {}),
    }


def _stage_document(stage: StageApplied) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "how": stage.how,
        "before": stage.before,
        "after": stage.after,
        "form": stage.form,
    }
