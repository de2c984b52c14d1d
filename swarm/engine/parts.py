"""Which role does which work of the cycle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from swarm.cycle import Placed, Work
from swarm.roles.explorer import explore
from swarm.roles.validator import validate
from swarm.roles.worker import work
from swarm.task import Role

ROLES: Mapping[Work, tuple[Role, Callable[..., Awaitable[list[Placed]]]]] = {
    Work.EXPLORE: ("explorer", explore),
    Work.DRAFT: ("worker", work),
    Work.JUDGE: ("validator", validate),
}


def calls_a_model(work: Work) -> bool:
    """Whether a role does it; all else needs no model."""
    return work in ROLES or work is Work.AUDIT
