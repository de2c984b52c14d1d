"""The skills of this user and of the project here: where they lie, which lock says what is trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import skills
from skills.library import Library, open_library
from skills.lock import BrokenLock, Lock, read_lock
from skills.skill import Place
from swarm.errors import UsageError
from swarm.settings.layers import up_to_root
from swarm.settings.load import config_dir, home_dir
from swarm.text.embed import installed_embedder
from swarm.text.ranking import Ranking
from swarm.toolnames import known_as, stands_for

FOLDERS = (".swarm/skills", ".agents/skills", ".claude/skills")
"""Of a project, in the order of their precedence."""

_BYTES_A_TOKEN = 4  # of English text


class LockTrouble(UsageError):
    """The user's lock cannot be read; the sentence is its own."""


def library_here(root: Path, environ: Mapping[str, str]) -> Library:
    """Open the library for the project folder `root`. Reads the head of each SKILL.md. Raises LockTrouble."""
    return open_library(places_of(root, environ), lock_here(environ))


def places_of(root: Path, environ: Mapping[str, str]) -> tuple[Place, ...]:
    """Where skills may lie, in the order of precedence: the project's folders, the nearest first, the user's, what ships."""
    home = home_dir(environ).resolve()
    projects = up_to_root(root.resolve(), home)
    places = [Place(folder / name, "user" if folder == home else "project") for folder in projects for name in FOLDERS]
    places.append(Place(config_dir(environ) / "skills", "user"))
    if home not in projects:
        places.append(Place(home / ".agents" / "skills", "user"))
    return (*places, Place(shipped_folder(), "shipped"))


def shipped_folder() -> Path:
    """Where the skills lie that come with the program."""
    assert skills.__file__ is not None, "the package is one of files"
    return Path(skills.__file__).parent


def lock_path(environ: Mapping[str, str]) -> Path:
    """Where it stands what the user trusts: with the user's settings, as a project must not vouch for itself."""
    return config_dir(environ) / "skills.lock"


def lock_here(environ: Mapping[str, str]) -> Lock:
    """Read it. Raises LockTrouble."""
    try:
        return read_lock(lock_path(environ))
    except BrokenLock as error:
        raise LockTrouble(str(error)) from error


def ranked(query: str, documents: Sequence[Mapping[str, str]]) -> list[float]:
    """How well each skill fits a query: by its words, and by what they mean where vectors are installed; 0 where neither speaks for it."""
    return _ranking()(query, documents)


@cache
def _ranking() -> Ranking:
    return Ranking(installed_embedder())


def allows(word: str, tool: str) -> bool:
    """Whether a word of a skill's `allowed-tools` stands for a tool. Of `Bash(git:*)` the name alone counts: what a tool is used for
    is asked of the policy all the same.
    """
    return stands_for(known_as(word) or word.partition("(")[0].strip().lower(), tool)


def about_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return about_tokens_of(len(text.encode("utf-8", "replace")))


def about_tokens_of(size: int) -> int:
    """About how many tokens so many bytes are."""
    return -(-size // _BYTES_A_TOKEN)
