"""Assignments that are read and answered: documents, look-ups, logs, rows, code, minutes, conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bench.assignment import Assignment, asked
from bench.facts import Fact, Row, Span
from bench.material import csv_of, handbook, logs, made_up_log, minutes, module_source, orders, questions
from bench.messages import Conversation, conversations
from bench.reader import Part

AROUND = 5  # words on both sides of an answer that a reader needs to believe it

LOGS: tuple[tuple[str, int, str, str, str], ...] = (
    (
        "HPC",
        213,
        "On which storage did a domain panic of the server file system occur?",
        "domain panic has occurred on storage442",
        "storage442",
    ),
    (
        "HPC",
        1458,
        "For what was risBoot on node-5 waiting when it timed out?",
        "Timed out while waiting for SRM prompt",
        "SRM prompt",
    ),
    (
        "BGL",
        84,
        "To which directory could LOGIN of ciod not change?",
        "LOGIN chdir(/p/gb2/glosli/8M_5000K/t800) failed",
        "/p/gb2/glosli/8M_5000K/t800",
    ),
    (
        "Android",
        90,
        "Which class could not be cast to an ActivityRecord token?",
        "android.os.BinderProxy cannot be cast to com.android.server.am.ActivityRecord$Token",
        "android.os.BinderProxy",
    ),
)
"""Of public logs: the line of the trouble, what is asked, the words that tell it, and the answer."""

LOG_LINES = 300

FAULTS: tuple[tuple[str, str, str], ...] = (
    (
        "Which host refused the connection?",
        "gateway  upstream db-7.internal:5432 refused the connection",
        "db-7.internal:5432",
    ),
    (
        "Which certificate has expired?",
        "mailer   certificate of smtp.example.org expired on 2026-03-01",
        "smtp.example.org",
    ),
    (
        "Which file could the export not write?",
        "export   cannot write /var/spool/export/0311.csv: no space left on device",
        "/var/spool/export/0311.csv",
    ),
)

CODE: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("shlex", "What does quote() return for an empty string?", ("def quote(s):", "return \"''\""), "''"),
    ("textwrap", "How many columns does a TextWrapper fill if nothing else is said?", ("width=70,",), "70"),
    ("cmd", "Which prompt does a command interpreter show if its class sets none?", ("PROMPT = '(Cmd) '",), "(Cmd)"),
    ("smtplib", "On which port is SMTP over SSL spoken by default?", ("SMTP_SSL_PORT = 465",), "465"),
    ("ftplib", "How long may a line of an FTP server be before it is refused?", ("MAXLINE = 8192",), "8192"),
    ("configparser", "How deep may interpolations refer to each other?", ("MAX_INTERPOLATION_DEPTH = 10",), "10"),
    (
        "queue",
        "With which error does Queue.get() refuse a negative timeout?",
        ("\"'timeout' must be a non-negative number\"",),
        "ValueError",
    ),
    (
        "statistics",
        "What does mean() raise for no data at all?",
        ("'mean requires at least one data point'",),
        "StatisticsError",
    ),
)
"""Of modules of Python's library: what is asked, the words of the source that tell it, and the answer."""


def documents() -> Iterator[Assignment]:
    """Questions with twenty paragraphs, of which one has the answer, and with ten, of which two lead to it."""
    for number, each in enumerate(_answerable("nq20", 8)):
        fact = Span(_around(each.support[0], each.answers[0]))
        part = Part(each.q, each.answers[0], (fact,))
        yield asked(f"document-{number}", "documents", f"{each.q}?", part, files={f"nq{number}.md": each.text})
    for number, each in enumerate(questions("hotpot", 6)):
        facts: tuple[Fact, ...] = tuple(Span(_around(sentence, each.answers[0])) for sentence in each.support)
        part = Part(each.q, each.answers[0], facts)
        yield asked(f"hops-{number}", "two hops", each.q, part, files={f"hotpot{number}.md": each.text})


def _answerable(name: str, count: int) -> list[Any]:
    """The first questions whose first answer stands in the sentence that is said to support it."""
    found = [each for each in questions(name, 3 * count) if each.answers[0] in each.support[0]]
    return found[:count]


