"""How the live view looks: options before settings before what the terminal is; and in ASCII to the last byte."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from swarm.cli.look import add_look, is_ascii, look_of, picture_look
from swarm.errors import UsageError
from swarm.settings.load import SettingsInvalid, load_settings
from swarm.settings.screen import ViewSettings
from tests.terminal import terminal
from tests.tui.recordings import recorded_log
from tui.look import Look

SSH = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
CONSOLE = {"TERM": "linux"}


def given(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_look(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "settings", "environ", "look"),
    [
        ((), ViewSettings(), {}, Look(theme="dark", fps=8)),
        ((), ViewSettings(), SSH, Look(theme="ansi", still=True, fps=2)),
        (("--no-slow",), ViewSettings(), SSH, Look(theme="dark", fps=8)),
        (("--fps", "5", "--theme", "light"), ViewSettings(), SSH, Look(theme="light", still=True, fps=5)),
        ((), ViewSettings(slow=False), SSH, Look()),
        (("--slow",), ViewSettings(slow=False, fps=1), {}, Look(theme="ansi", still=True, fps=1)),
        ((), ViewSettings(theme="swarm-cb", ascii=True, fps=4), {}, Look(theme="swarm-cb", ascii=True, fps=4)),
        (("--no-ascii", "--theme", "dark"), ViewSettings(theme="light", ascii=True), {}, Look()),
        ((), ViewSettings(), CONSOLE, Look(ascii=True)),
        (("--no-ascii",), ViewSettings(), CONSOLE, Look()),
    ],
)
def test_options_come_before_settings_and_these_before_the_terminal(
    words: tuple[str, ...], settings: ViewSettings, environ: Mapping[str, str], look: Look
) -> None:
    assert look_of(given(*words), settings, environ={"TERM": "xterm", **environ}) == look
    if not words:  # as a command without these options
        assert look_of(None, settings, environ={"TERM": "xterm", **environ}) == look


def test_a_terminal_that_is_not_of_utf_8_gets_ascii() -> None:
    assert is_ascii({"TERM": "xterm"}, "ISO-8859-1") and is_ascii({"TERM": "vt100"}, "utf-8")
    assert not is_ascii({"TERM": "xterm-256color"}, "UTF-8") and not is_ascii({}, "utf8")


def test_a_picture_looks_as_the_options_say_and_no_terminal() -> None:
    assert picture_look(given()) == Look()
    assert picture_look(given("--ascii", "--theme", "light", "--slow")) == Look(ascii=True, theme="light")


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="--fps 61: a number above 0 and up to 60"):
        look_of(given("--fps", "61"), ViewSettings())


def test_settings_have_the_look_of_the_person_alone(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "SWARM_VIEW_FPS": "2.5"}
    user = tmp_path / ".config" / "swarm" / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text('[view]\ntheme = "swarm-cb"\nascii = true\nslow = false\n')
    settings = load_settings(tmp_path, environ=environ).settings
    assert settings.view == ViewSettings(theme="swarm-cb", ascii=True, slow=False, fps=2.5)
    user.write_text("[view]\nfps = 0\n")
    with pytest.raises(SettingsInvalid, match="a number above 0 and up to 60 is expected, not 0"):
        load_settings(tmp_path, environ={"HOME": str(tmp_path)})
    user.unlink()
    project = tmp_path / "project"
    project.mkdir()
    (project / "swarm.toml").write_text("view.ascii = true\n")
    with pytest.raises(SettingsInvalid, match=r"view\.ascii"):
        load_settings(project, environ={"HOME": str(tmp_path)})


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_on_a_terminal_without_signs_every_byte_is_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    log = recorded_log(tmp_path, monkeypatch)
    words = ("--ascii",) if encoding == "utf-8" else ()
    with terminal("watch", "--log", log, *words, env={**os.environ, "PYTHONIOENCODING": encoding}) as screen:
        screen.wait_for("v accepted")
        screen.press("M")
        screen.wait_for("\x1b[?1003l")
        screen.press("q")
        assert screen.end() == 0
        assert screen.shown.isascii()
