"""The validator: form, then the task's deterministic checks, then a judge on another model where there is one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.types.base import TextRef
from events.types.task import AttemptAbandoned, CheckResult, StepAccepted, StepRejected
from swarm.calls import Answer, Ask, Call
from swarm.cycle import Placed
from swarm.errors import NoModelAvailable
from swarm.journal import Attempt
from swarm.prompts.build import VERDICT_SCHEMA, repair_messages, validator_brief, validator_messages
from swarm.roles.answers import Verdict, one_line, read_object
from swarm.roles.checks import Checked, feedback_of, form_check
from swarm.roles.job import OUTPUT_TOKENS, VERDICT_TOKENS, Job, brief_of

REPAIRS = 1

_results = msgspec.json.Decoder(tuple[Checked, ...])


class Judged(msgspec.Struct, frozen=True):
    """A verdict and who gave it; no verdict where every answer was none."""

    verdict: Verdict | None
    by: Answer


async def validate(job: Job, *, attempt: Attempt, call: Call) -> list[Placed]:
    """Judge the step's draft: step.accepted, step.rejected, or attempt.abandoned where nobody gave a verdict."""
    place = job.step.draft
    assert place is not None, "only a drafted step is judged"
    draft = await attempt.text(place)
    found = await _checked(job, attempt, draft)
    if any(check.required and not check.passed for check in found):
        return [_rejected_by_checks(job, attempt, found)]
    checks = _recorded(found)
    if not _wants_judge(job):
        return [_accepted(job, place.lasting, checks, unjudged=False)]
    if not job.judges and not job.task.accept:  # what is said in words waits for a model that may judge it
        return [_accepted(job, place.lasting, checks, unjudged=True)]
    judged = await _judge(job, attempt, call, draft, checks)
    if judged.verdict is None:
        reason = f"{judged.by.arm} gave no verdict"
        return [Placed(AttemptAbandoned(role="validator", reason=reason), job.open.step, job.open.attempt)]
    return [_by_verdict(job, attempt, place.lasting, checks, judged, judged.verdict)]


async def _checked(job: Job, attempt: Attempt, draft: str) -> Sequence[CheckResult]:
    form = form_check(draft, job.step.finish, OUTPUT_TOKENS[job.state.complexity])
    if not form.passed or job.open.step < job.state.total or not job.task.checks:
        return (form,)

    async def run() -> str:
        return msgspec.json.encode(await job.world.checks(job.task, draft)).decode()

    return (form, *_results.decode(await attempt.capture("checks", run)))


def _recorded(checks: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """The part of the results that stands in events."""
    return tuple(check.result if isinstance(check, Checked) else check for check in checks)


def _wants_judge(job: Job) -> bool:
    """Checks that all passed are enough, unless the task says in words what it is accepted by."""
    last = job.open.step == job.state.total
    return bool(job.task.accept) or not (last and any(check.required for check in job.task.checks))


async def _judge(job: Job, attempt: Attempt, call: Call, draft: str, checks: tuple[CheckResult, ...]) -> Judged:
    notes = [f"{check.name}: {check.detail}" for check in checks if not check.passed]

    async def brief() -> str:
        return validator_brief(job.task, await brief_of(job, attempt), draft, notes)

    messages = validator_messages(job.task, await attempt.capture("brief", brief))
    answer = await call(_ask(messages), pick=job.pick)
    verdict = read_object(answer.text, Verdict)
    for _ in range(REPAIRS):
        if verdict is not None:
            break
        try:
            answer = await call(_ask(repair_messages(messages, answer.text)), pick=job.pick)
        except NoModelAvailable:
            break
        verdict = read_object(answer.text, Verdict)
    return Judged(verdict, answer)


def _ask(messages: tuple[object, ...]) -> Ask:
    return Ask(messages=messages, output_tokens=VERDICT_TOKENS, answer_schema=VERDICT_SCHEMA)  # type: ignore[arg-type]


def _by_verdict(
    job: Job, attempt: Attempt, draft: TextRef, checks: tuple[CheckResult, ...], judged: Judged, verdict: Verdict
) -> Placed:
    reason = one_line(verdict.reason)
    if verdict.verdict == "pass":
        return _accepted(job, draft, checks, unjudged=False, judged=judged, verdict=verdict)
    event = StepRejected(
        reason=reason or "the judge gave no reason",
        feedback=attempt.put(verdict.reason.strip() or "The judge did not accept it and gave no reason."),
        checks=checks,
        judge=judged.by.arm,
        why_judge=judged.by.why,
        score=verdict.score,
    )
    return Placed(event, job.open.step, job.open.attempt)


def _rejected_by_checks(job: Job, attempt: Attempt, checks: Sequence[CheckResult]) -> Placed:
    failed = [check for check in checks if check.required and not check.passed]
    reason = one_line("; ".join(f"{check.name}: {check.detail}" for check in failed))
    feedback = job.redact(feedback_of(checks, job.task.checks))
    event = StepRejected(reason=reason, feedback=attempt.put(feedback), checks=_recorded(checks))
    return Placed(event, job.open.step, job.open.attempt)


def _accepted(
    job: Job,
    draft: TextRef,
    checks: tuple[CheckResult, ...],
    *,
    unjudged: bool,
    judged: Judged | None = None,
    verdict: Verdict | None = None,
) -> Placed:
    event = StepAccepted(
        draft=draft,
        checks=checks,
        judge=judged.by.arm if judged else "",
        why_judge=judged.by.why if judged else "",
        score=verdict.score if verdict else None,
        reason=one_line(verdict.reason) if verdict else "",
        unjudged=unjudged,
    )
    return Placed(event, job.open.step, job.open.attempt)
