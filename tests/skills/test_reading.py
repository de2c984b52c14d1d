"""A SKILL.md is read leniently: what the format has otherwise is a warning, and only what is of no use is left out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.frontmatter import Front, Unreadable, front_of, keys_of
from skills.reading import Read, read_skill
from skills.skill import Place
from tests.skill_folders import write, write_skill


def read(text: str, tmp_path: Path, folder: str = "pdf") -> Read:
    write(tmp_path / folder / "SKILL.md", text)
    found = read_skill(str(tmp_path / folder), Place(tmp_path, "user"))
    assert found is not None
    return found


def said(found: Read) -> str:
    return "; ".join(finding.message for finding in found.findings)


def test_a_skill_of_the_format_is_read_without_a_word(tmp_path: Path) -> None:
    head = (
        "---\nname: pdf\ndescription: Reads PDFs. Use when there is one.\nlicense: MIT\ncompatibility: Needs git\n"
        "metadata:\n  tags: SQL, tables\n  author: me\nallowed-tools: Read Bash(git:*)\n---\n"
    )
    found = read(f"{head}\nThe text.\n", tmp_path)
    skill = found.skill
    assert skill is not None and not found.findings
    assert (skill.name, skill.description) == ("pdf", "Reads PDFs. Use when there is one.")
    assert (skill.license, skill.compatibility) == ("MIT", "Needs git")
    assert (skill.own_tags, skill.allowed_tools) == (("sql", "tables"), ("Read", "Bash(git:*)"))
    assert (skill.head_bytes, skill.body_bytes) == (len(head), len("\nThe text.\n"))
    assert skill.digest == hashlib.sha256(head.encode()).hexdigest()
    assert skill.tags == ("sql", "tables", "pdf"), "its own first, then those of name and description"


FINE = "---\nname: pdf\ndescription: Reads.\n---\n"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (FINE.replace("---\n", "---\nversion: 1.0\n", 1), "unknown key 'version'"),
        (FINE.replace("pdf", "reader"), "the name 'reader' is not that of its folder 'pdf'"),
        (FINE.replace("Reads.", "Reads. " * 200), "the description has 1,399 characters, and 1,024 are allowed"),
        (FINE.replace("Reads.", "Reads: all of it."), "mapping values are not allowed"),
        (FINE.replace("Reads.", "@all of `it`"), "it was read as if its values were in quotes"),
        ("\ufeff" + FINE, "the file begins with a byte order mark"),
        (FINE.replace("\n", "\r\n"), "the lines end with \\r\\n"),
        (FINE.replace("name: pdf\n", ""), "there is no name; it is 'pdf' here, after its folder"),
        (FINE.replace("pdf", "PDF Tools"), "'PDF Tools' is no name by the format; it is 'pdf-tools' here"),
        (FINE.replace("pdf", "p" * 70), "the name has 70 characters, and 64 are allowed"),
    ],
)
def test_what_public_skills_have_otherwise_is_a_warning_and_they_are_used(
    text: str, warning: str, tmp_path: Path
) -> None:
    found = read(text, tmp_path)
    assert found.skill is not None and warning in said(found)
    assert not any(finding.is_error for finding in found.findings)
    assert found.skill.body_bytes == 0


def test_values_with_a_colon_are_read_whole(tmp_path: Path) -> None:
    found = read("---\nname: pdf\ndescription: Use when: a PDF # is there\nlicense: 'MIT'\n---\n", tmp_path).skill
    assert found is not None
    assert (found.description, found.license) == ("Use when: a PDF # is there", "MIT")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\nname: pdf\n---\nText", "there is no description"),
        ("---\nname: pdf\ndescription: '  '\n---\n", "there is no description"),
        ("---\nname: pdf\ndescription: [a, b]\n---\n", "there is no description"),
        ("# Just text\n", "the file does not begin with front matter"),
        ("", "the file does not begin with front matter"),
        ("---\nname: pdf\ndescription: x\n", "the front matter has no end"),
        ("---\n---\n", "the front matter holds no keys with values"),
        ("---\njust text\n---\n", "the front matter holds no keys with values"),
        ("---\n- a\n---\n", "the front matter holds no keys with values"),
        ("---\na: [b\nc: {\n---\n", "the front matter is no YAML"),
        ("---\n{{name}}\n---\n", "the front matter"),
        ("---\nname: x\n" + "a: b\n" * 20_000 + "---\n", "the front matter has more than 65,536 bytes"),
        ("---\nname: " + "[" * 5_000 + "\n---\n", "the front matter is no YAML"),
    ],
)
def test_what_is_of_no_use_is_left_out_with_its_reason(text: str, reason: str, tmp_path: Path) -> None:
    found = read(text, tmp_path)
    assert found.skill is None
    assert reason in said(found) and "left out" in said(found)
    assert found.findings[0].is_error


def test_what_is_no_utf8_text_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "pdf" / "SKILL.md", "")
    (tmp_path / "pdf" / "SKILL.md").write_bytes(b"---\nname: pdf\ndescription: \xff\xfe\n---\n")
    found = read_skill(str(tmp_path / "pdf"), Place(tmp_path, "user"))
    assert found is not None and "not UTF-8 text: byte 0xff" in said(found)


def test_a_pipe_is_not_waited_for_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "SKILL.md")
    (tmp_path / "link").mkdir()
    write(tmp_path / "secret.md", FINE)
    (tmp_path / "link" / "SKILL.md").symlink_to(tmp_path / "secret.md")
    for name, reason in (("pipe", "no regular file"), ("link", "a symlink, which is not followed")):
        found = read_skill(str(tmp_path / name), Place(tmp_path, "user"))
        assert found is not None and found.skill is None and reason in said(found)


def test_where_no_skill_lies_none_is_read(tmp_path: Path) -> None:
    assert read_skill(str(tmp_path), Place(tmp_path, "user")) is None
    assert read_skill(str(tmp_path / "gone"), Place(tmp_path, "user")) is None


def test_no_more_is_read_than_the_head(tmp_path: Path) -> None:
    home = write_skill(tmp_path, "pdf")
    with (home / "SKILL.md").open("r+b") as file:
        file.truncate(10**12)  # nothing of it is on the disk, and nobody could read it
    found = read_skill(str(home), Place(tmp_path, "user"))
    assert found is not None and found.skill is not None
    assert found.skill.head_bytes + found.skill.body_bytes == 10**12


def found(read: bytes, raw: bytes) -> Front | str | None:
    try:
        return front_of(read, whole=len(read) == len(raw))
    except Unreadable as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 80))
def test_the_head_is_found_the_same_in_whatever_pieces_the_file_is_read(middle: bytes, size: int) -> None:
    raw = b"---\n" + middle + b"\nname: x\n---\nbody\n---\n"
    whole, part = found(raw, raw), found(raw[:size], raw)
    if part is not None:
        assert part == whole


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_whatever_stands_in_a_front_matter_it_has_keys_or_a_reason(text: str) -> None:
    try:
        assert keys_of(text).values
    except Unreadable as error:
        assert error.message


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "keys",
    [
        f"description: a: {' ' * 60_000}b",
        f"allowed-tools: {'a(' * 25_000}",
        f"description: {'aA' * 25_000}",
        f"description: {'`' * 60_000}",
        f"name: {'_-' * 25_000}x",
        f"metadata:\n  tags: {', ' * 25_000}",
        "\n" * 60_000,
        f"description: >\n{'  a' * 15_000}",
    ],
)
def test_a_front_matter_made_to_be_slow_is_read_as_quickly_as_any(keys: str, tmp_path: Path) -> None:
    found = read(f"---\ndescription: Helps with PDFs.\n{keys}\n---\n", tmp_path)
    assert found.skill is None or found.skill.tags
