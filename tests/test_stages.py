"""The stages of the token pipeline: who is drawn, what passes, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.stage import StageApplied, StageUndone
from swarm.cache.caching import Caching
from swarm.connect import Roster
from swarm.plan import plan_of
from swarm.settings.load import SettingsInvalid, load_settings
from swarm.settings.stages import PRESETS, STAGES, Rule, StageSettings, preset_rules
from swarm.stages import Drawn, Shorter, Stages, compressed, drawn, room_of
from swarm.text.tokens import quick_tokens

LONG = "\n".join(f"2026-11-22 10:00:{n % 60:02} INFO request {n} was served in {n % 7} ms" for n in range(300))


def halved(text: str, room: int, whole: bool) -> Shorter:
    return Shorter(text[: len(text) // 2], "half")


def chosen(**rules: Rule) -> StageSettings:
    return StageSettings(rules=rules)


@given(share=st.floats(0.05, 0.95), salt=st.integers(0, 10**6))
def test_about_the_share_of_the_tasks_is_drawn_and_each_always_alike(share: float, salt: int) -> None:
    settings = chosen(inputs=Rule(mode="on", share=share))
    found = [drawn(settings, f"task {salt} {n}")["inputs"].how for n in range(400)]
    assert found == [drawn(settings, f"task {salt} {n}")["inputs"].how for n in range(400)]
    assert abs(found.count("used") / 400 - share) < 0.13
    assert set(found) <= {"used", "held"}


def test_a_stage_draws_for_itself() -> None:
    settings = chosen(inputs=Rule(mode="on", share=0.5), outputs=Rule(mode="on", share=0.5))
    pairs = {tuple(each.how for each in drawn(settings, str(n)).values()) for n in range(50)}
    assert len(pairs) == 4


def test_a_larger_share_takes_in_all_tasks_of_a_smaller_one() -> None:
    def used(share: float) -> set[int]:
        settings = chosen(inputs=Rule(mode="on", share=share))
        return {n for n in range(300) if drawn(settings, str(n))["inputs"].how == "used"}

    assert used(0.2) < used(0.5) < used(1.0) == set(range(300))


@pytest.mark.parametrize(("how", "sent"), [("used", "half"), ("measured", "all"), ("held", "all")])
def test_a_text_goes_on_shorter_only_where_its_stage_is_used_and_is_told_of_in_any_case(how: str, sent: str) -> None:
    said: list[StageApplied | StageUndone] = []
    stages = Stages({"inputs": Drawn(how, 0.5)}, tell=said.append, role="worker", branch="task:1")  # type: ignore[arg-type]
    text = stages.passed("inputs", LONG, halved, on="a.log")
    assert text == (LONG if sent == "all" else LONG[: len(LONG) // 2])
    (event,) = said
    assert isinstance(event, StageApplied)
    assert (event.stage, event.on, event.how, event.form) == ("inputs", "a.log", how, "half")
    assert (event.role, event.branch) == ("worker", "task:1")
    assert event.before == quick_tokens(LONG) and event.after == quick_tokens(LONG[: len(LONG) // 2])


def test_nothing_is_told_of_what_stays_as_it_is() -> None:
    said: list[StageApplied | StageUndone] = []
    stages = Stages({"inputs": Drawn("used", 0.5)}, tell=said.append, role="worker")
    short = "word " * 50
    assert stages.passed("inputs", short, halved, on="a") == short
    assert stages.passed("outputs", LONG, halved, on="a") == LONG
    assert stages.passed("inputs", LONG, lambda text, room, whole: Shorter(text + text), on="a") == LONG
    assert said == []


@given(keep=st.sampled_from([0.25, 0.5, 1.0]), lines=st.lists(st.text(max_size=120), max_size=200))
def test_no_text_comes_out_longer_or_above_its_room(keep: float, lines: list[str]) -> None:
    said: list[StageApplied | StageUndone] = []
    stages = Stages({"inputs": Drawn("used", keep)}, tell=said.append, role="worker")
    text = "\n".join(lines)

    def shorten(text: str, room: int, whole: bool) -> Shorter:
        made = compressed(text, room, whole, sought="what failed")
        assert whole or quick_tokens(made.text) <= room_of(made.form, quick_tokens(text), room)
        return made

    after = stages.passed("inputs", text, shorten, on="a")
    assert quick_tokens(after) <= quick_tokens(text)
    assert bool(said) == (after != text)


def test_minimal_uses_only_what_can_be_put_together_again_whole() -> None:
    rows = "[" + ",\n ".join(f'{{"name": "n{n}", "value": {n}}}' for n in range(300)) + "]"
    table = compressed(rows, 0, True, sought="")
    assert table.form == "json" and quick_tokens(table.text) < quick_tokens(rows) / 1.8
    from swarm.compress.rows import unpack

    assert unpack(table.text).replace(" ", "") == rows.replace(" ", "").replace("\n", "")
    assert compressed(LONG, 0, True, sought="") == Shorter(LONG)


def loaded(home: Path, text: str) -> StageSettings:
    (home / ".config/swarm").mkdir(parents=True, exist_ok=True)
    (home / ".config/swarm/config.toml").write_text(text)
    return load_settings(home, environ={"HOME": str(home)}).settings.stages


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_says_what_becomes_of_each_stage(tmp_path: Path, preset: str) -> None:
    found = loaded(tmp_path, f'[tokens]\npreset = "{preset}"\n')
    assert found == StageSettings(preset=preset, rules=preset_rules(preset))  # type: ignore[arg-type]
    assert set(found.rules) == (set() if preset == "off" else set(STAGES))


def test_settings_name_a_stage_in_place_of_what_the_preset_says(tmp_path: Path) -> None:
    text = (
        '[tokens]\npreset = "aggressive"\n[tokens.stages]\ninputs = 0.5\noutputs = "off"\nhistory = "off"\n'
        'results = "measure"\nevidence = "off"\n'
    )
    assert loaded(tmp_path, text).rules == {
        "inputs": Rule(mode="on", keep=0.25, share=0.5, asked=True),
        "results": Rule(mode="measure", keep=0.25, asked=True),
        **{stage: preset_rules("aggressive")[stage] for stage in ("skills", "tools", "prompt")},
    }
    assert loaded(tmp_path, '[tokens.stages]\ninputs = "on"\n').rules == {
        "inputs": Rule(mode="on", keep=0.3, asked=True)
    }


@pytest.mark.parametrize("use", ['"yes"', "1.5", "-1", "true", "[]", '"0.5.5"'])
def test_what_is_no_use_of_a_stage_is_refused_with_what_is_expected(tmp_path: Path, use: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"tokens.stages.inputs.*off, measure or on is expected, or the share"):
        loaded(tmp_path, f"[tokens.stages]\ninputs = {use}\n")


def test_a_stage_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"tokens\.stages\.input\b"):
        loaded(tmp_path, '[tokens.stages]\ninput = "on"\n')


@pytest.mark.parametrize(
    ("text", "exact", "near"),
    [
        ("", False, False),
        ('preset = "observe"', False, False),
        ('preset = "standard"', True, False),
        ('preset = "aggressive"', True, True),
        ('preset = "aggressive"\nanswers = "off"', False, False),
        ('answers = "near"', True, True),
    ],
)
def test_which_answers_are_given_again_is_said_by_settings_or_the_preset(
    tmp_path: Path, text: str, exact: bool, near: bool
) -> None:
    (tmp_path / ".config/swarm").mkdir(parents=True)
    (tmp_path / ".config/swarm/config.toml").write_text(f"[tokens]\nanswers_age_s = 60\n{text}\n")
    found = load_settings(tmp_path, environ={"HOME": str(tmp_path)})
    plan = plan_of(found, Roster(models=(), providers=()), confirmed=True)
    suggests, results = near and "near" not in text, "standard" in text or "aggressive" in text
    assert plan.caching == Caching(exact=exact, near=near, suggests=suggests, ttl_s=60, results=results)
    assert loaded_results(tmp_path, f"{text}\ntool_results = 'off'") is False
    assert loaded_results(tmp_path, f"{text}\ntool_results = 'on'") is True


def loaded_results(root: Path, text: str) -> bool:
    (root / ".config/swarm/config.toml").write_text(f"[tokens]\n{text}\n")
    return load_settings(root, environ={"HOME": str(root)}).settings.tool_results
