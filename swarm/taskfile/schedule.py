"""`schedule` of a task file: a cron expression, `every 20m`, or keys. It takes effect when a person adds the file to the schedules."""

from __future__ import annotations

from events.types.schedule import CATCH_UPS, OVERLAPS
from swarm.schedule.terms import APPROVALS, TERMS, BadTerm, check_term, terms_of
from swarm.taskfile.problems import Wrong
from swarm.taskfile.values import TEXT, At, Key, Keys, Kind, fields, mapping_schema, text
from swarm.taskfile.yamltree import Node, Scalar

_EXAMPLE = "write `schedule: 30 6 * * 1-5`, or `schedule: {every: 20m}`"
_WORDS = {"catch_up": CATCH_UPS, "overlap": OVERLAPS, "approvals": APPROVALS}


def _schedule(node: Node, at: At) -> dict[str, str]:
    if isinstance(node, Scalar):
        found = terms_of(text(node, at))
        for term, said in found.items():
            _check(term, said, node, at)
        return found
    terms: dict[str, str] = fields(node, at, KEYS)
    if ("cron" in terms) == ("every" in terms):
        said = "has 'cron' and 'every'" if "cron" in terms else "says nowhere when"
        raise Wrong(node.place, f"{at.where} {said}", _EXAMPLE)
    return terms


def _check(term: str, said: str, node: Node, at: At) -> None:
    try:
        check_term(term, said)
    except BadTerm as bad:
        what, _, hint = str(bad).partition("; ")
        raise Wrong(node.place, f"{at.where}: {what}", hint or TERMS[term][1]) from None


def _term(term: str) -> Kind:
    def read(node: Node, at: At) -> str:
        said = text(node, at).strip()
        _check(term, said, node, at)
        return said

    return Kind(read, {"enum": list(_WORDS[term])} if term in _WORDS else TEXT.schema)


KEYS: Keys = {term: Key(_term(term), says) for term, (_, says) in TERMS.items()}

SCHEDULE = Kind(_schedule, {"anyOf": [{"type": "string", "minLength": 1}, mapping_schema(KEYS)]})
