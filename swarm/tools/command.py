"""Running a shell command that a task names: bounded in time and output, without the user's secrets, ended with all its children."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from subprocess import DEVNULL

import anyio
import msgspec
from anyio.abc import Process

from swarm.errors import SwarmError

KIBIBYTE = 1024

_KEPT = re.compile(r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ")
"""What a command gets of our own environment. Keys are not among it, and nothing that could hold one."""

_LIMITED = 'ulimit -c 0; ulimit -f 8388608 2>/dev/null; ulimit -t "$1" 2>/dev/null; exec /bin/sh -c "$2"'
"""No core files, no file above 4 GiB (the unit is 512 bytes), processor seconds for each process; lower limits stay.

A limit on memory or processes would break compilers and runtimes that reserve much and use little.
"""

_GRACE_S = 2.0  # between asking a command to end and ending it
_DRAIN_S = 1.0  # for output that is still in the pipe
_REAP_S = 5.0
_LOOKS = 100  # during the grace: nothing tells when the last process of a group has gone
_CHUNK = 65_536


class CommandNotStarted(SwarmError):
    """A command did not run at all."""

    def __init__(self, command: str, why: str) -> None:
        self.command, self.why = command, why
        super().__init__(
            f"the command {command[:80]!r} could not be started: {why}; see whether `/bin/sh` runs it here"
        )


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended."""

    exit_code: int | None  # negative: the signal that ended it; None: it took too long
    timed_out: bool
    output: str  # stdout and stderr as they came; the head and the tail where it was cut
    cut: bool
    duration_s: float


async def run_command(
    command: str,
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    output_limit: int = 64 * KIBIBYTE,
    temp: Path | None = None,
    wrap: Sequence[str] = (),
) -> Outcome:
    """Run `command` through `sh -c` in `cwd` and return how it ended, after at most `timeout_s` and a few seconds.

    `env` is added to the little that it gets of our environment; `temp` becomes its TMPDIR, a private folder where None.
    `wrap` is put before the shell's own words, as by a sandbox. Of the output at most `output_limit` bytes are kept.
    When this returns or is cancelled, what the command started is ended, too, also in the background; only a process
    that made itself a session of its own is beyond reach, and nothing waits for it. Raises CommandNotStarted.
    """
    words = [*wrap, "/bin/sh", "-c", _LIMITED, "sh", str(ceil(timeout_s) * (os.cpu_count() or 1)), command]
    output = _Output(output_limit)
    started = anyio.current_time()
    with _pipe() as ends, _folder(temp) as private:
        read, write = ends
        try:
            process = await anyio.open_process(
                words,
                stdin=DEVNULL,
                stdout=write,
                stderr=write,
                cwd=cwd,
                env=_environment(os.environ, private, env),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command, a name that no variable can have
            raise CommandNotStarted(command, str(error)) from error
        finally:
            os.close(write)
        timed_out = await _see_to_its_end(process, read, output, timeout_s)
    return Outcome(
        exit_code=None if timed_out else process.returncode,
        timed_out=timed_out,
        output=output.text(),
        cut=output.cut,
        duration_s=anyio.current_time() - started,
    )


async def _see_to_its_end(process: Process, read: int, output: _Output, timeout_s: float) -> bool:
    """Take the output until the command ends or its time is over, end what is left of it, and say whether time was."""
    closed = anyio.Event()
    patience = anyio.CancelScope(deadline=anyio.current_time() + timeout_s)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_take, read, output, closed)
        try:
            with patience:
                await process.wait()
        finally:
            with anyio.move_on_after(_GRACE_S + _REAP_S, shield=True):
                await _end_group(process)
        with anyio.move_on_after(_DRAIN_S):
            await closed.wait()
        tasks.cancel_scope.cancel()
    return patience.cancelled_caught


async def _take(read: int, output: _Output, closed: anyio.Event) -> None:
    while True:
        await anyio.wait_readable(read)
        chunk = os.read(read, _CHUNK)
        if not chunk:
            break
        output.add(chunk)
    closed.set()


async def _end_group(process: Process) -> None:
    """End every process of the command's group: asked first, killed after the grace, and reap the first of them."""
    if _signal(process.pid, signal.SIGTERM):
        for _ in range(_LOOKS):
            await anyio.sleep(_GRACE_S / _LOOKS)
            if not _signal(process.pid, 0):
                break
        _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; False where it has no member."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS: nothing but zombies are left; Linux: nothing but another user's processes
        return False
    return True


class _Output:
    """The head and the tail of a stream of bytes, in bounded memory."""

    def __init__(self, limit: int) -> None:
        self._most_head = limit // 2
        self._most_tail = limit - limit // 2
        self._head, self._tail = bytearray(), bytearray()
        self._seen = 0

    def add(self, chunk: bytes) -> None:
        self._seen += len(chunk)
        room = self._most_head - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._most_tail:  # seldom, so that moving the rest costs little
            del self._tail[: -self._most_tail]

    @property
    def cut(self) -> bool:
        return self._seen > self._most_head + self._most_tail

    def text(self) -> str:
        """Return what was kept, cut between lines where there are some: half of a secret would not be recognised."""
        if not self.cut:
            return (self._head + self._tail).decode("utf-8", "replace")
        head, tail = bytes(self._head), bytes(self._tail[-self._most_tail :])
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[tail.find(b"\n") + 1 :] or tail
        left = self._seen - len(head) - len(tail)
        between = b"" if head.endswith(b"\n") else b"\n"
        mark = f"[{left:,} bytes left out]\n".encode()
        return (head + between + mark + tail).decode("utf-8", "replace")


def _environment(ours: Mapping[str, str], temp: Path, added: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in ours.items() if _KEPT.fullmatch(name)}
    return {**kept, "TERM": "dumb", "TMPDIR": str(temp), **added}


@contextmanager
def _pipe() -> Generator[tuple[int, int]]:
    """Make a pipe; the caller closes the end that is written to."""
    read, write = os.pipe()
    try:
        yield read, write
    finally:
        os.close(read)


@contextmanager
def _folder(temp: Path | None) -> Generator[Path]:
    if temp is not None:
        yield temp
        return
    with tempfile.TemporaryDirectory(prefix="swarm-", ignore_cleanup_errors=True) as made:
        yield Path(made)
