"""`vars` and `env_allow`: what a file's lookups stand for."""

from __future__ import annotations

from collections.abc import Mapping

from swarm.taskfile import yamltree
from swarm.taskfile.problems import Place, Report, Wrong, listed, nearest
from swarm.taskfile.scope import Scope
from swarm.taskfile.values import At, Kind, any_text, items_in, kind, text
from swarm.taskfile.yamltree import Node, Scalar
from swarm.text.lookups import NAME, RESERVED
from swarm.units import shortened

_WHOLE_FILE = Place(0, 0)
_RULE = "use letters, digits and '_', and none of " + ", ".join(RESERVED)


def scope_of(root: yamltree.Mapping, report: Report, overrides: Mapping[str, str], environ: Mapping[str, str]) -> Scope:
    """Return what can be looked up in the file whose keys are `root`; what is wrong with that is reported."""
    node, allowed = root.get("vars"), root.get("env_allow")
    given: dict[str, str | None] = {}
    if node is not None:
        with report.collect():
            given = _given(node, At(report, "'vars' of this file"))
    for name in overrides:
        if name not in given:
            known = f"variables here: {listed(given)}" if given else "give it one at the top: `vars: {name: value}`"
            report.add(_WHOLE_FILE, f"the file has no variable {shortened(name)}{nearest(name, given)}", known)
    names: tuple[str, ...] = ()
    if allowed is not None:
        with report.collect():
            names = ENV_ALLOW.read(allowed, At(report, "'env_allow' of this file"))
    values = {name: overrides.get(name, value) for name, value in given.items()}
    if isinstance(node, yamltree.Mapping):
        _report_missing(node, values, report)
    known_values = {name: value or "" for name, value in values.items()}  # one that is missing is reported once, above
    return Scope(vars=known_values, env={name: environ.get(name) for name in names})


def _given(node: Node, at: At) -> dict[str, str | None]:
    """Read names with values; a name without one is to get it elsewhere. What is wrong is reported and left out."""
    if not isinstance(node, yamltree.Mapping):
        message = f"{at.where} is {kind(node)}, but must be names with values"
        raise Wrong(node.place, message, "write it as {name: value}")
    found: dict[str, str | None] = {}
    for key, under in node.pairs:
        with at.report.collect():
            if not NAME.fullmatch(key.text) or key.text in RESERVED:
                raise Wrong(key.place, f"{shortened(key.text)} cannot be a name in {at.where}", _RULE)
            found[key.text] = ""  # it is a name, whatever is wrong with its value
            found[key.text] = _value(under, at.within(f"{key.text!r} of {at.where}"))
    return found


def _value(node: Node, at: At) -> str | None:
    if isinstance(node, Scalar) and node.is_null:
        return None
    written = any_text(node, at)
    if "{{" in written:
        raise Wrong(node.place, f"a template stands in {at.where}", "write the value itself")
    return written


def _report_missing(node: yamltree.Mapping, values: Mapping[str, str | None], report: Report) -> None:
    for key, _ in node.pairs:
        if key.text in values and values[key.text] is None:
            hint = f"write one, or give it on the command line: `--set {key.text}=VALUE`"
            report.add(key.place, f"{key.text!r} of 'vars' of this file has no value", hint)


def _vars(node: Node, at: At) -> dict[str, str]:
    """Read the values that the file itself gives."""
    return {name: value for name, value in _given(node, at).items() if value is not None}


def _environment_name(node: Node, at: At) -> str:
    name = text(node, at)
    if not NAME.fullmatch(name):
        raise Wrong(node.place, f"{shortened(name)} cannot be a name in {at.where}", "use letters, digits and '_'")
    return name


VARS = Kind(
    _vars,
    {
        "type": "object",
        "propertyNames": {"pattern": f"^(?:{NAME.pattern})$", "not": {"enum": list(RESERVED)}},
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    },
)
ENV_ALLOW = items_in(Kind(_environment_name, {"type": "string", "pattern": f"^(?:{NAME.pattern})$"}), unique=True)
