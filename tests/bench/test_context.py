"""The bench of contexts: a question needs what it says, and what is kept is counted as it stands in the files."""

from __future__ import annotations

from bench import context


def test_what_a_generated_question_needs_stands_in_its_files() -> None:
    questions = [*context.generated(0, modules=3)]
    assert len(questions) == 3
    for question in questions:
        assert 2 <= len(question.needed) <= 3
        assert all(any(each in text for _, text in question.files) for each in question.needed)
    assert questions == [*context.generated(0, modules=3)]


def test_a_question_about_this_program_does_not_find_its_own_words() -> None:
    (question,) = context.of_this_repository(1, context.ROOT / "swarm" / "choice")
    assert len(question.files) == context.FILES
    assert not any(question.text.splitlines()[0] in text for _, text in question.files)
    assert all(any(each in text for _, text in question.files) for each in question.needed)


def test_what_is_kept_is_counted() -> None:
    questions = [*context.generated(0, modules=3)]
    assert context.kept_of(questions, lambda question, _: [text for _, text in question.files], 1.0) == 100
    assert context.kept_of(questions, lambda question, most: [], 0.4) == 0
    ours = context.kept_of(questions, context.ours(None, fill=True), 0.4)
    assert ours > context.kept_of(questions, context.head, 0.4)
    assert ours > context.kept_of(questions, context.by_chance, 0.4)
    assert context.kept_of(questions, context.around_words, 0.4) < 100
