"""The log as the commands that read see it: opened for reading only, its errors as sentences of ours."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from events.log import EventLog, LogError, is_there, open_log
from swarm.errors import SwarmError, UsageError
from swarm.units import shortened
from swarm.zones import zone_named

if TYPE_CHECKING:
    from swarm.settings.load import Loaded, Settings


class NothingRecorded(UsageError):
    """There is no log yet."""

    def __init__(self, *, url: str) -> None:
        self.url = url
        super().__init__(f"nothing is recorded yet: there is no log at {url}; begin with `swarm run FILE`")


class LogTrouble(UsageError):
    """The log cannot be read; the sentence is the log's own."""


class LogGone(SwarmError):
    """The file that was being followed is no longer the log that was opened; the sentence is the log's own."""


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that hold here. Raises UsageError."""
    return loaded_of(args).settings


def loaded_of(args: argparse.Namespace) -> Loaded:
    """The same with where each is from."""
    from swarm.settings.load import load_settings

    flags = {"log": args.log} if args.log else {}
    return load_settings(Path.cwd(), environ=os.environ, flags=flags)


@asynccontextmanager
async def recorded(url: str) -> AsyncGenerator[EventLog]:
    """Open the log for reading. Raises NothingRecorded where there is none, LogTrouble for what else the log says."""
    require_log(url)
    with log_errors():
        async with open_log(url, read_only=True) as log:
            yield log


def require_log(url: str) -> None:
    """Raises NothingRecorded where there is no log, LogTrouble where that cannot be seen."""
    try:
        there = is_there(url)
    except (OSError, RuntimeError) as error:  # a name that is too long, or the home of a user who is not
        raise LogTrouble(
            f"the log {shortened(url, 80)} cannot be looked for ({str(error.args[-1]).lower().rstrip('.')}); name another with `--log`"
        ) from error
    if not there:
        raise NothingRecorded(url=url)


@contextmanager
def log_errors() -> Generator[None]:
    """Translate what the log says into an error that the command line tells."""
    try:
        yield
    except LogError as error:
        raise LogTrouble(str(error)) from error


def zone_of(settings: Settings) -> tzinfo | None:
    """The time zone of the settings; None is the machine's."""
    return zone_named(settings.time_zone)


def local_time(at: int, zone: tzinfo | None) -> datetime:
    """A moment (microseconds since 1970) on the wall clock of a zone."""
    return datetime.fromtimestamp(at // 1_000_000, zone).replace(microsecond=at % 1_000_000)


def utc_text(at: int) -> str:
    """A moment as ISO 8601 in UTC with microseconds, for programs."""
    return (
        datetime.fromtimestamp(at // 1_000_000, UTC)
        .replace(microsecond=at % 1_000_000)
        .isoformat(timespec="microseconds")
    )


def decimal_usd(nanos: int) -> str:
    """Nano-dollars as an exact decimal number of US dollars, for programs: 1250000 is 0.00125."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, part = divmod(nanos, 1_000_000_000)
    return f"{sign}{whole}.{part:09d}".rstrip("0").rstrip(".")
