"""Texts as vectors, of which those lie near each other that mean alike, though they may share no word.

Words alone are the floor (`swarm.text.rank`). The vectors are those of the `wordllama` package, where the extra `embed` is
installed: one for each token of a vocabulary, so that a text's is their mean, and no model runs. Its two files are read as
they lie there; nothing of it is imported, and nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from swarm.errors import SwarmError
from swarm.text.rank import every_word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_PACKAGE = "wordllama"
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_TENSOR = "embedding.weight"
_SPACE = "\u2581"  # stands before a word in the vocabulary
_MOST_LETTERS = 32  # of a word; what is longer is several. Its tokens are found in a time that grows with the square
_MOST_KEPT = 50_000  # words whose vectors are kept: 1 KB each


class EmbedderBroken(SwarmError):
    """The files of the vectors are there and cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the vectors of {_PACKAGE} in {path} cannot be read ({reason}); install the package again, or remove it: "
            "tools and skills are then found by their words alone"
        )


class Embedder(Protocol):
    """What makes vectors of texts."""

    @property
    def name(self) -> str:
        """Which vectors they are. Those of two names are never compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a row for each text, of length 1; all zero where the text holds no word."""
        ...


@cache
def installed_embedder() -> Embedder | None:
    """The vectors that are installed, None where there are none. Nothing is read yet."""
    spec = find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return next((Static(Path(folder)) for folder in folders or () if (Path(folder) / _WEIGHTS).is_file()), None)


class _Model(msgspec.Struct):
    vocab: dict[str, int]
    merges: list[str]  # two tokens and a space between them, the first to be put together first


class _Vocabulary(msgspec.Struct):
    model: _Model


class _Tensor(msgspec.Struct):
    dtype: str
    shape: tuple[int, int]
    data_offsets: tuple[int, int]


class Tokens:
    """The tokens of a word: its letters, put together pair by pair (byte-pair encoding)."""

    def __init__(self, vocabulary: Mapping[str, int], merges: Iterable[str]) -> None:
        self._numbers = vocabulary
        self._order = {(left, right): at for at, (left, _, right) in enumerate(each.partition(" ") for each in merges)}

    def of(self, word: str) -> list[int]:
        """Return the numbers of the tokens of a word. A letter that is no token is those of its bytes, if they are some."""
        marked = _SPACE + word
        found: list[int] = []
        for start in range(0, len(marked), _MOST_LETTERS):
            for token in self._together([*marked[start : start + _MOST_LETTERS]]):
                names = [token] if token in self._numbers else [f"<0x{byte:02X}>" for byte in token.encode()]
                found += [self._numbers[name] for name in names if name in self._numbers]
        return found

    def _together(self, parts: list[str]) -> list[str]:
        never = len(self._order)
        while len(parts) > 1:
            orders = [self._order.get(pair, never) for pair in pairwise(parts)]
            first = min(orders)
            if first == never:
                break
            at = orders.index(first)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return parts


class Static:
    """The mean of the vectors of a text's tokens."""

    name = "wordllama-l2-256"

    def __init__(self, folder: Path) -> None:
        """Take the package's folder. It is read at the first text, which raises EmbedderBroken where it is damaged."""
        self._folder = folder
        self._kept: dict[str, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        found = np.zeros((len(texts), self._rows.shape[1]), np.float32)
        for number, text in enumerate(texts):
            for word in every_word(text):
                found[number] += self._of(word)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        np.divide(found, lengths, out=found, where=lengths > 0)
        return found

    def _of(self, word: str) -> Vectors:
        vector = self._kept.get(word)
        if vector is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            vector = self._kept[word] = self._rows[self._tokens.of(word)].sum(axis=0, dtype="float32")
        return vector

    @cached_property
    def _tokens(self) -> Tokens:
        path = self._folder / _TOKENIZER
        try:
            read = msgspec.json.decode(path.read_bytes(), type=_Vocabulary).model
        except (OSError, msgspec.MsgspecError) as error:
            raise EmbedderBroken(path, str(error)) from error
        if not all(0 <= number < len(self._rows) for number in read.vocab.values()):
            raise EmbedderBroken(path, f"it has tokens beyond the {len(self._rows):,} vectors")
        return Tokens(read.vocab, read.merges)

    @cached_property
    def _rows(self) -> NDArray[np.float16]:
        path = self._folder / _WEIGHTS
        try:
            return _rows_in(path)
        except (OSError, ValueError, KeyError) as error:
            raise EmbedderBroken(path, str(error)) from error


def _rows_in(path: Path) -> NDArray[np.float16]:
    """The one table of a safetensors file, left on the disk until a row is asked for.

    The file is eight bytes with the size of a header, the header as JSON, and the numbers.
    """
    import numpy as np

    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > path.stat().st_size - 8:
            raise ValueError("it ends in its header")
        header = msgspec.json.decode(file.read(size), type=dict[str, msgspec.Raw])
    tensor = msgspec.json.decode(header[_TENSOR], type=_Tensor)
    start, end = tensor.data_offsets
    if tensor.dtype != "F16" or end - start != 2 * math.prod(tensor.shape):
        raise ValueError(f"{_TENSOR} is no table of 16-bit numbers")
    return np.memmap(path, np.float16, "r", 8 + size + start, tensor.shape)
