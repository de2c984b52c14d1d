"""What settings say of the live view: how it looks on the terminal of whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from swarm.settings.tomlfile import KeyPath
from swarm.units import kind_of, shortened

THEMES = ("dark", "light", "swarm-cb", "ansi")
MOST_FPS = 60.0


class ViewSettings(msgspec.Struct, frozen=True, kw_only=True):
    """None: as the terminal is."""

    theme: str | None = None
    ascii: bool | None = None
    slow: bool | None = None
    fps: float | None = None


def parse_fps(value: object, source: object) -> float:
    """How often a second the view is drawn at most. Raises ValueError."""
    what = f"a number above 0 and up to {MOST_FPS:g}"
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{what} is expected, not {kind_of(value)}")
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number <= MOST_FPS:
        raise ValueError(f"{what} is expected, not {shortened(value) if isinstance(value, str) else value}")
    return number


def view_settings(values: Mapping[KeyPath, Any]) -> ViewSettings:
    return ViewSettings(**{key[1]: value for key, value in values.items() if key[0] == "view"})
