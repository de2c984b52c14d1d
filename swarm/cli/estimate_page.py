"""An estimate as people read it, and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from events.views.estimates import EstimatesView, Held
from swarm.cli.estimated import summary_document
from swarm.cli.foresight import Foreseen
from swarm.cli.output import counted
from swarm.cli.plan_page import page
from swarm.errors import dollars
from swarm.estimate.estimate import Band, RoleEstimate, TaskEstimate
from swarm.estimate.odds import Chance, Sizes
from swarm.estimate.requests import First
from swarm.estimate.ruling import Misfit, Ruling
from swarm.task import Role, TaskFile

_MOST_EXCLUDED = 4


def page_of(file: TaskFile, foreseen: Foreseen) -> Iterator[str]:
    """Yield the lines of a plan with what is foreseen of each task, and of the run."""
    tasks = {task.task: task for task in foreseen.estimate.tasks} if foreseen.estimate else {}
    yield from page(file, foreseen.planned, lambda name: facts(tasks[name]) if name in tasks else ())
    yield ""
    yield from closing(foreseen)


def prompts(foreseen: Foreseen) -> Iterator[str]:
    """Yield the lines of the prompts that would be sent first, in full."""
    for task in foreseen.estimate.tasks if foreseen.estimate else ():
        for role, one in task.roles.items():
            for message in foreseen.requests[task.task][role].ask.messages if one.first else ():
                yield ""
                yield f"--- {task.task}, {role}, {message.speaker}:"
                yield message.text


def facts(task: TaskEstimate) -> Iterator[tuple[str, str]]:
    """Yield what is foreseen of a task, line by line with the name of each."""
    for role, one in task.roles.items():
        if one.first is not None:
            likely, most = one.first.likely_input_tokens, one.first.most_input_tokens
            several = f" in {one.first.turns} calls" if one.first.turns > 1 else ""
            reserved = f"{most:,} reserved{' for the first' if several else ''}"
            yield "asks", f"{role}: about {likely:,} tokens{several}, {reserved}{_answered(one)}"
        barred = list(one.excluded.items())
        for model, why in barred[:_MOST_EXCLUDED]:
            yield "not", f"{role}: {model}: {why}"
        if barred[_MOST_EXCLUDED:]:
            yield "not", f"{role}: and {len(barred) - _MOST_EXCLUDED} more"
    times = f" for {counted(task.times, 'item')}" if task.times != 1 else ""
    guess = "; a guess" if task.guess else ""
    drafts = f"{_band(task.drafts)} {'draft' if task.drafts.p90 == 1 else 'drafts'}"
    yield "costs", f"{_money(task.nanos)}, {_band(task.tokens)} tokens{times}; {drafts}{guess}"
    for note in task.notes:
        yield "note", note


def closing(foreseen: Foreseen) -> Iterator[str]:
    """Yield the lines for the run as a whole: what it costs, which cap it does not fit, whether it would start."""
    made = foreseen.estimate
    if made is None:
        yield f"no estimate: {foreseen.why_not}"
        return
    guess = "; a guess, for want of such work in this log" if made.guess else ""
    yield f"estimate of the run: {_money(made.nanos)}, {_band(made.tokens)} tokens (P50 to P90){guess}"
    for misfit in foreseen.misfits:
        yield f"  ! {misfit.sentence}"
    ruling = foreseen.ruling
    if ruling.exit_code:
        yield f"it would be asked about; where nobody can be, it ends with exit code {ruling.exit_code}"
    elif ruling.warning:
        yield f"it would start, with a warning: {ruling.warning}"
    held = _all(foreseen.estimates.months)
    if held.runs:
        yield (
            f"of {counted(held.runs, 'run')} that {'was' if held.runs == 1 else 'were'} estimated before, "
            f"{held.under_p50 * 100 // held.runs} % stayed below P50 and {held.under_p90 * 100 // held.runs} % below P90"
        )


def _answered(one: RoleEstimate) -> str:
    if one.answers is None:
        return ""
    answers = one.answers
    source = "a guess" if answers.guess else f"{counted(answers.samples, 'answer')} of {answers.of}"
    return f"; answers {_band(Band(answers.quantile(50), answers.quantile(90)))} ({source})"


def _money(band: Band) -> str:
    return dollars(band.p50) if band.p50 == band.p90 else f"{dollars(band.p50)} to {dollars(band.p90)}"


def _band(band: Band) -> str:
    return f"{band.p50:,}" if band.p50 == band.p90 else f"{band.p50:,} to {band.p90:,}"


def document(foreseen: Foreseen) -> dict[str, Any] | None:
    """The estimate as JSON has it; None where there is none."""
    made = foreseen.estimate
    if made is None:
        return None
    return {
        **(summary_document(made.summary) or {}),
        "tasks": {task.task: task_document(task, foreseen.requests.get(task.task, {})) for task in made.tasks},
        "does_not_fit": [_misfit(misfit) for misfit in foreseen.misfits],
        "ruling": _ruling(foreseen.ruling),
        "calibration": calibration(foreseen.estimates),
    }


def task_document(task: TaskEstimate, requests: Mapping[Role, First]) -> dict[str, Any]:
    return {
        "times": task.times,
        "drafts": _plain(task.drafts),
        "tokens": _plain(task.tokens),
        "nanos": _plain(task.nanos),
        "guess": task.guess,
        "notes": list(task.notes),
        "roles": {role: _role(one, requests.get(role)) for role, one in task.roles.items()},
    }


def _role(one: RoleEstimate, request: First | None) -> dict[str, Any]:
    return {
        "arms": [
            {
                "agent": rung.arm.agent,
                "model": rung.arm.model,
                "tier": rung.arm.tier,
                "mean_percent": rung.mean_percent,
                "share_percent": rung.share_percent,
            }
            for rung in one.rungs
        ],
        "excluded": dict(one.excluded),
        "prompt": [msgspec.structs.asdict(message) for message in request.ask.messages] if request else [],
        "reserved_input_tokens": one.first.most_input_tokens if one.first else None,
        "likely_input_tokens": one.first.likely_input_tokens if one.first else None,
        "most_output_tokens": one.first.ask.output_tokens if one.first else None,
        "answers": _sizes(one.answers) if one.answers else None,
        "accepted": _chance(one.accepted) if one.accepted else None,
    }


def _sizes(sizes: Sizes) -> dict[str, Any]:
    return {
        "p50_tokens": sizes.quantile(50),
        "p90_tokens": sizes.quantile(90),
        "samples": sizes.samples,
        "of": sizes.of,
        "guess": sizes.guess,
    }


def _chance(chance: Chance) -> dict[str, Any]:
    return {"percent": chance.accepted * 100 // chance.drafts, "of": chance.of, "guess": chance.guess}


def _plain(band: Band) -> dict[str, int]:
    return {"p50": band.p50, "p90": band.p90}


def _misfit(misfit: Misfit) -> dict[str, Any]:
    return {**msgspec.structs.asdict(misfit), "sentence": misfit.sentence}


def _ruling(ruling: Ruling) -> dict[str, Any]:
    return {"asks": bool(ruling.exit_code), "exit_code": ruling.exit_code, "warning": ruling.warning}


def calibration(estimates: EstimatesView) -> dict[str, Any]:
    """How estimates held: in all, and month by month; guesses apart."""
    return {
        **_held(_all(estimates.months)),
        "months": {month: _held(held) for month, held in sorted(estimates.months.items())},
        "guesses": _held(_all(estimates.guesses)),
    }


def _held(held: Held) -> dict[str, int]:
    return msgspec.structs.asdict(held)


def _all(months: Mapping[str, Held]) -> Held:
    total = Held()
    for held in months.values():
        total.add(held)
    return total
