"""A day's work, scripted: its tasks, how hard they are, and how often which kind of model gets such a one right."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

Hardness = Literal["easy", "middle", "hard"]
Strength = Literal["small", "middle", "best"]

RIGHT: dict[Hardness, dict[Strength, float]] = {
    "easy": {"small": 0.681, "middle": 0.743, "best": 0.806},
    "middle": {"small": 0.638, "middle": 0.747, "best": 0.857},
    "hard": {"small": 0.543, "middle": 0.585, "best": 0.628},
}
"""How often a first draft is right: what the cheap model and the dear one got right of MMLU and of GSM8K in RouteLLM's published
outcomes (Mixtral and GPT-4), and of the fourteen sets of LLMRouterBench (the cheapest and the best of nine). Between them lies
the mean. Extraction and the like may well be easier than MMLU: then the day is cheaper than this."""

OVERLAP = 0.5
"""The share of tasks in which all drafts succeed or fail by one draw, whoever makes them: measured on the same outcomes, where it is
.4 to .7 mostly. In the others each draft has a draw of its own, that of the same model after feedback, too."""

JUDGE_RIGHT = 0.95  # of a judge's verdicts; assumed, as the trails do
CHARACTERS_A_TOKEN = 4  # English in common vocabularies


@dataclass(frozen=True)
class Job:
    """One task of the day. Sizes are what such work takes, by assumption: characters of input, tokens of a whole answer."""

    name: str
    prompt: str
    hardness: Hardness
    input_size: int
    answer_tokens: int
    accept: str = ""  # where a judge looks at it, too
    explore: bool = False


JOBS = (
    Job("invoice", "Extract number, date and total from this invoice as JSON.", "easy", 3_000, 80),
    Job("contacts", "Extract all names and addresses from these mails as CSV.", "easy", 8_000, 250),
    Job("labels", "Classify each of these tickets as bug, wish or question.", "easy", 4_000, 120),
    Job("subject", "Write a subject line for this mail.", "easy", 1_500, 20),
    Job("digest", "Summarise this thread in five lines.", "easy", 10_000, 150),
    Job(
        "minutes",
        "Summarise these minutes, with who does what until when.",
        "easy",
        9_000,
        300,
        "Each duty has a name.",
    ),
    Job("german", "Translate this page into German.", "easy", 4_000, 700, "Nothing is left out, and it reads well."),
    Job("french", "Translate these interface texts into French.", "easy", 2_500, 500),
    Job("reply", "Write a polite reply that declines.", "easy", 1_500, 180, "It is polite and leaves no doubt."),
    Job(
        "post",
        "Write a post of 150 words about this release.",
        "middle",
        3_000,
        260,
        "It names what is new, without praise.",
    ),
    Job("readme", "Document the options of this command for the README.", "middle", 5_000, 600),
    Job("docstring", "Document each function of this module.", "middle", 6_000, 650),
    Job("regex", "Write a function that reads such a date, with its errors.", "middle", 1_200, 350),
    Job("bug", "Find the bug in this function and fix it.", "middle", 3_500, 400),
    Job("cron", "Write a cron line and a script that keeps seven backups.", "middle", 800, 300),
    Job("tests", "Write unit tests for this module.", "middle", 5_000, 700),
    Job("query", "Write the SQL query that answers this question.", "middle", 3_000, 200),
    Job("review", "Review this change: what would break?", "middle", 9_000, 500, "It names the line of each finding."),
    Job("compare", "Compare these two offers in a table, and say which to take.", "middle", 7_000, 450),
    Job("why", "Why did the nightly job fail? Here is its log.", "hard", 16_000, 350),
    Job("trends", "Analyse these figures and say what changed.", "hard", 12_000, 700, "Each claim has its figure."),
    Job(
        "api",
        "Design an API for bookings, with its errors.",
        "hard",
        4_000,
        800,
        "It can be implemented.",
        explore=True,
    ),
    Job(
        "migrate",
        "Plan how to migrate this schema without a halt.",
        "hard",
        9_000,
        800,
        "It can be undone.",
        explore=True,
    ),
    Job("refactor", "Refactor this class into smaller ones.", "hard", 9_000, 800, explore=True),
)
"""Twenty-four tasks, most of them small, as days are; all have a check by program; what is right of eight only a judge can say."""


class Luck:
    """What comes of each draft and each verdict of a day: the same for the same seed, whatever was asked before."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def draft_is_right(self, job: Job, strength: Strength, model: str, nth: int) -> bool:
        """Whether the nth draft of a model is right."""
        whole = Random(f"{self._seed}/{job.name}")
        is_shared, shared = whole.random() < OVERLAP, whole.random()
        drawn = shared if is_shared else Random(f"{self._seed}/{job.name}/{model}/{nth}").random()
        return drawn < RIGHT[job.hardness][strength]

    def judge_is_right(self, job: Job, nth: int) -> bool:
        return Random(f"{self._seed}/{job.name}/judge/{nth}").random() < JUDGE_RIGHT
