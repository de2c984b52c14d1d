"""How a failure is told: a sentence on stderr, a document with --json, an exit code.

The document is {"schema": "swarm.error/1", "error": sentence, "kind": class, "exit_code": n}, one line on stdout. A command
writes its own document last, so this one then stands alone, or as the last line of a stream.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator
from typing import cast

from swarm.cli.hints import in_folder, on_log
from swarm.cli.output import Output
from swarm.cli.streams import write_aside, write_result
from swarm.errors import SwarmError
from swarm.redact import Secrets

_FIRST = (130, 143, 3, 4, 5, 2, 1)
"""Which exit code stands where several errors came together."""


def tell(error: Exception, *, debug: bool, as_json: bool, log: str | None = None, folder: str | None = None) -> int:
    """Write what happened for people on stderr, and for programs on stdout; return the exit code. Raises ResultLost.

    `log` and `folder` are what the command line named.
    """
    secrets = Secrets.from_environ(os.environ)  # an error may quote what a server or a file said
    leaves = list(_leaves(error))
    known = [leaf for leaf in leaves if isinstance(leaf, SwarmError)]
    if len(known) == len(leaves):
        code = min((leaf.exit_code for leaf in known), key=lambda code: _FIRST.index(code) if code in _FIRST else 99)
        sentences = list(dict.fromkeys(str(leaf) for leaf in known))
    else:
        code, strange = 1, next(leaf for leaf in leaves if leaf not in known)
        sentences = [
            f"{type(strange).__name__}: {strange}. This is a fault of swarm, not of yours; nothing that the log holds is lost. "
            "Run it again with --debug and report what it prints"
        ]
    if debug:
        write_aside(secrets.redact("".join(traceback.format_exception(error))))
    said = [in_folder(on_log(secrets.redact(sentence.removeprefix("error: ")), log), folder) for sentence in sentences]
    output = Output()
    for sentence in said:
        output.problem(f"error: {sentence}")
    if as_json:
        output.document("swarm.error/1", {"error": "\n".join(said), "kind": type(error).__name__, "exit_code": code})
        write_result("", flush=True)
    return code


def tell_met(errors: Iterable[Exception], *, debug: bool) -> None:
    """With --debug write the tracebacks of what a screen, now left, had said in a sentence."""
    if debug:
        secrets = Secrets.from_environ(os.environ)
        for error in errors:
            write_aside(secrets.redact("".join(traceback.format_exception(error))))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside of the groups that task groups make."""
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(inner)
    else:
        yield error
