"""`swarm models`: which models there are and what they cost, one tiny call of each, and OpenRouter's list fetched anew."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING

from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output

_ACTIONS = """\
actions:
  list [NAME...]    every model by tier, whether it takes part and why not, how its work was judged (default)
  test [NAME...]    ask each free model for one word, or those that are named, and say what came of it
  prices [NAME...]  what each model costs, where that stands and of which day it is
  refresh           fetch OpenRouter's list of free models now
"""
_MODULES = {action: f"swarm.cli.models_{action}" for action in ("list", "test", "prices", "refresh")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _ACTIONS
    parser.add_argument(
        "action",
        nargs="?",
        choices=list(_MODULES),
        default="list",
        metavar="ACTION",
        help="list, test, prices or refresh",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="these models alone, by the names that `list` shows")
    parser.add_argument("--paid", action="store_true", help="test: models that cost money, too")


def run(args: argparse.Namespace) -> int:
    if args.paid and args.action != "test":
        raise UsageError("--paid goes with `swarm models test`")
    if args.names and args.action == "refresh":
        raise UsageError("`swarm models refresh` fetches one list and takes no names")
    output: Output = args.output
    code: int = importlib.import_module(_MODULES[args.action]).act(args, output)
    return code
