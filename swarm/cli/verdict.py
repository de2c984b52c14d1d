"""A person's verdict, as `swarm accept` and `swarm reject` give it."""

from __future__ import annotations

import argparse
import os

from events.types.control import VerdictRequested
from swarm.cli.asking import ask, say_what_is_left
from swarm.cli.output import Output
from swarm.engine.requests import person
from swarm.redact import Secrets

HELP = (
    "a task (s412/build; of the last session build), a step of it (s412/build/2), or a session that has one task (s412)"
)


async def judge(args: argparse.Namespace, accepted: bool) -> int:
    output: Output = args.output
    reason = Secrets.from_environ(os.environ).redact(args.reason)
    asked = await ask(args, VerdictRequested(by=person(), accepted=accepted, reason=reason))
    verdict = "accepted" if accepted else "rejected"
    if output.json:
        output.document("swarm.verdict/1", {"task": str(asked.name), "verdict": verdict})
    else:
        output.note(f"{asked.name} is {verdict}")
        for task in asked.result.tasks if asked.result is not None else ():
            if task.name == asked.name.task and task.outputs and accepted:
                output.note(f"written: {', '.join(task.outputs)}")
    say_what_is_left(asked, output)
    return 0
