"""`swarm config show`: what holds, where it comes from, and never a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarm.cli.main import main
from swarm.settings.load import load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder to stand in, and an environment without keys and settings."""
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENROUTER_API_KEY",
        "GROQ_API_KEY",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".config" / "swarm").mkdir(parents=True)
    return tmp_path


def test_what_is_shown_is_a_settings_file_that_gives_the_same_settings(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-abcdefgh")
    monkeypatch.setenv("SWARM_CALLS_TRIES", "3")
    (home / "swarm.toml").write_text("[budget]\nday_usd = 0.10\n")
    before = load_settings(home, environ={"HOME": str(home), "SWARM_CALLS_TRIES": "3"}).settings
    assert main(["config", "show", "--origin"]) == 0
    (home / ".config/swarm/config.toml").write_text(capsys.readouterr().out)
    (home / "swarm.toml").unlink()
    again = load_settings(home, environ={"HOME": str(home)}).settings
    assert again.budget == before.budget and again.calls == before.calls and again.log == before.log
    assert again.models["groq/gpt-oss-20b"].price is not None
    assert again.providers == before.providers
    assert again.models.keys() == before.models.keys()


def test_each_line_can_say_where_it_comes_from(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWARM_JUDGE", "paid")
    (home / ".config/swarm/config.toml").write_text('\ntransport = "httpx"\n')
    assert main(["config", "show", "--origin", "--log", "x.db"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f'log = "{home}/x.db"  # flag --log' in lines
    assert 'judge = "paid"  # environment SWARM_JUDGE' in lines
    assert f'transport = "httpx"  # user file {home}/.config/swarm/config.toml:2' in lines
    assert 'on_unknown = "repeat"  # default' in lines


def test_a_key_is_said_to_be_set_and_never_shown(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-do-not-show")
    (home / ".config/swarm/config.toml").write_text(
        '[providers.mine]\nbase_url = "https://api.example.com"\nkey_env = "MINE_KEY"\n[providers.open]\nbase_url = "http://[::1]"\n'
    )
    assert main(["config", "show", "--origin"]) == 0
    text = capsys.readouterr().out
    assert main(["config", "show", "--json"]) == 0
    document = capsys.readouterr().out
    assert "gsk-do-not-show" not in text + document
    assert "[providers.groq]  # GROQ_API_KEY is set" in text
    assert "[providers.mine]  # MINE_KEY is not set" in text
    assert "[providers.open]  # needs no key" in text
    assert "#   openrouter  OPENROUTER_API_KEY" in text and "[providers.openrouter]" not in text
    keys = json.loads(document)["keys"]
    assert (keys["GROQ_API_KEY"], keys["MINE_KEY"], keys["OPENROUTER_API_KEY"]) == ("set", "not set", "not set")


def test_the_json_document_holds_the_settings_and_their_origins(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "swarm.toml").write_text('[budget]\nday_usd = "0.10"\n')
    assert main(["config", "show", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "swarm.config/1"
    assert document["settings"]["budget"]["day_nanos"] == 100_000_000
    assert document["origins"]["budget.day_usd"] == {"kind": "project file", "place": f"{home}/swarm.toml:2"}
    assert document["origins"]['models."openai/gpt-6-luna".price']["kind"] == "preset"


def test_the_password_in_the_address_of_a_log_is_hidden(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--origin"], ["--json"]):
        assert main(["config", "show", "--log", "nats://me:hidden-1@host/x", *words]) == 0
        shown = capsys.readouterr().out
        assert "nats://me:***@host/x" in shown and "hidden-1" not in shown


def test_wrong_settings_end_with_2_and_name_the_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "swarm.toml").write_text("\nday_usd = 1\n")
    assert main(["config", "show"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {home}/swarm.toml:2: day_usd: unknown key; ")


def test_it_says_where_your_own_file_is_and_whether_it_is_there(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = home / "somewhere" / "swarm" / "config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "somewhere"))
    assert main(["config"]) == 0  # `show` is what it does without a word
    assert capsys.readouterr().out.splitlines()[0] == f"# your settings file: {own} (not there yet)"
    own.mkdir(parents=True)
    assert main(["config", "show"]) == 2
    assert f"{own} cannot be read (Is a directory)" in capsys.readouterr().err
