"""Whether a run starts: it is estimated from what its log knows, and a person is asked where it would cost much or pass a cap."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from events.log import EventLog, system_clock
from events.scopes import SHARED
from events.types.session import Estimated
from events.views.experience import Before, Experience, standing_and_experience
from events.views.money import MoneyView
from events.views.standing import Standing
from events.views.trails import TrailsView
from swarm.engine.prepare import Prepared, prepare
from swarm.errors import ConfirmationNeeded, UsageError
from swarm.estimate.estimate import Basis, Estimate, estimate
from swarm.estimate.ruling import Misfit, Ruling, misfits, rule
from swarm.estimate.weighed import Weighed, span_of
from swarm.plan import Plan, with_past
from swarm.task import TaskFile


class NotStarted(ConfirmationNeeded):
    """A person was asked about the cost of a run, and said no."""

    def __init__(self, remedy: str) -> None:
        super().__init__("The run was not started: its cost was not agreed to.", remedy=remedy)
        self.args = (f"{self.question} To start it, {remedy}",)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of work before; all empty where there is no log."""

    money: MoneyView
    trails: TrailsView
    experience: Experience

    def told(self, plan: Plan) -> Plan:
        """The plan with what the log says of such work, as that of a session which begins now has it."""
        return with_past(plan, self.trails.verdicts.types)


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
    return _known(await standing_and_experience(log))


def _known(before: Before) -> Known:
    start, known = before
    return Known(money=start.view.money, trails=start.view.trails, experience=known.view)


def nothing_known() -> Known:
    return Known(money=MoneyView().only(SHARED), trails=Standing().trails, experience=Experience())


def judge(
    run: Run, prepared: Sequence[Prepared], plan: Plan, known: Known
) -> tuple[Estimate, Sequence[Misfit], Ruling]:
    """Estimate what is prepared and rule on it. Raises UsageError for inputs that cannot be read."""
    basis = basis_of(run, plan, known)
    made = estimate(prepared, basis)
    tasks = [each.task for each in prepared]
    found = misfits(made, tasks, plan, known.money, project=run.root.name, now=basis.now)
    return made, found, rule(made, found, confirm_above=run.confirm_above, yes=run.yes)


def likely(run: Run, prepared: Sequence[Prepared], plan: Plan, before: Before) -> Estimated | None:
    """What is foreseen of a run that starts, from what its log says; None where that cannot be said of its inputs."""
    try:
        return estimate(prepared, basis_of(run, plan, _known(before))).summary
    except UsageError:
        return None


def basis_of(run: Run, plan: Plan, known: Known) -> Basis:
    return Basis(
        plan=plan,
        history=known.experience.history,
        trails=known.trails,
        inputs=known.experience.inputs,
        root=run.root,
        redact=run.redact,
        now=system_clock(),
    )


async def weigh(
    run: Run,
    log: EventLog,
    *,
    ask: Callable[[Ruling], Awaitable[bool]],
    warn: Callable[[str], None],
    tell: Callable[[str], None],
) -> Weighed:
    """Estimate a run, `warn` or `tell` of it, and `ask` a person where the ruling is to.

    Raises what `ask` raises, such as `ruling.error()` where nobody can be asked, NotStarted where the answer is no, and
    UsageError for what no run could begin with.
    """
    known = await known_in(log)
    prepared, plan = prepare(run.file, run.root, run.redact, known.told(run.plan))
    try:
        made, _, ruling = judge(run, prepared, plan, known)
    except UsageError as error:  # of a single item: its task says so, the others are done
        tell(f"no estimate of this run: {error}")
        return Weighed()
    summary = made.summary
    if ruling.exit_code:
        if not await ask(ruling):
            raise NotStarted(ruling.remedy)
        return Weighed(summary, confirmed=True)
    if ruling.warning:
        warn(ruling.warning)
    elif summary.p90_nanos:
        tell(f"estimate of this run: {span_of(summary)}")
    return Weighed(summary)


def asked_of(confirm: Callable[[str], Awaitable[bool]] | None) -> Callable[[Ruling], Awaitable[bool]]:
    """Return what asks the callback of a Python program; without one nobody can be asked, and it raises."""

    async def ask(ruling: Ruling) -> bool:
        if confirm is None:
            remedy = "hand in a `confirm` that says yes, or raise the cap or `confirm_above_usd` that it names"
            raise msgspec.structs.replace(ruling, remedy=remedy).error()
        return await confirm(ruling.question)

    return ask
