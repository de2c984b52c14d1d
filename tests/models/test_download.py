"""A large file comes whole, from https only, and an interruption costs nothing that had arrived."""

# Nothing else runs on the loop while a test looks at a file.

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from swarm.models.download import DownloadFailed, download, may_fetch
from tests.file_server import FileServer, file_server

CONTENT = bytes(range(256)) * 12_000  # 3 MB, so that it comes in several chunks


@pytest.fixture
def files() -> Iterator[FileServer]:
    with file_server(CONTENT) as server:
        yield server


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "part"


async def fetch(url: str, part: Path, *, size: int = len(CONTENT)) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    await download(url, part, size=size, progress=lambda done, total: seen.append((done, total)))
    return seen


async def test_a_file_arrives_whole_and_its_progress_ends_at_its_size(files: FileServer, part: Path) -> None:
    seen = await fetch(files.url, part)
    assert part.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == (len(CONTENT), len(CONTENT))


async def test_a_broken_connection_is_taken_up_where_it_broke(files: FileServer, part: Path) -> None:
    files.breaks = [1_000_000, 500_000]
    await fetch(files.url, part)
    assert part.read_bytes() == CONTENT
    assert files.ranges == [None, "bytes=1000000-", "bytes=1500000-"]


async def test_what_an_interrupted_download_brought_is_not_asked_for_again(files: FileServer, part: Path) -> None:
    files.breaks, files.hold = [2_000_000], threading.Event()
    async with anyio.create_task_group() as tasks:

        def stop_soon(done: int, _: int) -> None:
            if done >= 1_000_000:
                tasks.cancel_scope.cancel()

        async def fetching() -> None:
            await download(files.url, part, size=len(CONTENT), progress=stop_soon)

        tasks.start_soon(fetching)
    kept = part.stat().st_size
    assert 0 < kept < len(CONTENT)
    await fetch(files.url, part)
    assert part.read_bytes() == CONTENT
    assert files.ranges == [None, f"bytes={kept}-"]


async def test_a_whole_file_is_not_asked_for(files: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT)
    await fetch(files.url, part)
    assert files.ranges == []


async def test_a_server_without_ranges_gives_the_file_from_its_start(files: FileServer, part: Path) -> None:
    files.honour_range = False
    part.write_bytes(b"something else")
    await fetch(files.url, part)
    assert part.read_bytes() == CONTENT


async def test_a_part_that_is_longer_than_the_file_is_not_built_upon(files: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT + b"more")
    await fetch(files.url, part)
    assert part.read_bytes() == CONTENT
    assert files.ranges == [None]


async def test_more_bytes_than_the_file_has_are_refused_and_not_kept(files: FileServer, part: Path) -> None:
    with pytest.raises(DownloadFailed, match="sent more than the 1,000,000 bytes"):
        await fetch(files.url, part, size=1_000_000)
    assert part.stat().st_size == 0


async def test_a_source_that_brings_nothing_more_is_given_up_with_the_numbers(files: FileServer, part: Path) -> None:
    files.breaks = [1_000_000, 0]
    with pytest.raises(DownloadFailed, match=r"broke off at 1,000,000 of 3,072,000 bytes"):
        await fetch(files.url, part)
    assert part.stat().st_size == 1_000_000


async def test_an_error_answer_is_said_with_its_status(files: FileServer, part: Path) -> None:
    files.status = 404
    with pytest.raises(DownloadFailed, match="answered 404 Not Found"):
        await fetch(files.url, part)
    assert not part.exists()


async def test_an_unreachable_host_is_said_to_be_so(part: Path, unused: str) -> None:
    with pytest.raises(DownloadFailed, match="is not reached"):
        await fetch(unused, part)


async def test_a_redirect_is_followed(files: FileServer, part: Path) -> None:
    files.redirect = f"{files.url}/file"
    await fetch(f"{files.url}/moved", part)
    assert part.read_bytes() == CONTENT


async def test_a_redirect_that_leaves_https_is_refused(files: FileServer, part: Path) -> None:
    files.redirect = "http://models.example/file"
    with pytest.raises(DownloadFailed, match=r"sends on to http://models\.example/file, which is not https"):
        await fetch(f"{files.url}/moved", part)


async def test_a_redirect_to_itself_ends(files: FileServer, part: Path) -> None:
    with pytest.raises(DownloadFailed, match="redirects more than 5 times"):
        await fetch(f"{files.url}/moved", part)


async def test_plain_http_is_not_fetched(part: Path) -> None:
    with pytest.raises(DownloadFailed, match="only https is"):
        await fetch("http://models.example/file", part)


@pytest.mark.parametrize(
    ("url", "came_from", "allowed"),
    [
        ("https://a.example/x", None, True),
        ("https://b.example/x", "https://a.example/x", True),
        ("http://a.example/x", None, False),
        ("http://a.example/x", "https://a.example/x", False),
        ("http://127.0.0.1:1/x", None, True),
        ("http://[::1]:1/x", None, True),
        ("http://127.0.0.1:1/x", "https://a.example/x", False),
        ("http://127.0.0.1.example/x", None, False),
        ("file:///etc/passwd", None, False),
        ("ftp://a.example/x", None, False),
    ],
)
def test_only_https_is_fetched_and_http_from_this_machine_to_itself(
    url: str, came_from: str | None, allowed: bool
) -> None:
    assert may_fetch(url, came_from=came_from) is allowed


@pytest.fixture
def unused() -> str:
    """A URL of loopback that nothing listens on."""
    with file_server(b"") as server:
        return server.url
