"""Secrets: no value of a key leaves in any of the forms in which a text may hold it."""

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.redact import LEAST, Secrets

KEY = 'sk-aB3/+x=9 "quoted" é\\end'
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEAAo\n-----END PRIVATE KEY-----\n"

values = st.text(string.ascii_letters + string.digits + '+/=_- é"\\', min_size=LEAST, max_size=40).filter(
    lambda text: len(text.strip()) >= LEAST and not text.strip().replace(".", "").isdigit()
)
texts = st.text(max_size=60)


def secrets(**environ: str) -> Secrets:
    return Secrets.from_environ(environ)


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        quote(KEY),
        quote_plus(KEY),
        quote(KEY, safe="").lower().replace("sk-ab3", "sk-aB3"),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY, ensure_ascii=False)[1:-1],
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        base64.b64encode(KEY.encode()).decode().rstrip("="),
    ],
)
def test_a_key_is_found_in_every_form(form: str) -> None:
    found = secrets(OPENAI_API_KEY=KEY)
    assert found.redact(f"before {form} after") == "before [secret:OPENAI_API_KEY] after"
    assert found.find(f"before {form} after") == ("OPENAI_API_KEY",)


@pytest.mark.parametrize("user", ["u", "us", "use", "user"])
def test_a_key_is_found_inside_of_a_basic_authorisation_header(user: str) -> None:
    header = base64.b64encode(f"{user}:correct-horse-battery:x".encode()).decode()
    shown = secrets(DB_PASSWORD="correct-horse-battery").redact(f"Authorization: Basic {header}")
    assert "[secret:DB_PASSWORD]" in shown
    left = shown.replace("[secret:DB_PASSWORD]", "")
    assert not any(header[i : i + 12] in left for i in range(4, len(header) - 16))


def test_a_private_key_is_found_line_by_line() -> None:
    found = secrets(TLS_PRIVATE_KEY=PEM)
    assert found.redact(PEM.strip()) == "[secret:TLS_PRIVATE_KEY]"
    indented = "\n".join(f"    | {line}" for line in PEM.splitlines())
    shown = found.redact(indented)
    assert "MIIEvQ" not in shown and "BAQEF" not in shown
    assert "-----BEGIN PRIVATE KEY-----" in shown  # the frame is no secret: other keys have it, too


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "MYSQL_PWD", "AWS_SECRET_ACCESS_KEY", "A_SECRET_TEXT", "apikey"],
)
def test_a_variable_named_like_a_secret_is_one(name: str) -> None:
    assert Secrets.from_environ({name: "abcdefgh12"}).names == (name,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSH_AUTH_SOCK", "/tmp/ssh-abcdefgh/agent.1"),
        ("AWS_ACCESS_KEY_ID", "AKIAABCDEFGH1234"),
        ("SSL_KEY_FILE", "certificates/host.pem"),
        ("SIGNING_KEY", "/home/me/.ssh/id_ed25519"),
        ("SIGNING_KEY", "~/.ssh/id_ed25519"),
        ("HAS_TOKEN", "true"),
        ("A_TOKEN", "short"),
        ("MAX_TOKEN", "100000000"),
        ("MAX_TOKENS", "one-hundred-thousand"),
        ("TOKENIZERS_PARALLELISM", "sometimes-yes"),
        ("PWD", "some-folder-name"),
        ("MONKEY", "abcdefgh12"),
    ],
)
def test_what_only_looks_like_a_secret_stays_readable(name: str, value: str) -> None:
    assert Secrets.from_environ({name: value}).names == ()


def test_a_key_that_begins_with_a_slash_is_not_taken_for_a_path() -> None:
    key = "/Ab3+efgh/ijklmnopqrstuvwxyz0123456789ABCD"
    assert secrets(AWS_SECRET_ACCESS_KEY=key).redact(f"={key}=") == "=[secret:AWS_SECRET_ACCESS_KEY]="


def test_the_password_in_a_url_is_a_secret_and_the_rest_of_the_url_is_not() -> None:
    url = "postgres://app:p%40ssword-1@db.example.com/main"
    found = secrets(DATABASE_URL=url)
    assert found.redact(url) == "postgres://app:[secret:DATABASE_URL]@db.example.com/main"
    assert found.redact("p@ssword-1") == "[secret:DATABASE_URL]"


def test_a_name_that_settings_give_is_a_secret_whatever_it_is_called() -> None:
    assert Secrets.from_environ({"MY_GATEWAY": "abcdefgh12"}, extra_names=["MY_GATEWAY"]).names == ("MY_GATEWAY",)


def test_the_longest_secret_is_taken_out_first() -> None:
    found = secrets(A_KEY="abcdefgh", B_KEY="abcdefgh-and-more")
    assert found.redact("abcdefgh-and-more abcdefgh") == "[secret:B_KEY] [secret:A_KEY]"


def test_no_secret_shows_in_the_repr() -> None:
    assert repr(secrets(A_KEY="abcdefgh12")) == "Secrets(A_KEY)"


def test_a_text_without_a_secret_is_given_back_as_it_is() -> None:
    text = "nothing here " * 10
    assert secrets(A_KEY="abcdefgh12").redact(text) is text
    assert secrets().redact(text) is text


@given(st.lists(values, max_size=4), st.lists(texts, min_size=5, max_size=5))
def test_no_value_is_left_and_doing_it_twice_changes_nothing(keys: list[str], around: list[str]) -> None:
    found = Secrets((f"K{i}_KEY", key) for i, key in enumerate(keys))
    text = (
        "".join(part for i, key in enumerate(keys) for part in (around[i], key, json.dumps({"v": quote(key)})))
        + around[4]
    )
    once = found.redact(text)
    assert found.redact(once) == once
    assert found.find(once) == ()
    outside = once
    for name in found.names:
        outside = outside.replace(f"[secret:{name}]", "\0")
    assert not any(key.strip() in outside for key in keys)


@given(st.lists(values, min_size=1, max_size=3), texts)
def test_even_a_value_that_holds_a_mark_does_not_make_it_grow(keys: list[str], text: str) -> None:
    nested = [*keys, f"xx[secret:K0_KEY]{keys[0]}", f"[secret:K1_KEY]{keys[-1]}"]
    found = Secrets((f"K{i}_KEY", key) for i, key in enumerate(nested))
    once = found.redact(text + "xx".join(nested))
    assert found.redact(once) == once


@given(st.lists(values, max_size=3), texts)
def test_finding_and_redacting_agree(keys: list[str], text: str) -> None:
    found = Secrets((f"K{i}_KEY", key) for i, key in enumerate(keys))
    for candidate in (text, text + "".join(keys)):
        assert bool(found.find(candidate)) is (found.redact(candidate) != candidate)
