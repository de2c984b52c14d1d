"""`swarm schedule`: sets what is run when, shows what became of it, and starts what is due."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING

from swarm.cli.run import add_run_options
from swarm.errors import UsageError
from swarm.schedule.starter import MOST_RUNS
from swarm.schedule.terms import TERMS

if TYPE_CHECKING:
    from swarm.cli.output import Output

_ACTIONS = """\
actions:
  list            every schedule: when it is due, what runs, how its last run ended (default)
  show NAME       one schedule: its rule, what runs and waits, its last runs
  add NAME FILE   run a task file by a rule, in this folder; a name that is there gets another rule
  pause NAME      start nothing of it until it is resumed; what runs goes on
  resume NAME     let it go on; what was due in the pause is not made up for
  rm NAME         forget it; what runs goes on
  run NAME        start it now; takes what `swarm run` takes
  next NAME       when it is due next
  history NAME    what became of each time that it was due
  run-due         start what is due, and wait until that has ended: a line for a crontab
"""
_MODULES = {
    "list": "swarm.cli.schedule_list",
    "show": "swarm.cli.schedule_list",
    "next": "swarm.cli.schedule_list",
    "history": "swarm.cli.schedule_list",
    "add": "swarm.cli.schedule_change",
    "pause": "swarm.cli.schedule_change",
    "resume": "swarm.cli.schedule_change",
    "rm": "swarm.cli.schedule_change",
    "run": "swarm.cli.schedule_run",
    "run-due": "swarm.cli.schedule_run",
}
_WORDS = {"list": (), "run-due": (), "add": ("NAME", "FILE")}
"""What an action is told beside its options; every other one is told a NAME."""

_RUN_OPTIONS = (
    "set",
    "only",
    "local",
    "local_model",
    "script",
    "report",
    "endpoint",
    "model",
    "price",
    "budget",
    "yes",
)
_NOW_OPTIONS = ("earlier", "trust", "detach", "dry_run")
_SPOKEN = {"earlier": "from"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _ACTIONS
    known = list(_MODULES)
    help_ = f"{', '.join(known[:-1])} or {known[-1]}"
    parser.add_argument("action", nargs="?", choices=known, default="list", metavar="ACTION", help=help_)
    parser.add_argument("words", nargs="*", metavar="NAME", help="the schedule; with add a task file behind it")
    when = parser.add_argument_group(
        "when and how, for add; what the task file says under `schedule` holds where these say nothing"
    )
    for term, (_, says) in TERMS.items():
        metavar = {"cron": "EXPR", "tz": "ZONE", "runs": "N", "retries": "N"}.get(term, term.upper().replace("_", "-"))
        when.add_argument(f"--{term.replace('_', '-')}", dest=f"term_{term}", metavar=metavar, help=says)
    parser.add_argument("--reason", default="", metavar="TEXT", help="pause: why, for those who read the log")
    parser.add_argument("--count", type=int, metavar="N", help="next, history: so many; default: 5 and 20")
    parser.add_argument(
        "--most", type=int, metavar="N", help=f"run-due: so many runs of all schedules at once; default: {MOST_RUNS}"
    )
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    _require_options(args)
    wanted = _WORDS.get(args.action, ("NAME",))
    if len(args.words) < len(wanted):
        raise UsageError(f"`swarm schedule {args.action}` needs {' and '.join(wanted[len(args.words) :])}")
    if len(args.words) > len(wanted):
        raise UsageError(f"`swarm schedule {args.action}` has no use for {args.words[len(wanted)]!r}; see its --help")
    code: int = importlib.import_module(_MODULES[args.action]).act(args, output)
    return code


def _require_options(args: argparse.Namespace) -> None:
    """Raises UsageError where an option is given to an action that it does not belong to."""
    belongs: dict[str, tuple[str, ...]] = {f"term_{term}": ("add",) for term in TERMS}
    belongs |= dict.fromkeys(_RUN_OPTIONS, ("add", "run"))
    belongs |= dict.fromkeys(_NOW_OPTIONS, ("run",))
    belongs |= {"trust": ("add", "run"), "reason": ("pause",), "count": ("next", "history"), "most": ("run-due",)}
    for option, actions in belongs.items():
        if getattr(args, option) not in (None, False, "", []) and args.action not in actions:
            spoken = _SPOKEN.get(option, option.removeprefix("term_")).replace("_", "-")
            raise UsageError(f"--{spoken} goes with {' or '.join(f'`swarm schedule {each}`' for each in actions)}")
    if args.watch:
        raise UsageError("--watch goes with `swarm run`; here say `--detach`, and `swarm watch` looks at it")
    for option in ("count", "most"):
        if (number := getattr(args, option)) is not None and not 1 <= number <= 1_000:
            raise UsageError(f"--{option} {number}: write a number from 1 to 1000")
