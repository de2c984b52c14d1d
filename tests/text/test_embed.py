"""Vectors are read from the files of the package as they lie there, damaged ones are told of, and any text has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.text.embed import EmbedderBroken, Static, Tokens, installed_embedder
from tests.text.wordvectors import SPACE, write_package

WEIGHTS = "weights/l2_supercat_256.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
BEYOND = b'{"embedding.weight": {"dtype": "F16", "shape": [9, 2], "data_offsets": [0, 36]}}'
OTHER = BEYOND.replace(b"F16", b"F32")


def test_words_that_mean_alike_are_near_and_each_vector_has_length_one(tmp_path: Path) -> None:
    vectors = Static(write_package(tmp_path)).embed(["the Cat", "kitten kitten", "FILE", "documents", "", "..."])
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.99 > 0.2 > likeness[0, 2]
    assert likeness[2, 3] > 0.9
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 1, 0, 0])


def test_the_next_pair_of_letters_that_is_put_together_is_the_one_that_stands_first() -> None:
    names = [SPACE, "l", "o", "w", "e", "r", "lo", "low", "er", "we", f"{SPACE}low"]
    tokens = Tokens({name: at for at, name in enumerate(names)}, ["l o", "e r", "w e", "lo w", f"{SPACE} low"])
    assert [names[number] for number in tokens.of("lower")] == [f"{SPACE}low", "er"]
    assert [names[number] for number in tokens.of("lowlow")] == [f"{SPACE}low", "low"]
    assert tokens.of("x") == [0]


def test_a_letter_that_is_no_token_is_read_by_its_bytes(tmp_path: Path) -> None:
    assert Static(write_package(tmp_path)).embed(["é"]).tolist() == [[0, 0, 1]]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Static:
    return Static(write_package(tmp_path_factory.mktemp("vectors")))


@given(text=st.text(max_size=60) | st.text("cat kitenfilé"))
def test_any_text_has_the_same_vector_each_time_and_it_is_one_or_nothing_long(embedder: Static, text: str) -> None:
    first, again = embedder.embed([text, text])
    assert (first == again).all()
    assert min(abs(np.linalg.norm(first) - length) for length in (0, 1)) < 1e-5


def test_a_word_of_any_length_is_read_at_once(tmp_path: Path) -> None:
    assert len(Static(write_package(tmp_path)).embed(["cat" * 100_000])) == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (WEIGHTS, b"", "ends in its header"),
        (WEIGHTS, b"\xff" * 80, "ends in its header"),
        (WEIGHTS, (2).to_bytes(8, "little") + b"{}", "embedding.weight"),
        (WEIGHTS, (2).to_bytes(8, "little") + b"{'", "malformed"),
        (WEIGHTS, (len(BEYOND)).to_bytes(8, "little") + BEYOND, "length|size"),
        (WEIGHTS, (len(OTHER)).to_bytes(8, "little") + OTHER, "no table of 16-bit numbers"),
        (TOKENIZER, b"{", "truncated"),
        (TOKENIZER, b'{"model": {"vocab": {"a": 4000000}, "merges": []}}', "beyond the"),
        (TOKENIZER, b'{"model": {"vocab": {"a": "b"}, "merges": []}}', "int"),
    ],
)
def test_a_damaged_file_is_told_of_with_what_to_do(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = write_package(tmp_path) / name
    path.write_bytes(content)
    with pytest.raises(EmbedderBroken, match=rf"{path}.*{reason}.*install the package again"):
        Static(tmp_path).embed(["cat"])


def test_the_package_that_is_installed_knows_what_words_mean() -> None:
    if (embedder := installed_embedder()) is None:
        pytest.skip("wordllama is not installed (the extra `embed`)")
    car, vehicle, poem = embedder.embed(["repair my car", "mending a vehicle", "a poem about autumn"])
    assert car @ vehicle > 0.3 > 0.1 > car @ poem
