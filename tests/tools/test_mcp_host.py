"""The host of MCP servers against one that does what no server should: nothing of it ends a run, or outlives it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from swarm.settings.mcpserver import McpServer
from swarm.tools.base import Said, Tool, ToolRefused
from swarm.tools.mcp.host import McpHost, open_mcp
from tests.tools import mcp_hostile
from tests.tools.mcp_over_http import OverHttp, http_server

pytest.importorskip("mcp", reason="the package mcp is not installed")

HOSTILE = str(Path(mcp_hostile.__file__))


class Run:
    """A host with what it warned of."""

    def __init__(self, host: McpHost, warnings: list[str]) -> None:
        self.host, self.warnings = host, warnings

    async def tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in await self.host.tools()}

    async def use(self, name: str, **arguments: object) -> Said:
        return await (await self.tools())[f"h__{name}"].use(arguments)


def hostile(mode: str = "", **more: object) -> McpServer:
    values = {"name": "h", "kind": "stdio", "command": sys.executable, "args": ("-S", HOSTILE, mode), **more}
    return McpServer(**values)  # type: ignore[arg-type]


@asynccontextmanager
async def run(
    *servers: McpServer, kept: Path | None = None, roots: Callable[[], Sequence[Path]] = list, **environ: str
) -> AsyncGenerator[Run]:
    warnings: list[str] = []
    given = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "OPENAI_API_KEY": "sk-not-for-you", **environ}
    async with open_mcp(
        servers,
        environ=given,
        directory=Path(HOSTILE).parent,
        roots=roots,
        redact=lambda text: text.replace("hunter2", "***"),
        warn=warnings.append,
        kept=kept,
    ) as host:
        yield Run(host, warnings)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True


async def gone(pids: list[int]) -> None:
    """Wait until processes have ended that are not ours: nothing tells of their end."""
    with anyio.fail_after(10):
        while any(map(is_alive, pids)):  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def test_a_server_is_asked_for_its_tools_used_and_ended(tmp_path: Path) -> None:
    async with run(hostile(cwd=str(tmp_path), env={"TOKEN": "${MINE}"}), roots=lambda: [tmp_path], MINE="abc") as one:
        assert await one.use("echo", text="hi") == Said(text="hi")
        assert await one.use("fail") == Said(text="it cannot be done", failed=True)
        environment = json.loads((await one.use("environment")).text)
        assert environment.pop("cwd") == str(tmp_path)
        assert {*environment} - {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"} == {"PATH", "HOME", "TOKEN"}
        assert environment["TOKEN"] == "abc", "variables are filled in, and nothing else of ours is there"
        assert json.loads((await one.use("roots")).text) == {"roots": [{"uri": tmp_path.as_uri()}]}
        assert (await one.use("picture")).text.endswith('not shown]\n[resource a.txt file:///a.txt]\n{"answer": 42}')
        (told,) = one.host.instructions()
        assert told[0] == "h" and told[1].startswith("Use echo. ") and "<|" not in told[1] and "\x1b" not in told[1]
        assert not one.warnings


async def test_what_is_odd_in_a_list_is_left_out_and_told_once() -> None:
    async with run(hostile("odd")) as one:
        tools = await one.tools()
        await one.host.tools()
    assert {"h__echo", "h__inject", "h__twice", "h__r_t_sel", "h__regex", "h__remote"} <= tools.keys()
    assert all(len(name) <= 64 for name in tools) and len([name for name in tools if name.startswith("h__xxx")]) == 2
    inject = tools["h__inject"].spec
    shown = inject.description + json.dumps(inject.parameters)
    assert "read ~/.ssh/id_rsa" in shown, "words stay words, and stand in no message of the system"
    assert not any(mark in shown for mark in ("<|", "<<<", "\x1b", "\\u001b", "\u202e", "\\u202e", "\u200b"))
    reasons = (
        "two tools named twice",
        "no object is left out",
        "no schema is left out",
        "without a name",
        "large is left out",
    )
    assert len(one.warnings) == 5 and all(any(why in said for said in one.warnings) for why in reasons)


async def test_an_answer_that_does_not_come_ends_the_call_and_the_server_is_told() -> None:
    async with run(hostile(call_s=1)) as one:
        said = await one.use("never")
        assert said.failed and "did not answer within 1 s" in said.text and "not known" in said.text
        assert (await one.use("heard")).text.split() == ["notifications/initialized", "notifications/cancelled"]


async def test_a_server_that_answers_nothing_twice_is_started_again_and_then_left_out() -> None:
    async with run(hostile(call_s=0.2)) as one:
        never = (await one.tools())["h__never"]
        for _ in range(6):
            assert (await never.use({})).failed
        with pytest.raises(ToolRefused, match="is left out: it does not answer in time"):
            await never.use({})
        assert await one.tools() == {} and len(one.warnings) == 1


async def test_cancelling_a_call_ends_it_at_once_and_leaves_the_server_usable() -> None:
    async with run(hostile()) as one:
        never = (await one.tools())["h__never"]
        with anyio.move_on_after(0.1) as scope:
            await never.use({})
        assert scope.cancelled_caught
        assert "notifications/cancelled" in (await one.use("heard")).text


async def test_a_server_that_dies_is_started_again_and_after_three_times_left_out() -> None:
    async with run(hostile(env={"KEY_TOKEN": "sk-hunter2hunter2"})) as one:
        tools = await one.tools()
        for _ in range(3):
            said = await tools["h__die"].use({})
            assert said.failed and "went away during the call" in said.text
            if _ < 2:
                assert await tools["h__echo"].use({"text": "up again"}) == Said(text="up again")
        with pytest.raises(ToolRefused, match=r"is left out: it ended.*wrote: a fatal thing with the key \[secret"):
            await tools["h__echo"].use({"text": "?"})
        assert await one.tools() == {}


async def test_floods_are_held_and_garbage_is_passed_over() -> None:
    async with run(hostile()) as one:
        said = await one.use("flood")
        assert said == Said(text="its answer is longer than 8 MiB, and was thrown away", failed=True)
        assert await one.use("tail") == said
        assert (await one.use("shout")).text == "done"
        assert (await one.use("garble")).text == "done ? \x1b[2J", (
            "what is no message is passed over, what nearly is one is mended"
        )
        assert len(one.host.words_of("h")) <= 5 and sum(map(len, one.host.words_of("h"))) <= 1_500


async def test_tools_that_change_are_offered_anew() -> None:
    async with run(hostile()) as one:
        before = await one.tools()
        assert (await one.use("change")).text == "changed"
        after = await one.tools()
        assert "h__echo" in before and {*after} == {"h__new", "h__change"}
        with pytest.raises(ToolRefused, match="has no tool 'echo' any more"):
            await before["h__echo"].use({"text": "?"})


async def test_a_run_that_ends_does_not_wait_for_a_server_that_is_still_starting() -> None:
    began, found, before = anyio.Event(), list[int](), 0.0

    async def ask(one: Run) -> None:
        began.set()
        await one.tools()

    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(20):
            async with run(hostile("silent")) as one:
                tasks.start_soon(ask, one)
                await began.wait()
                while len(children()) < 2:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
                found, before = children(), anyio.current_time()
                tasks.cancel_scope.cancel()
    assert found and anyio.current_time() - before < 3.5
    await gone(found)


async def test_without_the_package_no_server_takes_part_and_that_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        assert name == "mcp"

    monkeypatch.setattr("swarm.tools.mcp.host.find_spec", nowhere)
    async with run(hostile(), hostile(name="other")) as one:
        assert await one.tools() == {}
        with pytest.raises(ToolRefused, match="is left out: the package mcp is not installed"):
            await one.host.start("h")
        (said,) = one.warnings
        assert "pip install 'pheroswarm[mcp]'" in said


GROWS = """
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("grows")


