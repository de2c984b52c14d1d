"""The vocabulary o200k_base, by which texts are cut into tokens. It ships with the program, so that no count needs a network."""

from __future__ import annotations

import threading
import zlib
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from swarm.errors import SwarmError

if TYPE_CHECKING:
    from tiktoken import Encoding

NAME = "o200k_base"
FILE = Path(__file__).with_name("o200k.bin")
"""Made by `bench/cut_ranks.py`: a header as JSON, a line feed, the lengths of all tokens in the order of their ranks, a byte
each, and the tokens themselves behind each other; all of it compressed by zlib."""

_loading = threading.Lock()


class VocabularyBroken(SwarmError):
    """The file of the vocabulary is missing or damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the vocabulary in {path} cannot be read ({reason}); install pheroswarm again")


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says of itself."""

    name: str
    pattern: str  # of the pieces within which bytes become tokens
    special: dict[str, int]
    tokens: int
    sha256: str  # of the file that OpenAI publishes
    licence: str  # of tiktoken, whose data it is


def o200k() -> Encoding:
    """Return the vocabulary as tiktoken has it. The first call loads it (.4 s, 75 MB), others wait for that.

    It stands in tiktoken's registry, so that `tiktoken.encoding_for_model("gpt-4o")` finds it there and downloads nothing.
    Raises VocabularyBroken.
    """
    from tiktoken import Encoding, registry

    if NAME not in registry.ENCODINGS:
        with _loading:
            if NAME not in registry.ENCODINGS:
                header, ranks = read(FILE)
                registry.ENCODINGS[NAME] = Encoding(
                    NAME, pat_str=header.pattern, mergeable_ranks=ranks, special_tokens=header.special
                )
    return registry.ENCODINGS[NAME]


async def load() -> None:
    """Have the vocabulary loaded in a thread, before a count on the event loop needs it. Raises VocabularyBroken.

    While tiktoken builds it no other thread of Python runs: the loop stands still for about .2 s of the .4 all the same.
    """
    import anyio.to_thread

    await anyio.to_thread.run_sync(o200k)


def read(path: Path) -> tuple[Header, dict[bytes, int]]:
    """Read the file: the header, and the rank of each token. Raises VocabularyBroken."""
    try:
        head, _, rest = zlib.decompress(path.read_bytes()).partition(b"\n")
        header = msgspec.json.decode(head, type=Header)
        lengths = rest[: header.tokens]
        ends = [*accumulate(lengths, initial=header.tokens)]
        if ends[-1] != len(rest):
            raise ValueError(f"it holds {len(rest):,} bytes of tokens where {ends[-1]:,} are named")
    except (OSError, zlib.error, ValueError) as error:  # a DecodeError of msgspec is a ValueError, too
        raise VocabularyBroken(path, str(error)) from error
    ranks = {rest[end - length : end]: rank for rank, (length, end) in enumerate(zip(lengths, ends[1:], strict=True))}
    return header, ranks
