"""A provider that does not keep to the limit of a call is left: its stream is cut, and the connection closed."""

from __future__ import annotations

from typing import Literal

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.call import CallOverran, CallReserved, CallSettled
from swarm.messages import Message, Request
from swarm.models.meter import Meter, beyond
from swarm.models.transport import open_transport
from tests.calling import arm, desk
from tests.provider import Answer, Provider
from tests.wires import CLASSES, WIRES

LIMIT = 50
ASK = Request(messages=(Message("system", "Be brief."), Message("user", "Say hello.")), max_output_tokens=LIMIT)


@given(st.lists(st.text(max_size=20), max_size=20))
def test_however_a_text_is_cut_into_pieces_its_words_are_the_same(pieces: list[str]) -> None:
    meter = Meter()
    for piece in pieces:
        meter.add(piece)
    text = "".join(pieces)
    filled = sum(bool(piece) for piece in pieces)
    assert meter.least == max(filled, len(text.split()), len(text) // 16)


@pytest.mark.parametrize("wire", list(WIRES))
@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_a_stream_that_does_not_end_is_cut_and_its_connection_closed(
    wire: str, transport: Literal["aiohttp", "httpx"]
) -> None:
    words = " ".join(f"word{number}" for number in range(20_000))
    endless = Answer(words, chunks=20_000, before_piece=anyio.lowlevel.checkpoint)
    async with (
        Provider(lambda _: endless, wire=WIRES[wire]) as server,
        open_transport(transport, environ={}) as pool,
    ):
        model = CLASSES[wire]("m", base_url=server.url, wire_model="m", transport=pool)
        with anyio.fail_after(20):
            reply = await model.ask(ASK)
            await server.hung_up.wait()
        assert (reply.finish, reply.usage) == ("length", None)
        assert reply.text and words.startswith(reply.text)
        assert LIMIT < len(reply.text.split()) < 20 * LIMIT, "what was under way when it was cut is in it"


@pytest.mark.parametrize("wire", list(WIRES))
async def test_an_answer_of_its_limit_is_whole_however_it_is_counted(wire: str) -> None:
    said = Answer("word " * LIMIT, chunks=LIMIT, finish="length")
    async with Provider(lambda _: said, wire=WIRES[wire]) as server, open_transport("aiohttp", environ={}) as pool:
        model = CLASSES[wire]("m", base_url=server.url, wire_model="m", transport=pool)
        reply = await model.ask(ASK)
        assert (reply.finish, reply.text) == ("length", "word " * LIMIT)
        assert reply.usage is not None and reply.usage.output_tokens == LIMIT
        again = await model.ask(ASK)
        assert again == reply and server.connections == 1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thoughts_that_do_not_end_are_cut_as_well(field: str) -> None:
    thought = b'data: {"choices": [{"index": 0, "delta": {"%b": "hm"}}]}\n\n' % field.encode()
    endless = Answer(pieces=[thought] * 20_000, before_piece=anyio.lowlevel.checkpoint)
    async with Provider(lambda _: endless) as server, open_transport("aiohttp", environ={}) as pool:
        with anyio.fail_after(20):
            reply = await CLASSES["openai"]("m", base_url=server.url, wire_model="m", transport=pool).ask(ASK)
            await server.hung_up.wait()
        assert (reply.finish, reply.text) == ("length", "")


@pytest.mark.parametrize(("usage", "basis"), [(b"null", "reservation"), (b"10", "reservation"), (b"400", "provider")])
async def test_a_call_that_was_cut_counts_at_its_reservation_unless_the_provider_counts_more_already(
    usage: bytes, basis: str
) -> None:
    counts = usage if usage == b"null" else b'{"prompt_tokens": 9, "completion_tokens": %b}' % usage
    piece = b'data: {"choices": [{"index": 0, "delta": {"content": "word "}}], "usage": %b}\n\n' % counts
    endless = Answer(pieces=[piece] * 20_000, before_piece=anyio.lowlevel.checkpoint)
    async with Provider(lambda _: endless) as server, open_transport("aiohttp", environ={}) as pool:
        model = CLASSES["openai"]("free", base_url=server.url, wire_model="m", transport=pool)
        async with desk([model]) as it:
            assert (await it.call(arm("free"))).finish == "length"
            settled, reserved = [(await it.only(kind))[0].event for kind in (CallSettled, CallReserved)]
            assert isinstance(settled, CallSettled) and isinstance(reserved, CallReserved)
            assert settled.basis == basis
            assert settled.tokens == (reserved.tokens if basis == "reservation" else 409)
            assert len(await it.only(CallOverran)) == (basis == "provider")


def test_a_little_beyond_the_limit_is_no_reason_to_cut() -> None:
    assert beyond(1) == 33
    assert beyond(1_000) == 1_157
