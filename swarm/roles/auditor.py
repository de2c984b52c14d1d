"""The auditor: looks again at a draft that was accepted, as its judge did. What it finds changes neither draft nor task."""

from __future__ import annotations

from events.types.task import StepAccepted, StepAudited
from events.views.verdicts import judge_of
from swarm.journal import Attempt
from swarm.orders import Call
from swarm.roles.answers import one_line
from swarm.roles.job import Job
from swarm.roles.validator import brief_for, falls_short, verdict_on


async def audit(job: Job, accepted: StepAccepted, *, attempt: Attempt, call: Call) -> StepAudited:
    """What an auditor says of the draft that was accepted, told of it what its judge is told."""
    assert job.step.draft is not None, "an accepted step has a draft"
    draft = await attempt.text(job.step.draft)
    brief = await brief_for(job, attempt, draft, accepted.checks)
    judged = await verdict_on(job, brief, call)
    if judged.verdict is None:
        return without_verdict(accepted, f"{judged.by.arm} gave no verdict")
    verdict = judged.verdict
    return StepAudited(
        judge=judge_of(accepted),
        auditor=judged.by.arm,
        agrees=verdict.verdict == "pass" and not falls_short(job, verdict),
        score=verdict.score,
        reason=one_line(job.redact(verdict.reason)),
    )


def without_verdict(accepted: StepAccepted, reason: str) -> StepAudited:
    """The end of an audit that came to nothing."""
    return StepAudited(judge=judge_of(accepted), reason=reason)
