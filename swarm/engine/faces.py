"""Those outside of a session: who looks at it, who is asked, who may stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import anyio
import msgspec

from events.log import Entry
from swarm.errors import BudgetExceeded, ConfirmationNeeded


async def nobody_raises(refusal: BudgetExceeded) -> int:
    """In place of a person, where there is none to ask by how much a cap is raised."""
    raise ConfirmationNeeded(f"{refusal}.", remedy="raise the cap before you go on")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a tool that waits for a person's word. Secrets are taken out of all of it."""

    task: str  # s412/build
    tool: str
    question: str  # in one line
    arguments: str  # JSON, in lines
    rule: str  # by which a person is asked
    likes: str  # for what else a word holds that is remembered


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says to it."""

    allowed: bool
    remember: Literal["", "session", "project"] = ""  # it holds for uses like it, too
    reason: str = ""  # the model is told it where it was not allowed


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent asks a person. Secrets are taken out of it."""

    task: str  # s412/build
    question: str
    options: tuple[str, ...] = ()  # answers to choose from; any other may be given


class Faces(msgspec.Struct, kw_only=True):
    """What a session is given of its caller: whom it shows its entries, whom it asks, and how it is told to stop."""

    observe: Callable[[Sequence[Entry]], None]
    recall: Callable[[Sequence[Entry]], None] = lambda _: None  # what stood in the log before: known, and no news
    say: Callable[[str], None] = lambda _: None  # a sentence for people that is no event
    confirm: Callable[
        [str], Awaitable[bool]
    ]  # asks about paid calls, and about calls in doubt; raises ConfirmationNeeded where nobody can be asked
    raise_by: Callable[[BudgetExceeded], Awaitable[int]] = (
        nobody_raises  # asks by how much a cap is raised, in its unit; 0: not at all; raises ConfirmationNeeded likewise
    )
    approve: Callable[[Wanted], Awaitable[Word]] | None = None  # asks whether a tool may be used; None: nobody is there
    reply: Callable[[Asking], Awaitable[str]] | None = None  # asks what an agent asks; None: nobody is there
    asking: anyio.Lock = msgspec.field(default_factory=anyio.Lock)  # held while a person is asked
    stop: anyio.Event  # set once: no new call, a grace for those in flight
    abort: anyio.Event  # set: now
