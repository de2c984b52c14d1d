"""`swarm cancel ID`: ends a session, or one of its tasks, for good; what was paid and recorded stays."""

from __future__ import annotations

import argparse

import anyio

from events.log import EventLog
from swarm.cli import steering
from swarm.cli.names import Name
from swarm.cli.saying import HELP, say
from swarm.settings.load import Loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", nargs="?", help=HELP)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who read the log")


def run(args: argparse.Namespace) -> int:
    async def word(log: EventLog, name: Name, loaded: Loaded) -> steering.Came:
        return await steering.cancel(log, name, loaded=loaded, reason=args.reason)

    async def said() -> int:
        return await say(args, word, schema="swarm.cancel/1", what="cancelled")

    return anyio.run(said)
