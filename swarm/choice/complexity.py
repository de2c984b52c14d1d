"""How hard a task is and of what type, from its words and its size. Pure; a first set of rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

Level = Literal["simple", "moderate", "complex"]

_TYPES: tuple[tuple[str, str], ...] = (
    ("tests", r"\btests?\b|\bpytest\b|\bunit[- ]test|\bcoverage\b"),
    ("refactoring", r"\brefactor|\brename\b|\bextract\b.*\b(function|class|module)\b|\bclean up\b"),
    ("architecture", r"\barchitect|\bdesign\b|\bmigrat"),
    ("api", r"\bapi\b|\bendpoint|\brest\b|\bgraphql\b|\bopenapi\b"),
    ("docs", r"\bdocs?\b|\bdocument|\breadme\b|\bchangelog\b|\btutorial\b"),
    ("analysis", r"\banaly[sz]|\bsummari[sz]e|\bcompare\b|\breview\b|\bclassif|\bextract\b|\bwhy\b|\bfind\b"),
    ("operations", r"\bdeploy|\bdocker|\bkubernetes\b|\bcron\b|\bserver\b|\bci\b"),
    ("code", r"\bcode\b|\bfunction\b|\bbugs?\b|\bfix\b|\bimplement|\bclass\b|\bscript\b"),
)
_HARD = re.compile(
    r"\b(architect\w*|design|migrat\w*|refactor\w*|investigat\w*|across|several|all of|each of|end[- ]to[- ]end|concurren\w*)\b",
    re.I,
)
_LONG_PROMPT, _LONG_INPUT = 1_500, 20_000  # characters


class Complexity(msgspec.Struct, frozen=True):
    """What a task is taken for, and from what that was read."""

    type: str
    level: Level
    factors: tuple[str, ...]


def classify(prompt: str, *, input_size: int, checks: int, accept: Sequence[str]) -> Complexity:
    """Type by the first group of words that the prompt holds, level by a sum of signs. Sizes are characters."""
    kind = next((name for name, words in _TYPES if re.search(words, prompt, re.IGNORECASE)), "writing")
    factors: list[str] = []
    hard = sorted({match.group(0).lower() for match in _HARD.finditer(prompt)})
    if hard:
        factors.append("words: " + ", ".join(hard[:4]))
    if len(prompt) > _LONG_PROMPT:
        factors.append(f"prompt of {len(prompt):,} characters")
    if input_size > _LONG_INPUT:
        factors.append(f"inputs of {input_size:,} characters")
    if checks + len(accept) > 3:
        factors.append(f"{checks + len(accept)} conditions")
    score = len(factors) + (len(hard) > 1)
    level: Level = "complex" if score >= 3 else "moderate" if score else "simple"
    return Complexity(kind, level, tuple(factors))
