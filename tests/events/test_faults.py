"""What can happen under the log: a full disk, a damaged page, a file that is moved away, a disk of another machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from anyio import run_process

from events.log import LogError, LogUnusable, open_log
from events.sqlite import filesystem
from events.sqlite.ballast import SIZE
from events.sqlite.schema import PAGE
from events.testing import builders as make
from events.testing.builders import a_text, new
from events.testing.contract import an_event, everything, reasons, refused
from events.verify import verify_log
from tests.events.test_processes import child


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@contextmanager
def small_disk(folder: Path, size: int) -> Generator[None]:
    """A file system of so many bytes on a folder. Skips where this user may not mount one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("`mount` is missing, or this user may not use it: no small disk to fill")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_on_a_full_disk_what_is_in_flight_is_recorded_and_no_new_call_begins(tmp_path: Path) -> None:
    path, random = tmp_path / "log.db", Random(1)
    with small_disk(tmp_path, 4 << 20):
        async with open_log(path) as log:
            ack = await log.append([new(make.reserved(), topic="ledger")])
            (tmp_path / "others").write_bytes(bytes(shutil.disk_usage(tmp_path).free - 300_000))
            kept = 0
            with pytest.raises(LogUnusable, match="disk is full"):
                while True:  # calls that end and begin, as long as they may
                    await log.append(
                        [new(make.reserved(), topic="ledger")], texts=[a_text(random.randbytes(9_000).hex())]
                    )
                    kept += 1
            assert kept > 5 and not path.with_name("log.db.ballast").exists()
            await log.append([new(make.settled(ack.positions[0]))], texts=[a_text(random.randbytes(9_000).hex())])
            await log.append([new(make.closed(finished=False), topic="claim/s1")], durable=True)
            assert "what is in flight" in str(await refused(LogUnusable, log.append([new(make.reserved())])))
            (tmp_path / "others").unlink()
            await log.append([new(make.reserved(), topic="ledger")])
            assert path.with_name("log.db.ballast").stat().st_size == SIZE
            entries = await everything(log)
        assert len(entries) == kept + 4 and (await verify_log(path)).ok


async def test_a_disk_that_is_full_to_the_last_byte_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    path, random = tmp_path / "log.db", Random(1)
    with small_disk(tmp_path, 4 << 20):
        async with open_log(path) as log:
            said = 0
            with pytest.raises(LogUnusable, match=r"disk is full; make room; nothing that was acknowledged is lost"):
                while True:
                    await log.append([an_event(f"{said}")], texts=[a_text(random.randbytes(30_000).hex())])
                    said += 1
            assert reasons(await everything(log)) == [f"{number}" for number in range(said)] and said > 20
        assert (await verify_log(path)).ok


async def test_a_log_on_a_disk_without_room_for_a_ballast_is_written_all_the_same(tmp_path: Path) -> None:
    with small_disk(tmp_path, 1 << 20):
        async with open_log(tmp_path / "log.db") as log:
            await log.append([an_event("written")])
        assert not (tmp_path / "log.db.ballast").exists() and (await verify_log(tmp_path / "log.db")).ok


async def test_a_limit_of_the_size_of_files_ends_in_a_sentence_and_loses_nothing(path: Path) -> None:
    with child("overflow", path, 2 << 20) as process:
        said, errors = process.communicate()
    *acknowledged, last = said.splitlines()
    assert errors == "" and last.startswith("LogUnusable: ") and "nothing that was acknowledged is lost" in last
    async with open_log(path) as log:
        assert reasons(await everything(log)) == acknowledged != []
        await log.append([an_event("it goes on")])
    assert (await verify_log(path)).ok


@pytest.mark.parametrize("what", ["moved", "deleted", "replaced"])
async def test_a_file_that_is_taken_away_in_mid_run_is_noticed_at_the_next_commit(path: Path, what: str) -> None:
    async with open_log(path) as log:
        await log.append([an_event("kept")])
        if what == "deleted":
            path.unlink()
        else:
            path.rename(path.with_name("moved.db"))
        if what == "replaced":
            async with open_log(path) as other:
                await other.append([an_event("another log")])
        error = await refused(LogUnusable, log.append([an_event("refused")]))
        assert "was moved or deleted while it was in use" in str(error) and "`--log`" in str(error)
        if what == "moved":
            path.with_name("moved.db").rename(path)
            await log.append([an_event("it is back")])
            assert reasons(await everything(log)) == ["kept", "it is back"]
    if what == "replaced":
        async with open_log(path) as other:
            await other.append([an_event("goes on")])
        assert (await verify_log(path)).events == 2


