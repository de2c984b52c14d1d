"""A person's word from the live view, said as the command of its name says it."""

from __future__ import annotations

from events.log import EventLog
from swarm.cli import budget_change, steering, verdict
from swarm.cli.budget_scope import here_by
from swarm.cli.names import Name, parse_name
from swarm.cli.steering import Came
from swarm.settings.load import Loaded
from tui.control import Word


async def spoken(log: EventLog, word: Word, *, loaded: Loaded, named: str | None, confirmed: bool) -> str:
    """Say it, and return what came of it, in lines. `named` is the log that the command line names.

    Raises SwarmError where it is refused, ConfirmationNeeded where its price needs a yes that `confirmed` says.
    """
    if word.verb == "raise":
        return await budget_change.take_down(log, word.name, word.more, where=here_by(loaded))
    came = await _of_a_session(log, word, parse_name(word.name, last=0), loaded, named, confirmed)
    return came.told(named)


async def _of_a_session(
    log: EventLog, word: Word, name: Name, loaded: Loaded, named: str | None, confirmed: bool
) -> Came:
    match word.verb:
        case "pause":
            return await steering.pause(log, name, loaded=loaded)
        case "unpause":
            return await steering.unpause(log, name, loaded=loaded)
        case "cancel":
            return await steering.cancel(log, name, loaded=loaded)
        case "retry":
            return await steering.retry(log, name, loaded=loaded)
        case "pin":
            return await steering.pin(log, name, word.more, loaded=loaded, confirmed=confirmed)
        case _:
            accepted = word.verb == "accept"
            return await verdict.take_down(log, name, accepted=accepted, reason=word.more, loaded=loaded, named=named)
