"""Credentials by their form: what looks like one goes, in whatever it stands, and what only resembles one stays."""

from __future__ import annotations

import base64
import json
import random
import re
import string
import time
import uuid
from collections.abc import Callable
from hashlib import sha1, sha512
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.credentials.prefixes import FORMS
from swarm.credentials.spot import KINDS, spot
from swarm.redact import Secrets

ROOT = Path(__file__).parents[1]
LETTERS = string.ascii_letters + string.digits
NOTHING = Secrets(())
redact = NOTHING.redact


def drawn(length: int, signs: str = LETTERS, seed: int = 0) -> str:
    """A made-up key's body: made here, so that no file of ours holds what looks like a real key."""
    chance = random.Random(f"{seed}/{length}/{signs}")
    return "".join(chance.choices(signs, k=length))


HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890","admin":true}', drawn(32).encode())
)
KEYS = {
    f"sk-proj-{drawn(74)}T3BlbkFJ{drawn(74)}": "openai_key",
    f"sk-svcacct-{drawn(60)}": "openai_key",
    f"sk-{drawn(20)}T3BlbkFJ{drawn(20)}": "api_key",
    f"sk-{drawn(32, HEX)}": "api_key",  # DeepSeek
    f"sk-ant-api03-{drawn(93, LETTERS + '-_')}AA": "anthropic_key",
    f"sk-or-v1-{drawn(64, HEX)}": "openrouter_key",
    f"AIza{drawn(35, LETTERS + '-_')}": "google_key",
    f"GOCSPX-{drawn(28)}": "google_secret",
    f"AKIA{drawn(16, UPPER)}": "aws_key",
    f"ASIA{drawn(16, UPPER)}": "aws_key",
    f"ghp_{drawn(36)}": "github_token",
    f"ghs_123456_{JWT}": "github_token",
    f"github_pat_{drawn(22)}_{drawn(59)}": "github_token",
    f"glpat-{drawn(20)}": "gitlab_token",
    f"glpat-{drawn(40)}.01.{drawn(9, HEX)}": "gitlab_token",
    f"xoxb-{drawn(12, string.digits)}-{drawn(12, string.digits)}-{drawn(24)}": "slack_token",
    f"hooks.slack.com/services/T{drawn(8, UPPER)}/B{drawn(8, UPPER)}/{drawn(24)}": "slack_webhook",
    f"sk_live_{drawn(24)}": "stripe_key",
    f"rk_live_{drawn(24)}": "stripe_key",
    f"whsec_{drawn(32)}": "stripe_secret",
    f"hf_{drawn(34, string.ascii_letters)}": "huggingface_token",
    f"npm_{drawn(36)}": "npm_token",
    f"pypi-AgEIcHlwaS5vcmc{drawn(150)}": "pypi_token",
    f"SG.{drawn(22)}.{drawn(43)}": "sendgrid_key",
    f"SK{drawn(32, HEX)}": "twilio_key",
    f"gsk_{drawn(52)}": "groq_key",
    f"xai-{drawn(80)}": "xai_key",
    f"pplx-{drawn(48)}": "perplexity_key",
    f"nvapi-{drawn(64)}": "nvidia_key",
    f"dop_v1_{drawn(64, HEX)}": "digitalocean_token",
    f"hvs.{drawn(90)}": "vault_token",
    f"12345678:AA{drawn(33)}": "telegram_token",
    f"AGE-SECRET-KEY-1{drawn(58, UPPER)}": "age_key",
    JWT: "jwt",
}
around: list[Callable[[str], str]] = [
    lambda key: f"it says {key}, and more",
    lambda key: f"a line\n{key}\nanother",
    lambda key: f'{{"a": "{key}"}}',
    lambda key: json.dumps(f"one\n{key}\ttwo"),
    lambda key: f"https://host.example/path?x%3D{key}",
    lambda key: f"\x1b[31m{key}\x1b[0m",
    lambda key: f"<td>{key}</td>",
    lambda key: f"{key}",
]


