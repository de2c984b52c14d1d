"""`swarm retry ID [WHY]`: tries a task again that failed, was halted or cancelled, with one attempt more."""

from __future__ import annotations

import argparse

import anyio

from events.log import EventLog
from swarm.cli import steering
from swarm.cli.names import Name
from swarm.cli.saying import say
from swarm.settings.load import Loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    named = "a task (s412/build; of the last session build), or a session that has one task (s412)"
    parser.add_argument("name", metavar="ID", help=named)
    parser.add_argument("reason", nargs="?", default="", metavar="WHY", help="for those who read the log")


def run(args: argparse.Namespace) -> int:
    async def word(log: EventLog, name: Name, loaded: Loaded) -> steering.Came:
        return await steering.retry(log, name, loaded=loaded, reason=args.reason)

    async def said() -> int:
        return await say(args, word, schema="swarm.retry/1", what="retried")

    return anyio.run(said)
