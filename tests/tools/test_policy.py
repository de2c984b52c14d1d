"""Whether a tool may be used: which rule decides, and that nobody gets round the stricter one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.messages import ToolSpec
from swarm.settings.toolrules import ACTIONS, Action, Rule, ToolSettings
from swarm.tools.base import MOST_SHOWN, Effect, Said, Tool
from swarm.tools.policy import Decision, Remembered, decide, question_of, said_of


async def _used(arguments: Mapping[str, Any]) -> Said:
    raise AssertionError("the policy uses nothing")


def tool(name: str, *, effect: Effect = "none", subject: str = "path", source: str = "") -> Tool:
    return Tool(
        spec=ToolSpec(name=name, description="", parameters={}),
        effect=effect,
        use=_used,
        subject=subject,
        source=source,
    )


READ, LIST = tool("read"), tool("list")
WRITE, PATCH = tool("write", effect="copy"), tool("patch", effect="copy", subject="diff")
RUN, PYTHON = tool("run", effect="copy", subject="command"), tool("python", effect="copy", subject="code")
FETCH = tool("fetch", subject="url")
STATUS = tool("git__status", effect="world", source="git")
QUERY = tool("db__query", effect="world", subject="sql", source="db")
ASK, TASK = tool("ask_human", subject="question"), tool("task", effect="copy", subject="prompt")
TOOLS = (READ, WRITE, RUN, PYTHON, FETCH, STATUS, ASK)


def decided(
    used: Tool,
    arguments: Mapping[str, Any] | None = None,
    *rules: Rule,
    project: tuple[Rule, ...] = (),
    backend: str = "bubblewrap",
    headless: bool = False,
    network: bool = False,
    remembered: tuple[Remembered, ...] = (),
    **more: Any,
) -> Decision:
    return decide(
        used,
        arguments or {},
        rules=ToolSettings(rules=rules, stricter=project, **more),
        remembered=remembered,
        backend=backend,
        headless=headless,
        network=network,
    )


def action(used: Tool, arguments: Mapping[str, Any] | None = None, *rules: Rule, **more: Any) -> Action:
    return decided(used, arguments, *rules, **more).action


def rule(tool: str, action: Action, match: str | Mapping[str, Any] = "") -> Rule:
    return Rule(tool=tool, action=action, match=match)


def command(text: str) -> dict[str, str]:
    return {"command": text}


@pytest.mark.parametrize(
    ("used", "backend", "network", "expected"),
    [
        (READ, "none", False, "allow"),
        (WRITE, "none", False, "allow"),
        (PATCH, "none", False, "allow"),
        (RUN, "bubblewrap", False, "allow"),
        (RUN, "landlock", False, "allow"),
        (RUN, "none", False, "ask"),
        (RUN, "something-else", False, "ask"),
        (PYTHON, "none", False, "ask"),
        (RUN, "bubblewrap", True, "ask"),
        (RUN, "landlock", True, "ask"),
        (READ, "bubblewrap", True, "allow"),
        (FETCH, "bubblewrap", False, "ask"),
        (STATUS, "bubblewrap", False, "ask"),
        (ASK, "none", False, "allow"),
        (TASK, "none", False, "allow"),
        (tool("find_tool"), "none", False, "allow"),
        (tool("new_one", effect="world"), "bubblewrap", False, "ask"),
    ],
)
def test_without_a_rule_of_ones_own_what_stays_in_the_copy_is_allowed(
    used: Tool, backend: str, network: bool, expected: Action
) -> None:
    assert action(used, {used.subject: "x"}, backend=backend, network=network) == expected


def test_an_mcp_tool_that_is_called_like_one_of_ours_is_no_more_trusted_for_that() -> None:
    assert action(tool("read", source="evil"), {"path": "x"}) == "ask"
    assert action(tool("run", subject="command", source="evil"), command("ls"), rule("run", "allow", "ls*")) == "allow"
    assert action(tool("run", subject="command", source="evil"), command("ls"), rule("edit", "allow")) == "ask"


def test_the_network_and_hosts_that_settings_name_need_nobodys_word() -> None:
    assert action(RUN, command("pip install x"), network=True) == "ask"
    allowed = ToolSettings(network=True)
    assert decide(RUN, command("x"), rules=allowed, backend="landlock", headless=True, network=True).action == "allow"
    hosts = ("docs.python.org", "*.example.com")
    for url, expected in (
        ("https://docs.python.org/3/", "allow"),
        ("https://DOCS.python.org:8443/", "allow"),
        ("https://a.b.example.com", "allow"),
        ("https://example.com", "ask"),
        ("https://docs.python.org.evil.net/", "ask"),
        ("https://docs.python.org@evil.net/", "ask"),
        ("https://evil.net/?docs.python.org", "ask"),
        ("https://[::1", "ask"),
        ("docs.python.org", "ask"),
    ):
        assert action(FETCH, {"url": url}, fetch_hosts=hosts) == expected, url


def test_the_first_rule_of_the_user_that_matches_counts_before_those_built_in() -> None:
    rules = (rule("run", "deny", "git push*"), rule("run", "ask", "git *"), rule("all", "allow"))
    assert decided(RUN, command("git push"), *rules) == Decision(action="deny", rule="rule deny run git push*")
    assert action(RUN, command("git log"), *rules) == "ask"
    assert action(STATUS, {}, *rules) == "allow"
    assert action(RUN, command("ls"), *rules, backend="none") == "allow"


@pytest.mark.parametrize(
    "text", ["git status; rm -rf x", "git status && curl x", "git log $(rm x)", "git log > x", "git a\nb"]
)
def test_a_rule_that_allows_a_command_allows_nothing_that_hides_behind_it(text: str) -> None:
    assert action(RUN, command("git log -3"), rule("run", "allow", "git *"), backend="none") == "allow"
    assert action(RUN, command(text), rule("run", "allow", "git *"), backend="none") == "ask"
    assert action(RUN, command(text), rule("run", "allow", {"command": "git *"}), backend="none") == "ask"


def test_a_rule_that_refuses_finds_a_part_of_a_command() -> None:
    for text in ("git status; rm -rf x", "echo $(rm x)", "sudo rm x"):
        assert action(RUN, command(text), rule("run", "deny", "rm *")) == "deny"
        assert action(RUN, command(text), rule("run", "deny", {"command": "rm *"})) == "deny"


@pytest.mark.parametrize(
    ("path", "refused", "allowed"),
    [
        ("migrations/0001.py", True, True),
        ("./migrations/../migrations/a/b.py", True, True),
        ("migrations/.hidden", True, True),
        ("Migrations/0001.py", True, False),
        ("/projects/migrations/0001.py", True, False),
        ("../x", True, False),
        ("", True, False),
        ("src/migrations.py", False, False),
        ("migrations", False, False),
    ],
)
def test_a_path_is_matched_as_it_is_meant_and_to_the_safe_side(path: str, refused: bool, allowed: bool) -> None:
    assert (action(WRITE, {"path": path}, rule("edit", "deny", "migrations/**")) == "deny") is refused
    asked = rule("write", "ask")
    assert (action(WRITE, {"path": path}, rule("edit", "allow", "migrations/**"), asked) == "allow") is allowed


def test_of_a_patch_each_file_counts() -> None:
    diff = "--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-x\n+y\n--- /dev/null\n+++ b/secrets/key\t2026\n@@ -0,0 +1 @@\n+z\n"
    renamed = "diff --git a/src/a.py b/secrets/b\nrename from src/a.py\nrename to secrets/b\n"
    quoted = diff.replace("b/secrets/key", '"b/secrets\\057key"')
    fenced = f"```diff\n{diff}```"
    for text in (diff, renamed, quoted, fenced):
        assert action(PATCH, {"diff": text}, rule("edit", "deny", "secrets/*")) == "deny"
        assert action(PATCH, {"diff": text}, rule("edit", "allow", "src/*"), rule("edit", "ask")) == "ask"
    assert action(PATCH, {"diff": diff}, rule("edit", "allow", "**"), rule("edit", "ask")) == "allow"
    assert action(PATCH, {"diff": "no patch"}, rule("edit", "allow", "**"), rule("edit", "ask")) == "ask"


def test_a_tool_without_its_path_is_used_on_the_whole_project() -> None:
    assert action(LIST, {}, rule("look", "deny", ".")) == "deny"
    assert action(LIST, {}, rule("look", "deny", "src/**")) == "allow"


@pytest.mark.parametrize(
    ("match", "matched"),
    [
        ({"database": "test"}, True),
        ({"database": "te*", "limit": 5}, True),
        ({"options": {"dry": True}}, True),
        ({"tables": ["users"]}, True),
        ({"tables": ["orders"]}, False),
        ({"limit": True}, False),
        ({"options": {"dry": 1}}, False),
        ({"missing": "*"}, False),
        ("select *", False),
        ("*", True),
    ],
)
def test_arguments_of_an_mcp_tool_are_matched_by_the_values_that_a_rule_names(
    match: str | Mapping[str, Any], matched: bool
) -> None:
    arguments = {
        "sql": "SELECT 1",
        "database": "test",
        "limit": 5,
        "options": {"dry": True, "x": 1},
        "tables": ["users", "a"],
    }
    assert (action(QUERY, arguments, rule("db__*", "deny", match)) == "deny") is matched
    assert (action(QUERY, arguments, rule("mcp", "allow", match)) == "allow") is matched


def test_of_a_text_in_several_arguments_a_refusing_rule_needs_one_and_an_allowing_one_all() -> None:
    odd = tool("x__y", effect="world", source="x")
    arguments = {"from": "/home/a", "to": ["/home/b", "/etc/c"]}
    assert action(odd, arguments, rule("x__y", "deny", "/etc/*")) == "deny"
    assert action(odd, arguments, rule("x__y", "allow", "/home/*")) == "ask"
    assert action(odd, arguments, rule("x__y", "allow", "/*")) == "allow"


def test_a_program_is_allowed_as_it_stands_and_by_no_pattern() -> None:
    code = {"code": "print(1)"}
    assert action(PYTHON, code, rule("python", "allow", "print*"), backend="none") == "ask"
    assert action(PYTHON, code, rule("python", "allow", "print(1)"), backend="none") == "allow"
    assert action(PYTHON, code, rule("python", "deny", "*print*")) == "deny"


def test_what_would_be_asked_is_refused_where_nobody_can_be_asked_and_says_so() -> None:
    refused = decided(STATUS, {}, headless=True)
    assert refused.action == "deny"
    assert refused.rule == "built in: tools of MCP servers are asked about (git), and nobody is there to be asked"


RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from(["run", "edit", "all", "mcp", "git__*", "fetch", "read", "python"]),
        st.sampled_from(ACTIONS),
        st.sampled_from(["", "*", "git *", "src/**", "docs.python.org", "rm *"]),
    ),
    max_size=4,
).map(tuple)
USES = st.sampled_from(
    [
        (RUN, command("git push")),
        (RUN, command("ls; rm x")),
        (WRITE, {"path": "src/a.py"}),
        (READ, {"path": ".env"}),
        (FETCH, {"url": "https://docs.python.org"}),
        (STATUS, {"repo": "."}),
        (PYTHON, {"code": "1"}),
    ]
)
WORLD = st.fixed_dictionaries(
    {"backend": st.sampled_from(["bubblewrap", "none"]), "headless": st.booleans(), "network": st.booleans()}
)


@given(use=USES, own=RULES, project=RULES, more=RULES, at=st.integers(0, 4), world=WORLD)
def test_a_rule_more_in_a_projects_file_never_makes_a_decision_laxer(
    use: tuple[Tool, Mapping[str, Any]],
    own: tuple[Rule, ...],
    project: tuple[Rule, ...],
    more: tuple[Rule, ...],
    at: int,
    world: Mapping[str, Any],
) -> None:
    before = action(*use, *own, project=project, **world)
    after = action(*use, *own, project=(*project[:at], *more, *project[at:]), **world)
    assert ACTIONS.index(after) >= ACTIONS.index(before)
    assert ACTIONS.index(before) >= ACTIONS.index(action(*use, *own, **world))


@given(use=USES, own=RULES, world=WORLD)
def test_a_decision_is_always_the_same_and_says_which_rule_made_it(
    use: tuple[Tool, Mapping[str, Any]], own: tuple[Rule, ...], world: Mapping[str, Any]
) -> None:
    decision = decided(*use, *own, **world)
    assert decision == decided(*use, *own, **world)
    assert decision.rule and bool(decision.pattern) is (decision.action == "ask")


@settings(max_examples=200)
@given(tail=st.text(alphabet="ab -;&|<>()$`\n'\"{}#\\!*", max_size=20))
def test_no_use_that_a_rule_allows_holds_more_than_one_command(tail: str) -> None:
    allowed = action(RUN, command(f"git log {tail}"), rule("run", "allow", "git *"), backend="none") == "allow"
    assert not (allowed and set(tail) & set(";&|<>()$`\n{}#\\!"))


def asked(used: Tool, arguments: Mapping[str, Any], **more: Any) -> str:
    pattern = decided(used, arguments, rule("all", "ask"), **more).pattern
    assert pattern
    return pattern


def remembers(pattern: str, *, allowed: bool = True) -> tuple[Remembered, ...]:
    return (Remembered(pattern=pattern, allowed=allowed, until="session"),)


@pytest.mark.parametrize(
    ("used", "said", "like", "unlike", "words"),
    [
        (RUN, command("git push origin"), command("git push -f"), command("git pull"), "run git push *"),
        (RUN, command("git push origin"), command("git push"), command("git push; rm x"), "run git push *"),
        (RUN, command("rm -rf x"), command("rm -rf x"), command("rm -rf y"), "run of the same command"),
        (RUN, command("ls *.py"), command("ls *.py"), command("ls a.py"), "run of the same command"),
        (RUN, command("a; b"), command("a; b"), command("a;  b"), "run of the same command"),
        (RUN, command("python x y"), command("python x y"), command("python x z"), "run of the same command"),
        (RUN, command("sudo ls x"), command("sudo ls x"), command("sudo ls y"), "run of the same command"),
        (PYTHON, {"code": "print('*')"}, {"code": "print('*')"}, {"code": "print('a')"}, "python of the same code"),
        (
            WRITE,
            {"path": "a.py", "text": "1"},
            {"path": "a.py", "text": "2"},
            {"path": "b.py"},
            "write of the same path",
        ),
        (FETCH, {"url": "https://a.org/x"}, {"url": "http://a.org/y"}, {"url": "https://b.a.org"}, "fetch a.org"),
        (STATUS, {"repo": "a"}, {"repo": "b"}, None, "git__status, whatever it is given"),
    ],
)
def test_what_a_person_allowed_holds_for_uses_like_it_and_for_no_others(
    used: Tool, said: Mapping[str, Any], like: Mapping[str, Any], unlike: Mapping[str, Any] | None, words: str
) -> None:
    pattern = asked(used, said)
    ask = rule("all", "ask")
    assert said_of(pattern) == words
    allowed = decided(used, like, ask, remembered=remembers(pattern))
    assert allowed == Decision(action="allow", rule="allowed by a person for the session")
    assert action(used, like, ask, remembered=remembers(pattern, allowed=False)) == "deny"
    if unlike is not None:
        assert action(used, unlike, ask, remembered=remembers(pattern)) == "ask"
    assert action(ASK, said, ask, remembered=remembers(pattern)) == "ask"


def test_what_was_allowed_inside_of_a_sandbox_or_without_the_network_is_asked_again_elsewhere() -> None:
    use = (RUN, command("make"))
    held, bare, online = asked(*use), asked(*use, backend="none"), asked(*use, network=True)
    ask = rule("run", "ask")
    assert action(*use, ask, remembered=remembers(held), backend="none") == "ask"
    assert action(*use, ask, remembered=remembers(held), network=True) == "ask"
    assert action(*use, ask, remembered=remembers(bare), backend="none") == "allow"
    assert action(*use, ask, remembered=remembers(online)) == "allow"


def test_what_is_remembered_is_no_answer_to_what_is_refused_and_the_last_word_counts() -> None:
    nothing: dict[str, Any] = {}
    use = (STATUS, nothing)
    pattern = asked(*use)
    assert action(*use, rule("mcp", "deny"), remembered=remembers(pattern)) == "deny"
    both = (*remembers(pattern), *remembers(pattern, allowed=False))
    assert action(*use, remembered=both) == "deny"
    assert action(*use, remembered=both[::-1]) == "allow"
    assert action(*use, remembered=remembers("[secret:KEY] is no pattern")) == "ask"


def test_a_question_is_one_line_however_long_and_broken_the_arguments_are() -> None:
    line = question_of(RUN, command("echo a\n\n  echo b " + "x" * 500), str)
    assert line.startswith("May run be used: echo a echo b xxx") and len(line) < 200 and line.endswith("\u2026")
    assert question_of(STATUS, {"repo": "a"}, str) == 'May git__status of the MCP server git be used: {"repo": "a"}'
    assert json.loads(asked(STATUS, {"repo": "a"})) == {"tool": "git__status"}


def test_a_secret_where_a_question_is_cut_is_taken_out_whole() -> None:
    for before in range(100, MOST_SHOWN + 10):
        line = question_of(RUN, command("x" * before + " hunter22"), lambda text: text.replace("hunter22", "[secret]"))
        assert "hunt" not in line, line
