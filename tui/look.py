"""How the screen looks: its themes, and what each tone is in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import msgspec
from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

from tui.words import Tone

FPS = 8.0
SLOW_FPS = 2.0

_DARK, _ANSI = BUILTIN_THEMES["textual-dark"], BUILTIN_THEMES["ansi-dark"]

THEMES: Mapping[str, Theme] = {
    "dark": dataclasses.replace(_DARK, name="dark"),
    "light": dataclasses.replace(BUILTIN_THEMES["textual-light"], name="light"),
    # blue, orange and grey: what is left to those who see red and green as one
    "swarm-cb": dataclasses.replace(
        _DARK,
        name="swarm-cb",
        primary="#56B4E9",
        secondary="#3A6F94",
        accent="#F28E2B",
        warning="#F28E2B",
        error="#B35C00",
        success="#56B4E9",
        panel="#262626",
    ),
    "ansi": dataclasses.replace(_ANSI, name="ansi"),
}
"""In the order in which `t` goes through them. The last has the sixteen colours of the terminal, and fewer bytes."""

# every piece has a style, if an empty one: without colours Textual looks into each
_TONES: Mapping[str, Mapping[Tone, Style]] = {
    "dark": {
        "": Style(),
        "good": Style(color="#4FD6BE"),
        "bad": Style(color="#FF7B72", bold=True),
        "busy": Style(color="#6CB6FF", bold=True),
        "warn": Style(color="#E3B341"),
        "faint": Style(color="#9DA5AD"),
    },
    "light": {
        "": Style(),
        "good": Style(color="#00594A"),
        "bad": Style(color="#A8140F", bold=True),
        "busy": Style(color="#0A3D91", bold=True),
        "warn": Style(color="#5F4800"),
        "faint": Style(color="#484E54"),
    },
    "swarm-cb": {
        "": Style(),
        "good": Style(color="#56B4E9"),
        "bad": Style(color="#F28E2B", bold=True),
        "busy": Style(color="#FFFFFF", bold=True),
        "warn": Style(color="#FFD79A"),
        "faint": Style(color="#9A9A9A"),
    },
    "ansi": {
        "": Style(),
        "good": Style(color="green"),
        "bad": Style(color="bright_red", bold=True),
        "busy": Style(color="cyan", bold=True),
        "warn": Style(color="yellow"),
        "faint": Style(dim=True),
    },
}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """In which form the screen is drawn."""

    theme: str = "dark"  # one of THEMES
    ascii: bool = False  # nothing but ASCII
    still: bool = False  # nothing moves by itself: no animation
    fps: float = FPS  # how often a second at most


DEFAULT = Look()


def tones_of(theme: str) -> Mapping[Tone, Style]:
    """The style of each tone; a theme that is none of ours has those of the dark one."""
    return _TONES.get(theme, _TONES["dark"])


def next_theme(theme: str) -> str:
    """
    >>> next_theme("dark"), next_theme("ansi")
    ('light', 'dark')
    """
    names = list(THEMES)
    return names[(names.index(theme) + 1) % len(names)]
