"""What a terminal would act upon is shown as a sign, by whichever way it reaches the screen."""

from __future__ import annotations

import pytest

from tests.cli.test_main import terminal_of

TURNED = "\\u202egnol.exe \\u2066x\\u2069 \\x1b[31mred"
SHOWN = "<U+202E>gnol.exe <U+2066>x<U+2069> ␛[31mred"


@pytest.mark.parametrize(
    "call",
    [
        "line('{}')",
        "note('{}')",
        "problem('{}')",
        "problem('{}', exact=True)",
        "table(['A'], [['{}']])",
    ],
)
def test_overrides_of_the_writing_direction_do_not_reach_the_terminal(call: str) -> None:
    with terminal_of(f"from swarm.cli.output import Output\nOutput().{call.format(TURNED)}", 100) as shown:
        assert SHOWN in shown
        assert not any(char in shown for char in "\u202e\u2066\u2069")


def test_a_question_shows_them_as_signs_too() -> None:
    ask = f"Output()._ask('{TURNED}', '-')"
    code = f"import sys\nsys.stdin = sys.stderr\nfrom swarm.cli.output import Output\n{ask}"
    with terminal_of(code, 100) as shown:
        assert SHOWN in shown and "\u202e" not in shown
