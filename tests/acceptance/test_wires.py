"""A run on a provider of each wire format, named in a settings file, as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.provider import Answer, provider_thread
from tests.team import play, swarm
from tests.wires import WIRES, as_openai

KEY = "key-of-the-test-0123456789"
SETTINGS = """
[providers.mine]
base_url = "{url}"
wire = "{wire}"
key_env = "MINE_API_KEY"

[models."mine/big"]
provider = "mine"
model = "big-1"
price = "1/2/0.10/1.25/4"
schema = true
"""
USAGES = {
    "openai": {
        "prompt_tokens": 1_000,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
    "anthropic": {
        "input_tokens": 300,
        "cache_read_input_tokens": 600,
        "cache_creation_input_tokens": 100,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 20},
    },
    "gemini": {
        "promptTokenCount": 1_000,
        "cachedContentTokenCount": 600,
        "candidatesTokenCount": 30,
        "thoughtsTokenCount": 20,
        "totalTokenCount": 1_050,
    },
}
"""The same tokens, as each of them counts; Gemini knows no writing to the cache."""
FRESH, CACHED, WRITTEN, SAID, THOUGHT = 1_000, 100, 1_250, 2_000, 4_000  # nano-dollars a token at the price above


@pytest.mark.parametrize("wire", WIRES)
def test_a_run_on_a_provider_of_each_format_ends_accepted_and_costs_what_its_tokens_cost(
    wire: str, tmp_path: Path
) -> None:
    (tmp_path / "task.yaml").write_text("prompt: Write a line about ants.\naccept: It is one line.\nbudget: $0.50\n")

    def answer(body: dict[str, object]) -> Answer:
        played = as_openai(wire, play)(body)
        return Answer(played.text, usage=USAGES[wire])

    with provider_thread(answer, models=["big-1"], wire=WIRES[wire]) as provider:
        settings = tmp_path / ".config" / "swarm" / "config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(SETTINGS.format(url=provider.url, wire=wire))
        done = swarm("run", "task.yaml", "--json", home=tmp_path, cwd=tmp_path, env={"MINE_API_KEY": KEY})
        assert done.returncode == 0, done.stderr
        calls = len(provider.requests)
        assert all(KEY not in f"{seen.target} {seen.body}" for seen in provider.requests)
    (task,) = json.loads(done.stdout)["tasks"]
    assert task["text"].startswith("A draft")
    of_input = 400 * FRESH if wire == "gemini" else 300 * FRESH + 100 * WRITTEN
    assert task["cost_nanos"] == calls * (of_input + 600 * CACHED + 30 * SAID + 20 * THOUGHT) > 0
    log = tmp_path / ".local" / "share" / "swarm" / "log.db"
    assert KEY.encode() not in b"".join(path.read_bytes() for path in log.parent.glob("log.db*"))
