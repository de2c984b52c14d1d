"""The how-to's program runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "choose-an-arm.md"


def test_the_chooser_works_from_a_few_lines_of_python() -> None:
    program = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said = re.fullmatch(r"(\d+) of 300 accepted, (\d+)% of what the best model alone would cost\n", ran.stdout)
    assert said is not None
    assert int(said[1]) > 280 and int(said[2]) < 40