@pytest.mark.parametrize(("key", "kind"), KEYS.items(), ids=lambda value: value[:12])
def test_a_providers_key_is_found_whatever_it_stands_in(key: str, kind: str) -> None:
    body = key.removeprefix("12345678")  # the number of a Telegram bot is public
    for within in around:
        text = within(key)
        shown = redact(text)
        assert shown == text.replace(body, f"[secret:{kind}]"), text
        assert NOTHING.find(text) == (kind,)


def test_every_form_of_the_table_finds_a_key_of_its_own() -> None:
    chance = random.Random(7)
    for form in FORMS:
        if form.more.startswith(r"\.") or form.kind == "jwt":
            continue  # they have more parts, and stand among the keys above
        signs = [sign for sign in map(chr, range(33, 127)) if re.fullmatch(form.signs, sign)]
        key = form.prefix + "".join(chance.choices(signs, k=form.least + 12 * (form.more == "")))
        text = f"1{key} " if form.kind == "telegram_token" else f" {key} "
        assert form.kind in NOTHING.find(text), form
        assert key not in redact(text)


def test_the_secret_beside_an_aws_key_goes_and_a_hash_beside_it_stays() -> None:
    secret, commit = drawn(40, LETTERS + "+/"), sha1(b"x").hexdigest()
    shown = redact(f"[default]\nid: AKIA{drawn(16, UPPER)}\nother: {secret}\ncommit: {commit}\n")
    assert shown == f"[default]\nid: [secret:aws_key]\nother: [secret:aws_secret]\ncommit: {commit}\n"


LINES = [drawn(64, LETTERS + "+/", seed) for seed in range(6)]


def block(name: str, break_: str = "\n", lead: str = "") -> str:
    return break_.join(
        f"{lead}{line}" for line in (f"-----BEGIN {name}-----", *LINES, "Ab1+==", f"-----END {name}-----")
    )


NAMES = ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("break_", "lead"), [("\n", ""), ("\r\n", ""), ("\\n", ""), ("\\\\n", ""), ("\n", "    | ")])
def test_a_private_key_goes_with_its_frame(name: str, break_: str, lead: str) -> None:
    text = f"key = {block(name, break_, lead)}{break_}after"
    assert redact(text) == f"key = {text[6:][: len(lead)]}[secret:private_key]{break_}after"


@pytest.mark.parametrize("break_", ["\n", "\\n"])
@pytest.mark.parametrize("cut", [60, 130, 300])
def test_a_private_key_goes_as_far_as_it_was_cut(break_: str, cut: int) -> None:
    whole = block("RSA PRIVATE KEY", break_)
    assert redact(f"before {whole[:cut]}") == "before [secret:private_key]"
    assert redact(f"{whole[cut + 33 :]} after").endswith("[secret:private_key] after")
    assert not any(line in redact(whole[cut:]) for line in LINES)


def test_a_private_key_in_a_program_goes_line_by_line_and_the_program_stays_one() -> None:
    text = "k = (" + "\n".join(json.dumps(f"{line}\n") for line in block("PRIVATE KEY").splitlines()) + ")"
    shown = redact(text)
    assert not any(line in shown for line in LINES)
    compile(shown, "shown", "exec")


def test_marks_within_a_private_key_stay_and_the_rest_of_it_goes() -> None:
    known = Secrets([("TLS_KEY", LINES[2]), ("OTHER_KEY", LINES[3])])
    text = block("PRIVATE KEY").replace(f"{LINES[2]}\n{LINES[3]}", LINES[2] + LINES[3])
    assert known.redact(text) == "[secret:private_key][secret:TLS_KEY][secret:OTHER_KEY][secret:private_key]"


def test_a_private_key_in_base64_goes_and_a_certificate_stays() -> None:
    key, certificate = (
        base64.b64encode(f"-----BEGIN {name}-----\n{LINES[0]}".encode()).decode()
        for name in ("RSA PRIVATE KEY", "CERTIFICATE")
    )
    assert (
        redact(f"key-data: {key}\ncert-data: {certificate}\n")
        == f"key-data: [secret:private_key]\ncert-data: {certificate}\n"
    )


