"""Credentials that say themselves what they are: the prefixes that providers give their keys, and JSON web tokens.

The formats are those that the providers document, and that the rule tables of gitleaks and trufflehog know (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from swarm.credentials.chance import is_random, is_varied
from swarm.credentials.found import Found, compiled

# not inside of a word, unless that is the end of an escape of JSON or a URL, or of a terminal's colour, and not in an escape
_LEFT = (
    r"(?<!\\)(?:(?<!{inside})|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{{4}})|(?<=%[0-9A-Fa-f]{{2}})|(?<=\x1b\[[mK])|(?<=\x1b\[\dm)"
    r"|(?<=\x1b\[\d\dm)|(?<=\x1b\[\d;\d\dm))"
)
_WORD = "[A-Za-z0-9_-]"
_PLAIN = "[A-Za-z0-9]"
_BESIDE = 400  # characters around an AWS key's id in which its secret is looked for
_AWS_SECRET = r"(?:(?<![A-Za-z0-9/+=\\])|(?<=\\[nrt]))[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
_AWS_ID = frozenset({"AKIA", "ASIA"})


class Form(NamedTuple):
    """How the keys of one kind are made: a prefix, and at least `least` signs of `signs` behind it."""

    kind: str
    prefix: str
    least: int
    signs: str = _WORD
    more: str = ""  # a pattern of what may or must follow
    certain: bool = True  # whether nothing else begins so: a part of one at the text's end is known for one
    weak: bool = False  # whether what follows must look drawn by chance, for the prefix is one of other things, too


FORMS = (
    Form("anthropic_key", "sk-ant-", 20),
    Form("openai_key", "sk-proj-", 20),
    Form("openai_key", "sk-svcacct-", 20),
    Form("openai_key", "sk-admin-", 20),
    Form("openai_key", "sk-None-", 20),
    Form("openrouter_key", "sk-or-", 20),
    # OpenAI's first keys, and those of DeepSeek, Moonshot, and many whose interface is like OpenAI's
    Form("api_key", "sk-", 20, _PLAIN, certain=False, weak=True),
    Form("google_key", "AIza", 35),
    Form("google_key", "AQ.Ab", 30, certain=False, weak=True),
    Form("google_secret", "GOCSPX-", 20),
    Form("google_token", "ya29.", 20),
    Form("aws_key", "AKIA", 16, "[A-Z0-9]", r"(?![A-Za-z0-9])"),
    Form("aws_key", "ASIA", 16, "[A-Z0-9]", r"(?![A-Za-z0-9])", certain=False),
    Form("github_token", "ghp_", 36, _PLAIN),
    Form("github_token", "gho_", 36, _PLAIN),
    Form("github_token", "ghu_", 36, _PLAIN),
    Form("github_token", "ghr_", 36, _PLAIN),
    # since 2026 those of installations are ghs_APPID_JWT, with dots
    Form("github_token", "ghs_", 36, "[A-Za-z0-9._-]"),
    Form("github_token", "github_pat_", 22, "[A-Za-z0-9_]"),
    *(
        Form("gitlab_token", f"{prefix}-", 20, _WORD, r"(?:\.[A-Za-z0-9]{2,12})*+")
        for prefix in (
            "glpat",
            "gldt",
            "glrt",
            "glrtr",
            "glcbt",
            "glptt",
            "glft",
            "glimt",
            "glagent",
            "glsoat",
            "gloas",
        )
    ),
    *(Form("slack_token", f"xox{letter}-", 10, "[A-Za-z0-9-]") for letter in "abcdeoprs"),
    Form("slack_token", "xoxe.xox", 10, "[A-Za-z0-9.-]"),
    Form("slack_token", "xapp-", 20, "[A-Za-z0-9-]", weak=True, certain=False),
    Form("slack_webhook", "hooks.slack.com/services/", 20, "[A-Za-z0-9/_-]"),
    Form("discord_webhook", "discord.com/api/webhooks/", 40, "[A-Za-z0-9/_-]"),
    *(
        Form("stripe_key", f"{letter}k_{mode}_", 10, _PLAIN, weak=True)
        for letter in "sr"
        for mode in ("live", "test", "prod")
    ),
    Form("stripe_secret", "whsec_", 20, "[A-Za-z0-9+/=]"),
    Form("huggingface_token", "hf_", 30, _PLAIN),
    Form("huggingface_token", "api_org_", 30, _PLAIN),
    Form("npm_token", "npm_", 36, _PLAIN, certain=False),
    Form("pypi_token", "pypi-AgE", 40),
    Form("sendgrid_key", "SG.", 16, _WORD, r"\.[A-Za-z0-9_-]{20,}+", certain=False),
    Form("twilio_key", "SK", 32, "[0-9a-f]", r"(?![A-Za-z0-9])", certain=False, weak=True),
    Form("groq_key", "gsk_", 40, _PLAIN),
    Form("xai_key", "xai-", 40, _PLAIN, certain=False),
    Form("perplexity_key", "pplx-", 40, _PLAIN, certain=False),
    Form("nvidia_key", "nvapi-", 40),
    Form("cerebras_key", "csk-", 40, _PLAIN, certain=False),
    Form("fireworks_key", "fw_", 20, _PLAIN, certain=False, weak=True),
    Form("replicate_token", "r8_", 37, _PLAIN, certain=False),
    Form("tavily_key", "tvly-", 24, _WORD, certain=False, weak=True),
    Form("langsmith_key", "lsv2_", 32, "[A-Za-z0-9_]"),
    Form("digitalocean_token", "dop_v1_", 40, "[a-f0-9]"),
    Form("databricks_token", "dapi", 32, "[a-f0-9]", certain=False),
    *(Form("shopify_token", f"shp{kind}_", 32, "[A-Fa-f0-9]") for kind in ("at", "ca", "pa", "ss")),
    Form("vault_token", "hvs.", 24, _WORD, certain=False, weak=True),
    Form("telegram_token", ":AA", 32, _WORD, certain=False, weak=True),
    Form("linear_key", "lin_api_", 32, _PLAIN),
    Form("notion_token", "ntn_", 40, _PLAIN, certain=False),
    Form("postman_key", "PMAK-", 24, "[A-Fa-f0-9-]"),
    Form("age_key", "AGE-SECRET-KEY-1", 40, "[A-Z0-9]"),
    Form("grafana_token", "glsa_", 32, "[A-Za-z0-9_]", certain=False),
    Form("newrelic_key", "NRAK-", 20, "[A-Z0-9]"),
    Form("atlassian_token", "ATATT3", 60, "[A-Za-z0-9_=-]"),
    Form("docker_token", "dckr_pat_", 20),
    Form("figma_token", "figd_", 30, _WORD, certain=False),
    Form("supabase_key", "sbp_", 40, "[a-f0-9]", certain=False),
    Form("tailscale_key", "tskey-", 20, "[A-Za-z0-9-]"),
    Form("sentry_token", "sntrys_", 40, "[A-Za-z0-9+/=_-]"),
    Form("sentry_token", "sntryu_", 40, "[a-f0-9]"),
    Form(
        "jwt",
        "eyJ",
        8,
        _WORD,
        r"(?:\.eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?|(?:\.[A-Za-z0-9_-]*+){4})",
        certain=False,
    ),
)

# what no key of these kinds stands behind; elsewhere that is a letter or a digit
_NOT_BEHIND = {"jwt": _WORD, "telegram_token": "[^0-9]"}


def _shared() -> dict[str, tuple[Form, ...]]:
    """Return the forms by a text that each of their keys holds: many kinds can be ruled out with one look."""
    common = ("sk-", "xox", "k_live_", "k_test_", "k_prod_", "shp")
    by_hint: dict[str, list[Form]] = {}
    for form in FORMS:
        by_hint.setdefault(next((hint for hint in common if hint in form.prefix), form.prefix), []).append(form)
    return {hint: tuple(forms) for hint, forms in by_hint.items()}


_HINTS = _shared()
KINDS = frozenset({*(form.kind for form in FORMS), "aws_secret"})


def by_prefix(text: str, runs: str) -> Iterator[Found]:
    """Yield the credentials that begin as those of a provider do; also the beginning of one that the text's end cuts.

    `runs` holds every part of the text in which one may be.
    """
    for hint, forms in _HINTS.items():
        if hint in runs:
            for form in forms:
                yield from _of_form(form, text)


def _of_form(form: Form, text: str) -> Iterator[Found]:
    pattern, at = _pattern(form), text.find(form.prefix)
    while at >= 0:
        end = at + len(form.prefix)
        if found := pattern.match(text, at):
            body = found[0][len(form.prefix) :]
            if found["cut"] or (is_random(body, least=form.least) if form.weak else is_varied(body)):
                end = found.end()
                yield Found(at, end, form.kind)
                if form.prefix in _AWS_ID:
                    yield from _aws_secrets(text, at, end)
        at = text.find(form.prefix, end)


def _pattern(form: Form) -> re.Pattern[str]:
    left = _LEFT.format(inside=_NOT_BEHIND.get(form.kind, _PLAIN))
    cut = rf"{form.signs}{{4,}}+\Z" if form.certain else r"(?!)"
    return compiled(rf"{left}{re.escape(form.prefix)}(?:{form.signs}{{{form.least},}}+{form.more}|(?P<cut>{cut}))")


def _aws_secrets(text: str, start: int, end: int) -> Iterator[Found]:
    """Yield what stands beside the id of an AWS key and can be its secret: 40 signs, and no hash."""
    for found in compiled(_AWS_SECRET).finditer(text, max(0, start - _BESIDE), end + _BESIDE):
        if is_random(found[0], least=40) and found[0].lower() != found[0]:
            yield Found(found.start(), found.end(), "aws_secret")
