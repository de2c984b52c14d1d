"""What a person says of how a session goes on, for a command and for the live view alike: each word is asked of its owner.

Each function waits for the answer and returns what came of it. All raise UsageError where it cannot be done, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.bus import read_all
from events.lineage import fold_session
from events.log import EventLog, session_name
from events.types.control import (
    CancelRequested,
    PauseRequested,
    PinRequested,
    RetryRequested,
    TierPinned,
    UnpauseRequested,
)
from events.views.tasks import TasksView
from swarm.cli.asking import Asked, only_task, put, session_state
from swarm.cli.budget_scope import here_by
from swarm.cli.hints import to_type
from swarm.cli.names import Name
from swarm.cli.raising import has_own_cap, require_room_for
from swarm.cli.secrets import secrets_of
from swarm.engine.requests import person
from swarm.errors import ConfirmationNeeded
from swarm.plan import Plan
from swarm.session import recorded_plan
from swarm.settings.load import Loaded


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a word."""

    name: Name  # of what it was said
    said: str  # one sentence
    more: Sequence[str] = ()  # sentences that a person may want to know of, too
    is_left: bool = False  # nobody runs the session, and something of it is left to do

    def to_go_on(self, log: str | None) -> str:
        """What is typed so that it goes on; "" where it does, or is over."""
        return to_type("resume", session_name(self.name.session), log=log) if self.is_left else ""

    def told(self, log: str | None) -> str:
        """All of it, in lines."""
        command = self.to_go_on(log)
        return "\n".join([self.said, *self.more, *([f"go on with: {command}"] if command else [])])


async def cancel(log: EventLog, name: Name, *, loaded: Loaded, reason: str = "") -> Came:
    """End a session or a task for good."""
    secrets = secrets_of(loaded.settings)
    asked = await put(log, name, CancelRequested(by=person(), reason=secrets.redact(reason)), secrets=secrets)
    return _came(asked, f"{name} is cancelled")


async def pause(log: EventLog, name: Name, *, loaded: Loaded, reason: str = "") -> Came:
    """Let nothing new begin in a session, or for a task."""
    secrets = secrets_of(loaded.settings)
    asked = await put(log, name, PauseRequested(by=person(), reason=secrets.redact(reason)), secrets=secrets)
    if asked.result is None:
        return _came(asked, f"{name} is paused: what is in flight ends, nothing begins; `swarm unpause {name}` goes on")
    if name.task:
        return _came(asked, f"{name} is paused, also when the session is resumed; `swarm unpause {name}` lets it go on")
    return _came(asked, f"{name} is paused; nobody runs it, and a resume goes on with it")


async def unpause(log: EventLog, name: Name, *, loaded: Loaded) -> Came:
    """Go on with what was paused."""
    asked = await put(log, name, UnpauseRequested(by=person()), secrets=secrets_of(loaded.settings))
    tasks = (await fold_session(log, TasksView(), name.session)).of(name.session)
    still = [task for task, state in tasks.items() if state.own.paused is not None and task != name.task]
    more = [f"still paused: {', '.join(str(Name(name.session, task)) for task in still)}"] if still else []
    return _came(asked, f"{name} {'goes on' if asked.result is None else 'is not paused any more'}", more)


async def retry(log: EventLog, name: Name, *, loaded: Loaded, reason: str = "") -> Came:
    """Try a task again that ended without a result, with one attempt more.

    Raises NoRoom, too, where the cap that halted it has no room for it yet.
    """
    if not name.task:
        name = await only_task(log, name)
    await require_room_for(log, here_by(loaded), name.session, name.task)
    secrets = secrets_of(loaded.settings)
    asked = await put(log, name, RetryRequested(by=person(), reason=secrets.redact(reason)), secrets=secrets)
    return _came(asked, f"{name} is tried again, with one attempt more")


async def pin(
    log: EventLog, name: Name, tier: str, *, loaded: Loaded, reason: str = "", confirmed: bool = False
) -> Came:
    """Have first tries made by models of a tier, "" as they are chosen; `confirmed` says yes to what they cost.

    Raises ConfirmationNeeded, too, where they cost something that no cap bounds but the built-in one, and nobody said yes to it.
    """
    plan = await recorded_plan(log, await session_state(log, name.session))
    asks = bool(tier) and await _must_ask(log, name.session, tier, plan)
    if asks and not confirmed:
        raise ConfirmationNeeded(
            f"Models of the tier {tier} are paid, and nothing but the built-in cap of a day bounds {session_name(name.session)}. "
            "Use them?",
            remedy=f"say `swarm pin --yes {name} {tier}`, or give it a cap: `swarm budget set {session_name(name.session)} AMOUNT`",
        )
    secrets = secrets_of(loaded.settings)
    event = PinRequested(by=person(), tier=tier, reason=secrets.redact(reason), confirmed=asks and confirmed)
    asked = await put(log, name, event, secrets=secrets)
    if not tier:
        return _came(asked, f"who has the first tries of {name} is chosen as ever")
    nobody = f"no model of the tier {tier} is there for {session_name(name.session)}: who takes a try is chosen as ever"
    more = [] if any(model.tier == tier for model in plan.roster.models) else [nobody]
    return _came(asked, f"the first tries of {name} go to the tier {tier} from now on", more)


async def _must_ask(log: EventLog, session: int, tier: str, plan: Plan) -> bool:
    """Whether a person has to say yes to what models of a tier cost."""
    if plan.paid_confirmed or all(
        model.price is not None and model.price.is_free for model in plan.roster.models if model.tier == tier
    ):
        return False
    async for page in read_all(log, session=session):
        if any(isinstance(entry.event, TierPinned) and entry.event.confirmed for entry in page):
            return False
    return not await has_own_cap(log, session)


def _came(asked: Asked, said: str, more: Sequence[str] = ()) -> Came:
    return Came(name=asked.name, said=said, more=more, is_left=asked.is_left)
