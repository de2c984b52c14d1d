"""A package of word vectors as small as can be, written as the real one is: a table of 16-bit numbers, and a vocabulary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

SPACE = "\u2581"
VECTORS: Mapping[str, Sequence[float]] = {
    f"{SPACE}cat": (1, 0, 0),
    f"{SPACE}kitten": (0.9, 0.1, 0),
    f"{SPACE}file": (0, 1, 0),
    f"{SPACE}document": (0, 0.9, 0.1),
    "<0xC3>": (0, 0, 1),
    "<0xA9>": (0, 0, 1),
}


def write_package(folder: Path) -> Path:
    """Write it, with the merges that put each of its words together letter by letter."""
    words = [word for word in VECTORS if not word.startswith("<")]
    merges = list(dict.fromkeys(f"{word[:at]} {word[at]}" for word in words for at in range(1, len(word))))
    parts = [merge.replace(" ", "") for merge in merges]
    names = list(dict.fromkeys([*VECTORS, *parts, *(letter for word in words for letter in word)]))
    table = np.array([VECTORS.get(name, (0, 0, 0)) for name in names], np.float16)
    header = json.dumps(
        {"embedding.weight": {"dtype": "F16", "shape": table.shape, "data_offsets": (0, table.nbytes)}}
    ).encode()
    (folder / "weights").mkdir(parents=True)
    (folder / "tokenizers").mkdir()
    weights = len(header).to_bytes(8, "little") + header + table.tobytes()
    (folder / "weights/l2_supercat_256.safetensors").write_bytes(weights)
    model = {"type": "BPE", "vocab": {name: number for number, name in enumerate(names)}, "merges": merges}
    (folder / "tokenizers/l2_supercat_tokenizer_config.json").write_text(json.dumps({"version": "1.0", "model": model}))
    return folder
