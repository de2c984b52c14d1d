"""Where rows and requests are written: a file that is whole or not there, or stdout."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output


class FileNotWritten(UsageError):
    def __init__(self, file: Path, why: OSError) -> None:
        super().__init__(f"{file} cannot be written ({why.strerror or why}); name another file with `--to`")


@contextmanager
def open_file(file: Path | None, output: Output) -> Generator[Callable[[bytes], None]]:
    """Give what writes lines: to a new file, which takes the place of an old one when all is written, or to stdout.

    Raises FileNotWritten, ResultLost.
    """
    if file is None:
        yield lambda line: output.line(line.decode("utf-8", "replace").removesuffix("\n"))
        return
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        opened = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")
    except OSError as error:
        raise FileNotWritten(file, error) from error
    try:
        with opened:
            yield lambda data: _write(opened.write, data, file)
        part.replace(file)
    except OSError as error:
        raise FileNotWritten(file, error) from error
    finally:
        part.unlink(missing_ok=True)


def _write(write: Callable[[bytes], int], data: bytes, file: Path) -> None:
    try:
        write(data)
    except OSError as error:
        raise FileNotWritten(file, error) from error
