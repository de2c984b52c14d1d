"""The page of a report in a real browser, where one is installed: it renders, asks for nothing, and stays what it was."""

from __future__ import annotations

import http.server
import os
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import pytest

from events.log import open_log
from tests.pages import HARMLESS, Parsed, hostile, in_turn, page_of, record

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell")
QUIET = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--hide-scrollbars", "--window-size=1000,1400"),
)


def browser() -> str:
    """The first that is there: in the path, or where Playwright keeps its own."""
    kept = Path.home() / ".cache" / "ms-playwright"
    own = sorted(path for name in ("chrome", "headless_shell") for path in kept.glob(f"chromium*/*/{name}"))
    return next((found for name in NAMES if (found := shutil.which(name))), str(own[-1]) if own else "")


pytestmark = pytest.mark.skipif(not browser(), reason=f"no browser is installed ({', '.join(NAMES)})")


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and what was asked of it."""
    heard: list[str] = []

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()


def shown(page: Path, picture: Path) -> tuple[str, list[str]]:
    """The document as the browser has it once the page is loaded, and what its console says."""
    command = [browser(), *QUIET, f"--user-data-dir={picture.parent / 'profile'}", f"--screenshot={picture}"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
        cwd=picture.parent,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    return struct.unpack(">II", picture.read_bytes()[16:24])


def test_a_browser_makes_of_a_hostile_log_what_it_makes_of_a_harmless_one_and_asks_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, list[str]]
) -> None:
    address, heard = asked

    async def made(texts: Sequence[str]) -> str:
        async with open_log("memory:") as log:
            await record(log, in_turn(texts), tasks=6)
            return await page_of(log, 1)

    with monkeypatch.context() as patch:  # the browser keeps its caches of fonts, which take it a second
        patch.setenv("HOME", str(tmp_path))
        harmless, attacked = anyio.run(made, HARMLESS), anyio.run(made, hostile(address))
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(attacked, "utf-8")
    document, console = shown(page, picture)
    assert console == [] and heard == []
    assert Parsed(document).tags == Parsed(harmless).tags
    assert Parsed(document).words.count("<script>alert(1)") == Parsed(attacked).words.count("<script>alert(1)") > 0
    assert size_of(picture) == (1000, 1400) and picture.stat().st_size > 30_000  # a blank one has 5,000 bytes
