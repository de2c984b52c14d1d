"""Servers of models on this machine: found by what they answer, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.messages import FREE
from swarm.models.discover import MOST_OF_A_SERVER, Place, Seen, discover, name_of, places_of, taking_part
from swarm.models.servers import KINDS, LLAMA_CPP, LM_STUDIO, OLLAMA, VLLM, Has, Kind, read_server
from swarm.settings.load import ModelConfig, ProviderConfig
from swarm.settings.sizes import size_in, size_of
from tests.local_servers import Pages, llama_cpp, lm_studio, older_lm_studio, ollama, pulled, vllm
from tests.provider import Answer, Provider


async def found_at(pages: Pages, *kinds: Kind) -> Seen:
    """What is found where a server answers with these pages."""
    async with Provider(pages={"/v1/models": Answer(status=404, body=b"no"), **pages}) as server:
        (seen,) = await discover([Place(server.port, kinds or KINDS)], transport="aiohttp")
        assert all(request.method == "GET" for request in server.requests), "nothing is changed, nothing loaded"
        return seen


async def test_ollama_is_found_with_what_is_in_memory_first_and_its_window() -> None:
    rows = [
        pulled("new:8b", at="2026-11-20T00:00:00Z"),
        pulled("old:1b", "1.2B", at="2026-01-01T00:00:00Z"),
        pulled("nomic-embed-text:latest", "137M"),
        pulled("giant:120b-cloud", "120B"),
        pulled("giant:cloud", "1000B", remote_host="https://ollama.com:443", remote_model="giant"),
    ]
    seen = await found_at(ollama(*rows, running={"old:1b": 8_192}))
    assert seen.kind is OLLAMA
    assert [(each.model, each.context_tokens) for each in seen.models] == [("old:1b", 8_192), ("new:8b", 4_096)]


@pytest.mark.parametrize(
    ("pages", "kind", "models"),
    [
        (lm_studio(), LM_STUDIO, [("qwen3-8b-here", 16_384, 8_000_000_000)]),
        (older_lm_studio(), LM_STUDIO, [("gemma-3-1b-it", 4_000, 1_000_000_000)]),
        (llama_cpp(), LLAMA_CPP, [("/home/ada/models/Qwen3-8B-Q4_K_M.gguf", 12_288, 8_190_735_360)]),
        (vllm(), VLLM, [("Qwen/Qwen3-32B", 32_768, 32_000_000_000)]),
        (ollama(), OLLAMA, []),
    ],
    ids=["lmstudio", "lmstudio-0.3", "llama.cpp", "vllm", "ollama-without-models"],
)
async def test_each_kind_of_server_is_told_from_the_others_by_its_answers(
    pages: Pages, kind: Kind, models: list[tuple[str, int, int]]
) -> None:
    for order in (KINDS, KINDS[::-1]):
        seen = await found_at(pages, *order)
        assert seen.kind is kind
        assert [(each.model, each.context_tokens, each.size) for each in seen.models] == models


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(body=b"<!doctype html><title>My notes</title>"), "it is no server of models that is known"),
        (Answer(body=b"\x00\xff not JSON"), "it is no server of models that is known"),
        (Answer(body=b'{"models": 7, "data": [{"id": "a", "owned_by": "somebody"}]}'), "no server of models"),
        (Answer(body=b"[" * 100_000), "it is no server of models that is known"),
        (Answer(body=b" " * (2 << 20)), "it is no server of models that is known"),
        (Answer(status=302, headers={"location": "http://elsewhere.example/"}, body=b""), "no server of models"),
        (Answer(status=401, body=b'{"error": "a token is needed"}'), "it asks for a key; name it in your settings"),
        (Answer(status=503, body=b'{"error": {"message": "Loading model"}}'), "it is not ready yet"),
        (Answer(pieces=[b"data: "], cut_after=0, cut_by="reset"), "it is no server of models that is known"),
    ],
)
async def test_whatever_else_listens_on_such_a_port_is_not_taken_for_a_model(answer: Answer, said: str) -> None:
    paths = {path for kind in KINDS for path in kind.paths}
    seen = await found_at(dict.fromkeys(paths, answer))
    assert seen.kind is None and not seen.models
    assert said in seen.said


async def test_what_is_no_http_at_all_is_no_server_of_models() -> None:
    async def chatter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(chatter, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        (seen,) = await discover([Place(port, KINDS)], transport="aiohttp")
    assert (seen.kind, seen.said) == (None, "it is no server of models that is known")


async def test_a_server_that_hangs_is_left_alone_while_the_others_are_found() -> None:
    forever = asyncio.Event()
    hanging: Pages = {path: Answer(before_head=forever.wait) for path in OLLAMA.paths}
    async with Provider(pages=hanging) as silent, Provider(pages=vllm()) as busy:
        places = [Place(silent.port, (OLLAMA,)), Place(busy.port, (VLLM,))]
        seen = await discover(places, transport="httpx", patience_s=2)
    assert [(each.kind, each.said) for each in seen] == [(None, "it did not answer within 2 s"), (VLLM, "")]


async def test_where_nothing_listens_nothing_is_found_and_no_http_client_is_needed() -> None:
    async with Provider() as gone:
        place = Place(gone.port, KINDS)
    assert await discover([place], transport="aiohttp") == []


@pytest.mark.parametrize(
    ("host", "ports"),
    [
        ("", {11434, 1234, 8080, 8000}),
        ("0.0.0.0", {11434, 1234, 8080, 8000}),
        ("127.0.0.1:9000", {9000, 1234, 8080, 8000}),
        ("http://localhost:9000/", {9000, 1234, 8080, 8000}),
        ("10.0.0.7:11434", {1234, 8080, 8000}),
        ("ollama.example.com", {1234, 8080, 8000}),
        ("127.0.0.1:port", {1234, 8080, 8000}),
    ],
)
def test_the_usual_ports_of_this_machine_are_looked_at_and_no_other_machine(host: str, ports: set[int]) -> None:
    assert {place.port for place in places_of({"OLLAMA_HOST": host})} == ports


def seen_as(kind: Kind, *models: Has, port: int = 0) -> Seen:
    return Seen(port=port or kind.port, kind=kind, models=models)


def configs(seen: Sequence[Seen], *providers: ProviderConfig) -> list[ModelConfig]:
    return [model for model, _ in taking_part(seen, {each.name: each for each in providers})]


def test_a_few_models_of_a_server_take_part_as_free_local_ones_and_only_large_ones_judge() -> None:
    sizes = (("large", 8_000_000_000), ("small", 3_000_000_000), ("third", 70_000_000_000))
    models = [Has(model=name, size=size, context_tokens=4_096) for name, size in sizes]
    large, small = configs([seen_as(OLLAMA, *models)])
    assert MOST_OF_A_SERVER == 2
    assert (large.name, large.model, large.provider) == ("ollama/large", "large", "ollama")
    assert (large.tier, large.price, large.context_tokens) == ("local", FREE, 4_096)
    assert (large.judge, small.judge) == (True, False)
    assert (large.tools, small.tools) == ("native", "schema")
    assert large.schema and small.schema, "a verdict has a form"
    (unsaid,) = configs([seen_as(VLLM, Has(model="secret-blend"))])
    assert not unsaid.judge, "whose size nobody says judges nobody"
    assert unsaid.tools == "native"


def test_a_server_that_the_settings_name_is_left_to_them() -> None:
    seen = [seen_as(OLLAMA, Has(model="a"))]
    for named in (
        ProviderConfig(name="ollama", base_url="http://10.0.0.7:11434/v1"),
        ProviderConfig(name="mine", base_url="http://localhost:11434/v1"),
    ):
        assert configs(seen, named) == []
    assert configs(seen, ProviderConfig(name="other", base_url="http://localhost:9/v1"))


def test_two_servers_of_one_kind_and_two_models_of_one_name_are_told_apart() -> None:
    twice = [seen_as(VLLM, Has(model="a")), seen_as(VLLM, Has(model="a"), port=8080)]
    assert [model.name for model in configs(twice)] == ["vllm/a", "vllm-8080/a"]
    assert [model.name for model in configs([seen_as(VLLM, Has(model="a b"), Has(model="a@b"))])] == ["vllm/a-b"]


@given(st.text(min_size=1, max_size=200))
def test_whatever_a_server_calls_a_model_its_name_can_stand_in_settings_and_in_the_log(model: str) -> None:
    (config,) = configs([seen_as(OLLAMA, Has(model=model))])
    assert config.model == model, "it is asked for by its own name"
    assert config.name.isascii() and config.name.isprintable() and 0 < len(config.name) <= 100
    assert not {" ", "@"} & set(config.name) and name_of(Has(model=model))


@given(st.dictionaries(st.sampled_from([path for kind in KINDS for path in kind.paths]), st.binary(max_size=200)))
def test_whatever_is_answered_nothing_but_models_come_of_it(bodies: dict[str, bytes]) -> None:
    found = read_server(KINDS, bodies)
    assert found is None or all(isinstance(each, Has) for each in found[1])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("llama3.2:3b-instruct-q4_K_M", 3_000_000_000),
        ("SmolLM2-135M-Instruct", 135_000_000),
        ("mixtral:8x7b", 56_000_000_000),
        ("Qwen3-30B-A3B", 30_000_000_000),
        ("gemma3n:e4b", None),
        ("gpt-4b2", None),
        ("kimi-k2", None),
    ],
)
def test_the_size_of_a_model_is_read_from_its_name(name: str, size: int | None) -> None:
    assert size_in(name) == size


@given(st.text(max_size=60))
def test_whatever_a_size_is_read_from_it_is_a_number_or_none(text: str) -> None:
    for size in (size_of(text), size_in(text)):
        assert size is None or size >= 0