def test_what_is_written_about_private_keys_stays() -> None:
    text = "It begins with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----, as RFC 7468 says.\n"
    assert redact(text) == text
    public = block("PUBLIC KEY")
    assert redact(public) == public


VALUE, PASSWORD = drawn(32), drawn(14, LETTERS + "!@#%")
BASIC = base64.b64encode(f"someone:{PASSWORD}".encode()).decode()
NAMED = [
    ("API_KEY={}\n", VALUE, "named_secret"),
    ("export MISTRAL_API_KEY='{}'\n", VALUE, "named_secret"),
    ('"client_secret": "{}",', VALUE, "named_secret"),
    ('{{\\"clientSecret\\": \\"{}\\"}}', VALUE, "named_secret"),
    ("db:\n  password: {}\n", PASSWORD, "named_secret"),
    ("DB_PASSWORD = '{}'", PASSWORD, "named_secret"),
    ("define('DB_PASSWORD', '{}');", PASSWORD, "named_secret"),
    ("<password>{}</password>", PASSWORD, "named_secret"),
    ('os.environ["SERVICE_TOKEN"] = "{}"', VALUE, "named_secret"),
    ("AccountName=x;AccountKey={};EndpointSuffix=y", drawn(86, LETTERS + "+/") + "==", "named_secret"),
    ("//registry.npmjs.org/:_authToken={}\n", str(uuid.uuid5(uuid.NAMESPACE_DNS, "b")), "named_secret"),
    ("deploy --token {} --now", VALUE, "named_secret"),
    ("https://host.example/x?a=1&access_token={}&b=2", VALUE, "named_secret"),
    ("https://maps.example/api?key={}&b=2", VALUE, "named_secret"),
    ("https://b.s3.example/o?X-Amz-Expires=60&X-Amz-Signature={}", drawn(64, HEX), "url_signature"),
    ("https://a.blob.example/c?sv=1&sig={}&se=2", drawn(40) + "%3D", "url_signature"),
    ("postgres://app:{}@db.example.com/main", PASSWORD.replace("@", "a").replace("#", "b"), "url_password"),
    ("git clone https://{}@git.example.com/x.git", drawn(40, HEX), "url_password"),
    ("curl -H 'Authorization: Bearer {}'", VALUE, "authorization"),
    ('"authorization": "token {}"', VALUE, "authorization"),
    ("Authorization: Basic {}\r\n", BASIC, "authorization"),
    ("Proxy-Authorization: Basic {}\r\n", BASIC, "authorization"),
    ('{{"auths": {{"https://index.docker.io/v1/": {{"auth": "{}"}}}}}}', BASIC, "authorization"),
    ("the header is Bearer {}", VALUE, "authorization"),
    ("X-Api-Key: {}\r\n", VALUE, "named_secret"),
    ("Cookie: theme=dark; session={}; a=b", VALUE, "cookie"),
    ("machine api.example.com login me password {}\n", "hunter22", "login"),
    ("machine api.example.com\n  login me\n  password {}\n", "hunter22", "login"),
]


@pytest.mark.parametrize(("form", "value", "kind"), NAMED)
def test_a_value_that_is_named_for_a_secret_goes(form: str, value: str, kind: str) -> None:
    text = form.format(value)
    assert redact(text) == form.format(f"[secret:{kind}]")
    assert NOTHING.find(text) == (kind,)


def test_most_keys_are_found_whatever_was_drawn() -> None:
    missed = {
        "api_key": sum(drawn(32, seed=seed) in redact(f"API_KEY={drawn(32, seed=seed)}") for seed in range(300)),
        "sk-": sum(drawn(48, seed=seed) in redact(f"sk-{drawn(48, seed=seed)}") for seed in range(300)),
        "hex": sum(drawn(32, HEX, seed) in redact(f"secret: {drawn(32, HEX, seed)}") for seed in range(300)),
        "password": sum(drawn(14, seed=seed) in redact(f"password={drawn(14, seed=seed)}") for seed in range(300)),
    }
    assert missed["api_key"] <= 3 and missed["sk-"] <= 1 and missed["hex"] <= 3 and missed["password"] <= 18, missed


