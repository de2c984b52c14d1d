"""Logs of released schemas are read for ever, and mean what they meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from events.log import open_log
from events.testing.builders import SetClock
from events.testing.contract import everything
from events.types.any import KINDS
from events.types.base import TextRef
from events.types.call import CallReserved, CallSettled
from events.verify import parse_head, verify_log
from tests.events.golden import EXPECTED, LOG, views_of, write


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return Path(shutil.copy(LOG, tmp_path / "golden.db"))


async def test_the_golden_log_is_folded_by_every_view_as_ever(golden: Path) -> None:
    async with open_log(golden, read_only=True) as log:
        assert msgspec.json.decode(msgspec.json.encode(await views_of(log))) == msgspec.json.decode(
            EXPECTED.read_bytes()
        )


async def test_the_golden_log_verifies_against_the_head_that_was_kept(golden: Path) -> None:
    head = parse_head(msgspec.json.decode(EXPECTED.read_bytes())["head"])
    report = await verify_log(golden, kept=head)
    assert report.ok and report.head == head, report.problems


async def test_the_golden_log_holds_every_kind_of_event_and_its_texts(golden: Path) -> None:
    async with open_log(golden, read_only=True) as log:
        entries = await everything(log)
        assert {entry.kind for entry in entries} == {*KINDS, "moon.landed"}
        refs: list[tuple[TextRef, int]] = []
        for entry in entries:
            if isinstance(entry.event, CallReserved):
                refs += [(said.text, entry.position) for said in entry.event.messages]
            elif isinstance(entry.event, CallSettled):
                refs.append((entry.event.answer, entry.position))
        texts = [await log.text(ref, at=position) for ref, position in refs]
        assert (
            texts.count("You write code.") == [entry.kind for entry in entries].count("call.reserved")
            and "a long answer" in texts
        )


async def test_the_program_writes_the_same_log_today(golden: Path, tmp_path: Path) -> None:
    """Not byte by byte, which is SQLite's affair: entry by entry, and by the head of the chain."""
    clock = SetClock()
    async with open_log(tmp_path / "today.db", clock=clock) as today, open_log(golden, read_only=True) as kept:
        await write(today, clock)
        assert await everything(today) == await everything(kept)
        assert await today.head() == await kept.head()
