"""`swarm skills new NAME`: writes a skill to begin with."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from skills.lock import SkillError
from skills.template import write_template
from swarm.cli.skills_show import SkillTrouble
from swarm.errors import UsageError
from swarm.library import FOLDERS, library_here

if TYPE_CHECKING:
    from swarm.cli.output import Output


def act(args: argparse.Namespace, output: Output) -> int:
    if len(args.words) != 1:
        raise UsageError("name the skill: `swarm skills new sql-review`")
    try:
        path = write_template(Path(args.into or FOLDERS[0]), args.words[0], args.description or "")
    except SkillError as error:
        raise SkillTrouble(str(error)) from error
    if output.json:
        output.document("swarm.skills.new/1", {"path": str(path)})
        return 0
    output.line(str(path))
    for other in library_here(Path.cwd(), os.environ).found:
        if other.skill.name == args.words[0] and other.skill.path.resolve() != path.resolve():
            output.note(
                f"there is a {other.skill.name} already, in {other.skill.folder}; "
                "of two with one name the project's comes before yours, and yours before the one that ships"
            )
    folder = quote(str(path.parent))
    output.note(f"write there what is to be done; then `swarm skills lint {folder}` and `swarm skills trust {folder}`")
    return 0