ORDINARY = [
    "from sklearn import svm  # sk-learn, sk-estimator-doc-link and sk-toggleable-content",
    f"commit {sha1(b'a').hexdigest()} (HEAD -> main, origin/main)",
    f"index {sha1(b'a').hexdigest()[:7]}..{sha1(b'b').hexdigest()[:7]} 100644",
    f"id: {uuid.uuid5(uuid.NAMESPACE_DNS, 'a')}",
    f'"integrity": "sha512-{base64.b64encode(sha512(b"a").digest()).decode()}"',
    f'sha256 = "{drawn(64, HEX)}"',
    f"![logo](data:image/png;base64,{drawn(2_000, LETTERS + '+/')})",
    f"key_id: {drawn(20)}, token_hash = {drawn(64, HEX)}, public_key: {drawn(44)}",
    "token = self._next_token(stream2, Lexer3.MODE_9, base64)",
    "password = os.environ['DB_PASSWORD_2024_PROD_EU1']",
    "api_key: ${{ secrets.OPENAI_API_KEY_2 }}",
    "API_KEY=${OPENAI_API_KEY_V2_EU} TOKEN=$MY_TOKEN_1_2_3_4_5",
    "api_key = 'your-api-key-goes-here-123'",
    'api_key="sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx is what a token of GitHub looks like",
    "AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY stand in the manual",
    "Authorization: Bearer <token>, Authorization: Bearer YOUR_ACCESS_TOKEN_2",
    "postgres://user:password@localhost/db, https://user:pass@host, https://${USER}:${PASS}@host",
    "git@github.com:owner/repository.git ssh://git@host:22/path and me@example.com",
    "max_tokens: 16384, tokens=1_000_000, keyboard: qwertz2, monkey = 12345678901234567",
    "def test_the_secret_token_of_a_user_is_renewed_after_90_days() -> None:",
    "cache-key: pip-linux-3.11-4f2a9c1b7d8e6f5a4b3c2d1e",
    "secret_name: projects/p1/secrets/s2/versions/3",
    "tokenizer = AutoTokenizer.from_pretrained('Qwen2.5-Coder-0.5B-Instruct')",
    "[secret:OPENAI_API_KEY], [secret:named_secret] and [secret:K8S_9A8B7C6D5E4F3A2B1C]",
    "publicKeyToken=b77a5c561934e089",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_what_only_resembles_a_credential_stays(text: str) -> None:
    assert redact(text) == text
    assert redact(json.dumps(text)) == json.dumps(text)


def test_nothing_is_taken_out_of_this_project() -> None:
    """All of its texts but the tests, which hold passwords of their own making."""
    folders = ("swarm", "events", "skills", "tui", "docs", "bench", "examples")
    paths = [*ROOT.glob("*.*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    texts = [path for path in paths if path.suffix in {".py", ".md", ".toml", ".txt", ".yaml", ".json", ".tcss"}]
    taken = [f"{path.relative_to(ROOT)}: {one.kind}" for path in texts for one in spot(path.read_text())]
    assert len(texts) > 300 and taken == []


@pytest.mark.parametrize("length", [4, 11, 20])
def test_half_a_key_at_the_end_of_a_cut_text_goes(length: int) -> None:
    for prefix in ("ghp_", "sk-ant-", "sk-proj-", "AKIA", "glpat-", "xoxb-", "AIza"):
        body = drawn(length, UPPER if prefix == "AKIA" else LETTERS)[: 10 if prefix == "AKIA" else None]
        shown = redact(f"the output says {prefix}{body}")
        assert re.fullmatch(r"the output says \[secret:\w+\]", shown), shown
        if length == 4:  # it is no key where the text goes on
            assert redact(f"it says {prefix}{body} and more") == f"it says {prefix}{body} and more"


def test_half_a_known_value_at_an_edge_of_a_cut_text_goes() -> None:
    value = f"{drawn(12)}-{drawn(12)}"
    known = Secrets([("MY_KEY", value)])
    assert known.redact(f"{value[9:]} is the end") == "[secret:MY_KEY] is the end"
    assert known.redact(f"it begins with {value[:10]}") == "it begins with [secret:MY_KEY]"
    assert known.redact(f"{value[:10]} in the middle {value[9:]}!") == f"{value[:10]} in the middle {value[9:]}!"
    assert known.find(f"it begins with {value[:10]}") == ("MY_KEY",)
    words = Secrets([("PHRASE_PASSWORD", "password-of-the-house")])
    assert words.redact("type your password") == "type your password"


def test_a_key_within_what_only_looks_like_a_mark_goes() -> None:
    key = f"ghp_{drawn(36)}"
    assert key not in redact(f"[secret:{key}]")
    assert "abcdefgh12" not in Secrets([("A_KEY", "abcdefgh12")]).redact("[secret:abcdefgh12]")


pieces = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [*KEYS, *(form.format(value) for form, value, _ in NAMED), *ORDINARY, block("PRIVATE KEY"), LINES[0]]
    ),
    st.sampled_from(["[secret:A_KEY]", "[secret:jwt]", "-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n"]),
    st.sampled_from(
        ["token=", "Authorization: ", "Bearer ", "://", "@", '"', "\\n", "\n", "sk-", "eyJ", ".", "key: ", "password "]
    ),
)
texts = st.lists(pieces, max_size=8).map("".join)


@given(texts)
def test_doing_it_twice_changes_nothing_and_finding_agrees(text: str) -> None:
    known = Secrets([("A_KEY", "abcdefgh12")])
    once = known.redact(text)
    assert known.redact(once) == once
    assert known.find(once) == ()
    assert bool(known.find(text)) is (once != text)


@given(texts)
def test_no_mark_is_eaten_and_what_is_found_is_in_order_and_apart(text: str) -> None:
    marks = re.compile(r"\[secret:(?:A_KEY|jwt)\]")
    found = spot(text)
    assert all(left.end <= right.start for left, right in pairwise(found))
    assert all(one.start < one.end and one.kind in KINDS for one in found)
    for mark in marks.finditer(text):
        assert all(one.end <= mark.start() or one.start >= mark.end() for one in found)


@given(st.lists(texts, max_size=4))
def test_json_stays_json_of_the_same_form(values: list[str]) -> None:
    record = {f"k{at}": value for at, value in enumerate(values)}
    for ascii_only in (True, False):
        read = json.loads(redact(json.dumps(record, ensure_ascii=ascii_only)))
        assert read.keys() == record.keys() and all(isinstance(value, str) for value in read.values())


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "eyJ",
        "eyJaaaaaaaaa.",
        "token=a1B2",
        "a_key=",
        "a://a:b",
        "cookie: a=",
        "authorization: ",
        "Bearer ",
        "--token ",
        "-----BEGIN PRIVATE KEY-----\nMIIE1a\n",
        "-----END PRIVATE KEY-----",
        "login a password ",
        "A\n",
        "\\n",
        "LS0tLS1CRUdJTi",
        "AKIA",
    ],
)
def test_the_time_grows_with_the_text_and_not_with_its_square(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        return min(_timed(lambda: spot(text)) for _ in range(2))

    assert seconds(20_000) < 0.02 + 12 * seconds(5_000)  # the square would be 16 times


def _timed(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def test_a_megabyte_without_a_secret_is_looked_through_at_once() -> None:
    text = "".join(path.read_text() for path in sorted((ROOT / "swarm").rglob("*.py")))[:1_000_000]
    assert _timed(lambda: redact(text)) < 1.0  # 40 ms where nothing else runs


def test_capitals_that_grow_when_made_small_move_nothing() -> None:
    assert redact(f"İİİ TOKEN={VALUE} İ") == "İİİ TOKEN=[secret:named_secret] İ"
