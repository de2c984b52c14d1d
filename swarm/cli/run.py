"""`swarm run FILE`: the main job."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from events.log import open_log
from swarm.cli.output import Output
from swarm.cli.recorded import log_errors
from swarm.cli.running import (
    add_model_arguments,
    carry_out,
    refuse_paid,
    roster_of,
    secrets_of,
    tell,
    tell_small,
)
from swarm.errors import UsageError
from swarm.plan import Plan
from swarm.session import Result, run_file
from swarm.settings.load import Loaded, load_settings

if TYPE_CHECKING:
    from swarm.connect import Roster
    from swarm.dispatch import Faces
    from swarm.task import Budget, TaskFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a task file")
    parser.add_argument(
        "--local", action="store_true", help="use nothing but the embedded model; gets it where it is missing"
    )
    parser.add_argument(
        "--local-model", metavar="NAME", help="with --local: a name that `swarm local list` shows, or a GGUF file"
    )
    parser.add_argument("--trust", action="store_true", help="confirm the file's shell commands")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    return anyio.run(_run, args)


async def _run(args: argparse.Namespace) -> int:
    from swarm.cli.trust import require_trust
    from swarm.taskfile.read import load_task_file

    output: Output = args.output
    if args.local_model and not args.local:
        raise UsageError("--local-model goes with --local")
    path = Path(args.file)
    file = _with_budget(load_task_file(path), args.budget)
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    secrets = secrets_of(loaded.settings)
    roster = await roster_of(args, loaded, output, local=args.local)
    own_cap = _has_own_cap(file)
    roster = refuse_paid(roster, own_cap, _is_other_log(loaded), output)
    plan = plan_of(loaded, roster, confirmed=args.yes or own_cap or _day_is_set(loaded))
    tell_small(roster, output)
    source = await anyio.Path(path).read_text("utf-8", "replace")
    with log_errors():
        async with open_log(loaded.settings.log) as log:
            await require_trust(log, file, trusted=args.trust, output=output, redact=secrets.redact)

            async def session(faces: Faces) -> Result:
                return await run_file(
                    log,
                    file,
                    plan,
                    root=Path.cwd(),
                    environ=os.environ,
                    faces=faces,
                    secrets=secrets,
                    source=source,
                    say=output.note,
                )

            result, code = await carry_out(args, output, session)
    tell(result, output, code)
    return code


def plan_of(loaded: Loaded, roster: Roster, *, confirmed: bool) -> Plan:
    """The rules of a session from the settings."""
    settings = loaded.settings
    return Plan(
        roster=roster,
        day_nanos=settings.budget.day_nanos,
        time_zone=settings.time_zone,
        on_unknown=settings.on_unknown,
        judge=settings.judge,
        tries=settings.calls.tries,
        paid_confirmed=confirmed,
    )


def _with_budget(file: TaskFile, budget: str | None) -> TaskFile:
    """The file with the cap of the command line, which takes the place of its own."""
    if budget is None:
        return file
    return msgspec.structs.replace(file, budget=budget_of(budget))


def budget_of(text: str) -> Budget:
    """The cap that a command line names. Raises UsageError."""
    from swarm.task import parse_budget

    try:
        return parse_budget(text)
    except ValueError as error:
        raise UsageError(f"--budget {text}: {error}") from error


def _has_own_cap(file: TaskFile) -> bool:
    """Whether money is capped by the file itself: as a whole, or in each of its tasks."""
    if file.budget is not None and file.budget.usd_nanos is not None:
        return True
    return all(task.budget is not None and task.budget.usd_nanos is not None for task in file.tasks)


def _day_is_set(loaded: Loaded) -> bool:
    return loaded.origins["budget", "day_usd"].kind != "default"


def _is_other_log(loaded: Loaded) -> bool:
    return loaded.origins["log",].kind in ("flag", "environment")
