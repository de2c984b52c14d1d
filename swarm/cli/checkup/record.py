"""What can be said of the log: whether it is there, ours, on a local disk, whole, and what its caches hold."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio

from events.disk import network_kind
from events.log import Entry, LogError, open_log
from events.verify import Report, verify_log
from swarm.cli.checkup.caches import look_at_caches
from swarm.cli.checkup.finding import Finding
from swarm.cli.output import counted

LOOKED_AT = 500  # events at the log's end that are read without `--deep`
FORWARD_US = 60 * 1_000_000
"""How far the clock may stand before the log's last event: clocks are set, by a second or two."""
MOST_PROBLEMS = 5


async def look_at_log(url: str, *, now: int, deep: bool) -> AsyncIterator[Finding]:
    """Yield what is found of the log at `url`; nothing is written. `now` is in microseconds since 1970."""
    if url == "memory:":
        yield Finding(name="log", said="is kept in memory: nothing outlives the process")
        return
    path = path_of(url)
    yield disk_kind_finding(path, network_kind(path))
    if not path.exists():
        yield absent_finding(path)
        return
    for finding in permissions(path):
        yield finding
    try:
        async with open_log(path, read_only=True) as log:
            head = await log.head()
            last = await log.read(after=max(0, head.position - LOOKED_AT), limit=LOOKED_AT)
    except LogError as error:
        yield Finding(name="log", state="fail", said=str(error))
        return
    yield Finding(name="log", said=f"{path}, {counted(head.position, 'event')}, {_size(path)}")
    yield clock_finding(last[-1] if last else None, now)
    yield await _whole(path) if deep else _read_back(last)
    yield await look_at_caches(path)


def path_of(url: str) -> Path:
    """The file that a log's address names."""
    return Path(url).expanduser()


def disk_kind_finding(path: Path, network: str) -> Finding:
    """What the kind of file system means for a log; `network` names one of the network."""
    if not network:
        return Finding(name="file system", said="local")
    said = f"{path} lies on a network file system ({network}), where two machines would write over each other"
    remedy = "name a file on a local disk: `log` in your settings, or `--log`"
    return Finding(name="file system", state="fail", said=said, remedy=remedy)


def absent_finding(path: Path) -> Finding:
    """A log that is not there yet: whether it can be made."""
    there = next(place for place in path.parents if place.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding(name="log", said=f"{path} is not there yet; the first run makes it")
    remedy = f"see the permissions of {there}, or set `log` in the settings"
    return Finding(name="log", state="fail", said=f"{path} is not there and cannot be made", remedy=remedy)


def permissions(path: Path) -> Iterator[Finding]:
    """Yield what is wrong with who may read and write the log and what stands beside it."""
    if not os.access(path, os.R_OK | os.W_OK):
        yield Finding(
            name="log", state="fail", said=f"{path} cannot be read and written by you", remedy=f"ls -l {path}"
        )
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", ".lock", ".key"))):
        try:
            found = file.stat()
        except OSError:  # not there: nobody can read it
            continue
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077 and stat.S_ISREG(found.st_mode):
            yield _open_to_others(file, mode)


def _open_to_others(file: Path, mode: int) -> Finding:
    async def mend() -> str:
        await anyio.Path(file).chmod(mode & ~0o077)
        return f"{file} is yours alone now"

    writable = bool(mode & 0o022)
    said = f"others may {'write to' if writable else 'read'} {file}, which holds your prompts and answers"
    remedy = f"chmod go-rwx {file}"
    return Finding(name="log", state="fail" if writable else "warn", said=said, remedy=remedy, mend=mend)


def clock_finding(last: Entry | None, now: int) -> Finding:
    """Whether the clock stands before what it said earlier: caps of a day go by it."""
    if last is None or last.at <= now + FORWARD_US:
        return Finding(name="clock", said="not before the log's last event" if last else "there is no event to compare")
    seconds = (last.at - now) // 1_000_000
    said = f"the last event was written {seconds:,} s from now: the clock was set back, or was wrong then"
    return Finding(
        name="clock", state="fail", said=said, remedy="set the clock, for example `timedatectl set-ntp true`"
    )


def _read_back(last: list[Entry]) -> Finding:
    return Finding(
        name="integrity",
        said=f"the last {counted(len(last), 'event')} can be read",
        remedy="swarm doctor --deep reads every stored byte",
    )


async def _whole(path: Path) -> Finding:
    try:
        return deep_finding(await verify_log(path))
    except LogError as error:
        return Finding(name="integrity", state="fail", said=str(error))


def deep_finding(report: Report) -> Finding:
    """What a verification came to."""
    read = f"{counted(report.events, 'event')}, {counted(report.texts, 'text')}"
    if report.ok:
        return Finding(name="integrity", said=f"{read}: each byte is as it was written")
    named = "; ".join(f"{problem.where}: {problem.what}" for problem in report.problems[:MOST_PROBLEMS])
    more = f" and {len(report.problems) - MOST_PROBLEMS} more" if len(report.problems) > MOST_PROBLEMS else ""
    remedy = "swarm verify shows all; go on with another log (`--log FILE`) and keep this one as it is"
    return Finding(name="integrity", state="fail", said=f"{read} were read: {named}{more}", remedy=remedy)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / (1 << 20):,.1f} MiB"
