"""What a person at the screen can say to a run. It is handed to the screen, which itself changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from events.views.approvals import Asked
from events.views.questions import Question

Remember = Literal["", "session", "project"]
"""For which other uses a word holds, too."""


class NotSaid(Exception):
    """A word was not taken; the message is for people, and says why."""


class Control(Protocol):
    """Hands a person's words on. Those that say something return the sentence that tells what came of it, or raise NotSaid."""

    async def arguments(self, asked: Asked) -> Sequence[str]:
        """With what the tool would be used, in lines, none of them endless."""
        ...

    def likes(self, asked: Asked) -> str:
        """For which other uses a word holds that is remembered."""
        ...

    async def allow(self, asked: Asked, remember: Remember = "") -> str: ...

    async def refuse(self, asked: Asked, reason: str = "") -> str: ...

    async def answer(self, question: Question, text: str) -> str:
        """Empty leaves it to the agent; a number is that of an option."""
        ...
