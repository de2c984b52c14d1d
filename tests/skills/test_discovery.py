"""Skills are looked for within bounds, and what is not looked at is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from skills import discovery
from skills.discovery import Search, search
from skills.skill import Place
from tests.skill_folders import write, write_skill


def found_in(path: Path) -> Search:
    return search(Place(path, "user"))


def names(found: Search) -> list[str]:
    return [read.skill.name for read in found.reads if read.skill]


def test_skills_are_found_in_folders_of_folders_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", "group/z", "group/y"):
        write_skill((tmp_path / name).parent, Path(name).name)
    write_skill(tmp_path / "a", "inner")  # what lies in a skill is a part of it
    found = found_in(tmp_path)
    assert names(found) == ["a", "b", "y", "z"] and not found.findings


def test_a_place_that_is_not_there_or_is_a_file_has_no_skills(tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    assert not found_in(tmp_path / "none").reads and not found_in(tmp_path / "file").reads


@pytest.mark.parametrize("skipped", [".git", "node_modules", "__pycache__"])
def test_folders_of_other_programs_are_passed_over(skipped: str, tmp_path: Path) -> None:
    write_skill(tmp_path / skipped, "hidden")
    assert not found_in(tmp_path).reads


def test_a_link_that_leaves_the_folder_is_not_followed_and_that_is_said(tmp_path: Path) -> None:
    write_skill(tmp_path / "elsewhere", "stolen")
    write_skill(tmp_path / "place", "own")
    (tmp_path / "place" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "place" / "alias").symlink_to(tmp_path / "place" / "own")
    (tmp_path / "place" / "circle").symlink_to(tmp_path / "place")
    found = found_in(tmp_path / "place")
    assert names(found) == ["own"]
    (finding,) = found.findings
    assert finding.path.endswith("/out") and "leaves the folder" in finding.message


def test_a_projects_own_folder_may_not_be_a_link_out_of_it_and_a_users_may(tmp_path: Path) -> None:
    write_skill(tmp_path / "elsewhere", "stolen")
    (tmp_path / "project" / ".swarm").mkdir(parents=True)
    place = tmp_path / "project" / ".swarm" / "skills"
    place.symlink_to(tmp_path / "elsewhere")
    found = search(Place(place, "project"))
    assert not found.reads and "leaves the project" in found.findings[0].message
    assert names(search(Place(place, "user"))) == ["stolen"]


def test_what_lies_too_deep_or_is_too_much_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path.joinpath("deep", *"12345")
    write_skill(deep, "far")
    write_skill(deep.parent.parent, "near")
    found = found_in(tmp_path / "deep")
    assert names(found) == ["near"]
    assert "at most 5 folders deep" in found.findings[0].message
    monkeypatch.setattr(discovery, "MOST_FOLDERS", 3)
    for number in range(5):
        write_skill(tmp_path / "wide", f"s{number}")
    found = found_in(tmp_path / "wide")
    assert names(found) == ["s0", "s1", "s2"]
    assert found.findings[0].path.endswith("/s3") and "more than 3 folders" in found.findings[0].message


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / ("n" * 200)).mkdir()
    long = tmp_path / ("n" * 200) / ("m" * 200)
    long.mkdir()
    write_skill(tmp_path, "own")
    assert names(found_in(tmp_path)) == ["own"]
