"""Accepted work reaches the user's files whole, once, and never over somebody's change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.blobs import digest_of
from events.types.task import OutputFile
from swarm.errors import UsageError
from swarm.paths import OutsideProject, confined
from swarm.tools.deliver import OutputConflict, deliver, fingerprint


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_a_new_output_is_written_with_its_folders_and_exactly_one_newline(project: Path) -> None:
    before = fingerprint(project, ["out/docs/a.md"])
    written = deliver(project, {"out/docs/a.md": "one\ntwo\n\n\n"}, before)
    assert (project / "out/docs/a.md").read_bytes() == b"one\ntwo\n"
    assert written == (OutputFile("out/docs/a.md", digest_of("one\ntwo\n")),)
    assert before == {"out/docs/a.md": None}


def test_a_fingerprint_is_the_digest_by_which_the_log_knows_the_text(project: Path) -> None:
    (project / "a").write_text("grün\n", encoding="utf-8")
    assert fingerprint(project, ["a", "b"]) == {"a": digest_of("grün\n"), "b": None}


def test_an_existing_file_keeps_its_mode_and_nothing_is_left_beside_it(project: Path) -> None:
    (project / "run.sh").write_text("old\n")
    (project / "run.sh").chmod(0o750)
    deliver(project, {"run.sh": "new"}, fingerprint(project, ["run.sh"]))
    assert (project / "run.sh").read_text() == "new\n"
    assert (project / "run.sh").stat().st_mode & 0o777 == 0o750
    assert [path.name for path in project.iterdir()] == ["run.sh"]


def test_a_second_delivery_does_no_harm(project: Path) -> None:
    before = fingerprint(project, ["a"])
    first = deliver(project, {"a": "text"}, before)
    stamp = (project / "a").stat()
    assert deliver(project, {"a": "text"}, before) == first
    assert (project / "a").stat().st_ino == stamp.st_ino


def test_what_a_killed_delivery_left_is_cleared_up_by_the_next(project: Path) -> None:
    before = fingerprint(project, ["a"])
    script = (  # it dies between writing the content and giving it its name
        "import os, sys; from pathlib import Path; from swarm.tools.deliver import deliver\n"
        "Path.replace = lambda *_: os._exit(9)\n"
        "deliver(Path(sys.argv[1]), {'a': 'text'}, {})\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(project)], check=False).returncode == 9
    assert [path.name.startswith(".swarm-") for path in project.iterdir()] == [True]
    deliver(project, {"a": "text"}, before)
    assert [path.name for path in project.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("at_start", "now", "why"),
    [("old\n", "mine\n", "changed"), (None, "mine\n", "made by somebody"), ("old\n", None, "removed")],
)
def test_a_file_that_changed_meanwhile_is_never_overwritten(
    project: Path, at_start: str | None, now: str | None, why: str
) -> None:
    place = project / "a"
    if at_start is not None:
        place.write_text(at_start)
    before = fingerprint(project, ["a", "b"])
    place.unlink(missing_ok=True) if now is None else place.write_text(now)
    with pytest.raises(OutputConflict, match=why):
        deliver(project, {"b": "fine", "a": "new"}, before)
    assert not (project / "b").exists()
    assert (place.read_text() if place.exists() else None) == now


def test_every_refusal_is_named_before_the_first_file_is_touched(project: Path, tmp_path: Path) -> None:
    (project / "away").symlink_to(tmp_path)
    (project / "folder").mkdir()
    (project / "file").write_text("x\n")
    os.mkfifo(project / "pipe")
    outputs = dict.fromkeys(["ok", "away/x", "folder", "file/below", "pipe", "../x", ".git/hooks/pre-commit"], "text")
    with pytest.raises(OutputConflict) as refused:
        deliver(project, outputs, {})
    assert list(refused.value.reasons) == [path for path in outputs if path != "ok"]
    assert not (project / "ok").exists()
    assert not (tmp_path / "x").exists()
    assert "nobody" not in str(refused.value)
    assert "swarm resume" in str(refused.value)


def test_outputs_that_would_need_the_same_place_are_refused(project: Path) -> None:
    (project / "link").symlink_to("a")
    with pytest.raises(OutputConflict, match="is the same file as 'a'"):
        deliver(project, {"a": "1", "link": "2"}, {})
    with pytest.raises(OutputConflict, match="would have to be a folder"):
        deliver(project, {"d": "1", "d/e": "2"}, {})
    assert [path.name for path in project.iterdir()] == ["link"]


def test_a_file_that_cannot_be_staged_leaves_all_the_others_as_they_were(project: Path) -> None:
    long = "x" * 300
    (project / "a").write_text("old\n")
    with pytest.raises(OutputConflict, match="cannot be"):
        deliver(project, {"a": "new", f"b/{long}/c": "new"}, fingerprint(project, ["a"]))
    assert (project / "a").read_text() == "old\n"
    assert [path for path in project.iterdir() if path.name.startswith(".swarm")] == []


def test_a_path_that_no_output_can_have_is_refused_at_the_start(project: Path) -> None:
    (project / "folder").mkdir()
    with pytest.raises(UsageError, match="is a folder; name another path"):
        fingerprint(project, ["folder"])
    with pytest.raises(UsageError, match="leads out of the project"):
        fingerprint(project, ["../x"])


def test_a_symlink_inside_of_the_project_is_written_through(project: Path) -> None:
    (project / "real").write_text("old\n")
    (project / "link").symlink_to("real")
    deliver(project, {"link": "new"}, fingerprint(project, ["link"]))
    assert (project / "link").is_symlink()
    assert (project / "real").read_text() == "new\n"


def test_half_a_character_from_a_model_is_stored_as_the_log_stores_it(project: Path) -> None:
    written = deliver(project, {"a": "\ud83d"}, {})
    assert written[0].digest == digest_of("\ud83d\n")
    assert fingerprint(project, ["a"]) == {"a": digest_of("\ud83d\n")}


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with links out of it, up in it, into its .git, and in a circle."""
    top = tmp_path_factory.mktemp("maze")
    root = top / "project"
    (root / "a" / "b").mkdir(parents=True)
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / "a" / "up").symlink_to("..")
    (root / "a" / "out").symlink_to("../..")
    (root / "away").symlink_to(top)
    (root / "git").symlink_to(".git")
    (root / "round").symlink_to("round")
    (root / "a" / "f").write_text("x")
    return root


@given(
    parts=st.lists(
        st.sampled_from(
            ["a", "b", "up", "out", "away", "git", "round", "f", ".", "..", ".git", ".GIT", "x", "~", "project", ""]
        ),
        max_size=8,
    )
)
def test_no_path_leads_out_of_the_project(maze: Path, parts: list[str]) -> None:
    path = "/".join(parts)
    try:
        place = confined(maze, path)
    except OutsideProject:
        return
    real = Path(os.path.realpath(place))
    assert real.is_relative_to(maze.resolve())
    assert real != maze.resolve()
    assert ".git" not in str(real.relative_to(maze.resolve())).lower().split("/")
