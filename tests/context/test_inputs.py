"""Inputs come in as texts: found by globs, confined to the project, bounded, without secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.context.inputs import Loaded, read_inputs
from swarm.errors import UsageError
from swarm.globs import InputUnusable
from swarm.task import Input, Load

MIB = 1 << 20


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in ("README.md", "src/a.py", "src/b.py", "src/deep/c.py", "docs/guide.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"text of {name}\n")
    return root


def read(root: Path, *inputs: Input, **bounds: Any) -> tuple[Loaded, ...]:
    return read_inputs(inputs, root, lambda text: text.replace("hunter22", "[secret:KEY]"), {}, **bounds)


def names(root: Path, *patterns: str) -> list[str]:
    return [one.name for one in read(root, Input(files=patterns))]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("README.md", ["README.md"]),
        ("src/*.py", ["src/a.py", "src/b.py"]),
        ("src/**", ["src/a.py", "src/b.py", "src/deep/c.py"]),
        ("**/*.py", ["src/a.py", "src/b.py", "src/deep/c.py"]),
        ("**/c.py", ["src/deep/c.py"]),
        ("src/**/c.py", ["src/deep/c.py"]),
        ("**", ["README.md", "docs/guide.md", "src/a.py", "src/b.py", "src/deep/c.py"]),
        ("*.md", ["README.md"]),
        ("src/[ab].py", ["src/a.py", "src/b.py"]),
        ("./src/?.py", ["src/a.py", "src/b.py"]),
        ("*/deep/**", ["src/deep/c.py"]),
    ],
)
def test_a_glob_gives_its_files_by_name(project: Path, pattern: str, found: list[str]) -> None:
    assert names(project, pattern) == found


def test_each_file_comes_once_in_the_order_of_the_patterns(project: Path) -> None:
    assert names(project, "src/b.py", "src/*.py", "README.md", "README.md") == ["src/b.py", "src/a.py", "README.md"]
    twice = read(project, Input(files=("src/a.py",)), Input(files=("src/*.py",)))
    assert [one.name for one in twice] == ["src/a.py", "src/b.py"]


def test_a_file_name_may_hold_what_is_a_wildcard_elsewhere(project: Path) -> None:
    (project / "app" / "[id]").mkdir(parents=True)
    (project / "app" / "[id]" / "page.tsx").write_text("x")
    assert names(project, "app/[id]/page.tsx") == ["app/[id]/page.tsx"]


def test_hidden_files_caches_and_gits_own_are_given_only_where_they_are_named(project: Path) -> None:
    for name in (".env", ".git/config", "node_modules/m/index.py", "src/__pycache__/x.py", ".github/ci.yml"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")
    assert names(project, "**/*.py") == ["src/a.py", "src/b.py", "src/deep/c.py"]
    assert ".env" not in names(project, "**")
    assert names(project, ".env") == [".env"]
    assert names(project, ".github/*.yml") == [".github/ci.yml"]
    assert names(project, "node_modules/**") == ["node_modules/m/index.py"]
    with pytest.raises(UsageError, match="git's own folder"):
        names(project, ".git/config")
    with pytest.raises(UsageError, match="git's own folder"):
        names(project, ".git/*")


@pytest.mark.parametrize(
    ("pattern", "near"), [("READM.md", "README.md"), ("readme.md", "README.md"), ("c.py", "src/deep/c.py")]
)
def test_a_pattern_that_matches_nothing_names_the_nearest_file(project: Path, pattern: str, near: str) -> None:
    with pytest.raises(InputUnusable, match=f"'{pattern}' matches no file .* did you mean '{near}'"):
        names(project, pattern)


def test_a_folder_is_refused_with_the_glob_to_write(project: Path) -> None:
    with pytest.raises(InputUnusable, match=r"'src' is a folder; write src/\*\*"):
        names(project, "src")


def test_no_link_leads_out_of_the_project(project: Path, tmp_path: Path) -> None:
    (tmp_path / "private.md").write_text("private")
    (project / "link.md").symlink_to(tmp_path / "private.md")
    (project / "up").symlink_to(tmp_path)
    (project / "inside.md").symlink_to("README.md")
    for pattern in ("link.md", "up/private.md", "up/*.md", "*.md", "../private.md", "../*.md", str(tmp_path / "*.md")):
        with pytest.raises(UsageError, match="project"):
            names(project, pattern)
    assert names(project, "inside.md") == ["inside.md"]
    assert "private.md" not in " ".join(names(project, "src/**"))


def test_special_files_are_refused_without_waiting_for_them(project: Path) -> None:
    os.mkfifo(project / "pipe")
    with pytest.raises(InputUnusable, match="no ordinary file"):
        names(project, "pipe")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\0\0", "text".encode("utf-16"), bytes(range(128, 255)) * 3])
def test_what_is_no_text_is_refused(project: Path, content: bytes) -> None:
    (project / "image").write_bytes(content)
    with pytest.raises(InputUnusable, match=r"'image' is (a binary file|no text in UTF-8)"):
        names(project, "image")


def test_bytes_that_are_no_characters_are_visible(project: Path) -> None:
    (project / "latin").write_bytes("na\xefve caf\xe9 text".encode("latin-1"))
    assert read(project, Input(files=("latin",)))[0].text == "na\ufffdve caf\ufffd text"


def test_secrets_are_taken_out_of_files_texts_results_and_names(project: Path) -> None:
    (project / "hunter22.txt").write_text("key = hunter22\n")
    inputs = (Input(files=("hunter22.txt",)), Input(text="say hunter22"), Input(from_task="plan"))
    loaded = read_inputs(inputs, project, lambda text: text.replace("hunter22", "[secret:KEY]"), {"plan": "hunter22"})
    assert [one.name for one in loaded] == ["[secret:KEY].txt", "text", "plan"]
    assert [one.text for one in loaded] == ["key = [secret:KEY]\n", "say [secret:KEY]", "[secret:KEY]"]


def test_only_the_names_are_given_where_no_more_is_asked_for(project: Path) -> None:
    (project / "big.bin").write_bytes(b"\0" * (2 * MIB))
    loaded = read(project, Input(files=("src/*.py", "big.bin"), load="name"))
    assert [(one.name, one.text, one.size) for one in loaded] == [
        ("src/a.py", "", 17),
        ("src/b.py", "", 17),
        ("big.bin", "", 2 * MIB),
    ]


def test_results_of_other_tasks_are_taken_by_name(project: Path) -> None:
    inputs = (Input(from_task="plan"), Input(from_task="notes"))
    loaded = read_inputs(inputs, project, str, {"plan": "the plan", "notes": "the notes"})
    assert [(one.name, one.text) for one in loaded] == [("plan", "the plan"), ("notes", "the notes")]
    with pytest.raises(InputUnusable, match="'plan' is not there yet"):
        read_inputs(inputs, project, str, {})


def test_a_file_that_is_too_large_is_refused_with_its_size(project: Path) -> None:
    (project / "log").write_bytes(b"x" * (MIB + MIB // 2))
    with pytest.raises(InputUnusable, match=r"'log' has 1.5 MiB, more than the 1.0 MiB .* max_tokens"):
        names(project, "log")


def test_inputs_that_are_too_large_together_are_refused(project: Path) -> None:
    with pytest.raises(InputUnusable, match=r"'src/b.py' brings the inputs of the task above 20 bytes"):
        read(project, Input(files=("src/*.py",)), most_bytes=20)


def test_max_tokens_keeps_the_head_and_says_what_is_missing(project: Path) -> None:
    (project / "log").write_text("".join(f"line {n}\n" for n in range(1_000_000)))
    size = (project / "log").stat().st_size
    loaded = read(project, Input(files=("log",), max_tokens=500))[0]
    head, mark = loaded.text.rsplit("\n", 1)
    assert head.startswith("line 0\nline 1\n")
    assert mark == f"[cut: {size - len(head):,} of {size:,} bytes are left out, because max_tokens is 500]"
    assert (len(loaded.text) <= 500, loaded.size) == (True, size)


def test_no_half_of_a_secret_is_left_where_a_file_is_cut(project: Path) -> None:
    for before in range(380, 520):
        (project / "f").write_text("x" * before + "hunter22" + "y" * 100_000)
        text = read(project, Input(files=("f",), max_tokens=500))[0].text
        assert "hunter" not in text
        assert "h" not in text.partition("\n[cut")[0]


@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), max_size=300), min_size=1, max_size=4
    ),
    most=st.integers(1, 600),
)
def test_an_input_never_has_more_bytes_than_tokens_were_asked_for(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], most: int
) -> None:
    root = tmp_path_factory.mktemp("project")
    for number, text in enumerate(texts):
        (root / f"{number}").write_text(text, encoding="utf-8", newline="")
    if any(text.count("\ufffd") for text in texts):
        return
    loaded = read_inputs([Input(files=("*",), max_tokens=most)], root, str, {})
    assert sum(len(one.text.encode()) for one in loaded) <= most
    assert len(loaded) == len(texts)
    for one, text in zip(loaded, texts, strict=True):
        assert one.text in ("", text.removeprefix("\ufeff")) or "\n[cut: " in one.text


def test_a_name_that_no_terminal_can_show_is_made_harmless(project: Path) -> None:
    (project / "a\x1b[31m.txt").write_text("x")
    (project / os.fsdecode(b"\xff.txt")).write_text("x")
    assert names(project, "*.txt") == ["a?[31m.txt", "?.txt"]


def test_an_outline_is_given_of_each_file_within_its_bound(project: Path) -> None:
    (project / "src/a.py").write_text('def one(x):\n    """Give one."""\n    return 1\n')
    first, second = read(project, Input(files=("src/a.py", "docs/guide.md"), load="outline"))
    assert first.text == 'def one(x):\n    """Give one."""\n[outline of 45 bytes in 3 lines]'
    assert (first.size, second.name) == (45, "docs/guide.md")
    bounded = read(project, Input(files=("src/a.py", "docs/guide.md"), load="outline", max_tokens=20))
    assert sum(len(one.text.encode()) for one in bounded) <= 20


def test_of_many_files_the_parts_that_fit_the_task_are_given_and_the_rest_is_counted(project: Path) -> None:
    for number in range(40):
        (project / f"docs/{number}.md").write_text(f"# Page {number}\n\n" + f"It speaks of matter {number}.\n" * 40)
    (project / "docs/ships.md").write_text("# Ships\n\nhunter22 ships leave on Monday.\n")
    loaded = read_inputs(
        [Input(files=("docs/*.md",), load="relevant", max_tokens=500)],
        project,
        lambda text: text.replace("hunter22", "[secret:KEY]"),
        {},
        sought="When do ships leave?",
    )
    assert [one.name for one in loaded] == ["docs/ships.md"]
    assert "[secret:KEY] ships leave on Monday." in loaded[0].text
    assert loaded[0].text.endswith("[and 41 further files of which no part is given]")
    assert len(loaded[0].text.encode()) <= 500


def test_the_relevant_parts_of_a_result_are_about_2000_tokens_where_nothing_else_is_said(project: Path) -> None:
    result = "\n\n".join(f"Paragraph {number} speaks of matter {number}." for number in range(2_000))
    inputs = [Input(from_task="survey", load="relevant")]
    (one,) = read_inputs(inputs, project, str, {"survey": result}, sought="What is said of matter 1234?")
    assert "Paragraph 1234 speaks" in one.text
    assert len(one.text.encode()) <= 8_000


@pytest.mark.parametrize(("load", "share"), [("essential", 0.4), ("extended", 0.7)])
def test_a_level_is_a_share_of_the_whole_with_what_fits_in_it(project: Path, load: Load, share: float) -> None:
    for number in range(3):
        pages = (f"# Page {number}.{part}\n\n{f'It speaks of matter {number}.{part}. ' * 5}\n\n" for part in range(40))
        (project / f"docs/{number}.md").write_text("".join(pages))
    inputs = [Input(files=("docs/?.md",), load=load)]
    loaded = read_inputs(inputs, project, str, {}, sought="What is said of matter 1.33?")
    given, whole = sum(len(one.text.encode()) for one in loaded), sum(one.size for one in loaded)
    assert share * 0.9 * whole < given <= share * whole + 1
    assert "It speaks of matter 1.33." in "".join(one.text for one in loaded)
    (bounded,) = read_inputs(
        [Input(from_task="survey", load=load, max_tokens=200)], project, str, {"survey": "word\n\n" * 500}, sought="x"
    )
    assert len(bounded.text.encode()) <= 200


def test_a_level_counts_tokens_where_somebody_says_how_many_there_are(project: Path) -> None:
    (project / "src/a.py").write_text("".join(f"def f{n}(x):\n    return x\n\n\n" for n in range(50)))
    loaded = read_inputs(
        [Input(files=("src/a.py",), load="essential")],
        project,
        str,
        {},
        sought="f7",
        count=lambda text: len(text.split()),
    )
    assert len(loaded[0].text.split()) <= 80
    assert loaded[0].text.count("def f") > 10


def test_what_was_left_out_of_is_known(project: Path) -> None:
    inputs = [
        Input(files=("src/a.py",)),
        Input(files=("src/a.py",), load="extended"),
        Input(files=("src/a.py",), load="outline"),
        Input(files=("src/a.py",), load="name"),
        Input(files=("src/b.py",), max_tokens=5),
        Input(text="short"),
        Input(from_task="plan", max_tokens=5),
    ]
    loaded = read_inputs(inputs, project, str, {"plan": "the whole plan"})
    assert [one.whole for one in loaded] == [True, False, False, False, False, True, False]


def test_where_not_even_one_part_has_room_the_head_is_given(project: Path) -> None:
    (project / "long.txt").write_text("word " * 1_000)
    (one,) = read(project, Input(files=("long.txt",), load="relevant", max_tokens=120))
    assert one.text.startswith("word word")
    assert len(one.text.encode()) <= 120


def test_files_that_are_looked_through_have_a_bound_together(project: Path) -> None:
    with pytest.raises(InputUnusable, match="brings the files that are looked through above 20 bytes"):
        read(project, Input(files=("src/*.py",), load="relevant"), most_bytes=20)
