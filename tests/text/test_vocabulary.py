"""The vocabulary that ships is the published one, is there without a network, and is loaded once."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from tiktoken import encoding_for_model, get_encoding, registry

from bench.cut_ranks import SHA256, cut, parts_of
from swarm.text.vocabulary import FILE, NAME, VocabularyBroken, load, o200k, read

_AT_ONCE = """
import sys, threading
import tiktoken
built = []
class Counted(tiktoken.Encoding):
    def __init__(self, *args, **parts):
        built.append(args)
        super().__init__(*args, **parts)
tiktoken.Encoding = Counted
from swarm.text.vocabulary import o200k
found = []
threads = [threading.Thread(target=lambda: found.append(o200k())) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert all(each is found[0] for each in found), found
print(len(found), len(built), "requests" in sys.modules, len(found[0].encode_ordinary("Count these words.")))
"""


@pytest.fixture(scope="module")
def original() -> bytes:
    """The published file again, from the one that ships."""
    lines = (base64.b64encode(token) + b" %d\n" % rank for token, rank in read(FILE)[1].items())
    return b"".join(lines)


def test_it_holds_every_byte_of_the_published_file(original: bytes) -> None:
    assert hashlib.sha256(original).hexdigest() == SHA256 == read(FILE)[0].sha256
    assert len(original) == 3_613_922


def test_it_is_cut_again_from_the_published_file_to_the_byte(original: bytes) -> None:
    # and so its pattern and its special tokens are those of the tiktoken that is installed
    assert cut(parts_of(original)) == zlib.decompress(FILE.read_bytes())


def test_tiktoken_finds_it_for_others_once_it_is_loaded() -> None:
    vocabulary = o200k()
    assert encoding_for_model("gpt-4o") is vocabulary is get_encoding(NAME)
    assert vocabulary.n_vocab == 200_019


def test_threads_that_need_it_at_the_same_time_load_it_once_and_nothing_is_fetched(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", _AT_ONCE], env=environ, capture_output=True, text=True, timeout=30)
    assert (done.stdout.split(), done.stderr) == (["4", "1", "False", "4"], "")


async def test_it_is_loaded_off_the_event_loop_for_whoever_awaits_it() -> None:
    await load()
    assert NAME in registry.ENCODINGS


@pytest.mark.parametrize("damage", ["missing", "cut off", "of something else", "too short"])
def test_a_damaged_file_is_named_with_what_to_do(damage: str, tmp_path: Path) -> None:
    path, whole = tmp_path / "o200k.bin", FILE.read_bytes()
    if damage == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "of something else":
        path.write_bytes(zlib.compress(b"{}\n"))
    elif damage == "too short":
        path.write_bytes(zlib.compress(zlib.decompress(whole)[:-9], 1))
    with pytest.raises(VocabularyBroken, match=r"o200k\.bin cannot be read \(.+\); install pheroswarm again"):
        read(path)
