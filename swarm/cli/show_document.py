"""What `swarm show --json` says of a session, a task and a step."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from events.types.session import Estimated
from events.types.task import StepAccepted
from events.types.tool import SandboxProbed
from events.types.tree import FileChange
from events.views.attempts import Attempt, Call, Use, Verdict
from events.views.tasks import TaskState, own_changes
from swarm.cli.estimated import summary_document
from swarm.cli.ps import Listed, session_document
from swarm.cli.recorded import decimal_usd, utc_text


def of_session(one: Listed, estimate: Estimated | None, sandbox: SandboxProbed | None) -> dict[str, Any]:
    """A session: what `swarm ps --json` says of it, why it ended, what held its commands, what it was expected to cost, and
    its tasks."""
    return {
        "what": "session",
        **session_document(one),
        "reason": one.session.reason,
        "estimate": summary_document(estimate),
        "sandbox": _plain(sandbox) if sandbox else None,
        "tasks": [_summary(task) for task in one.tasks],
    }


def of_task(task: TaskState, attempts: list[Attempt], texts: dict[int, str | None]) -> dict[str, Any]:
    """A task: where it stands, each step with its attempts, and its result. `texts` are by the event that refers to them."""
    return {
        "what": "task",
        **_summary(task),
        "steps": [of_step(task, step.number, attempts, texts) for step in task.steps],
        "plan": [of_attempt(attempt, texts) for attempt in attempts if attempt.step == 0],
        "result": texts.get(task.result.at) if task.result else None,
        "handover": texts.get(task.handover.at) if task.handover else None,
        "summary": texts.get(task.summary.at) if task.summary else None,
        "summary_by": task.summary_by or None,
    }


def of_step(task: TaskState, number: int, attempts: list[Attempt], texts: dict[int, str | None]) -> dict[str, Any]:
    step = task.steps[number - 1]
    return {
        "what": "step",
        "id": f"s{task.session}/{task.name}/{number}",
        "title": step.title,
        "stage": step.stage,
        "unjudged": step.unjudged,
        "attempts": [of_attempt(attempt, texts) for attempt in attempts if attempt.step == number],
        "draft": texts.get(step.draft.at) if step.draft else None,
    }


def _summary(task: TaskState) -> dict[str, Any]:
    return {
        "id": f"s{task.session}/{task.name}",
        "title": task.title,
        "type": task.type,
        "complexity": task.complexity,
        "status": task.status,
        "reason": task.reason,
        "cause": task.cause,
        "unjudged": task.unjudged,
        "needs": list(task.needs),
        "paused": task.own.paused is not None,
        "pinned": task.own.pin.tier if task.own.pin else None,
        "role": task.role,
        "model": task.model,
        "tier": task.tier,
        "changed": _changed(own_changes(task)),
        "kept": task.kept and not task.applied,
        "applied": bool(task.applied),
        "calls": task.calls,
        "open_calls": task.open_calls,
        "maybe_paid": task.maybe_paid,
        "served": task.served,
        "tokens": task.tokens,
        "input_tokens": task.input_tokens,
        "output_tokens": task.output_tokens,
        "cost_nanos": task.cost_nanos,
        "cost_usd": decimal_usd(task.cost_nanos),
        "submitted": utc_text(task.submitted_at),
        "ended": utc_text(task.ended_at) if task.ended_at else None,
    }


def of_attempt(attempt: Attempt, texts: dict[int, str | None]) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "drafted_by": attempt.drafted_by or None,
        "draft": texts.get(attempt.draft[1]) if attempt.draft else None,
        "abandoned": attempt.abandoned or None,
        "choices": [{"position": position, **_plain(choice)} for position, choice in attempt.choices],
        "calls": [_call(call) for call in attempt.calls],
        "uses": [_use(use) for use in attempt.uses],
        "stopped": attempt.stopped or None,
        "sub_agents": [
            {"branch": branch, "state": use.state if use else None} for branch, use in attempt.sub_agents().items()
        ],
        "questions": [
            {"position": asked.position, "question": asked.event.question, "answered_by": asked.by or None}
            for asked in attempt.questions.values()
        ],
        "verdicts": [_verdict(verdict, texts) for verdict in attempt.verdicts],
        "audits": [{"position": position, **_plain(audit)} for position, audit in attempt.audits],
    }


def _call(call: Call) -> dict[str, Any]:
    plain = {name: getattr(call, name) for name in call.__struct_fields__ if name != "answer"}
    return {**plain, "cost_usd": decimal_usd(call.cost_nanos)}


def _use(use: Use) -> dict[str, Any]:
    plain = {name: getattr(use, name) for name in use.__struct_fields__ if name not in ("answer", "files", "word")}
    return {**plain, "word": _plain(use.word) if use.word else None, "changed": _changed(use.files)}


def _changed(files: tuple[FileChange, ...]) -> list[dict[str, Any]]:
    return [{"path": file.path, "before": file.before.kind or None, "after": file.after.kind or None} for file in files]


def _verdict(verdict: Verdict, texts: dict[int, str | None]) -> dict[str, Any]:
    event = verdict.event
    accepted = isinstance(event, StepAccepted)
    return {
        "position": verdict.position,
        "verdict": "accepted" if accepted else "rejected",
        "judge": event.judge or None,
        "why_judge": event.why_judge,
        "score": event.score,
        "reason": event.reason,
        "unjudged": event.unjudged if isinstance(event, StepAccepted) else False,
        "feedback": None if accepted else texts.get(verdict.position),
        "checks": [_plain(check) for check in event.checks],
    }


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct as a JSON object with all its fields, those that have their default, too."""
    plain: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, tuple):
            parts = cast("tuple[object, ...]", value)
            value = [_plain(part) if isinstance(part, msgspec.Struct) else part for part in parts]
        plain[name] = value
    return plain
