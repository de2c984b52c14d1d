"""`swarm cancel ID`: ends a session, or one of its tasks, for good; what was paid and recorded stays."""

from __future__ import annotations

import argparse

import anyio

from events.types.control import CancelRequested
from swarm.cli.asking import ask, say_what_is_left
from swarm.cli.output import Output
from swarm.engine.requests import person

_HELP = "a session (s412) or a task (s412/build; of the last session build); default: the last session"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", nargs="?", help=_HELP)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who read the log")


def run(args: argparse.Namespace) -> int:
    return anyio.run(_cancel, args)


async def _cancel(args: argparse.Namespace) -> int:
    output: Output = args.output
    asked = await ask(args, CancelRequested(by=person(), reason=args.reason))
    if output.json:
        output.document("swarm.cancel/1", {"cancelled": str(asked.name)})
    else:
        output.note(f"{asked.name} is cancelled")
    if asked.name.task:
        say_what_is_left(asked, output)
    return 0
