"""The agents that a run may take: those of its file, of the settings, and of the folders here that are the user's or trusted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from shlex import quote

import msgspec

from swarm.agents.found import Found, Profile, find_profiles, folders_of
from swarm.errors import ConfirmationNeeded, SwarmError, UsageError
from swarm.settings.layers import up_to_root
from swarm.settings.load import Loaded, config_dir, home_dir
from swarm.task import Task, TaskFile


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """The file with all agents that may take part, and the profiles of its project that nobody has confirmed."""

    file: TaskFile
    unconfirmed: tuple[Profile, ...] = ()

    @property
    def told(self) -> str:
        """What a person is told of those that would otherwise take part in some task; empty where there is none."""
        names = [each.agent.name for each in self.unconfirmed if each.agent.types or each.agent.tags]
        if not names:
            return ""
        said = f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
        return (
            f"agents of this project that nobody confirmed take no part: {said}; look at them with `swarm agents list`, "
            "and confirm them with `swarm agents trust`"
        )


def profiles_here(loaded: Loaded, root: Path, environ: Mapping[str, str], file: TaskFile | None = None) -> Found:
    """All profiles that there are for a run in the folder `root`."""
    home = home_dir(environ).resolve()
    folders = folders_of(up_to_root(root.resolve(), home), config=config_dir(environ), home=home)
    of_file = file.agents if file is not None else ()
    return find_profiles(folders, of_file=of_file, of_settings=loaded.settings.agents)


def crew_of(file: TaskFile, found: Found, trusted: Collection[str]) -> Crew:
    """The file with those of the profiles that may take part; `trusted` are the digests that a person has confirmed.

    Raises UsageError where a task names an agent whose file is broken, ConfirmationNeeded where it names one of the project
    that nobody has confirmed.
    """
    unconfirmed = tuple(each for each in found.profiles if each.of_project and each.digest not in trusted)
    usable = [each for each in found.profiles if each not in unconfirmed and each.origin != "shipped"]
    names = {each.agent.name for each in usable}
    for task in file.tasks:
        for name in named_agents(task):
            if name in found.broken:
                raise UsageError(
                    f"task {task.id!r} names the agent {name!r}, whose profile cannot be used: {found.broken[name]}; "
                    "`swarm agents lint` says what is wrong with it"
                )
            waiting = next((each for each in unconfirmed if each.agent.name == name), None)
            if waiting is not None and name not in names:
                raise AgentUnconfirmed(task.id, waiting)
    return Crew(
        file=msgspec.structs.replace(file, agents=tuple(each.agent for each in usable)), unconfirmed=unconfirmed
    )


def named_agents(task: Task) -> Sequence[str]:
    """The agents that a task names, for whichever role."""
    return (*task.agent, *(name for config in task.roles.values() for name in config.agent))


class AgentUnconfirmed(ConfirmationNeeded):
    """A task names an agent of its project whose words nobody has read and confirmed."""

    def __init__(self, task: str, profile: Profile) -> None:
        name = profile.agent.name
        self.question = f"Task {task!r} names the agent {name!r}, and nobody confirmed what {profile.path} tells it."
        self.remedy = f"look at it with `swarm agents show {quote(name)}` and say `swarm agents trust {quote(name)}`"
        SwarmError.__init__(self, f"{self.question} To have it take part, {self.remedy}")
