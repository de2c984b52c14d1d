"""Every key that settings know: how its value is read, what it is by default, and whether only the user may set it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from swarm.agents.profile import MOST_PROMPT_BYTES, MOST_WORDS, TAG
from swarm.messages import TIER_WORDS, TIERS, Price, Tier
from swarm.settings.complexity import (
    parse_least,
    parse_measure,
    parse_name,
    parse_names,
    parse_phrases,
    whole,
)
from swarm.settings.mcpserver import FORMS
from swarm.settings.pricetext import parse_price
from swarm.settings.providers import WIRES, is_local
from swarm.settings.screen import THEMES, parse_fps
from swarm.settings.stages import ANSWERS, PRESETS, STAGES, STRATEGIES, parse_batch, parse_use
from swarm.settings.tomlfile import KeyPath
from swarm.settings.toolrules import SANDBOXES, parse_hosts, parse_rules
from swarm.task import CHANGES
from swarm.toolnames import GROUPS, NONE, OWN, is_known
from swarm.units import kind_of, parse_seconds, parse_tokens, parse_usd, shortened


class Source(msgspec.Struct, frozen=True):
    """Where a value that is being read comes from."""

    base: Path  # the folder against which a relative path is meant
    home: Path
    prices: str  # what a price row's id begins with


class Key(msgspec.Struct, frozen=True):
    """One setting. `parse` raises ValueError with a sentence; `only_user` is why no project and no task file may set it."""

    parse: Callable[[Any, Source], Any]
    default: Any = None  # as a file would have it; None = there is none
    only_user: str = ""


def _one_of(*words: str) -> Callable[[Any, Source], str]:
    def parse(value: object, source: Source) -> str:
        if value not in words or not isinstance(value, str):
            shown = shortened(value) if isinstance(value, str) else kind_of(value)
            raise ValueError(f"one of {', '.join(words)} is expected, not {shown}")
        return value

    return parse


def _count(least: int, most: int) -> Callable[[Any, Source], int]:
    def parse(value: object, source: Source) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError(f"a whole number from {least} to {most:,} is expected, not {kind_of(value)}")
        if not least <= number <= most:
            raise ValueError(f"a whole number from {least} to {most:,} is expected, not {number}")
        return number

    return parse


def _text(value: object, source: Source) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is expected, not {kind_of(value)}")
    if not value.strip() or not value.isprintable():
        raise ValueError("a text on one line is expected, not an empty one")
    return value.strip()


def _word(value: object, source: Source) -> str:
    return "" if value == "" else _text(value, source)


def _truth(value: object, source: Source) -> bool:
    """As a switch, also as a variable of the environment has it."""
    words = {"true": True, "false": False}
    return words[value.lower()] if isinstance(value, str) and value.lower() in words else _switch(value, source)


def _tier(value: object, source: Source) -> Tier:
    if not isinstance(value, str):
        raise ValueError(f"one of {', '.join(TIERS)} is expected, not {kind_of(value)}")
    if value in TIERS:
        return TIER_WORDS[value]
    from difflib import get_close_matches  # only an error needs it

    near = get_close_matches(value.lower().replace("-", " "), TIER_WORDS, n=1) if len(value) <= 64 else []
    meant = f"; did you mean '{TIER_WORDS[near[0]]}'?" if near else ""
    raise ValueError(f"one of {', '.join(TIERS)} is expected, not {shortened(value)}{meant}")


def _tiers(value: object, source: Source) -> tuple[Tier, ...]:
    """Some of the tiers, in the order in which they are tried, whatever the order in which they are written."""
    written = {_tier(each, source) for each in _texts(value, "tiers")}
    if not written:
        raise ValueError(f"at least one of {', '.join(TIERS)} is expected, not an empty list")
    return tuple(tier for tier in TIERS if tier in written)


def _names(value: object, source: Source) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_text(each, source) for each in _texts(value, "names")))


def _texts(value: object, what: str) -> list[object]:
    """The entries of a list; a variable of the environment has it with commas, and one may stand without a list around it."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError(f"a list of {what} is expected, not {kind_of(value)}")
    return list(cast("Sequence[object]", value))


def _switch(value: object, source: Source) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false is expected, not {kind_of(value)}")
    return value


def _place(value: object, source: Source) -> str:
    """A path becomes absolute, from the folder of the file that names it; a URL such as memory: stays."""
    text = _text(value, source)
    if re.match(r"[a-z][a-z0-9+.-]+:", text):
        return text
    if text.startswith("~/"):
        return str(source.home / text[2:])
    return str((source.base / text).absolute())


def _time_zone(value: object, source: Source) -> str:
    if value == "":
        return ""
    name = _text(value, source)
    import zoneinfo  # only where a zone is named

    try:
        return zoneinfo.ZoneInfo(name).key
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f'"{name}" is no time zone known here; write an IANA name such as Europe/Berlin') from None


