"""A log's file when nobody writes to it any more: one file in rollback mode, without free pages and without what lay beside it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from events.fresh import FileInTheWay
from events.log import LogUnusable
from events.sqlite import schema

_BESIDE = ("", "-wal", "-shm", "-journal", ".lock", ".ballast")


def part_of(file: Path) -> Path:
    """Where the file is written before it is whole. Raises FileInTheWay."""
    if not file.parent.is_dir():
        raise FileInTheWay(file=str(file), what="cannot be made: its folder does not exist")
    if file.exists() or file.is_symlink():
        raise FileInTheWay(file=str(file), what="is there already")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    remove(part)
    return part


def seal(part: Path) -> None:
    """Write the file anew as one that a reader needs nothing beside. Raises LogUnusable."""
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("VACUUM")
    except sqlite3.Error as error:
        raise schema.translate(error, str(part)) from error


def place(part: Path, file: Path) -> None:
    """Give the file its name, unless another has it by now. Raises FileInTheWay, LogUnusable."""
    try:
        os.link(part, file)
    except FileExistsError as error:
        raise FileInTheWay(file=str(file), what="is there already") from error
    except OSError as error:
        reason, remedy = error.strerror or str(error), "name a file on another disk with `--to`"
        raise LogUnusable(url=str(file), reason=reason, remedy=remedy) from error


def remove(part: Path) -> None:
    for end in _BESIDE:
        part.with_name(part.name + end).unlink(missing_ok=True)
