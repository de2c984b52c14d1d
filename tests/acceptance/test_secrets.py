"""A secret that the process knows goes nowhere: not into the log, a request, a screen, or a file outside of the work copy."""

from __future__ import annotations

import base64
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import environment
from tests.acceptance.tool_runs import TASK, Turn, Worker, a_place
from tests.provider import Answer, provider_thread
from tests.team import play, role_of, swarm
from tests.tools import mcp_hostile

CANARY = "sk-canary-4f1d9b7c2e8a6035"
FORMS = (CANARY, base64.b64encode(CANARY.encode()).decode())


def leak(body: dict[str, Any]) -> Answer:
    """A model that repeats the secret in its answers, as one that found it elsewhere would."""
    if role_of(body) == "worker":
        return Answer(f"The key is {CANARY}.")
    return play(body)


def test_a_canary_in_environment_prompt_input_check_output_and_error_appears_nowhere(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    home.mkdir()
    (project / "config.ini").write_text(f"key = {CANARY}\n")
    (project / "task.yaml").write_text(
        f"""
prompt: Say what {CANARY} in the file is.
input: config.ini
output: said.txt
limits: {{attempts: 2}}
check:
  - {{run: "cat config.ini; echo {CANARY} >&2; exit 1", name: "prints {CANARY}"}}
"""
    )
    told: list[str] = []
    with provider_thread(leak) as provider:
        env = {"MY_SERVICE_API_KEY": CANARY}
        words = ["run", "task.yaml", "--trust", "--endpoint", provider.url, "--model", "m"]
        for more in ([], ["--json"], ["--debug", "-v"], ["--progress", "json"]):
            done = swarm(*words, *more, home=home, cwd=project, env=env)
            assert done.returncode == 1, done.stderr
            told += [done.stdout, done.stderr]
        told += [request.target + str(request.body) for request in provider.requests]
        assert len(provider.requests) >= 8
    # an error that quotes it: a server that is not there, named with the secret in its path
    done = swarm("run", "task.yaml", "--endpoint", f"http://127.0.0.1:9/{CANARY}", home=home, cwd=project, env=env)
    told += [done.stdout, done.stderr]
    for words in (
        ["show"],
        ["log", "--texts"],
        ["show", "--json"],
        ["log", "--json", "--texts"],
        ["replay", "--check"],
        ["replay", "--at", "end"],
        ["ps"],
    ):
        done = swarm(*words, home=home, cwd=project, env=env)
        told += [done.stdout, done.stderr]
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert any(b"[secret:MY_SERVICE_API_KEY]" in content for content in written)
    for form in FORMS:
        assert not [text for text in told if form in text]
        assert not [content for content in written if form.encode() in content]
    assert not (project / "said.txt").exists()


def test_a_key_that_nobody_told_us_of_appears_nowhere_either(tmp_path: Path) -> None:
    key, lines = f"ghp_{'aB3dE7gH9k' * 4}", [f"{n}QzT5{'xY7wV2uS' * 6}" for n in range(4)]
    block = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    home.mkdir()
    (project / "id_rsa").write_text(block)
    (project / "task.yaml").write_text(
        f"prompt: Say what {key} is.\ninput: id_rsa\nlimits: {{attempts: 1}}\ncheck: {{run: 'cat id_rsa; exit 1', name: 'knows {key}'}}\n"
    )
    with provider_thread(lambda body: Answer(f"It is {key}.") if role_of(body) == "worker" else play(body)) as provider:
        done = swarm("run", "task.yaml", "--trust", "--endpoint", provider.url, "--model", "m", home=home, cwd=project)
        told = [done.stdout, done.stderr, *(str(request.body) for request in provider.requests)]
    shown = swarm("show", "--json", home=home, cwd=project)
    told += [shown.stdout, shown.stderr]
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert any("[secret:private_key]" in text for text in told) and any(
        "[secret:github_token]" in text for text in told
    )
    for secret in (key, *lines):
        assert not [text for text in told if secret in text]
        assert not [content for content in written if secret.encode() in content]


KEPT = "Bluebird4f1d9b7c2e8a6035Nest"  # a value that no form gives away, in the environment of the process
HELD = "Chaffinch77e0c1d2b3a49586Wing"  # the same, in the settings of one server alone
LEAKING: tuple[Turn, ...] = (
    [("read", {"path": "config.ini"}), ("search", {"pattern": "Bluebird"}), ("read_skill", {"name": "aviary"})],
    [("read_skill", {"name": "aviary", "file": "keys.md"}), ("h__environment", {}), ("h__echo", {"text": KEPT})],
    [
        (
            "run",
            {"command": "cat config.ini; base64 config.ini; env; cp config.ini copy.txt; ln -s $(cat config.ini) to"},
        )
    ],
    [("python", {"code": "print(open('config.ini').read()[::1] * 3)"}), ("write", {"path": "said.txt", "text": KEPT})],
    [("read", {"path": "nowhere/" + KEPT}), ("fetch", {"url": f"http://127.0.0.1:9/{KEPT}"}), (KEPT, {})],
    f"Done. The key is {KEPT}.",
)


@pytest.mark.skipif(find_spec("mcp") is None, reason="the package mcp is not installed")
def test_a_canary_in_files_skills_servers_and_what_tools_say_appears_nowhere(tmp_path: Path) -> None:
    place = a_place(
        tmp_path, **{"config.ini": KEPT, "task.yaml": TASK.replace("apply", "keep").replace("look, edit", "all")}
    )
    place.settings('[tools]\napprove = [{ tool = "h__*", action = "allow" }]\n')
    config = place.home / ".config" / "swarm"
    told = json.dumps(f"Started with {HELD} and {KEPT}.")
    given = {"SERVICE_TOKEN": HELD, "OTHER_TOKEN": "${MY_SERVICE_API_KEY}", "INJECTION": told}
    server = {"command": sys.executable, "args": ["-S", str(Path(mcp_hostile.__file__)), "odd"], "env": given}
    (config / "mcp.json").write_text(json.dumps({"mcpServers": {"h": server}}))
    (config / "skills" / "aviary").mkdir(parents=True)
    told = f"---\nname: aviary\ndescription: Mends birds with {KEPT}.\n---\nSee keys.md, or {KEPT}.\n"
    (config / "skills" / "aviary" / "SKILL.md").write_text(told)
    (config / "skills" / "aviary" / "keys.md").write_text(KEPT)
    own = {path for path in place.home.rglob("*") if path.is_file()}
    env = {"MY_SERVICE_API_KEY": KEPT}
    said: list[str] = []
    with provider_thread(Worker(*LEAKING)) as provider:
        done = place.swarm(*place.words(provider), "--debug", "-v", env=env)
        assert done.returncode == 0, done.stderr
        said += [done.stdout, done.stderr]
        requests = [request.target + json.dumps(request.body) for request in provider.requests]
    assert list(place.temporary.iterdir()) == [], "the work copies are gone"
    assert any("[secret:SERVICE_TOKEN]" in request for request in requests), "the server had its key"
    assert sum("[secret:MY_SERVICE_API_KEY]" in request for request in requests) > 3
    words = "show s1/fix --diff|show s1/fix --json|log --json --texts|why s1/fix"
    for line in words.split("|"):
        done = place.swarm(*line.split(), env=env)
        assert done.returncode == 0, (line, done.stderr)
        said += [done.stdout, done.stderr]
    written = [path.read_bytes() for path in place.home.rglob("*") if path.is_file() and path not in own]
    assert any(b"[secret:MY_SERVICE_API_KEY]" in content for content in written)
    for secret in (KEPT, HELD):
        for form in (secret, base64.b64encode(secret.encode()).decode()):
            assert not [text for text in requests if form in text]
            assert not [text for text in said if form in text]
            assert not [content for content in written if form.encode() in content]


def test_the_environment_of_these_tests_holds_nothing_else() -> None:
    assert set(environment(Path("/nowhere"))) == {"HOME", "PATH", "PYTHONPATH"}
