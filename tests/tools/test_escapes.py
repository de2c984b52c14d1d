"""What a command in the sandbox cannot do: read what is a person's or ours, write outside of its copy, reach anybody."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from swarm.tools.command import Outcome, run_command
from swarm.tools.sandbox.box import Sandbox
from swarm.tools.sandbox.probe import probe
from tests.tools.boxes import box_of
from tests.tools.escapes import ATTEMPTS, FAMILIES, Attempt

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are of Linux")

MARK = "##"
CANARY = "canary-1c9f27d0"
PERSONAL = (
    *(".ssh/id", ".aws/credentials", ".gnupg/key", ".config/gh/hosts.yml", ".config/swarm/settings.toml"),
    *(".config/gcloud/token", ".netrc", ".docker/config.json", ".kube/config", ".npmrc", ".pypirc", ".git-credentials"),
    *(".bash_history", ".cargo/credentials.toml", ".local/share/swarm/log.db", ".local/share/keyrings/login"),
    *(".pki/key", "other/notes", ".bashrc"),
)
OF_PROJECT = (".env", ".env.local", ".git/config", ".npmrc")
OURS = (".local/bin/tool", ".cargo/bin/tool", "code/project/old.txt", "code/project/.git/hooks/update.sample")
DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "console"))
SHARED = ("/etc", "/etc/cron.d", "/usr/bin", "/usr/local/bin", "/opt", "/srv", "/tmp", "/var/tmp", "/dev/shm", "/")


class Ground:
    """A home folder with secrets and a project in it, a log elsewhere, and how both looked in the beginning."""

    def __init__(self, top: Path) -> None:
        self.home, self.logs, self.project = top / "home", top / "logs", top / "home" / "code" / "project"
        self.copy, self.temp = top / "holder" / "project", top / "holder" / "tmp"
        secrets = [*(self.home / name for name in PERSONAL), *(self.project / name for name in OF_PROJECT)]
        for place in (*secrets, *(self.home / name for name in OURS), self.logs / "log.db"):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("old\n" if place.name in ("tool", "old.txt") else f"{CANARY}\n")
        self.env = {
            "PROJECT": str(self.project),
            "LOGS": str(self.logs),
            "COPY": str(self.copy),
            "OUR": str(os.getpid()),
        }
        self.env |= {"PYTHON": sys.executable, "PREFIX": sys.prefix}

    def state(self) -> Mapping[str, object]:
        """Mode, time and content of everything that no command may change, and what was left where nothing may be."""
        places = (place for top in (self.home, self.logs) for place in (top, *top.rglob("*")))
        told = {place: (place.lstat(), place.read_bytes() if place.is_file() else b"") for place in places}
        left = {folder: True for folder in SHARED if Path(folder, "swarm-escape").exists()}
        return {
            **{str(place): (found.st_mode, found.st_mtime_ns, text) for place, (found, text) in told.items()},
            **left,
        }

    async def run(self, command: str, box: Sandbox) -> Outcome:
        for folder in (self.copy, self.temp):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        wrap = box.wrap(copy=self.copy, temp=self.temp, readable=(self.project,))
        wrap = msgspec.structs.replace(wrap, env={})  # the home folder keeps its name, which the attempts know
        return await run_command(command, cwd=self.copy, env=self.env, timeout_s=20, temp=self.temp, wrap=wrap)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The ground, with servers that listen beside it: TCP, UDP that answers, a socket without and one with a name."""
    ground = Ground(tmp_path_factory.mktemp("ground").resolve())
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(ground.home))
        patch.setenv("OPENAI_API_KEY", CANARY)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        abstract, named = f"swarm-escape-{os.getpid()}", str(ground.project / "server.sock")
        for name in (f"\0{abstract}", named):
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(name)
            listening.listen(100)
        other = subprocess.Popen(["sleep", "600"], env={"SOME_KEY": CANARY, "PATH": os.environ["PATH"]})
        stack.callback(other.wait)
        stack.callback(other.kill)
        ground.env["OTHER"] = str(other.pid)
        answering = threading.Thread(target=_answer, args=(udp,))
        answering.start()
        stack.callback(answering.join)
        stack.callback(udp.sendto, b"end", udp.getsockname())
        ground.env |= {"PORT": str(tcp.getsockname()[1]), "UDP": str(udp.getsockname()[1])}
        ground.env |= {"ABSTRACT": abstract, "SOCKET": named}
        yield ground


