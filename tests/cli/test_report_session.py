"""`swarm report session`: how a session went beside the ones before it, what waits, what to type next; and what a run leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from events.log import EventLog, open_log
from events.testing import builders as make
from events.types.task import OutputFile
from swarm.cli.main import main
from swarm.insight.efficiency import MEASURES, Figures, beside
from tests.pages import Parsed


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG"):
        monkeypatch.delenv(name, raising=False)
    return str(tmp_path / "log.db")


async def session(log: EventLog, number: int, *, tokens: int, path: str, tier: str = "free", end: str = "") -> None:
    """One with a task that was rejected once and then accepted, as `end` says."""

    async def add(*events: object, **where: int) -> int:
        new = [make.new(event, session=number, task="build", **where) for event in events]  # type: ignore[arg-type]
        return (await log.append(new, texts=[make.a_text("text")])).positions[-1]

    name = f"s{number}"
    opened = make.new(make.opened(title="Ship | it", path=path, directory="/work"), session=number, topic="sessions")
    await log.append([opened])
    here = {"step": 1, "attempt": 1}
    outputs = (OutputFile(path="out_1.md", digest=""),)
    await add(make.submitted(title="<b>Build</b>", outputs=outputs))
    scopes = ("day:2026-11-21@UTC", name)
    at = await add(make.planned(), make.reserved(tier=tier, scopes=scopes), **here)
    settled = make.settled(at, input_tokens=tokens, output_tokens=0, cached_tokens=tokens // 4, cost_nanos=tokens * 10)
    await add(settled, make.drafted(), make.rejected(reason="a | b"), step=1, attempt=1)
    await add(make.drafted(), make.accepted(unjudged=end == "unjudged"), step=1, attempt=2)
    await add(make.task_accepted(outputs=outputs, unjudged=end == "unjudged", kept=end == "kept"))
    await log.append([make.new(make.closed(finished=True, exit_code=0), session=number, topic=f"claim/{name}")])


def recorded(url: str, *sessions: Mapping[str, object]) -> None:
    async def record() -> None:
        async with open_log(url) as log:
            for number, given in enumerate(sessions, 1):
                await session(log, number, **given)  # type: ignore[arg-type]

    anyio.run(record)


def test_a_session_is_told_beside_the_median_of_those_of_its_task_file(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    of = [{"tokens": tokens, "path": "a.yaml"} for tokens in (1000, 3000, 2000)]
    recorded(
        log, *of, {"tokens": 9, "path": "b.yaml"}, {"tokens": 500, "path": "a.yaml", "tier": "paid", "end": "kept"}
    )
    assert main(["report", "session", "s5", "--json", "--log", log]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "swarm.report.session/1" and told["exit_code"] == 0 and told["state"] == "finished"
    assert told["beside"]["of"] == "task file" and told["beside"]["sessions"] == ["s1", "s2", "s3"]
    measures = {each["name"]: (each["now"], each["median"], each["better"]) for each in told["beside"]["measures"]}
    assert measures["tokens for an accepted task"] == (500, 2000, True)
    assert measures["money for an accepted task"] == (5000, 20_000, True)
    assert measures["tokens on free tiers"] == (0, 1000, False)
    assert measures["drafts that were rejected"] == (500, 500, None)
    assert measures["input that providers had cached"] == (250, 250, None)
    assert told["figures"]["accepted"] == told["figures"]["tasks"] == told["figures"]["rejected"] == 1
    assert told["waits"] == [
        {"name": "s5/build", "why": "what tools changed is not in your files", "command": "swarm apply s5/build"}
    ]
    assert told["next"] == ["swarm apply s5/build", "swarm show s5", "swarm report --html s5 --to report.html"]


def test_as_markdown_it_names_what_it_is_compared_with_and_texts_stay_texts(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(log, {"tokens": 1000, "path": ""}, {"tokens": 4000, "path": "", "end": "unjudged"})
    assert main(["report", "session", "--md", "--log", log]) == 0
    told = capsys.readouterr().out
    assert r"# Session s2: Ship \| it" in told and "<b>" not in told
    assert "Beside the median of the last session of the same project before it (s1)." in told
    assert "| tokens for an accepted task | 4,000 | 1,000 | worse |" in told
    assert r"| s2/build | accepted, unjudged | 1 | 4,000 | $0.00004 | out\_1.md |" in told
    assert f"- s2/build: accepted but unjudged: only its form was looked at `swarm show s2/build --log {log}`" in told
    assert main(["report", "session", "s1", "--log", log]) == 0
    assert "There is no session of the same project before it" in capsys.readouterr().out
    assert main(["report", "session", "--csv", "--log", log]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("s2/build,<b>Build</b>,accepted,1,,1,1,4000,40000,")
    assert main(["report", "session", "s9", "--log", log]) == 2
    assert "there is no session s9" in capsys.readouterr().err


def test_a_figure_that_a_session_does_not_have_is_compared_with_nothing() -> None:
    none = Figures(**dict.fromkeys(Figures.__struct_fields__, 0))
    assert [each.now for each in beside(none, [none])] == [None] * len(MEASURES)
    assert all(each.better is None and each.sessions == 0 for each in beside(none, []))


SCRIPT = '[[line]]\nsays = "Hello."\n'


def test_a_run_names_its_report_and_leaves_it_in_the_form_that_the_file_asks_for(
    log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text(SCRIPT)
    (tmp_path / "task.yaml").write_text("prompt: Say hello.\ncheck: {contains: Hello}\n")
    run = ["run", "task.yaml", "--script", "a.toml", "--log", log, "--progress", "none"]
    assert main([*run, "--report", "out/{session}.html"]) == 0
    said = capsys.readouterr().err
    assert f"`swarm report session s1 --log {log}`" in said and "the report is in out/s1.html" in said
    page = Parsed((tmp_path / "out/s1.html").read_text())
    assert "1 of 1" in page.words and page.rows("Tasks (1)")["total"][3] == "1"
    settings = tmp_path / ".config" / "swarm"
    settings.mkdir(parents=True)
    (settings / "config.toml").write_text('report_file = "~/last.json"\n')
    assert main(run) == 0
    told = json.loads((tmp_path / "last.json").read_text())
    assert told["session"] == "s2" and told["beside"]["sessions"] == ["s1"]
    (tmp_path / "file").write_text("")
    assert main([*run, "--report", "file/x.md"]) == 0
    assert "no report was left: the report cannot be written to file/x.md" in capsys.readouterr().err
    assert main([*run, "--report", str(tmp_path)]) == 2
    assert "this is a folder" in capsys.readouterr().err


def test_a_project_cannot_say_where_reports_are_written(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "swarm.toml").write_text('report_file = "~/.bashrc"\n')
    assert main(["run", "Say hello.", "--log", log]) == 2
    assert "report_file" in capsys.readouterr().err
