"""`swarm fork [SESSION] --at N`: a new session that begins with what another did up to an event, and goes on from there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.blobs import Known, Pack
from events.log import EventLog, open_log, session_name
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from swarm.cli.names import find_session
from swarm.cli.output import Output
from swarm.cli.recorded import log_errors, require_log
from swarm.cli.report_file import add_report_argument, leave_report, require_report
from swarm.cli.resume import plan_of_today
from swarm.cli.running import add_model_arguments, carry_out, require_endpoint, tell
from swarm.cli.secrets import secrets_of
from swarm.confirmed import trusted_digests
from swarm.crew import crew_of, profiles_here
from swarm.engine.fork import Submissions, submissions_of
from swarm.engine.prepare import prepare
from swarm.engine.submission import submitted
from swarm.errors import UsageError
from swarm.session import Result, fork_session
from swarm.settings.load import load_settings
from swarm.task import TaskFile

if TYPE_CHECKING:
    from swarm.engine.faces import Faces
    from swarm.plan import Plan
    from swarm.redact import Secrets
    from swarm.settings.load import Loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", nargs="?", metavar="SESSION", help="s412; default: the last session")
    parser.add_argument("--at", type=int, metavar="N", help="the last event that is kept, by its position in the log")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another value for a variable of the task file"
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="take the project as it is, where it is not what its drafts were checked in",
    )
    parser.add_argument("--trust", action="store_true", help="confirm the commands of the task file")
    add_report_argument(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    return anyio.run(_fork, args)


async def _fork(args: argparse.Namespace) -> int:
    output: Output = args.output
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    require_endpoint(args)
    require_report(args)
    require_log(loaded.settings.log)
    secrets = secrets_of(loaded.settings)
    with log_errors():
        async with open_log(loaded.settings.log) as log:
            number = await find_session(log, args.session)
            state = (await fold(log, SessionsView(), session=number)).sessions[number]
            plan = await plan_of_today(args, log, state, loaded, output)
            pack = Pack(Known())
            changed = await _changed(args, log, state, plan, loaded, secrets, pack)

            async def session(faces: Faces) -> Result:
                return await fork_session(
                    log,
                    state,
                    plan,
                    at=args.at,
                    changed=changed,
                    texts=pack,
                    environ=os.environ,
                    faces=faces,
                    secrets=secrets,
                    as_is=args.as_is,
                )

            result, code = await carry_out(args, output, session)
            tell(result, output, code, log=args.log)
            await leave_report(log, result, args, loaded.settings, output)
    return code


async def _changed(
    args: argparse.Namespace,
    log: EventLog,
    state: SessionState,
    plan: Plan,
    loaded: Loaded,
    secrets: Secrets,
    pack: Pack,
) -> Submissions:
    """The tasks that the new values of variables change, from the task file as the session recorded it."""
    from swarm.cli.given import overrides_of
    from swarm.cli.trust import require_trust
    from swarm.insight.story import text_or_none

    if not args.set:
        return {}
    name = session_name(state.number)
    source = await text_or_none(log, state.source, at=state.opened) if state.source else None
    if source is None:
        raise UsageError(f"{name} recorded no task file, so `--set` has nothing to change")
    file = _reread(source, state, overrides_of(args.set))
    await require_trust(log, file, trusted=args.trust, output=args.output, redact=secrets.redact)
    found = profiles_here(loaded, Path(state.directory), os.environ, file)
    file = crew_of(file, found, await trusted_digests(log)).file
    prepared, _ = await anyio.to_thread.run_sync(prepare, file, Path(state.directory), secrets.redact, plan)
    before = await submissions_of(log, state.number)
    made = {each.task.id: submitted(each, pack.put, secrets.redact) for each in prepared}
    return {
        task: event for task, event in made.items() if task in before and before[task].spec.digest != event.spec.digest
    }


def _reread(source: str, state: SessionState, overrides: dict[str, str]) -> TaskFile:
    from swarm.taskfile.read import parse_task_file

    return parse_task_file(source, Path(state.path or f"{state.title}.yaml"), overrides=overrides)
