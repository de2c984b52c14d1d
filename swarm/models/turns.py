"""A conversation as wires have it that know no system message among the turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from swarm.messages import Message, ToolCall


class Result(NamedTuple):
    """What a tool said, and the call that it answers."""

    call: ToolCall
    text: str


Part = str | ToolCall | Result


class Turn(NamedTuple):
    """What one side says before the other does."""

    speaker: Literal["user", "assistant"]
    parts: tuple[Part, ...]


def turns_of(messages: Sequence[Message]) -> tuple[tuple[str, ...], tuple[Turn, ...]]:
    """Return the system texts that come first, and the turns behind them, none of them empty.

    What the system says later is said in the user's turn, at its place: taken to the front it would change the beginning of
    the conversation, which the provider has in its cache. Where the system alone speaks, that is the user's turn. Results
    of tools come first in their turn, as the call before them wants it; one whose call is not there is said like a text.
    """
    said = [message for message in messages if message.text.strip() or message.calls or message.answers]
    first = next((place for place, message in enumerate(said) if message.speaker != "system"), 0)
    system, turns = tuple(message.text for message in said[:first]), list[Turn]()
    calls: dict[str, ToolCall] = {}
    for message in said[first:]:
        calls |= {call.id: call for call in message.calls}
        speaker: Literal["user", "assistant"] = "assistant" if message.speaker == "assistant" else "user"
        parts = _parts(message, calls)
        if turns and turns[-1].speaker == speaker:
            turns[-1] = Turn(speaker, (*turns[-1].parts, *parts))
        elif parts:
            turns.append(Turn(speaker, parts))
    return system, tuple(Turn(turn.speaker, _results_first(turn.parts)) for turn in turns)


def _parts(message: Message, calls: dict[str, ToolCall]) -> tuple[Part, ...]:
    if message.speaker == "tool" and message.answers in calls:
        return (Result(calls[message.answers], message.text),)
    return (*((message.text,) if message.text.strip() else ()), *message.calls)


def _results_first(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: not isinstance(part, Result)))
