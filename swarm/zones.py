"""Time zones by their names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import tzinfo
from functools import cache
from pathlib import Path

_LOCAL = Path("/etc/localtime")


@cache
def zone_named(name: str) -> tzinfo | None:
    """The zone of an IANA name; None, the machine's own, where it is empty."""
    if not name:
        return None
    from zoneinfo import ZoneInfo  # only where a zone is named

    return ZoneInfo(name)


def local_zone(environ: Mapping[str, str]) -> str:
    """The IANA name of the machine's own zone, as far as it says one; UTC where it does not."""
    from zoneinfo import ZoneInfo

    _, folder, linked = os.path.realpath(_LOCAL).partition("/zoneinfo/")
    for name in (environ.get("TZ", "").removeprefix(":"), linked if folder else ""):
        try:
            return ZoneInfo(name).key
        except (OSError, ValueError, KeyError):  # no name, or a rule written out such as CET-1CEST
            continue
    return "UTC"
