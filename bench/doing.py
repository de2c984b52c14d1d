"""Assignments that take several calls: repairs and surveys with tools, tasks that hand results on, skills, and what is asked again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from bench.assignment import JUDGED, Assignment, asked
from bench.facts import Row, Span
from bench.material import PEOPLE, csv_of, made_up_log, minutes, orders, sentences
from bench.reader import Part, Use
from bench.reading import code, documents, lookups, tables
from bench.repository import broken, services

TESTS = "python3 -B -m unittest -v"  # -B: a line may be mended within the second in which it was compiled


def repairs() -> Iterator[Assignment]:
    """A failing test of a made-up repository is found and mended; its verdict is that of the tests."""
    for number in range(4):
        found = broken(number)
        failing, wrong = Span(f"FAIL: test_{found.function}"), Span(found.wrong)
        asks = "A test of this project fails. Find out why and mend the code, not the test."
        uses = (
            Use("list", {"path": "."}),
            Use("run", {"command": TESTS}, learns=(failing,)),
            Use("read", {"path": found.path}, needs=(failing,), learns=(wrong,)),
            Use(
                "edit",
                {
                    "path": found.path,
                    "old": _line(found.function, found.wrong, found.files[found.path]),
                    "new": _line(
                        found.function, found.right, found.files[found.path].replace(found.wrong, found.right)
                    ),
                },
                needs=(wrong,),
            ),
            Use("run", {"command": TESTS}),
        )
        task: dict[str, Any] = {
            "prompt": asks,
            "tools": ["look", "edit", "run"],
            "check": [{"run": "python3 -B -m unittest -q", "name": "the tests pass"}],
            "changes": "keep",
            "explore": False,
            "limits": {"attempts": 2, "turns": 16},
        }
        part = Part(asks, f"{found.function} was wrong and is mended", (failing,), uses)
        yield Assignment(
            f"repair-{number}", "repairs", f"repository{number}", {f"repair-{number}": task}, (part,), found.files
        )


def _line(function: str, line: str, source: str) -> str:
    """The line with its function's head: the same line may stand in another function."""
    start = source.index(f"def {function}(")
    return source[start : source.index(line, start) + len(line)]


def surveys() -> Iterator[Assignment]:
    """Every file of a folder is read, and of each one line is needed at the end: a conversation of many turns."""
    for number in range(3):
        found = services(number)
        asks = "Read every file in services/ and list the time-out of each service."
        spans = {path: Span(line) for path, (_, line) in found.items()}
        reads = tuple(Use("read", {"path": path}, learns=(spans[path],)) for path in found)
        part = Part(
            asks,
            "; ".join(line for _, line in found.values()),
            tuple(spans.values()),
            (Use("list", {"path": "services"}), *reads),
        )
        task: dict[str, Any] = {
            "prompt": asks,
            "tools": ["look"],
            "accept": JUDGED,
            "explore": False,
            "limits": {"attempts": 2, "turns": 24, "answer": 1200},
        }
        files = {path: text for path, (text, _) in found.items()}
        yield Assignment(f"survey-{number}", "surveys", f"services{number}", {f"survey-{number}": task}, (part,), files)


def in_steps() -> Iterator[Assignment]:
    """Three tasks: two read, the third has nothing but their results."""
    for number in range(4):
        met, rows = minutes(f"steps {number}"), orders(f"steps {number}", rows=60)
        wanted, decided = rows[31 + number], met.decided[number % 3]
        total = str(wanted["total_cents"])
        paths = (f"meeting{number}.md", f"sales{number}.csv")
        table = csv_of(rows)
        asks = (
            f"What was decided in {paths[0]}, by whom and until when? Give every decision.",
            f"What is the total_cents of the order {wanted['order_id']} in {paths[1]}?",
            f"Write a note that says who replaces what first, and what the order {wanted['order_id']} came to.",
        )
        fact = Row((("order_id", wanted["order_id"]), ("total_cents", total)))
        parts = (
            Part(asks[0], " ".join(met.decided), tuple(Span(line) for line in met.decided)),
            Part(asks[1], f"{wanted['order_id']} came to {total}", (fact,)),
            Part(asks[2], f"{decided} {total}", (Span(decided), Span(f"{wanted['order_id']} came to {total}"))),
        )
        common: dict[str, Any] = {"accept": JUDGED, "limits": {"attempts": 2}}
        tasks = {
            f"decided-{number}": {**common, "prompt": asks[0], "input": [paths[0]], "explore": False},
            f"total-{number}": {**common, "prompt": asks[1], "input": [paths[1]], "explore": False},
            f"note-{number}": {
                **common,
                "prompt": asks[2],
                "needs": [f"decided-{number}", f"total-{number}"],
                "explore": number % 2 == 0,
            },
        }
        yield Assignment(f"steps-{number}", "steps", "steps", tasks, parts, {paths[0]: met.text, paths[1]: table})


