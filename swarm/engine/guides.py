"""Which skills a step is told of: those that fit its task, at the level that its tokens allow."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from swarm.errors import UsageError
from swarm.prompts.guide import GuidePart
from swarm.roles.guiding import guide_of
from swarm.roles.job import Guide, skills_of_agents
from swarm.task import Task, words_of

if TYPE_CHECKING:
    from skills.library import Library
    from skills.matching import Explore, Matches

GUIDE_TOKENS = 1_500
"""What a step is told of skills has at most so many: the texts of one or two, and lines for the others."""

LISTED = 8
"""Skills of which a step with tools is told that there are: it can read them by itself."""

EXPLORED = 8
"""One of so many steps is also told that there is a skill which is seldom used: one that nobody sees would stay unused."""

NEVER_USED: Mapping[str, int] = {}


async def nothing_used() -> Mapping[str, int]:
    """What is known of the uses of skills where no log is."""
    return NEVER_USED


class Guides:
    """The skills of a session, read when the first task wants some.

    `redact` takes secrets out of what is told of them, `used` says how often each was, by the log.
    """

    def __init__(
        self,
        root: Path,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        redact: Callable[[str], str],
        *,
        session: str = "",
        used: Callable[[], Awaitable[Mapping[str, int]]] = nothing_used,
    ) -> None:
        self._root, self._environ, self._say, self._redact = root, environ, say, redact
        self._session, self._used = session, used
        self._uses: Mapping[str, int] | None = None
        self._library: Library | None = None
        self._told: set[str] = set()

    async def library(self) -> Library:
        """The skills of the user, the project and the program, as they were when a task first wanted some. Raises LockTrouble."""
        from swarm.library import library_here

        if self._library is None:
            self._library = await to_thread.run_sync(library_here, self._root, self._environ)
        return self._library

    async def guide(self, task: Task, step: int) -> Guide:
        """What the worker of a step is told of skills. A skill that may not be used is told of to a person, once."""
        library = await self.library()
        explore = await self._explore(task, step) if task.skills is None else None
        return await to_thread.run_sync(self._chosen, library, task, explore)

    async def _explore(self, task: Task, step: int) -> Explore | None:
        """By what a seldom used skill is drawn for the step; None where it is told of none."""
        from skills.matching import Explore

        seed = f"{self._session}/{task.id}/{step}"
        if not task.tools or not is_explored(seed):
            return None
        if self._uses is None:
            self._uses = await self._used()
        return Explore(seed=seed, used=self._uses)

    def _chosen(self, library: Library, task: Task, explore: Explore | None) -> Guide:
        from skills.library import UnknownSkill
        from swarm.library import about_tokens

        try:
            matches = library.named(task.skills) if task.skills is not None else _matching(library, task, explore)
        except UnknownSkill as error:
            raise UsageError(str(error)) from error
        brief = library.brief(matches, tokens=GUIDE_TOKENS, count=about_tokens)
        for said in brief.refused:
            if said not in self._told:
                self._told.add(said)
                self._say(said)
        loaded = {skill.name for skill in brief.loaded}
        parts = tuple(
            GuidePart(
                part.skill.name,
                self._redact(part.skill.description),
                self._redact(part.text),
                part.skill.name in loaded,
            )
            for part in brief.parts
        )
        return guide_of(parts, lists=bool(task.tools))


def is_explored(seed: str) -> bool:
    """Whether a step with this seed is told of a skill that is seldom used: one of EXPLORED is, always the same ones."""
    return hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()[0] % EXPLORED == 0


def _matching(library: Library, task: Task, explore: Explore | None) -> Matches:
    from swarm.library import ranked

    found = library.match(words_of(task), rank=ranked, tags=task.tags, most=LISTED, explore=explore)
    names = skills_of_agents(task)
    return found if names is None else found.only(names)
