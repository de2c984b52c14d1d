"""`swarm models`: what is listed, one call of each, what they cost, and OpenRouter's list fetched by hand."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import EventLog, open_log
from events.views.base import fold
from events.views.money import MoneyView, ScopeState
from events.views.sessions import SessionsView
from events.views.trails import TrailsView
from swarm.cli.main import main
from swarm.cli.models_list import means
from swarm.insight.arms import Known
from tests.acceptance.processes import environment
from tests.local_servers import ollama, pulled
from tests.openrouter import listing, row
from tests.provider import Answer, Provider, provider_thread

SERVERS = """
models_off = ["*/third*", "nobody/*"]
[providers.own]
base_url = "{url}"
[models.own]
provider = "own"
model = "m"
price = "1/2/0.1"
[models.nameless]
provider = "own"
model = "free of charge"
[providers.far]
base_url = "https://far.example/v1"
[models.far]
provider = "far"
model = "m"
"""


def overloaded(_: dict[str, Any]) -> Answer:
    return Answer(status=503, body=b"")


def say(body: dict[str, Any]) -> Answer:
    if "broken" in body["model"]:
        return Answer(status=401, body=b'{"error": {"message": "no such key"}}')
    return Answer("Ready.")


class Desk:
    """A home whose settings name a server of their own, on a machine where an Ollama runs."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str], found: Provider, own: Provider) -> None:
        self.home, self.capsys, self.found, self.own = home, capsys, found, own
        self.file = home / ".config" / "swarm" / "config.toml"
        self.file.parent.mkdir(parents=True)
        self.write()

    def write(self, more: str = "") -> None:
        self.file.write_text(more + SERVERS.format(url=self.own.url))

    def type(self, *words: str) -> tuple[int, str, str]:
        code = main(["models", *words])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def document(self, *words: str) -> dict[str, Any]:
        return json.loads(self.type(*words, "--json")[1])  # type: ignore[no-any-return]

    def rows(self, *words: str) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.document(*words)["models"]}

    @property
    def log(self) -> Path:
        return self.home / ".local" / "share" / "swarm" / "log.db"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Generator[Desk]:
    pages = ollama(pulled("qwen3:8b"), pulled("broken:1b", "1.2B"), pulled("third:1b", "1.2B"))
    with provider_thread(say, pages=pages) as found, provider_thread(say) as own:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "OPENROUTER_API_KEY", "GROQ_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{found.port}")
        monkeypatch.delenv("SWARM_DISCOVER")
        monkeypatch.chdir(tmp_path)
        yield Desk(tmp_path, capsys, found, own)


def test_every_model_is_listed_by_tier_with_why_it_takes_no_part(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "key-of-the-test-0123")
    code, out, err = desk.type("list")
    assert code == 0
    head, *lines = out.splitlines()
    tiers = [line[: head.index("MODEL")].strip() for line in lines]
    order = ["free local", "free hosted", "cheap", "paid"]
    assert tiers == sorted(tiers, key=order.index) and set(tiers) == set(order)
    (groq,) = [line for line in lines if "groq/gpt-oss-20b" in line]
    assert groq.endswith("ready (GROQ_API_KEY is set)") and "$0.075/$0.3" in groq and "131,072" in groq
    assert "key-of-the-test" not in out + err
    rows = desk.rows("list")
    assert rows["ollama/qwen3:8b"]["takes_part"] and rows["ollama/qwen3:8b"]["may_judge"]
    assert not rows["ollama/broken:1b"]["may_judge"], "it is too small"
    assert rows["mistral/mistral-small-2603"]["reason"] == "MISTRAL_API_KEY is not set"
    assert rows["far"]["reason"] == 'its price is unknown; add price = "IN/OUT" to [models."far"]'
    assert (rows["groq/gpt-oss-20b"]["key"], rows["groq/gpt-oss-20b"]["key_set"]) == ("GROQ_API_KEY", True)
    assert "Ollama at" in err and "has 1 more; name one in your settings to use it" in err
    assert "models_off has nobody/*, and no model here is called so" in err
    assert "which are of 2026-11-09; `swarm models refresh` fetches its list of today" in err


def test_tiers_and_models_that_are_off_are_listed_as_left_out(desk: Desk) -> None:
    desk.write('tiers = ["local", "free"]\ndiscover = false\n')
    rows = desk.rows("list")
    assert rows["own"]["reason"] == "its tier cheap is not among local, free"
    assert not any(name.startswith("ollama/") for name in rows)
    assert "were not looked for: `discover = false`" in desk.type("list")[2]
    assert desk.found.connections == 0


