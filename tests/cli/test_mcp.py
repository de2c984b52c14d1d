"""`swarm mcp`: what is configured, that what a project brings waits for a person, and trying a server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from swarm.cli.main import main
from tests.tools import mcp_hostile

HOSTILE = str(Path(mcp_hostile.__file__))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home, project = tmp_path / "home", tmp_path / "project"
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG", "NOT_SET"):
        monkeypatch.delenv(name, raising=False)
    (home / ".config/swarm").mkdir(parents=True)
    (project / ".git").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(project)
    return project


def configure(folder: Path, **more: Any) -> None:
    it = {"command": sys.executable, "args": ["-S", HOSTILE], "deny": ["die"]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"it": it, **more}}))


def document(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    assert main(["mcp", *words, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def error(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    assert main(["mcp", *words]) == code
    return capsys.readouterr().err


def test_a_projects_server_is_listed_and_starts_only_when_confirmed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(folder, far={"url": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${NOT_SET}"}})
    said = error(capsys, "list", code=0)
    assert "2 servers of this project wait for you: `swarm mcp trust`" in said
    said = error(capsys, "test", "it", code=5)
    assert "was not confirmed" in said and HOSTILE in said and "swarm mcp trust it" in said
    assert document(capsys, "tools")["tools"] == [], "nothing of the project was started"
    said = error(capsys, "trust", code=5)
    assert HOSTILE in said and "and is given your NOT_SET" in said and "swarm mcp trust --yes" in said
    assert document(capsys, "trust", "it", "--yes")["confirmed"] == ["it"]
    rows = {row["name"]: row for row in document(capsys, "list")["servers"]}
    assert (rows["it"]["state"], rows["it"]["tools"], rows["far"]["state"]) == ("", None, "not confirmed")
    assert document(capsys, "trust", "--yes")["confirmed"] == ["far"]
    rows = {row["name"]: row for row in document(capsys, "list")["servers"]}
    assert rows["far"]["state"] == "it needs NOT_SET, which is not set"
    configure(folder, it={"command": "/bin/other"})
    assert document(capsys, "list")["servers"][0]["state"] == "not confirmed", "another command is another server"
    assert main(["mcp", "trust", "--yes"]) == 0 and main(["mcp", "trust"]) == 0
    assert "no server of this project waits for a confirmation" in capsys.readouterr().out


def test_a_server_is_tried_and_its_tools_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mcp", reason="the package mcp is not installed")
    configure(folder)
    assert main(["mcp", "trust", "--yes"]) == 0
    assert "trusted: 1 server, until its command, " in capsys.readouterr().out
    tried = document(capsys, "test", "it")
    assert (tried["title"], tried["version"], tried["left_out"], tried["said"]) == ("hostile", "1", ["die"], None)
    assert main(["mcp", "test", "it"]) == 0
    out = capsys.readouterr().out
    assert (
        out.startswith("it: hostile 1, protocol 2025-11-25, ready in ") and "left out by `allow` and `deny`: die" in out
    )
    assert main(["mcp", "test", "it", "echo", '{"text": "hi"}']) == 0
    assert capsys.readouterr().out == "hi\n"
    assert document(capsys, "test", "it", "fail", code=1)["said"] == {"text": "it cannot be done", "failed": True}
    assert "has no tool 'ecko'; did you mean 'echo'?" in error(capsys, "test", "it", "ecko")
    assert "is left out by `allow` or `deny`" in error(capsys, "test", "it", "die")
    names = [tool["name"] for tool in document(capsys, "tools", "it")["tools"]]
    assert "it__echo" in names and "it__die" not in names
    assert document(capsys, "list")["servers"][0]["tools"] == len(names), "what it offers is kept"
    assert main(["mcp", "tools"]) == 0
    assert any(line.split() == ["it__echo", "it", "Does", "echo."] for line in capsys.readouterr().out.splitlines())


def test_what_is_wrong_is_said_with_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no server of tools is configured here" in error(capsys, code=0)
    assert "no server of tools is configured here" in error(capsys, "tools", code=0)
    configure(folder, bad={"comand": "x"})
    (folder.parent / "home/.config/swarm/config.toml").write_text('[mcpServers.gone]\ncommand = "no-such-program"\n')
    assert "mcpServers.bad.comand: unknown key; did you mean 'command'?" in error(capsys, "list", code=0)
    assert "there is no server 'itt'; did you mean 'it'?" in error(capsys, "test", "itt")
    assert "which server is to be tried?" in error(capsys, "test")
    assert "takes no name" in error(capsys, "list", "it")
    assert "takes at most one name" in error(capsys, "tools", "it", "echo")
    assert "the arguments are no JSON" in error(capsys, "test", "gone", "echo", "{")
    assert "the arguments are an object of JSON" in error(capsys, "test", "gone", "echo", "[]")
    assert "'no-such-program' is not installed here" in error(capsys, "test", "gone", code=1)
    assert "needs no confirmation" in (main(["mcp", "trust", "gone"]), capsys.readouterr().out)[1]


def test_what_is_written_into_settings_is_not_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[mcpServers.a]\ncommand = "x"\nenv = { API_KEY = "sk-0123456789", OTHER = "${OTHER}" }\n'
    (folder.parent / "home/.config/swarm/config.toml").write_text(text)
    assert main(["config", "show"]) == 0
    assert 'env = { API_KEY = "***", OTHER = "${OTHER}" }' in capsys.readouterr().out
    assert main(["mcp"]) == 0 and main(["config", "show", "--json"]) == 0
    assert "sk-0123456789" not in capsys.readouterr().out
