"""Whether the terminal hands its mouse to the screen, or keeps it for selecting text."""

from __future__ import annotations

from typing import Any

from textual.app import App


def set_mouse(app: App[Any], *, on: bool) -> None:
    """Take the mouse or let it go. It stays so over a stop with ctrl-z; a screen without a terminal has none to take."""
    # Textual has no public way to change it while a screen is shown
    driver = app._driver  # pyright: ignore[reportPrivateUsage]
    if driver is None:
        return
    driver._mouse = True  # pyright: ignore[reportPrivateUsage]  # without it neither of the switches does anything
    switch = getattr(driver, "_enable_mouse_support" if on else "_disable_mouse_support", None)
    if switch is not None:
        switch()
    driver._mouse = on  # pyright: ignore[reportPrivateUsage]
