"""What is known of a run before it begins: its outline, its estimate, and whether it would start. Calls nothing, appends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from events.log import EventLog, open_log
from events.views.estimates import EstimatesView
from swarm.cli.outline import Planned, outline
from swarm.cli.output import Declined, Output
from swarm.cli.recorded import NothingRecorded, log_errors, require_log
from swarm.engine.prepare import prepare
from swarm.errors import SwarmError, UsageError
from swarm.estimate.estimate import Estimate, answers_of, shown_requests
from swarm.estimate.requests import First
from swarm.estimate.ruling import Misfit, Ruling
from swarm.estimate.weigh import Known, Run, basis_of, judge, known_in, nothing_known, weigh
from swarm.estimate.weighed import Weighed
from swarm.task import Role


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is foreseen. Where `estimate` is None, `why_not` says why."""

    planned: Sequence[Planned]
    estimate: Estimate | None
    misfits: Sequence[Misfit]
    ruling: Ruling
    estimates: EstimatesView
    requests: Mapping[str, Mapping[Role, First]] = {}  # by task the first of each role, as people read them
    why_not: str = ""


async def known_at(url: str) -> Known:
    """The same of a log that may not be there. Raises LogTrouble."""
    try:
        require_log(url)
    except NothingRecorded:
        return nothing_known()
    with log_errors():
        async with open_log(url, read_only=True) as log:
            return await known_in(log)


def foresee(run: Run, known: Known) -> Foreseen:
    """Foresee a run. What is wrong with its tasks is no error here, it stands in the outline, or in `why_not`."""
    run = msgspec.structs.replace(run, plan=known.told(run.plan))
    planned = outline(run.file, run.root, run.plan)
    estimates = known.experience.estimates
    try:
        prepared, plan = prepare(run.file, run.root, run.redact, run.plan)
        if not plan.roster.models:
            raise UsageError("no model is set up here")
        made, found, ruling = judge(run, prepared, plan, known)
        basis, answers = basis_of(run, plan, known), answers_of(prepared)
        requests = {each.task.id: shown_requests(each, answers, basis) for each in prepared}
    except SwarmError as error:
        return Foreseen(
            planned=planned, estimate=None, misfits=(), ruling=Ruling(), estimates=estimates, why_not=str(error)
        )
    return Foreseen(
        planned=planned, estimate=made, misfits=found, ruling=ruling, estimates=estimates, requests=requests
    )


async def weigh_for(run: Run, log: EventLog, output: Output) -> Weighed:
    """Estimate a run, and ask on the terminal where it would cost much or pass a cap.

    Raises ConfirmationNeeded (CapTooLow) where nobody can be asked, Declined where a person says no, UsageError for what
    no run could begin with.
    """

    async def ask(ruling: Ruling) -> bool:
        if not output.can_ask:
            raise ruling.error()
        if not output.confirm(ruling.question, remedy=ruling.remedy):
            raise Declined("The run was not started", remedy=ruling.remedy)
        return True

    return await weigh(run, log, ask=ask, warn=lambda text: output.note(text, "yellow"), tell=output.note)
