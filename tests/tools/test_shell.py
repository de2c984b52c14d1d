"""Models run commands and Python in the work copy: they are told what was printed and how it ended, within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm.tools.base import Said, Tool, ToolRefused
from swarm.tools.limits import MEBIBYTE, Limits
from swarm.tools.sandbox.box import Sandbox
from swarm.tools.sandbox.probe import probe
from swarm.tools.shell import Bounds, shell_tools


@pytest.fixture(scope="module")
async def box() -> Sandbox:
    """The best that there is here: a tool works in any of them."""
    return await probe()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("copy/src", "tmp"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "copy" / "src" / "a.txt").write_text("one\n")
    return tmp_path / "copy"


def tools(box: Sandbox, copy: Path, bounds: Bounds | None = None, **env: str) -> dict[str, Tool]:
    made = shell_tools(box, copy, copy.parent / "tmp", bounds=bounds or Bounds(timeout_s=20), env=env)
    return {tool.name: tool for tool in made}


async def test_a_command_works_in_the_copy_and_its_output_is_told(box: Sandbox, copy: Path) -> None:
    run = tools(box, copy, GREETING="hello")["run"]
    said = await run.use({"command": "pwd; echo $GREETING; echo two >>src/a.txt; cat src/a.txt >&2"})
    assert said == Said(text=f"{copy.resolve()}\nhello\none\ntwo\n", exit_code=0)
    assert (copy / "src" / "a.txt").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("command", "text", "exit_code"),
    [
        ("echo said; exit 3", "said\n[exit code 3]", 3),
        ("printf said; exit 1", "said\n[exit code 1]", 1),
        ("exit 2", "[exit code 2]", 2),
        ("true", "[it printed nothing]", 0),
        ("kill -KILL $$", "[was ended by SIGKILL]", -9),
    ],
)
async def test_how_a_command_ended_is_told(command: str, text: str, exit_code: int, box: Sandbox, copy: Path) -> None:
    said = await tools(box, copy)["run"].use({"command": command})
    assert (said.text, said.exit_code, said.failed) == (text, exit_code, exit_code != 0)


async def test_a_command_runs_in_a_folder_of_the_project(box: Sandbox, copy: Path) -> None:
    run = tools(box, copy)["run"]
    assert (await run.use({"command": "cat a.txt", "folder": "src"})).text == "one\n"
    assert (await run.use({"command": "cat src/a.txt", "folder": "."})).text == "one\n"


@pytest.mark.parametrize("folder", ["..", "../tmp", "/etc", "src/a.txt", "missing", ".git", "out", "a\0b"])
async def test_a_folder_that_is_not_of_the_project_is_refused(folder: str, box: Sandbox, copy: Path) -> None:
    (copy / "out").symlink_to("/etc")
    with pytest.raises(ToolRefused):
        await tools(box, copy)["run"].use({"command": "true", "folder": folder})


async def test_a_command_that_cannot_be_started_is_refused(box: Sandbox, copy: Path) -> None:
    with pytest.raises(ToolRefused, match="could not be started"):
        await tools(box, copy)["run"].use({"command": "echo a\0b"})


async def test_a_model_can_ask_for_less_time_and_for_no_more(box: Sandbox, copy: Path) -> None:
    run = tools(box, copy, Bounds(timeout_s=0.6))["run"]
    for asked, told in ((0.2, 0.2), (9_999, 0.6)):
        said = await run.use({"command": "echo begun; sleep 600", "timeout_s": asked})
        assert said.text == f"begun\n[took longer than {told:g} s and was ended]"
        assert (said.failed, said.exit_code) == (True, None)


async def test_long_output_is_cut_in_its_middle_and_said_to_be(box: Sandbox, copy: Path) -> None:
    said = await tools(box, copy, Bounds(output_bytes=1000))["run"].use({"command": "seq 1 100000"})
    assert said.cut
    assert said.text.startswith("1\n2\n")
    assert said.text.endswith("\n100000\n")
    assert len(said.text) < 1100


async def test_a_limit_is_told_to_the_model(box: Sandbox, copy: Path) -> None:
    few = Bounds(limits=Limits(memory_bytes=100 * MEBIBYTE, processes=50, output_bytes=MEBIBYTE))
    said = await tools(box, copy, few)["run"].use({"command": "yes"})
    assert said.text.endswith("\n[printed more than 1 MiB and was ended]")


async def test_python_runs_a_script_with_the_standard_library_and_leaves_no_trace(box: Sandbox, copy: Path) -> None:
    python = tools(box, copy)["python"]
    said = await python.use(
        {"code": "import json, pathlib\nprint(json.dumps(pathlib.Path('src/a.txt').read_text()))\n"}
    )
    assert said == Said(text='"one\\n"\n', exit_code=0)
    failed = await python.use({"code": "raise SystemExit('äöü went wrong')"})
    assert (failed.text, failed.failed) == ("äöü went wrong\n[exit code 1]", True)
    assert list((copy.parent / "tmp").glob("script-*")) == []


async def test_python_takes_no_module_from_the_copy_instead_of_the_real_one(box: Sandbox, copy: Path) -> None:
    (copy / "json.py").write_text("raise SystemExit('not the real one')")
    assert (await tools(box, copy)["python"].use({"code": "import json; print('fine')"})).text == "fine\n"


async def test_the_tools_are_described_in_few_words_and_change_the_copy_alone(box: Sandbox, copy: Path) -> None:
    run, python = shell_tools(box, copy, copy.parent / "tmp", network=True)
    assert "network can be reached" in run.spec.description
    for tool in (run, python):
        assert (tool.effect, tool.repeatable) == ("copy", False)
        assert len(tool.spec.description.split()) <= 12
        assert tool.subject in tool.spec.parameters["required"]
