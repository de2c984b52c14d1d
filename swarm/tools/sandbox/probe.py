"""The preflight: which sandbox works here, by really running a command in it that tries to get out."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from swarm.errors import UsageError
from swarm.tools.command import CommandNotStarted, run_command
from swarm.tools.groups import find_parents
from swarm.tools.sandbox.box import BACKENDS, NOTHING_KEPT, Backend, Sandbox
from swarm.tools.sandbox.bubblewrap import find_programs, version_in
from swarm.tools.sandbox.fences import asked_version, missing_of

WANTED = ("auto", *BACKENDS)

_PATIENCE_S = 20
_FIRST_WITH_NO_MORE_NAMESPACES = (0, 8)
_COUNTS_BY_NAMESPACE = (5, 14)  # Linux; until then the limit on processes counts all those of the user

_TRIED = "tried everything"
_TRIAL = f"""
import os, socket, sys
inside, outside, port = sys.argv[1:]
def can(act):
    try:
        act()
    except OSError:
        return False
    return True
if not can(lambda: open(inside + "/made", "x").close()):
    print("it cannot write to the work copy")
if can(lambda: open(outside + "/made", "x").close()):
    print("it can write outside of the work copy")
if can(lambda: open(outside + "/secret").close()):
    print("it can read what is hidden")
if port != "0" and can(lambda: socket.create_connection(("127.0.0.1", int(port)), 5).close()):
    print("it can connect to this machine's servers")
print("{_TRIED}")
"""


class SandboxMissing(UsageError):
    """The sandbox that was asked for by its name does not work here."""

    def __init__(self, backend: str, why: str) -> None:
        self.backend, self.why = backend, why
        super().__init__(
            f"the sandbox {backend!r} does not work here: {why}; mend that, or let the best one be taken that does with 'auto'"
        )


async def probe(wanted: str = "auto", *, hidden: Sequence[Path] = ()) -> Sandbox:
    """Find the best sandbox that works here, with the reasons why no better one does; it takes some 50 ms.

    `hidden` are files and folders that no command in it may read: the log, and what else is ours outside of the home
    folder. Raises UsageError for another name than those of WANTED, and SandboxMissing where `wanted` does not work.
    """
    if wanted not in WANTED:
        raise UsageError(f"{wanted!r} is no sandbox; write one of {', '.join(WANTED)}")
    groups = await to_thread.run_sync(find_parents)
    nothing = Sandbox(backend="none", missing=NOTHING_KEPT, hidden=tuple(hidden), groups=groups)
    if wanted == "none":
        return msgspec.structs.replace(nothing, reason="none is wanted")
    reasons: list[str] = []
    for backend, find in _FINDERS.items():
        if wanted in ("auto", backend):
            for found in await find(nothing):
                why = found if isinstance(found, str) else await _wrong_with(found)
                if isinstance(found, Sandbox) and not why:
                    return msgspec.structs.replace(found, reason="; ".join(reasons))
                reasons.append(f"{backend}: {why}")
    if wanted != "auto":
        raise SandboxMissing(wanted, "; ".join(reasons).removeprefix(f"{wanted}: "))
    return msgspec.structs.replace(nothing, reason="; ".join(reasons))


async def _bubblewrap(nothing: Sandbox) -> list[Sandbox | str]:
    """What bubblewrap would be here, by each of its programs that there are, or why there is none."""
    if sys.platform != "linux":
        return ["is for Linux alone"]
    programs = await to_thread.run_sync(lambda: [*find_programs()])
    return [await _by_program(program, nothing) for program in programs] or ["is not installed"]


async def _by_program(program: str, nothing: Sandbox) -> Sandbox | str:
    said = await _said_by(program, "--version")
    if not (version := version_in(said)):
        return f"{program} does not tell its version: {_one_line(said)}"
    counted = os.geteuid() != 0 and version_in(os.uname().release) >= _COUNTS_BY_NAMESPACE
    gaps = {
        "a firm limit on processes": not counted and not nothing.groups,
        "further namespaces": version < _FIRST_WITH_NO_MORE_NAMESPACES,
    }
    return msgspec.structs.replace(
        nothing,
        backend="bubblewrap",
        program=program,
        version=".".join(map(str, version)),
        missing=tuple(what for what, there in gaps.items() if there),
        more_namespaces=version < _FIRST_WITH_NO_MORE_NAMESPACES,
        counted=counted,
    )


async def _landlock(nothing: Sandbox) -> list[Sandbox | str]:
    """What Landlock would be here, or why there is none."""
    if sys.platform != "linux":
        return ["is for Linux alone"]
    said = await _said_by(*asked_version())
    version = int(said) if said.isdecimal() else 0
    if not version:
        return ["this Linux has none, or it is switched off"]
    missing = missing_of(version, counted=bool(nothing.groups))
    return [msgspec.structs.replace(nothing, backend="landlock", version=f"ABI {version}", missing=missing)]


_FINDERS: Mapping[Backend, Callable[[Sandbox], Awaitable[list[Sandbox | str]]]] = {
    "bubblewrap": _bubblewrap,
    "landlock": _landlock,
}


async def _wrong_with(box: Sandbox) -> str:
    """Have a program try to get out of a sandbox, and say what it does not keep; empty where it keeps all that it says."""
    with tempfile.TemporaryDirectory(prefix="swarm-trial-") as name, socket.create_server(("127.0.0.1", 0)) as server:
        copy, temp, outside, secret = await to_thread.run_sync(_laid_out, name)
        port = 0 if "tcp" in box.missing else server.getsockname()[1]
        words = [sys.executable, "-I", "-S", "-c", _TRIAL, str(copy), str(outside), str(port)]
        hiding = msgspec.structs.replace(box, hidden=(*box.hidden, secret))
        wrap = hiding.wrap(copy=copy, temp=temp, readable=(outside,))
        try:
            outcome = await run_command(
                shlex.join(words), cwd=copy, env={}, timeout_s=_PATIENCE_S, temp=temp, wrap=wrap
            )
        except CommandNotStarted as error:
            return error.why
    said = outcome.output.strip().split("\n")
    if said[-1] != _TRIED:
        return _one_line(said[-1] or outcome.how or "it printed nothing")
    return "; ".join(said[:-1])


def _laid_out(folder: str) -> tuple[Path, Path, Path, Path]:
    """A work copy, a private folder, a folder outside of them, and something in that which is hidden."""
    copy, temp, outside = (Path(folder).resolve() / name for name in ("copy", "tmp", "outside"))
    for each in (copy, temp, outside):
        each.mkdir()
    secret = outside / "secret"
    secret.write_text("secret")
    return copy, temp, outside, secret


async def _said_by(*words: str) -> str:
    """What a program prints, stripped; empty where it cannot be run."""
    with suppress(OSError), anyio.move_on_after(_PATIENCE_S):
        done = await anyio.run_process(words, check=False, stderr=subprocess.STDOUT, env=dict[str, str]())
        return done.stdout.decode("utf-8", "replace").strip()
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
