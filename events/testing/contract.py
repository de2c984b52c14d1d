"""What every log must do, as tests to inherit. Needs pytest with anyio's plugin in the project that runs them.

class TestMyLog(LogContract):
    def open(self) -> AbstractAsyncContextManager[EventLog]: ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TypeVar

from events.blobs import Known, Pack
from events.bus import follow, next_entries, read_all
from events.log import Ack, AppendRefused, Conflict, Entry, EventLog, LogBusy, LogError, NewEvent, TextMissing
from events.testing.builders import a_ref, a_task, a_text, new
from events.types.base import Unknown
from events.types.task import TaskCancelled

HARD_TEXTS = ("", "\0", "a\0b\n", "\ud800 alone", "naïve ☃ 🐝", "x" * 1_000_000, "\r\n\t\x1b[31m")
E = TypeVar("E", bound=Exception)


def an_event(reason: str = "", *, topic: str = "s1", session: int = 1) -> NewEvent:
    return new(TaskCancelled(reason=reason), topic=topic, session=session)


async def everything(log: EventLog, *, session: int | None = None) -> list[Entry]:
    return [entry async for entries in read_all(log, session=session) for entry in entries]


async def refused(kind: type[E], awaitable: Awaitable[object]) -> E:
    """The error of that kind that the awaitable ends with."""
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def reasons(entries: Sequence[Entry]) -> list[str]:
    return [entry.event.reason for entry in entries if isinstance(entry.event, TaskCancelled)]


class LogContract:
    """For a log that one object opens; see `SharedLogContract` for one that several open."""

    def open(self) -> AbstractAsyncContextManager[EventLog]:
        """An empty log of a test's own; a second call in the same test opens the same one, where the log can do that.

        Its ring should hold few entries (16), so that a slow follower falls out of it.
        """
        raise NotImplementedError

    async def test_what_was_appended_is_read_in_its_order(self) -> None:
        async with self.open() as log:
            events = [a_task("one"), an_event("two"), an_event("three", topic="other")]
            first = await log.append(events[:1], cause=0)
            rest = await log.append(events[1:], cause=first.positions[0])
            entries = await everything(log)
            assert [entry.position for entry in entries] == [*first.positions, *rest.positions]
            assert [entry.position for entry in entries] == sorted({entry.position for entry in entries})
            assert [(entry.id, entry.event, entry.topic, entry.task) for entry in entries] == [
                (event.id, event.event, event.topic, event.task) for event in events
            ]
            assert [entry.cause for entry in entries] == [0, first.positions[0], first.positions[0]]
            assert rest.place == rest.positions[0]

    async def test_an_event_of_an_unknown_kind_survives(self) -> None:
        async with self.open() as log:
            event = Unknown("moon.landed", b'{"crew":["Ada"],"feet":2.5}')
            await log.append([new(event)])
            (entry,) = await log.read()
            assert entry.event == event and entry.kind == "moon.landed"

    async def test_what_cannot_be_stored_is_refused_whole(self) -> None:
        async with self.open() as log:
            good = an_event("good")
            for bad in (
                an_event("\ud800"),
                an_event("topic", topic="\udfff"),
                new(TaskCancelled(reason=""), task="\ud800"),
                new(Unknown("moon.landed", b"\xff")),
                new(Unknown("moon.landed", b"[1]")),
                new(Unknown("task.cancelled", b"{}")),
            ):
                assert "refused" in str(await refused(AppendRefused, log.append([good, bad])))
            await refused(AppendRefused, log.append([good, good]))
            await refused(AppendRefused, log.append([], texts=[a_text("without an event")]))
            assert await everything(log) == [] and (await log.head()).position == 0
            assert (await log.append([good])).positions

    async def test_an_append_of_nothing_only_looks_at_what_it_expects(self) -> None:
        async with self.open() as log:
            before = await log.head()
            assert (await log.append([], expect={"s1": 0})).positions == ()
            await refused(Conflict, log.append([], expect={"s1": 5}))
            assert await log.head() == before

    async def test_the_same_ids_again_give_the_same_positions(self) -> None:
        async with self.open() as log:
            events, texts = [an_event("one"), an_event("two")], [a_text("words")]
            first = await log.append(events, expect={"s1": 0}, texts=texts)
            again = await log.append(events, expect={"s1": 0}, texts=texts)
            assert not first.duplicate and again.duplicate
            assert (again.positions, again.place) == (first.positions, first.place)
            assert len(await everything(log)) == 2

    async def test_repeats_and_fresh_appends_at_once_are_each_stored_once(self) -> None:
        async with self.open() as log:
            old = [an_event("old")]
            known = await log.append(old)
            same = [an_event("a"), an_event("b")]
            appends = [log.append([an_event(f"fresh {index}")]) for index in range(20)]
            repeats = [log.append(same, expect={"s1": known.positions[-1]}) for _ in range(5)]
            acks = await asyncio.gather(*repeats[:2], *appends[:10], log.append(old), *repeats[2:], *appends[10:])
            of_same: list[Ack] = [*acks[:2], *acks[13:16]]
            assert {ack.positions for ack in of_same} == {of_same[0].positions}
            assert [ack.duplicate for ack in of_same].count(False) == 1
            assert acks[12].positions == known.positions and acks[12].duplicate
            stored = reasons(await everything(log))
            assert sorted(stored) == sorted(["old", "a", "b", *(f"fresh {index}" for index in range(20))])

    async def test_an_append_that_repeats_some_ids_only_is_refused_alone(self) -> None:
        async with self.open() as log:
            old = an_event("old")
            await log.append([old])
            outcomes = await asyncio.gather(
                log.append([an_event("before")]),
                log.append([old, an_event("new")]),
                log.append([an_event("after")]),
                return_exceptions=True,
            )
            assert isinstance(outcomes[1], AppendRefused)
            assert reasons(await everything(log)) == ["old", "before", "after"]

    async def test_an_append_expects_the_last_position_of_several_topics(self) -> None:
        async with self.open() as log:
            (one,) = (await log.append([an_event("1", topic="one")])).positions
            (two,) = (await log.append([an_event("2", topic="two")])).positions
            expect = {"one": one, "two": two, "never seen": 0}
            (three,) = (await log.append([an_event("3", topic="two")], expect=expect)).positions
            error = await refused(Conflict, log.append([an_event("4", topic="one")], expect=expect))
            assert (error.topic, error.expected, error.found) == ("two", two, three)
            error = await refused(Conflict, log.append([an_event("5")], expect={"never seen": 3}))
            assert (error.topic, error.expected, error.found) == ("never seen", 3, 0)
            assert reasons(await everything(log)) == ["1", "2", "3"]

    async def test_of_appends_that_expect_the_same_one_wins_and_only_the_others_fail(self) -> None:
        async with self.open() as log:
            rivals = [log.append([an_event(f"rival {index}")], expect={"s1": 0}) for index in range(5)]
            others = [log.append([an_event(f"other {index}", topic=f"t{index}")]) for index in range(5)]
            outcomes = await asyncio.gather(*rivals, *others, return_exceptions=True)
            assert [isinstance(outcome, Conflict) for outcome in outcomes[:5]].count(False) == 1
            assert all(isinstance(outcome, Ack) for outcome in outcomes[5:])
            assert len(await log.read(topic="s1")) == 1 and len(await everything(log)) == 6

    async def test_reading_goes_by_pages_topics_and_sessions(self) -> None:
        async with self.open() as log:
            wanted = [an_event(f"{index}", topic=f"t{index % 3}", session=index % 2) for index in range(30)]
            positions = (await log.append(wanted)).positions
            assert reasons(await log.read(limit=7)) == [str(index) for index in range(7)]
            assert reasons(await log.read(after=positions[27])) == ["28", "29"]
            assert reasons(await log.read(topic="t1", limit=4)) == ["1", "4", "7", "10"]
            assert reasons(await log.read(topic="t1", after=positions[10], limit=2)) == ["13", "16"]
            assert reasons(await log.read(session=1, after=positions[20])) == ["21", "23", "25", "27", "29"]
            assert reasons(await log.read(session=1, topic="t0")) == ["3", "9", "15", "21", "27"]
            assert await log.read(after=positions[-1]) == [] and await log.read(topic="\ud800") == []
            last = await log.last("t1")
            assert last is not None and last.position == positions[28]
            assert await log.last("nobody wrote here") is None

    async def test_a_text_is_found_from_the_event_that_refers_to_it(self) -> None:
        async with self.open() as log:
            known = Known()
            pack = Pack(known)
            refs = [pack.put(text) for text in HARD_TEXTS]
            ack = await log.append([an_event("a"), an_event("b")], texts=pack.texts)
            known.learn(pack.texts, ack.place)
            later = Pack(known)
            again = [later.put(text) for text in HARD_TEXTS]
            assert later.texts == ()
            (position,) = (await log.append([an_event("c")])).positions
            for text, ref, lasting in zip(HARD_TEXTS, refs, again, strict=True):
                assert await log.text(ref, at=ack.positions[1]) == text
                assert await log.text(lasting, at=position) == text
            error = await refused(TextMissing, log.text(a_ref("never stored"), at=position))
            assert "no longer in the log" in str(error)

    async def test_an_acknowledgement_says_what_it_survives(self) -> None:
        async with self.open() as log:
            event = an_event()
            plain, durable = await log.append([event]), await log.append([an_event()], durable=True)
            order = ("memory", "process", "disk", "quorum")
            assert order.index(durable.durability) >= order.index(plain.durability)
            again = await log.append([event], durable=True)  # stored before, and made durable now
            assert again.duplicate and again.durability == durable.durability

    async def test_the_head_is_bound_to_all_that_was_appended(self) -> None:
        async with self.open() as log:
            heads = [await log.head()]
            for index in range(3):
                ack = await log.append([an_event(f"{index}")])
                heads.append(await log.head())
                assert heads[-1].position == ack.positions[-1]
            assert len({head.hash for head in heads}) == 4

    async def test_a_slow_follower_gets_every_entry_once_and_in_order(self) -> None:
        async with self.open() as log, aclosing(follow(log, after=0, poll_s=0.01)) as following:
            seen: list[Entry] = []
            for burst in range(5):  # the follower looks once a burst: it falls out of the ring each time
                await asyncio.gather(*(log.append([an_event(f"{burst}.{index}")]) for index in range(50)))
                seen += await anext(following)
            async with asyncio.timeout(20):
                while len(seen) < 250:
                    seen += await anext(following)
            assert seen == await everything(log)

    async def test_a_follower_is_woken_by_an_append(self) -> None:
        async with self.open() as log:
            waiting = asyncio.ensure_future(next_entries(log, 0, poll_s=60))
            await asyncio.sleep(0)
            ack = await log.append([an_event("awaited")])
            async with asyncio.timeout(20):
                assert [entry.position for entry in await waiting] == list(ack.positions)
            assert await log.wait(0, timeout=0) and not await log.wait(ack.positions[-1], timeout=0)

    async def test_an_append_that_was_cancelled_can_be_repeated(self) -> None:
        async with self.open() as log:
            for index in range(10):
                event = an_event(f"{index}")
                task = asyncio.ensure_future(log.append([event]))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await log.append([event])
            assert reasons(await everything(log)) == [str(index) for index in range(10)]

    async def test_turns_of_one_process_come_one_after_the_other(self) -> None:
        async with self.open() as log:
            async with log.turn(timeout=5):
                await log.append([an_event("mine")])
                assert "another turn" in str(await refused(LogBusy, _take_turn(log, 0.01)))
            await _take_turn(log, 5)


class SharedLogContract(LogContract):
    """For a log that several objects, as in several processes, open at once."""

    async def test_what_one_writes_the_other_reads_and_follows(self) -> None:
        async with self.open() as one, self.open() as two, aclosing(follow(two, after=0, poll_s=0.01)) as following:
            seen: list[Entry] = []
            async with asyncio.timeout(30):
                for index in range(40):
                    await (one if index % 3 else two).append([an_event(f"{index}")])
                    if index % 8 == 0:
                        seen += await anext(following)
                while len(seen) < 40:
                    seen += await anext(following)
            assert reasons(seen) == [str(index) for index in range(40)]
            assert seen == await everything(one) == await everything(two)
            assert await one.head() == await two.head()

    async def test_both_write_in_turn_and_the_same_ids_are_stored_once(self) -> None:
        async with self.open() as one, self.open() as two:
            events = [an_event(f"{index}", topic=f"t{index % 4}") for index in range(50)]
            acks = await asyncio.gather(*(log.append([event]) for event in events for log in (one, two)))
            for first, second in zip(acks[::2], acks[1::2], strict=True):
                assert first.positions == second.positions and first.duplicate != second.duplicate
            assert len(await everything(one)) == 50

    async def test_one_expects_what_the_other_wrote(self) -> None:
        async with self.open() as one, self.open() as two:
            await one.append([an_event("1")], expect={"s1": 0})
            error = await refused(Conflict, two.append([an_event("2")], expect={"s1": 0}))
            await two.append([an_event("2")], expect={"s1": error.found})
            await refused(Conflict, one.append([an_event("3")], expect={"s1": error.found}))
            assert reasons(await everything(one)) == ["1", "2"]

    async def test_a_text_that_one_stored_is_read_by_the_other(self) -> None:
        async with self.open() as one, self.open() as two:
            text = a_text("shared words")
            ack = await one.append([an_event()], texts=[text])
            assert await two.text(a_ref("shared words"), at=ack.positions[0]) == "shared words"

    async def test_a_turn_keeps_the_other_from_writing(self) -> None:
        async with self.open() as one, self.open() as two:
            async with one.turn(timeout=5):
                await refused(LogBusy, _take_turn(two, 0.02))
                other = asyncio.ensure_future(two.append([an_event("theirs")]))
                await one.append([an_event("mine")])
                assert not other.done()
            async with asyncio.timeout(20):
                await other
            assert reasons(await everything(one)) == ["mine", "theirs"]

    async def test_a_cancelled_turn_leaves_no_lock_behind(self) -> None:
        async with self.open() as one, self.open() as two:
            async with one.turn(timeout=5):
                waiting = asyncio.ensure_future(_take_turn(two, 20))
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            await _take_turn(one, 20)
            await two.append([an_event("free again")])
            await _take_turn(one, 20)

    async def test_a_log_that_was_closed_says_so(self) -> None:
        async with self.open() as log:
            await log.append([an_event()])
        assert "closed" in str(await refused(LogError, log.append([an_event()])))
        assert "closed" in str(await refused(LogError, log.read()))


async def _take_turn(log: EventLog, timeout: float) -> None:
    async with log.turn(timeout=timeout):
        pass
