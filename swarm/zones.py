"""Time zones by their names."""

from __future__ import annotations

from datetime import tzinfo
from functools import cache


@cache
def zone_named(name: str) -> tzinfo | None:
    """The zone of an IANA name; None, the machine's own, where it is empty."""
    if not name:
        return None
    from zoneinfo import ZoneInfo  # only where a zone is named

    return ZoneInfo(name)
