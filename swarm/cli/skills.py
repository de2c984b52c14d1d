"""`swarm skills`: lists skills, shows one, looks for those that fit, checks, makes, confirms and weighs them."""

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
  stats [NAME...] what each took, how first drafts went with it and without, and what that suggests
  gaps            kinds of tasks that no skill fits, and faults that come again and again; --draft N has one written
  eval [NAME...]  do the cases of skills with the skill and without; exits with 1 where one does not help
"""
_MODULES = {
    "list": "swarm.cli.skills_list",
    "show": "swarm.cli.skills_show",
    "match": "swarm.cli.skills_match",
    "lint": "swarm.cli.skills_lint",
    "new": "swarm.cli.skills_new",
    "trust": "swarm.cli.skills_trust",
    "stats": "swarm.cli.skills_stats",
    "gaps": "swarm.cli.skills_gaps",
    "eval": "swarm.cli.skills_eval",
}
_OPTIONS = {
    "level": ("show",),
    "file": ("show",),
    "tags": ("match",),
    "most": ("match",),
    "into": ("new", "gaps"),
    "description": ("new",),
    "yes": ("trust", "gaps", "eval"),
    "period": ("stats", "gaps"),
    "any": ("gaps",),
    "draft": ("gaps",),
    "scripted": ("eval",),
    "script": ("eval",),
    "local": ("gaps", "eval"),
    "endpoint": ("gaps", "eval"),
    "model": ("gaps", "eval"),
    "budget": ("gaps", "eval"),
}
"""By what an option is kept as the actions that it belongs to."""

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
    parser.add_argument(
        "--in", dest="into", metavar="FOLDER", help="new, gaps --draft: where skills lie; default: .swarm/skills"
    )
    parser.add_argument("--description", metavar="TEXT", help="new: what it does, and when it is of use")
    parser.add_argument("--yes", action="store_true", help="trust, gaps --draft: without being asked")
    periods = ("day", "week", "month", "all")
    parser.add_argument(
        "--period",
        choices=periods,
        help="stats, gaps: of today, this week, this month or all that the log holds (default)",
    )
    parser.add_argument("--any", action="store_true", help="gaps: tasks without tools, too, which are told of no skill")
    parser.add_argument("--draft", type=int, metavar="N", help="gaps: have a model write a skill for this one")
    models = parser.add_argument_group("models, for gaps --draft and eval")
    models.add_argument("--model", metavar="NAME", help="this one alone, of those that take part in any run")
    models.add_argument("--local", action="store_true", help="the embedded model alone")
    models.add_argument("--endpoint", metavar="URL", help="this OpenAI-compatible server alone")
    models.add_argument("--budget", metavar="AMOUNT", help="cap it all: $0.10 or 20k tokens")
    models.add_argument("--script", metavar="FILE", help="eval: no model, but the answers of this script")
    models.add_argument(
        "--scripted",
        action="store_true",
        help="eval: no model, but the good answer of each case with the skill, the bad one without: a test of the cases",
    )
    parser.set_defaults(progress="auto")


def run(args: argparse.Namespace) -> int:
    for option, actions in _OPTIONS.items():
        if getattr(args, option) not in (None, False) and args.action not in actions:
            named = " or ".join(f"`swarm skills {action}`" for action in actions)
            raise UsageError(f"--{_SPOKEN.get(option, option)} goes with {named}")
    output: Output = args.output
    code: int = importlib.import_module(_MODULES[args.action]).act(args, output)
    return code
