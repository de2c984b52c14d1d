"""A session: all that it needs is opened and closed here. The command line calls it, and a Python program may as well."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, cast

import anyio
import msgspec
from anyio import to_thread

from events.blobs import Known, Pack
from events.log import Clock, Entry, EventLog, LogError, open_log, session_name, system_clock
from events.types.session import Estimated
from events.views.experience import Before, standing_and_experience
from events.views.money import MoneyView
from events.views.requests import RequestsView
from events.views.sessions import Claim, SessionState
from events.views.tasks import TasksView
from swarm.alive import lives
from swarm.confirmed import require_trust, trusted_digests
from swarm.connect import open_models
from swarm.crew import crew_of, profiles_here
from swarm.engine.calling import repeats_of
from swarm.engine.consent import Consent
from swarm.engine.dispatch import Dispatcher
from swarm.engine.earlier import Earlier, as_recorded, taken_over, told_of
from swarm.engine.faces import Asking, Faces, Wanted, Word
from swarm.engine.foresight import Foresight
from swarm.engine.fork import (
    Submissions,
    begun_anew,
    fork_opening,
    point_of,
    require_tree,
    submissions_of,
    written_by_relatives,
)
from swarm.engine.past import Past, take_up
from swarm.engine.prepare import Prepared, prepare
from swarm.engine.submission import opening_of
from swarm.engine.toolkit import open_toolkit
from swarm.engine.withdrawing import with_figures
from swarm.engine.world import open_surroundings
from swarm.errors import ConfirmationNeeded, OwnerLost, gravest
from swarm.estimate.weighed import Weighed, room_told
from swarm.garbage import rare_collections
from swarm.journal import Journal
from swarm.money.ledger import Ledger
from swarm.owner import Owner, open_session, take_session
from swarm.plan import Plan, SessionType, is_capped, names_tokens, plan_of, read_plan, type_of, whose_default, with_past
from swarm.redact import Secrets
from swarm.results import Result as Result
from swarm.results import TaskResult as TaskResult
from swarm.results import close_session
from swarm.roster import free_part, is_free, is_other_log, models_for
from swarm.settings.load import Settings, load_settings
from swarm.settings.secrets import settings_secrets
from swarm.stages import unusable
from swarm.task import TaskFile
from swarm.taskfile.given import tasks_given

if TYPE_CHECKING:
    pass

P = ParamSpec("P")

LET_GO_S = 5.0  # how long a session that ends by an error tries to say so


async def run(
    task: str | Path | TaskFile,
    *,
    root: Path | None = None,
    log: str | Path | None = None,
    vars: Mapping[str, str] | None = None,
    server: str | None = None,
    model: str | None = None,
    price: str | None = None,
    budget: str | None = None,
    schedule: str = "",
    type_: SessionType | None = None,
    trust: bool = False,
    confirm: Callable[[str], Awaitable[bool]] | None = None,
    approve: Callable[[Wanted], Awaitable[Word]] | None = None,
    reply: Callable[[Asking], Awaitable[str]] | None = None,
    observe: Callable[[Sequence[Entry]], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    environ: Mapping[str, str] = os.environ,
) -> Result:
    """Run a task to its end as `swarm run` does, from the same settings and on the same log.

    `task` is a prompt (str), the path of a task file, or one that was read. `root` is the project folder, else the current
    one. `log` is another log than that of the settings, `vars` other values for the variables of the file. `server` is the
    URL of the only server to use, with its `model` and `price` ("IN/OUT", US dollars a million tokens); else the models of
    the settings take part whose keys are in `environ`. `budget` caps the run ("$0.10", "20k"); without one its `type_` does,
    which else is "cron" for a run of a `schedule`, "direct" for a prompt, "file". `trust` confirms the file's commands.
    `confirm` is asked where the run will probably cost more than `confirm_above_usd` of the settings or than a cap leaves, and
    about paid calls where no cap but the built-in one holds; without it the one raises, the others are not made. `approve` is
    asked where the policy wants a person's word on a tool; without it `tools.headless` of the settings says what happens.
    `reply` answers what an agent asks a person; without it the agent is told that nobody is there, or that setting says what else.
    `observe` is handed every batch of the session's entries, `say` what a person is told before the first of them.

    How the tasks ended is in the result: `exit_code` is 0 where all were accepted. Raises UsageError for what is wrong with
    task, options or settings, ConfirmationNeeded for commands and costs that nobody confirmed (CapTooLow where a cap leaves
    too little, NotStarted where `confirm` said no), NoModelHere, OwnerLost, LogError.
    """
    root = (root or Path.cwd()).resolve()
    file, source = tasks_given(task, vars or {}, budget)
    loaded = load_settings(root, environ=environ, flags={"log": str(log)} if log is not None else {})
    secrets = settings_secrets(loaded.settings, environ)
    roster = await models_for(loaded.settings, environ, server=server, model=model, price=price)
    if not is_capped(file) and is_other_log(loaded, root, environ):
        roster = free_part(roster)  # a cap holds within one log
    type_ = type_ or type_of(task, schedule)
    plan = plan_of(loaded, roster, confirmed=is_capped(file), type_=type_, schedule=schedule)
    ask = partial(Faces, confirm=confirm or _nobody, approve=approve, reply=reply)
    faces = ask(observe=observe, stop=anyio.Event(), abort=anyio.Event())
    async with open_log(loaded.settings.log) as opened:
        await require_trust(opened, file, trust, secrets.redact)
        crew = crew_of(file, profiles_here(loaded, root, environ, file), await trusted_digests(opened))
        if crew.told:
            say(crew.told)
        weighed = await _weighed(opened, crew.file, plan, root, loaded.settings, secrets, confirm=confirm, say=say)
        return await run_file(
            opened,
            crew.file,
            msgspec.structs.replace(plan, paid_confirmed=plan.paid_confirmed or weighed.confirmed),
            root=root,
            environ=environ,
            faces=faces,
            secrets=secrets,
            source=source,
            type_=type_,
            say=say,
            estimate=weighed.estimate,
        )


async def _weighed(
    log: EventLog,
    file: TaskFile,
    plan: Plan,
    root: Path,
    settings: Settings,
    secrets: Secrets,
    *,
    confirm: Callable[[str], Awaitable[bool]] | None,
    say: Callable[[str], None],
) -> Weighed:
    """Ask where the run would probably cost much, or pass a cap."""
    if is_free(plan.roster):
        return Weighed()
    from swarm.estimate.weigh import Run, asked_of, weigh  # only what may cost something is estimated

    above = settings.confirm_above_nanos
    weighed = Run(file=file, plan=plan, root=root, redact=secrets.redact, confirm_above=above)
    return await weigh(weighed, log, ask=asked_of(confirm), warn=say, tell=say)


async def _nobody(question: str) -> bool:
    raise ConfirmationNeeded(question, remedy="set a budget, or hand in `confirm`")


def _sync(function: Callable[P, Awaitable[Result]]) -> Callable[P, Result]:
    @wraps(function)
    def waiting(*args: P.args, **options: P.kwargs) -> Result:
        return anyio.run(partial(function, *args, **options))

    return waiting


run_sync = _sync(run)
"""`run` for a program that has no event loop."""


async def run_file(
    log: EventLog,
    file: TaskFile,
    plan: Plan,
    *,
    root: Path,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    source: str = "",
    type_: str = "file",
    say: Callable[[str], None] = lambda _: None,
    estimate: Estimated | None = None,
    earlier: Earlier | None = None,
    clock: Clock = system_clock,
) -> Result:
    """Run the tasks of a file in a new session, which records its `estimate` and goes on from an `earlier` one.

    Raises UsageError before anything is opened, OwnerLost, LogError.
    """
    before = await standing_and_experience(log)
    plan = await with_figures(log, plan, project=root.name, say=say)
    prepared, plan = prepare(file, root, secrets.redact, with_past(plan, before[0].view.trails.verdicts.types))
    if said := _cap_told(file, plan, prepared, before, type_, estimate, root, secrets.redact):
        say(said)
    pack = Pack(Known())
    take = None
    if earlier is not None:
        say(told_of(earlier, as_recorded(prepared, secrets.redact)))
        take = partial(taken_over, earlier=earlier, prepared=prepared, redact=secrets.redact, pack=pack)
    opening = opening_of(
        file,
        prepared,
        plan,
        pack=pack,
        root=root,
        source=source,
        type_=type_,
        secrets=secrets,
        estimate=estimate,
        take=take,
    )
    owner = await open_session(log, opening, project=root.name, clock=clock, texts=pack.texts)
    return await _run_owned(
        owner, plan, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock, before=before
    )


def _cap_told(
    file: TaskFile,
    plan: Plan,
    prepared: Sequence[Prepared],
    before: Before,
    type_: str,
    foreseen: Estimated | None,
    root: Path,
    redact: Callable[[str], str],
) -> str:
    """What is said of the cap of a run for which nobody named one; "" where the file says it."""
    tokens = plan.session_tokens
    if tokens is None or file.budget is not None:
        return ""
    if whose := whose_default(type_):
        return f"budget of this run: {tokens:,} tokens, {whose}"
    if names_tokens(file):
        return ""
    from swarm.estimate.weigh import Run, likely  # only where it is told

    run = Run(file=file, plan=plan, root=root, redact=redact, confirm_above=0)
    return room_told(tokens, foreseen or likely(run, prepared, plan, before))


async def resume_session(
    log: EventLog,
    state: SessionState,
    plan: Plan,
    *,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    take_over: bool = False,
    clock: Clock = system_clock,
) -> Result:
    """Go on with a session from its log. Raises SessionBusy where its owner lives."""
    from swarm.tools.workcopy import sweep

    root = Path(state.directory)
    await to_thread.run_sync(
        sweep, root
    )  # what is left to do may need no copy, and the last process was perhaps killed
    settings = msgspec.json.encode(plan).decode()
    owner = await take_session(log, state, settings=settings, project=root.name, clock=clock, take_over=take_over)
    return await _run_owned(owner, plan, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock)


async def fork_session(
    log: EventLog,
    state: SessionState,
    plan: Plan,
    *,
    at: int | None,
    changed: Submissions,
    texts: Pack,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    as_is: bool = False,
    clock: Clock = system_clock,
) -> Result:
    """Begin a new session with what `state` recorded up to a position, its `changed` tasks anew, and carry it on.

    `texts` holds those of the changed tasks. Raises UsageError where the position is none of the session's, and where the
    project is not what its drafts were checked in, unless that is to be taken `as_is`.
    """
    root = Path(state.directory)
    point = await point_of(log, state.number, at)
    if not as_is:
        await require_tree(log, point, state.number, root)
    anew = begun_anew(await submissions_of(log, state.number), changed)
    replaces = await written_by_relatives(log, state.number, root)
    opening = await fork_opening(log, point, state, plan, anew, replaces=replaces, project=root.name, pack=texts)
    owner = await open_session(log, opening, project=root.name, clock=clock, texts=texts.texts)
    return await _run_owned(owner, plan, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock)


async def answer_session(
    log: EventLog,
    state: SessionState,
    plan: Plan,
    *,
    environ: Mapping[str, str],
    secrets: Secrets,
    clock: Clock = system_clock,
) -> Result:
    """Answer what is asked of a session that nobody owns: verdicts, cancellations. Results are delivered, nothing is called.

    What is then left to do waits for a resume. Raises SessionBusy where its owner lives.
    """
    root = Path(state.directory)
    settings = msgspec.json.encode(plan).decode()
    owner = await take_session(log, state, settings=settings, project=root.name, clock=clock, take_over=False)
    faces = Faces(observe=lambda _: None, confirm=_nobody, stop=anyio.Event(), abort=anyio.Event())
    return await _run_owned(
        owner, plan, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock, working=False
    )


async def recorded_plan(log: EventLog, state: SessionState) -> Plan:
    """The plan that a session's last owner ran with. Raises PlanUnreadable."""
    return read_plan(await log.text(state.settings, at=state.settings_at), session=session_name(state.number))