def planned() -> Iterator[Assignment]:
    """One task whose plan has three steps, each of which needs another input; the last one also what the two before it found."""
    for number in range(3):
        met, rows = minutes(f"plan {number}", points=16), orders(f"plan {number}", rows=40)
        wanted, decided = rows[17 + number], met.decided[number]
        thing = decided.partition(" replaces ")[2].partition(" by ")[0]
        trouble = f"worker {3 + number} gave up on batch {wanted['order_id']}x{number}: the disk is full"
        paths = (f"board{number}.md", f"orders{number}.csv", f"night{number}.log")
        texts = (met.text, csv_of(rows), made_up_log(f"plan {number}", lines=80, trouble=[trouble]))
        asks = (
            f"Give the decision in {paths[0]} on who replaces {thing}, word for word.",
            f"Say what the total_cents of the order {wanted['order_id']} are by {paths[1]}.",
            f"Write the note: the error in {paths[2]} on which a worker gave up, behind what the two steps before found.",
        )
        total = f"{wanted['order_id']} came to {wanted['total_cents']}"
        fact = Row((("order_id", wanted["order_id"]), ("total_cents", str(wanted["total_cents"]))))
        note = f"{decided} {total} {trouble}"
        steps = (
            Part(asks[0], decided, (Span(decided),), reads=paths[:1]),
            Part(asks[1], total, (fact,), reads=paths[1:2]),
            Part(asks[2], note, (Span(decided), Span(total), Span(trouble)), reads=paths[2:]),
        )
        said = (
            f"Write a note to the board: who replaces {thing}, what the order {wanted['order_id']} came to, and which error a "
            "worker had at night."
        )
        part = Part(said, note, (Span(decided), fact, Span(trouble)), steps=steps)
        files = dict(zip(paths, texts, strict=True))
        yield asked(f"plan-{number}", "plans", said, part, files=files, explore=True)


def with_skills() -> Iterator[Assignment]:
    """What has to be known stands in a skill that the task names, among rules that do not matter here."""
    for number, name in enumerate(("expense-reports", "release-notes", "incident-notes", "travel-plans")):
        draw = Random(f"skill {name}")
        rule = f"The first line names {draw.choice(PEOPLE)} and the number {draw.randint(1_000, 9_999)}."
        said = "\n".join(f"- {' '.join(sentences(draw, 2))}" for _ in range(28)).splitlines()
        said.insert(draw.randrange(6, 24), f"- {rule}")
        skill = f"---\nname: {name}\ndescription: How {name.replace('-', ' ')} are written here. Use for {name.replace('-', ' ')}.\n---\n"
        body = (
            f"# {name.replace('-', ' ').capitalize()}\n\n"
            + "\n".join(said)
            + "\n\n## See also\n\n"
            + " ".join(sentences(draw, 6))
            + "\n"
        )
        asks = f"By our rules for {name.replace('-', ' ')}: what does the first line name?"
        task: dict[str, Any] = {
            "prompt": asks,
            "skills": [name],
            "accept": JUDGED,
            "explore": False,
            "limits": {"attempts": 2},
        }
        part = Part(asks, rule, (Span(rule),))
        files = {f"~/.config/swarm/skills/{name}/SKILL.md": skill + body}
        yield Assignment(f"skill-{number}", "skills", "skills", {f"skill-{number}": task}, (part,), files)


def asked_again() -> Iterator[Assignment]:
    """What was asked before, in the same project: word for word, in other words, and with one number changed."""
    first = [next(documents()), next(lookups()), next(tables()), next(code())]
    for each in first:
        yield _renamed(each, f"same-{each.name}")
    for each, form in zip(
        first,
        ("Hello, could you please tell me: {0}", "{0} Thanks!", "Please: {0}", "{0}\n\nThank you in advance."),
        strict=True,
    ):
        (task,) = each.tasks.values()
        renamed = _renamed(each, f"restated-{each.name}")
        yield replace(renamed, tasks={renamed.name: {**task, "prompt": form.format(task["prompt"])}})
    rows = orders("0")
    for number in (3, 40):
        asks = f"What is the total_cents of the order {rows[number]['order_id']}?"
        fact = Row((("order_id", rows[number]["order_id"]), ("total_cents", str(rows[number]["total_cents"]))))
        part = Part(asks, str(rows[number]["total_cents"]), (fact,))
        yield asked(f"changed-order-{number}", "asked again", asks, part, files=first[2].files, project="tables")
    met = minutes("0")
    for most in (2, 3):
        asks = f"Name the first {most} decisions of minutes0.md."
        part = Part(asks, " ".join(met.decided[:most]), tuple(Span(line) for line in met.decided[:most]))
        yield asked(
            f"changed-first-{most}", "asked again", asks, part, files={"minutes0.md": met.text}, project="summaries"
        )


def _renamed(each: Assignment, name: str) -> Assignment:
    (task,) = each.tasks.values()
    return replace(each, name=name, kind="asked again", tasks={name: task})
