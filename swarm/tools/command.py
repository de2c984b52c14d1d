"""Running a shell command: bounded in time, output and what it takes of the machine, without the user's secrets, ended with
all its children."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from math import ceil
from pathlib import Path
from subprocess import DEVNULL

import anyio
import msgspec
from anyio.abc import Process

from swarm.errors import SwarmError
from swarm.tools.groups import Groups, Parent, open_groups
from swarm.tools.limits import MEBIBYTE, Limits, usual_limits
from swarm.tools.watch import Watch

KIBIBYTE = 1024

_KEPT = re.compile(r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ")
"""What a command gets of our own environment. Keys are not among it, and nothing that could hold one."""

_LIMITED = (
    'ulimit -c 0; ulimit -f "$1" 2>/dev/null; ulimit -t "$2" 2>/dev/null; '
    '[ -z "$3" ] || ulimit -u "$3" 2>/dev/null || ulimit -p "$3" 2>/dev/null; '
    '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; exec /bin/sh -c "$4"'
)
"""No core files; no file above a size (in 512 bytes), processor seconds for each process; where they are counted for this
command alone, a number of processes (-u of bash, -p of dash). Where memory runs out, the system ends these first.

A limit on each process's memory would break runtimes that reserve much and use little: the watch looks at what is used.
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

    exit_code: int | None  # negative: the signal that ended it; None: we ended it
    timed_out: bool
    output: str  # stdout and stderr as they came; the head and the tail where it was cut
    cut: bool
    duration_s: float
    ended: str = ""  # why we ended it: "took longer than 5 s", "had more than 1,024 processes"; empty where we did not
    output_bytes: int = 0  # all that it printed

    @property
    def how(self) -> str:
        """How it failed, in words; empty where it did not."""
        if self.exit_code is None:
            return f"{self.ended} and was ended"
        if self.exit_code < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-self.exit_code).name}"
            return f"was ended by signal {-self.exit_code}"
        return f"exit code {self.exit_code}" if self.exit_code else ""


class Wrap(msgspec.Struct, frozen=True, kw_only=True):
    """What is put around a command, as by a sandbox."""

    words: tuple[str, ...] = ()  # before its own
    env: Mapping[str, str] = {}  # beside the little that it gets of our environment
    namespace: bool = (
        False  # the words take --info-fd, and what runs behind them is a namespace that dies with its first process
    )
    counted: bool = False  # the limit on processes counts those of this command alone
    groups: tuple[Parent, ...] = ()  # below which a control group for it can be made
    folders: tuple[Path, ...] = ()  # that it may write to, beside those of the command


NO_WRAP = Wrap()


async def run_command(
    command: str,
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    output_limit: int = 64 * KIBIBYTE,
    temp: Path | None = None,
    wrap: Wrap = NO_WRAP,
    limits: Limits | None = None,
) -> Outcome:
    """Run `command` through `sh -c` in `cwd` and return how it ended, after at most `timeout_s` and a few seconds.

    `env` is added to the little that it gets of our environment; `temp` becomes its TMPDIR, a private folder where None.
    Of the output at most `output_limit` bytes are kept. `limits` are those of `usual_limits` where None.
    When this returns or is cancelled, what the command started is ended, too, also in the background; without a
    namespace or a control group only a process that made itself a session of its own is beyond reach, and nothing waits
    for it. Raises CommandNotStarted.
    """
    limits = limits or usual_limits()
    started = anyio.current_time()
    with _folder(temp) as private, open_groups(wrap.groups, limits) as groups:
        shell = ("/bin/sh", "-c", _LIMITED, "sh", *_numbers(limits, timeout_s, wrap), command)
        output = _Output(output_limit)
        folders = tuple(dict.fromkeys((cwd, private, *wrap.folders)))
        watch = Watch(limits, folders, lost=not wrap.namespace, refused=groups.refused)
        environment = _environment(os.environ, private, {**wrap.env, **env})
        async with _started(command, shell, wrap, groups, cwd, environment) as running:
            ended = await _see_to_its_end(running, output, watch, timeout_s, limits)
    return Outcome(
        exit_code=None if ended else _code(running.process.returncode, wrap),
        timed_out=ended == _too_long(timeout_s),
        output=output.text(),
        cut=output.cut,
        duration_s=anyio.current_time() - started,
        ended=ended,
        output_bytes=output.seen,
    )


