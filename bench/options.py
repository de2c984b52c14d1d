"""What both benches can be told, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def parser_of(description: str | None, quick: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", action="store_true", help="one document instead of a table")
    parser.add_argument("--rounds", type=at_least(1), metavar="N", help="of which the medians are printed")
    parser.add_argument("--folder", type=_folder, metavar="DIR", help="on the disk that is to be measured")
    return parser


def at_least(least: int) -> Callable[[str], int]:
    """A whole number, not under `least`."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least:,} up")
        return int(text)

    return number


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no folder; make it first")
    return path


def to_its_end(main: Callable[[], None]) -> None:
    """Run a program of the bench; Ctrl-C ends it without a traceback."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
