"""The validator: form, then the task's deterministic checks, then a judge on another model where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from events.types.base import TextRef
from events.types.task import AttemptAbandoned, CheckResult, StepAccepted, StepRejected
from swarm.cycle import Placed
from swarm.errors import NoModelAvailable
from swarm.journal import TREE, Attempt
from swarm.orders import Answer, Ask, Call
from swarm.prompts.build import repair_messages, rubric_names, validator_brief, validator_messages, verdict_schema
from swarm.roles.answers import Verdict, is_whole, one_line, read_object
from swarm.roles.checks import Checked, feedback_of, files_check, form_check, name_of, words_check
from swarm.roles.job import VERDICT_TOKENS, Job, brief_of, cut_at, said_to, whole_answer
from swarm.roles.results import shown_draft
from swarm.task import Task

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
    if not wants_judge(job.task, last=_is_last(job)):
        return [_accepted(job, place.lasting, checks, unjudged=False)]
    if not job.judges and not _in_words(job):  # what is said in words waits for a model that may judge it
        return [_accepted(job, place.lasting, checks, unjudged=True)]
    brief = await attempt.capture("brief", partial(brief_for, job, attempt, draft, checks))
    judged = await verdict_on(job, brief, call)
    if judged.verdict is None:
        reason = f"{judged.by.arm} gave no verdict"
        return [Placed(AttemptAbandoned(role="validator", reason=reason), job.open.step, job.open.attempt)]
    return [_by_verdict(job, attempt, place.lasting, checks, judged, judged.verdict)]


async def _checked(job: Job, attempt: Attempt, draft: str) -> Sequence[CheckResult]:
    form = form_check(draft, job.step.finish, cut_at(job), job.step.stopped)
    if not form.passed or not _is_last(job):
        return (form,)
    form = files_check(job.task, draft)
    if form.passed and job.task.limits.words is not None:
        form = words_check(job.task, draft)
    if not form.passed or not job.task.gates:
        return (form,)

    async def run() -> str:
        results = await job.world.checks(job.task, draft)
        if tree := job.world.tree(job.task):
            attempt.note(TREE, tree)
        return msgspec.json.encode(results).decode()

    return (form, *_results.decode(await attempt.capture("checks", run)))


def _recorded(checks: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """The part of the results that stands in events."""
    return tuple(check.result if isinstance(check, Checked) else check for check in checks)


def wants_judge(task: Task, *, last: bool) -> bool:
    """Whether a draft of the last step, or of one before it, is judged by a model.

    Checks that all passed are enough, unless the task says in words what it is accepted by.
    """
    if last and task.rubrics:
        return True
    return bool(task.accept) or not (last and any(check.required for check in task.gates))


def _in_words(job: Job) -> bool:
    """Whether the task says in words what it is accepted by."""
    return bool(job.task.accept or job.task.rubrics)


def _is_last(job: Job) -> bool:
    return job.open.step == job.state.total


async def brief_for(job: Job, attempt: Attempt, draft: str, checks: Sequence[CheckResult]) -> str:
    """What a judge is told of a draft, and of the checks that it did not pass."""
    notes = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    shown = shown_draft(job.task, draft) if _is_last(job) else draft
    changed = await job.world.changed(job.step) if job.step.files else ""
    return validator_brief(job.task, await brief_of(job, attempt), shown, notes, changed=changed)


async def verdict_on(job: Job, brief: str, call: Call) -> Judged:
    """Ask for a verdict on what the brief tells of; once more where the answer is none."""
    rubrics = tuple(rubric_names(job.task)) if _is_last(job) else ()
    ask = verdict_ask(job.task, brief, rubrics, type_=job.state.type)
    answer = await whole_answer(job, call, ask)
    verdict = _verdict(answer, rubrics)
    for _ in range(REPAIRS):
        if verdict is not None:
            break
        try:
            again = ask.changed(partial(repair_messages, answer=answer.text, rubrics=rubrics))
            answer = await whole_answer(job, call, again)
        except NoModelAvailable:
            break
        verdict = _verdict(answer, rubrics)
    return Judged(verdict, answer)


def verdict_ask(task: Task, brief: str, rubrics: Sequence[str], *, type_: str) -> Ask:
    """What is asked for a verdict, with a score for each of the rubrics."""
    said = said_to(task, "validator", type_, VERDICT_TOKENS, partial(validator_messages, task, brief))
    return Ask(**said, output_tokens=VERDICT_TOKENS, answer_schema=verdict_schema(rubrics))


def _verdict(answer: Answer, rubrics: Sequence[str]) -> Verdict | None:
    """Read the verdict; one that was cut, or has no score for a rubric, is none."""
    verdict = read_object(answer.text, Verdict) if is_whole(answer.finish) else None
    complete = verdict is not None and all(0 <= verdict.scores.get(name, -1) <= 1 for name in rubrics)
    return verdict if complete else None


def _scored(job: Job, verdict: Verdict) -> tuple[CheckResult, ...]:
    """How the task's rubrics went, in the order of the file."""
    if not _is_last(job):
        return ()
    return tuple(
        CheckResult(
            name=one_line(name_of(check)),
            passed=verdict.scores[name] >= check.min_score,
            detail=f"score {verdict.scores[name]:.2f} of at least {check.min_score:.2f}",
            required=check.required,
        )
        for name, check in rubric_names(job.task).items()
    )


def falls_short(job: Job, verdict: Verdict) -> list[CheckResult]:
    """The rubrics for which the task asks more than the verdict gives."""
    return [each for each in _scored(job, verdict) if each.required and not each.passed]


def _by_verdict(
    job: Job, attempt: Attempt, draft: TextRef, checks: tuple[CheckResult, ...], judged: Judged, verdict: Verdict
) -> Placed:
    scored = _scored(job, verdict)
    checks = (*checks, *scored)
    low = falls_short(job, verdict)
    if verdict.verdict == "pass" and not low:
        return _accepted(job, draft, checks, unjudged=False, judged=judged, verdict=verdict)
    said = verdict.reason.strip()
    told = [said] if said else [] if low else ["The judge did not accept it and gave no reason."]
    told += [feedback_of(low, job.task.checks)] if low else []
    reason = "; ".join(f"{each.name}: {each.detail}" for each in low) if verdict.verdict == "pass" else said
    event = StepRejected(
        reason=one_line(reason) or "the judge gave no reason",
        feedback=attempt.put(job.redact("\n\n".join(told))),
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
        audit=not unjudged and job.audits(judged.by.model if judged else ""),
    )
    return Placed(event, job.open.step, job.open.attempt)