def _variable(value: object, source: Source) -> str:
    if value == "":
        return ""
    if isinstance(value, str) and re.fullmatch(r"[A-Z_][A-Z0-9_]{0,99}", value):
        return value
    # the value is not shown: somebody may have put the key itself here
    raise ValueError(
        "the name of an environment variable is expected, in capitals such as OPENAI_API_KEY; never the key itself"
    )


def _base_url(value: object, source: Source) -> str:
    text = _text(value, source).rstrip("/")
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        raise ValueError(f"this is no URL ({error}); write one such as https://api.example.com/v1") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f'"{text}" is no http or https URL; write one such as https://api.example.com/v1')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a base URL holds no user, password, query or fragment; the key comes from key_env")
    if parts.scheme == "http" and not is_local(text) and not _is_inside(host):
        raise ValueError(f"{text} would send prompts and the key unencrypted over the internet; write https")
    return text


def _is_inside(host: str) -> bool:
    """Say whether a name is one of a local network, where http is usual."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".home", ".internal", ".home.arpa"))
    return False


def _price(value: object, source: Source) -> Price:
    return parse_price(value, source=source.prices)


def _usd(value: object, source: Source) -> int:
    return parse_usd(_written(value, "an amount in US dollars such as $0.05"))


def _tokens(value: object, source: Source) -> int:
    return parse_tokens(_written(value, "a number of tokens such as 20k"))


def _seconds(value: object, source: Source) -> float:
    return parse_seconds(_written(value, "a time such as 90s"))


WORTHS = {"economy": 3.0, "balanced": 20.0, "quality": 60.0}
"""What right work is worth, in calls of the dearest model that is allowed."""


def _share(value: object, source: Source) -> float:
    what = "a share from 0 to 1 such as 0.02"
    written = _written(value, what)
    try:
        number = float(written)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError(f"{what} is expected, not {shortened(written)}")
    return number


def _worth(value: object, source: Source) -> float:
    if isinstance(value, str) and value in WORTHS:
        return WORTHS[value]
    what = (
        f"one of {', '.join(WORTHS)} is expected, or a number from 0.1 to 10,000: what right work is worth, in calls of the "
        "dearest model that is allowed"
    )
    written = _written(value, what)
    try:
        number = float(written)
    except ValueError:
        number = 0.0
    if not 0.1 <= number <= 10_000:
        raise ValueError(f"{what}; not {shortened(written)}")
    return number


def _span(value: object, source: Source) -> tuple[str, str]:
    """Two tiers, the dearer one behind: `local to cheap`."""
    words = value.split() if isinstance(value, str) else []
    ranks = [TIERS.index(tier) for tier in TIERS if tier in (words[:1] + words[2:])]
    if len(words) == 3 and words[1] == "to" and {words[0], words[2]} <= set(TIERS) and words[0] == TIERS[ranks[0]]:
        return words[0], words[2]
    shown = shortened(value) if isinstance(value, str) else kind_of(value)
    raise ValueError(
        f'two tiers are expected, such as "local to cheap" (of {", ".join(TIERS)}, in this order), not {shown}'
    )


def _written(value: object, what: str) -> str:
    """Return a number as the text that it was written as: a float stands for its shortest digits, none is computed with."""
    match value:
        case str():
            return value
        case int() | float() | Decimal() if not isinstance(value, bool):
            number = Decimal(str(value))
            return format(number, "f") if number.is_finite() and abs(number.adjusted()) < 30 else str(value)
        case _:
            raise ValueError(f"{what} is expected, not {kind_of(value)}")


def _tags(value: object, source: Source) -> tuple[str, ...]:
    listed = list(cast("Iterable[Any]", value if isinstance(value, list) else [value]))
    for each in listed:
        if not isinstance(each, str) or not re.fullmatch(TAG, each.lower()):
            shown = shortened(each) if isinstance(each, str) else kind_of(each)
            raise ValueError(f'tags are expected, such as ["sql", "ci"]: one word each, not {shown}')
    return tuple(dict.fromkeys(each.lower() for each in listed))


def _tool_words(value: object, source: Source) -> tuple[str, ...]:
    """The tools that an agent uses, as in a task file."""
    words = _names(value, source)
    for word in words:
        if word != NONE and not is_known(word.removeprefix("-")):
            raise ValueError(f"{shortened(word)} is no tool here; known here: {', '.join((*GROUPS, NONE, *OWN))}")
    if (NONE in words and len(words) > 1) or (words and all(word.startswith("-") for word in words)):
        raise ValueError('tools are expected, such as ["look", "run"] or ["all", "-run"], or "none" alone')
    return words


def _skill_names(value: object, source: Source) -> tuple[str, ...]:
    return tuple(name for name in _names(value, source) if name != NONE)


def _prompt(value: object, source: Source) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"a text is expected, not {kind_of(value) if not isinstance(value, str) else 'an empty one'}")
    if (size := len(value.encode())) > MOST_PROMPT_BYTES:
        raise ValueError(f"it has {size:,} bytes, and each call carries it; write at most {MOST_PROMPT_BYTES:,}")
    from swarm.agents.modules import troubles_of  # only who has agents of their own needs it

    for trouble in troubles_of(value):
        raise ValueError(f"in line {trouble.line} {trouble.message}; {trouble.hint}")
    return value.strip()


_AGENTS = "since with it a repository could put words into your prompts unseen; its own agents lie in .swarm/agents, where you confirm them"
_MCP = (
    "since with it a repository could start programs of its own; its servers lie in .mcp.json, where you confirm them"
)
_HERE = "since with it a repository could have your prompts sent to a server that you did not name"
_PRICES = "since with it a repository could make paid calls look free"
_SERVERS = "since with it a repository could have your prompts and keys sent to a server of its own"
_MODELS = "since with it a repository could choose what your money is spent on"
_TOOLS = "since with it a repository could have commands of its own reach your network or your files"
_LINGUA = "since with it a repository could have a model of its own decide what yours are told"
_VIEW = "since how a screen can be read is known to whoever sits before it"
_SCHEDULES = "since with it a repository could raise what its own runs may cost"

KEYS: Mapping[KeyPath, Key] = {
    ("log",): Key(_place, only_user="since the caps hold within one log and a repository could bring an empty one"),
    ("time_zone",): Key(
        _time_zone, "", "since a day's cap holds for the day in one zone and another zone has a new day"
    ),
    ("report_file",): Key(_place, only_user="since with it a repository could have your files written over"),
    ("on_unknown",): Key(_one_of("repeat", "ask", "fail"), "repeat"),
    ("judge",): Key(_one_of("free", "paid"), "free"),
    ("choice", "policy"): Key(_one_of("trails", "roulette"), "trails", _MODELS),
    ("choice", "value"): Key(_worth, "balanced", _MODELS),
    ("choice", "start"): Key(_one_of("free", "planned"), "free", _MODELS),
    ("choice", "audit"): Key(_one_of("free", "paid", "off"), "free", _MODELS),
    ("choice", "audit_share"): Key(_share, 0.02, _MODELS),
    ("choice", "simple"): Key(_span, "local to cheap", _MODELS),
    ("choice", "moderate"): Key(_span, "local to paid", _MODELS),
    ("choice", "complex"): Key(_span, "free to paid", _MODELS),
    ("view", "theme"): Key(_one_of(*THEMES), only_user=_VIEW),
    ("view", "ascii"): Key(_truth, only_user=_VIEW),
    ("view", "slow"): Key(_truth, only_user=_VIEW),
    ("view", "fps"): Key(parse_fps, only_user=_VIEW),
    ("transport",): Key(_one_of("aiohttp", "httpx"), "aiohttp"),
    ("tiers",): Key(_tiers, list(TIERS)),
    ("discover",): Key(_truth, True, only_user=_HERE),
    ("models_off",): Key(_names, [], only_user=_MODELS),
    ("confirm_above_usd",): Key(_usd, "0.10"),
    ("budget", "day_usd"): Key(_usd, "0.50"),
    ("budget", "day_tokens"): Key(_tokens),
    ("budget", "month_usd"): Key(_usd),
    ("budget", "month_tokens"): Key(_tokens),
    ("budget", "project_usd"): Key(_usd),
    ("budget", "project_tokens"): Key(_tokens),
    ("budget", "log_usd"): Key(_usd),
    ("budget", "log_tokens"): Key(_tokens),
    ("budget", "schedule_usd"): Key(_usd),
    ("budget", "schedule_tokens"): Key(_tokens),
    ("budget", "direct_tokens"): Key(_tokens, "10k"),
    ("budget", "cron_tokens"): Key(_tokens, "20k"),
    ("budget", "subagent_tokens"): Key(_tokens, "30k"),
    ("schedules", "*", "usd"): Key(_usd, only_user=_SCHEDULES),
    ("schedules", "*", "tokens"): Key(_tokens, only_user=_SCHEDULES),
    ("calls", "timeout_s"): Key(_seconds, 120),
    ("calls", "tries"): Key(_count(1, 20), 4),
    ("agents", "*", "prompt"): Key(_prompt, only_user=_AGENTS),
    ("agents", "*", "description"): Key(_text, only_user=_AGENTS),
    ("agents", "*", "types"): Key(parse_names, only_user=_AGENTS),
    ("agents", "*", "tags"): Key(_tags, only_user=_AGENTS),
    ("agents", "*", "words"): Key(_count(1, MOST_WORDS), only_user=_AGENTS),
    ("agents", "*", "tiers"): Key(_tiers, only_user=_AGENTS),
    ("agents", "*", "tools"): Key(_tool_words, only_user=_AGENTS),
    ("agents", "*", "skills"): Key(_skill_names, only_user=_AGENTS),
    ("agents", "*", "tokens"): Key(_tokens, only_user=_AGENTS),
    ("agents", "*", "usd"): Key(_usd, only_user=_AGENTS),
    ("calls", "patience_s"): Key(_seconds, 60),
    ("complexity", "moderate_from"): Key(_count(1, 1000)),
    ("complexity", "complex_from"): Key(_count(1, 1000)),
    ("complexity", "rules", "*", "words"): Key(parse_phrases),
    ("complexity", "rules", "*", "lead"): Key(_switch),
    ("complexity", "rules", "*", "measure"): Key(parse_measure),
    ("complexity", "rules", "*", "least"): Key(parse_least),
    ("complexity", "rules", "*", "types"): Key(parse_names),
    ("complexity", "rules", "*", "type"): Key(parse_name),
    ("complexity", "rules", "*", "weight"): Key(whole(-20, 20)),
    ("complexity", "rules", "*", "points"): Key(whole(-20, 20)),
    ("complexity", "rules", "*", "most"): Key(whole(1, 20)),
    ("tools", "approve"): Key(parse_rules, []),
    ("tools", "headless"): Key(_one_of("deny", "fail", "wait"), "deny"),
    ("tools", "changes"): Key(_one_of(*CHANGES), "ask"),
    ("tools", "most_offered"): Key(_count(1, 100), 10),
    ("tools", "output_kib"): Key(_count(1, 65_536), 256),
    ("tools", "timeout_s"): Key(_seconds, 120),
    ("tools", "memory_mib"): Key(_count(16, 1_048_576), 2048),
    ("tools", "processes"): Key(_count(1, 65_536), 256),
    ("tools", "network"): Key(_truth, False, only_user=_TOOLS),
    ("tools", "fetch_hosts"): Key(parse_hosts, [], only_user=_TOOLS),
    ("tools", "sandbox"): Key(_one_of(*SANDBOXES), "auto", only_user=_TOOLS),
    ("tokens", "preset"): Key(_one_of(*PRESETS), "off"),
    ("tokens", "answers"): Key(_one_of(*ANSWERS)),
    ("tokens", "answers_age_s"): Key(_seconds, 604_800),
    ("tokens", "batch"): Key(parse_batch, "off"),
    ("tokens", "lingua"): Key(_place, only_user=_LINGUA),
    ("tokens", "tool_results"): Key(_one_of("off", "on")),
    ("tokens", "tool_results_age_s"): Key(_seconds, 86_400),
    **{("tokens", "stages", stage): Key(parse_use) for stage in STAGES},
    ("tokens", "history"): Key(_one_of(*STRATEGIES), "results"),
    ("models", "*", "provider"): Key(_text, only_user=_SERVERS),
    ("models", "*", "model"): Key(_text, only_user=_MODELS),
    ("models", "*", "tier"): Key(_tier, only_user=_PRICES),
    ("models", "*", "price"): Key(_price, only_user=_PRICES),
    ("models", "*", "context_tokens"): Key(_tokens, only_user=_MODELS),
    ("models", "*", "max_output_tokens"): Key(_tokens, only_user=_MODELS),
    ("models", "*", "judge"): Key(_switch, only_user=_MODELS),
    ("models", "*", "schema"): Key(_switch, only_user=_MODELS),
    ("models", "*", "tools"): Key(_one_of("native", "schema"), only_user=_MODELS),
    ("models", "*", "reasoning_effort"): Key(_word, only_user=_MODELS),
    ("providers", "*", "base_url"): Key(_base_url, only_user=_SERVERS),
    ("providers", "*", "wire"): Key(_one_of(*WIRES), only_user=_SERVERS),
    ("providers", "*", "key_env"): Key(_variable, only_user=_SERVERS),
    ("providers", "*", "concurrency"): Key(_count(1, 1000)),
    ("providers", "*", "requests_per_minute"): Key(_count(1, 1_000_000)),
    ("providers", "*", "tokens_per_minute"): Key(_tokens),
    **{("mcpServers", "*", name): Key(parse, only_user=_MCP) for name, parse in FORMS.items()},
}


def pattern_of(key: KeyPath) -> KeyPath:
    """Return a key with the name of an agent, server, model, provider, schedule or rule as "*", as KEYS has it."""
    if len(key) > 1 and key[0] in ("agents", "mcpServers", "models", "providers", "schedules"):
        return (key[0], "*", *key[2:])
    if len(key) > 2 and key[:2] == ("complexity", "rules"):
        return (*key[:2], "*", *key[3:])
    return key
