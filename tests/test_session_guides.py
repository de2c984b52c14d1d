"""Whole sessions whose steps are told in short of skills and tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from events.log import open_log
from events.types.call import CallReserved
from events.types.stage import StageApplied
from swarm.replay import replay
from swarm.settings.stages import StageSettings, preset_rules
from tests.running import Cast, run, serving
from tests.skill_folders import write_skill
from tests.test_session_prompts import OFF, system
from tests.test_session_tools import events, use

STANDARD = StageSettings(preset="standard", rules=preset_rules("standard"))
MINIMAL = StageSettings(preset="minimal", rules=preset_rules("minimal"))
PARTS = {"Procedure": "Grease the sprocket.", "Teeth": "Count the teeth of a sprocket.", "Billing": "Write hours down."}
BODY = "Never tune one that turns.\n\n" + "\n\n".join(
    f"## {title}\n{text}\n{'Whoever is in doubt asks the foreman of the hall first. ' * 14}"
    for title, text in PARTS.items()
)


@pytest.fixture
def home(tmp_path: Path) -> Mapping[str, str]:
    folder = tmp_path / "config" / "swarm" / "skills"
    write_skill(folder, "sprocket-tuning", "Tunes sprockets. Use when one rattles.", body=BODY)
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}


def tune(**more: Any) -> str:
    task = {"id": "tune", "prompt": "Tune the sprocket and count its teeth", "tools": ["look", "edit"], **more}
    return json.dumps({"tasks": [{**task, "check": [{"contains": "12"}]}]})


async def worked(
    tmp_path: Path, home: Mapping[str, str], stages: StageSettings, cast: Cast, text: str
) -> tuple[list[StageApplied], list[CallReserved]]:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
        assert (await run(log, text, plan, project, environ=home)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
        return await events(log, StageApplied), await events(log, CallReserved)


async def test_a_step_is_told_of_a_skill_what_fits_and_of_tools_no_bounds(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    cast = Cast(worker=[use("read", path="a", colour="red"), "12"])
    applied, calls = await worked(tmp_path, home, STANDARD, cast, tune())
    assert [(each.stage, each.on, each.form) for each in applied] == [
        ("skills", "skills", "skills"),
        ("tools", "tools", "tools"),
    ]
    assert all(each.after < each.before for each in applied)
    said = system(cast)[0]
    assert "Never tune one that turns." in said and "## Procedure" in said and "## Teeth" in said
    assert "## Billing" not in said and "(read_skill gives all of sprocket-tuning)" in said
    assert calls[0].skills == ("sprocket-tuning",) and calls[0].skill_tokens[0] < len(BODY) / 4
    offered = json.dumps(cast.seen[0][1]["tools"])
    assert '"minimum": 1' not in offered and "additionalProperties" not in offered and '"maximum": 2' in offered
    assert "has no parameter 'colour'" in str(cast.seen[1][1]["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("stages", "more"),
    [(OFF, {}), (MINIMAL, {}), (STANDARD, {"skills": ["sprocket-tuning"]})],
    ids=["off", "minimal", "named"],
)
async def test_a_skill_is_told_whole_where_nobody_asked_for_less_or_somebody_named_it(
    tmp_path: Path, home: Mapping[str, str], stages: StageSettings, more: Mapping[str, Any]
) -> None:
    cast = Cast(worker=["12"])
    applied, _ = await worked(tmp_path, home, stages, cast, tune(**more))
    assert BODY.strip() in system(cast)[0]
    assert [each.stage for each in applied] == ([] if stages is OFF else ["tools"])


async def test_after_a_rejected_draft_the_skill_is_told_whole(tmp_path: Path, home: Mapping[str, str]) -> None:
    cast = Cast(worker=["none", "12"])
    await worked(tmp_path, home, STANDARD, cast, tune())
    first, second = system(cast)
    assert "## Billing" not in first and BODY.strip() in second
