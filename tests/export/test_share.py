"""A log without its texts: whole, with the same numbers, and with nothing that anybody wrote."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.blobs import decode_pack, digest_of
from events.fresh import FileInTheWay
from events.log import EventLog, NewEvent, open_log
from events.testing.builders import a_task, closed, failed, new, opened, reserved, settled
from events.testing.contract import everything
from events.types.any import KINDS
from events.types.base import Unknown
from events.types.call import CallSettled
from events.types.session import SessionOpened
from events.verify import verify_log
from events.views.base import fold
from events.views.cost import CostView
from events.views.spending import Asked, SpendingView
from events.views.tasks import TasksView
from swarm.export.mask import DAY_US, Mask
from swarm.export.share import share, with_parents
from swarm.replay import replay
from tests.export.filled import MARK, Filler
from tests.provider import Answer
from tests.running import DEAR, Cast, Line, model, run, serving, verdict

MASK = Mask(b"k" * 32)


def all_bytes(file: Path) -> bytes:
    """What the file holds, and what its packed texts say."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        packs = connection.execute("SELECT codec, checksum, data FROM pack").fetchall()
    return file.read_bytes() + "\n".join(text for pack in packs for text in decode_pack(*pack)).encode()


async def shared(log: EventLog, file: Path, sessions: Sequence[int] = (1,), mask: Mask = MASK) -> Path:
    await share(log, sessions, file, mask)
    return file


async def test_no_word_of_any_event_text_or_name_is_in_any_byte_of_the_file(tmp_path: Path) -> None:
    filler = Filler()
    events = [filler.struct(KINDS[kind]) for kind in sorted(KINDS, key=lambda kind: kind != "session.opened")]
    topics = [f"cooldown/{filler.word()}@{filler.word()}", filler.word(), "s1"]
    news = [
        NewEvent(event=event, topic=topics[at % 3], project=filler.word(), session=1, task=filler.word(), step=1)
        for at, event in enumerate(events)
    ]
    async with open_log(tmp_path / "log.db") as log:
        await log.append(news, texts=filler.pack.texts)
        found = await share(log, (1,), tmp_path / "out.db", MASK)
    told, original = all_bytes(tmp_path / "out.db"), all_bytes(tmp_path / "log.db")
    assert len(filler.words) > 400 and found.events == len(events) - 3  # without what was done to the file itself
    assert MARK.encode() not in told
    digests = [text.digest.encode() for text in filler.pack.texts]
    assert digests and not any(digest in told for digest in digests), "who guesses a text could see that it is right"
    assert MARK.encode() in original and all(digest in original for digest in digests)
    assert (await verify_log(tmp_path / "out.db")).ok
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith((".out", "out"))) == ["out.db"]


TEXT = f"""
agents:
  {MARK}-agent: {{types: [code], prompt: You know {MARK}-agent-prompt.}}
tasks:
  - id: {MARK}-one
    title: {MARK}-title
    agent: {MARK}-agent
    prompt: Write of {MARK}-prompt
    output: {MARK}-folder/{MARK}-file.md
    check: [{{contains: {MARK}-check}}]
  - id: {MARK}-two
    prompt: Go on with {MARK}-second
    needs: {MARK}-one
"""


@pytest.fixture
async def numbers(tmp_path: Path) -> tuple[Path, Path]:
    """The log of a real run with a rejection, an error and a paid model, and the same as it is shared."""
    lines: list[Line] = [
        f"no {MARK}-wrong",
        Answer(status=400, body=f'{{"error": "{MARK}-error"}}'.encode()),
        f"yes, {MARK}-check",
    ]
    cast = Cast(worker=[*lines, f"{MARK}-last"], validator=[verdict(True, f"{MARK}-reason")])
    async with (
        serving(cast, model("m1"), model(f"{MARK}-model", "paid", price=DEAR)) as (_, plan),
        open_log(tmp_path / "log.db") as log,
    ):
        await run(log, TEXT, plan, tmp_path)
        await run(log, f"prompt: {MARK}-three", plan, tmp_path)
        file = await shared(log, tmp_path / "out.db", (1, 2))
    return tmp_path / "log.db", file


async def test_a_real_run_is_told_with_the_same_numbers_and_none_of_its_words(numbers: tuple[Path, Path]) -> None:
    home, told = numbers
    assert MARK.encode() in all_bytes(home) and MARK.encode() not in all_bytes(told)
    assert str(home.parent).encode() not in all_bytes(told)
    found: list[Any] = []
    for path in (home, told):
        async with open_log(path, read_only=True) as log:
            cost, tasks = await fold(log, CostView()), await fold(log, TasksView())
            spent = await fold(log, SpendingView())
            by_payer = sorted(
                (payer.day, payer.session, payer.role, payer.tier, msgspec.structs.astuple(each))
                for payer, each in cost.costs.items()
            )
            states = [
                (state.status, state.tokens, state.cost_nanos, state.calls, len(state.steps), state.tier)
                for session in (1, 2)
                for state in tasks.of(session).values()
            ]
            found.append((by_payer, states, msgspec.structs.astuple(spent.findings(Asked()))))
    assert found[0] == found[1] and found[0][1][0][1] > 0


