"""Settings: the layers, their origins, what a repository may not set, and the sentences for what is wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.errors import UsageError
from swarm.messages import FREE, TIERS, Price, Step
from swarm.settings.keys import KEYS
from swarm.settings.load import Loaded, SettingsInvalid, available_models, config_dir, data_dir, load_settings
from swarm.settings.pricetext import parse_price
from swarm.settings.providers import PRESETS, is_local
from swarm.settings.tomlfile import dotted, read_toml


class Place:
    """A home folder with a settings file, and a repository below it with a project file."""

    def __init__(self, root: Path) -> None:
        self.home, self.repository = root / "home", root / "home" / "repository"
        self.user_file = self.home / ".config" / "swarm" / "config.toml"
        self.project_file = self.repository / "swarm.toml"
        self.user_file.parent.mkdir(parents=True)
        (self.repository / ".git").mkdir(parents=True)

    def load(self, user: str = "", project: str = "", environ: dict[str, str] | None = None, **more: Any) -> Loaded:
        self.user_file.write_text(user, encoding="utf-8")
        self.project_file.write_text(project, encoding="utf-8")
        return load_settings(self.repository, environ={"HOME": str(self.home), **(environ or {})}, **more)

    def problems(
        self, user: str = "", project: str = "", environ: dict[str, str] | None = None, **more: Any
    ) -> list[str]:
        with pytest.raises(SettingsInvalid) as raised:
            self.load(user, project, environ, **more)
        return raised.value.problems


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_any_file_the_defaults_of_the_design_hold(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={"HOME": str(tmp_path)}).settings
    assert settings.budget.day_nanos == 500_000_000
    assert (settings.on_unknown, settings.judge, settings.transport) == ("repeat", "free", "aiohttp")
    assert settings.log == str(tmp_path / ".local/share/swarm/log.db")


def test_how_models_are_chosen_is_set_by_words_or_numbers(place: Place) -> None:
    chosen = place.load(user='[choice]\nvalue = "economy"\nstart = "planned"\nsimple = "free to free"').settings.choice
    assert (chosen.policy, chosen.worth, chosen.start, chosen.span("simple")) == (
        "trails",
        3.0,
        "planned",
        ("free", "free"),
    )
    assert place.load(user="[choice]\nvalue = 7.5").settings.choice.worth == 7.5
    assert place.load(environ={"SWARM_CHOICE_VALUE": "12"}).settings.choice.worth == 12
    assert place.load().settings.choice.span("of no level") == ("local", "paid")


def test_each_layer_covers_the_one_before_it(place: Place) -> None:
    layers: dict[str, Any] = {"user": "calls.tries = 2"}
    assert place.load(**layers).settings.calls.tries == 2
    layers["project"] = "[calls]\ntries = 3"
    assert place.load(**layers).settings.calls.tries == 3
    layers["task_file"] = {"calls": {"tries": 5}}
    assert place.load(**layers).settings.calls.tries == 5
    layers["environ"] = {"SWARM_CALLS_TRIES": "6"}
    assert place.load(**layers).settings.calls.tries == 6
    layers["flags"] = {"calls.tries": 7}
    assert place.load(**layers).settings.calls.tries == 7


def test_a_worth_and_a_share_are_read_as_they_are_written(place: Place) -> None:
    choice = place.load("[choice]\nvalue = 12.5\naudit_share = 0.1\n").settings.choice
    assert (choice.worth, choice.audit_share) == (12.5, 0.1)
    choice = place.load("[choice]\nvalue = 'quality'\n", environ={"SWARM_CHOICE_AUDIT_SHARE": "1"}).settings.choice
    assert (choice.worth, choice.audit_share) == (60.0, 1.0)
    for key, line in (("value", "value = 0"), ("value", "value = 'dear'"), ("audit_share", "audit_share = 1.01")):
        (problem,) = place.problems(f"[choice]\n{line}\n")
        assert f"config.toml:2: choice.{key}: " in problem and " is expected" in problem


def test_every_value_knows_its_file_and_line_its_variable_or_its_flag(place: Place) -> None:
    loaded = place.load(
        user='# mine\n[budget]\nday_usd = "0.25"\n',
        project='judge = "paid"\n\n[calls]\n# more patience\ntimeout_s = "3m"\n',
        environ={"SWARM_TRANSPORT": "httpx"},
        flags={"log": "other.db"},
    )
    origin = loaded.origins
    assert (origin["budget", "day_usd"].kind, origin["budget", "day_usd"].place) == (
        "user file",
        f"{place.user_file}:3",
    )
    assert (origin["judge",].kind, origin["judge",].place) == ("project file", f"{place.project_file}:1")
    assert origin["calls", "timeout_s"].place == f"{place.project_file}:5"
    assert (origin["transport",].kind, origin["transport",].place) == ("environment", "SWARM_TRANSPORT")
    assert (origin["log",].kind, origin["log",].place, origin["log",].value) == ("flag", "--log", "other.db")
    assert origin["on_unknown",].kind == "default"
    assert loaded.settings.calls.timeout_s == 180


@pytest.mark.parametrize(
    ("written", "nanos"), [('"0.10"', 100_000_000), ("0.1", 100_000_000), ("0", 0), ("'$0.3'", 3 * 10**8)]
)
def test_money_is_read_as_it_is_written_without_a_float(place: Place, written: str, nanos: int) -> None:
    assert place.load(user=f"budget.day_usd = {written}").settings.budget.day_nanos == nanos


@pytest.mark.parametrize(
    ("written", "worth"), [('"economy"', 3.0), ("6.5", 6.5), ("7", 7.0), ('"6.5"', 6.5), ("0.1", 0.1)]
)
def test_what_right_work_is_worth_is_a_word_or_a_number_with_or_without_a_point(
    place: Place, written: str, worth: float
) -> None:
    assert place.load(user=f"choice.value = {written}").settings.choice.worth == worth


@given(st.integers(min_value=0, max_value=10**12))
def test_every_amount_of_nano_dollars_survives_being_written_as_a_price(nanos: int) -> None:
    usd = format(Decimal(nanos) / 10**9, "f")
    price = parse_price(f"{usd}/{usd}")
    assert (price.input_nanos, price.output_nanos, price.row) == (nanos, nanos, f"settings:{usd}/{usd}")


def test_a_price_names_input_output_cached_input_and_cache_writes() -> None:
    price = parse_price("0.10 / 0.50 / 0.01 / 0.125")
    assert (price.input_nanos, price.output_nanos) == (100_000_000, 500_000_000)
    assert (price.cached_nanos, price.cache_write_nanos) == (10_000_000, 125_000_000)
    assert parse_price("0.15/0.60").cached_nanos is None
    assert parse_price("free") is FREE


def test_a_price_names_reasoning_what_a_request_costs_and_steps_by_the_length_of_the_input() -> None:
    price = parse_price("1/5/0.1//8; request 0.01; above 200k: 2/7.5; above 1M: 4/15//5", source="s", name="m")
    assert price == Price(
        row="s:m",
        input_nanos=10**9,
        output_nanos=5 * 10**9,
        cached_nanos=10**8,
        reasoning_nanos=8 * 10**9,
        request_nanos=10**7,
        steps=(
            Step(above_tokens=200_000, input_nanos=2 * 10**9, output_nanos=7_500_000_000),
            Step(above_tokens=10**6, input_nanos=4 * 10**9, output_nanos=15 * 10**9, cache_write_nanos=5 * 10**9),
        ),
    )


@pytest.mark.parametrize("free", ["free", "0/0", "0/0; request 0; above 9: 0/0"])
def test_what_costs_nothing_in_any_class_is_free(free: str) -> None:
    assert parse_price(free).is_free
    for paid in ("0/0/1", "0/0//1", "0/0///1", "0/0; request 1", "0/0; above 9: 0/1"):
        assert not parse_price(paid).is_free


@pytest.mark.parametrize(
    "written",
    [
        "0.15",
        "1/2/3/4/5/6",
        "a/b",
        "-1/2",
        "0.1/",
        "/1",
        "1e3/2",
        "nan/nan",
        "1/2;",
        "1/2; twice",
        "1/2; request 1; request 1",
        "1/2; above 2: 3/4; above 1: 3/4",
        "1/2; above 2: 3",
        0.15,
        True,
        None,
    ],
)
def test_what_is_no_price_is_refused_with_a_sentence(written: object) -> None:
    with pytest.raises(ValueError, match=r"0\.15/0\.60|US dollars"):
        parse_price(written)


def test_all_problems_are_told_at_once_each_with_its_line(place: Place) -> None:
    problems = place.problems(
        user='judgee = "paid"\n[budget]\nday_usd = "a lot"\n[calls]\ntries = 0\ntimeout_s = false\n',
        project='transport = "carrier"\n',
    )
    assert len(problems) == 5
    assert problems[0] == f"{place.user_file}:1: judgee: unknown key; did you mean 'judge'?"
    assert problems[1].startswith(f"{place.user_file}:3: budget.day_usd: 'a lot' is not an amount in US dollars")
    assert problems[2] == f"{place.user_file}:5: calls.tries: a whole number from 1 to 20 is expected, not 0"
    assert problems[3] == f"{place.user_file}:6: calls.timeout_s: a time such as 90s is expected, not true or false"
    assert problems[4] == f"{place.project_file}:1: transport: one of aiohttp, httpx is expected, not 'carrier'"


@pytest.mark.parametrize(
    ("toml", "line", "said"),
    [
        ("[budgett]\nday_usd = 1", 1, "did you mean 'budget'?"),
        ("[budget]\nday_uds = 1", 2, "did you mean 'day_usd'?"),
        ("[calls]\ntriess = 1", 2, "did you mean 'tries'?"),
        (
            '[choice]\nvalue = "lots"',
            2,
            "one of economy, balanced, quality is expected, or a number from 0.1 to 10,000",
        ),
        ("[choice]\nvalue = 0", 2, "one of economy, balanced, quality is expected"),
        ('[choice]\nsimple = "paid to free"', 2, 'two tiers are expected, such as "local to cheap"'),
        ('[choice]\ncomplex = "cheap"', 2, "two tiers are expected"),
        ('[choice]\npolicy = "trail"', 2, "trails, roulette is expected"),
        ("budget = 3", 1, "write [budget] and its keys below it"),
        ("[log]\npath = 'x'", 1, "a text is expected, not a table"),
        ("[judge]", 1, "one of free, paid is expected, not a table"),
        ("models = []", 1, "this is a table of settings, not a list"),
        ("[models.x]\nmodell = 'm'\nprovider = 'openai'", 2, "did you mean 'model'?"),
        ('[models."a@b"]\nmodel = "m"', 2, "without @"),
        ("[providers.x]\napi_key = 'sk-123456'", 2, "a key is never written into a file"),
        ("[providers.x]\nkey_env = 'sk-123456'", 2, "never the key itself"),
        ("[providers.x]\nbase_url = 'ftp://host/v1'", 2, "no http or https URL"),
        ("[providers.x]\nbase_url = 'http://api.example.com/v1'", 2, "unencrypted"),
        ("[providers.x]\nbase_url = 'https://me:pass@api.example.com'", 2, "no user, password"),
        ("[providers.x]\nbase_url = 'https://host:99999/'", 2, "this is no URL"),
        ("[providers.x]\nconcurrency = 2", 2, "has no base_url"),
        ("[models.x]\nprovider = 'openai'", 2, "has no model"),
        ("[models.x]\nprovider = 'opnai'\nmodel = 'm'", 2, "did you mean 'openai'?"),
        ("[models.x]\nprovider = 'openai'\nmodel = 'm'\nprice = '1/2'\ntier = 'free'", 2, 'write price = "free"'),
        ("time_zone = 'Europe/Berlni'", 1, "no time zone known here"),
        ("time_zone = '../../etc/passwd'", 1, "no time zone known here"),
        ("on_unknown = ''", 1, "one of repeat, ask, fail"),
        ("log = ''", 1, "a text on one line"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line_and_what_to_write(
    place: Place, toml: str, line: int, said: str
) -> None:
    (problem,) = place.problems(user=toml)
    assert problem.startswith(f"{place.user_file}:{line}: ")
    assert said in problem


def test_a_key_that_stands_in_the_wrong_place_is_not_repeated_in_the_error(place: Place) -> None:
    (problem,) = place.problems(user="[providers.x]\nbase_url = 'https://api.example.com'\nkey_env = 'sk-123456'")
    assert "sk-123456" not in problem


@pytest.mark.parametrize(
    "toml",
    [
        'log = "mine.db"',
        'time_zone = "Pacific/Kiritimati"',
        '[providers.openai]\nbase_url = "https://evil.example/v1"',
        '[providers.x]\nkey_env = "GITHUB_TOKEN"',
        '[models."openai/gpt-6-luna"]\nprice = "free"',
        '[models."openai/gpt-6-luna"]\nprovider = "groq"',
        '[models."openai/gpt-6-luna"]\nmodel = "the-dearest"',
        '[budget]\nday_usd = "0.51"',
    ],
)
def test_a_repository_can_neither_redirect_keys_nor_raise_the_users_spending(place: Place, toml: str) -> None:
    if "key_env" not in toml:  # not complete as a provider of the user's own
        place.load(user=toml)  # the same lines are the user's to write
    (problem,) = place.problems(project=toml)
    assert problem.startswith(str(place.project_file))
    assert str(place.user_file) in problem


def test_every_cap_of_the_user_is_one_that_a_project_may_lower_and_not_raise(place: Place) -> None:
    for key in [key for key in KEYS if key[0] == "budget"]:
        low, high = ("0.10", "0.20") if key[1].endswith("_usd") else ("10k", "20k")
        user, lower, higher = (
            f'[budget]\n{key[1]} = "{each}"' for each in (high, low, "30k" if "k" in high else "0.30")
        )
        field = key[1].replace("_usd", "_nanos")
        assert getattr(place.load(user=user, project=lower).settings.budget, field) in (10_000, 100_000_000)
        (problem,) = place.problems(user=user, project=higher)
        assert f"can lower the {key[1].partition('_')[0]}'s cap of" in problem
        assert getattr(place.load(project=lower).settings.budget, field) in (10_000, 100_000_000), "none is higher"


def test_each_key_of_an_agent_a_server_a_model_the_log_the_day_and_the_network_is_the_users_alone() -> None:
    harmless = {"concurrency", "requests_per_minute", "tokens_per_minute"}
    of_tools = {("tools", "network"), ("tools", "fetch_hosts"), ("tools", "sandbox"), ("tokens", "lingua")}
    for key, known in KEYS.items():
        whole = (
            "agents",
            "models",
            "models_off",
            "discover",
            "providers",
            "schedules",
            "log",
            "report_file",
            "time_zone",
            "choice",
            "view",
        )
        users = (key[0] in (*whole, "mcpServers") and key[-1] not in harmless) or key in of_tools
        assert bool(known.only_user) is users, dotted(key)


def test_a_task_file_is_trusted_no_more_than_a_project_file(place: Place) -> None:
    (problem,) = place.problems(task_file={"budget": {"day_usd": 100}})
    assert problem.startswith(
        "task file: budget.day_usd: a task file can lower the day's cap of $0.50 but not raise it"
    )
    assert place.load(task_file={"budget": {"day_usd": 0.2}}).settings.budget.day_nanos == 200_000_000


def test_a_project_may_lower_the_cap_and_choose_what_is_harmless(place: Place) -> None:
    settings = place.load(project='judge = "paid"\nbudget.day_usd = 0.1\nproviders.groq.concurrency = 1\n').settings
    assert (settings.judge, settings.budget.day_nanos, settings.providers["groq"].concurrency) == ("paid", 10**8, 1)


def test_the_nearest_project_file_is_found_up_to_the_root_of_the_repository(place: Place) -> None:
    environ = {"HOME": str(place.home)}
    deep = place.repository / "a" / "b"
    deep.mkdir(parents=True)
    (place.home / "swarm.toml").write_text("calls.tries = 9")
    assert load_settings(deep, environ=environ).settings.calls.tries == 4  # the home folder lies beyond the repository
    place.project_file.write_text("calls.tries = 2")
    assert load_settings(deep, environ=environ).settings.calls.tries == 2
    (place.repository / "a" / "pyproject.toml").write_text('[project]\nname = "swarm-tools"\n')
    assert load_settings(deep, environ=environ).settings.calls.tries == 2
    (place.repository / "a" / "pyproject.toml").write_text("[tool.ruff]\n[tool.swarm.calls]\ntries = 3\n")
    loaded = load_settings(deep, environ=environ)
    assert loaded.settings.calls.tries == 3
    assert loaded.origins["calls", "tries"].place == f"{place.repository / 'a' / 'pyproject.toml'}:3"


def test_outside_of_any_repository_and_home_only_the_folder_itself_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "swarm.toml").write_text("calls.tries = 9")
    (tmp_path / "below").mkdir()
    elsewhere = {"HOME": str(tmp_path / "nobody")}
    assert load_settings(tmp_path / "below", environ=elsewhere).settings.calls.tries == 4
    assert load_settings(tmp_path, environ=elsewhere).settings.calls.tries == 9


def test_a_pyproject_that_is_not_for_us_is_not_complained_about(place: Place) -> None:
    place.project_file.unlink(missing_ok=True)
    (place.repository / "pyproject.toml").write_text("this is [ no TOML")
    load_settings(place.repository, environ={"HOME": str(place.home)})
    (place.repository / "pyproject.toml").write_text('[tool]\nswarm = "yes"\n')
    with pytest.raises(SettingsInvalid, match=r"pyproject\.toml:2: the settings are a table, not a text"):
        load_settings(place.repository, environ={"HOME": str(place.home)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = 1\nb = = 2\n", r"config\.toml:2:5: this is not TOML"),
        (b"a = 1\na = 2\n", r"config\.toml:2:\d+: this is not TOML"),
        (b"# fine\nlog = '\xff'\n", r"config\.toml:2: this is not UTF-8"),
        (b"a = [" * 5000, r"config\.toml.*this is not TOML"),
        (b"#" * (1 << 20) + b"\n#", "is no settings file"),
        (b"day = 9999-99-99", r"config\.toml.*this is not TOML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(place: Place, content: bytes, said: str) -> None:
    place.user_file.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        load_settings(place.repository, environ={"HOME": str(place.home)})


@given(
    st.dictionaries(
        st.text(max_size=12),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_no_mapping_whatever_gives_anything_but_settings_or_a_list_of_problems(mapping: dict[str, Any]) -> None:
    known = {f"{name}": mapping for name in ("budget", "models", "providers", "calls")}
    for task_file in (mapping, known):
        try:
            load_settings(Path("/"), environ={"HOME": "/nonexistent"}, task_file=task_file)
        except SettingsInvalid as error:
            assert error.problems


def test_a_misspelt_variable_is_an_error_and_a_foreign_one_is_not(place: Place) -> None:
    (problem,) = place.problems(environ={"SWARM_BUDGET_DAY_UDS": "0.1"})
    assert problem == "SWARM_BUDGET_DAY_UDS: this variable is not known; did you mean SWARM_BUDGET_DAY_USD?"
    place.load(environ={"SWARM_OUTPUT": "out.txt", "SWARM_LEADER": "10.0.0.1", "SWARM_JUDGE": ""})


def test_a_path_of_the_log_is_meant_from_where_it_is_written(place: Place) -> None:
    beside = place.load(user='log = "logs/all.db"').settings.log
    assert beside == str(place.user_file.parent / "logs/all.db")
    assert place.load(flags={"log": "here.db"}).settings.log == str(place.repository / "here.db")
    assert place.load(environ={"SWARM_LOG": "~/x.db"}).settings.log == str(place.home / "x.db")
    assert place.load(environ={"SWARM_LOG": "nats://host/x"}).settings.log == "nats://host/x"


def test_folders_follow_xdg_and_home_is_enough() -> None:
    assert data_dir({"HOME": "/h"}) == Path("/h/.local/share/swarm")
    assert config_dir({"HOME": "/h"}) == Path("/h/.config/swarm")
    assert data_dir({"HOME": "/h", "XDG_DATA_HOME": "/d"}) == Path("/d/swarm")
    assert config_dir({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}) == Path("/h/.config/swarm")


def test_a_home_that_cannot_stand_in_a_setting_is_refused_with_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set HOME or XDG_DATA_HOME"):
        load_settings(tmp_path, environ={"HOME": "/h\x1b[31m"})


def test_a_name_of_any_length_leaves_the_error_readable(place: Place) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        place.load(user=f'[models."{"x" * 50_000}"]\nprovider = "mine"\n')
    assert "cannot be a name" in str(caught.value) and len(str(caught.value)) < 1_000


def test_a_preset_takes_part_only_when_its_key_is_in_the_environment(place: Place) -> None:
    settings = place.load().settings
    assert available_models(settings, {}) == []
    names = [model.name for model, _ in available_models(settings, {"GROQ_API_KEY": "k"})]
    assert names == ["groq/gpt-oss-20b", "groq/gpt-oss-120b"]
    everything = available_models(settings, {str(preset["key_env"]): "k" for preset in PRESETS.values()})
    order = [TIERS.index(model.tier) for model, _ in everything]
    assert order == sorted(order)
    assert everything[0][0].tier == "free"
    assert {model.name for model, _ in everything} == set(settings.models)


def test_every_preset_has_a_dated_price_and_a_window_and_an_https_server(place: Place) -> None:
    settings = place.load().settings
    for model in settings.models.values():
        assert model.price is not None
        assert model.price is FREE or model.price.row.startswith("preset@2026-")
        assert model.context_tokens and model.context_tokens >= 32_000
    assert all(provider.base_url.startswith("https://") for provider in settings.providers.values())
    assert not settings.models["openrouter/free"].judge  # it is another model each time


@pytest.mark.parametrize(
    ("preset", "variable"),
    [("openai", "OPENAI_BASE_URL"), ("anthropic", "ANTHROPIC_BASE_URL"), ("gemini", "GOOGLE_GEMINI_BASE_URL")],
)
def test_the_well_known_variable_moves_a_preset_to_another_server(place: Place, preset: str, variable: str) -> None:
    loaded = place.load(environ={variable: "http://127.0.0.1:8080/v1/"})
    assert loaded.settings.providers[preset].base_url == "http://127.0.0.1:8080/v1"
    assert loaded.origins["providers", preset, "base_url"].place == variable


def test_a_provider_speaks_the_format_that_settings_name(place: Place) -> None:
    mine = '[providers.mine]\nbase_url = "https://api.example.com"\n'
    providers = place.load(user=mine).settings.providers
    spoken = {name: providers[name].wire for name in ("mine", "openai", "anthropic", "gemini", "groq")}
    assert spoken == {
        "mine": "openai",
        "openai": "openai",
        "anthropic": "anthropic",
        "gemini": "gemini",
        "groq": "openai",
    }
    assert place.load(user=f'{mine}wire = "gemini"').settings.providers["mine"].wire == "gemini"
    (wrong,) = place.problems(user=f'{mine}wire = "grpc"')
    assert "one of openai, anthropic, gemini is expected" in wrong
    (refused,) = place.problems(project='[providers.openai]\nwire = "gemini"')
    assert "a repository could have your prompts and keys sent" in refused


SERVER = '[providers.mine]\nbase_url = "{url}"\n[models.m]\nprovider = "mine"\nmodel = "m"\n{more}'


@pytest.mark.parametrize(
    ("url", "more", "tier", "free"),
    [
        ("http://127.0.0.1:8080/v1", "", "local", True),
        ("http://192.168.1.7/v1", "", "local", True),
        ("http://[::1]:1234/v1", "", "local", True),
        ("http://localhost:1234/v1", "price = '1/1'", "cheap", False),
        ("http://localhost:1234/v1", "tier = 'local'\nprice = '1/1'", "local", False),
        ("https://api.example.com/v1", "", "paid", None),
        ("https://api.example.com/v1", "price = 'free'", "free", True),
        ("https://api.example.com/v1", "tier = 'free'", "free", True),
        ("https://api.example.com/v1", "price = '1/2'", "cheap", False),
        ("https://api.example.com/v1", "price = '0/2.01'", "paid", False),
        ("https://api.example.com/v1", "price = '9/9'\ntier = 'cheap'", "cheap", False),
        ("http://gpu-box:8000/v1", "", "paid", None),
    ],
)
def test_a_tier_follows_from_place_and_price_and_an_unknown_price_is_not_free(
    place: Place, url: str, more: str, tier: str, free: bool | None
) -> None:
    ((model, provider),) = available_models(place.load(user=SERVER.format(url=url, more=more)).settings, {})
    assert (model.tier, model.price and model.price.is_free) == (tier, free)
    assert (provider.name, provider.key_env, provider.concurrency) == ("mine", "", 8)


@pytest.mark.parametrize(
    ("url", "name", "more", "tools"),
    [
        ("http://127.0.0.1:8080/v1", "qwen2.5-coder-1.5b", "", "schema"),
        ("http://127.0.0.1:8080/v1", "qwen2.5-coder-1.5b", 'tools = "native"', "native"),
        ("http://127.0.0.1:8080/v1", "qwen3:4b", "", "native"),
        ("http://127.0.0.1:8080/v1", "of-unknown-size", "", "native"),
        ("http://127.0.0.1:8080/v1", "of-unknown-size", 'tools = "schema"', "schema"),
        ("https://api.example.com/v1", "tiny-1b", "", "native"),
    ],
)
def test_a_small_local_model_is_offered_tools_through_the_schema_unless_settings_say_otherwise(
    place: Place, url: str, name: str, more: str, tools: str
) -> None:
    settings = place.load(user=SERVER.format(url=url, more=more).replace('model = "m"', f'model = "{name}"')).settings
    assert settings.models["m"].tools == tools


def test_how_tools_are_offered_is_one_of_two_words_and_the_users_to_say(place: Place) -> None:
    (wrong,) = place.problems(user=SERVER.format(url="http://127.0.0.1:1/v1", more='tools = "yes"'))
    assert "one of native, schema is expected" in wrong
    (refused,) = place.problems(project='[models."openrouter/free"]\ntools = "schema"')
    assert "a repository could choose" in refused


def test_a_single_value_of_a_preset_can_be_overridden(place: Place) -> None:
    settings = place.load(
        user='[models."groq/gpt-oss-20b"]\nprice = "free"\n[providers.groq]\ntokens_per_minute = "8k"\n'
    ).settings
    assert (settings.models["groq/gpt-oss-20b"].tier, settings.models["groq/gpt-oss-20b"].context_tokens) == (
        "free",
        131_072,
    )
    assert settings.providers["groq"].tokens_per_minute == 8_000
    assert settings.providers["groq"].requests_per_minute == 30


def test_only_addresses_that_are_private_count_as_local() -> None:
    assert all(
        map(
            is_local,
            ["http://localhost", "http://a.localhost", "http://127.1.2.3", "http://10.0.0.1", "http://[fd00::1]"],
        )
    )
    assert not any(
        map(is_local, ["https://api.openai.com", "http://8.8.8.8", "https://localhost.example.com", "http://gpu-box"])
    )


def test_the_line_of_a_key_is_found_however_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('a.b = 1\n\n["t t"] # here\n  "c" . d = 2\n[[list]]\ne = { f = 3 }\n')
    file = read_toml(path)
    assert file.line_of(("a", "b")) == 1
    assert file.line_of(("t t",)) == 3
    assert file.line_of(("t t", "c", "d")) == 4
    assert file.line_of(("list", "e", "f")) == 6
    assert file.line_of(("nowhere",)) == 1


def test_tiers_are_kept_in_the_order_in_which_they_are_tried_and_a_variable_has_them_with_commas(place: Place) -> None:
    assert place.load().settings.tiers == TIERS == ("local", "free", "cheap", "paid")
    assert place.load(user='tiers = ["cheap", "local", "cheap"]').settings.tiers == ("local", "cheap")
    assert place.load(user='tiers = "free"').settings.tiers == ("free",)
    assert place.load(environ={"SWARM_TIERS": "paid, free"}).settings.tiers == ("free", "paid")


def test_a_project_can_leave_tiers_out_and_never_add_one(place: Place) -> None:
    mine = 'tiers = ["local", "free"]'
    assert place.load(user=mine, project='tiers = ["local"]').settings.tiers == ("local",)
    (problem,) = place.problems(user=mine, project='tiers = ["free", "paid"]')
    assert "can leave out tiers of local, free but not add paid" in problem


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('"locl"', "one of local, free, cheap, paid is expected, not 'locl'; did you mean 'local'?"),
        ('["free hosted"]', "not 'free hosted'; did you mean 'free'?"),
        ('["free_local"]', "not 'free_local'; did you mean 'local'?"),
        ('"Paid"', "did you mean 'paid'?"),
        ('"zzz"', "one of local, free, cheap, paid is expected, not 'zzz'"),
        ("[]", "at least one of local, free, cheap, paid is expected, not an empty list"),
        ("[3]", "one of local, free, cheap, paid is expected, not a number"),
        ("true", "a list of tiers is expected, not true or false"),
    ],
)
def test_a_wrong_tier_is_told_with_the_nearest_right_word(place: Place, written: str, said: str) -> None:
    (problem,) = place.problems(user=f"tiers = {written}")
    assert problem.endswith(said) or f"{said}" in problem
    if not written.startswith(("[", "t")):
        more = f'[models.m]\nprovider = "groq"\nmodel = "m"\ntier = {written}'
        assert any(said in problem for problem in place.problems(user=more))


@pytest.mark.parametrize(("written", "holds"), [("true", True), ("False", False), ("false", False)])
def test_a_switch_can_be_a_variable(place: Place, written: str, holds: bool) -> None:
    assert place.load(environ={"SWARM_DISCOVER": written}).settings.discover is holds
    (problem,) = place.problems(environ={"SWARM_DISCOVER": "maybe"})
    assert problem == "SWARM_DISCOVER: discover: true or false is expected, not a text"


def test_models_are_turned_off_by_names_and_globs(place: Place) -> None:
    assert place.load(user='models_off = ["ollama/*", "openrouter/free"]').settings.models_off == (
        "ollama/*",
        "openrouter/free",
    )
    (problem,) = place.problems(user='models_off = ["", 3]')
    assert problem.endswith("models_off: a text on one line is expected, not an empty one")