async def _run_owned(
    owner: Owner,
    plan: Plan,
    *,
    root: Path,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    clock: Clock,
    working: bool = True,
    before: Before | None = None,
) -> Result:
    """Carry the session on and let it go; without `working` only what needs no model is done."""
    journal = Journal()
    try:
        async with _open(
            owner, plan, journal, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock, before=before
        ) as opened:
            if working:
                await take_up(owner, opened.tasks, journal)
            await opened.catch_up()
            with rare_collections():
                await opened.run(working=working)
            await opened.catch_up()
            await opened.tell_marks()
            return await close_session(owner, list(opened.tasks.values()), stopped=opened.interrupted)
    except BaseException as error:
        several = isinstance(error, BaseExceptionGroup)
        cause = gravest(cast("BaseExceptionGroup[BaseException]", error)) if several else error
        await _let_go(owner, cause, secrets)
        if cause is error:
            raise
        raise cause from error


async def _let_go(owner: Owner, cause: BaseException, secrets: Secrets) -> None:
    """Close a session that an error or a cancellation ended: the process may live on, and anybody may go on with it."""
    if isinstance(cause, OwnerLost | LogError):
        return  # nothing can be written; that the process is gone will say it
    by_fault = isinstance(cause, Exception)
    reason = secrets.redact(f"{type(cause).__name__}: {cause}") if by_fault else "interrupted"
    with anyio.move_on_after(LET_GO_S, shield=True), suppress(OwnerLost, LogError):
        await owner.close(finished=False, exit_code=1 if by_fault else 130, reason=reason)


