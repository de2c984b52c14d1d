"""A stored body whose form is no longer today's is brought to it when it is read, and costs today's bodies nothing."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.log import LogCorrupt, open_log
from events.testing.contract import everything, refused
from events.types import any as kinds
from events.types.any import KINDS, decode_body, encode_body
from events.types.call import CallSettled
from events.types.task import TaskCancelled
from events.upcast import UPCASTS, Decoder, Upcast, decoders
from tests.events.golden import EXPECTED, LOG, views_of
from tests.events.test_golden import means

TODAY: dict[str, Decoder] = {kind: msgspec.json.Decoder(struct) for kind, struct in KINDS.items()}


def _split(fields: dict[str, Any]) -> dict[str, Any]:
    """Tokens once stood in one field, the duration in seconds."""
    cached, total, output = fields.pop("token_counts")
    milliseconds = round(fields.pop("seconds") * 1000)
    return {
        **fields,
        "cached_tokens": cached,
        "input_tokens": total,
        "output_tokens": output,
        "duration_ms": milliseconds,
    }


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    return {"reason": f"a crew of {fields['crew']} landed"}


SETTLED = Upcast(
    kind="call.settled", shape=frozenset({"token_counts", "seconds"}), change=_split, becomes="call.settled"
)
LANDED = Upcast(kind="moon.landed", shape=frozenset({"crew"}), change=_renamed, becomes="task.cancelled")


def learn(monkeypatch: pytest.MonkeyPatch, *upcasts: Upcast) -> None:
    """Let the program read with these, as if they stood in the table."""
    table = decoders(TODAY, upcasts)
    for kind in {upcast.kind for upcast in upcasts}:
        monkeypatch.setitem(kinds._decoders, kind, table[kind])  # pyright: ignore[reportPrivateUsage]


def old_form(path: Path) -> None:
    """Write the answers of a log in the form that they might have had once."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER event_is_a_fact")
        query = "SELECT position, body FROM event WHERE kind = (SELECT id FROM name WHERE text = 'call.settled')"
        for position, body in connection.execute(query).fetchall():
            fields = msgspec.json.decode(body)
            counts = [fields.pop(name, 0) for name in ("cached_tokens", "input_tokens", "output_tokens")]
            old = {**fields, "token_counts": counts, "seconds": fields.pop("duration_ms", 0) / 1000}
            old.pop("duration_ms", None)
            connection.execute(
                "UPDATE event SET body = ? WHERE position = ?", (msgspec.json.encode(old).decode(), position)
            )


async def test_an_old_log_with_fields_that_were_renamed_and_split_is_folded_by_every_view_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(LOG, tmp_path / "old.db"))
    async with open_log(path, read_only=True) as log:
        before = await everything(log)
    old_form(path)
    async with open_log(path, read_only=True) as log:
        await refused(LogCorrupt, everything(log))
    learn(monkeypatch, SETTLED)
    async with open_log(path, read_only=True) as log:
        assert await everything(log) == before
        found = msgspec.json.decode(msgspec.json.encode(await views_of(log)))
    expected = msgspec.json.decode(EXPECTED.read_bytes())
    assert means({**found, "head": ""}, {**expected, "head": ""})


async def test_a_kind_that_has_another_name_now_is_read_under_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(LOG, tmp_path / "old.db"))
    learn(monkeypatch, LANDED)
    async with open_log(path, read_only=True) as log:
        events = [entry.event for entry in await everything(log)]
    assert TaskCancelled(reason="a crew of 2 landed") in events


def test_a_form_that_was_left_twice_goes_through_both_steps() -> None:
    first = Upcast(
        kind="task.dropped",
        shape=frozenset({"why"}),
        change=lambda old: {"because": old["why"]},
        becomes="task.given_up",
    )
    second = Upcast(
        kind="task.given_up",
        shape=frozenset({"because"}),
        change=lambda old: {"reason": old["because"]},
        becomes="task.cancelled",
    )
    table = decoders(TODAY, [first, second])
    assert table["task.dropped"].decode('{"why":"x"}') == TaskCancelled(reason="x")
    assert table["task.given_up"].decode(b'{"because":"y"}') == TaskCancelled(reason="y")


def test_a_body_of_today_is_no_old_one_whatever_its_texts_say() -> None:
    body = '{"reason":"\\"token_counts\\":[1] \\"seconds\\":","token_counts":1}'
    upcast = Upcast(
        kind="task.cancelled", shape=frozenset({"seconds", "token_counts"}), change=_split, becomes="task.cancelled"
    )
    decoded = decoders(TODAY, [upcast])["task.cancelled"].decode(body)
    assert decoded == TaskCancelled(reason='"token_counts":[1] "seconds":')


def test_what_cannot_be_brought_to_today_is_a_body_that_does_not_decode() -> None:
    nowhere = Upcast(kind="a.b", shape=frozenset({"x"}), change=dict, becomes="b.c")
    for body in ('{"x":1}', '{"y":1}', "[]", "{"):
        with pytest.raises(msgspec.DecodeError):
            decoders(TODAY, [nowhere])["a.b"].decode(body)


def test_kinds_that_never_changed_are_decoded_as_they_are() -> None:
    table = decoders(TODAY, [SETTLED])
    assert all(table[kind] is TODAY[kind] for kind in KINDS if kind != "call.settled")
    assert set(decoders(TODAY)) == {*KINDS, *(upcast.kind for upcast in UPCASTS)}


async def test_todays_events_are_the_same_through_an_upcast(tmp_path: Path) -> None:
    async with open_log(shutil.copy(LOG, tmp_path / "old.db"), read_only=True) as log:
        settled = [entry.event for entry in await everything(log) if isinstance(entry.event, CallSettled)]
    decoder = decoders(TODAY, [SETTLED])["call.settled"]
    assert settled and [decoder.decode(encode_body(event)) for event in settled] == settled
    assert [decode_body("call.settled", encode_body(event)) for event in settled] == settled
