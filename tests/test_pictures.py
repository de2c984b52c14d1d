"""The pictures of README and docs are what the program draws now, and show nothing of the machine on which they were drawn."""

from __future__ import annotations

import getpass
import re
import socket
from pathlib import Path

import pytest

from events.bus import read_all
from events.log import open_log
from events.types.session import SessionClaimed
from events.verify import verify_log
from tests.demo_record import FOLDER, record_demo, refs_of
from tests.pictures import DEMO, MOST_BYTES, PICTURES, ROOT, drawn, path_of


@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_is_what_the_program_draws_now(name: str) -> None:
    kept = path_of(name).read_text()
    assert await drawn(PICTURES[name]) == kept, "draw them anew: python -m tests.pictures"
    assert len(kept.encode()) <= MOST_BYTES
    assert "http" not in re.sub(r"xmlns\S*|<!--.*?-->", "", kept), "nothing is fetched by whoever looks at it"


def test_each_picture_is_shown_somewhere_and_each_that_is_shown_is_drawn() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {
        Path(found).name for page in pages for found in re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", page.read_text())
    }
    assert shown == set(PICTURES) == {path.name for path in path_of("").iterdir()}


async def told(path: Path) -> str:
    """All that a log says, its texts included."""
    said: list[str] = []
    async with open_log(path, read_only=True) as log:
        async for page in read_all(log):
            for entry in page:
                said += [repr(entry), *[await log.text(ref, at=entry.position) for ref in refs_of(entry.event)]]
    return "\n".join(said)


async def test_a_record_of_the_demo_is_a_log_that_says_nothing_of_this_machine(tmp_path: Path) -> None:
    await record_demo(tmp_path / "new.db", pause_s=0.0)
    report = await verify_log(tmp_path / "new.db")
    assert report.ok
    for path in (tmp_path / "new.db", DEMO):
        said = await told(path)
        assert FOLDER in said and "Rewrite seconds()" in said
        homes = (
            str(Path.home()),
            str(tmp_path),
            str(ROOT),
            f"{getpass.getuser()}@",
            f"@{socket.gethostname()}",
            "/tmp/",
        )
        assert [each for each in homes if re.search(rf"(?<![\w/]){re.escape(each)}", said)] == []
        async with open_log(path, read_only=True) as log:
            claims = [
                entry.event for page in [await log.read()] for entry in page if isinstance(entry.event, SessionClaimed)
            ]
        assert {(claim.owner, claim.host, claim.pid) for claim in claims} == {("ann@host, pid 4711", "host", 4711)}
