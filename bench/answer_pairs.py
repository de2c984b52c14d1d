"""Pairs of questions: an edit that changes the answer, or a restatement that does not. Made from questions by a few rules.

The first byte of a question's SHA-256 decides: odd, the rules of `swarm/cache/` were written looking at its pairs; even, they were not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple


class Pair(NamedTuple):
    kind: str
    asked: str
    known: str
    same: bool  # one answer serves both

    @property
    def looked_at(self) -> bool:
        return hashlib.sha256(self.known.encode()).digest()[0] % 2 == 1


QUESTIONS: Mapping[str, Sequence[str]] = {
    "How do I convert 3 miles to kilometres?": ("How do I convert 5 miles to kilometres?", "How do I convert 3 kilometres to miles?"),
    "How do I enable the firewall on Ubuntu?": ("How do I disable the firewall on Ubuntu?", "How do I enable the firewall on Fedora?"),
    "What is the capital of Australia?": ("What is the capital of Austria?", "What was the capital of Australia?"),
    "Write a function that sorts a list in ascending order.": ("Write a function that sorts a list in descending order.", "Write a function that sorts a set in ascending order.", "Write a function that doesn't sort a list in ascending order."),
    "Which files did Anna send to Ben?": ("Which files did Ben send to Anna?", "Which files did Anna send to Tom?", "Which files didn't Anna send to Ben?"),
    "List all customers who have paid.": ("List all customers who haven't paid.", "Count all customers who have paid.", "List all customers who have not paid."),
    "How do I run `git rebase` with --continue?": ("How do I run `git rebase` with --abort?", "How do I run `git merge` with --continue?"),
    "Why does `a[0]` raise IndexError in parse_row()?": ("Why does `a[1]` raise IndexError in parse_row()?", "Why does `a[0]` raise KeyError in parse_row()?", "Why does `a[0]` raise IndexError in parse_rows()?"),
    "Explain the difference between TCP and UDP.": ("Explain the difference between TCP and QUIC.", "Explain the similarity between TCP and UDP."),
    "Summarise docs/plan.md in 100 words.": ("Summarise docs/plan.md in 200 words.", "Summarise docs/plans.md in 100 words.", "Summarise docs/plan.md in 100 characters."),
    "Who wrote The Left Hand of Darkness?": ("Who wrote The Heart of Darkness?", "When was The Left Hand of Darkness written?"),
    "What is the boiling point of water at 2,000 m?": ("What is the boiling point of water at 200 m?", "What is the freezing point of water at 2,000 m?", "What is the boiling point of ethanol at 2,000 m?"),
    "Delete the rows where status is 'done'.": ("Delete the rows where status is 'open'.", "Delete the rows where status is not 'done'.", "Keep the rows where status is 'done'."),
    "Can I use this library in a commercial product?": ("Can I use this library in a non-commercial product?", "Can't I use this library in a commercial product?"),
    "Translate the letter from French into German.": ("Translate the letter from German into French.", "Translate the letter from French into Dutch."),
    "Is it safe to take ibuprofen before surgery?": ("Is it safe to take ibuprofen after surgery?", "Is it safe to take paracetamol before surgery?", "Is it unsafe to take ibuprofen before surgery?"),
    "How many days are there between May 3 and June 9?": ("How many days are there between May 3 and June 8?", "How many weeks are there between May 3 and June 9?"),
    "What does the flag -v of grep do?": ("What does the flag -V of grep do?", "What does the flag -v of sed do?"),
    "What is the Polish word for table?": ("What is the word for polish table?", "What is the Finnish word for table?"),
    "Compute the mean of the column price_eur.": ("Compute the mean of the column price_usd.", "Compute the median of the column price_eur."),
    "Show me the largest file in /var/log.": ("Show me the smallest file in /var/log.", "Show me the largest file in /var/lib.", "Show me the 2 largest files in /var/log."),
    "Is 7 greater than 5?": ("Is 5 greater than 7?", "Is 7 less than 5?"),
    "Write a test for the upload of an empty file.": ("Write a test for the download of an empty file.", "Write a test for the upload of a non-empty file."),
    "What are the advantages of a monorepo?": ("What are the disadvantages of a monorepo?", "What are the advantages of a microservice?"),
    "When did Ada Lovelace meet Charles Babbage?": ("Where did Ada Lovelace meet Charles Babbage?", "Why did Ada Lovelace meet Charles Babbage?"),
    "Which employees earn more than their manager?": ("Which employees earn less than their manager?", "Which managers earn more than their employees?"),
    "Increase the timeout from 5 s to 10 s.": ("Increase the timeout from 10 s to 5 s.", "Increase the timeout from 5 ms to 10 ms.", "Decrease the timeout from 5 s to 10 s."),
    "Find all orders placed before 2024-03-01.": ("Find all orders placed after 2024-03-01.", "Find all orders placed before 2024-01-03.", "Find all orders placed on 2024-03-01."),
    "What is 5! divided by 4?": ("What is 5 divided by 4?", "What is 5! divided by 3?"),
    "Does a vegan diet contain enough iron?": ("Does a vegan diet contain too much iron?", "Does a vegetarian diet contain enough iron?"),
    "Rename user_id to account_id in models.py.": ("Rename account_id to user_id in models.py.", "Rename user_id to account_id in views.py.", "Rename user_ids to account_id in models.py."),
    "Remove the first line of each file.": ("Remove the last line of each file.", "Remove the first word of each file.", "Remove the first two lines of each file."),
    "How do I mount a volume read-only in Docker?": ("How do I mount a volume read-write in Docker?", "How do I unmount a volume in Docker?"),
    "Which teams won both matches?": ("Which teams won neither match?", "Which teams lost both matches?", "Which teams won either match?"),
    "Plan a trip to Rome for two adults without children.": ("Plan a trip to Rome for two adults with children.", "Plan a trip to Rome for three adults without children."),
    "Draft an email that accepts the offer.": ("Draft an email that rejects the offer.", "Draft an email that explains the offer."),
    "What happens if the server closes the connection?": ("What happens if the client closes the connection?", "What happens if the server opens the connection?", "What happened when the server closed the connection?"),
    "List the countries that border Germany and France.": ("List the countries that border Germany or France.", "List the countries that border Germany but not France."),
    "Is Pluto a planet?": ("Is Pluto not a planet?", "Is Pluto a dog?"),
    "How do I open a window in Tk?": ("How do I close a window in Tk?", "How do I open Windows in Tk?"),
    "What is the time complexity of heapsort?": ("What is the space complexity of heapsort?", "What is the time complexity of mergesort?"),
    "Give me three reasons to learn Rust.": ("Give me three reasons not to learn Rust.", "Give me four reasons to learn Rust.", "Give me three reasons to learn Ruby."),
    "Which of these laptops has the best battery?": ("Which of these laptops has the worst battery?", "Which of these laptops has the second best battery?"),
    "Set the log level to debug for all modules except auth.": ("Set the log level to debug for all modules including auth.", "Set the log level to debug only for auth."),
    "Should I water a cactus every day?": ("Should I water a cactus every week?", "Should I ever water a cactus?"),
    "What is the population of Georgia, the country?": ("What is the population of Georgia, the state?", "What is the area of Georgia, the country?"),
    "Count the words in chapters 1-3.": ("Count the words in chapters 1-2.", "Count the letters in chapters 1-3.", "Count the words in chapters 1 and 3."),
    "Is the invoice due in 30 days paid?": ("Is the invoice due in 60 days paid?", "Is the invoice paid in 30 days due?"),
    "Make the button visible when the form is valid.": ("Make the button invisible when the form is valid.", "Make the button visible when the form is invalid.", "Make the form valid when the button is visible."),
    "How do I undo the last commit but keep the changes?": ("How do I undo the last commit and drop the changes?", "How do I undo the last push but keep the changes?"),
}  # fmt: skip
"""Questions with others that differ from them in as little as possible and have another answer. Written for this bench."""

_OTHERS = ("enable disable, increase decrease, before after, first last, best worst, buy sell, with without, more less, "
           "start stop, add remove, open close, send receive, free paid, largest smallest, cheap expensive, new used, "
           "beginner expert, indoor outdoor, weekly monthly, morning evening, positive negative, healthy unhealthy")  # fmt: skip
_OPPOSITES = {
    word: other
    for one, another in (pair.split() for pair in _OTHERS.split(", "))
    for word, other in ((one, another), (another, one))
}
_AUXILIARY = re.compile(r"\b(can|should|will|would|could|is|are|does|do|need)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[a-z] )[A-Z][a-z]{3,}\b")


def changed(question: str) -> Iterator[tuple[str, str]]:
    """Edits that change the answer, each with its kind, as far as the question has what they edit."""
    if number := re.search(r"\d+", question):
        yield "number", question[: number.start()] + str(int(number.group()) + 1) + question[number.end() :]
    if auxiliary := _AUXILIARY.search(question):
        yield "negation", f"{question[: auxiliary.end()]} not{question[auxiliary.end() :]}"
    for word, other in _OPPOSITES.items():
        if found := re.search(rf"\b{word}\b", question):
            yield "opposite", question[: found.start()] + other + question[found.end() :]
            break
    if name := _NAME.search(question):
        other = "Oslo" if name.group() != "Oslo" else "Lima"
        yield "name", question[: name.start()] + other + question[name.end() :]


def restated(question: str) -> Iterator[tuple[str, str]]:
    """Restatements that do not change the answer, each with its kind."""
    lower = question[0].lower() + question[1:]
    plain = re.sub(r"[?.!]+$", "", question)
    yield "small letters", lower
    yield "capitals", question.upper() if not re.search(r"[`'_/\\-]|\w\.\w|\d", question) else question
    yield "stop", plain
    yield "two stops", f"{plain}??"
    yield "spaces", question.replace(" ", "  ") + " "
    yield "greeting", f"Hi, {lower}"
    yield "greeting", f"Hello there! {question}"
    yield "courtesy", f"{plain}, please"
    yield "thanks", f"{question} Thanks in advance!"
    for short, long in (("What is", "What's"), ("do not", "don't"), ("is not", "isn't"), ("I am", "I'm")):
        if short in question:
            yield "contraction", question.replace(short, long, 1)
    if re.match(r"(?:Write|List|Explain|Show|Find|Translate|Give|Make|Compute|Draft|Plan)\b", question):
        yield "courtesy", f"Could you please {lower}"
    if " the " in question and len(question.split()) > 7:
        yield "article", question.replace(" the ", " ", 1)
    if question.startswith("How do I "):
        yield "how", question.replace("How do I ", "How can I ", 1)


def written_pairs() -> Iterator[Pair]:
    """Pairs of the questions that were written for this bench."""
    for known, others in QUESTIONS.items():
        for other in others:
            yield Pair("written", other, known, False)
        yield from pairs_of([known])


def pairs_of(questions: Iterable[str]) -> Iterator[Pair]:
    """Pairs that rules make of questions, whoever wrote them."""
    for known in questions:
        for kind, other in changed(known):
            yield Pair(kind, other, known, False)
        for kind, other in restated(known):
            if other != known:
                yield Pair(kind, other, known, True)