async def test_a_relative_path_names_the_same_file_wherever_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_log("log.db") as log:
        await log.append([an_event("here")])
        monkeypatch.chdir("/")
        await log.append([an_event("there")])
    assert (await verify_log(tmp_path / "log.db")).events == 2


async def test_a_page_that_is_damaged_in_mid_run_is_told_with_what_to_do(path: Path) -> None:
    async with open_log(path) as log:
        for number in range(300):
            await log.append([an_event(f"{number}", topic=f"{number}")])
    async with open_log(path) as log:
        damage = (
            "import sys; f = open(sys.argv[1], 'r+b'); size = f.seek(0, 2)\n"
            f"for page in range({PAGE}, size, {PAGE}): f.seek(page); f.write(bytes(range(64)))"
        )
        await run_process([sys.executable, "-c", damage, str(path)])  # to close it here would take our locks away
        error: LogError = await refused(LogUnusable, log.append([an_event("refused")]))
        assert "its pages are damaged; run `swarm verify`" in str(error)
        await refused(LogError, everything(log))
    assert not (await verify_log(path)).ok


MOUNTINFO = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 27 0:45 / /home/ann\\040b rw,nosuid shared:24 master:3 - nfs4 server:/export/home rw,vers=4.2,addr=10.0.0.2
37 27 0:46 / /mnt/share rw,relatime shared:25 - cifs //nas/share rw,vers=3.1.1
38 27 0:47 /lower /mnt/own rw,relatime - fuse.sshfs ann@host:/ rw,user_id=1000
39 27 0:48 / /mnt/c rw,noatime - 9p C:\\134 rw,dirsync
40 27 0:49 / /scratch rw - tmpfs tmpfs rw
41 27 0:50 broken
"""

MAC_MOUNT = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect)
//ann@nas._smb._tcp.local/home on /Volumes/home on nas (smbfs, nodev, nosuid, mounted by ann)
server:/export on /Volumes/export (nfs, nodev, nosuid, automounted)
"""


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        ("0:45", "nfs4"),
        ("0:46", "cifs"),
        ("0:47", "fuse.sshfs"),
        ("0:48", "9p"),
        ("254:0", "ext4"),
        ("0:4", ""),
        ("0:50", ""),
    ],
)
def test_the_type_of_a_file_system_is_read_from_what_linux_says_of_its_mounts(device: str, kind: str) -> None:
    assert filesystem.kind_in_mountinfo(MOUNTINFO, device) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/Users/ann/log.db", "apfs"),
        ("/Volumes/home on nas/log.db", "smbfs"),
        ("/Volumes/export", "nfs"),
        ("/Volumes/exported/log.db", "apfs"),
    ],
)
def test_the_type_of_a_file_system_is_read_from_what_macos_says_of_its_mounts(path: str, kind: str) -> None:
    assert filesystem.kind_in_mount(MAC_MOUNT, path) == kind


def mounts_of(folder: Path, kind: str) -> str:
    device = folder.stat().st_dev
    return f"36 27 {os.major(device)}:{os.minor(device)} / {folder} rw - {kind} somewhere rw\n"


@pytest.mark.parametrize(
    ("kind", "refuses"), [("nfs4", True), ("smb3", True), ("fuse.sshfs", True), ("9p", False), ("tmpfs", False)]
)
async def test_a_log_on_a_disk_of_another_machine_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, refuses: bool
) -> None:
    """What is mounted stands in a file of ours here, and the log on what has no disk of its own, as those of others have none."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("/dev/shm is missing: no file system without a disk of its own")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(mounts_of(Path(folder), kind))
        monkeypatch.setattr(filesystem, "_MOUNTS", mounts)
        await see_whether_it_is_refused(Path(folder) / "new" / "log.db", kind, refuses)


async def see_whether_it_is_refused(path: Path, kind: str, refuses: bool) -> None:
    if refuses:
        error = await refused(LogUnusable, written(path))
        assert f"network file system ({kind})" in str(error) and "local disk with `--log`" in str(error)
        assert not path.parent.exists()
    else:
        await written(path)


async def written(path: Path) -> None:
    async with open_log(path) as log:
        await log.append([an_event()])
