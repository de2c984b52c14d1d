"""Commands as processes of their own that start no interpreter: each is forked from one that stands ready.

`run(words, ...)` is `subprocess.run([sys.executable, "-P", *words], ...)`: a process with its own pid, streams, signals and exit code,
that runs its words to the end of the interpreter. It only comes without the third of a second of processor time in which an
interpreter starts and imports what most commands import. That a command starts by itself and imports what it needs, and no more,
is held by tests/test_imports.py, tests/test_install.py and every test that starts an interpreter.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
LATER = (
    "aiosqlite",
    "anyio._backends._asyncio",
    "events.sqlite.log",
    "events.sqlite.readonly",
    "swarm.models.openai_chat",
    "swarm.models.over_aiohttp",
    "swarm.models.served",
)
"""What most commands import behind their own module. What few of them need is left to those: each process copies what it finds."""

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
_PIPE = 10_000  # characters; so many fit into a pipe that nobody reads yet
_READ_AT_THE_START = ("PYTHON", "LANG", "LC_")
"""How variables begin that an interpreter reads when it starts."""


def run(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float, piped: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `python -P WORDS` to its end, its stdin a pipe with a text, or empty. Raises TimeoutExpired behind a kill."""
    if _start_of(env) != _start_of(_ENVIRONMENT) or len(piped) > _PIPE:
        command = [sys.executable, "-P", *words]
        return subprocess.run(command, cwd=cwd, env=env, input=piped, capture_output=True, text=True, timeout=timeout)
    with ExitStack() as stack:
        given = stack.enter_context(_holding(piped) if piped else Path(os.devnull).open("rb"))  # noqa: SIM115
        ends = [os.pipe() for _ in range(3)]  # stdout, stderr, and what becomes of the process
        out, err, fate = (stack.enter_context(os.fdopen(end, "rb")) for end, _ in ends)
        theirs = [stack.enter_context(os.fdopen(end, "wb")) for _, end in ends]
        pid = _ready().start(words, cwd, env, [given, *theirs], fate)
        for end in theirs:
            end.close()
        try:
            said = _read_all([out, err, fate], time.monotonic() + timeout)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if isinstance(error, TimeoutError):
                raise subprocess.TimeoutExpired(list(words), timeout) from None
            raise
    return subprocess.CompletedProcess(list(words), int(said[2]), said[0].decode(), said[1].decode())


def _holding(text: str) -> IO[bytes]:
    """The end of a pipe at which a text can be read."""
    read, write = os.pipe()
    with os.fdopen(write, "wb") as end:
        end.write(text.encode())
    return os.fdopen(read, "rb")


def _start_of(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_READ_AT_THE_START)}


def _read_all(streams: Sequence[IO[bytes]], until: float) -> list[bytes]:
    """Read all to their ends. Raises TimeoutError."""
    said = [b"" for _ in streams]
    with selectors.DefaultSelector() as selector:
        for index, stream in enumerate(streams):
            selector.register(stream, selectors.EVENT_READ, index)
        while selector.get_map():
            if not (found := selector.select(max(0.0, until - time.monotonic()))):
                raise TimeoutError
            for key, _ in found:
                if part := os.read(key.fd, 65536):
                    said[key.data] += part
                else:
                    selector.unregister(key.fd)
    return said


class _Ready:
    """The interpreter that stands ready, in a process of its own. It ends with the one that started it."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                cwd="/",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # as those of the commands are: what can be done with a stream is asked once
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self,
        words: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        streams: Sequence[IO[bytes]],
        fate: IO[bytes],
    ) -> int:
        """Start a process and return its pid; its exit code is written behind that to the last of its streams."""
        order = json.dumps({"words": list(words), "cwd": str(cwd), "env": dict(env)})
        with self._lock:
            socket.send_fds(self._orders, [order.encode() + b"\n"], [stream.fileno() for stream in streams])
            if line := _line(fate):  # the next order is sent when this one was read
                return int(line)
        raise RuntimeError(f"the interpreter that stands ready has ended:\n{self._said()}")

    def close(self) -> None:
        self._orders.close()
        self._said()

    def _said(self) -> str:
        return self._process.communicate(timeout=30)[0].decode()


def _line(stream: IO[bytes]) -> bytes:
    """Read a line and nothing behind it; nothing at the end."""
    line = b""
    while not line.endswith(b"\n") and (part := os.read(stream.fileno(), 1)):
        line += part
    return line


@functools.cache
def _ready() -> _Ready:
    return _Ready()


def close() -> None:
    """End the interpreter that stands ready, if there is one."""
    if _ready.cache_info().currsize:
        _ready().close()
        _ready.cache_clear()


def _import_all() -> None:
    commands = [module.name for module in pkgutil.iter_modules([str(ROOT / "swarm" / "cli")], prefix="swarm.cli.")]
    for name in (*commands, *LATER):
        importlib.import_module(name)
    assert threading.active_count() == 1
    gc.freeze()  # no process that is forked looks through all this at its end, and copies it by that


def _serve(orders: socket.socket) -> list[str]:
    """Fork a process for each order; return its words in that process. It never returns in this one."""
    while True:
        text, streams, _, _ = socket.recv_fds(orders, 1 << 20, 4)
        while text and not text.endswith(b"\n"):
            text += orders.recv(1 << 20)
        if not text:
            break
        if os.fork() == 0 and _is_command(streams):
            orders.close()
            return _become(json.loads(text), streams)
        for stream in streams:
            os.close(stream)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with suppress(ChildProcessError):
        while os.wait():
            pass
    sys.exit()


def _is_command(streams: Sequence[int]) -> bool:
    """Fork once more: be true in the command, and in its parent say what became of it, and end."""
    if (pid := os.fork()) == 0:
        return True
    *others, fate = streams
    for stream in others:
        os.close(stream)
    os.write(fate, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(fate, b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(order: Any, streams: Sequence[int]) -> list[str]:
    """Be as a process that was just started with the words and streams of an order; return its words."""
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    set_by_start = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}
    os.environ.clear()
    os.environ.update(set_by_start | order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    return list(order["words"])


def _run(words: Sequence[str]) -> None:
    """Run what `python WORDS` runs: `-m MODULE ...` or `FILE ...`."""
    sys.argv = list(words)
    if words[0] == "-m":
        sys.argv = list(words[1:])
        sys.modules.pop(words[1], None)  # it is run for the first time, as by `-m`
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    _import_all()
    with socket.socket(fileno=int(sys.argv[1])) as taken:
        given = _serve(taken)
    _run(given)