def _answer(server: socket.socket) -> None:
    while (told := server.recvfrom(9))[0] != b"end":
        server.sendto(b"answer", told[1])


@pytest.fixture(scope="module")
async def bubblewrap(ground: Ground) -> Sandbox:
    return await box_of("bubblewrap", hidden=(ground.logs,))


@pytest.fixture(scope="module")
async def landlock(ground: Ground) -> Sandbox:
    return await box_of("landlock", hidden=(ground.logs,))


async def _outputs(attempts: Sequence[Attempt], ground: Ground, box: Sandbox) -> Mapping[str, str]:
    """What each of several attempts prints, which are made one after the other in one start of the sandbox."""
    script = "\n".join(f"echo {shlex.quote(MARK + each.name)}\n(\n{each.command}\n) 2>&1" for each in attempts)
    outcome = await ground.run(script, box)
    assert not outcome.ended
    said = dict(part.split("\n", 1) for part in outcome.output.split(MARK)[1:])
    assert list(said) == [each.name for each in attempts], "one of them ended the others"
    return said


def _got_somewhere(output: str) -> bool:
    return "ESCAPED" in output or CANARY in output


def _named(attempt: Attempt) -> str:
    return attempt.name


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=_named)
async def test_nothing_gets_out_of_bubblewrap(attempt: Attempt, ground: Ground, bubblewrap: Sandbox) -> None:
    before = ground.state()
    outcome = await ground.run(attempt.command, bubblewrap)
    assert not _got_somewhere(outcome.output), outcome.output
    assert not outcome.ended
    assert ground.state() == before


@pytest.mark.parametrize("family", FAMILIES)
async def test_landlock_keeps_what_it_does_not_say_it_cannot(family: str, ground: Ground, landlock: Sandbox) -> None:
    before = ground.state()
    tried = await _outputs([each for each in FAMILIES[family] if each.landlock], ground, landlock)
    assert [name for name, output in tried.items() if _got_somewhere(output)] == []
    assert ground.state() == before


@pytest.mark.parametrize("family", FAMILIES)
async def test_without_a_sandbox_the_same_attempts_get_somewhere(family: str, ground: Ground) -> None:
    nothing = await probe("none")
    tried = await _outputs([each for each in FAMILIES[family] if each.proven], ground, nothing)
    assert [name for name, output in tried.items() if not _got_somewhere(output)] == []


async def test_what_landlock_cannot_keep_it_says(ground: Ground, landlock: Sandbox) -> None:
    gaps = {
        "send a datagram to a server": "udp",
        "connect to a socket in the project": "unix sockets",
        "touch the project": "modes and times",
    }
    before = (ground.project / "old.txt").stat()
    tried = await _outputs([each for each in ATTEMPTS if each.name in gaps], ground, landlock)
    os.utime(ground.project / "old.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert {gaps[name] for name, output in tried.items() if _got_somewhere(output)} == set(gaps.values())
    assert set(gaps.values()) <= set(landlock.missing)


async def test_what_a_sandbox_lets_through_of_the_disk_is_set_read_only(ground: Ground, bubblewrap: Sandbox) -> None:
    mounts = (await ground.run("cat /proc/self/mounts", bubblewrap)).output.splitlines()
    writable = {words[1] for words in map(str.split, mounts) if "rw" in words[3].split(",")}
    own = {str(ground.copy), str(ground.temp), str(ground.home)}
    assert writable <= {*own, "/tmp", "/var/tmp", "/dev/shm", "/dev/pts", "/proc", *DEVICES}
