"""`swarm budget`: which caps hold and what is left of them; setting, raising and splitting them; settling what is unknown."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

from swarm.errors import UsageError

_ACTIONS = {
    "set": ("swarm.cli.budget_change", "set_cap"),
    "raise": ("swarm.cli.budget_change", "raise_cap"),
    "split": ("swarm.cli.budget_change", "split_cap"),
    "reconcile": ("swarm.cli.budget_reconcile", "reconcile"),
}
_HELP = """\
without an action: the caps that hold here, and those of the last session or of the one that is named
actions:
  set SCOPE AMOUNT        give a scope a cap: log, month, day and project in your settings file, s4, s4/build
                          or s4/build/worker in the log
  raise SCOPE AMOUNT      raise a cap, to an amount ($2, 50k) or by one (+$0.50, +20k): of today, this month,
                          this project, or as above. A running session goes on with it at once
  split SCOPE NAME=SHARE  divide the cap of a session among its tasks, or of a task among its roles: 60%, $0.10, 5k
  reconcile [CALL]        list the calls of which nobody knows whether they were billed; settle one of them by hand
                          (--cost or --not-billed), or those that an invoice has (--invoice FILE)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _HELP
    parser.add_argument("action", nargs="?", metavar="ACTION|SESSION", help="set, raise, split or reconcile; see below")
    parser.add_argument("words", nargs="*", metavar="SCOPE AMOUNT", help="of which scope, and how much")
    parser.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="SCOPE",
        help="one line, and exit code 10 where 80 %% of a cap are spent, 11 where a cap is reached, else 0; "
        "default: the shared scopes and what runs now",
    )
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="set, raise, split: why, for those who read the log"
    )
    found = parser.add_argument_group("reconcile")
    found.add_argument("--cost", metavar="AMOUNT", help="what the call cost: '$0.0012'")
    found.add_argument(
        "--tokens", metavar="IN/OUT", help="with --cost: the tokens that were billed; default: as reserved"
    )
    found.add_argument("--not-billed", action="store_true", help="the provider did not bill the call")
    found.add_argument(
        "--invoice", metavar="FILE", help="settle what is the only match in a provider's invoice, a CSV file"
    )
    found.add_argument("--dry-run", action="store_true", help="show what would be settled, and settle nothing")


def run(args: argparse.Namespace) -> int:
    for option in ("cost", "tokens", "not_billed", "invoice", "dry_run"):
        if args.action != "reconcile" and getattr(args, option):
            raise UsageError(f"swarm budget: --{option.replace('_', '-')} belongs to the action reconcile; name it")
    if args.action in _ACTIONS:
        if args.check is not None:
            raise UsageError(f"swarm budget: --check only looks and `{args.action}` changes; give one of them")
        module, function = _ACTIONS[args.action]
        act: Callable[[argparse.Namespace], int] = getattr(import_module(module), function)
        return act(args)
    from swarm.cli import budget_page

    if args.words:
        raise UsageError(_unknown(args.action))
    if args.check is not None:
        args.check = args.check or args.action or ""
        return budget_page.check(args)
    return budget_page.show(args)


def _unknown(action: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(action, _ACTIONS, n=1)
    guess = f"did you mean `swarm budget {near[0]}`?" if near else f"there are {', '.join(_ACTIONS)}"
    return f"swarm budget knows no action {action!r}; {guess}"
