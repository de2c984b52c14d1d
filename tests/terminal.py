"""A terminal of its own for a `swarm` command, with the test at its other end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Terminal:
    """The parent's end of the terminal."""

    def __init__(self, process: subprocess.Popen[bytes], parent: int) -> None:
        self.process, self._parent, self.shown = process, parent, b""

    def wait_for(self, text: str) -> None:
        """Read until the text was drawn. Fails where the program ends before."""
        while text.encode() not in self.shown:
            try:
                part = os.read(self._parent, 65536)
            except OSError:  # Linux reports the end of a terminal as an error
                part = b""
            assert part, f"{text!r} was not drawn: {self.shown!r}"
            self.shown += part

    def press(self, keys: str) -> None:
        os.write(self._parent, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make it another size, and say so, as a window that is drawn at its corner does."""
        _resize(self._parent, columns, rows)
        self.process.send_signal(signal.SIGWINCH)

    def take(self) -> None:
        """Read what is there to be read, at least something; what was shown before is forgotten."""
        self.shown = os.read(self._parent, 1 << 20)

    @property
    def modes(self) -> list[object]:
        """How the terminal treats what is typed: what a program on it has to leave as it was."""
        return termios.tcgetattr(self._parent)[:6]

    def close(self) -> None:
        """Go away, as a window does that is closed."""
        os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), self._parent, inheritable=False)

    def end(self) -> int:
        """Read to the end, so that the program is not held up, and return its exit code."""
        try:
            while part := os.read(self._parent, 65536):
                self.shown += part
        except OSError:
            pass
        return self.process.wait(timeout=30)

    @property
    def text(self) -> str:
        """What was shown, without colours and movements of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown.decode()).replace("\r\n", "\n")


@contextmanager
def terminal(
    *words: str, columns: int = 100, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Generator[Terminal]:
    """Run a command with all three streams on a terminal; it is ended with the block."""
    parent, child = pty.openpty()
    _resize(child, columns, 24)
    environment = {**(os.environ if env is None else env), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    for size in ("COLUMNS", "LINES"):  # those of whoever runs the tests: the terminal itself says how large it is
        environment.pop(size, None)
    command = [sys.executable, "-P", "-m", "swarm.cli.main", *words]
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=environment, cwd=cwd) as process:
        os.close(child)
        try:
            yield Terminal(process, parent)
        finally:
            process.kill()
            os.close(parent)


def _resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
