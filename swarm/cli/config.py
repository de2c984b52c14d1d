"""`swarm config show`: the settings that hold here, and where each comes from."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from swarm.cli.output import Output
from swarm.settings.load import BUILT_IN, Loaded, ProviderConfig, config_dir, load_settings
from swarm.settings.mcpserver import VARIABLE
from swarm.settings.tomlfile import dotted
from swarm.settings.toolrules import Rule, ToolSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=["show"],
        default="show",
        help="show, the only one so far: print the settings as a settings file would have them",
    )
    parser.add_argument("--origin", action="store_true", help="say of each value where it comes from")


def run(args: argparse.Namespace) -> int:
    flags = {"log": args.log} if args.log else {}
    loaded = load_settings(Path.cwd(), environ=os.environ, flags=flags)
    output: Output = args.output
    if output.json:
        output.document("swarm.config/1", _document(loaded))
        return 0
    for line in _lines(loaded, with_origin=args.origin):
        output.line(line)
    return 0


def _lines(loaded: Loaded, *, with_origin: bool) -> Iterator[str]:
    """Yield the settings as TOML that can be read back: what is not in a table first, then table by table."""
    own = config_dir(os.environ) / "config.toml"
    yield f"# your settings file: {own}" + ("" if own.exists() else " (not there yet)")
    settings, table_before = loaded.settings, ""
    unused = {name for name, provider in settings.providers.items() if _is_unused(loaded, name, provider)}
    hidden = {("providers", name) for name in unused} | {
        ("models", model.name) for model in settings.models.values() if model.provider in unused
    }
    for key, origin in sorted(loaded.origins.items(), key=lambda item: (len(item[0]) > 1, item[0][:-1])):
        if key[:2] in hidden:
            continue
        table = dotted(key[:-1])
        if table != table_before:
            table_before = table
            yield ""
            yield f"[{table}]" + (_key_state(settings.providers[key[1]]) if key[0] == "providers" else "")
        if key == ("tools", "approve"):
            yield from _rules(settings.tools, with_origin=with_origin)
            continue
        value = settings.log if key == ("log",) else origin.value
        comment = f"  # {origin.kind}" + ("" if origin.place == BUILT_IN else f" {origin.place}") if with_origin else ""
        yield f"{key[-1]} = {_toml(value)}{comment}"
    if unused:
        yield ""
        yield "# known as well, as soon as the key is set:"
        yield from (f"#   {name:<10}  {settings.providers[name].key_env}" for name in sorted(unused))


def _rules(tools: ToolSettings, *, with_origin: bool) -> Iterator[str]:
    """The rules for tools, each in a line of its own: they come from all layers together.

    Those of a project are comments: as the user's own they would mean more.
    """
    if not tools.rules and not tools.stricter:
        yield "approve = []" + ("  # default" if with_origin else "")
        return
    yield "approve = ["
    for rule in tools.rules:
        yield f"  {_inline(_table(rule))}," + (f"  # {rule.place}" if with_origin else "")
    for rule in tools.stricter:
        yield f"  # {_inline(_table(rule))}, where it is stricter" + (f": {rule.place}" if with_origin else "")
    yield "]"


def _table(rule: Rule) -> dict[str, object]:
    return {"tool": rule.tool, **({"match": rule.match} if rule.match else {}), "action": rule.action}


def _is_unused(loaded: Loaded, name: str, provider: ProviderConfig) -> bool:
    """Say whether nobody asked for a provider: it is a preset as it ships, and its key is not there."""
    touched = any(key[:2] == ("providers", name) and origin.kind != "preset" for key, origin in loaded.origins.items())
    return not touched and not os.environ.get(provider.key_env)


def _key_state(provider: ProviderConfig) -> str:
    if not provider.key_env:
        return "  # needs no key"
    return f"  # {provider.key_env} is {'set' if os.environ.get(provider.key_env) else 'not set'}"


def _document(loaded: Loaded) -> dict[str, Any]:
    import msgspec

    settings: dict[str, Any] = msgspec.to_builtins(loaded.settings)
    settings["log"] = _masked(settings["log"])
    return {
        "settings": settings,
        "origins": {dotted(key): {"kind": o.kind, "place": o.place} for key, o in sorted(loaded.origins.items())},
        "keys": {
            provider.key_env: "set" if os.environ.get(provider.key_env) else "not set"
            for provider in loaded.settings.providers.values()
            if provider.key_env
        },
    }


def _listed(value: object) -> str:
    return _inline(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else _toml(value)


def _inline(table: Mapping[str, object]) -> str:
    """A table in one line: a rule for tools, or what it matches."""
    return "{ " + ", ".join(f"{dotted((key,))} = {_listed(each)}" for key, each in table.items()) + " }"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):  # of a server of tools: what is written there beside variables may be a secret
        pairs = cast("Mapping[str, str]", value).items()
        return _inline({name: text if VARIABLE.search(text) else "***" for name, text in pairs})
    if isinstance(value, list):
        return "[" + ", ".join(map(_listed, cast("list[object]", value))) + "]"
    if isinstance(value, str):
        return json.dumps(_masked(value), ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _masked(text: str) -> str:
    """Hide the password of a URL."""
    return re.sub(r"(://[^/\s:@]*):[^/\s@]+@", r"\1:***@", text)
