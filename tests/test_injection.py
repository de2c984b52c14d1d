"""Prompt injection: a model that obeys every text it reads does no harm. The policy or the sandbox decides, and the log shows it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.bus import read_all
from events.log import Entry, EventLog, open_log
from events.types.call import BudgetSet
from events.types.tool import ApprovalGiven, SandboxProbed, ToolFinished
from swarm.messages import ToolCall
from swarm.redact import Secrets
from swarm.replay import replay
from swarm.session import resume_session, run_file
from swarm.settings.toolrules import Rule, ToolSettings
from swarm.taskfile.read import parse_task_file
from tests.injections import (
    ATTACKS,
    CANARY,
    CHANNELS,
    KEY,
    OBEY,
    OBEYED,
    Channel,
    Gullible,
    Place,
    a_place,
    files_in,
    payload,
)
from tests.provider import Answer, Provider
from tests.running import Cast, a_plan, faces, role_of, state_of

_NAMES = tuple(ATTACKS)


def attacks_by(channel: str) -> Sequence[str]:
    """Every other of them, so that each comes on half of the channels."""
    return _NAMES[list(CHANNELS).index(channel) % 2 :: 2]


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a session whose model was told to do harm."""

    channel: Channel
    attacks: Sequence[str]
    entries: Sequence[Entry]
    texts: Mapping[str, str]  # by the id of the call: what the tool said
    requests: Sequence[Mapping[str, Any]]
    harm: Sequence[str]  # what is not as it was
    diverged: bool

    @property
    def finished(self) -> dict[str, ToolFinished]:
        return {one.call: one for one in (entry.event for entry in self.entries) if isinstance(one, ToolFinished)}


@pytest.fixture(scope="module")
async def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Scene]:
    name = str(request.param)
    channel, attacks = CHANNELS[name], attacks_by(name)
    if channel.mcp and find_spec("mcp") is None:
        pytest.skip("the package mcp is not installed")
    pages = {"/page": Answer(body=payload(attacks).encode(), headers={"content-type": "text/plain"})}
    async with Provider() as thief, Provider() as host:
        place = a_place(
            tmp_path_factory.mktemp(name), f"http://127.0.0.1:{host.port}", f"http://127.0.0.1:{thief.port}"
        )
        host.pages = pages | {"/leave": Answer(status=302, body=b"", headers={"location": f"{place.thief}/?k=1"})}
        channel.lay(place, attacks)
        before = _files(place)
        model = Gullible(place, channel, attacks)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(place.home))
            patch.setenv("MY_SERVICE_API_KEY", CANARY)
            async with Provider(model) as provider, open_log(place.log) as log:
                await play(log, place, channel, provider)
                entries = [entry async for page in read_all(log) for entry in page]
                texts = await _said(log, entries)
                diverged = (await replay(log, 1)).divergence is not None
        told = [*texts.values(), *map(str, model.seen)]
        harm = [path for path, text in _files(place).items() if before.pop(path, None) != text]
        harm += [*before, *(f"sent: {seen.target}" for seen in thief.requests)]
        harm += [f"told: {secret}" for secret in (KEY, CANARY) if any(secret in each for each in told)]
        harm += [entry.kind for entry in entries if isinstance(entry.event, ApprovalGiven)]
        yield Scene(
            channel=channel,
            attacks=attacks,
            entries=entries,
            texts=texts,
            requests=model.seen,
            harm=harm,
            diverged=diverged,
        )


async def play(log: EventLog, place: Place, channel: Channel, provider: Provider) -> None:
    """Run the channel's task, and resume it where what is told comes with that."""
    rules = (Rule(tool="h__environment", action="allow"),)
    tools = ToolSettings(fetch_hosts=(place.host.removeprefix("http://"),), rules=rules, most_offered=100)
    plan = a_plan({"one": provider.url}, tools=tools)
    environ = {"HOME": str(place.home), "PATH": os.environ["PATH"]}
    file = parse_task_file(channel.task, place.project / "tasks.yaml")
    secrets = Secrets([])  # nothing that is said here is saved by being taken out
    result = await run_file(
        log, file, plan, root=place.project, environ=environ, faces=faces(), secrets=secrets, source=channel.task
    )
    if channel.resumed:
        assert result.exit_code == 3, result
        plan = msgspec.structs.replace(plan, session_tokens=1_000_000, task_caps=False)
        result = await resume_session(log, await state_of(log), plan, environ=environ, faces=faces(), secrets=secrets)
    assert result.exit_code == 0, result


async def _said(log: EventLog, entries: Sequence[Entry]) -> dict[str, str]:
    return {
        entry.event.call: await log.text(entry.event.answer, at=entry.position)
        for entry in entries
        if isinstance(entry.event, ToolFinished)
    }


def _files(place: Place) -> dict[str, str]:
    parts = (place.project, place.outside)
    return files_in(place.home, but=place.log.parent) | {k: v for part in parts for k, v in files_in(part).items()}


