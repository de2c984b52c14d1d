"""`swarm trust FILE`: shows the shell commands of a task file and records that a person confirmed them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import anyio

from events.log import EventLog, open_log
from swarm.cli.output import Declined, Output, counted
from swarm.cli.recorded import log_errors, settings_of
from swarm.cli.secrets import secrets_of
from swarm.confirmed import is_trusted, record_trust

if TYPE_CHECKING:
    from swarm.task import TaskFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a task file")
    parser.add_argument("--yes", action="store_true", help="confirm without being asked")


def run(args: argparse.Namespace) -> int:
    return anyio.run(_trust, args)


async def _trust(args: argparse.Namespace) -> int:
    from swarm.taskfile.read import load_task_file

    output: Output = args.output
    file = load_task_file(args.file)
    if not file.needs_trust:
        return _told(output, file, f"{file.path} runs no command; there is nothing to confirm", new=False)
    settings = settings_of(args)
    redact = secrets_of(settings).redact
    with log_errors():
        async with open_log(settings.log) as log:
            if await is_trusted(log, file):
                return _told(output, file, f"{file.path} is trusted already", new=False)
            show_commands(file, output, redact)
            remedy = f"say `swarm trust --yes {quote(file.path)}`"
            if not args.yes and not output.confirm("Confirm this?", remedy=remedy):
                raise Declined("Nothing was confirmed", remedy=f"to confirm them, {remedy}")
            await record_trust(log, file, redact)
    over = f" and the changes of {', '.join(file.takes_over)}" if file.takes_over else ""
    said = f"trusted: {counted(len(file.commands), 'command')}{over} of {file.path}, until {'it changes' if len(file.commands) == 1 and not over else 'one of them changes'}"
    return _told(output, file, said, new=True)


def _told(output: Output, file: TaskFile, said: str, *, new: bool) -> int:
    if output.json:
        output.document("swarm.trust/1", {"path": file.path, "commands": len(file.commands), "confirmed": new})
    else:
        output.line(said)
    return 0


def show_commands(file: TaskFile, output: Output, redact: Callable[[str], str]) -> None:
    """Show what the file runs, with the variables that it sets, and whose changes it takes over unasked.

    Also with --quiet: nobody can confirm what was not seen.
    """
    for name in file.takes_over:
        output.problem(
            f"{file.path}: what the tools of {name} change goes to {Path.cwd()} once it is accepted, unasked"
        )
    if file.commands:
        output.problem(f"{file.path} runs these commands in a copy of {Path.cwd()}:")
    for task in file.tasks:
        for check in task.checks:
            if check.run is not None:
                env = "".join(f"{name}={value} " for name, value in task.env.items())
                output.problem(redact(f"  {task.id}: {env}{check.run}"), exact=True)


async def require_trust(
    log: EventLog,
    file: TaskFile,
    *,
    trusted: bool,
    output: Output,
    redact: Callable[[str], str],
    remedy: str = "",
) -> None:
    """See that a person confirmed the file's commands; ask where one can be asked.

    Raises ConfirmationNeeded, Declined. `trusted` says that the command line confirms them, `remedy` how else they can be.
    """
    if not file.needs_trust or await is_trusted(log, file):
        return
    if not trusted:
        show_commands(file, output, redact)
        question = f"The commands of {file.path} were not confirmed before. Run them?"
        if not file.commands:
            question = f"That {file.path} takes changes over unasked was not confirmed before. Run it?"
        remedy = remedy or f"look at them and say `swarm trust {quote(file.path)}`, or run it with `--trust`"
        if not output.confirm(question, remedy=remedy):
            raise Declined(
                "The commands were not confirmed, nothing was run", remedy=f"to run them after all, {remedy}"
            )
    await record_trust(log, file, redact)
