"""The host of MCP servers against servers that others wrote; each is skipped where it is not installed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest

from swarm.settings.mcpserver import McpServer
from swarm.tools.base import Tool
from swarm.tools.mcp.host import McpHost, open_mcp
from swarm.tools.mcp.plain import plain_schema

pytest.importorskip("mcp", reason="the package mcp is not installed")


def installed(command: str) -> str:
    """Where a server is: beside this Python, or on the path."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    found = shutil.which(command, path=path)
    if found is None:
        pytest.skip(f"{command} is not installed")
    return found


def opened(root: Path, command: str, *args: str) -> tuple[list[str], AbstractAsyncContextManager[McpHost]]:
    warnings: list[str] = []
    server = McpServer(name="it", kind="stdio", command=installed(command), args=args)
    host = open_mcp(
        [server], environ=os.environ, directory=root, roots=lambda: [root], redact=str, warn=warnings.append, kept=None
    )
    return warnings, host


async def tools_of(host: McpHost) -> dict[str, Tool]:
    found = {tool.name: tool for tool in await host.tools()}
    assert found and all(tool.source == "it" and plain_schema(tool.spec.parameters) for tool in found.values())
    return found


async def test_the_time_server_says_what_time_it_is(tmp_path: Path) -> None:
    warnings, host_ = opened(tmp_path, "mcp-server-time", "--local-timezone=UTC")
    async with host_ as host:
        tools = await tools_of(host)
        assert set(tools) == {"it__get_current_time", "it__convert_time"}
        said = await tools["it__convert_time"].use(
            {"source_timezone": "UTC", "time": "16:30", "target_timezone": "Asia/Tokyo"}
        )
        assert not said.failed and "T01:30:00+09:00" in said.text
        wrong = await tools["it__get_current_time"].use({"timezone": "Mars/Olympus"})
        assert wrong.failed and "Mars/Olympus" in wrong.text
    assert not warnings


async def test_the_git_server_tells_the_history_of_a_repository(tmp_path: Path) -> None:
    await anyio.run_process(["git", "init", "-q", tmp_path])
    (tmp_path / "a.txt").write_text("a")
    warnings, host_ = opened(tmp_path, "mcp-server-git", "--repository", str(tmp_path))
    async with host_ as host:
        tools = await tools_of(host)
        said = await tools["it__git_status"].use({"repo_path": str(tmp_path)})
        assert not said.failed and "a.txt" in said.text
        outside = await tools["it__git_status"].use({"repo_path": "/"})
        assert outside.failed
        assert tools["it__git_status"].subject == "repo_path"
    assert not warnings


async def test_the_fetch_server_offers_its_tool(tmp_path: Path) -> None:
    _, host_ = opened(tmp_path, "mcp-server-fetch")
    async with host_ as host:
        (tool,) = (await tools_of(host)).values()
        said = await tool.use({"url": "http://127.0.0.1:9/"})
        assert said.failed


async def test_the_filesystem_server_stays_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    _, host_ = opened(tmp_path, "mcp-server-filesystem", str(tmp_path))
    async with host_ as host:
        tools = await tools_of(host)
        assert (await tools["it__read_text_file"].use({"path": str(tmp_path / "a.txt")})).text == "hello"
        assert (await tools["it__read_text_file"].use({"path": "/etc/passwd"})).failed


async def test_the_memory_server_remembers(tmp_path: Path) -> None:
    _, host_ = opened(tmp_path, "mcp-server-memory")
    async with host_ as host:
        tools = await tools_of(host)
        said = await tools["it__search_nodes"].use({"query": "nobody-has-this"})
        assert not said.failed and json.loads(said.text)["entities"] == []


async def test_the_server_with_everything_is_used(tmp_path: Path) -> None:
    _, host_ = opened(tmp_path, "mcp-server-everything", "stdio")
    async with host_ as host:
        tools = await tools_of(host)
        assert (await tools["it__echo"].use({"message": "hi"})).text == "Echo: hi"
        assert host.instructions()
        image = await tools["it__get-tiny-image"].use({})
        assert "image/png of" in image.text and "not shown" in image.text
        with anyio.move_on_after(0.2) as scope:
            await tools["it__trigger-long-running-operation"].use({"duration": 60, "steps": 5})
        assert scope.cancelled_caught
        assert (await tools["it__echo"].use({"message": "still there"})).text == "Echo: still there"
