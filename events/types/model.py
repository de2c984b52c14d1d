"""Models that do not answer: left alone for a while, tried by one call, used again. Each stands on a topic of its own model."""

from __future__ import annotations

from events.types.base import Event


class ModelCooled(Event, frozen=True, kw_only=True, tag="model.cooled"):
    """No call is sent to the model until then while another may be. It says all that is known of it: the last one counts.

    Where it is `tried`, its pause is over, and one call finds out how it is; `until` then is how long the others wait for that.
    """

    model: str
    server: str = ""  # host and port; empty for what runs in this program
    until: int  # microseconds since 1970
    step: int  # failures in a row, up to the length of the ladder of pauses
    failure: str  # of the last call: "wait", "stop" or "switch"
    reason: str
    tried: bool = False


class ModelRecovered(Event, frozen=True, kw_only=True, tag="model.recovered"):
    """The call that tried the model had an answer: it is used like any other."""

    model: str
    server: str = ""


def pause_of(cooled: ModelCooled, at: int) -> str:
    """For how long it cools down from then (microseconds since 1970) on, for people."""
    return f"{max(1, round((cooled.until - at) / 60_000_000)):,} min"


def cooldown_topic(model: str, server: str) -> str:
    """The topic on which all of this stands for a model of a server."""
    return f"cooldown/{model}@{server}"
