"""How the models of a roster are connected."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm.connect import SCRIPTED, Roster, Script, open_models
from swarm.messages import Message, Request
from swarm.models.script import ScriptUnusable
from swarm.settings.load import ProviderConfig
from tests.provider import Answer, Provider
from tests.running import model

ASK = Request(messages=(Message("user", "hello"),), max_output_tokens=20)


def roster(url: str = "", script: Script | None = None) -> Roster:
    return Roster(
        models=(model("m", provider=SCRIPTED),),
        providers=(ProviderConfig(name=SCRIPTED, base_url=url),),
        script=script,
    )


async def test_models_with_a_script_answer_from_it(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text('[[line]]\nholds = ["hello"]\nsays = "good day"\n')
    async with open_models(roster(script=Script(path=str(path))), {}) as connected:
        assert (await connected["m"].model.ask(ASK)).text == "good day"


async def test_a_script_that_is_gone_is_told_before_the_first_call(tmp_path: Path) -> None:
    with pytest.raises(ScriptUnusable, match=r"gone\.toml"):
        async with open_models(roster(script=Script(path=str(tmp_path / "gone.toml"))), {}):
            pass


async def test_a_server_that_a_user_calls_scripted_is_a_server_like_any_other() -> None:
    async with (
        Provider(lambda _: Answer("from the server")) as provider,
        open_models(roster(provider.url), {}) as connected,
    ):
        assert (await connected["m"].model.ask(ASK)).text == "from the server"
