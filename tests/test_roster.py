"""Which models take part in a run: those of the settings, and those of servers on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from events.log import open_log
from events.views.base import fold
from events.views.sessions import SessionsView
from swarm.connect import open_models
from swarm.messages import Message, Request
from swarm.roster import AllLeftOut, NoModelHere, found_here, models_for
from swarm.session import recorded_plan, run
from swarm.settings.load import Settings, load_settings
from tests.local_servers import ollama, pulled
from tests.provider import Answer, Provider
from tests.running import Cast, asked_models

TWO = ollama(pulled("qwen3:8b"), pulled("llama3.2:3b", "3.2B", at="2026-01-01T00:00:00Z"))


class Machine:
    """A home with settings, on a machine where an Ollama listens."""

    def __init__(self, home: Path, server: Provider) -> None:
        self.home, self.server = home, server
        self.environ = {"HOME": str(home), "OLLAMA_HOST": f"127.0.0.1:{server.port}"}

    def settings(self, text: str = "") -> Settings:
        folder = self.home / ".config" / "swarm"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(text)
        return load_settings(self.home, environ=self.environ).settings

    async def names(self, text: str = "", **keys: str) -> Sequence[str]:
        roster = await found_here(self.settings(text), {**self.environ, **keys})
        return [f"{model.tier} {model.name}" for model in roster.models]


async def test_the_models_of_a_local_server_take_part_beside_those_of_the_settings(tmp_path: Path) -> None:
    async with Provider(pages=TWO) as server:
        machine = Machine(tmp_path, server)
        local = ["local ollama/qwen3:8b", "local ollama/llama3.2:3b"]
        assert await machine.names() == local
        assert await machine.names(MISTRAL_API_KEY="k") == [
            "cheap mistral/mistral-small-2603",
            "paid mistral/mistral-medium-3-5",
            *local,
        ]


async def test_with_discover_false_and_where_a_server_is_named_nobody_is_asked(tmp_path: Path) -> None:
    async with Provider(pages=TWO) as server, Provider() as named:
        machine = Machine(tmp_path, server)
        with pytest.raises(NoModelHere):
            await machine.names("discover = false")
        only = await models_for(machine.settings(), machine.environ, server=named.url, model=None, price=None)
        assert [model.name for model in only.models] == ["served-model"]
        assert server.connections == 0


async def test_tiers_and_models_off_leave_models_out_and_where_none_is_left_the_reason_is_told(tmp_path: Path) -> None:
    async with Provider(pages=TWO) as server:
        machine = Machine(tmp_path, server)
        assert await machine.names('models_off = ["*/llama*"]', GROQ_API_KEY="k") == [
            "cheap groq/gpt-oss-20b",
            "cheap groq/gpt-oss-120b",
            "local ollama/qwen3:8b",
        ]
        assert await machine.names('tiers = ["cheap", "paid"]', GROQ_API_KEY="k") == [
            "cheap groq/gpt-oss-20b",
            "cheap groq/gpt-oss-120b",
        ]
        with pytest.raises(AllLeftOut) as raised:
            await machine.names('tiers = ["paid"]\nmodels_off = ["ollama/qwen3:8b"]')
    assert raised.value.exit_code == 4
    assert str(raised.value).startswith(
        "no model may take part (ollama/qwen3:8b: models_off has ollama/qwen3:8b; "
        "ollama/llama3.2:3b: its tier local is not among paid); change `tiers` or `models_off`"
    )


async def test_a_model_that_the_settings_have_under_that_name_is_theirs(tmp_path: Path) -> None:
    own = (
        '[providers.box]\nbase_url = "http://10.0.0.7:11434/v1"\n'
        '[models."ollama/qwen3:8b"]\nprovider = "box"\nmodel = "qwen3:8b"\nprice = "1/2"\n'
    )
    async with Provider(pages=TWO) as server:
        machine = Machine(tmp_path, server)
        assert await machine.names(own) == ["cheap ollama/qwen3:8b", "local ollama/llama3.2:3b"]


async def test_what_was_found_is_recorded_so_that_a_resume_connects_to_the_same_models(tmp_path: Path) -> None:
    lines = Cast()
    async with Provider(lines, pages=TWO) as server:
        machine = Machine(tmp_path, server)
        result = await run("Say hello.", root=tmp_path, log=tmp_path / "log.db", environ=machine.environ)
        assert result.exit_code == 0
        answered = [seen for seen in server.requests if seen.method == "POST"]
        assert {"qwen3:8b"} <= set(asked_models(answered)) <= {"qwen3:8b", "llama3.2:3b"}, "the larger one judges"
        async with open_log(tmp_path / "log.db") as log:
            (state,) = (await fold(log, SessionsView())).sessions.values()
            plan = await recorded_plan(log, state)
        looked = len(server.requests)
        async with open_models(plan.roster, {}) as connected:
            reply = await connected["ollama/qwen3:8b"].model.ask(
                Request(messages=answered_by(lines), max_output_tokens=20)
            )
        assert reply.text and len(server.requests) == looked + 1, "nobody was looked for again"


def answered_by(lines: Cast) -> tuple[Message, ...]:
    """Messages that the cast knows how to answer."""
    _, body = lines.seen[0]
    return tuple(Message(each["role"], each["content"]) for each in body["messages"])


async def test_of_a_server_that_is_no_model_server_nothing_is_taken(tmp_path: Path) -> None:
    async with Provider(pages={"/api/tags": Answer(body=b"<html>A shop</html>")}) as shop:
        with pytest.raises(NoModelHere):
            await Machine(tmp_path, shop).names()
