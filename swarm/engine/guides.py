"""Which skills a step is told of: those that fit its task, at the level that its tokens allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from swarm.errors import UsageError
from swarm.roles.job import Guide, skills_of_agents
from swarm.task import Task, words_of

if TYPE_CHECKING:
    from skills.library import Library
    from skills.matching import Matches

GUIDE_TOKENS = 1_500
"""What a step is told of skills has at most so many: the texts of one or two, and lines for the others."""

LISTED = 8
"""Skills of which a step with tools is told that there are: it can read them by itself."""


class Guides:
    """The skills of a session, read when the first task wants some."""

    def __init__(self, root: Path, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._root, self._environ, self._say = root, environ, say
        self._library: Library | None = None
        self._told: set[str] = set()

    async def library(self) -> Library:
        """The skills of the user, the project and the program, as they were when a task first wanted some. Raises LockTrouble."""
        from swarm.library import library_here

        if self._library is None:
            self._library = await to_thread.run_sync(library_here, self._root, self._environ)
        return self._library

    async def guide(self, task: Task) -> Guide:
        """What the worker of the task is told of skills. A skill that may not be used is told of to a person, once."""
        return await to_thread.run_sync(self._chosen, await self.library(), task)

    def _chosen(self, library: Library, task: Task) -> Guide:
        from skills.library import UnknownSkill
        from swarm.library import about_tokens

        try:
            matches = library.named(task.skills) if task.skills is not None else _matching(library, task)
        except UnknownSkill as error:
            raise UsageError(str(error)) from error
        brief = library.brief(matches, tokens=GUIDE_TOKENS, count=about_tokens)
        for said in brief.refused:
            if said not in self._told:
                self._told.add(said)
                self._say(said)
        loaded = [skill.name for skill in brief.loaded]
        texts = [part.text for part in brief.parts if part.skill.name in loaded]
        lines = [part.text for part in brief.parts if part.skill.name not in loaded]
        if lines and task.tools:
            texts.append("\n".join(["Other skills, which read_skill reads:", *lines]))
        return Guide(skills=tuple(loaded), text="\n\n".join(texts))


def _matching(library: Library, task: Task) -> Matches:
    from swarm.library import ranked

    found = library.match(words_of(task), rank=ranked, tags=task.tags, most=LISTED)
    names = skills_of_agents(task)
    return found if names is None else found.only(names)
