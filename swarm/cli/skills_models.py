"""Which models work on skills: those that any run has, the embedded one, one server, or one of them by its name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import msgspec

from swarm.cli.running import roster_of
from swarm.connect import Roster
from swarm.errors import UsageError
from swarm.settings.load import Loaded

if TYPE_CHECKING:
    from swarm.cli.output import Output


async def roster_for(args: argparse.Namespace, loaded: Loaded, output: Output) -> Roster:
    """Raises UsageError where there is no model of that name, and what `roster_of` raises."""
    if args.local and args.model:
        raise UsageError("--local and --model exclude each other; name one of them")
    given = {"price": None, "local_model": None, "dry_run": False, "model": args.model if args.endpoint else None}
    asked = argparse.Namespace(**{**vars(args), **given})
    roster = await roster_of(asked, loaded, output, local=args.local)
    return roster if args.endpoint or not args.model else _only(roster, args.model)


def _only(roster: Roster, name: str) -> Roster:
    models = tuple(model for model in roster.models if model.name == name)
    if not models:
        known = ", ".join(sorted(model.name for model in roster.models))
        raise UsageError(f"--model {name}: no model that can work here has this name; there are {known}")
    return msgspec.structs.replace(roster, models=models)
