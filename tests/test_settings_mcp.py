"""Servers of tools in settings and files: forms that people have, whose word holds, and the sentences for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.settings.load import SettingsInvalid, load_settings
from swarm.settings.mcpfile import McpFile, lines_of, read_mcp_file
from swarm.settings.mcpfound import McpFound, find_mcp_servers
from swarm.settings.mcpserver import McpServer
from swarm.tools.mcp.errors import ServerUnready
from swarm.tools.mcp.kept import KEPT_FOR_S, keep, place_of, read_kept
from swarm.tools.mcp.listing import Listing
from swarm.tools.mcp.variables import environment, filled, secrets_of, shown_of

quiet = settings(max_examples=50, deadline=None)


def read(folder: Path, content: object, *, of_project: bool = False) -> McpFile:
    path = folder / ".mcp.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
    return read_mcp_file(path, origin="project" if of_project else "user", of_project=of_project)


def one(folder: Path, entry: object, **more: Any) -> McpServer:
    found = read(folder, {"mcpServers": {"it": entry}}, **more)
    assert not found.problems, found.problems
    return found.servers[0]


def problem(folder: Path, entry: object, **more: Any) -> str:
    found = read(folder, {"mcpServers": {"it": entry}}, **more)
    assert not found.servers
    (said,) = found.problems
    return said


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"command": "x"}, "stdio"),
        ({"type": "stdio", "command": "x"}, "stdio"),
        ({"url": "https://a.example/mcp"}, "http"),
        ({"type": "streamable-http", "url": "https://a.example/mcp"}, "http"),
        ({"transport": "streamableHttp", "url": "${BASE:-https://a.example}/mcp"}, "http"),
        ({"httpUrl": "https://a.example/mcp"}, "http"),
        ({"url": "https://a.example/sse"}, "sse"),
        ({"type": "sse", "url": "http://localhost:1/"}, "sse"),
    ],
)
def test_what_kind_a_server_is_is_said_or_seen(entry: object, kind: str, tmp_path: Path) -> None:
    assert one(tmp_path, entry).kind == kind


def test_what_other_programs_call_the_same_is_understood(tmp_path: Path) -> None:
    entry = {
        "command": "x",
        "includeTools": ["a"],
        "disabledTools": ["b"],
        "timeout": 30_000,
        "enabled": False,
        "cwd": None,
    }
    found = one(tmp_path, entry | {"description": "mine", "startup_timeout_sec": 5})
    assert (found.allow, found.deny, found.call_s, found.start_s, found.disabled) == (("a",), ("b",), 30, 5, True)
    assert one(tmp_path, {"command": "x", "timeout": 20}).call_s == 20
    warned = read(tmp_path, {"mcpServers": {"it": {"command": "x", "autoApprove": ["*"]}}})
    assert warned.servers and warned.warnings[0].endswith(
        ":5: mcpServers.it.autoApprove is another program's, and has no effect here"
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"comand": "x"}, ".mcp.json:4: mcpServers.it.comand: unknown key; did you mean 'command'?"),
        ({"args": ["x"]}, ".mcp.json:3: server 'it' has neither command nor url"),
        ({"command": "x", "url": "https://a.example"}, "has both command and url"),
        ({"command": "npx -y thing"}, "write command = 'npx' and args = ['-y', 'thing']"),
        ({"command": "x", "type": "http"}, "is of the type http and has a command"),
        ({"command": "x", "type": "carrier pigeon"}, "mcpServers.it.type: one of stdio, http, sse is expected"),
        ({"command": "x", "args": "-y"}, 'a list of texts is expected, such as ["-y", "some-server"], not a text'),
        ({"command": "x", "args": [1]}, "each argument is a text, not a number"),
        ({"command": "x", "env": {"PORT": 1}}, "the value of PORT is a text on one line, not a number"),
        ({"command": "x", "env": {"A B": "1"}}, "'A B' is no name that is possible here"),
        ({"command": "x", "env": ["A=1"]}, "a table of texts is expected"),
        ({"url": "a.example/mcp"}, "is no http or https URL"),
        ({"url": "https://a.example", "headers": {"X": "a\nb"}}, "the value of X is a text on one line"),
        ({"command": "x", "call_s": "soon"}, "'soon' is not a time"),
        ({"command": "x", "call_s": "2h"}, "at most an hour is expected"),
        ({"command": "x", "disabled": "no"}, "true or false is expected, not a text"),
        ({"command": "x", "allow": [""]}, "names or globs of tools are expected"),
        ({"command": 7}, "a text is expected, not a number"),
        ("npx thing", "server 'it' is an object, not a text"),
    ],
)
def test_what_is_wrong_with_a_server_is_said_with_its_line(entry: object, said: str, tmp_path: Path) -> None:
    found = problem(tmp_path, entry)
    assert said in found and str(tmp_path / ".mcp.json") in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {\n "a": }}', ".mcp.json:2:7: this is not JSON"),
        ('// mine\n{"mcpServers": {}}', "JSON has no comments"),
        ('{"servers": {}}', "'servers' is called \"mcpServers\" here"),
        ('{"mcpServers": []}', '"mcpServers" is an object with a server for each name, not a list'),
        ("[]", 'an object with "mcpServers" is expected, not a list'),
        ("{}", 'it has no "mcpServers"'),
        ('{"mcpServers": {"": {"command": "x"}}}', "cannot be the name of a server"),
        ('{"a":' * 100_000, "this is not JSON"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, said: str, tmp_path: Path) -> None:
    (found,) = read(tmp_path, text).problems
    assert said in found


def test_one_server_that_is_wrong_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    found = read(tmp_path, {"mcpServers": {"a": {"command": "x"}, "b": {}, "c": {"url": "http://localhost"}}})
    assert [server.name for server in found.servers] == ["a", "c"] and len(found.problems) == 1


@quiet
@given(
    st.recursive(
        st.none() | st.text(max_size=4),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=8,
    )
)
def test_each_key_of_any_json_has_its_line(content: Any) -> None:
    text = json.dumps({"top": content}, indent=1)
    lines = text.splitlines()
    for key, line in lines_of(text).items():
        assert json.dumps(key[-1]) + ":" in lines[line - 1]


def test_a_digest_is_of_all_that_is_started_and_of_nothing_else(tmp_path: Path) -> None:
    base = {"command": "x", "args": ["a"], "env": {"A": "1"}, "cwd": "."}
    digests = {one(tmp_path, base | more).digest for more in ({}, {"call_s": 5}, {"allow": ["a"]}, {"disabled": True})}
    assert len(digests) == 1
    changed = ({"command": "y"}, {"args": ["b"]}, {"env": {"A": "2"}}, {"env": {"B": "1"}}, {"cwd": "/"})
    assert len({one(tmp_path, base | more).digest for more in changed} | digests) == 6


def test_what_was_confirmed_in_one_project_is_not_confirmed_in_another(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    folders = (tmp_path, tmp_path / "other")
    entry = {"command": "./server"}
    assert len({one(folder, entry, of_project=True).digest for folder in folders}) == 2
    assert len({one(folder, entry).digest for folder in folders}) == 1


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "home/.config/swarm").mkdir(parents=True)
    (tmp_path / "home/project/.git").mkdir(parents=True)
    return tmp_path / "home/project"


def found_in(project: Path, toml: str = "", *, projects: str = "") -> McpFound:
    (project.parent / ".config/swarm/config.toml").write_text(toml)
    (project / "swarm.toml").write_text(projects)
    environ = {"HOME": str(project.parent)}
    return find_mcp_servers(load_settings(project, environ=environ), project, environ)


def test_a_projects_server_waits_for_a_person_and_yours_hold_before_it(project: Path) -> None:
    (project / ".mcp.json").write_text(
        '{"mcpServers": {"a": {"command": "p"}, "b": {"command": "p"}, "c": {"command": "p"}}}'
    )
    (project.parent / ".config/swarm/mcp.json").write_text(
        '{"mcpServers": {"b": {"command": "u"}, "d": {"command": "u", "disabled": true}}}'
    )
    found = found_in(project, '[mcpServers.a]\ncommand = "s"\ncall_s = 1.5\n')

    def states(trusted: set[str]) -> list[tuple[str, str, str]]:
        return [(each.name, each.command, found.state(each, trusted)) for each in found.servers]

    assert states(set()) == [
        ("a", "s", ""),
        ("a", "p", "not confirmed"),
        ("b", "p", "not confirmed"),
        ("c", "p", "not confirmed"),
        ("b", "u", ""),
        ("d", "u", "disabled"),
    ]
    assert [each.command for each in found.taking_part(set())] == ["s", "u"]
    trusted = {found.servers[2].digest}
    assert [each[2] for each in states(trusted)] == [
        "",
        "covered by settings",
        "",
        "",
        "covered by project",
        "disabled",
    ]
    assert "take no part: a, b, c; look at them with `swarm mcp list`" in found.told(set()) and not found.told(trusted)
    assert not found.unconfirmed(trusted), "what is equal to what was confirmed is confirmed"
    assert found.servers[0].call_s == 1.5 and found.servers[0].place.endswith("config.toml:2")


def test_a_projects_settings_cannot_start_a_program(project: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"swarm.toml:2: mcpServers.a.command: a project file cannot set this"):
        found_in(project, projects='[mcpServers.a]\ncommand = "s"\n')
    with pytest.raises(
        SettingsInvalid, match=r"config.toml:2: mcpServers.a.comand: unknown key; did you mean 'command'"
    ):
        found_in(project, '[mcpServers.a]\ncomand = "s"\n')
    with pytest.raises(SettingsInvalid, match=r"config.toml:2: server 'a' has neither command nor url"):
        found_in(project, '[mcpServers.a]\nargs = ["s"]\n')


def test_a_project_cannot_have_its_own_hints_believed(tmp_path: Path) -> None:
    assert "its hints are trusted" in problem(tmp_path, {"command": "x", "trust_hints": True}, of_project=True)
    assert one(tmp_path, {"command": "x", "trust_hints": True}).trust_hints
    assert one(tmp_path, {"command": "x", "trust_hints": True, "keep_s": "5m"}).keep_s == 300
    assert "needs trust_hints = true" in problem(tmp_path, {"command": "x", "keep_s": 60})


def test_variables_are_filled_in_from_the_environment_alone(tmp_path: Path) -> None:
    server = one(
        tmp_path,
        {
            "command": "${BIN:-x}",
            "args": ["$HOME", "${env:MINE}"],
            "env": {"T": "${TOKEN}", "E": "${EMPTY:-}"},
            "cwd": "${DIR}",
        },
    )
    assert server.variables == ("BIN", "DIR", "EMPTY", "MINE", "TOKEN")
    ready = filled(server, {"MINE": "m", "TOKEN": "t", "DIR": "/d", "EMPTY": ""})
    assert (ready.command, ready.args, ready.env, ready.cwd) == ("x", ("$HOME", "m"), {"T": "t", "E": ""}, "/d")
    with pytest.raises(ServerUnready, match="needs DIR, MINE, TOKEN, which are not set; export it"):
        filled(server, {})
    with pytest.raises(ServerUnready, match="is no http or https URL"):
        filled(one(tmp_path, {"url": "${WHERE}"}), {"WHERE": "file:///etc/passwd"})
    given_ = environment(ready, {"PATH": "/bin", "LC_ALL": "C", "OPENAI_API_KEY": "k", "LD_PRELOAD": "evil.so"})
    assert given_ == {"PATH": "/bin", "LC_ALL": "C", "T": "t", "E": ""}


def test_what_somebody_wrote_into_a_file_is_not_shown_and_taken_out(tmp_path: Path) -> None:
    entry = {
        "url": "https://me:passw0rdpassw0rd@a.example",
        "headers": {"Authorization": "Bearer tok-1234567890", "Accept": "text/plain"},
    }
    server = one(tmp_path, entry)
    shown = shown_of(server)
    assert "passw0rd" not in shown and "tok-1234567890" not in shown and "Accept: text/plain" in shown
    assert "tok-1234567890" not in secrets_of(server).redact("it said: tok-1234567890, text/plain")
    local = one(
        tmp_path, {"command": "x", "env": {"API_KEY": "sk-0123456789", "MY_TOKEN": "${MY_TOKEN}", "MODE": "plain-mode"}}
    )
    assert shown_of(local) == "API_KEY=[secret:API_KEY] MY_TOKEN='${MY_TOKEN}' MODE=plain-mode x"


def test_what_is_kept_is_of_one_program_and_grows_old(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("one")
    program.chmod(0o700)
    server = McpServer(name="a", kind="stdio", command=str(program))
    place = place_of(tmp_path / "kept", server, {})
    keep(place, Listing(version="1"))
    now = place.stat().st_mtime
    assert read_kept(place, now + 10) == Listing(version="1")
    assert read_kept(place, now + KEPT_FOR_S + 10) is None and read_kept(place, now - 100) is None
    program.write_text("another")
    assert place_of(tmp_path / "kept", server, {}) != place
    assert (
        place_of(tmp_path / "kept", McpServer(name="a", kind="stdio", command=str(program), args=("b",)), {}) != place
    )
    for broken in (b"", b"{", b'{"form": 1}', b"\xff"):
        place.write_bytes(broken)
        assert read_kept(place) is None
