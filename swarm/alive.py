"""Whether the owner of a session still lives, as far as that can be seen from here. A status line asks it, so it imports little."""

from __future__ import annotations

import os
from functools import cache

from events import processes
from events.views.sessions import Claim


def owner_of(claim: Claim) -> str:
    """The owner in the words of an error."""
    if _is_here(claim):
        return processes.describe(claim.pid)
    return claim.owner


def exists(claim: Claim, now: int) -> bool:
    """Whether the owner's process is still there, be it stopped. One that cannot be looked at is until its claim ends."""
    if not _is_here(claim):
        return now <= claim.valid_until
    return (
        claim.boot == boot_id() and not processes.is_dead(claim.pid) and processes.started(claim.pid) == claim.started
    )


def lives(claim: Claim, now: int) -> bool:
    """Whether the owner can be waited for: its process is there and it renews its claim."""
    return now <= claim.valid_until and exists(claim, now)


def _is_here(claim: Claim) -> bool:
    return claim.host == host_name()


@cache
def boot_id() -> str:
    return processes.boot_id()


def host_name() -> str:
    """The name of this machine as a claim has it."""
    return os.uname().nodename  # what socket.gethostname() says, without its import
