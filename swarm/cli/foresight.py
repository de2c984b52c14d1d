"""What is known of a run before it begins: its outline, its estimate, and whether it would start. Calls nothing, appends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from events.log import EventLog, open_log, system_clock
from events.scopes import SHARED
from events.views.estimates import EstimatesView
from events.views.experience import Experience, experience
from events.views.money import MoneyView
from events.views.standing import Standing, standing
from events.views.trails import TrailsView
from swarm.cli.estimated import Weighed, span_of
from swarm.cli.outline import Planned, outline
from swarm.cli.output import Declined, Output
from swarm.cli.recorded import NothingRecorded, log_errors, require_log
from swarm.errors import SwarmError, UsageError
from swarm.estimate.estimate import Basis, Estimate, answers_of, estimate, shown_requests
from swarm.estimate.requests import First
from swarm.estimate.ruling import Misfit, Ruling, misfits, rule
from swarm.plan import Plan
from swarm.prepare import Prepared, prepare
from swarm.task import Role, TaskFile


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of work before; all empty where there is no log."""

    money: MoneyView
    trails: TrailsView
    experience: Experience


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is foreseen. Where `estimate` is None, `why_not` says why."""

    planned: Sequence[Planned]
    estimate: Estimate | None
    misfits: Sequence[Misfit]
    ruling: Ruling
    estimates: EstimatesView
    requests: Mapping[str, Mapping[Role, First]] = {}  # by task the first of each role, as people read them
    why_not: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run from where, and from which amount on (nano-dollars) a person wants to be asked."""

    file: TaskFile
    plan: Plan
    root: Path
    redact: Callable[[str], str]
    confirm_above: int
    yes: bool = False


async def known_in(log: EventLog) -> Known:
    """Raises LogError."""
    start = (await standing(log)).view
    return Known(money=start.money, trails=start.trails, experience=(await experience(log)).view)


async def known_at(url: str) -> Known:
    """The same of a log that may not be there. Raises LogTrouble."""
    try:
        require_log(url)
    except NothingRecorded:
        empty = Standing()
        return Known(money=MoneyView().only(SHARED), trails=empty.trails, experience=Experience())
    with log_errors():
        async with open_log(url, read_only=True) as log:
            return await known_in(log)


def foresee(run: Run, known: Known) -> Foreseen:
    """Foresee a run. What is wrong with its tasks is no error here, it stands in the outline, or in `why_not`."""
    planned = outline(run.file, run.root, run.plan)
    estimates = known.experience.estimates
    try:
        prepared, plan = prepare(run.file, run.root, run.redact, run.plan)
        if not plan.roster.models:
            raise UsageError("no model is set up here")
        made, found, ruling = judge(run, prepared, plan, known)
        basis, answers = _basis(run, plan, known), answers_of(prepared)
        requests = {each.task.id: shown_requests(each, answers, basis) for each in prepared}
    except SwarmError as error:
        return Foreseen(
            planned=planned, estimate=None, misfits=(), ruling=Ruling(), estimates=estimates, why_not=str(error)
        )
    return Foreseen(
        planned=planned, estimate=made, misfits=found, ruling=ruling, estimates=estimates, requests=requests
    )


def judge(
    run: Run, prepared: Sequence[Prepared], plan: Plan, known: Known
) -> tuple[Estimate, Sequence[Misfit], Ruling]:
    """Estimate what is prepared and rule on it. Raises UsageError for inputs that cannot be read."""
    basis = _basis(run, plan, known)
    made = estimate(prepared, basis)
    tasks = [each.task for each in prepared]
    found = misfits(made, tasks, plan, known.money, project=run.root.name, now=basis.now)
    return made, found, rule(made, found, confirm_above=run.confirm_above, yes=run.yes)


def _basis(run: Run, plan: Plan, known: Known) -> Basis:
    return Basis(
        plan=plan,
        history=known.experience.history,
        trails=known.trails,
        root=run.root,
        redact=run.redact,
        now=system_clock(),
    )


async def weigh(run: Run, log: EventLog, output: Output) -> Weighed:
    """Estimate a run, and ask where it would cost much or pass a cap.

    Raises ConfirmationNeeded (CapTooLow) where nobody can be asked, Declined where a person says no, UsageError for what
    no run could begin with.
    """
    prepared, plan = prepare(run.file, run.root, run.redact, run.plan)
    known = await known_in(log)
    try:
        made, _, ruling = judge(run, prepared, plan, known)
    except UsageError as error:  # of a single item: its task says so, the others are done
        output.note(f"no estimate of this run: {error}")
        return Weighed()
    summary = made.summary
    if ruling.exit_code:
        if not output.can_ask:
            raise ruling.error()
        if not output.confirm(ruling.question, remedy=ruling.remedy):
            raise Declined("The run was not started", remedy=ruling.remedy)
        return Weighed(summary, confirmed=True)
    if ruling.warning:
        output.note(ruling.warning, "yellow")
    elif summary.p90_nanos:
        output.note(f"estimate of this run: {span_of(summary)}")
    return Weighed(summary)