def test_some_other_server_on_such_a_port_is_named_and_not_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider_thread(pages={"/api/tags": Answer(status=401, body=b"{}")}) as other:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{other.port}")
        _, _, err = desk.type("list")
        (server,) = [each for each in desk.document("list")["servers"] if each["port"] == other.port]
    assert f"127.0.0.1:{other.port} is not taken for a server of models: it asks for a key" in err
    assert (server["server"], server["models"]) == (None, [])


def test_the_mean_of_a_model_weighs_all_that_was_judged_of_it() -> None:
    def known(model: str, role: str, mean: float, accepted: float, rejected: float) -> Known:
        return Known(
            context=f"{role}/code",
            agent="generalist",
            model=model,
            tier="free",
            mean=mean,
            low=0,
            high=1,
            accepted=accepted,
            rejected=rejected,
            chosen=1,
            first=1,
            firsts=1,
            used_at=1,
            judged_at=1,
        )

    arms = [
        known("a", "worker", 0.8, 3, 0),
        known("a", "worker", 0.4, 0, 1),
        known("a", "explorer", 0.1, 9, 9),
        known("b", "worker", 0.55, 0, 0),
    ]
    assert means(arms) == {"a": pytest.approx(0.7)}, "who was never judged has none"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lsit",), "did you mean list?"),
        (("list", "ollama/qwen"), "no model is called 'ollama/qwen'; did you mean ollama/qwen3:8b?"),
        (("prices", "zzzzzz"), "no model is called 'zzzzzz'; `swarm models list` has those that there are"),
        (("test", "own"), "own costs money; say `--paid` to ask it all the same"),
        (("list", "--paid"), "--paid goes with `swarm models test`"),
        (("refresh", "own"), "`swarm models refresh` fetches one list and takes no names"),
    ],
)
def test_what_makes_no_sense_is_told_with_the_nearest_right_word(desk: Desk, words: tuple[str, ...], said: str) -> None:
    code, out, err = desk.type(*words)
    assert (code, out) == (2, "")
    assert said in err


def read(log: Path) -> tuple[MoneyView, TrailsView, SessionsView]:
    async def views() -> tuple[MoneyView, TrailsView, SessionsView]:
        async with open_log(str(log), read_only=True) as opened:
            return await _folded(opened)

    return anyio.run(views)


async def _folded(log: EventLog) -> tuple[MoneyView, TrailsView, SessionsView]:
    return await fold(log, MoneyView()), await fold(log, TrailsView()), await fold(log, SessionsView())


def of_the_day(money: MoneyView) -> ScopeState:
    (day,) = [scope for name, scope in money.scopes.items() if name.startswith("day:")]
    return day


def test_each_free_model_is_asked_once_in_a_call_like_any_other_and_no_trail_learns_of_it(desk: Desk) -> None:
    code, out, err = desk.type("test")
    assert code == 0, err
    lines = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert set(lines) == {"nameless", "ollama/qwen3:8b", "ollama/broken:1b"}, "what costs money is not asked"
    assert lines["ollama/qwen3:8b"].endswith("Ready.") and " ok " in lines["ollama/qwen3:8b"]
    assert " failed  stop " in lines["ollama/broken:1b"] and "refused the key (401)" in lines["ollama/broken:1b"]
    assert "2 of 3 models answered" in err
    posted = [seen for server in (desk.own, desk.found) for seen in server.requests if seen.method == "POST"]
    assert len(posted) == 3, "one request each, nobody judges"
    money, trails, sessions = read(desk.log)
    assert of_the_day(money).spent.tokens > 0
    assert not trails.learned.rows
    (state,) = sessions.sessions.values()
    assert state.finished, "a plain `swarm resume` goes on with something else"


def test_a_model_whose_server_is_gone_cools_down_and_the_list_says_until_when(desk: Desk) -> None:
    desk.file.write_text(
        '[providers.gone]\nbase_url = "http://127.0.0.1:9/v1"\n[models.gone]\nprovider = "gone"\nmodel = "m"\n'
    )
    assert desk.type("test", "gone")[0] == 4
    (gone,) = desk.rows("list", "gone").values()
    assert not gone["takes_part"] and gone["reason"].startswith("cools down until ")


def test_who_is_overloaded_is_asked_once_and_cools_down_without_a_word_of_the_others(desk: Desk) -> None:
    desk.own.behaviour = overloaded
    first = desk.rows("test", "nameless", "ollama/qwen3:8b")["nameless"]
    assert (first["outcome"], first["failure"]) == ("failed", "wait")
    second = desk.rows("test", "nameless", "ollama/qwen3:8b")["nameless"]
    assert second["outcome"] == "not asked" and second["said"].startswith("cools down until ")
    assert "qwen3" not in second["said"]
    assert len([seen for seen in desk.own.requests if seen.method == "POST"]) == 1


