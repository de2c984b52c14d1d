"""What the specification would have otherwise is an error with its line; what it advises is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from skills.levels import headings
from skills.lint import lint
from skills.lock import SkillError
from skills.skill import Finding
from skills.template import write_template
from tests.skill_folders import opened, write

HEAD = "name: pdf\ndescription: Reads PDFs. Use when there is one.\n"


def linted(text: str, tmp_path: Path, folder: str = "pdf") -> list[tuple[str, int, int, str]]:
    write(tmp_path / folder / "SKILL.md", text)
    return [told(finding) for finding in lint(tmp_path / folder)]


def told(finding: Finding) -> tuple[str, int, int, str]:
    return "error" if finding.is_error else "warning", finding.line, finding.column, finding.message


def test_a_skill_as_the_specification_has_it_has_no_findings(tmp_path: Path) -> None:
    more = "license: MIT\ncompatibility: Needs git\nmetadata:\n  tags: a b\n  version: 1.0\nallowed-tools:\n  - Read\n"
    write(tmp_path / "pdf" / "references" / "a.md", "More.")
    text = f"---\n{HEAD}{more}---\n# How\n\nSee [a](references/a.md#top), [b](references/), [c](https://x.org/y), `[d](e)`.\n"
    assert linted(text.replace(", `[d](e)`", ""), tmp_path) == []


@pytest.mark.parametrize(
    ("keys", "line", "column", "said"),
    [
        (f"{HEAD}version: 1.0\n", 4, 1, "unknown key 'version'"),
        (f"{HEAD}name: pdf\n", 4, 1, "the key 'name' stands here a second time"),
        (HEAD.replace("pdf", "reader"), 2, 7, "the name 'reader' is not that of its folder, 'pdf'"),
        (HEAD.replace("pdf", "Pdf"), 2, 7, "the name 'Pdf' has other signs than lowercase letters"),
        (HEAD.replace("pdf", "pdf--"), 2, 7, "a hyphen stands at the beginning or the end"),
        (HEAD.replace("pdf", "p" * 65), 2, 7, "the name has 65 characters, and 64 are allowed"),
        (HEAD.replace("Reads", "Reads" * 210), 3, 14, "and 1,024 are allowed"),
        (HEAD.replace("Reads", "Reads: all"), 3, 1, "the front matter is no YAML: mapping values are not allowed"),
        ("name: pdf\n", 1, 1, "there is no description"),
        ("description: Use when.\n", 1, 1, "there is no name"),
        ("name: pdf\ndescription: ''\n", 3, 14, "'description' has to be a text that is not empty"),
        ("name: [a]\ndescription: Use when.\n", 2, 7, "'name' has to be a text that is not empty"),
        (f"{HEAD}compatibility: {'x' * 501}\n", 4, 16, "it has 501 characters, and 500 are allowed"),
        (f"{HEAD}metadata: text\n", 4, 11, "'metadata' has to be a map of texts"),
        (f"{HEAD}metadata:\n  tags:\n    - a\n", 6, 5, "'metadata.tags' has to be a text"),
        (f"{HEAD}allowed-tools:\n  a: b\n", 5, 3, "'allowed-tools' has to be a text or a list of texts"),
        (f"{HEAD}license: &a MIT\ncompatibility: *a\n", 5, 1, "the front matter has an alias"),
        (f"{HEAD}license: !!python/name:os.system x\n", 4, 1, "the front matter has an alias or a type of YAML"),
    ],
)
def test_what_breaks_the_specification_is_an_error_with_its_line(
    keys: str, line: int, column: int, said: str, tmp_path: Path
) -> None:
    errors = [each for each in linted(f"---\n{keys}---\n# How\n", tmp_path) if each[0] == "error"]
    assert [each[1:3] for each in errors if said in each[3]] == [(line, column)]


def test_a_mark_before_the_front_matter_is_an_error_and_what_follows_is_looked_at(tmp_path: Path) -> None:
    found = linted(f"\ufeff---\n{HEAD}version: 1\n---\n# How\n".replace("\n", "\r\n"), tmp_path)
    assert [(level, line) for level, line, _, _ in found] == [("error", 1), ("warning", 1), ("error", 4)]


def test_what_is_no_yaml_for_a_colon_hides_no_other_finding(tmp_path: Path) -> None:
    found = linted("---\nname: PDF\ndescription: Use: when\nversion: 1\n---\nText\n", tmp_path)
    assert [(line, message.split(" ", 2)[:2]) for _, line, _, message in found] == [
        (2, ["the", "name"]),
        (2, ["the", "name"]),
        (3, ["the", "front"]),
        (4, ["unknown", "key"]),
    ]


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("", 5, "there is no text below the front matter"),
        ("x\n" * 501, 5, "the text has 501 lines, and 500 are advised"),
        ("word " * 5_000, 5, "the text has about 6,250 tokens, and 5,000 are advised"),
        ("# A\n\nSee [a](references/none.md).\n", 7, "there is no 'references/none.md' in the skill"),
        ("# A\n\nSee [a](a/b/c.md).\n", 7, "'a/b/c.md' lies more than one folder deep"),
    ],
)
def test_what_is_only_advised_is_a_warning(body: str, line: int, said: str, tmp_path: Path) -> None:
    write(tmp_path / "pdf" / "a" / "b" / "c.md", "More.")
    found = linted(f"---\n{HEAD}---\n{body}", tmp_path)
    assert [(each[0], each[1], each[3]) for each in found] == [("warning", line, said)]


def test_links_in_code_and_out_of_the_skill_are_nobodys_matter(tmp_path: Path) -> None:
    text = "```\n[a](none.md)\n```\n[b](/etc/x) [c](mailto:x@y) [d](#part)\n"
    assert linted(f"---\n{HEAD}---\n{text}", tmp_path) == []


def test_a_description_should_say_when(tmp_path: Path) -> None:
    (found,) = linted("---\nname: pdf\ndescription: Reads PDFs.\n---\nText\n", tmp_path)
    assert found == ("warning", 3, 14, "the description does not say when the skill is of use")


def test_a_folder_without_a_skill_and_one_with_bytes_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert [told(each)[3] for each in lint(tmp_path / "empty")] == ["there is no 'SKILL.md' in the skill"]
    write(tmp_path / "pdf" / "SKILL.md", f"---\n{HEAD}---\nText\n")
    with (tmp_path / "pdf" / "SKILL.md").open("ab") as file:
        file.write(b"\xff")
    assert [told(each)[1:] for each in lint(tmp_path / "pdf")] == [(6, 1, "the text is not UTF-8: byte 0xff")]


def test_a_new_skill_passes_and_nothing_is_written_over(tmp_path: Path) -> None:
    path = write_template(tmp_path / "deep" / "place", "sql-review", 'It\'s: "good" # for SQL\n when slow')
    assert lint(path.parent) == ()
    assert opened(tmp_path / "deep").get("sql-review").description == 'It\'s: "good" # for SQL when slow'
    before = path.read_bytes()
    with pytest.raises(SkillError, match="is there already"):
        write_template(tmp_path / "deep" / "place", "sql-review")
    assert path.read_bytes() == before
    assert lint(write_template(tmp_path, "other").parent) == ()


@pytest.mark.parametrize("name", ["SQL", "../x", "", "a b", "-a", "a--b", "x" * 65, "a/b", "a\n"])
def test_a_name_that_the_specification_does_not_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SkillError, match="cannot be the name of a skill"):
        write_template(tmp_path, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "body", ["](" * 300_000, f"# {' ' * 300_000}x", "`" * 300_000, "](a#" * 200_000, "# #" * 200_000]
)
def test_a_text_made_to_be_slow_is_looked_through_as_quickly_as_any(body: str, tmp_path: Path) -> None:
    found = linted(f"---\n{HEAD}---\n{body}\n", tmp_path)
    assert all(level == "warning" for level, *_ in found)
    assert len(headings(body)) <= 1
