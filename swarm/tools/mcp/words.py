"""The last words of a server: what it wrote that is no message, for whoever has to find out why it does not work."""

from __future__ import annotations

from collections.abc import Callable

from swarm.tools.mcp.plain import plain

MOST_BYTES = 4_096
MOST_LINES = 5
_MOST_LINE = 300


class LastWords:
    """The end of a stream of bytes, in bounded memory."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._whole = True

    def add(self, piece: bytes) -> None:
        self._kept += piece[-2 * MOST_BYTES :]
        if len(self._kept) > 2 * MOST_BYTES:
            del self._kept[:-MOST_BYTES]
            self._whole = False

    def lines(self, redact: Callable[[str], str]) -> tuple[str, ...]:
        """The last lines that say something, without secrets. Of what was cut the first is left out, which may have half of one."""
        kept = self._kept[-MOST_BYTES:]
        lines = kept.decode("utf-8", "replace").splitlines()
        if not self._whole or len(self._kept) > MOST_BYTES:
            lines = lines[1:]
        said = [text for line in lines if (text := plain(redact(plain(line, 2 * MOST_BYTES)), _MOST_LINE))]
        return tuple(said[-MOST_LINES:])
