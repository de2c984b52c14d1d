"""`swarm pin ID TIER`: the first tries of a session, or of one of its tasks, go to models of a tier from now on."""

from __future__ import annotations

import argparse

import anyio

from events.log import EventLog
from swarm.cli import steering
from swarm.cli.names import Name
from swarm.cli.output import Declined, Output
from swarm.cli.saying import say
from swarm.errors import ConfirmationNeeded, UsageError
from swarm.messages import TIERS
from swarm.settings.load import Loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", help="a session (s412) or a task (s412/build; of the last session build)")
    parser.add_argument("tier", nargs="?", metavar="TIER", choices=TIERS, help=", ".join(TIERS))
    parser.add_argument("--off", action="store_true", help="take the pin back: who has first tries is chosen as ever")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who read the log")
    parser.add_argument("--yes", action="store_true", help="yes to paid calls, where no cap but the built-in one holds")


def run(args: argparse.Namespace) -> int:
    if args.off == (args.tier is not None):
        raise UsageError(f"swarm pin: name a tier ({', '.join(TIERS)}), or say --off")
    output: Output = args.output

    async def word(log: EventLog, name: Name, loaded: Loaded) -> steering.Came:
        async def pinned(confirmed: bool) -> steering.Came:
            return await steering.pin(
                log, name, args.tier or "", loaded=loaded, reason=args.reason, confirmed=confirmed
            )

        try:
            return await pinned(args.yes)
        except ConfirmationNeeded as needed:
            if not output.confirm(needed.question, remedy=needed.remedy):
                raise Declined("Nothing was pinned", remedy=f"to do it, {needed.remedy}") from needed
            return await pinned(True)

    async def said() -> int:
        return await say(args, word, schema="swarm.pin/1", what="unpinned" if args.off else "pinned")

    return anyio.run(said)
