"""The embedded model: llama.cpp's own server in a child process on loopback, which lives as long as its block."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio
import msgspec

from swarm.errors import SwarmError, UsageError

if TYPE_CHECKING:
    from anyio.abc import Process

CONTEXT_TOKENS = 8_192
"""The window asked for by default: a small model's cache for it stays near 200 MB."""

_LOG_LINES = 8
_ENV_NAMES = {
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "TZ",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
}
_ENV_PREFIXES = ("LC_", "GGML_", "OMP_", "CUDA_", "HIP_", "ROCR_", "HSA_", "VK_")
_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")


class EngineMissing(SwarmError):
    """xllamacpp is not installed, or cannot be loaded on this machine."""

    exit_code = 4

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"the embedded model needs the package xllamacpp ({reason}); install it with the extra `local`: "
            "`pip install 'pheroswarm[local]'`, in a clone `pip install -c constraints.txt -e '.[local]'`"
        )


class LocalModelFailed(SwarmError):
    """The model's process did not come up. `log` is the end of what it printed."""

    exit_code = 4

    def __init__(self, *, path: Path, reason: str, log: str = "") -> None:
        self.path, self.log = path, log
        said = f"; its last words:\n{log}\n" if log else "; "
        super().__init__(
            f"the local model {path.name} did not start: {reason}{said}try another file, or see `swarm local list`"
        )


class Order(msgspec.Struct, kw_only=True):
    """What the child is told to serve. It goes through a pipe, because others can read a command line."""

    path: str
    alias: str  # the name under which the model answers
    key: str  # what a request must carry, so that other users of the machine cannot use the server
    port: int  # 0 = a free one
    threads: int
    context_tokens: int


class _Report(msgspec.Struct):
    port: int | None = None
    context_tokens: int = 0
    missing: str | None = None
    failed: str | None = None


class LocalServer:
    """A running model: `base_url` and `key` are what an OpenAI-compatible client needs, `model` the name to send.

    It answers one request at a time and queues the others. Where it crashed, `alive` is False and a request
    finds its connection refused.
    """

    def __init__(self, process: Process, *, base_url: str, key: str, model: str, context_tokens: int) -> None:
        self._process = process
        self.base_url, self.key, self.model, self.context_tokens = base_url, key, model, context_tokens

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def wait_ended(self) -> None:
        """Return when the child has ended, for whatever reason."""
        await self._process.wait()


@asynccontextmanager
async def open_local(
    path: Path,
    *,
    name: str | None = None,
    threads: int | None = None,
    context_tokens: int = CONTEXT_TOKENS,
    port: int = 0,
    start_s: float = 120.0,
) -> AsyncGenerator[LocalServer]:
    """Serve the GGUF file `path` on a port of 127.0.0.1 until the block is left; `name` is its name in answers.

    The child ends with this process however that ends. Raises UsageError where `path` is no GGUF file, EngineMissing,
    and LocalModelFailed where the model does not answer within `start_s`.
    """
    import secrets

    check_gguf(path)
    order = Order(
        path=str(path),  # the child starts in the same folder
        alias=name or path.stem,
        key=secrets.token_hex(16),
        port=port,
        threads=threads or default_threads(),
        context_tokens=context_tokens,
    )
    with tempfile.TemporaryFile() as log:
        process = await _start_child(log)
        try:
            report = await _serve(process, order, start_s=start_s)
            yield _started(report, process, path=path, order=order, log=log)
        finally:
            await _stop(process)


def default_threads() -> int:
    """Return the number of cores that this process may use, less one: a busy core makes every thread wait for it."""
    try:
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    except OSError:
        cores = os.cpu_count() or 1
    return max(1, cores - 1)


def check_gguf(path: Path) -> None:
    """Raise UsageError unless `path` is a readable file that begins as a GGUF file does."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"the model file {path} cannot be read: {reason}; see `swarm local list`") from error
    if magic != b"GGUF":
        raise UsageError(f"{path} is no GGUF file; give a model in llama.cpp's format, or see `swarm local list`")


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of `environ` that the model's process gets: what it takes to run, and nothing secret."""
    return {
        name: value
        for name, value in environ.items()
        if (name in _ENV_NAMES or name.startswith(_ENV_PREFIXES)) and not name.upper().endswith(_SECRET_ENDINGS)
    }


async def _start_child(log: IO[bytes]) -> Process:
    return await anyio.open_process(
        [sys.executable, "-P", "-m", "swarm.models.local_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=child_environment(os.environ),
        start_new_session=True,  # a terminal's Ctrl-C is for us, who then end the child
    )


async def _serve(process: Process, order: Order, *, start_s: float) -> _Report:
    """Hand over the order and return the child's report: empty where it ended or stayed silent."""
    assert process.stdin is not None
    assert process.stdout is not None
    line, said = b"", _Report()
    with anyio.move_on_after(start_s):
        try:
            await process.stdin.send(msgspec.json.encode(order) + b"\n")
            while not line.endswith(b"\n"):
                line += await process.stdout.receive()
            said = msgspec.json.decode(line, type=_Report)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it ended without a report
        if said.port is None:
            await process.wait()  # the engine writes its log behind our back: only at its end is it whole
    return said


def _started(said: _Report, process: Process, *, path: Path, order: Order, log: IO[bytes]) -> LocalServer:
    """Make the server that the report tells of, or raise what it tells of instead."""
    if said.missing is not None:
        raise EngineMissing(reason=said.missing)
    if said.port is None:
        code = process.returncode
        silent = "it was not ready in time" if code is None else f"its process ended with status {code}"
        raise LocalModelFailed(
            path=path, reason="llama.cpp refused the file" if said.failed else silent, log=_last_lines(log)
        )
    return LocalServer(
        process,
        base_url=f"http://127.0.0.1:{said.port}/v1",
        key=order.key,
        model=order.alias,
        context_tokens=said.context_tokens,
    )


def _last_lines(log: IO[bytes]) -> str:
    end = log.seek(0, os.SEEK_END)
    log.seek(max(0, end - 4_096))
    return "\n".join(log.read().decode(errors="replace").splitlines()[-_LOG_LINES:])


async def _stop(process: Process) -> None:
    """End the child at once: it has nothing to save, and asked politely it would first finish loading."""
    with anyio.CancelScope(shield=True):
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await process.aclose()
