"""What a shell command may do, by its text: an allowing pattern is fooled by nothing, a refusing one by little."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.tools.commandline import may_mean, parts_of, surely_means

HIDDEN = [
    "git status; rm -rf x",
    "git status && rm -rf x",
    "git status || rm x",
    "git status | xargs rm",
    "git status & rm x",
    "git status\nrm x",
    "echo $(rm -rf x)",
    'echo "a $(rm x) b"',
    "echo `rm x`",
    "echo ${X:-$(rm x)}",
    "echo $((1+$(rm x)))",
    "echo $(case x in x) rm y;; esac)",
    "cat <(rm x)",
    ">log rm x",
    "2>/dev/null rm x",
    "rm>log x",
    "LC_ALL=C rm x",
    "sudo rm x",
    "env -i A=1 rm x",
    "env -S 'rm x'",
    "timeout 5 nice rm x",
    "find . -exec rm {} +",
    "/bin/rm x",
    "RM x",
    "r\\m x",
    "'r'm x",
    "r\\\nm x",
    "X=rm; $X -rf y",
    "r? x",
    "{rm,x}",
    "(rm x)",
    "{ rm x; }",
    "! rm x",
    "if true; then rm x; fi",
    "while :; do rm x; done",
    "f() { rm x; }; f",
    "case a in a) rm x;; esac",
    "sh -c 'rm x'",
    'bash -lc "cd a && rm x"',
    "eval 'rm x'",
    "trap 'rm x' EXIT",
    "alias ls=rm; ls x",
    "echo 'rm x' | sh",
    "echo a # it's\nrm x # '",
    "echo a # \\\nrm x",
    "cat <<EOF\nit's\nEOF\nrm x\necho 'x'",
    "cat <<EOF\n$(rm x)\nEOF",
    "cat <<-'E'\n\tE\nrm x",
    "echo a &>log rm x",
    "echo $'a\\'; rm x #'",
    "echo 'unterminated; rm x",
]

HARMLESS = [
    "git status",
    "echo rm",
    "grep -rn 'rm -rf x' src",
    "git commit -m 'rm x; done'",
    "find . -name rm -print",
    "cat <<'EOF' > notes.md\nrm x\nEOF",
    "echo 'a'\\''; rm x'",
    "echo a # rm x",
    "python -m pytest -q 2>&1 | tail -5",
    "rmdir build",
]

WORD = st.text(alphabet="abz09._-/ '\"", min_size=1, max_size=6)
JOINER = st.sampled_from([*";&|\n()<>`$#{}\\!\r\0", "&&", "||", "$(", "<(", ">>", "\x1b"])


@pytest.mark.parametrize("command", HIDDEN)
def test_a_refusing_pattern_finds_what_a_command_hides(command: str) -> None:
    assert may_mean("rm *", command)


@pytest.mark.parametrize("command", HIDDEN)
def test_an_allowing_pattern_never_means_a_command_in_which_something_can_be_hidden(command: str) -> None:
    assert not surely_means("git *", command) and not surely_means("echo *", command)


@pytest.mark.parametrize("command", HARMLESS)
def test_a_refusing_pattern_leaves_alone_what_only_speaks_of_it(command: str) -> None:
    assert not may_mean("rm *", command)


@given(before=WORD, sign=JOINER, after=WORD)
def test_no_operator_expansion_or_second_line_is_ever_surely_meant(before: str, sign: str, after: str) -> None:
    command = f"git {before}{sign}{after}"
    assert not surely_means("git *", command) and not surely_means("*", command)


@settings(deadline=None)
@given(text=st.text(alphabet="rm xa;&|\n'\"`$(){}<>\\#*=-E", max_size=40))
def test_any_text_is_taken_apart_or_given_up_and_never_raises(text: str) -> None:
    parts = parts_of(text)
    assert parts is None or all(part.words for part in parts)
    may_mean("rm * x", text)
    surely_means("rm * x", text)


@given(words=st.lists(st.text(min_size=1, max_size=8).filter(str.isprintable), min_size=1, max_size=5))
def test_words_that_are_quoted_are_what_they_are(words: list[str]) -> None:
    command = shlex.join(["echo", *words])
    assert parts_of(command) is not None
    (part,) = parts_of(command) or []
    assert part.words == ("echo", *words)


SHELL_TEXT = st.lists(
    st.sampled_from(
        [
            "rm",
            "x",
            " ",
            " ",
            ";",
            "&&",
            "|",
            "'",
            '"',
            "\\",
            "$(",
            ")",
            "`",
            "\n",
            "# ",
            "echo",
            "<<E\n",
            "\nE\n",
            "{ ",
            "; }",
            ">/dev/null ",
            "A=1 ",
        ]
    ),
    max_size=12,
).map("".join)


@settings(deadline=None, max_examples=60)
@given(text=SHELL_TEXT)
def test_whatever_a_real_shell_runs_of_a_text_is_among_what_it_may_mean(text: str) -> None:
    """The shell has a `rm` that only says that it was called, and nothing else can be run."""
    script = f"rm() {{ echo called >&9; }}\nPATH=/nonexistent\n{text}\n"
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec 9>&1 >/dev/null 2>&1 </dev/null; {shlex.join(['eval', script])}"],
        capture_output=True,
        timeout=20,
        cwd="/",
        check=False,
    )
    if b"called" in done.stdout:
        assert may_mean("rm", text)


@pytest.mark.parametrize(
    ("pattern", "command", "surely", "may"),
    [
        ("git push*", "git push", True, True),
        ("git push*", "git push origin main", True, True),
        ("git push *", "git push", True, True),
        ("git push", "git push origin", False, True),
        ("git push", "git -C sub --no-pager push", False, True),
        ("git push", "git log push", False, False),
        ("npm run *", "npm run build", True, True),
        ("npm run *", "npm install", False, False),
        ("* --force", "git push --force", True, True),
        ("make test", "make test", True, True),
        ("make test", "make 'te'st", True, True),
        ("make test", "PATH=. make test", False, True),
        ("*", "anything at all", True, True),
    ],
)
def test_a_pattern_is_words_with_wildcards(pattern: str, command: str, surely: bool, may: bool) -> None:
    assert (surely_means(pattern, command), may_mean(pattern, command)) == (surely, may)


@pytest.mark.parametrize("word", ["-a ", "rm ", "$(", "sudo ", "a;", "'", "{", "\\\n"])
def test_a_long_command_is_judged_in_no_time(word: str) -> None:
    command = "rm " + word * (20_000 // len(word) - 2)
    assert may_mean("* x * y * z", command) >= surely_means("* x * y * z", command)
    assert not surely_means("* a * b * c", command)
