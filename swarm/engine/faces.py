"""Those outside of a session: who looks at it, who is asked, who may stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio
import msgspec

from events.log import Entry
from swarm.errors import BudgetExceeded, ConfirmationNeeded


async def nobody_raises(refusal: BudgetExceeded) -> int:
    """In place of a person, where there is none to ask by how much a cap is raised."""
    raise ConfirmationNeeded(f"{refusal}.", remedy="raise the cap before you go on")


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
    stop: anyio.Event  # set once: no new call, a grace for those in flight
    abort: anyio.Event  # set: now
