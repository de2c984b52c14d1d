"""Who is asked what is one word apart is told of the earlier answer, once it was accepted, and of no other."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.answer_pairs import written_pairs
from events.log import EventLog, NewEvent, open_log
from events.types.answer import ANSWERS, AnswersCleared, AnswerSuggested
from events.views.accepted import AcceptedView
from events.views.base import fold
from swarm.cache.caching import Caching
from swarm.cache.near import lexical_cosine
from swarm.cache.suggestions import OneApart
from swarm.cli.main import main
from swarm.prompts.build import suggestion_text
from swarm.repeats import MOST_SUGGESTED
from swarm.replay import replay
from swarm.text.tokens import quick_tokens
from tests.running import Cast, run, serving, verdict
from tests.test_session_tools import events as events_in

ASKED = "Explain to a new colleague how the nightly backup of our {} database server is restored after a failed disk."
ANSWER = "Stop the service, mount the last snapshot, replay the journal."
SUGGESTS = Caching(exact=True, near=True, suggests=True)
pytestmark = pytest.mark.usefixtures("no_vectors")


@pytest.fixture
def no_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Likeness is by words and letters, whatever is installed here."""
    monkeypatch.setattr("swarm.repeats._cosine", lambda: lexical_cosine)


def task(word: str, *, more: str = "") -> str:
    return f"prompt: {ASKED.format(word)}\naccept: It is right.\n{more}"


async def asks(log: EventLog, root: Path, text: str, cast: Cast, caching: Caching = SUGGESTS) -> str:
    """What the worker is asked."""
    async with serving(cast) as (_, plan):
        await run(log, text, msgspec.structs.replace(plan, caching=caching), root)
    return cast.prompts("worker")[0] if "worker" in cast.roles else ""


def says(answer: str = ANSWER, *, passes: bool = True) -> Cast:
    return Cast(worker=[answer], validator=[verdict(passes)])


async def test_who_is_asked_one_word_else_is_told_of_the_accepted_answer(tmp_path: Path) -> None:
    async with open_log("memory:") as log:
        assert "earlier task" not in await asks(log, tmp_path, task("orders"), says())
        told = await asks(log, tmp_path, task("users"), says())
        line = suggestion_text(ASKED.format("orders"), ANSWER)
        assert told.count(line) == 1 and quick_tokens(line) < MOST_SUGGESTED
        (suggested,) = await events_in(log, AnswerSuggested)
        assert suggested.cosine >= 0.95 and suggested.tokens == quick_tokens(line)
        found = (await fold(log, AcceptedView())).told
        assert (found.told, found.accepted, found.rejected) == (1, 1, 0)
        assert (await replay(log, 2)).divergence is None


async def test_who_is_asked_the_same_as_before_is_told_the_same_and_answered_from_the_log(tmp_path: Path) -> None:
    cast = says()
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        for word in ("orders", "users", "folders", "users"):
            await run(log, task(word), msgspec.structs.replace(plan, caching=SUGGESTS), tmp_path)
        assert cast.roles.count("worker") == 3 and len(await events_in(log, AnswerSuggested)) == 3
        first, _, again = await events_in(log, AnswerSuggested)
        assert first == again


@pytest.mark.parametrize(
    "second",
    [
        task("orders").replace("restored", "not restored"),
        task("orders").replace("failed", "3 failed"),
        task("orders").replace("nightly backup", "weekly archive"),
        task("users", more="tools: [look]\n"),
        task("users").replace("how", "how today"),
        task("users")
        .replace("disk.", "disk.\\n\\nMind this.")
        .replace("prompt: ", 'prompt: "')
        .replace("\nacc", '"\nacc'),
    ],
    ids=["negation", "number", "two words", "with tools", "of its time", "about something else"],
)
async def test_of_any_other_question_nobody_is_told(second: str, tmp_path: Path) -> None:
    async with open_log("memory:") as log:
        await asks(log, tmp_path, task("orders"), says())
        assert "earlier task" not in await asks(log, tmp_path, second, says())
        assert await events_in(log, AnswerSuggested) == []


async def test_a_rejected_long_cleared_or_foreign_answer_is_not_told_of_nor_any_where_settings_do_not_say_so(
    tmp_path: Path,
) -> None:
    other = tmp_path / "other" / tmp_path.name
    other.mkdir(parents=True)
    async with open_log("memory:") as log:
        await asks(log, tmp_path, task("folders", more="limits: {attempts: 1}\n"), says(passes=False))
        await asks(log, tmp_path, task("payers"), says("Do it. " * 100))
        await asks(log, other, task("orders"), says())
        for caching in (SUGGESTS, Caching(exact=True, near=True)):
            assert "earlier task" not in await asks(log, tmp_path, task("users"), says(), caching)
        await asks(log, tmp_path, task("orders"), says())
        await log.append([NewEvent(event=AnswersCleared(by="ada@host"), topic=ANSWERS)])
        assert "earlier task" not in await asks(log, tmp_path, task("users"), says())


def test_it_is_a_part_of_the_prompt_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = str(tmp_path / "log.db")

    async def recorded() -> None:
        async with open_log(url) as log:
            for word in ("orders", "users"):
                await asks(log, tmp_path, task(word), says())

    anyio.run(recorded)
    assert main(["show", "s2", "--prompt", "--log", url]) == 0
    assert "suggestion" in capsys.readouterr().out
    assert main(["log", "--log", url, "--json", "--kind", "answer.suggested"]) == 0
    position = json.loads(capsys.readouterr().out.splitlines()[0])["position"]
    assert main(["why", str(position), "--log", url]) == 0
    assert "to a question one word apart" in capsys.readouterr().out
    assert main(["cache", "--log", url]) == 0
    assert "1 worker was told of an accepted answer" in capsys.readouterr().out


PAIRS = [pair for pair in written_pairs() if not pair.same]


def test_no_edit_that_changes_an_answer_by_a_negation_a_number_or_a_name_is_suggested() -> None:
    held = [pair for pair in PAIRS if pair.kind in ("negation", "number", "name")]
    assert held
    for pair in held:
        found = OneApart(lambda one, other: 1.0)
        found.put(pair.known, "known")
        assert found.find(pair.asked) is None


WORDS = st.lists(
    st.sampled_from(["make", "the", "long", "list", "of", "open", "tickets", "for", "my", "team", "before", "lunch"]),
    min_size=5,
    unique=True,
)


@settings(max_examples=60)
@given(WORDS, st.lists(WORDS, max_size=6), st.integers(0, 60), st.sampled_from(["", "report", "report summary"]))
def test_what_is_found_is_one_word_apart_and_what_is_one_word_apart_is_found(
    words: list[str], others: list[list[str]], at: int, by: str
) -> None:
    known = " ".join(words)
    place = at % len(words)
    asked = " ".join([*words[:place], by, *words[place + 1 :]])
    found = OneApart(lambda one, other: 1.0)
    for number, other in enumerate(others):
        found.put(" ".join(other), str(number))
    found.put(known, "known")
    match = found.find(asked)
    if match is not None:
        alone = OneApart(lambda one, other: 1.0)
        alone.put(known if match[0] == "known" else " ".join(others[int(match[0])]), "it")
        assert alone.find(asked) is not None
    if by == "report":
        assert match is not None