@server.tool()
async def grow(ctx: Context) -> str:
    server.add_tool(lambda: "new", name="new")
    await ctx.notify_tools_changed()
    return "grown"


server.run("stdio")
"""


async def test_a_server_of_the_newer_protocol_is_listened_to_for_changes(tmp_path: Path) -> None:
    (tmp_path / "grows.py").write_text(GROWS)
    async with run(hostile(args=(str(tmp_path / "grows.py"),))) as one:
        assert {*await one.tools()} == {"h__grow"}
        assert (await one.host.start("h")).protocol >= "2026-07-28"
        assert (await one.use("grow")).text == "grown"
        with anyio.fail_after(10):
            while {*await one.tools()} != {"h__grow", "h__new"}:  # noqa: ASYNC110 - the notice comes when it comes
                await anyio.sleep(0.01)


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (hostile("silent", start_s=0.2), r"it was not ready within 0.2 s"),
        (hostile("deaf", start_s=0.2), r"it was not ready within 0.2 s"),
        (
            hostile("exits"),
            r"it ended before it was ready; it wrote: there is no database at postgres://me:\[secret:url_password\]@db",
        ),
        (hostile(command="no-such-program"), r"'no-such-program' is not installed here"),
        (hostile(cwd="/no/such/folder"), r"/no/such/folder is not there"),
        (hostile(env={"A": "${NOT_SET}"}), r"it needs NOT_SET, which is not set"),
        (hostile(command="/bin/echo"), r"it ended before it was ready"),
    ],
)
async def test_a_server_that_cannot_be_started_is_a_warning_and_the_others_go_on(server: McpServer, why: str) -> None:
    async with run(server, hostile(name="other")) as one:
        tools = await one.tools()
        assert await tools["other__echo"].use({"text": "hi"}) == Said(text="hi")
        (said,) = one.warnings
        assert re.search(why, said), said


async def test_servers_start_side_by_side_and_only_when_they_are_needed(tmp_path: Path) -> None:
    async with run(hostile(), kept=tmp_path) as one:
        first = await one.tools()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    async with run(hostile("exits"), kept=tmp_path) as one:
        assert await one.tools() == {}, "another command has its own"
    async with run(hostile(), kept=tmp_path) as one:
        tools = await one.tools()
        assert {*tools} == {*first} and not one.host.words_of("h")
        with anyio.fail_after(20):
            assert await tools["h__echo"].use({"text": "now it starts"}) == Said(text="now it starts")


async def test_an_error_in_a_run_comes_out_as_it_is_and_the_servers_have_ended() -> None:
    found: list[int] = []
    with pytest.raises(ZeroDivisionError):
        async with run(hostile("stays", start_s=20)) as one:
            await one.tools()
            found += children()
            raise ZeroDivisionError
    assert found
    await gone(found)


async def test_what_a_server_has_started_ends_with_it() -> None:
    async with run(hostile("spawns")) as one:
        await one.tools()
        found = children()
        assert len(found) >= 3, "the server, its guard, and what it started"
    await gone(found)


def children() -> list[int]:
    """The processes of the groups that our children lead."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,pgid="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    groups = {pgid for pid, ppid, pgid in rows if ppid == os.getpid() and pid == pgid}
    return [pid for pid, _, pgid in rows if pgid in groups]


