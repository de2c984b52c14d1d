"""What a tool said is given again as long as it holds, and never where anything that it depends on is another."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import events.views.results
from events.log import Entry, EventLog, NewEvent, open_log
from events.testing import builders as make
from events.types.answer import ANSWERS, AnswersCleared
from events.types.stage import StageApplied
from events.types.tool import Keeping, ToolFinished
from events.views.base import fold
from events.views.results import ResultsView
from swarm.cache.caching import Caching
from swarm.cache.fingerprint import ResultBasis, result_key
from swarm.engine.outputs import is_told
from swarm.messages import Message
from swarm.plan import Plan
from swarm.replay import replay
from swarm.settings.stages import Rule, StageSettings
from swarm.settings.toolrules import ToolSettings
from tests.running import Cast, run, serving
from tests.test_session_tools import events as events_in
from tests.test_session_tools import told, use, uses
from tests.tools.test_web import Site, open_site

PLAIN = {"Content-Type": "text/plain"}
TASK = "tasks:\n- id: t\n  prompt: What does the page say?\n  tools: [fetch, look]\n"
KEPT = Caching(results=True, results_ttl_s=3600)
OUTPUTS = StageSettings(rules={"outputs": Rule(mode="on", keep=0.5)})


@pytest.fixture
def site() -> Generator[Site]:
    with open_site() as made:
        yield made


def page(site: Site, text: str, **headers: str) -> None:
    site.extra["/it"] = (200, PLAIN | {name.replace("_", "-"): value for name, value in headers.items()}, text.encode())


async def asks(log: EventLog, site: Site, plan: Plan, root: Path, **more: Any) -> str:
    """What a session is told that fetches the page."""
    cast = Cast(worker=[use("fetch", url=f"{site.url}/it"), "It says so."])
    async with serving(cast) as (_, served):
        plan = msgspec.structs.replace(
            served, caching=plan.caching, tools=ToolSettings(fetch_hosts=(site.url.removeprefix("http://"),))
        )
        assert (await run(log, TASK, plan, root, **more)).exit_code == 0
    return told(cast)[-1][0].partition("]\n")[2]


@pytest.fixture
async def plan() -> Plan:
    async with serving(Cast()) as (_, served):
        return msgspec.structs.replace(served, caching=KEPT)


async def test_a_page_is_not_fetched_again_as_long_as_its_server_says_that_it_holds(
    site: Site, plan: Plan, tmp_path: Path
) -> None:
    page(site, "one", Cache_Control="max-age=600")
    async with open_log("memory:") as log:
        assert await asks(log, site, plan, tmp_path) == "one"
        page(site, "two", Cache_Control="max-age=600")
        assert await asks(log, site, plan, tmp_path) == "one" and len(site.asked) == 1
        first, second = await events_in(log, ToolFinished)
        assert first.given == 0 and second.given > 0 and second.keeping is None
        assert (await replay(log, 2)).divergence is None
        other = tmp_path / "other"
        other.mkdir()
        assert await asks(log, site, plan, other) == "two", "another project's results are not given"
        assert await asks(log, site, msgspec.structs.replace(plan, caching=Caching()), tmp_path) == "two"
        again = (await fold(log, ResultsView())).again["fetch"]
        assert (again.unasked, again.confirmed) == (1, 0)
        await log.append([NewEvent(event=AnswersCleared(by="ada@host"), topic=ANSWERS)])
        assert await asks(log, site, plan, tmp_path) == "two", "what was cleared is not given"


async def test_a_server_is_asked_whether_a_page_still_holds_and_says_it_without_sending_it(
    site: Site, plan: Plan, tmp_path: Path
) -> None:
    page(site, "one", ETag='"a"')
    async with open_log("memory:") as log:
        assert await asks(log, site, plan, tmp_path) == "one"
        site.extra["/it"] = (304, {}, b"")
        for _ in range(2):
            assert await asks(log, site, plan, tmp_path) == "one"
        assert [asked.get("If-None-Match") for _, asked in site.asked] == [None, '"a"', '"a"']
        page(site, "two", ETag='"b"')
        assert await asks(log, site, plan, tmp_path) == "two"
        site.extra["/it"] = (304, {}, b"")
        assert await asks(log, site, plan, tmp_path) == "two" and site.asked[-1][1]["If-None-Match"] == '"b"'
        assert (await fold(log, ResultsView())).again["fetch"].confirmed == 3


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cache_Control": "no-store, max-age=600", "ETag": '"a"'},
        {"Cache_Control": "max-age=600", "Vary": "*"},
        {"Cache_Control": "max-age=60", "Age": "60"},
        {"Expires": "0"},
    ],
    ids=["nothing said", "no-store", "vary", "old", "expired"],
)
async def test_what_does_not_hold_is_fetched_each_time(
    headers: dict[str, str], site: Site, plan: Plan, tmp_path: Path
) -> None:
    async with open_log("memory:") as log:
        for text in ("one", "two"):
            page(site, text, **headers)
            assert await asks(log, site, plan, tmp_path) == text
        assert "If-None-Match" not in site.asked[-1][1]


async def test_behind_a_redirect_a_page_is_asked_about_each_time(site: Site, plan: Plan, tmp_path: Path) -> None:
    page(site, "one", ETag='"a"', Cache_Control="max-age=600")
    site.extra["/to"] = site.extra["/it"]
    site.extra["/it"] = (302, {"Location": "/to"}, b"")
    async with open_log("memory:") as log:
        await asks(log, site, plan, tmp_path)
        site.extra["/to"] = (304, {"Cache-Control": "max-age=600"}, b"")
        assert await asks(log, site, plan, tmp_path) == "one"
        asked = [(path, seen.get("If-None-Match")) for path, seen in site.asked]
        assert asked == [("/it", None), ("/to", None), ("/it", None), ("/to", '"a"')]


async def test_after_the_time_that_settings_say_nothing_is_given(site: Site, plan: Plan, tmp_path: Path) -> None:
    page(site, "one", Cache_Control="max-age=999999")
    async with open_log("memory:") as log:
        await asks(log, site, plan, tmp_path)
        page(site, "two")
        (known,) = (await fold(log, ResultsView())).known.values()
        later = known.at + 3601 * 1_000_000
        assert known.keeping.until <= known.at + 3601 * 1_000_000
        assert await asks(log, site, plan, tmp_path, clock=lambda: later) == "two"


BASIS = st.fixed_dictionaries(
    {name: st.text("ab", max_size=2) for name in ResultBasis.__struct_fields__},
)


@settings(max_examples=80)
@given(BASIS, BASIS)
def test_results_have_one_key_only_where_all_is_the_same_that_they_depend_on(
    one: dict[str, str], other: dict[str, str]
) -> None:
    assert (result_key(ResultBasis(**one)) == result_key(ResultBasis(**other))) == (one == other)


def test_of_many_results_those_go_that_were_longest_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events.views.results, "MOST", 2)
    view = ResultsView()
    told = [make.tool_finished(keeping=Keeping(key=key)) for key in "ab"]
    told += [make.tool_finished(given=1), make.tool_finished(keeping=Keeping(key="c"))]
    for position, event in enumerate(told, 1):
        view.apply(Entry(position, b"", position, "s1", "", 1, "t", 1, 1, 0, event))
    assert list(view.known) == ["a", "c"]


LINES = "\n".join(f"line {n} of a file that a worker reads twice" for n in range(80))


async def test_a_file_that_is_read_again_and_is_unchanged_is_told_as_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LINES)
    read = use("read", path="a.txt")
    cast = Cast(worker=[read, read, use("search", pattern="line 7 "), "It has lines."])
    async with open_log("memory:") as log, serving(cast, stages=OUTPUTS) as (_, plan):
        assert (await run(log, TASK.replace("fetch, look", "look, edit"), plan, tmp_path)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
        (applied,) = await events_in(log, StageApplied)
        assert (applied.form, applied.on, applied.after < 50 < applied.before) == ("repeat", "read a.txt", True)
    first, second = told(cast)[-1][:2]
    assert LINES.splitlines()[70] in first and second.startswith("[unchanged: to the letter what `read` said above")


async def test_a_file_that_was_changed_between_is_told_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LINES)
    read, edit = use("read", path="a.txt"), use("edit", path="a.txt", old="line 7 of", new="line seven of")
    cast = Cast(worker=[read, edit, read, "Changed."])
    async with open_log("memory:") as log, serving(cast, stages=OUTPUTS) as (_, plan):
        await run(log, TASK.replace("fetch, look", "look, edit"), plan, tmp_path)
        assert await events_in(log, StageApplied) == []
    assert "line seven of" in told(cast)[-1][2]


async def test_in_one_turn_and_where_the_stage_is_off_it_is_told_in_full(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LINES)
    both = uses(("read", {"path": "a.txt"}), ("read", {"path": "a.txt"}))
    for lines, stages in (([both], OUTPUTS), ([use("read", path="a.txt")] * 2, StageSettings())):
        cast = Cast(worker=[*lines, "Read."])
        async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
            await run(log, TASK.replace("fetch, look", "look, edit"), plan, tmp_path)
        said = told(cast)[-1]
        assert len(said) == 2 and said[0] == said[1], "nothing stands above that was told in the same turn"


@given(st.lists(st.tuples(st.sampled_from(["user", "tool", "assistant"]), st.text("ab", max_size=2)), max_size=4))
def test_what_does_not_stand_in_the_messages_any_more_is_not_said_to(said: Sequence[tuple[Any, str]]) -> None:
    messages = [Message(speaker, text) for speaker, text in said]
    assert is_told("ab", messages) == (("tool", "ab") in said)
