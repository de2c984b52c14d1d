"""`swarm skills match "TEXT"`: which skills fit a task, and what speaks for each."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from swarm.cli.skills_list import say_who_waits
from swarm.errors import UsageError
from swarm.library import library_here, ranked

if TYPE_CHECKING:
    from swarm.cli.output import Output


def act(args: argparse.Namespace, output: Output) -> int:
    query = " ".join(args.words)
    tags = [tag.strip() for tag in (args.tags or "").split(",") if tag.strip()]
    if not query.strip() and not tags:
        raise UsageError('say what is to be done: `swarm skills match "review the query"`, or name tags with `--tags`')
    if args.most is not None and args.most < 1:
        raise UsageError(f"--most {args.most} shows nothing; write 1 or more")
    library = library_here(Path.cwd(), os.environ)
    found = library.match(query, tags=tags, rank=ranked, most=args.most or 10)
    if output.json:
        rows = [
            {
                "name": each.skill.name,
                "score": round(each.score, 4),
                "fits": each.fits,
                "words": list(each.words),
                "tags": list(each.tags),
            }
            for each in found.shown
        ]
        output.document("swarm.skills.match/1", {"said": found.said, "matches": rows, "left_out": list(found.left_out)})
        return 0
    if found.shown:
        cells = [[f"{each.score:.2f}", each.skill.name, "yes" if each.fits else "-", each.why] for each in found.shown]
        output.table(["SCORE", "NAME", "FITS", "WHY"], cells)
    output.note(found.said)
    say_who_waits([each.state for each in library.found], output)
    return 0