def _recall(own: MoneyView, faces: Faces, entries: Sequence[Entry]) -> None:
    for entry in entries:
        own.apply(entry)
    faces.recall(entries)


def _lives(owner: Owner, clock: Clock, claim: Claim) -> bool:
    return claim.position == owner.position or lives(claim, clock())  # of ourselves the system need not be asked


@asynccontextmanager
async def _open(
    owner: Owner,
    plan: Plan,
    journal: Journal,
    *,
    root: Path,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    clock: Clock,
    before: Before | None,
) -> AsyncGenerator[Dispatcher]:
    """Everything with a lifetime: models, work copies; and what the log says of money, trails and the session itself."""
    log = owner.log
    past = Past(tasks=TasksView(), requests=RequestsView(), journal=journal)
    own = MoneyView().only(owner.session)
    start, experience = await standing_and_experience(log, before)
    if start.wrong:
        remedy = "it was made anew" if start.kept else "`swarm doctor --fix` makes it anew"
        faces.say(f"the snapshot of this log was not used: {start.wrong}; {remedy}")
    if plan.stages.lingua and (told := await to_thread.run_sync(unusable, plan.stages)):
        faces.say(told)
    await past.recall(log, owner.session, until=start.position, observe=partial(_recall, own, faces))
    ledger = Ledger(log, lives=partial(_lives, owner, clock))
    ledger.begin(start, own, owner.session)
    consent = Consent(faces, paid=plan.paid_confirmed or past.paid)
    tasks = partial(past.tasks.of, owner.session)
    async with (
        open_models(plan.roster, environ) as models,
        open_surroundings(
            root, log, tasks, secrets.redact, environ=environ, say=faces.say, session=owner.name
        ) as surroundings,
        open_toolkit(owner, plan, surroundings, consent, environ=environ, faces=faces, clock=clock) as toolkit,
    ):
        past.repeats = await repeats_of(log, plan, models, surroundings, clock)
        yield Dispatcher(
            owner,
            plan,
            ledger=ledger,
            trails=start.view.trails,
            foresight=Foresight(experience.view.sizes, experience.view.inputs),
            models=models,
            surroundings=surroundings,
            past=past,
            toolkit=toolkit,
            consent=consent,
            redact=secrets.redact,
            faces=faces,
            clock=clock,
            position=start.position,
        )