def _around(sentence: str, answer: str) -> str:
    """The answer with some words on both sides; of a sentence that does not hold it, its beginning."""
    words = sentence.split()
    before, found, behind = " ".join(words).partition(" ".join(answer.split()))
    if not found:
        return " ".join(words[: 2 * AROUND])
    left, right = before.split(" ")[-AROUND - 1 :], behind.split(" ")[: AROUND + 1]
    return f"{' '.join(left)}{found}{' '.join(right)}"


def lookups() -> Iterator[Assignment]:
    for number in range(5):
        book = handbook(str(number))
        asks = f"For how many days are backups of {book.service} kept?"
        part = Part(asks, str(book.days), (Span(book.line),))
        yield asked(
            f"lookup-{number}",
            "look-up",
            f"{asks} Answer in one line.",
            part,
            files={f"handbook{number}.md": book.text},
        )


def log_triage() -> Iterator[Assignment]:
    known = logs()
    for number, (name, at, asks, told, answer) in enumerate(LOGS if known else ()):
        lines = known[name]
        assert told in lines[at], "the public logs are those that the questions are about"
        first = max(0, min(at - LOG_LINES * 2 // 3, len(lines) - LOG_LINES))
        text = "\n".join(lines[first : first + LOG_LINES]) + "\n"
        part = Part(asks, answer, (Span(told),))
        yield asked(
            f"log-{number}", "logs", f"Here is a log. {asks}", part, files={f"{name.lower()}{number}.log": text}
        )
    for number, (asks, told, answer) in enumerate(FAULTS if known else FAULTS * 2):
        text = made_up_log(str(number), trouble=(told, "gateway  gave up after 3 tries"))
        part = Part(asks, answer, (Span(told),))
        yield asked(
            f"service-log-{number}", "logs", f"Here is a log. {asks}", part, files={f"service{number}.log": text}
        )


def tables() -> Iterator[Assignment]:
    """Rows as JSON and as CSV: the field of one row, and all rows with one value."""
    for number in range(6):
        rows = orders(str(number))
        wanted = rows[17 + 9 * number]
        asks = f"What is the total_cents of the order {wanted['order_id']}?"
        fact = Row((("order_id", wanted["order_id"]), ("total_cents", str(wanted["total_cents"]))))
        name, text = (f"orders{number}.json", _json(rows)) if number % 3 else (f"orders{number}.csv", csv_of(rows))
        part = Part(asks, str(wanted["total_cents"]), (fact,))
        yield asked(f"table-{number}", "tables", asks, part, files={name: text})
    rows = orders("open", rows=60)
    chosen = [row for row in rows if row["status"] == "open"]
    asks = "Which order_ids have the status open?"
    facts = tuple(Row((("order_id", row["order_id"]), ("status", "open"))) for row in chosen)
    part = Part(asks, ", ".join(row["order_id"] for row in chosen), facts)
    yield asked("table-open", "tables", asks, part, files={"open.json": _json(rows)})


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2) + "\n"


def code() -> Iterator[Assignment]:
    for name, asks, told, answer in CODE:
        source = module_source(name)
        if all(" ".join(each.split()) in " ".join(source.split()) for each in told):  # another Python says it otherwise
            prompt = f"Look at {name}.py. {asks}"
            part = Part(asks, answer, tuple(Span(each) for each in told))
            yield asked(f"code-{name}", "code", prompt, part, files={f"{name}.py": source})


def summaries() -> Iterator[Assignment]:
    for number in range(5):
        met = minutes(str(number))
        asks = f"Summarise minutes{number}.md, with every decision, who carries it out and until when."
        part = Part(asks, " ".join(met.decided), tuple(Span(line) for line in met.decided))
        yield asked(f"minutes-{number}", "summaries", asks, part, files={f"minutes{number}.md": met.text})


def talks() -> Iterator[Assignment]:
    """Long conversations: what was wanted, decided and found in them, for who goes on."""
    known = conversations()
    for number in range(3):
        chosen = known[3 * number : 3 * number + 3]
        files = {f"{each.name}.md": _written(each) for each in chosen}
        first = chosen[0]
        facts = [message for message in first.messages if message.kind in ("intent", "decision", "constraint")][:4]
        asks = f"What was wanted and decided in {first.name}.md, and what must be kept to? Name each point."
        part = Part(asks, " ".join(each.text for each in facts), tuple(Span(each.text) for each in facts))
        yield asked(f"talk-{number}", "conversations", asks, part, files=files)


def _written(talk: Conversation) -> str:
    return "\n\n".join(f"{each.speaker}: {each.text}" for each in talk.messages) + "\n"
