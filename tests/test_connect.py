"""How the models of a roster are connected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarm.connect import EMBEDDED, SCRIPTED, Roster, Script, embedded_model, endpoint, models_at, open_models
from swarm.messages import Message, Request, ToolSpec
from swarm.models.script import ScriptUnusable
from swarm.models.transport import TransportKind
from swarm.settings.load import ProviderConfig
from swarm.settings.providers import Wire
from tests.local_model import needs_engine, small_model
from tests.provider import Answer, Provider
from tests.running import model
from tests.wires import WIRES

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


KEY = "key-of-the-test-0123"
SAYS_KEY = {
    "openai": ("authorization", f"Bearer {KEY}"),
    "anthropic": ("x-api-key", KEY),
    "gemini": ("x-goog-api-key", KEY),
}


def speaking(wire: Wire, url: str) -> ProviderConfig:
    return ProviderConfig(name="one", base_url=url, wire=wire, key_env="ONE_KEY")


@pytest.mark.parametrize("wire", WIRES)
async def test_a_provider_is_spoken_to_in_its_own_format_with_its_key_in_a_header(wire: Wire) -> None:
    async with Provider(lambda _: Answer("good day"), wire=WIRES[wire]) as provider:
        schema = {"type": "object"}
        asked = Request(messages=ASK.messages, max_output_tokens=20, answer_schema=schema)
        models = (model("plain"), model("strict", schema=True, reasoning_effort="low"))
        known = Roster(models=models, providers=(speaking(wire, provider.url),))
        async with open_models(known, {"ONE_KEY": KEY}) as connected:
            replies = [await connected[each.name].model.ask(asked) for each in models]
        assert [reply.text for reply in replies] == ["good day", "good day"]
        for seen in provider.requests:
            name, value = SAYS_KEY[wire]
            assert seen.headers[name] == value
            assert KEY not in f"{seen.target} {seen.body}"
        plain, strict = (str(seen.body) for seen in provider.requests)
        assert str(schema) in strict and "low" in strict
        assert str(schema) not in plain and "low" not in plain


TOOLS = tuple(
    ToolSpec(name, says, {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    for name, says in (("weather", "Tell the weather of a city."), ("mayor", "Name the mayor of a city."))
)


@pytest.mark.parametrize("wire", WIRES)
async def test_tools_are_offered_to_a_model_as_the_settings_say(wire: Wire) -> None:
    asked = Request(messages=ASK.messages, max_output_tokens=20, tools=TOOLS)
    models = (model("native"), model("small", tools="schema"))
    async with Provider(lambda _: Answer('{"answer": "dry"}'), wire=WIRES[wire]) as provider:
        known = Roster(models=models, providers=(speaking(wire, provider.url),))
        async with open_models(known, {"ONE_KEY": KEY}) as connected:
            replies = [await connected[each.name].model.ask(asked) for each in models]
        native, small = (WIRES[wire].offered(seen.body) for seen in provider.requests)
    assert ([tool.name for tool in native], small) == (["weather", "mayor"], [])
    assert [reply.text for reply in replies] == ['{"answer": "dry"}', "dry"]


@pytest.mark.parametrize(
    ("url", "name", "tools"),
    [
        ("http://127.0.0.1:11434/v1", "llama3.2:3b", "schema"),
        ("http://127.0.0.1:11434/v1", "qwen3:8b", "native"),
        ("http://127.0.0.1:11434/v1", "kimi-k2", "native"),
        ("https://api.groq.com/openai/v1", "llama-3b", "native"),
    ],
)
async def test_a_small_local_model_that_is_named_chooses_tools_through_the_schema(
    url: str, name: str, tools: str
) -> None:
    config, _ = await endpoint(url, model=name, price=None, environ={}, transport="aiohttp")
    assert config.tools == tools


@pytest.mark.parametrize("wire", WIRES)
async def test_a_provider_lists_its_models_in_its_own_format(wire: Wire) -> None:
    async with Provider(models=["b", "a"], wire=WIRES[wire]) as provider:
        listed = await models_at(speaking(wire, provider.url), {"ONE_KEY": KEY}, transport="aiohttp")
        (seen,) = provider.requests
    assert listed == ["b", "a"]
    assert KEY not in seen.target and SAYS_KEY[wire] in seen.headers.items()


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
        ("https://api.deepseek.com/v1/", "DEEPSEEK_API_KEY"),
        ("https://api.deepseek.com.elsewhere.test", "SWARM_ENDPOINT_KEY"),
        ("https://api.deepseek.community/v1", "SWARM_ENDPOINT_KEY"),
    ],
)
async def test_the_key_of_a_known_provider_goes_to_its_own_address_alone(url: str, variable: str) -> None:
    _, provider = await endpoint(url, model="m", price=None, environ={"DEEPSEEK_API_KEY": KEY}, transport="aiohttp")
    assert provider.key_env == variable


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


@needs_engine
@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_calls_of_the_embedded_model_right_behind_each_other_are_all_answered(
    small: Path, transport: TransportKind
) -> None:
    config, provider = embedded_model("small", small, context_tokens=512, may_judge=False)
    known = Roster(models=(config,), providers=(provider,), embedded=str(small), transport=transport)
    async with open_models(known, {}) as connected:
        replies = [await connected["small"].model.ask(ASK) for _ in range(6)]
    assert provider.name == EMBEDDED
    assert all(reply.text and reply.usage for reply in replies)


@needs_engine
async def test_the_embedded_model_chooses_one_of_two_tools(small: Path) -> None:
    config, provider = embedded_model("small", small, context_tokens=1_024, may_judge=False)
    known = Roster(models=(config,), providers=(provider,), embedded=str(small))
    question = Message("user", "Use the tool weather with the city Paris.")
    async with open_models(known, {}) as connected:
        reply = await connected["small"].model.ask(Request(messages=(question,), max_output_tokens=60, tools=TOOLS))
    (call,) = reply.calls
    assert (reply.finish, call.name, list(json.loads(call.arguments))) == ("tools", "weather", ["city"])
    assert reply.usage is not None
