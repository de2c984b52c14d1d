"""A conversation as wires have it that know no system message among the turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from swarm.messages import Message


class Turn(NamedTuple):
    """What one side says before the other does."""

    speaker: Literal["user", "assistant"]
    texts: tuple[str, ...]


def turns_of(messages: Sequence[Message]) -> tuple[tuple[str, ...], tuple[Turn, ...]]:
    """Return the system texts that come first, and the turns behind them, none of them empty.

    What the system says later is said in the user's turn, at its place: taken to the front it would change the beginning of
    the conversation, which the provider has in its cache. Where the system alone speaks, that is the user's turn.
    """
    said = [message for message in messages if message.text.strip()]
    first = next((place for place, message in enumerate(said) if message.speaker != "system"), 0)
    system, turns = tuple(message.text for message in said[:first]), list[Turn]()
    for message in said[first:]:
        speaker: Literal["user", "assistant"] = "assistant" if message.speaker == "assistant" else "user"
        if turns and turns[-1].speaker == speaker:
            turns[-1] = Turn(speaker, (*turns[-1].texts, message.text))
        else:
            turns.append(Turn(speaker, (message.text,)))
    return system, tuple(turns)
