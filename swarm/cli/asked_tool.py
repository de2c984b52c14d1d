"""A person at the terminal is asked whether a tool may be used."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from swarm.cli.output import Output
from swarm.engine.faces import Wanted, Word

REMEDY = "answer it with `swarm approve` or `swarm deny`"
FIRST_LINES, MORE_LINES = 12, 40
MOST_OF_A_LINE = 400
"""Characters of a line of arguments that are shown at once; a longer one is broken."""


async def asked_tool(wanted: Wanted, output: Output) -> Word:
    """Ask, and again after what is no answer. An empty line is a no.

    Raises ConfirmationNeeded where nobody can be asked.
    """
    output.problem(f"{wanted.task} waits for your word. {wanted.question}", "bold")
    output.problem(f"  ({wanted.rule})", "dim")
    left = shown(arguments_of(wanted.arguments), FIRST_LINES, output)
    question = f"y once, s for this session or p for this project ({wanted.likes}), n or n WHY for no"
    try:
        while True:
            more = f", m for {len(left)} more lines" if left else ""
            answer = await output.answer_beside(f"{question}{more}:", remedy=REMEDY)
            key, _, reason = answer.partition(" ")
            match key.lower():
                case "" | "n" | "no":
                    return Word(allowed=False, reason=reason.strip())
                case "y" | "yes" if not reason:
                    return Word(allowed=True)
                case "s" if not reason:
                    return Word(allowed=True, remember="session")
                case "p" if not reason:
                    return Word(allowed=True, remember="project")
                case "m" if left:
                    left = shown(left, MORE_LINES, output)
                case _:
                    output.problem("that is none of y, s, p and n")
    except anyio.get_cancelled_exc_class():
        output.note("(no answer is needed any more)")
        raise


def arguments_of(text: str) -> list[str]:
    """The lines of arguments, none of them endless."""
    return [
        line[start : start + MOST_OF_A_LINE]
        for line in text.replace("\\n", "\n").splitlines()
        for start in range(0, max(1, len(line)), MOST_OF_A_LINE)
    ]


def shown(lines: Sequence[str], most: int, output: Output) -> Sequence[str]:
    """Show the first of the lines, each marked as one; return the rest."""
    for line in lines[:most]:
        output.problem(f"  | {line}", exact=True)
    if len(lines) > most:
        output.problem(f"  | ... {len(lines) - most} more lines", "dim")
    return lines[most:]
