"""`swarm models refresh`: fetches OpenRouter's list of free models now."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import anyio

from swarm.cli.recorded import settings_of
from swarm.freelist import refresh
from swarm.settings.freemodels import taking_part
from swarm.settings.load import free_list_path

if TYPE_CHECKING:
    from swarm.cli.output import Output


def act(args: argparse.Namespace, output: Output) -> int:
    kept = anyio.run(refresh, settings_of(args), os.environ)
    few = [model.id for model in taking_part(kept.models)]
    if output.json:
        content = {"fetched": kept.day.isoformat(), "free": [model.id for model in kept.models], "take_part": few}
        output.document("swarm.models.refresh/1", content)
        return 0
    output.line(
        f"{len(kept.models):,} models are free and carry out tasks; of these take part: {', '.join(few) or 'none'}"
    )
    output.note(f"kept in {free_list_path(os.environ)}")
    return 0
