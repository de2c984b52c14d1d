"""`swarm skills`: lists skills, shows one, looks for those that fit, checks and makes them, and confirms those of a project."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING

from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output

_ACTIONS = """\
actions:
  list            every skill, where it is from, what it costs, whether it is used and why not (default)
  show NAME       one skill: what it says, and how large each level of it is
  match "TEXT"    which skills fit a task, and why
  lint [PATH...]  what is wrong with skills by their specification; exits with 1 where something is
  new NAME        write a skill to begin with
  trust [PATH...] confirm the skills of this project, all or those of a folder, as their files are now
"""
_MODULES = {
    "list": "swarm.cli.skills_list",
    "show": "swarm.cli.skills_show",
    "match": "swarm.cli.skills_match",
    "lint": "swarm.cli.skills_lint",
    "new": "swarm.cli.skills_new",
    "trust": "swarm.cli.skills_trust",
}
_OPTIONS = {
    "level": "show",
    "file": "show",
    "tags": "match",
    "most": "match",
    "into": "new",
    "description": "new",
    "yes": "trust",
}
"""By what an option is kept as the action that it belongs to."""

_SPOKEN = {"into": "in"}  # what is typed, where that is another word


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _ACTIONS
    known = list(_MODULES)
    help_ = f"{', '.join(known[:-1])} or {known[-1]}"
    parser.add_argument("action", nargs="?", choices=known, default="list", metavar="ACTION", help=help_)
    parser.add_argument(
        "words", nargs="*", metavar="NAME|PATH|TEXT", help="a skill, a folder or a task, as the action says"
    )
    levels = ("name", "line", "outline", "body", "resources")
    parser.add_argument("--level", choices=levels, metavar="LEVEL", help=f"show: this alone: {', '.join(levels)}")
    parser.add_argument("--file", metavar="PATH", help="show: this file of the skill")
    parser.add_argument("--tags", metavar="TAGS", help="match: tags of the task, with commas between them")
    parser.add_argument("--most", type=int, metavar="N", help="match: so many at the most; default: 10")
    parser.add_argument("--in", dest="into", metavar="FOLDER", help="new: where skills lie; default: .swarm/skills")
    parser.add_argument("--description", metavar="TEXT", help="new: what it does, and when it is of use")
    parser.add_argument("--yes", action="store_true", help="trust: confirm without being asked")


def run(args: argparse.Namespace) -> int:
    for option, action in _OPTIONS.items():
        if getattr(args, option) not in (None, False) and args.action != action:
            raise UsageError(f"--{_SPOKEN.get(option, option)} goes with `swarm skills {action}`")
    output: Output = args.output
    code: int = importlib.import_module(_MODULES[args.action]).act(args, output)
    return code
