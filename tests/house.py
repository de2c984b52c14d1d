"""A long prompt for tests: house rules in sections, of which a task needs few."""

from __future__ import annotations

SUBJECTS = {
    "Invoices": "An invoice has a number, a date and a total; the total of an invoice is the sum of its lines with tax.",
    "Kettles": "A kettle is filled before it is switched on; descale a kettle each month with vinegar.",
    "Migrations": "A migration adds columns as nullable, then fills them; the schema of a table changes in two releases.",
    "Translations": "A translation keeps placeholders; the translator marks sentences whose meaning is unclear.",
    "Backups": "A backup is restored once a quarter to prove that it can be; snapshots older than a year are removed.",
    "Dashboards": "A dashboard shows four signals at most; each chart names its unit and where its data is from.",
}
FILLER = "Whoever is in doubt about this asks in the channel of the team and writes the answer down below for others. "


def section(title: str, *, level: int = 2, when: str = "", lines: int = 16) -> str:
    said = SUBJECTS.get(title, f"{title} are kept as they are.")
    comment = f"<!-- when: {when} -->\n" if when else ""
    return f"{'#' * level} {title}\n{comment}\n{said}\n\n" + "\n".join(FILLER for _ in range(lines)) + "\n"


def house(*extra: str) -> str:
    """About 2,700 tokens, without what is added."""
    return "\n".join(["You keep the books of a tea house.\n", *(section(title) for title in SUBJECTS), *extra])
