"""What a person at the screen can say to a run. It is handed to the screen, which itself changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from events.views.approvals import Asked
from events.views.questions import Question
from tui.live import Live

Remember = Literal["", "session", "project"]
"""For which other uses a word holds, too."""


Verb = Literal["pause", "unpause", "cancel", "retry", "pin", "accept", "reject", "raise"]


class Word(NamedTuple):
    """What a person wants of a session, a task (s1/build) or, to raise its cap, a scope."""

    verb: Verb
    name: str
    more: str = ""  # the tier, what is wrong with a draft, or by how much a cap is raised


class Offer(NamedTuple):
    """One of several things of which a person chooses one."""

    key: str
    more: str  # of the word
    said: str
    is_grave: bool


class Foretold(NamedTuple):
    """What a word would come to as things stand."""

    lines: Sequence[str]
    refused: str = ""  # why nothing would be done
    is_grave: bool = False  # it spends or ends something, and is no key's that is pressed by the way
    offers: Sequence[Offer] = ()


class NotSaid(Exception):
    """A word was not taken; the message is for people, and says why."""


class NeedsYes(NotSaid):
    """A word has a price that nobody said yes to; the message asks."""


class Control(Protocol):
    """Hands a person's words on. Those that say something return the sentence that tells what came of it, or raise NotSaid."""

    def barred(self, live: Live) -> str:
        """Why no word can be given to the session that is shown; empty where one can."""
        ...

    async def foretell(self, word: Word, live: Live) -> Foretold:
        """What a word would come to. What it needs of the view model it takes before it waits for anything."""
        ...

    async def say(self, word: Word, *, confirmed: bool = False) -> str:
        """Raises NeedsYes, too, where it has a price; `confirmed` says yes to that."""
        ...

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
