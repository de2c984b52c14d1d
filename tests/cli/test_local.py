"""`swarm local` lists, pulls, removes and serves, and says what it would fetch before it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from swarm.cli.local import progress_line
from swarm.cli.main import main
from swarm.cli.output import Output
from swarm.models.catalogue import CATALOGUE, CatalogueModel
from tests.local_model import needs_engine, small_model


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "swarm" / "models"


def run(*words: str) -> int:
    return main(["local", *words])


def pretend_pulled(model: CatalogueModel, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / model.file_name).open("wb") as file:
        file.truncate(model.size_bytes)


def test_list_says_of_each_model_its_size_its_licence_and_whether_it_is_here(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_pulled(CATALOGUE[1], folder)
    assert run("list") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["MODEL", "SIZE", "LICENCE", "HERE"]
    assert rows[0].split() == ["smollm2-135m", "98", "MB", "Apache-2.0", "no"]
    assert rows[1].endswith(str(folder / CATALOGUE[1].file_name))


def test_list_as_json_is_one_document_with_its_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretend_pulled(CATALOGUE[0], folder)
    assert run("list", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "swarm.local/1"
    assert [model["pulled"] for model in document["models"]] == [True, False, False]
    assert document["models"][0]["path"] == str(folder / CATALOGUE[0].file_name)
    assert document["models"][1]["sha256"] == CATALOGUE[1].sha256


def test_listing_creates_nothing(folder: Path, tmp_path: Path) -> None:
    run("list")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("pull",), ("pull", "qwen2.5-coder-0.5b"), ("serve",), ("pull", "--no-input")])
def test_nothing_is_fetched_unasked_where_nobody_can_be_asked(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 5
    assert "add --yes, or type `swarm local pull" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_pulling_what_is_here_asks_nothing_and_says_where_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_pulled(CATALOGUE[0], folder)
    assert run("pull", "smollm2-135m", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "schema": "swarm.local/1",
        "model": "smollm2-135m",
        "path": str(folder / CATALOGUE[0].file_name),
    }


def test_rm_frees_the_room(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretend_pulled(CATALOGUE[0], folder)
    assert run("rm", "smollm2-135m") == 0
    assert capsys.readouterr().out == "removed smollm2-135m, 98 MB are free again\n"
    assert not (folder / CATALOGUE[0].file_name).exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rm",), "which model is to be removed"),
        (("rm", "smollm2-135m"), "is not here, nothing was removed"),
        (("rm", "smollm"), "did you mean smollm2-135m"),
        (("pull", "llama"), "there are smollm2-135m"),
        (("serve", "./nowhere.gguf"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_next_step(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert said in capsys.readouterr().err


def test_a_download_is_shown_a_tenth_at_a_time_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show = progress_line(Output())
    for done in range(0, 2_000_001, 1_000):
        show("m", done, 2_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"m: {tenth}0 % of 2 MB" if tenth else "m: 0 % of 2 MB" for tenth in range(11)]


@needs_engine
def test_serve_says_how_to_reach_the_model_and_ends_with_ctrl_c(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = small_model(tmp_path_factory)
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from swarm.cli.main import main; raise SystemExit(main())",
            "local",
            "serve",
            str(model),
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        headers = {"Authorization": f"Bearer {told['key']}"}
        with httpx.Client(trust_env=False) as client:
            listed = client.get(f"{told['base_url']}/models", headers=headers)
        assert listed.json()["data"][0]["id"] == told["model"]
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