async def test_what_is_shared_stands_in_the_same_order_with_the_same_times_and_leads_back_to_the_same_events(
    numbers: tuple[Path, Path],
) -> None:
    async with open_log(numbers[0], read_only=True) as home, open_log(numbers[1], read_only=True) as told:
        before, after = await everything(home), await everything(told)
        replayed = await replay(told, 1)
    assert [(e.kind, e.at, e.session, e.step, e.attempt) for e in before] == [
        (e.kind, e.at, e.session, e.step, e.attempt) for e in after
    ]
    place = {entry.position: index for index, entry in enumerate(before)}
    calls = [(i, e.event.reservation) for i, e in enumerate(before) if isinstance(e.event, CallSettled)]
    for index, reservation in calls:
        event = after[index].event
        assert isinstance(event, CallSettled) and after[place[reservation]].position == event.reservation
    assert calls and not {entry.id for entry in before} & {entry.id for entry in after}
    assert replayed.divergence is None and replayed.skipped == "the log was shared, and its texts stayed at home"
    assert replayed.attempts == 0 and replayed.cost.total().output_tokens > 0


async def test_times_that_are_moved_are_moved_by_whole_days(tmp_path: Path) -> None:
    moved = Mask(b"k" * 32, shift_days=-7)
    async with open_log(tmp_path / "log.db") as log:
        await log.append([new(opened(), topic="sessions"), a_task()])
        plain, other = await shared(log, tmp_path / "a.db"), await shared(log, tmp_path / "b.db", mask=moved)
    async with open_log(plain, read_only=True) as one, open_log(other, read_only=True) as two:
        pairs = list(zip(await everything(one), await everything(two), strict=True))
    assert [a.at - b.at for a, b in pairs] == [7 * DAY_US] * 2
    assert [(a.kind, a.task, a.event) for a, _ in pairs] == [(b.kind, b.task, b.event) for _, b in pairs]
    assert all(b.id < a.id for a, b in pairs), "an id holds the moment that is told"


async def test_only_the_sessions_that_are_named_are_shared_with_those_that_they_were_forked_from(
    tmp_path: Path,
) -> None:
    async with open_log("memory:") as log:
        for number, parent in ((1, 0), (2, 0), (3, 1)):
            fork = opened(parent=parent, parent_position=2 if parent else 0)
            await log.append([new(fork, session=number, topic="sessions"), a_task(session=number)])
            await log.append([new(reserved(), session=number, task="build", topic="ledger")])
            at = (await log.head()).position
            await log.append([new(settled(at), session=number, task="build")])
        assert await with_parents(log, (3,)) == (1, 3)
        found = await share(log, (1, 3), tmp_path / "out.db", MASK)
    assert (found.events, found.open) == (8, (1, 3))
    async with open_log(tmp_path / "out.db", read_only=True) as told:
        entries = await everything(told)
    assert [entry.session for entry in entries] == [1] * 4 + [3] * 4
    fork_, settled_ = entries[4].event, entries[-1].event
    assert isinstance(fork_, SessionOpened) and (fork_.parent, fork_.parent_position) == (1, 2)
    assert isinstance(settled_, CallSettled) and settled_.reservation == 7


async def test_what_nobody_knows_stays_at_home_and_is_counted(tmp_path: Path) -> None:
    strange = NewEvent(event=Unknown("later.kind", b'{"said":"canary"}'), topic="s1", session=1)
    async with open_log("memory:") as log:
        await log.append([new(opened(), topic="sessions"), strange, new(closed(), topic="claim/s1")])
        await log.append([new(failed(99))])
        found = await share(log, (1,), tmp_path / "out.db", MASK)
    assert (found.unknown, found.events, found.open) == (1, 3, ())
    assert b"canary" not in all_bytes(tmp_path / "out.db")


async def test_a_text_that_was_dropped_is_told_as_any_other(tmp_path: Path) -> None:
    async with open_log("memory:") as log:
        await log.append([new(opened(), topic="sessions")])
        await shared(log, tmp_path / "out.db")
    told = all_bytes(tmp_path / "out.db")
    assert digest_of("settings").encode() not in told and (await verify_log(tmp_path / "out.db")).ok


async def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "out.db").write_text("mine")
    async with open_log("memory:") as log:
        await log.append([new(opened(), topic="sessions")])
        with pytest.raises(FileInTheWay, match="is there already"):
            await shared(log, tmp_path / "out.db")
        with pytest.raises(FileInTheWay, match="folder does not exist"):
            await shared(log, tmp_path / "none" / "out.db")
    assert (tmp_path / "out.db").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
