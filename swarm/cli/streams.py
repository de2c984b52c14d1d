"""The standard streams: what is written to stdout arrives or is told as lost, what is written to stderr may be lost."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from typing import TextIO

from swarm.errors import SwarmError


class ResultLost(SwarmError):
    """Stdout did not take what was written to it. `reader_gone` says that it is a pipe which nobody reads any more."""

    def __init__(self, why: OSError) -> None:
        self.reader_gone = isinstance(why, BrokenPipeError)
        super().__init__(
            f"the result cannot be written to stdout ({why.strerror or why}); mend that and ask again: "
            "what a run did stands in the log, and `swarm show` shows it"
        )


def make_streams_fit() -> None:
    """Write what a terminal's encoding lacks as an escape instead of failing, and to a closed stream nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # its descriptor was closed when we started; a file of ours must not get it
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def write_result(text: str, *, flush: bool = False) -> None:
    """Write to stdout; with `flush` it has left when this returns. Raises ResultLost."""
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except OSError as error:
        _silence(sys.stdout)
        raise ResultLost(error) from error


def write_aside(text: str) -> None:
    """Write to stderr, at once. Where nothing can be told, as on a full disk, the work goes on untold."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)


def _silence(stream: TextIO) -> None:
    """Let what is still written to a stream go nowhere, also at the end of the interpreter: it would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def is_gone(stream: int) -> bool:
    """Whether the other end of a terminal, or of a pipe that is written to, was closed."""
    poll = select.poll()
    poll.register(stream, 0)
    return bool(poll.poll(0))  # with an empty mask only errors and a hang-up are reported