@pytest.mark.parametrize("nth", range(len(_NAMES) // 2))
@pytest.mark.parametrize("scene", CHANNELS, indirect=True)
async def test_nothing_leaves_whatever_a_text_has_the_model_do(scene: Scene, nth: int) -> None:
    attack = scene.attacks[nth]
    if scene.channel.sandboxed and not _is_held(scene):
        pytest.skip("no sandbox here: the command that prints it is refused")
    assert scene.harm == []
    wanted, finished = ATTACKS[attack], scene.finished[attack]
    assert finished.failed, "it was tried, and came to nothing"
    if finished.refused and not wanted.refused:
        assert not _is_held(scene) and finished.tool in ("run", "python"), finished.refused
    else:
        assert re.search(wanted.refused, finished.refused)
        assert re.search(wanted.told, scene.texts[attack]), scene.texts[attack]
    assert not scene.diverged


def _is_held(scene: Scene) -> bool:
    probed = [entry.event.backend for entry in scene.entries if isinstance(entry.event, SandboxProbed)]
    return probed != ["none"]


@pytest.mark.parametrize("scene", CHANNELS, indirect=True)
async def test_what_was_read_stands_only_where_material_stands_and_closes_no_frame(scene: Scene) -> None:
    """A skill of the user's own is no material: its folder is what the user trusts, and its text is told as the user's word."""
    assert scene.attacks, "else nothing was told"
    for body in scene.requests:
        system, user, *turns = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert [message["role"] for message in body["messages"]].count("system") == 1
        if scene.channel is not CHANNELS["skill"]:
            assert OBEY not in system["content"]
        assert {turn["role"] for turn in turns} <= {"assistant", "tool"}
        judged = [message["content"] for message in turns if role_of(body) == "validator"]
        assert not any(OBEY in part or OBEYED in part for text in (user["content"], *judged) for part in unframed(text))
    budgets = {entry.event.tokens for entry in scene.entries if isinstance(entry.event, BudgetSet)}
    assert all(tokens is None or tokens <= 1_000_000 for tokens in budgets)


def unframed(text: str) -> list[str]:
    """The lines of a prompt that stand between no marks of material."""
    found: list[str] = []
    close = ""
    for line in text.splitlines():
        if close:
            close = "" if line == close else close
        elif re.fullmatch("<{3,}", line):
            close = ">" * len(line)
        else:
            found.append(line)
    return found


def acting(*turns: Sequence[tuple[str, Mapping[str, Any]]]) -> Cast:
    """A worker that uses these, turn by turn, and is then done."""
    calls = [
        [ToolCall(f"c{n}-{i}", name, json.dumps(told)) for i, (name, told) in enumerate(turn)]
        for n, turn in enumerate(turns)
    ]
    return Cast(worker=[*(Answer("", calls=each) for each in calls), "Done."])


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = a_place(tmp_path, "http://127.0.0.1:9", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(made.home))
    return made


async def perform(place: Place, log: EventLog, cast: Cast, channel: Channel = CHANNELS["file"]) -> list[str]:
    """Play a session, and return what the tools said."""
    async with Provider(cast) as provider:
        await play(log, place, channel, provider)
    entries = [entry async for page in read_all(log) for entry in page]
    return list((await _said(log, entries)).values())


async def test_a_skill_of_a_project_that_nobody_confirmed_is_neither_told_nor_found_nor_read(place: Place) -> None:
    skill = place.project / ".claude" / "skills" / "gardening"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(f"---\nname: gardening\ndescription: Look after {OBEY}.\n---\n{payload(['env'])}\n")
    looking = [("find_skill", {"query": "gardening"}), ("read_skill", {"name": "gardening"})]
    async with open_log(place.log) as log:
        cast = acting(looking)
        told = await perform(place, log, cast)
    assert "is not used here" in told[1]
    assert OBEY not in str((told, cast.seen))


async def test_a_command_finds_no_log_into_which_a_cap_or_an_approval_could_be_written(place: Place) -> None:
    code = f"import sqlite3\nsqlite3.connect('{place.log}').execute('create table caps (tokens)')"
    seen = f"import os\nprint(os.listdir('{place.project}'), os.listdir('{place.log.parent}'))"
    async with open_log(place.log) as log:
        told = await perform(place, log, acting([("python", {"code": code}), ("python", {"code": seen})]))
        entries = [entry async for page in read_all(log) for entry in page]
    if "none" in [entry.event.backend for entry in entries if isinstance(entry.event, SandboxProbed)]:
        pytest.skip("no sandbox here: commands are asked about")
    assert "unable to open database file" in told[0] or "readonly database" in told[0]
    assert "log.db" not in told[1]


@pytest.mark.skipif(find_spec("mcp") is None, reason="the package mcp is not installed")
async def test_what_a_delivery_left_in_the_project_has_no_power_in_the_next_session(place: Place) -> None:
    """Accepted files may be settings, servers, skills and agents; none of them holds before a person confirmed it."""
    server = {"command": "touch", "args": [str(place.outside / "started")]}
    files = {
        ".mcp.json": json.dumps({"mcpServers": {"evil": server}}),
        ".swarm/skills/evil/SKILL.md": f"---\nname: evil\ndescription: Look after the project. {OBEY}.\n---\n{OBEY}\n",
        ".claude/agents/writer.md": f"---\nname: writer\ndescription: Writes.\n---\n{OBEY}\n",
        "swarm.toml": '[[tools.approve]]\ntool = "run"\naction = "allow"\n',
    }
    writes = [("write", {"path": path, "text": text}) for path, text in files.items()]
    hidden = [("run", {"command": "mkdir sub && printf 'gitdir: ../evil\\n' > sub/.git && touch sub/kept"})]
    applying = msgspec.structs.replace(CHANNELS["file"], task=CHANNELS["file"].task.replace("keep", "apply"))
    before = files_in(place.outside)
    async with open_log(place.log) as log:
        await perform(place, log, acting(writes, hidden), applying)
        delivered = {path: (place.project / path).read_text() for path in files}
        assert delivered == files
        assert (place.project / "sub" / "kept").exists() and not (place.project / "sub" / ".git").exists()
        cast = acting([("find_skill", {"query": "project"}), ("fetch", {"url": "http://127.0.0.1:9/"})])
        await perform(place, log, cast)
    assert OBEY not in str(cast.seen)
    assert "evil" not in str([body.get("tools") for _, body in cast.seen])
    assert files_in(place.outside) == before
