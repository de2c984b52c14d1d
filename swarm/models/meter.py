"""What an answer takes at the least, counted while it arrives: a provider may not keep to the limit that it was told."""

from __future__ import annotations

CHARACTERS_A_TOKEN = 16
"""Few tokens have more characters, and no text has as many all over; for those that come without spaces."""

_SPARE = 32


def beyond(limit: int) -> int:
    """From how many tokens on an answer that may take `limit` has gone on too far: what is counted here may be off by a little."""
    return limit + limit // 8 + _SPARE


class Meter:
    """Each piece of a stream is a token or more, and each word: vocabularies split texts where there is a space."""

    def __init__(self) -> None:
        self._pieces = self._words = self._characters = 0
        self._in_word = False

    @property
    def least(self) -> int:
        """The tokens that have come at the least.

        >>> meter = Meter()
        >>> for piece in ("one t", "wo three", " ", "four"): meter.add(piece)
        >>> meter.least
        4
        """
        return max(self._pieces, self._words, self._characters // CHARACTERS_A_TOKEN)

    def add(self, text: str) -> None:
        """Count a piece of the answer."""
        if not text:
            return
        self._pieces += 1
        self._words += len(text.split()) - (self._in_word and not text[0].isspace())
        self._in_word = not text[-1].isspace()
        self._characters += len(text)

    def think(self) -> None:
        """Count a piece of something that is output and no part of the answer."""
        self._pieces += 1
