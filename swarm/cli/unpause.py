"""`swarm unpause [ID]`: goes on with what `swarm pause` held."""

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


def run(args: argparse.Namespace) -> int:
    async def word(log: EventLog, name: Name, loaded: Loaded) -> steering.Came:
        return await steering.unpause(log, name, loaded=loaded)

    async def said() -> int:
        return await say(args, word, schema="swarm.unpause/1", what="unpaused")

    return anyio.run(said)
