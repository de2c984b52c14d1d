"""The bench of skills: what it writes is read whole, and all of its rows are measured."""

from __future__ import annotations

from pathlib import Path

from bench import skills
from tests.skill_folders import opened


def test_all_of_its_skills_are_found_those_without_yaml_with_a_warning(tmp_path: Path) -> None:
    skills.write_skills(tmp_path, 40)
    library = opened(tmp_path)
    assert len(library.skills) == 40
    assert len(library.warnings) == 2 and all("is no YAML" in each.message for each in library.warnings)
    rows = skills.figures(40, [skills.measure(tmp_path)])
    assert len(rows) == 6 and all(row.value > 0 for row in rows) and rows[0].bar is None
