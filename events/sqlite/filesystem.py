"""Where a log may lie: SQLite's write-ahead log needs memory that all its writers share, so no disk of another machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from events.log import LogUnusable

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = re.compile(
    r"(nfs[0-9]*|cifs|smb[0-9]?|smbfs|afs|afpfs|webdav|davfs|coda|ceph|lustre|gpfs|beegfs|pvfs2|ncpfs"
    r"|fuse\.(sshfs|glusterfs|ceph|ceph-fuse|davfs2?|s3fs|gcsfuse|rclone|goofys|juicefs|mfs|moosefs|smbnetfs|curlftpfs))"
)
"""9p and virtiofs are not among them: they lead from a guest to the one machine that it runs on. Where they lack the shared
memory, SQLite refuses the write-ahead log itself."""

_BSD_MOUNT = re.compile(r"^(?P<source>.*) on (?P<point>/.*) \((?P<kind>[^,)]+)[,)]")


def require_local(path: Path) -> None:
    """Raises LogUnusable where the file would lie on a network file system. Looks at what exists of the path."""
    kind = network_kind(path)
    if kind:
        raise LogUnusable(
            url=str(path),
            reason=f"it lies on a network file system ({kind}), where two machines would write over each other",
            remedy="name a file on a local disk with `--log`, or as `log` in your settings",
        )


def network_kind(path: Path) -> str:
    """The type of the network file system that the path lies on, or will lie on when it is made; empty: it is none."""
    found = path.absolute()
    while True:
        try:
            device = found.stat().st_dev
            break
        except OSError:
            if found == found.parent:
                return ""
            found = found.parent
    if os.major(device) and _MOUNTS.parent.is_dir():
        return ""  # a disk of this machine: only what has no disk of its own has the major number 0
    try:
        kind = _of_linux(device) if _MOUNTS.exists() else _of_macos(found, device)
    except OSError:
        return ""  # nothing can be known: SQLite itself says what it lacks
    return kind if _NETWORK.fullmatch(kind) else ""


def _of_linux(device: int) -> str:
    return kind_in_mountinfo(_MOUNTS.read_text(errors="surrogateescape"), f"{os.major(device)}:{os.minor(device)}")


def kind_in_mountinfo(text: str, device: str) -> str:
    """The type of the file system with a device number such as 0:45, from a text as in proc(5); empty: it is not there."""
    for line in text.splitlines():
        mount, _, system = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) > 4 and fields[2] == device and system:
            return system.split(" ")[0]
    return ""


def _of_macos(path: Path, device: int) -> str:
    if any(device == Path(own).stat().st_dev for own in ("/", "/System/Volumes/Data") if Path(own).exists()):
        return ""  # the machine's own disk, without asking a program
    import subprocess  # only here: a status line opens a log, too

    try:
        done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=True, timeout=5)
    except subprocess.SubprocessError:
        return ""
    return kind_in_mount(done.stdout, str(path.resolve()))


def kind_in_mount(text: str, path: str) -> str:
    """The type of the file system that a path lies on, from what `mount` prints on macOS: that of the deepest mount point."""
    deepest, kind = "", ""
    for line in text.splitlines():
        found = _BSD_MOUNT.match(line)
        if found is None:
            continue
        point = found["point"].rstrip("/")
        if (path == point or path.startswith(point + "/")) and len(point) >= len(deepest):
            deepest, kind = point, found["kind"]
    return kind


class Opened:
    """The file that stood at a path when it was opened: to write on to one that was moved away would start a log beside it."""

    def __init__(self, path: Path) -> None:
        self._path = str(path.absolute())
        self._which = self._now()

    def _now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116  # asked at each commit: a Path takes twice as long
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def require(self) -> None:
        """Raises LogUnusable where the file at the path is another one now, or none."""
        if self._now() != self._which:
            raise LogUnusable(
                url=self._path,
                reason="it was moved or deleted while it was in use",
                remedy="what was acknowledged is in the moved file: put it back, or name it with `--log`, and `swarm resume`",
            )
