"""Server-sent events out of bytes, as they arrive: pure, bounded, and the same wherever the bytes were split."""

from __future__ import annotations

import msgspec

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""One event may carry a whole answer, and an answer of more than this is none."""

_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """One event of the stream is longer than the parser's bound."""


class ServerEvent(msgspec.Struct, frozen=True, gc=False):
    """One event: its name ("message" where it had none) and its data, lines joined by a line feed."""

    name: str
    data: bytes


class EventParser:
    """Takes the bytes of a text/event-stream in any pieces and gives its events back.

    Lines end in CR LF, LF or CR; comments, `id` and `retry` are passed over; an event without data is none.
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._line: list[bytes] = []  # the pieces of the line that is not ended yet
        self._name = ""
        self._data: list[bytes] = []
        self._held = 0  # bytes in _line and _data
        self._after_cr = False  # a line feed that comes now belongs to the carriage return before it
        self._first = True

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """Return the events that `piece` completes, in order. Raises EventTooLong."""
        piece = self._with_line_feeds(piece)
        if b"\n" not in piece:
            if piece:
                self._hold(self._line, piece)
            return []
        lines = piece.split(b"\n")
        lines[0] = b"".join((*self._line, lines[0]))
        rest = lines.pop()
        self._line, self._held = [], sum(map(len, self._data))
        events: list[ServerEvent] = []
        for line in lines:
            if line.startswith(b"data: ") and not self._first:  # nearly all are this or the next: no call for those
                self._check(len(line))  # as it is counted when it comes in pieces
                self._hold(self._data, line[6:])
            elif not line and len(self._data) == 1 and not self._name:
                events.append(ServerEvent("message", self._data[0]))
                self._data, self._held = [], 0
            else:
                self._take(line, events)
        if rest:
            self._hold(self._line, rest)
        return events

    def end(self) -> list[ServerEvent]:
        """Return what the end of the stream completes: servers leave out the last blank line, or the last line's end.

        Whether such an event is whole is for the reader of its data to say.
        """
        events: list[ServerEvent] = []
        line = b"".join(self._line)
        self._line, self._held = [], sum(map(len, self._data))
        self._take(line, events)
        self._take(b"", events)
        return events

    def _with_line_feeds(self, piece: bytes) -> bytes:
        if not piece:
            return piece
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_cr = False
        if b"\r" not in piece:
            return piece
        self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take(self, line: bytes, events: list[ServerEvent]) -> None:
        self._check(len(line))  # as it was when the line came in pieces
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                events.append(ServerEvent(self._name or "message", b"\n".join(self._data)))
                self._data, self._held = [], 0
            self._name = ""
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._hold(self._data, value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ").decode(errors="replace")

    def _hold(self, where: list[bytes], piece: bytes) -> None:
        self._check(len(piece))
        self._held += len(piece)
        where.append(piece)

    def _check(self, more: int) -> None:
        if self._held + more > self._max:
            raise EventTooLong(f"one event of the stream is longer than {self._max:,} bytes")
