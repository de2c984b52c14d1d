"""What `cancel`, `pause`, `unpause`, `retry` and `pin` share as commands: the log is opened, the word said, and told what came of it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from events.log import EventLog, open_log
from swarm.cli.names import Name, find
from swarm.cli.output import Output
from swarm.cli.recorded import log_errors, require_log
from swarm.cli.steering import Came
from swarm.settings.load import Loaded, load_settings

HELP = "a session (s412) or a task (s412/build; of the last session build); default: the last session"


async def say(
    args: argparse.Namespace, word: Callable[[EventLog, Name, Loaded], Awaitable[Came]], *, schema: str, what: str
) -> int:
    """Say a word of what the command line names, and tell what came of it; under `what` a program is told of what it was said."""
    output: Output = args.output
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    require_log(loaded.settings.log)
    with log_errors():
        async with open_log(loaded.settings.log) as log:
            came = await word(log, await find(log, args.name), loaded)
    if output.json:
        output.document(schema, {what: str(came.name)})
    else:
        output.note(came.said)
    for line in came.more:
        output.note(line)
    if command := came.to_go_on(output.log):
        output.note(f"what is left to do is done with: {command}")
    return 0
