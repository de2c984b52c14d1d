"""`swarm resume [SESSION]`: goes on with a session from the log, after a crash, an interruption, or a cap."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from events.lineage import fold_session
from events.log import EventLog, open_log, session_name
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from events.views.standing import standing
from events.views.tasks import TasksView
from swarm.alive import exists
from swarm.cli.estimated import estimate_of
from swarm.cli.names import find_session
from swarm.cli.output import Output
from swarm.cli.raising import cap_run, has_own_cap, raise_caps, require_room
from swarm.cli.recorded import NothingRecorded, log_errors, require_log
from swarm.cli.report_file import add_report_argument, leave_report, require_report
from swarm.cli.run import budget_of
from swarm.cli.running import (
    add_model_arguments,
    carry_out,
    refuse_paid,
    require_endpoint,
    roster_of,
    tell,
    tell_old_prices,
    tell_small,
    way_on,
)
from swarm.cli.secrets import secrets_of
from swarm.cli.watched import require_screen, watched
from swarm.cycle import TAKEN_UP
from swarm.errors import UsageError
from swarm.plan import Plan, shared_caps
from swarm.roster import is_other_log
from swarm.session import Result, recorded_plan, resume_session
from swarm.settings.load import Loaded, load_settings
from swarm.task import Task

if TYPE_CHECKING:
    from swarm.cli.detach import Launched
    from swarm.engine.faces import Faces


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session", nargs="?", metavar="SESSION", help="s412 or 412; default: the last one that is not finished"
    )
    parser.add_argument(
        "--take-over", action="store_true", help="take it from an owner that lives, for example a stopped one"
    )
    parser.add_argument(
        "--raise",
        dest="more",
        metavar="AMOUNT",
        help="raise the cap that halted it: by '+$0.50' or +20k, or to '$2' or 50k",
    )
    add_report_argument(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.watch:
        require_screen()
    return anyio.run(_resume, args)


async def _resume(args: argparse.Namespace) -> int:
    output: Output = args.output
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    require_endpoint(args)
    require_report(args)
    try:
        require_log(loaded.settings.log)
    except NothingRecorded as nothing:
        if args.log or args.session:
            raise  # who names one means one that is there
        return _nothing(output, None, str(nothing))
    with log_errors():
        async with open_log(loaded.settings.log) as log:
            state = await _session(log, args.session)
            if state is None or state.finished:
                said = (
                    "nothing is unfinished in this log"
                    if state is None
                    else f"{session_name(state.number)} is finished"
                )
                return _nothing(output, state, f"{said}; there is nothing to resume")
            if not args.watch:
                return await _go_on(args, log, state, loaded)
            launched = await _launched(args, log, state, loaded)
    return launched if isinstance(launched, int) else await watched(launched, args, loaded)


async def _go_on(args: argparse.Namespace, log: EventLog, state: SessionState, loaded: Loaded) -> int:
    """Carry the session on in this process."""
    output: Output = args.output
    await _make_room(args, log, state, output)
    plan = await plan_of_today(args, log, state, loaded, output)
    if await has_own_cap(log, state.number):
        plan = msgspec.structs.replace(plan, paid_confirmed=True)
    secrets = secrets_of(loaded.settings)
    estimate = await estimate_of(log, state.number)

    async def session(faces: Faces) -> Result:
        return await resume_session(
            log,
            state,
            plan,
            environ=os.environ,
            faces=faces,
            secrets=secrets,
            take_over=args.take_over,
        )

    result, code = await carry_out(args, output, session, watched=args.watched)
    way = await way_on(log, result)
    tell(result, output, code, log=args.log, estimate=estimate, way=way, told=args.progress == "json")
    await leave_report(log, result, args, loaded.settings, output)
    return code


async def _launched(args: argparse.Namespace, log: EventLog, state: SessionState, loaded: Loaded) -> Launched | int:
    """Ask about paid calls where that is to be asked, then leave the session to a process of its own."""
    from swarm.cli.detach import confirm_paid, launch, resuming_words

    output: Output = args.output
    name = session_name(state.number)
    paid = False
    if not await has_own_cap(log, state.number):
        paid = confirm_paid(await plan_of_today(args, log, state, loaded, output), output)
    return await launch(log, resuming_words(args, name, paid=paid), stdin=None, as_json=args.json)


async def _make_room(args: argparse.Namespace, log: EventLog, state: SessionState, output: Output) -> None:
    """Change the caps as the command line says, unless somebody runs the session. Raises WouldHaltAgain, UsageError."""
    if args.more and args.budget:
        raise UsageError(
            "--raise changes the cap that halted the session and --budget that of the run; name one of them"
        )
    if state.claim is not None and exists(state.claim, time.time_ns() // 1000) and not args.take_over:
        return  # taking the session over will say so
    if args.more:
        await raise_caps(log, args, state.number, output)
    elif args.budget:
        await cap_run(log, args, state.number, budget_of(args.budget))
    elif not args.endpoint:  # with another model the next call may need less
        await require_room(log, args, state.number)


def _nothing(output: Output, state: SessionState | None, said: str) -> int:
    """Say that nothing is left to do, which is no failure."""
    if output.json:
        session = session_name(state.number) if state else None
        output.document("swarm.run/1", {"session": session, "exit_code": 0, "reason": said, "tasks": []})
    output.note(said)
    return 0


async def _session(log: EventLog, name: str | None) -> SessionState | None:
    """The session that is named; else the last that is not finished, one without a living owner first."""
    number = await find_session(log, name) if name is not None else await _unfinished(log)
    return (await fold(log, SessionsView(), session=number)).sessions[number] if number else None


async def _unfinished(log: EventLog) -> int:
    """The number of that session, 0 where there is none."""
    known = (await standing(log)).view.claims
    now = time.time_ns() // 1000
    free = [each for each in known.unfinished if each not in known.claims or not exists(known.claims[each], now)]
    return max(free or known.unfinished, default=0)


async def plan_of_today(
    args: argparse.Namespace, log: EventLog, state: SessionState, loaded: Loaded, output: Output
) -> Plan:
    """The recorded plan, with what the command line says instead."""
    settings = loaded.settings
    recorded = await recorded_plan(log, state)
    plan = msgspec.structs.replace(
        recorded,
        **shared_caps(settings, recorded.schedule),  # caps of shared scopes are those of today, raised or lowered since
        time_zone=settings.time_zone,
        on_unknown=settings.on_unknown,
        tries=settings.calls.tries,
        patience_s=settings.calls.patience_s,
    )
    if args.endpoint:
        plan = msgspec.structs.replace(plan, roster=await roster_of(args, loaded, output))
    if args.budget is not None:
        budget = budget_of(args.budget)
        plan = msgspec.structs.replace(
            plan, session_tokens=budget.tokens, session_nanos=budget.usd_nanos, task_caps=False
        )
    if args.yes:
        plan = msgspec.structs.replace(plan, paid_confirmed=True)
    own_cap = plan.session_nanos is not None or (plan.task_caps and await _each_is_capped(log, state.number))
    plan = msgspec.structs.replace(
        plan, roster=refuse_paid(plan.roster, own_cap, is_other_log(loaded, Path.cwd(), os.environ), output)
    )
    tell_small(plan.roster, output)
    tell_old_prices(plan.roster, output)
    return plan


async def _each_is_capped(log: EventLog, session: int) -> bool:
    """Whether each task of a session that is left to do has a cap in dollars of its own."""
    tasks = (await fold_session(log, TasksView(), session)).of(session).values()
    left = [task for task in tasks if task.status == "open" or task.cause in TAKEN_UP]
    specs = [msgspec.json.decode(await log.text(task.spec.ref, at=task.spec.at), type=Task) for task in left]
    return all(spec.budget is not None and spec.budget.usd_nanos is not None for spec in specs)
