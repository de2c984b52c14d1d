"""The profiles that are here: whose folder they lie in, which of two with one name holds, what is wrong with their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from swarm.agents.profile import PLAIN, Agent, shipped

if TYPE_CHECKING:
    from swarm.taskfile.problems import Problem

Origin = Literal["task file", "settings", "project", "user", ".claude", "shipped"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
"""In the order of their precedence: of two profiles with one name that of the first holds."""

MOST_FILES = 200
"""Of one folder; the names behind them in the alphabet are not read."""


class Folder(msgspec.Struct, frozen=True):
    """Where profiles may lie. What lies in a project, and not in the user's own home, wants a person's trust."""

    origin: Origin
    path: Path
    of_project: bool


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """An agent and where it is from."""

    agent: Agent
    origin: Origin
    path: str = ""  # of its file
    of_project: bool = False
    digest: str = ""  # SHA-256 of the file's text


class Oddity(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, or only odd, in a file."""

    path: str
    name: str  # of the agent that it would be
    problem: Problem
    is_error: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All profiles, those before others of the same name that hold; and of all files what is wrong with them."""

    profiles: tuple[Profile, ...]
    oddities: tuple[Oddity, ...] = ()
    broken: Mapping[str, str] = {}  # by the name of an agent the file that would hold, and cannot be used

    @property
    def holding(self) -> dict[str, Profile]:
        """By its name the profile that holds."""
        held: dict[str, Profile] = {}
        for profile in self.profiles:
            held.setdefault(profile.agent.name, profile)
        return held


def folders_of(projects: Iterable[Path], *, config: Path, home: Path) -> tuple[Folder, ...]:
    """Where profiles may lie, in the order of precedence. `projects` are the folders of the project, the nearest first."""
    projects = list(projects)
    own = [Folder("project", folder / ".swarm" / "agents", folder != home) for folder in projects]
    foreign = [Folder(".claude", folder / ".claude" / "agents", folder != home) for folder in projects]
    if home not in projects:
        foreign.append(Folder(".claude", home / ".claude" / "agents", False))
    return (*own, Folder("user", config / "agents", False), *foreign)


def find_profiles(
    folders: Sequence[Folder], *, of_file: Sequence[Agent] = (), of_settings: Sequence[Agent] = ()
) -> Found:
    """Read the profiles of all folders, with those of a task file and of the settings before them and those that ship behind.

    A file that cannot be used is left out, and what is wrong with it is in the result.
    """
    profiles = [Profile(agent=agent, origin="task file") for agent in of_file]
    profiles += [Profile(agent=agent, origin="settings") for agent in of_settings]
    oddities: list[Oddity] = []
    broken: dict[str, str] = {}
    for folder in folders:
        for path in _files(folder.path):
            _take(path, folder, profiles, oddities, broken)
    profiles += [Profile(agent=agent, origin="shipped") for agent in (*shipped().values(), *PLAIN.values())]
    return Found(profiles=tuple(profiles), oddities=tuple(oddities), broken=broken)


def _files(folder: Path) -> Iterator[Path]:
    """The Markdown files of a folder, by name; what says of a folder how it is used is no profile."""
    with suppress(OSError):
        named = [path for path in folder.iterdir() if path.suffix == ".md" and path.stem.lower() != "readme"]
        yield from (path for path in sorted(named)[:MOST_FILES] if path.is_file())  # a pipe would be waited for


def _take(path: Path, folder: Folder, profiles: list[Profile], oddities: list[Oddity], broken: dict[str, str]) -> None:
    from swarm.agents.markdown import load_profile  # brings the YAML reader, which only whoever has profiles needs

    read = load_profile(path, foreign=folder.origin == ".claude")
    for is_error, problems in ((True, read.errors), (False, read.warnings)):
        oddities += [Oddity(path=str(path), name=read.name, problem=problem, is_error=is_error) for problem in problems]
    if read.agent is None:
        if all(profile.agent.name != read.name for profile in profiles):
            broken.setdefault(read.name, str(path))
        return
    profiles.append(
        Profile(
            agent=read.agent,
            origin=folder.origin,
            path=str(path),
            of_project=folder.of_project,
            digest=read.digest,
        )
    )
