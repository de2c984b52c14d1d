"""The bytes of an event stream, in any shape that servers give them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.models.stream import EventParser, EventTooLong, ServerEvent


def parsed(*pieces: bytes) -> list[ServerEvent]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.end()


def data(*pieces: bytes) -> list[bytes]:
    return [event.data for event in parsed(*pieces)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"a", b"b"], id="line feeds"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"], id="carriage returns and line feeds"),
        pytest.param(b"data: a\r\rdata: b\r\r", [b"a", b"b"], id="carriage returns alone"),
        pytest.param(b"data:a\n\ndata:  b\n\n", [b"a", b" b"], id="no space, two spaces"),
        pytest.param(b": ping\n\n:\ndata: a\n: more\n\n", [b"a"], id="comments"),
        pytest.param(b"data: a\ndata: b\ndata:\n\n", [b"a\nb\n"], id="several lines of data"),
        pytest.param(b"data: a\n\ndata: b", [b"a", b"b"], id="no end of the last line"),
        pytest.param(b"data: a\n\ndata: b\n", [b"a", b"b"], id="no last blank line"),
        pytest.param(b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"], id="several lines of data that end in two bytes"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="a byte order mark"),
        pytest.param(b"id: 1\nretry: 10\ndatax: no\ndata: a\n\n", [b"a"], id="other fields"),
        pytest.param(b"\n\n\nevent: x\n\ndata: a\n\n", [b"a"], id="events without data"),
        pytest.param("data: größe 😀\n\n".encode(), ["größe 😀".encode()], id="more than ASCII"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_every_way_to_write_an_event_is_read_whole_or_one_byte_at_a_time(stream: bytes, expected: list[bytes]) -> None:
    assert data(stream) == expected
    assert data(*(stream[place : place + 1] for place in range(len(stream)))) == expected


def test_an_event_keeps_its_name_and_the_next_one_does_not_inherit_it() -> None:
    assert [event.name for event in parsed(b"event: error\ndata: a\n\ndata: b\n\n")] == ["error", "message"]


def test_an_event_comes_out_as_soon_as_its_blank_line_is_there() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\r\n\r") == [ServerEvent("message", b"a")]
    assert parser.feed(b"\ndata: b\r\n\r\n") == [ServerEvent("message", b"b")]


@given(
    stream=st.lists(
        st.sampled_from(
            [
                b"data",
                b"data: x",
                b"event",
                b":",
                b" ",
                b"\r",
                b"\n",
                b"\r\n",
                b"\n\n",
                b"x",
                b"\xef\xbb\xbf",
                "é😀".encode(),
            ]
        ),
        max_size=40,
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 120), max_size=12),
)
def test_any_split_of_a_stream_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert parsed(*pieces) == parsed(stream)


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 200], [b"x"] * 200, [b"data: xxxxxxxx\n"] * 30])
def test_an_event_without_end_is_refused_at_the_bound(pieces: list[bytes]) -> None:
    parser = EventParser(max_event_bytes=100)
    with pytest.raises(EventTooLong, match="100 bytes"):
        for piece in pieces:
            parser.feed(piece)


def test_the_bound_holds_for_one_event_and_not_for_the_stream() -> None:
    parser = EventParser(max_event_bytes=100)
    assert sum(len(parser.feed(b"data: " + b"x" * 50 + b"\n\n")) for _ in range(50)) == 50


@pytest.mark.parametrize("length", range(85, 101))
def test_where_a_stream_is_split_does_not_change_what_is_too_long(length: int) -> None:
    stream = b"data: a\n\ndata: " + b"x" * length + b"\n\n"
    fits = dict.fromkeys(range(len(stream)), True)
    for at in fits:
        parser = EventParser(max_event_bytes=100)
        try:
            parser.feed(stream[:at])
            parser.feed(stream[at:])
        except EventTooLong:
            fits[at] = False
    assert len(set(fits.values())) == 1, fits


def test_the_last_line_of_a_stream_counts_once_toward_the_bound() -> None:
    parser = EventParser(max_event_bytes=100)
    assert parser.feed(b"data: " + b"x" * 90) == []
    assert [event.data for event in parser.end()] == [b"x" * 90]


def test_the_bound_is_the_same_wherever_a_long_line_is_split() -> None:
    comment = b":" + b"x" * 120 + b"\n"
    for pieces in ([comment], [comment[at : at + 1] for at in range(len(comment))]):
        parser = EventParser(max_event_bytes=100)
        with pytest.raises(EventTooLong):
            for piece in pieces:
                parser.feed(piece)
