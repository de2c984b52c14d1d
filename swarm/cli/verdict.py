"""A person's verdict, as `swarm accept` and `swarm reject` give it."""

from __future__ import annotations

import argparse
import os

from events.log import EventLog
from events.types.control import VerdictRequested
from swarm.cli.asking import Asked, ask, put, say_what_is_left, where_changes_are
from swarm.cli.names import Name
from swarm.cli.output import Output
from swarm.cli.secrets import secrets_of
from swarm.cli.steering import Came
from swarm.engine.requests import person
from swarm.redact import Secrets
from swarm.settings.load import Loaded

HELP = (
    "a task (s412/build; of the last session build), a step of it (s412/build/2), or a session that has one task (s412)"
)


async def judge(args: argparse.Namespace, accepted: bool) -> int:
    output: Output = args.output
    reason = Secrets.from_environ(os.environ).redact(args.reason)
    asked = await ask(args, VerdictRequested(by=person(), accepted=accepted, reason=reason))
    if output.json:
        verdict = "accepted" if accepted else "rejected"
        output.document("swarm.verdict/1", {"task": str(asked.name), "verdict": verdict})
    else:
        for line in told(asked, accepted=accepted):
            output.note(line)
    say_what_is_left(asked, output)
    return 0


async def take_down(
    log: EventLog, name: Name, *, accepted: bool, loaded: Loaded, named: str | None, reason: str = ""
) -> Came:
    """Judge the last draft of a task as `swarm accept` and `swarm reject` do. `named` is the log that the command line names.

    Raises UsageError where it is refused, Unanswered.
    """
    secrets = secrets_of(loaded.settings)
    event = VerdictRequested(by=person(), accepted=accepted, reason=secrets.redact(reason))
    asked = await put(log, name, event, secrets=secrets)
    said, *more = told(asked, accepted=accepted)
    if asked.state is not None:
        more += where_changes_are(asked.state, named)
    return Came(name=asked.name, said=said, more=more, is_left=asked.is_left)


def told(asked: Asked, *, accepted: bool) -> list[str]:
    """What a person is told of the verdict, in lines."""
    tasks = asked.result.tasks if asked.result is not None and accepted else ()
    written = [task.outputs for task in tasks if task.name == asked.name.task and task.outputs]
    verdict = f"{asked.name} is {'accepted' if accepted else 'rejected'}"
    return [verdict, *(f"written: {', '.join(outputs)}" for outputs in written)]
