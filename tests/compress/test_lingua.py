"""Words are left out of sentences by what a model says of them, and never what a reader must not miss."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.compress.compress import compress
from swarm.compress.lingua import COARSE, Piece, Word, fitting, windows, words_of, written
from swarm.compress.lingua_model import Classifier, LinguaUnusable
from tests.compress.counting import by_bytes, by_joints
from tests.compress.tiny_lingua import write_model

FILLERS = ("the", "a", "of", "to", "was", "it", "is", "by", "in", "really", "so", "at")
STORY = "\n\n".join(
    f"It was really in the town of {town} that the very old mill by the river was built in {year}, and so it is that the "
    f"millers of the town did not sell flour to strangers. The wheel of it is turned with the water at `gate/{town.lower()}.yaml`."
    for town, year in (("Norwick", 1411), ("Sudbury", 1523), ("Westham", 1634), ("Ostford", 1745), ("Midwick", 1856))
)


class ByLength:
    """A reader for which a piece is a word, and the longer the more surely kept. What it was asked is kept."""

    def __init__(self, window: int = 512) -> None:
        self.window = window
        self.asked: list[int] = []

    def divide(self, text: str) -> Sequence[Piece]:
        return [Piece(*match.span(), len(match.group())) for match in re.finditer(r"\w+|[^\w\s]", text)]

    def judge(self, numbers: Sequence[int]) -> Sequence[float]:
        self.asked.append(len(numbers))
        return [min(1.0, number / 20) for number in numbers]


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    pytest.importorskip("onnxruntime", reason="the extra `lingua` (onnxruntime) is not installed")
    pytest.importorskip("tokenizers", reason="the extra `lingua` (tokenizers) is not installed")
    words = dict.fromkeys(FILLERS, -4.0) | dict.fromkeys(re.findall(r"[a-z]{4,}", STORY.lower()), 2.0)
    return Classifier(write_model(tmp_path_factory.mktemp("tiny"), words | {"really": -4.0, " ": 0.5}))


def test_a_model_that_onnxruntime_runs_leaves_out_what_it_holds_for_filling_and_keeps_years_paths_and_what_says_no(
    classifier: Classifier,
) -> None:
    whole = by_bytes(STORY)
    short = compress(
        STORY, limit=int(whole * 0.69), count=by_bytes, sought="who sold flour?", form="prose", reader=classifier
    )
    assert short.tokens_after <= int(whole * 0.69)
    assert short.words and "9 of 10 sentences" in short.said and "words of them" in short.said
    shown, told = ([word for word in text.lower().split() if word in FILLERS] for text in (short.text, STORY))
    assert len(shown) < len(told) / 3
    for kept in ("1411", "1523", "1634", "1745", "1856", "not sell flour", "`gate/norwick.yaml`", "Norwick", "Ostford"):
        assert kept in short.text
    again = compress(
        STORY, limit=int(whole * 0.69), count=by_bytes, sought="who sold flour?", form="prose", reader=classifier
    )
    assert again == short


def test_where_less_is_left_the_sentences_that_answer_come_first_and_then_their_words(classifier: Classifier) -> None:
    asked = "When was the mill of Westham built?"
    limit = by_bytes(STORY) // 4
    short = compress(STORY, limit=limit, count=by_bytes, sought=asked, form="prose", reader=classifier)
    plain = compress(STORY, limit=limit, count=by_bytes, sought=asked, form="prose")
    assert short.tokens_after <= limit and "1634" in short.text and "Westham" in short.text
    assert int(short.said.split()[0]) > int(plain.said.split()[0])


def test_the_mean_of_two_windows_counts_and_no_window_is_larger_than_the_model_takes(classifier: Classifier) -> None:
    reader = ByLength(window=20)
    words = words_of(STORY, reader)
    assert max(reader.asked) <= 20 and len(reader.asked) > 5
    assert [word.keep for word in words] == [word.keep for word in words_of(STORY, ByLength())]
    small = Classifier.__new__(Classifier)
    small.__dict__.update(classifier.__dict__, window=20)
    assert [word.keep for word in words_of(STORY, small)] == [word.keep for word in words_of(STORY, classifier)]


@given(size=st.integers(0, 400), most=st.integers(1, 60), ends=st.sets(st.integers(1, 400)))
def test_windows_hold_every_piece_in_order_and_none_holds_too_many(size: int, most: int, ends: set[int]) -> None:
    found = windows(sorted(end for end in ends if end <= size), size, most)
    assert all(0 < end - start <= most for start, end in found)
    assert {each for start, end in found for each in range(start, end)} == set(range(size))
    assert found == sorted(set(found))
    assert all(after[0] <= before[1] < after[1] for before, after in pairwise(found))


TEXTS = st.lists(
    st.sampled_from(
        ["the", "Mill", "sold", "not", "42", "naïve", "café.", "don't", "水車が", "x/y.py", "\n", "\n\n", "- item", "…"]
    ),
    max_size=60,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, room=st.integers(0, 80), sought=st.sampled_from(["", "what did the mill sell?"]))
def test_what_is_left_never_has_more_tokens_than_there_is_room_and_is_words_of_the_text_in_their_order(
    text: str, room: int, sought: str
) -> None:
    words = words_of(text, ByLength(), sought=sought)
    for count in (by_bytes, by_joints):
        kept = fitting(text, words, room, count)
        short = written(text, words, kept)
        assert count(short) <= room or not kept
        assert kept == sorted(set(kept))
        assert len(short) <= len(text)
    every = written(text, words, range(len(words)))
    assert every.split() == text.split()


@settings(max_examples=25, deadline=None)
@given(text=TEXTS, limit=st.integers(0, 60), handle=st.sampled_from(["", "read_output 1"]))
def test_a_text_that_a_model_makes_short_keeps_its_limit(text: str, limit: int, handle: str) -> None:
    short = compress(text, limit=limit, count=by_joints, form="prose", handle=handle, reader=ByLength())
    assert by_joints(short.text) == short.tokens_after <= limit or not short.text
    assert short == compress(text, limit=limit, count=by_joints, form="prose", handle=handle, reader=ByLength())


def test_what_must_stand_goes_last_even_where_the_model_would_rather_keep_the_rest() -> None:
    text = "Undoubtedly extraordinarily tremendous machinery is not at 7 Elm St and costs 3 EUR, unless x.py says so"
    words = words_of(text, ByLength())
    held = {text[word.start : word.end] for word in words if word.held}
    assert {"not", "7", "Elm", "3", "unless", "x.py"} <= held and "machinery" not in held
    short = written(text, words, fitting(text, words, by_bytes(text) // 2, by_bytes))
    assert all(each in short.split() for each in ("not", "7", "3", "unless", "x.py"))


def test_a_sentence_whose_last_word_goes_still_ends_and_lines_stay_lines() -> None:
    text = "- One is kept there.\n- Two goes away."
    words = [Word(*match.span(), 0.5, False) for match in re.finditer(r"\S+", text)]
    kept = [0, 1, 3, 5, 6]
    assert written(text, words, kept) == "- One kept.\n- Two"


def test_only_prose_is_read_by_the_model_and_a_text_that_fits_by_its_sentences_is_left_with_all_their_words() -> None:
    reader = ByLength()
    code = "\n".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(40))
    assert not compress(code, limit=80, count=by_bytes, form="code", reader=reader).words
    assert reader.asked == []
    roomy = compress(STORY, limit=by_bytes(STORY), count=by_bytes, form="prose", reader=reader)
    assert roomy.text == STORY and reader.asked == []
    assert COARSE > 1


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_folder_without_one_of_the_files_says_which(tmp_path: Path, classifier: Classifier, missing: str) -> None:
    folder = write_model(tmp_path / "model", {})
    (folder / missing).unlink()
    with pytest.raises(LinguaUnusable, match=f"it has no {missing}; name the folder"):
        Classifier(folder)


def test_a_model_of_another_shape_says_what_is_wrong_before_a_text_is_read(
    tmp_path: Path, classifier: Classifier
) -> None:
    with pytest.raises(LinguaUnusable, match=r"gives numbers of the shape \(1, 3, 5\)"):
        Classifier(write_model(tmp_path / "labels", {}, labels=5))
    with pytest.raises(LinguaUnusable, match="it asks for input_ids2"):
        Classifier(write_model(tmp_path / "inputs", {}, inputs=("input_ids", "input_ids2")))
    with pytest.raises(LinguaUnusable, match="it reads 2 pieces at once"):
        Classifier(write_model(tmp_path / "window", {}, pieces=2))
    broken = write_model(tmp_path / "broken", {})
    (broken / "model.onnx").write_bytes(b"no protocol buffer")
    with pytest.raises(LinguaUnusable, match=r"is not used: .*INVALID_PROTOBUF.*export the model anew"):
        Classifier(broken)
    (broken / "tokenizer.json").write_text("{}")
    with pytest.raises(LinguaUnusable, match="export the model anew"):
        Classifier(broken)


def test_models_that_want_no_types_of_tokens_are_given_none(tmp_path: Path, classifier: Classifier) -> None:
    plain = Classifier(write_model(tmp_path / "plain", {"mill": 3.0}, inputs=("input_ids", "attention_mask")))
    (piece,) = plain.divide("mill")
    (surely,) = plain.judge([piece.number])
    assert abs(surely - 0.9526) < 1e-4  # the logistic function of 3


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(LinguaUnusable, match=r"onnxruntime is not installed; `pip install 'pheroswarm\[lingua\]'`"):
        Classifier(write_model(tmp_path, {}))
