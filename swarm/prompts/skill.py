"""What a model is told that is to write a skill for a kind of work."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_SAMPLES, _MOST_FAULTS = 5, 5
_SAMPLE_CHARS, _FAULT_CHARS = 600, 300

_PROMPT = """\
Write a skill: a guide with which a language model that has tools does one kind of work better. A small model will read it \
before such work, so it says how to do that work, and nothing that any model does unasked.

{what}

{samples}
{faults}
Answer with the whole file and nothing else, without a code fence. It begins with these lines:
---
name: {name}
description: ONE LINE: what it does, then "Use when" and when it is of use; at most 300 characters, no colon in it
---
Then follow, in Markdown and at most 600 words: the steps in their order, each with how to see that it worked; the decisions that \
come up and how to take them; what goes wrong most often; which form the answer has. Write it for any task of the kind: no name, \
path or number from the examples."""


def skill_prompt(name: str, *, words: Sequence[str], samples: Sequence[str], faults: Sequence[str]) -> str:
    """Ask for a skill by examples of the work, and by what was found wrong with it before."""
    if samples:
        what = f"The kind of work, as tasks put it that were given before (they have to do with {', '.join(words)}):"
    else:
        what = "The kind of work is that in which the faults below are made."
    told = "".join(f"<task>\n{_short(text, _SAMPLE_CHARS)}\n</task>\n" for text in samples[:_MOST_SAMPLES])
    wrong = "".join(f"<fault>\n{_short(text, _FAULT_CHARS)}\n</fault>\n" for text in faults[:_MOST_FAULTS])
    faulty = f"What was found wrong with answers before:\n{wrong}" if wrong else ""
    return _PROMPT.format(what=what, samples=told, faults=faulty, name=name)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0]} …"
