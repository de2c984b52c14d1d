"""The command in a process that kills itself where it touches the world: `crashing.py EVENT PART NTH WORDS...`.

EVENT is what Python tells its audit hooks (`os.rename`, `subprocess.Popen`); `any` stands for all that leaves or starts something.
PART is in one of its arguments, NTH says which of them it is. The process ends before that is done, or, with a `+` behind EVENT,
at whatever it does next.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

TOUCHING = frozenset(
    ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.scandir", "os.kill")
) | {"subprocess.Popen", "socket.connect", "socket.sendmsg", "shutil.rmtree", "tempfile.mkdtemp", "tempfile.mkstemp"}


def crash_at(event: str, part: str, nth: int) -> None:
    """End this process at a moment of its work."""
    wanted, is_after = event.removesuffix("+"), event.endswith("+")
    left = nth

    def look(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if left == 0:
            signal.raise_signal(signal.SIGKILL)  # os.kill would tell the hook of itself
        is_meant = name in TOUCHING if wanted == "any" else name == wanted
        if is_meant and (not part or part in str(arguments)):
            left -= 1
            if left == 0 and not is_after:
                signal.raise_signal(signal.SIGKILL)

    sys.addaudithook(look)


if __name__ == "__main__":
    from swarm.cli.main import main

    crash_at(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[4:]))
