"""Providers and models that are known without a line of settings, and which models a run may use.

A preset takes part only when its key is in the environment; every value of it can be overridden in the user's settings.
What is left out on purpose: models whose price depends on which host answers (paid ones at OpenRouter) or holds for a season
only, models that another one is announced to replace, and free ones whose terms forbid ordinary use.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

PRICES_OF = "2026-11-09"
"""The day for which the prices below hold: the newest entry of their source, the table of genai-prices 0.2.3 (MIT)."""

Wire = Literal["openai", "anthropic", "gemini"]
WIRES: tuple[Wire, ...] = ("openai", "anthropic", "gemini")
"""The formats in which a provider is spoken to."""

# The providers' own pages, from which that table is made, stand beside each block.
# A price is "input/output[/cached input[/cache write]]" in US dollars per million tokens.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "openai": {  # https://developers.openai.com/api/docs/pricing
        "base_url": "https://api.openai.com/v1",
        "base_url_env": "OPENAI_BASE_URL",
        "key_env": "OPENAI_API_KEY",
        "models": {
            # Beyond 272,000 input tokens the whole request costs double, so the window ends there. Without reasoning
            # they take a temperature; with it they refuse one.
            "gpt-6-luna": {
                "price": "0.10/0.50/0.01/0.125",
                "context_tokens": 272_000,
                "max_output_tokens": 128_000,
                "schema": True,
                "reasoning_effort": "none",
            },
            "gpt-6.1-terra": {
                "price": "1/5/0.05/1.25",
                "context_tokens": 272_000,
                "max_output_tokens": 128_000,
                "schema": True,
                "reasoning_effort": "none",
            },
        },
    },
    "anthropic": {  # https://platform.claude.com/docs/en/about-claude/pricing
        "base_url": "https://api.anthropic.com",
        "base_url_env": "ANTHROPIC_BASE_URL",
        "key_env": "ANTHROPIC_API_KEY",
        "wire": "anthropic",
        "models": {
            # Both would think unasked, and what they think counts against the length of the answer.
            "claude-haiku-5-5": {
                "price": "0.10/0.50/0.01/0.125; above 100k: 0.50/2.50/0.05/0.625",
                "context_tokens": 1_000_000,
                "max_output_tokens": 128_000,
                "schema": True,
                "reasoning_effort": "none",
            },
            "claude-sonnet-5-5": {
                "price": "2/10/0.10/2.50",
                "context_tokens": 1_000_000,
                "max_output_tokens": 128_000,
                "schema": True,
                "reasoning_effort": "low",
            },
        },
    },
    "gemini": {  # https://ai.google.dev/gemini-api/docs/pricing ; the price of the paid plan, though a key may be of the free one
        "base_url": "https://generativelanguage.googleapis.com/v1beta",
        "base_url_env": "GOOGLE_GEMINI_BASE_URL",
        "key_env": "GEMINI_API_KEY",
        "wire": "gemini",
        "models": {
            "gemini-3.5-flash-lite": {
                "price": "0.30/2.50/0.03",
                "context_tokens": 1_048_576,
                "max_output_tokens": 65_536,
                "schema": True,
                "reasoning_effort": "minimal",
            },
        },
    },
    "openrouter": {  # https://openrouter.ai/docs/api/reference/limits : free models take 20 requests a minute
        "base_url": "https://openrouter.ai/api/v1",
        "key_env": "OPENROUTER_API_KEY",
        "requests_per_minute": 20,
        "models": {
            "gemma-4-31b": {"model": "google/gemma-4-31b-it:free", "price": "free", "context_tokens": 262_144},
            "gemma-4-26b": {"model": "google/gemma-4-26b-a4b-it:free", "price": "free", "context_tokens": 262_144},
            # A router to whatever is free today: it stays when single models go, but it is another model each time,
            # so it judges nobody. https://openrouter.ai/openrouter/free
            "free": {"model": "openrouter/free", "price": "free", "context_tokens": 200_000, "judge": False},
        },
    },
    "deepseek": {  # https://api-docs.deepseek.com/quick_start/pricing : the price of the peak hours, half of it else
        "base_url": "https://api.deepseek.com",
        "key_env": "DEEPSEEK_API_KEY",
        "models": {"deepseek-flash": {"price": "0.30/1.20/0.006", "context_tokens": 1_000_000}},
    },
    "groq": {  # https://console.groq.com/docs/models ; 30 requests a minute is what its free plan allows
        "base_url": "https://api.groq.com/openai/v1",
        "key_env": "GROQ_API_KEY",
        "requests_per_minute": 30,
        "models": {
            "gpt-oss-20b": {"model": "openai/gpt-oss-20b", "price": "0.075/0.30/0.0375", "context_tokens": 131_072},
            "gpt-oss-120b": {"model": "openai/gpt-oss-120b", "price": "0.15/0.60/0.075", "context_tokens": 131_072},
        },
    },
    "mistral": {  # https://mistral.ai/pricing/api
        "base_url": "https://api.mistral.ai/v1",
        "key_env": "MISTRAL_API_KEY",
        "models": {
            "mistral-small-2603": {"price": "0.15/0.60/0.015", "context_tokens": 262_144},
            "mistral-medium-3-5": {"price": "1.50/7.50/0.15", "context_tokens": 262_144},
        },
    },
    "together": {  # https://www.together.ai/pricing
        "base_url": "https://api.together.xyz/v1",
        "key_env": "TOGETHER_API_KEY",
        "models": {
            "gpt-oss-120b": {"model": "openai/gpt-oss-120b", "price": "0.15/0.60", "context_tokens": 131_072},
        },
    },
    "cerebras": {  # https://inference-docs.cerebras.ai/models/openai-oss ; the window is that of its free plan
        "base_url": "https://api.cerebras.ai/v1",
        "key_env": "CEREBRAS_API_KEY",
        "models": {"gpt-oss-120b": {"price": "0.35/0.75", "context_tokens": 65_536}},
    },
}


def preset_values(without: Collection[str] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield every value of the presets as (key, value), in the form in which a settings file would set it.

    Models are left out that `without` names.
    """
    for provider, preset in PRESETS.items():
        for key, value in preset.items():
            if key not in ("models", "base_url_env"):
                yield ("providers", provider, key), value
        for name, model in preset["models"].items():
            if f"{provider}/{name}" in without:
                continue
            for key, value in {"provider": provider, "model": name, **model}.items():
                yield ("models", f"{provider}/{name}", key), value


def shipped_free() -> dict[str, str]:
    """The names of OpenRouter's free models that are known without its list, by their ids; the router is none of them."""
    models = PRESETS["openrouter"]["models"]
    return {model["model"]: f"openrouter/{name}" for name, model in models.items() if model["model"].endswith(":free")}


def is_local(base_url: str) -> bool:
    """Say whether a server stands on this machine or on a private address: it is free unless it is priced."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