def _numbers(limits: Limits, timeout_s: float, wrap: Wrap) -> tuple[str, str, str]:
    """The limits that the system keeps, as `_LIMITED` takes them."""
    processor_s = ceil(timeout_s) * (os.cpu_count() or 1)
    return str(limits.file_bytes // 512), str(processor_s), str(limits.processes * 2) if wrap.counted else ""


def _code(code: int | None, wrap: Wrap) -> int | None:
    """The exit code of a command; the first process of a namespace tells a signal as a shell does."""
    last = 128 + signal.SIGRTMAX if sys.platform == "linux" else 0
    return 128 - code if wrap.namespace and code is not None and 128 < code <= last else code


def _too_long(timeout_s: float) -> str:
    return f"took longer than {timeout_s:g} s"


class _Running:
    """A command that was started, and all by which it can be ended."""

    def __init__(self, process: Process, read: int, told: int | None, groups: Groups) -> None:
        self.process, self.read = process, read
        self._told, self._groups = told, groups

    async def end(self) -> None:
        """End every process of it, and wait until they are gone; what is out of reach is left."""
        first = self._first()
        try:
            await _end_group(self.process)
            if first is not None:
                with anyio.move_on_after(_REAP_S):
                    await anyio.wait_readable(first)  # the first of a namespace is gone when all in it are
        finally:
            if first is not None:
                os.close(first)
        await self._groups.end()

    def _first(self) -> int | None:
        """A handle on the first process of the command's namespace; None where there is none, or none any more."""
        if self._told is None or sys.platform != "linux":
            return None
        with suppress(BlockingIOError, ValueError, ProcessLookupError):
            return os.pidfd_open(json.loads(os.read(self._told, _CHUNK))["child-pid"])
        return None


@asynccontextmanager
async def _started(
    command: str, shell: tuple[str, ...], wrap: Wrap, groups: Groups, cwd: Path, env: Mapping[str, str]
) -> AsyncGenerator[_Running]:
    with _pipe() as (read, write), _pipe() as (told, tell):
        os.set_blocking(told, False)
        option = ("--info-fd", str(tell)) if wrap.namespace else ()
        try:
            process = await anyio.open_process(
                [*groups.words, *wrap.words[:1], *option, *wrap.words[1:], *shell],
                stdin=DEVNULL,
                stdout=write,
                stderr=write,
                cwd=cwd,
                env=env,
                start_new_session=True,
                pass_fds=(tell,) if wrap.namespace else (),
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command, a name that no variable can have
            raise CommandNotStarted(command, str(error)) from error
        finally:
            os.close(write)
            os.close(tell)
        yield _Running(process, read, told if wrap.namespace else None, groups)


async def _see_to_its_end(running: _Running, output: _Output, watch: Watch, timeout_s: float, limits: Limits) -> str:
    """Take the output until the command ends or goes past a limit, end what is left of it, and say which limit it was."""
    said: list[str] = []
    closed = anyio.Event()
    patience = anyio.CancelScope(deadline=anyio.current_time() + timeout_s)

    def end(why: str) -> None:
        said.append(why)
        patience.cancel()

    async def look() -> None:
        end(await watch.until_broken(running.process.pid))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_take, running.read, output, closed, partial(_overfull, output, limits, end))
        tasks.start_soon(look)
        try:
            with patience:
                await running.process.wait()
        finally:
            with anyio.move_on_after(_GRACE_S + 3 * _REAP_S, shield=True):
                await running.end()
        with anyio.move_on_after(_DRAIN_S):
            await closed.wait()
        tasks.cancel_scope.cancel()
    return [*said, _too_long(timeout_s)][0] if patience.cancelled_caught else ""


async def _take(read: int, output: _Output, closed: anyio.Event, look: Callable[[], None]) -> None:
    while True:
        await anyio.wait_readable(read)
        chunk = os.read(read, _CHUNK)
        if not chunk:
            break
        output.add(chunk)
        look()
    closed.set()


def _overfull(output: _Output, limits: Limits, end: Callable[[str], None]) -> None:
    if output.seen > limits.output_bytes:
        end(f"printed more than {limits.output_bytes // MEBIBYTE:,} MiB")


async def _end_group(process: Process) -> None:
    """End every process of the command's group: asked first, killed after the grace, and reap the first of them."""
    if _signal(process.pid, signal.SIGTERM):
        for _ in range(_LOOKS):
            await anyio.sleep(_GRACE_S / _LOOKS)
            if not _signal(process.pid, 0) or _only_zombies(process.pid):
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


def _only_zombies(group: int) -> bool:
    """Say whether all of a process group ended and wait to be reaped by whoever adopted them, which may take its time."""
    if not Path("/proc/self/stat").exists():
        return False
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - asked often
        with suppress(OSError):
            if (
                os.getpgid(int(name)) == group
                and Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
            ):
                return False
    return True


class _Output:
    """The head and the tail of a stream of bytes, in bounded memory."""

    def __init__(self, limit: int) -> None:
        self._most_head = limit // 2
        self._most_tail = limit - limit // 2
        self._head, self._tail = bytearray(), bytearray()
        self.seen = 0

    def add(self, chunk: bytes) -> None:
        self.seen += len(chunk)
        room = self._most_head - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._most_tail:  # seldom, so that moving the rest costs little
            del self._tail[: -self._most_tail]

    @property
    def cut(self) -> bool:
        return self.seen > self._most_head + self._most_tail

    def text(self) -> str:
        """Return what was kept, cut between lines where there are some: half of a secret would not be recognised."""
        if not self.cut:
            return (self._head + self._tail).decode("utf-8", "replace")
        head, tail = bytes(self._head), bytes(self._tail[-self._most_tail :])
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[tail.find(b"\n") + 1 :] or tail
        left = self.seen - len(head) - len(tail)
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
