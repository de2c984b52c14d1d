"""The frame of the command line: help, options that stand anywhere, failures as sentences, documents and exit codes."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from swarm.cli.failure import tell
from swarm.cli.main import COMMANDS, main
from swarm.cli.output import Output
from swarm.errors import BudgetExceeded, ConfirmationNeeded, NoModelAvailable, SwarmError, UsageError

Run = Callable[[argparse.Namespace], int]
Install = Callable[[Run], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a command of the test in the place of `swarm cost`; it takes WORDS and --top N."""

    def install(run: Run) -> None:
        def add_arguments(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("words", nargs="*")
            parser.add_argument("--top", type=int, default=0)

        module = types.ModuleType("swarm.cli.cost")
        vars(module).update(add_arguments=add_arguments, run=run)
        monkeypatch.setitem(sys.modules, "swarm.cli.cost", module)

    return install


def swarm(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "swarm.cli.main", *words], text=True, capture_output=True, **more)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command_on_stdout(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for commands in COMMANDS.values():
        for name, (_, help_) in commands.items():
            assert f"  {name:<12}{help_}\n" in shown.out


@pytest.mark.parametrize("words", [["cost", "--help"], ["help", "cost"], ["--help", "cost"]])
def test_the_help_of_a_command_shows_its_own_options_and_the_shared_ones(
    words: list[str], install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(lambda args: 1)
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: swarm cost ")
    for option in ("--top", "--json", "--quiet", "--verbose", "--color", "--no-input", "--log", "--debug", "-C DIR"):
        assert option in shown


def test_the_help_of_a_command_begins_with_what_is_its_own(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(lambda args: 1)
    main(["cost", "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: swarm cost [OPTIONS] [words ...]\n")
    assert shown.index("--top") < shown.index("shared by all commands") < shown.index("--json")


def test_a_word_too_many_and_a_file_that_looks_like_an_option_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x.yaml").write_text("prompt: Say hi.")
    for words, said in (
        (["run"], "error: swarm run: FILE|PROMPT is missing; see `swarm run --help`"),
        (["run", "a.yaml", "b.yaml"], "error: swarm run has no use for 'b.yaml'; see `swarm run --help`"),
        (["run", "-x.yaml"], "error: -x.yaml is read as an option; a file of this name is ./-x.yaml"),
        (["run", "a.yaml", "-x.yaml"], "error: -x.yaml is read as an option; a file of this name is ./-x.yaml"),
    ):
        assert main(words) == 2
        assert capsys.readouterr().err == said + "\n"
    assert main(["validate", "./-x.yaml"]) == main(["validate", "--", "-x.yaml"]) == 0


def test_the_version_is_the_one_that_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"swarm {version('pheroswarm')}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "there is no command 'rnu'; did you mean `swarm run`?"),
        (["valdiate", "x.yaml"], "did you mean `swarm validate`?"),
        (["qqqqq"], "see `swarm --help`"),
        (["What does this do?"], 'a prompt needs a command: `swarm run "..."`'),
        (["hello.yaml"], "`swarm run hello.yaml`, or `swarm validate hello.yaml`"),
        (["--jsno"], "--jsno needs a command"),
        (["cost", "--topp=3"], "swarm cost does not know --topp=3; did you mean --top?"),
        (["cost", "--frobnicate"], "swarm cost does not know --frobnicate; see `swarm cost --help`"),
        (["cost", "--top", "x"], "argument --top: invalid int value: 'x'"),
        (["cost", "--color", "pink"], "argument --color: invalid choice: 'pink'"),
        (["cost", "-C", "/no/such/folder"], "-C /no/such/folder: cannot go there (No such file or directory)"),
    ],
)
def test_a_wrong_word_ends_with_2_and_says_what_to_type(
    words: list[str], said: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(lambda args: 0)
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ") and said in shown.err
    assert "Traceback" not in shown.err


def test_the_shared_options_may_stand_before_and_behind_the_command(install: Install) -> None:
    seen: list[argparse.Namespace] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args)
        return 7

    install(run)
    words = ["--json", "--log", "a.db", "cost", "-vv", "--top", "3", "--no-input", "--", "x", "--json", "-q"]
    assert main(words) == 7
    (args,) = seen
    assert (args.json, args.log, args.verbose, args.top, args.no_input) == (True, "a.db", 2, 3, True)
    assert args.words == ["x", "--json", "-q"]
    assert not args.quiet
    assert isinstance(args.output, Output) and args.output.json


def test_words_may_stand_before_and_behind_an_option(install: Install) -> None:
    seen: list[argparse.Namespace] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args)
        return 0

    install(run)
    assert main(["cost", "a", "--top", "3", "b", "-v", "c"]) == 0
    assert (seen[0].words, seen[0].top, seen[0].verbose) == (["a", "b", "c"], 3, 1)


def test_with_c_the_command_runs_in_that_folder(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    seen: list[Path] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(Path.cwd())
        return 0

    install(run)
    assert main(["cost", "-C", "below"]) == 0
    assert seen == [tmp_path / "below"]


def failing(error: BaseException) -> Run:
    def run(args: argparse.Namespace) -> int:
        raise error

    return run


def test_an_error_is_a_sentence_on_stderr_and_an_exit_code(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(BudgetExceeded(scope="session s1", unit="tokens", used=900, reserved=50, cap=1000, needed=100)))
    assert main(["cost"]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: the budget of session s1 has 50 tokens of 1,000 tokens left")
    assert shown.err.count("\n") == 1


def test_with_json_a_failure_is_one_document_on_stdout(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(UsageError("no such thing; write another")))
    assert main(["cost", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "schema": "swarm.error/1",
        "error": "no such thing; write another",
        "kind": "UsageError",
        "exit_code": 2,
    }
    assert main(["nonsense", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


def test_a_fault_of_swarm_is_called_one_and_debug_shows_the_traceback(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(ZeroDivisionError("division by zero")))
    assert main(["cost"]) == 1
    plain = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero. This is a fault of swarm" in plain and "--debug" in plain
    assert "Traceback" not in plain
    assert main(["cost", "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_no_key_of_the_environment_shows_in_an_error(
    install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", "sk-very-secret-1")
    install(failing(ValueError("the server said: bad key sk-very-secret-1")))
    main(["cost", "--debug", "--json"])
    shown = capsys.readouterr()
    assert "sk-very-secret-1" not in shown.out + shown.err
    assert "[secret:EXAMPLE_API_KEY]" in shown.err


NO_MODEL = NoModelAvailable(role="worker", reasons={})
NO_ANSWER = ConfirmationNeeded("Pay?", remedy="add --yes.")
OVER = BudgetExceeded(scope="day", unit="nanos", used=1, reserved=0, cap=1, needed=1)


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([NO_MODEL, OVER], 3),
        ([NO_ANSWER, NO_MODEL], 4),
        ([SwarmError("a"), NO_ANSWER], 5),
        ([SwarmError("a"), UsageError("b")], 2),
        ([OVER, ZeroDivisionError("no sentence of ours")], 1),
    ],
)
def test_where_several_errors_come_together_the_gravest_gives_the_exit_code(
    errors: list[Exception], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    group = ExceptionGroup("tasks", [errors[0], ExceptionGroup("inner", errors[1:])])
    assert tell(group, debug=False, as_json=False) == code
    assert capsys.readouterr().err.startswith("error: ")


def test_an_interrupted_command_ends_with_130(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(KeyboardInterrupt()))
    assert main(["cost"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_reader_that_goes_away_ends_the_command_without_a_word(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    environ = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "swarm.cli.main", "config", "show"], stdout=write, stderr=subprocess.PIPE, env=environ
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_pipe_that_breaks_elsewhere_is_a_failure(install: Install, capfd: pytest.CaptureFixture[str]) -> None:
    install(failing(BrokenPipeError(32, "Broken pipe")))
    assert main(["cost"]) == 1
    assert "BrokenPipeError" in capfd.readouterr().err


def test_a_terminal_that_lacks_a_character_gets_an_escape() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = swarm("Grüße", env=environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no command 'Gr\\xfc\\xdfe'" in done.stderr


def test_results_go_to_stdout_and_notes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    loud, silent = Output(verbose=1), Output(quiet=True)
    loud.line("result")
    loud.note("note")
    loud.detail("detail")
    silent.note("never")
    silent.detail("never")
    silent.problem("always")
    shown = capsys.readouterr()
    assert shown.out == "result\n"
    assert shown.err == "note\ndetail\nalways\n"


def test_colour_is_for_terminals_and_for_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    Output().line("plain", "red")
    Output(color="always").line("painted", "red")
    assert capsys.readouterr().out == "plain\n\x1b[31mpainted\x1b[0m\n"


def test_a_table_has_columns_and_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["task", "cost"], [["build", "$0.05"], [("a\nb", "green"), "$12.00"]])
    assert capsys.readouterr().out == "task     cost\nbuild   $0.05\na b    $12.00\n"
    Output().table(["task", "cost"], [])
    assert capsys.readouterr().out == "task  cost\n"


def test_on_a_terminal_a_table_is_painted_and_no_wider_than_the_terminal() -> None:
    show = (
        "from swarm.cli.output import Output\n"
        "Output().table(['STATE', 'TITLE'], [[('open', 'green'), 'a title that goes on \\u202e and on and on']])"
    )
    for columns, title in ((80, "a title that goes on <U+202E> and on and on"), (30, "a title that goes on <…")):
        with terminal_of(show, columns) as shown:
            assert shown == f"\x1b[2mSTATE  TITLE\x1b[0m\n\x1b[32mopen \x1b[0m  {title}\n"


def test_on_a_terminal_sentences_are_broken_between_words_and_commands_are_whole() -> None:
    say = "from swarm.cli.output import Output\nOutput().problem('{}', exact={})"
    sentence = "error: this  is wrong; say `swarm trust a-long-name.yaml`, or not"
    with terminal_of(say.format(sentence, False), 40) as shown:
        assert shown == "error: this  is wrong; say\n`swarm trust a-long-name.yaml`, or not\n"
    with terminal_of(say.format(sentence, True), 40) as shown:
        assert shown == sentence + "\n"


@contextmanager
def terminal_of(code: str, columns: int) -> Generator[str]:
    """Run a piece of Python whose streams are a terminal; give what it shows."""
    import pty

    ours, theirs = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    environ.pop("NO_COLOR", None)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environ)
    child.wait(30)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    yield shown.replace("\r\n", "\n")


def test_a_model_cannot_drive_the_terminal_through_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["title"], [["\x1b]0;owned\x07\x9b31m"]])
    assert "\x1b" not in capsys.readouterr().out


def test_nobody_is_asked_where_nobody_can_answer() -> None:
    with pytest.raises(ConfirmationNeeded, match="Fetch 94 MB\\? Nobody can be asked here; add --yes"):
        Output(no_input=True).confirm("Fetch 94 MB?", remedy="add --yes")
    with pytest.raises(ConfirmationNeeded, match=r"used: git push \(nobody can be asked here; say so\)"):
        Output(no_input=True).confirm("May run be used: git push", remedy="say so")


@pytest.mark.parametrize(("answer", "expected"), [(b"y\n", True), (b"Yes\n", True), (b"\n", False), (b"n\n", False)])
def test_on_a_terminal_a_question_is_answered_with_y(answer: bytes, expected: bool) -> None:
    import pty

    ask = "from swarm.cli.output import Output; print(Output().confirm('Pay?', remedy='-'), flush=True)"
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", ask], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True
    )
    os.close(theirs)
    os.write(ours, answer)
    out, _ = child.communicate(timeout=30)
    os.close(ours)
    assert out == f"{expected}\n"


@pytest.mark.parametrize("words", [["ps", "-C=--"], ["ps", "--log=--"], ["run", "--model=--", "x.yaml"]])
def test_two_dashes_are_no_value_of_an_option(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "is given `--`, which is no value" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["ps", "verify", "cost", "resume"])
def test_a_log_whose_name_is_too_long_is_told_in_a_sentence(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--log", "x" * 400]) == 2
    assert "file name too long" in capsys.readouterr().err
