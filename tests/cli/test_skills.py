"""`swarm skills`: what there is and what it costs, what fits a task, what is wrong, and that what a project brings along waits for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarm.cli.main import main
from swarm.library import lock_path, places_of, shipped_folder
from tests.acceptance.processes import environment
from tests.skill_folders import write, write_skill
from tests.terminal import terminal

SLOW = "Reviews SQL queries: locks, plans, indexes. Use when a query is slow."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home, project = tmp_path / "home", tmp_path / "project"
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "SWARM_LOG"):
        monkeypatch.delenv(name, raising=False)
    home.mkdir()
    write(project / ".git" / "HEAD", "")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(project)
    return project


def document(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["skills", *words, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def states(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], str]:
    rows = document(capsys, "list")["skills"]
    return {(row["name"], row["origin"]): row["state"] for row in rows if row["origin"] != "shipped"}


def test_the_places_are_those_of_the_format_the_nearest_project_first(folder: Path) -> None:
    home = folder.parent / "home"
    environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "etc")}
    inner = folder / "inner"
    names = (".swarm/skills", ".agents/skills", ".claude/skills")
    assert [(place.origin, place.path) for place in places_of(inner, environ)] == [
        *(("project", inner / name) for name in names),
        *(("project", folder / name) for name in names),
        ("user", home / "etc/swarm/skills"),
        ("user", home / ".agents/skills"),
        ("shipped", shipped_folder()),
    ]
    assert lock_path(environ) == home / "etc/swarm/skills.lock"
    origins = {place.path: place.origin for place in places_of(home, environ)}
    assert origins[home / ".agents/skills"] == "user", "a home that is no repository is the user's own"


def test_the_list_says_where_each_is_from_what_it_costs_and_which_are_not_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = folder.parent / "home"
    write_skill(folder / ".claude/skills", "slow-query", SLOW, more="metadata:\n  tags: Postgres\n")
    write_skill(home / ".config/swarm/skills", "slow-query", "Mine. Use when asked.")
    write_skill(home / ".agents/skills", "notes", "Takes notes. Use when asked.")
    assert states(capsys) == {
        ("slow-query", "project"): "not trusted",
        ("slow-query", "user"): "",
        ("notes", "user"): "",
    }
    assert main(["skills"]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0].split() == ["NAME", "FROM", "TAGS", "LINE", "TOKENS", "STATE"]
    assert lines[1].split() == [
        "slow-query",
        "project",
        "postgres,",
        "slow,",
        "query,",
        "sql",
        "21",
        "13",
        "not",
        "trusted",
    ]
    assert "1 skill of this project not used" in told.err
    assert main(["skills", "trust", "--yes"]) == 0
    assert states(capsys)["slow-query", "user"] == f"covered by {folder / '.claude/skills/slow-query'}"
    write(folder / ".claude/skills/slow-query/x.py", "")
    assert states(capsys)["slow-query", "project"] == "changed since it was trusted: x.py was added"


def test_one_is_shown_whole_at_a_level_or_by_its_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_skill(folder / ".swarm/skills", "slow-query", SLOW, files={"references/a.md": "More.\n"})
    assert main(["skills", "show", "slow-query"]) == 0
    page = capsys.readouterr().out
    assert "skill    slow-query (not trusted)" in page, "a person may look at what no model is told"
    assert "files    references/a.md (6 bytes)" in page and page.endswith(
        "Look at the plan first.\n\n## Pitfalls\n\nNone.\n"
    )
    assert main(["skills", "show", "slow-query", "--level", "outline"]) == 0
    assert capsys.readouterr().out == f"- slow-query: {SLOW}\n  # How\n  ## Pitfalls\n"
    assert main(["skills", "show", "slow-query", "--file", "references/a.md"]) == 0
    assert capsys.readouterr().out == "More.\n"
    found = document(capsys, "show", "slow-query")
    assert list(found["levels"]) == ["name", "line", "outline", "body", "resources"]
    assert found["files"] == [{"path": "references/a.md", "bytes": 6}]


def test_match_says_what_fits_and_why_and_when_nothing_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_skill(folder.parent / "home/.agents/skills", "sql-plan", SLOW)
    assert main(["skills", "match", "Why", "is the SQL query slow?", "--most", "1"]) == 0
    assert "sql-plan  yes   words sql, query, slow" in capsys.readouterr().out
    found = document(capsys, "match", "--tags", "sql-plan,plan", "anything")
    (row,) = [row for row in found["matches"] if row["name"] == "sql-plan"]
    assert row["fits"] and row["tags"] == ["plan"]
    assert main(["skills", "match", "zzyzx"]) == 0
    told = capsys.readouterr()
    assert told.out == "" and "nothing is loaded" in told.err


def test_lint_tells_each_finding_with_its_place_and_exits_with_1_where_one_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_skill(folder / ".swarm/skills", "good")
    assert main(["skills", "lint", ".swarm/skills"]) == 0
    assert capsys.readouterr().out == "1 skill, 0 errors, 0 warnings\n"
    path = write_skill(folder / ".swarm/skills", "bad", more="version: 1\n") / "SKILL.md"
    write_skill(folder.parent / "home/.agents/skills", "good")
    for words in (("lint",), ("lint", ".swarm/skills/bad"), ("lint", str(path), ".swarm/skills")):
        assert main(["skills", *words]) == 1
        assert "bad/SKILL.md:4:1: unknown key 'version'" in capsys.readouterr().err
    found = document(capsys, "lint", ".swarm/skills", code=1)
    assert (found["ok"], found["skills"], [each["line"] for each in found["findings"]]) == (False, 2, [4])
    write(folder / ".swarm/skills/worse/SKILL.md", "# No front matter\n")
    assert main(["skills", "list"]) == 0
    assert "1 skill left out; `swarm skills lint` says what is wrong" in capsys.readouterr().err
    assert main(["skills", "lint"]) == 1
    assert "worse/SKILL.md:1:1: the file does not begin with front matter" in capsys.readouterr().err


def test_what_ships_passes_its_own_lint(capsys: pytest.CaptureFixture[str]) -> None:
    if not list(shipped_folder().glob("*/SKILL.md")):
        pytest.skip("no skill ships")
    assert main(["skills", "lint", str(shipped_folder())]) == 0
    assert ", 0 errors, 0 warnings" in capsys.readouterr().out


def test_a_new_skill_passes_lint_and_is_not_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skills", "new", "slow-query", "--description", SLOW]) == 0
    told = capsys.readouterr()
    assert told.out == ".swarm/skills/slow-query/SKILL.md\n"
    assert "`swarm skills trust .swarm/skills/slow-query`" in told.err
    assert main(["skills", "lint", ".swarm/skills"]) == 0
    assert capsys.readouterr().out == "1 skill, 0 errors, 0 warnings\n"
    assert main(["skills", "new", "slow-query"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert document(capsys, "new", "other", "--in", "mine")["path"] == "mine/other/SKILL.md"


def test_trust_is_for_the_files_as_they_are_and_is_kept_with_the_user(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_skill(folder / ".swarm/skills", name, files={"x.sh": "echo"})
    assert document(capsys, "trust", ".swarm/skills/a", "--yes")["confirmed"] == ["a"]
    assert states(capsys) == {("a", "project"): "", ("b", "project"): "not trusted"}
    kept = lock_path({"HOME": str(folder.parent / "home")})
    assert kept.stat().st_mode & 0o777 == 0o600
    assert document(capsys, "trust", "b", "--yes")["confirmed"] == ["b"]
    assert states(capsys)["a", "project"] == "", "what was trusted before stays so"
    assert document(capsys, "trust")["confirmed"] == []
    (folder / ".swarm/skills/a/x.sh").unlink()
    assert main(["skills", "trust", "--yes"]) == 0
    assert "a (" in (err := capsys.readouterr().err) and "changed since it was trusted: x.sh was removed" in err
    kept.write_text("{")
    assert main(["skills", "list"]) == 2
    assert "skills.lock cannot be read" in capsys.readouterr().err


def test_a_project_cannot_trust_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_skill(folder / ".swarm/skills", "a")
    assert main(["skills", "trust", "--yes"]) == 0
    own = lock_path({"HOME": str(folder.parent / "home")})
    write(folder / ".swarm/skills.lock", own.read_text())
    write(folder / ".swarm/skills/skills.lock", own.read_text())
    own.unlink()
    assert states(capsys)["a", "project"] == "not trusted"


def test_who_is_asked_to_trust_sees_what_a_skill_says_and_can_say_no(folder: Path) -> None:
    write_skill(folder / ".swarm/skills", "sql", SLOW, files={"x.sh": "echo"})
    home = environment(folder.parent / "home")
    with terminal("skills", "trust", cwd=folder, env=home) as screen:
        screen.wait_for("[y/N]")
        assert "Look at the plan first." in screen.text and "2 files: SKILL.md, x.sh" in screen.text
        screen.press("n\n")
        assert screen.end() == 5
        assert "Nothing was confirmed" in screen.text
    with terminal("skills", "trust", "sql", cwd=folder, env=home) as screen:
        screen.wait_for("[y/N]")
        screen.press("y\n")
        assert screen.end() == 0
        assert "trusted: 1 skill, until one of its files changes" in screen.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show",), "name one skill to show"),
        (("show", "sqll"), "there is no skill 'sqll'; did you mean 'sql'?"),
        (("show", "sql", "--file", "../../secret"), "is no path inside of a skill"),
        (("show", "sql", "--file", "none.md"), "there is no 'none.md' in the skill"),
        (("show", "sql", "--file", "bin"), "bin is no text: it has 3 bytes"),
        (("list", "sql"), "`swarm skills show sql` shows one"),
        (("list", "--yes"), "--yes goes with `swarm skills trust`"),
        (("list", "--in", "x"), "--in goes with `swarm skills new`"),
        (("match",), "say what is to be done"),
        (("match", "x", "--most", "0"), "--most 0 shows nothing"),
        (("lint", "nowhere"), "there is no SKILL.md in nowhere or below it"),
        (("new",), "name the skill"),
        (("new", "SQL"), "'SQL' cannot be the name of a skill"),
        (("new", "a", "--in", "file"), "cannot be written"),
        (("trust", "nobody"), "there is no skill 'nobody'"),
        (("trust", "file"), "no skill is taken from file here"),
    ],
)
def test_bad_words_get_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    home = write_skill(folder / ".swarm/skills", "sql")
    (home / "bin").write_bytes(b"\xff\xfe\x00")
    write(folder / "file", "")
    assert main(["skills", *words]) == 2
    assert said in capsys.readouterr().err


def test_what_is_the_users_own_needs_no_confirmation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_skill(folder.parent / "home/.agents/skills", "sql")
    assert main(["skills", "trust", "sql"]) == 0
    assert capsys.readouterr().out == "sql: yours or shipped, and needs no confirmation\n"


def test_two_skills_of_one_name_are_told_of_when_one_is_written_or_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["skills", "new", "sql-review"]) == 0
    assert f"there is a sql-review already, in {shipped_folder() / 'sql-review'}" in capsys.readouterr().err
    assert main(["skills", "show", "sql-review"]) == 0
    mine = folder / ".swarm/skills/sql-review"
    assert capsys.readouterr().err == f"another sql-review lies in {mine}: not trusted\n", "the one that ships is used"
    assert main(["skills", "new", "alone"]) == 0 and main(["skills", "show", "alone"]) == 0
    assert "already" not in (said := capsys.readouterr().err) and "another" not in said


def test_who_confirms_a_skill_that_cannot_be_read_is_told_what_is_wrong_with_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / ".swarm/skills/broken/SKILL.md", "---\ndescription: [a: b\n---\nx\n")
    assert main(["skills", "trust", ".swarm/skills/broken"]) == 2
    told = capsys.readouterr().err
    assert "broken/SKILL.md: the front matter is no YAML" in told and "`swarm skills lint .swarm/skills/broken`" in told
