"""The pictures of README and docs: `python -m tests.pictures` draws them anew, tests/test_pictures.py says which are old.

Each is a frame of the replay of a recorded log, so the same program draws the same bytes. The record of `swarm demo` that is kept
for them is made by `python -m tests.demo_record`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path

import anyio
import msgspec

from events.log import open_log
from swarm.cli.watch import cap_reader
from tui.frame import frame
from tui.playback import Playback
from tui.record import read_record
from tui.sought import sought

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "tests/data/demo.db"
MOST_BYTES = 100_000
"""Of a picture: a page loads it each time."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A frame of session 1 of a log, at a place as `swarm replay --at` takes it, behind keys that are pressed there."""

    title: str
    at: str
    keys: Sequence[str] = ()
    log: Path = DEMO
    size: tuple[int, int] = (100, 30)  # columns and rows


PICTURES: Mapping[str, Picture] = {
    "demo.svg": Picture(title="swarm demo", at="budget", size=(100, 29)),
}
"""By their names in docs/img."""


def path_of(name: str) -> Path:
    return ROOT / "docs/img" / name


async def drawn(picture: Picture) -> str:
    """The picture as the program draws it now."""
    async with open_log(picture.log, read_only=True) as log:
        record, trouble = await read_record(log, 1)
        assert not trouble, trouble
        playback = Playback(log, record, cap_of=cap_reader(log))
        playback.playing.go(sought(picture.at, record, zone=UTC))
        return await frame(playback, size=picture.size, title=picture.title, zone=UTC, keys=picture.keys)


def main() -> int:
    for name, picture in PICTURES.items():
        path = path_of(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(anyio.run(drawn, picture))
        sys.stderr.write(f"written: {path.relative_to(ROOT)}, {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