def test_a_test_waits_for_nobody_that_cools_down(desk: Desk) -> None:
    desk.own.behaviour = overloaded
    assert desk.rows("test", "nameless")["nameless"]["failure"] == "wait"
    assert len([seen for seen in desk.own.requests if seen.method == "POST"]) == 1, "one pause long, and not two calls"


def test_where_none_answers_the_exit_code_is_4(desk: Desk) -> None:
    code, out, _ = desk.type("test", "ollama/broken:1b", "far", "groq/gpt-oss-20b")
    assert code == 4
    assert len(out.splitlines()) == 4 and out.count("not asked") == 2
    assert "GROQ_API_KEY is not set" in out
    assert all(each["outcome"] != "ok" for each in desk.rows("test", "ollama/broken:1b").values())


def test_what_costs_money_is_asked_with_paid_and_counted(desk: Desk) -> None:
    (own,) = desk.rows("test", "own", "--paid").values()
    assert (own["outcome"], own["said"]) == ("ok", "Ready.")
    money, _, _ = read(desk.log)
    assert of_the_day(money).spent.nanos == round(float(own["usd"]) * 10**9) > 0
    (elsewhere,) = desk.rows("test", "own", "--paid", "--log", str(desk.home / "other.db")).values()
    assert elsewhere["outcome"] == "not asked" and "another one" in elsewhere["said"]


def test_the_caps_of_the_day_hold_for_a_test(desk: Desk) -> None:
    desk.file.write_text(SERVERS.format(url=desk.own.url) + "[budget]\nday_tokens = 50\n")
    code, out, _ = desk.type("test", "ollama/qwen3:8b")
    assert code == 3
    assert "not asked" in out
    assert not [seen for seen in desk.found.requests if seen.method == "POST"]


def test_ctrl_c_ends_a_test_and_leaves_nothing_to_go_on_with(tmp_path: Path) -> None:
    forever = threading.Event()

    async def hold() -> None:
        await anyio.to_thread.run_sync(forever.wait, abandon_on_cancel=True)

    pages = ollama(pulled("qwen3:8b"))
    try:
        with provider_thread(lambda _: Answer(before_head=hold), pages=pages) as server:
            env = {**environment(tmp_path), "OLLAMA_HOST": f"127.0.0.1:{server.port}", "SWARM_DISCOVER": "true"}
            words = [sys.executable, "-P", "-m", "swarm.cli.main", "models", "test"]
            with subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as process:
                while not any(seen.method == "POST" for seen in server.requests):
                    assert process.poll() is None
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=30)
            forever.set()
    finally:
        forever.set()
    assert process.returncode == 130
    assert "ollama/qwen3:8b  failed  unknown" in out
    _, _, sessions = read(tmp_path / ".local" / "share" / "swarm" / "log.db")
    assert all(state.finished for state in sessions.sessions.values())


def test_prices_say_where_they_stand_and_what_to_add_where_nobody_knows(desk: Desk) -> None:
    code, out, err = desk.type("prices")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert lines["own"].split()[1:4] == ["1", "2", "0.1"]
    assert lines["own"].endswith(f"user file {desk.file}:8")
    assert lines["openai/gpt-6-luna"].endswith("ships with swarm") and "2026-11-09" in lines["openai/gpt-6-luna"]
    assert lines["ollama/qwen3:8b"].endswith("free: it runs on this machine")
    assert lines["nameless"].endswith("free by its tier or on this machine")
    assert '[models."far"] price = "IN/OUT"' in err and str(desk.file) in err
    rows = desk.rows("prices", "own", "far")
    assert (rows["own"]["input_usd"], rows["own"]["cached_usd"], rows["far"]["row"]) == ("1", "0.1", None)


def test_openrouters_list_is_fetched_by_hand_and_says_who_takes_part(desk: Desk) -> None:
    body = listing(row("ada/one:free", created=2), row("bob/two:free", created=1))
    with provider_thread(pages={"/v1/models": Answer(body=body)}) as openrouter:
        desk.file.write_text(f'providers.openrouter.base_url = "{openrouter.url}"\n')
        code, out, _ = desk.type("refresh")
        assert code == 0
        assert out == "2 models are free and carry out tasks; of these take part: ada/one:free, bob/two:free\n"
        assert desk.document("refresh")["take_part"] == ["ada/one:free", "bob/two:free"]
    rows = desk.rows("list")
    assert {"openrouter/one", "openrouter/two", "openrouter/free"} <= set(rows)
    assert "openrouter/gemma-4-31b" not in rows
    code, out, err = desk.type("refresh")
    assert (code, out) == (4, "")
    assert "until it can be reached those of the list that is kept serve" in err
