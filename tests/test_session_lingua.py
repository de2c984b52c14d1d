"""Whole sessions in which a model leaves words out of what a task is given to read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from events.log import open_log
from events.types.stage import StageApplied
from swarm.replay import replay
from swarm.settings.load import SettingsInvalid, load_settings
from swarm.settings.stages import StageSettings, preset_rules
from tests.compress.tiny_lingua import write_model
from tests.running import Cast, faces, run, serving
from tests.test_session_tools import events

ASKED = "tasks:\n- id: mill\n  prompt: When was the mill of Westham built?\n  input: mills.txt\n  check: [{contains: '1634'}]\n"
TOWNS = [f"{first}{last}" for first in ("Nor", "Sud", "West", "Ost") for last in ("wick", "bury", "ham", "ford")]
MILLS = "\n\n".join(
    f"It was really so that in the town of {town} the very old mill by the river was built in {year}. The millers of the "
    "town did then sell the flour of it to strangers, as it is told by the people who really know of it."
    for year, town in zip([1000, 1100, 1200, 1300, 1400, 1500, 1634, *range(1700, 2600, 100)], TOWNS, strict=True)
).replace("Westbury", "Eastbury")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mills.txt").write_text(MILLS.replace("Eastham", "Westham"))
    return tmp_path


def settings(folder: Path) -> StageSettings:
    return StageSettings(preset="standard", rules=preset_rules("standard"), lingua=str(folder))


async def test_words_of_what_a_task_reads_are_left_out_and_the_record_says_by_what(project: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `lingua` (onnxruntime) is not installed")
    pytest.importorskip("tokenizers", reason="the extra `lingua` (tokenizers) is not installed")
    words = dict.fromkeys(re.findall(r"[a-z]{5,}", MILLS.lower()), 2.0) | {"really": -4.0, " ": -2.0}
    folder = write_model(project / "model", words)
    said: list[str] = []
    cast = Cast(worker=["In 1634."])
    async with open_log("memory:") as log, serving(cast, stages=settings(folder)) as (_, plan):
        assert (await run(log, ASKED, plan, project, looks=faces(say=said.append))).exit_code == 0
        (applied,) = await events(log, StageApplied)
        assert (applied.form, applied.how) == ("lingua", "used")
        assert applied.after <= max(400, applied.before // 2)
        assert (await replay(log, 1)).divergence is None
    (prompt,) = cast.prompts("worker")
    assert "1634" in prompt and "words of them]" in prompt
    assert said == []


@pytest.mark.parametrize("broken", ["nothing there", "no model"])
async def test_a_model_that_cannot_be_used_is_named_once_and_texts_are_shortened_without_it(
    project: Path, broken: str
) -> None:
    folder = project / broken.replace(" ", "")
    if broken == "no model":
        (write_model(folder, {}) / "model.onnx").write_bytes(b"\x07")
    said: list[str] = []
    two = ASKED + ASKED.removeprefix("tasks:\n").replace("id: mill", "id: again")
    async with open_log("memory:") as log, serving(Cast(worker=["In 1634."] * 2), stages=settings(folder)) as (_, plan):
        assert (await run(log, two, plan, project, looks=faces(say=said.append))).exit_code == 0
        assert {each.form for each in await events(log, StageApplied)} == {"prose"}
    (notice,) = said
    assert str(folder) in notice and "Texts are shortened by sentences alone" in notice


def test_settings_name_the_model_by_a_path_and_no_project_may(tmp_path: Path) -> None:
    user, project = tmp_path / ".config/swarm/config.toml", tmp_path / "swarm.toml"
    user.parent.mkdir(parents=True)
    user.write_text('[tokens]\nlingua = "~/models/lingua"\n')
    stages = load_settings(tmp_path, environ={"HOME": str(tmp_path)}).settings.stages
    assert stages.lingua == str(tmp_path / "models/lingua") and stages.rules == {}
    user.unlink()
    project.write_text('[tokens]\nlingua = "model"\n')
    with pytest.raises(SettingsInvalid, match=r"tokens\.lingua.*a model of its own"):
        load_settings(tmp_path, environ={"HOME": str(tmp_path)})
