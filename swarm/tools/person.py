"""The tool with which a model asks a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from swarm.messages import ToolSpec
from swarm.tools.base import Said, Tool, ToolRefused

ASK = "ask_human"
NOBODY = "nobody is there to be asked; decide yourself and say what you assumed"
MOST_CHARS = 2_000  # of a question: it is read by a person who does something else
MOST_OPTIONS, OPTION_CHARS = 10, 200

Answers = Callable[[str, Sequence[str]], Awaitable[str]]
"""Gives a person's answer to a question with options; "" where the person leaves it to the model. Raises ToolRefused."""


def ask_tool(answers: Answers) -> Tool:
    async def ask(arguments: Mapping[str, Any]) -> Said:
        question = str(arguments["question"]).strip()
        options = [" ".join(str(option).split()) for option in arguments.get("options") or ()]
        _require_short(question, options)
        answer = await answers(question, [option for option in options if option])
        return Said(text=answer or "the person leaves it to you; decide yourself and say what you assumed")

    spec = ToolSpec(
        ASK,
        "Ask the person for whom you work what only a person can know or decide. The work waits for the answer: look first.",
        {
            "type": "object",
            "properties": {
                "question": {"type": "string", "description": "one question that can be understood by itself"},
                "options": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "answers to choose from; any other may be given",
                },
            },
            "required": ["question"],
            "additionalProperties": False,
        },
    )
    tags = ("question", "person", "user", "clarify", "decide")
    return Tool(spec=spec, effect="none", use=ask, subject="question", repeatable=True, in_copy=False, tags=tags)


def _require_short(question: str, options: Sequence[str]) -> None:
    if not question:
        raise ToolRefused("the question is empty")
    if len(question) > MOST_CHARS:
        raise ToolRefused(f"the question has {len(question):,} characters; ask it in at most {MOST_CHARS:,}")
    if len(options) > MOST_OPTIONS or any(len(option) > OPTION_CHARS for option in options):
        raise ToolRefused(f"name at most {MOST_OPTIONS} options, each of at most {OPTION_CHARS} characters")


def chosen(answer: str, options: Sequence[str]) -> str:
    """What a person's answer means: the number of an option is that option, anything else is the answer itself.

    >>> chosen(" 2 ", ["blue", "green"]), chosen("3", ["blue", "green"]), chosen("teal", [])
    ('green', '3', 'teal')
    """
    said = answer.strip()
    number = int(said) if said.isascii() and said.isdecimal() and len(said) < 3 else 0
    return options[number - 1] if 0 < number <= len(options) else said
