"""The embedded model answers, keeps strangers out, and never outlives the process that started it."""

# Nothing else runs on the loop while a test looks at a file.

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest

from swarm.messages import Message, Reply, Request
from swarm.models.anthropic_messages import AnthropicMessages
from swarm.models.local import (
    EngineMissing,
    LocalModelFailed,
    LocalServer,
    child_environment,
    default_threads,
    open_local,
)
from swarm.models.openai_chat import OpenAIChat
from swarm.models.transport import open_transport
from tests.local_model import needs_engine, small_model, wait_for_end

CHILD = [sys.executable, "-P", "-m", "swarm.models.local_server"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


@pytest.fixture
def broken_model(tmp_path: Path) -> Path:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF and nothing that makes sense")
    return path


def chat(prompt: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": prompt}], "max_tokens": 24, "temperature": 0, **more}


async def post(server: LocalServer, body: dict[str, object], *, key: str | None = None) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {server.key if key is None else key}"}
        return await client.post(f"{server.base_url}/chat/completions", json=body, headers=headers)


@needs_engine
async def test_the_model_answers_a_chat_as_a_stream_that_ends_with_its_usage(model: Path) -> None:
    async with open_local(model, name="small", context_tokens=2_048) as server:
        body = chat("What is the capital of France? Answer in one sentence.", stream=True)
        answer = await post(server, body | {"stream_options": {"include_usage": True}})
    assert answer.status_code == 200
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    chunks = [json.loads(line) for line in lines[:-1]]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert "Paris" in text
    assert lines[-1] == "[DONE]"
    usage = chunks[-1]["usage"]
    assert usage["prompt_tokens"] > 10
    assert 0 < usage["completion_tokens"] <= 24
    assert {chunk["model"] for chunk in chunks} == {"small"}, "an answer must not carry the path of the file"


@needs_engine
async def test_its_engine_answers_in_the_anthropic_format_what_it_answers_in_the_other(model: Path) -> None:
    """The one server here that speaks it and is not ours: our client is understood, and its usage read."""
    asked = Request(
        messages=(Message("system", "Be brief."), Message("user", "What is the capital of France?")),
        max_output_tokens=24,
    )
    replies: list[Reply] = []
    async with open_local(model, name="small", context_tokens=2_048) as server:
        for each in (OpenAIChat, AnthropicMessages):
            for limit in (24, 3):
                async with open_transport("aiohttp", environ={}) as transport:  # a connection lasts for one answer here
                    served = each(
                        "m", base_url=server.base_url, wire_model="small", transport=transport, key=server.key
                    )
                    replies.append(await served.ask(msgspec.structs.replace(asked, max_output_tokens=limit)))
    assert [reply.finish for reply in replies] == ["stop", "length"] * 2
    assert replies[0].text == replies[2].text and "Paris" in replies[0].text
    counts = [reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens) for reply in replies]
    assert counts[:2] == counts[2:] and None not in counts


@needs_engine
async def test_a_schema_shapes_the_answer(model: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    async with open_local(model, context_tokens=2_048) as server:
        answer = await post(server, chat("Choose a number.", response_format=form))
    assert json.loads(answer.json()["choices"][0]["message"]["content"])["n"] in (1, 2)


@needs_engine
async def test_other_users_of_the_machine_are_refused(model: Path) -> None:
    async with open_local(model, context_tokens=2_048) as server:
        assert (await post(server, chat("hi"), key="stranger")).status_code == 401
        assert (await post(server, chat("hi"), key="0" * 32)).status_code == 401
        if sys.platform == "linux":
            assert server.key.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()


@needs_engine
async def test_a_window_larger_than_the_models_own_is_not_promised(model: Path) -> None:
    async with open_local(model, context_tokens=16_384) as server:
        assert server.context_tokens == 8_192


@needs_engine
async def test_a_prompt_longer_than_the_window_is_refused_with_the_numbers(model: Path) -> None:
    async with open_local(model, context_tokens=512) as server:
        assert server.context_tokens == 512
        answer = await post(server, chat("word " * 600))
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "exceed_context_size_error"
    assert answer.json()["error"]["n_ctx"] == 512


@needs_engine
async def test_a_crash_of_the_model_is_seen(model: Path) -> None:
    async with open_local(model, context_tokens=512) as server:
        assert server.alive
        os.kill(server.pid, signal.SIGKILL)
        await server.wait_ended()
        assert not server.alive
        with pytest.raises(httpx.ConnectError):
            await post(server, chat("hi"))


@needs_engine
async def test_the_model_ends_with_its_block_in_order_by_an_error_and_when_cancelled(model: Path) -> None:
    pids: list[int] = []
    async with open_local(model, context_tokens=512) as server:
        pids.append(server.pid)
    with pytest.raises(ZeroDivisionError):
        async with open_local(model, context_tokens=512) as server:
            pids.append(server.pid)
            raise ZeroDivisionError
    with anyio.CancelScope() as scope:
        async with open_local(model, context_tokens=512) as server:
            pids.append(server.pid)
            scope.cancel()
            await anyio.sleep_forever()
    assert len(pids) == 3
    assert all(wait_for_end(pid, seconds=0) for pid in pids)


@needs_engine
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_secret_of_the_environment_reaches_the_models_process(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-the-child")
    async with open_local(model, context_tokens=512) as server:
        assert b"sk-not-for-the-child" not in Path(f"/proc/{server.pid}/environ").read_bytes()


def test_the_environment_of_the_model_holds_what_it_takes_to_run_and_no_secret() -> None:
    given = {"PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "OMP_NUM_THREADS": "1", "GGML_TOKEN": "s", "PGPASSWORD": "s"}
    kept = {"PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    assert child_environment(given | {"AWS_SECRET_ACCESS_KEY": "s", "GH_TOKEN": "s", "VK_API_KEY": "s"}) == kept


def test_one_core_is_left_to_the_rest() -> None:
    assert 1 <= default_threads() <= max(1, (os.cpu_count() or 1) - 1)


PARENT = """
import sys
from pathlib import Path
import anyio
from swarm.models.local import open_local

async def main():
    async with open_local(Path(sys.argv[1]), context_tokens=512) as server:
        print(server.pid, flush=True)
        try:
            await anyio.sleep_forever()
        finally:
            print("alive" if server.alive else "dead", flush=True)

anyio.run(main)
"""


def parent(model: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@needs_engine
def test_a_killed_parent_takes_the_model_along(model: Path) -> None:
    with parent(model) as process:
        pid = int(first_line(process))
        assert not wait_for_end(pid, seconds=0)
        process.kill()
        assert wait_for_end(pid)


@needs_engine
def test_ctrl_c_reaches_us_first_and_the_model_ends_after_us(model: Path) -> None:
    with parent(model) as process:
        pid = int(first_line(process))
        os.killpg(process.pid, signal.SIGINT)
        assert first_line(process) == "alive"
        assert wait_for_end(pid)
        assert process.wait(20) != 0


KILLED_AT_ONCE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
child.stdin.write(sys.argv[1].encode() + b"\\n")
child.stdin.flush()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@needs_engine
def test_a_parent_that_is_killed_while_the_model_loads_takes_it_along(model: Path) -> None:
    order = {"path": str(model), "alias": "m", "key": "k", "port": 0, "threads": 1, "context_tokens": 8_192}
    command = [sys.executable, "-c", KILLED_AT_ONCE, json.dumps(order), *CHILD]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert wait_for_end(int(killed.stdout))


@needs_engine
def test_the_model_ends_when_its_stdin_does(model: Path) -> None:
    order = {"path": str(model), "alias": "m", "key": "k", "port": 0, "threads": 1, "context_tokens": 512}
    with subprocess.Popen(
        CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.flush()
        assert json.loads(first_line(child))["port"] > 0
        child.stdin.close()
        assert child.wait(20) == 0


@needs_engine
async def test_a_damaged_file_is_refused_with_the_engines_own_words(broken_model: Path) -> None:
    with pytest.raises(LocalModelFailed, match=r"broken\.gguf did not start.*llama\.cpp refused the file") as caught:
        async with open_local(broken_model):
            pass
    assert "error loading model" in caught.value.log
    assert caught.value.exit_code == 4


def engine_that(folder: Path, does: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an xllamacpp before the real one that does something else when it is imported."""
    folder.joinpath("xllamacpp.py").write_text(does)
    monkeypatch.setenv("PYTHONPATH", str(folder))


async def test_a_missing_engine_is_named_with_what_to_install(
    broken_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_that(tmp_path, "raise ImportError('no wheel for this machine')", monkeypatch)
    with pytest.raises(EngineMissing, match=r"no wheel for this machine.*`pip install 'pheroswarm\[local\]'`"):
        async with open_local(broken_model):
            pass


async def test_an_engine_that_aborts_is_said_to_with_its_last_words(
    broken_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_that(tmp_path, "import os\nprint('GGML_ASSERT failed', flush=True)\nos.abort()", monkeypatch)
    with pytest.raises(LocalModelFailed, match=r"ended with status -6(.|\n)*GGML_ASSERT failed"):
        async with open_local(broken_model):
            pass


async def test_what_an_engine_prints_after_it_refused_a_file_is_among_its_last_words(
    broken_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp prints from a thread of its own, which may be behind when the refusal is reported."""
    prints_late = "import atexit, time\natexit.register(lambda: (time.sleep(0.3), print('wrong magic', flush=True)))"
    refuses = "def CommonParams():\n    raise RuntimeError('failed to load')"
    engine_that(tmp_path, f"{prints_late}\n{refuses}\nServer = None", monkeypatch)
    with pytest.raises(LocalModelFailed, match="refused the file") as caught:
        async with open_local(broken_model):
            pass
    assert caught.value.log == "wrong magic"


async def test_an_engine_that_never_gets_ready_is_given_up_and_ended(
    broken_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "pid"
    engine_that(
        tmp_path,
        f"import os, pathlib, threading\npathlib.Path({str(told)!r}).write_text(str(os.getpid()))\nthreading.Event().wait()",
        monkeypatch,
    )
    with pytest.raises(LocalModelFailed, match="was not ready in time"):
        async with open_local(broken_model, start_s=1.0):
            pass
    assert not told.exists() or wait_for_end(int(told.read_text()), seconds=0)


def test_the_models_process_imports_nothing_of_ours_that_is_heavy() -> None:
    script = (
        "import sys; bare = set(sys.modules); import swarm.models.local_server; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - bare} - sys.stdlib_module_names))"
    )
    ran = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["swarm"]
