"""The child process that looks for a pattern where ripgrep is not there or does not know it.

Run as `python -P -m swarm.tools.matching` in the project's folder: a pattern can take for ever, and nothing could end it in
our own process. Stdin is one JSON object: `pattern`, `ignore_case`, `plain`, `seconds`, `most_bytes` (of a file),
`most` (lines of one) and `names`. Stdout gets what
ripgrep writes: for each line that matches the file's name, NUL, the line's number and a colon.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from swarm.tools.base import ToolRefused
from swarm.tools.enclosure import Enclosure


def main() -> int:
    order: dict[str, Any] = json.load(sys.stdin)
    seconds: int = order["seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # it ends even if its parent was killed
    written = re.escape(order["pattern"]) if order["plain"] else order["pattern"]
    pattern = re.compile(written, re.IGNORECASE if order["ignore_case"] else re.NOFLAG)
    project = Enclosure(Path())
    for name in order["names"]:
        try:
            content = project.read(name, order["most_bytes"]).content
        except ToolRefused:
            continue  # removed or swapped since it was listed
        _tell_of(name, content.decode("utf-8", "replace"), pattern, order["most"])
    return 0


def _tell_of(name: str, text: str, pattern: re.Pattern[str], most: int) -> None:
    lines = text.removesuffix("\n").split("\n")
    found = (number for number, line in enumerate(lines, 1) if pattern.search(line.removesuffix("\r")))
    head = os.fsencode(name) + b"\0"
    sys.stdout.buffer.write(b"".join(head + f"{number}:\n".encode() for number in islice(found, most)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
