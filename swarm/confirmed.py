"""What a person has confirmed: the commands of task files, and the profiles of a project's agents and its servers of tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from events.log import EventLog, NewEvent, is_there, open_log
from events.types.session import FileTrusted
from swarm.agents.found import Profile
from swarm.errors import ConfirmationNeeded
from swarm.settings.mcpserver import McpServer
from swarm.task import TaskFile

TOPIC = "trust"


async def trusted_digests(log: EventLog) -> frozenset[str]:
    """The digests of all that was confirmed before, wherever it lies."""
    found: set[str] = set()
    position = 0
    while entries := await log.read(after=position, topic=TOPIC):
        position = entries[-1].position
        found |= {entry.event.digest for entry in entries if isinstance(entry.event, FileTrusted)}
    return frozenset(found)


async def trusted_at(url: str) -> frozenset[str]:
    """The same of a log that may not be there: none. Raises LogError."""
    if not is_there(url):
        return frozenset()
    async with open_log(url, read_only=True) as log:
        return await trusted_digests(log)


async def is_trusted(log: EventLog, file: TaskFile) -> bool:
    """Whether these commands were confirmed before."""
    return file.commands_digest in await trusted_digests(log)


async def record_profile_trust(log: EventLog, profile: Profile) -> None:
    """Record that a person confirmed the profile of an agent, as it stands in its file now."""
    event = FileTrusted(digest=profile.digest, path=profile.path, commands=())
    await log.append([NewEvent(event=event, topic=TOPIC)])


async def record_server_trust(log: EventLog, server: McpServer, shown: str) -> None:
    """Record that a person confirmed a server of a project as it is configured now; `shown` is what they saw of it."""
    path = server.place.rpartition(":")[0]  # without the line
    await log.append([NewEvent(event=FileTrusted(digest=server.digest, path=path, commands=(shown,)), topic=TOPIC)])


async def record_trust(log: EventLog, file: TaskFile, redact: Callable[[str], str]) -> None:
    """Record the confirmation: its digest is of the commands as they stand in the file, what is shown of them has no secrets."""
    commands = tuple(redact(command) for command in file.commands)
    event = FileTrusted(digest=file.commands_digest, path=str(Path.cwd() / file.path), commands=commands)
    await log.append([NewEvent(event=event, topic=TOPIC)])


async def require_trust(log: EventLog, file: TaskFile, trust: bool, redact: Callable[[str], str]) -> None:
    """Record the trust where a program has it, and raise ConfirmationNeeded for commands that nobody has confirmed."""
    if not file.needs_trust or await is_trusted(log, file):
        return
    if not trust:
        raise ConfirmationNeeded(
            f"The commands of {file.path} were not confirmed.", remedy="look at them and say `trust=True`"
        )
    await record_trust(log, file, redact)
