"""A person at the terminal is asked what an agent wants to know."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from swarm.cli.output import Output
from swarm.engine.faces import Asking

REMEDY = "answer it with `swarm answer`"


async def asked_question(asking: Asking, output: Output) -> str:
    """Ask; an empty line leaves it to the agent. Raises ConfirmationNeeded where nobody can be asked."""
    output.problem(f"{asking.task} asks you:", "bold")
    shown(asking.question, asking.options, output)
    number = "a number, or " if asking.options else ""
    try:
        return await output.answer_beside(f"{number}your answer (empty: let it decide):", remedy=REMEDY)
    except anyio.get_cancelled_exc_class():
        output.note("(no answer is needed any more)")
        raise


def shown(question: str, options: Sequence[str], output: Output) -> None:
    """Show what an agent wrote, each line of it marked as such."""
    for line in question.splitlines():
        output.problem(f"  | {line}", exact=True)
    for number, option in enumerate(options, 1):
        output.problem(f"  | {number}. {option}", exact=True)