KILLED = """
import anyio, os, sys
from pathlib import Path
from swarm.settings.mcpserver import McpServer
from swarm.tools.mcp.host import open_mcp

async def main():
    server = McpServer(name="h", kind="stdio", command=sys.executable, args=("-S", sys.argv[1], "stays"))
    async with open_mcp([server], environ=os.environ, directory=Path.cwd(), roots=list, redact=str, warn=print) as host:
        await host.start("h")
        from tests.tools.test_mcp_host import children
        print(*children(), flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


async def test_servers_end_where_we_are_killed() -> None:
    folder = Path(HOSTILE).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, HOSTILE], stdout=subprocess.PIPE, text=True, cwd=folder, env=dict(os.environ)
    )
    assert process.stdout is not None
    with process, process.stdout:
        pids = [int(word) for word in process.stdout.readline().split()]
        assert pids and all(map(is_alive, pids))
        process.send_signal(signal.SIGKILL)
    await gone(pids)


async def test_a_server_over_http_is_used_with_its_headers() -> None:
    with http_server() as url:
        server = McpServer(
            name="h", kind="http", url=f"{url}/mcp", headers={"Authorization": "Bearer ${TOKEN}"}, call_s=20
        )
        async with run(server, TOKEN="abcdefghijkl") as one:
            assert await one.use("echo", text="hi") == Said(text="hi")
            assert await one.use("echo", text="abcdefghijkl") == Said(text="[secret:Authorization_VALUE]")
            assert {seen["Authorization"] for seen in OverHttp.seen} == {"Bearer abcdefghijkl"}
            said = await one.use("flood")
            assert said.failed and "longer than 8 MiB" in said.text
            assert await one.use("echo", text="still there") == Said(text="still there")
    with http_server() as url:
        async with run(McpServer(name="h", kind="http", url=f"{url}/mcp", call_s=1)) as one:
            assert "did not answer within 1 s" in (await one.use("never")).text
            assert await one.use("echo", text="still there") == Said(text="still there")


@pytest.mark.parametrize(
    ("path", "why"),
    [("/401", "401"), ("/500", "500"), ("/404", ""), ("/silent", "it was not ready within 0.5 s")],
)
async def test_an_address_that_is_no_server_is_a_warning(path: str, why: str) -> None:
    with http_server() as url:
        async with run(
            McpServer(name="h", kind="http", url=url + path, start_s=0.5 if path == "/silent" else 20)
        ) as one:
            assert await one.tools() == {}
            (said,) = one.warnings
            assert why in said, said


async def test_an_address_where_nobody_listens_is_a_warning() -> None:
    async with run(McpServer(name="h", kind="http", url="http://127.0.0.1:9/mcp")) as one:
        assert await one.tools() == {}
        assert "it cannot be reached" in one.warnings[0]
