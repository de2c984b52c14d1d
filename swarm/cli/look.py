"""How the live view and the replay look: what the options, the settings and the terminal say, in this order."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from swarm.errors import UsageError
from swarm.settings.screen import MOST_FPS, THEMES, ViewSettings

if TYPE_CHECKING:
    from tui.look import Look

_T = TypeVar("_T")
_FEW_SIGNS = ("linux", "vt52", "vt100", "vt102", "vt220")  # the console of Linux has a font of 512 signs at most


def add_look(parser: argparse.ArgumentParser) -> None:
    """Add the options of everything that draws the live view; `look_of` reads them."""
    yes_or_no = argparse.BooleanOptionalAction
    parser.add_argument("--theme", choices=THEMES, help="the colours; default: dark, with --slow ansi")
    parser.add_argument(
        "--ascii", action=yes_or_no, help="draw nothing but ASCII; default: where the terminal is not of UTF-8"
    )
    parser.add_argument(
        "--slow", action=yes_or_no, help="few bytes: 2 frames a second, the theme ansi, no animation; default: over SSH"
    )
    parser.add_argument(
        "--fps",
        type=float,
        metavar="N",
        help="how often a second the screen is drawn at most; default: 8, with --slow 2",
    )


def look_of(
    args: argparse.Namespace | None, settings: ViewSettings, *, environ: Mapping[str, str] = os.environ
) -> Look:
    """`args` of a command without these options, or None, leave it to the settings and the terminal.

    Raises UsageError where --fps is no rate.
    """
    from tui.look import FPS, SLOW_FPS, Look

    said: dict[str, Any] = vars(args) if args is not None else {}
    require_look(args)
    slow = _first(said.get("slow"), settings.slow, "SSH_CONNECTION" in environ)
    return Look(
        theme=_first(said.get("theme"), settings.theme, "ansi" if slow else "dark"),
        ascii=_first(said.get("ascii"), settings.ascii, is_ascii(environ, _encoding())),
        still=slow,
        fps=_first(said.get("fps"), settings.fps, SLOW_FPS if slow else FPS),
    )


def require_look(args: argparse.Namespace | None) -> None:
    """Raises UsageError where --fps is no rate."""
    fps = getattr(args, "fps", None)
    if fps is not None and not 0 < fps <= MOST_FPS:
        raise UsageError(f"--fps {fps:g}: a number above 0 and up to {MOST_FPS:g} is expected")


def picture_look(args: argparse.Namespace) -> Look:
    """That of a picture, of which the options alone say something: nobody's terminal is it seen on."""
    from tui.look import Look

    return Look(theme=args.theme or "dark", ascii=bool(args.ascii))


def _encoding() -> str:
    """That of what the screen is written to."""
    return sys.__stderr__.encoding if sys.__stderr__ is not None else ""


def is_ascii(environ: Mapping[str, str], encoding: str) -> bool:
    """Whether a terminal has no signs but those of ASCII, by its kind and by what is written to it."""
    return environ.get("TERM", "").startswith(_FEW_SIGNS) or encoding.replace("-", "").lower() != "utf8"


def _first(said: _T | None, set_: _T | None, otherwise: _T) -> _T:
    return said if said is not None else set_ if set_ is not None else otherwise
