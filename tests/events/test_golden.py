"""Logs of released schemas are read for ever, and mean what they meant."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.log import EventLog, TextMissing, open_log
from events.testing.builders import SetClock
from events.testing.contract import everything, refused
from events.types.any import KINDS
from events.types.base import TextRef
from events.types.call import CallReserved, CallSettled
from events.verify import parse_head, verify_log
from tests.events.golden import (
    ARCHIVED,
    EXPECTED,
    FIFTH,
    FIFTH_EXPECTED,
    FOURTH,
    FOURTH_EXPECTED,
    LOG,
    SECOND,
    SECOND_EXPECTED,
    THIRD,
    THIRD_EXPECTED,
    views_of,
    write,
    write_fifth,
    write_fourth,
    write_third,
)
from tests.events.golden_answers import GIVEN, GIVEN_EXPECTED, write_answers
from tests.events.golden_schedules import SCHEDULED, SCHEDULED_EXPECTED, write_schedules
from tests.events.golden_steered import STEERED, STEERED_EXPECTED, write_steered

GOLDEN = [
    (LOG, EXPECTED),
    (SECOND, SECOND_EXPECTED),
    (THIRD, THIRD_EXPECTED),
    (FOURTH, FOURTH_EXPECTED),
    (FIFTH, FIFTH_EXPECTED),
    (GIVEN, GIVEN_EXPECTED),
    (SCHEDULED, SCHEDULED_EXPECTED),
    (STEERED, STEERED_EXPECTED),
]


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return Path(shutil.copy(LOG, tmp_path))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    shutil.copy(ARCHIVED, tmp_path)
    return Path(shutil.copy(SECOND, tmp_path))


def means(found: Any, expected: Any) -> bool:
    """Whether it is what it was, apart from fields that were added since."""
    if isinstance(expected, dict):
        fields: dict[str, Any] = expected  # pyright: ignore[reportUnknownVariableType]
        return isinstance(found, dict) and all(name in found and means(found[name], fields[name]) for name in fields)
    if isinstance(expected, list):
        held: list[Any] = expected  # pyright: ignore[reportUnknownVariableType]
        return isinstance(found, list) and len(found) == len(held) and all(map(means, found, held))  # pyright: ignore[reportUnknownArgumentType]
    return bool(found == expected)


@pytest.mark.parametrize(("path", "expected"), GOLDEN, ids=lambda path: path.name)
async def test_a_golden_log_is_folded_by_every_view_as_ever(path: Path, expected: Path, tmp_path: Path) -> None:
    async with open_log(shutil.copy(path, tmp_path / "golden.db"), read_only=True) as log:
        found = msgspec.json.decode(msgspec.json.encode(await views_of(log)))
    assert means(found, msgspec.json.decode(expected.read_bytes()))


@pytest.mark.parametrize(("path", "expected"), GOLDEN, ids=lambda path: path.name)
async def test_a_golden_log_verifies_against_the_head_that_was_kept(path: Path, expected: Path, tmp_path: Path) -> None:
    head = parse_head(msgspec.json.decode(expected.read_bytes())["head"])
    report = await verify_log(shutil.copy(path, tmp_path / "golden.db"), kept=head)
    assert report.ok and report.head == head, report.problems


@pytest.mark.parametrize(("path", "expected"), GOLDEN, ids=lambda path: path.name)
async def test_a_golden_log_is_written_on(path: Path, expected: Path, tmp_path: Path) -> None:
    async with open_log(shutil.copy(path, tmp_path / "golden.db"), clock=SetClock()) as log:
        before = (await log.head()).position
        await write(log, SetClock(), unknown=False, first=100_000)
        assert (await log.head()).position > before
    report = await verify_log(
        tmp_path / "golden.db", kept=parse_head(msgspec.json.decode(expected.read_bytes())["head"])
    )
    assert report.ok, report.problems


async def test_the_first_golden_log_holds_its_texts(golden: Path) -> None:
    async with open_log(golden, read_only=True) as log:
        entries = await everything(log)
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


async def test_the_second_golden_log_joins_its_archive_of_which_the_texts_are_gone(second: Path) -> None:
    report = await verify_log(second)
    assert report.ok and report.archives == (str(second.with_name(ARCHIVED.name)),), report.problems
    async with open_log(second.with_name(ARCHIVED.name), read_only=True) as log:
        settled = next(entry for entry in await everything(log) if isinstance(entry.event, CallSettled))
        assert isinstance(settled.event, CallSettled)
        await refused(TextMissing, log.text(settled.event.answer, at=settled.position))


async def test_the_golden_logs_hold_every_kind_of_event(golden: Path, second: Path, tmp_path: Path) -> None:
    kinds: set[str] = set()
    copies = [Path(shutil.copy(path, tmp_path)) for path in (THIRD, FOURTH, FIFTH, GIVEN, SCHEDULED, STEERED)]
    for path in (golden, second, second.with_name(ARCHIVED.name), *copies):
        async with open_log(path, read_only=True) as log:
            kinds |= {entry.kind for entry in await everything(log)}
    assert kinds == {*KINDS, "moon.landed"}


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (LOG, write),
        (THIRD, write_third),
        (FOURTH, write_fourth),
        (FIFTH, write_fifth),
        (GIVEN, write_answers),
        (SCHEDULED, write_schedules),
        (STEERED, write_steered),
    ],
    ids=["first", "third", "fourth", "fifth", "answers", "schedules", "steered"],
)
async def test_the_program_writes_a_golden_log_today(
    path: Path, written: Callable[[EventLog, SetClock], Awaitable[None]], tmp_path: Path
) -> None:
    """Not byte by byte, which is SQLite's affair: entry by entry, and by the head of the chain."""
    clock, golden = SetClock(), shutil.copy(path, tmp_path)
    async with open_log(tmp_path / "today.db", clock=clock) as today, open_log(golden, read_only=True) as kept:
        await written(today, clock)
        assert await everything(today) == await everything(kept)
        assert await today.head() == await kept.head()
