"""At a cap whose budget says `on_exceed: ask`: a person is asked by how much it is raised."""

from __future__ import annotations

from swarm.cli.output import Output
from swarm.errors import BudgetExceeded, amount
from swarm.task import parse_budget

REMEDY = "raise the cap with `swarm resume --raise AMOUNT`"


async def asked_raise(refusal: BudgetExceeded, output: Output) -> int:
    """By how much the cap is to be raised, in its unit; 0: not at all. Asks again after an answer that says no such amount.

    Raises ConfirmationNeeded where nobody can be asked.
    """
    left = max(0, refusal.cap - refusal.held - refusal.used - refusal.reserved)
    example = "$0.10" if refusal.unit == "nanos" else "5k"
    question = (
        f"The budget of {refusal.scope} has {amount(left, refusal.unit)} of {amount(refusal.cap, refusal.unit)} left for "
        f"its next call, which needs {amount(refusal.needed, refusal.unit)}. Raise it by how much, such as {example}? "
        "(Enter: not at all)"
    )
    while answer := await output.answer_beside(question, remedy=REMEDY):
        try:
            budget = parse_budget(answer.removeprefix("+"))
        except ValueError as error:
            output.problem(f"{error}")
            continue
        more = budget.usd_nanos if refusal.unit == "nanos" else budget.tokens
        if more:
            return more
        output.problem(f"this cap is one in {'dollars' if refusal.unit == 'nanos' else 'tokens'}; write {example}")
    return 0
