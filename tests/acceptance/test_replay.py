"""A replay calls nothing, and finds what was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import msgspec
import pytest

from events.blobs import Known, Pack
from events.bus import read_all
from events.log import EventLog, NewEvent, open_log
from events.types.base import TextRef
from events.types.call import CallSettled
from swarm.replay import replay
from tests.acceptance.test_kill import NEVER, run_until
from tests.provider import provider_thread
from tests.team import play, swarm


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    with provider_thread(play) as provider:
        assert run_until(NEVER, folder, provider) == 0
    return folder


def test_a_replay_connects_to_nothing_and_says_the_same_twice(recorded: Path) -> None:
    words = ("replay", "--check", "--json", "--log", str(recorded / "log.db"))
    first, second = (swarm(*words, home=recorded, cwd=recorded) for _ in range(2))  # the provider is gone by now
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    told = json.loads(first.stdout)
    assert told["divergence"] is None
    assert (told["attempts"], told["requests"], told["choices"]) == (7, 6, 4)
    assert {name: task["status"] for name, task in told["tasks"].items()} == dict.fromkeys(
        ("plan", "plant", "water"), "accepted"
    )


def test_a_replay_up_to_a_position_shows_the_state_there(recorded: Path) -> None:
    done = swarm("replay", "--json", "--until", "10", "--log", str(recorded / "log.db"), home=recorded, cwd=recorded)
    told = json.loads(done.stdout)
    assert told["until"] == 10
    assert told["tasks"]["plan"]["status"] == "open"


async def test_changing_a_recorded_answer_is_reported_as_the_first_divergence(recorded: Path, tmp_path: Path) -> None:
    async with open_log(recorded / "log.db", read_only=True) as source:
        answers = [
            entry.position async for page in read_all(source) for entry in page if isinstance(entry.event, CallSettled)
        ]
        for changed in answers:
            async with open_log(tmp_path / f"{changed}.db") as copy:
                await _copy(source, copy, changed)
                played = await replay(copy, 1)
            assert played.divergence is not None
            assert played.divergence.position == changed + 1  # the outcome stands behind the answer that it was made of
            assert played.tasks.of(1)["water"].status == "accepted"  # the views are those of the record


async def _copy(source: EventLog, copy: EventLog, changed: int) -> None:
    """Append every entry to another log, one answer with other words."""
    async for page in read_all(source):
        for entry in page:
            pack = Pack(Known())
            event = entry.event
            for ref in _refs(event):
                pack.put(await source.text(ref, at=entry.position))
            if entry.position == changed:
                assert isinstance(event, CallSettled)
                event = msgspec.structs.replace(
                    event, answer=pack.put('{"verdict": "fail", "score": 0, "reason": "no"}')
                )
            new = NewEvent(
                event=event,
                topic=entry.topic,
                project=entry.project,
                session=entry.session,
                task=entry.task,
                step=entry.step,
                attempt=entry.attempt,
            )
            ack = await copy.append([new], texts=pack.texts)
            assert ack.positions == (entry.position,)


def _refs(value: object) -> list[TextRef]:
    """The texts that an event refers to and that came with its own append, or that stand at their places in the copy."""
    if isinstance(value, TextRef):
        return [value]
    if isinstance(value, msgspec.Struct):
        return [ref for name in value.__struct_fields__ for ref in _refs(getattr(value, name))]
    if isinstance(value, tuple):
        return [ref for each in cast("tuple[object, ...]", value) for ref in _refs(each)]
    return []
