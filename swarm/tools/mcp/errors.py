"""What can go wrong with a server, between the parts that know how it is spoken to and the one that decides what follows."""

from __future__ import annotations

from swarm.errors import SwarmError


class ServerUnready(SwarmError):
    """A server cannot be started as it is configured. Nothing was started."""


class ConnectionLost(SwarmError):
    """A server ended, or the connection to it, while an answer was waited for."""


class CallFailed(SwarmError):
    """A server answered to a call with an error, or with what is no answer; the words say which."""
