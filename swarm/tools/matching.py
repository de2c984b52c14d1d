"""The child process that looks for a pattern where ripgrep is not there or does not know it.

Run as `python -P -m swarm.tools.matching` in the project's folder: a pattern can take for ever, and nothing could end it in
our own process. It imports nothing of ours. Stdin is one JSON object: `pattern`, `ignore_case`, `plain`, `seconds`, `most_bytes` (of a file),
`most` (lines of one) and `names`. Stdout gets what
ripgrep writes: for each line that matches the file's name, NUL, the line's number and a colon.
"""

from __future__ import annotations

import json
import os
import re
import resource
import stat
import sys
from itertools import islice
from typing import Any


def main() -> int:
    order: dict[str, Any] = json.load(sys.stdin)
    seconds: int = order["seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # it ends even if its parent was killed
    written = re.escape(order["pattern"]) if order["plain"] else order["pattern"]
    pattern = re.compile(written, re.IGNORECASE if order["ignore_case"] else re.NOFLAG)
    for name in order["names"]:
        try:
            text = _read(name, order["most_bytes"])
        except OSError:
            continue  # removed or swapped since it was listed
        _tell_of(name, text, pattern, order["most"])
    return 0


def _read(name: str, most_bytes: int) -> str:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        content = file.read(most_bytes) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    return content.decode("utf-8", "replace")


def _tell_of(name: str, text: str, pattern: re.Pattern[str], most: int) -> None:
    lines = text.removesuffix("\n").split("\n")
    found = (number for number, line in enumerate(lines, 1) if pattern.search(line.removesuffix("\r")))
    head = os.fsencode(name) + b"\0"
    sys.stdout.buffer.write(b"".join(head + f"{number}:\n".encode() for number in islice(found, most)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
