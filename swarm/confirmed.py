"""Which commands of task files a person has confirmed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from events.log import EventLog, NewEvent
from events.types.session import FileTrusted
from swarm.errors import ConfirmationNeeded
from swarm.task import TaskFile

TOPIC = "trust"


async def is_trusted(log: EventLog, file: TaskFile) -> bool:
    """Whether these commands, wherever the file lies, were confirmed before."""
    position = 0
    while entries := await log.read(after=position, topic=TOPIC):
        position = entries[-1].position
        if any(
            isinstance(entry.event, FileTrusted) and entry.event.digest == file.commands_digest for entry in entries
        ):
            return True
    return False


async def record_trust(log: EventLog, file: TaskFile, redact: Callable[[str], str]) -> None:
    """Record the confirmation: its digest is of the commands as they stand in the file, what is shown of them has no secrets."""
    commands = tuple(redact(command) for command in file.commands)
    event = FileTrusted(digest=file.commands_digest, path=str(Path.cwd() / file.path), commands=commands)
    await log.append([NewEvent(event=event, topic=TOPIC)])


async def require_trust(log: EventLog, file: TaskFile, trust: bool, redact: Callable[[str], str]) -> None:
    """Record the trust where a program has it, and raise ConfirmationNeeded for commands that nobody has confirmed."""
    if not file.commands or await is_trusted(log, file):
        return
    if not trust:
        raise ConfirmationNeeded(
            f"The commands of {file.path} were not confirmed.", remedy="look at them and say `trust=True`"
        )
    await record_trust(log, file, redact)
