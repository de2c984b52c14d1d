"""Templates stand for values and for nothing else: in one pass, and never as code."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swarm.text.lookups import InQuotes, command_of, filled, lookups_in, lookups_in_command, variable_of

anything = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.text(st.characters(codec="utf-8", exclude_characters="{}\\"), max_size=30), anything)
@example("", "{{item}} \\{{x}} $HOME")
def test_a_value_comes_out_as_it_is_whatever_it_holds(around: str, value: str) -> None:
    assert filled(f"{around}{{{{ x }}}}{around}{{{{x}}}}", {"x": value}) == f"{around}{value}{around}{value}"


def test_braces_are_written_with_a_backslash_before_them() -> None:
    assert filled(r"\{{x}} {{x}} \{{ {}", {"x": "1"}) == "{{x}} 1 {{ {}"
    assert lookups_in(r"\{{x}}") == []


def test_a_name_without_a_value_is_an_error_and_never_left_as_it_is() -> None:
    with pytest.raises(KeyError, match=r"item\.name"):
        filled("{{item.name}}", {"item": "x"})


def test_lookups_are_found_with_their_places() -> None:
    found = lookups_in("{{a}} and {{ b.c }} and {{a}} and {{not one}}")
    assert [(one.name, one.start, one.nth, one.is_plain) for one in found] == [
        ("a", 0, 0, True),
        ("b.c", 10, 0, True),
        ("a", 24, 1, True),
        ("not one", 34, 0, False),
    ]


def test_what_other_programs_mean_by_braces_is_left_to_them_in_a_command() -> None:
    command = "docker inspect -f '{{.Id}}' x && jq '{{}}'"
    assert lookups_in_command(command) == []
    assert command_of(command) == command


@pytest.mark.parametrize(
    ("written", "command"),
    [
        ("pytest {{x}}", 'pytest "${SWARM_VAR_x}"'),
        ("cat docs/{{item.name}}.md", 'cat docs/"${SWARM_ITEM_name}".md'),
        ("echo 'a'{{vars.x}}\"b\"", 'echo \'a\'"${SWARM_VAR_x}""b"'),
        ("echo it\\'s {{x}}", 'echo it\\\'s "${SWARM_VAR_x}"'),
        ("# don't\necho {{x}}", '# don\'t\necho "${SWARM_VAR_x}"'),
        (r"echo \{{x}}", "echo {{x}}"),
        ("echo $(cat {{x}})", 'echo $(cat "${SWARM_VAR_x}")'),
        ('echo "$(cat "$A" {{x}})" {{x}}', 'echo "$(cat "$A" "${SWARM_VAR_x}")" "${SWARM_VAR_x}"'),
        ("(cd a; cat {{x}}) # it's", '(cd a; cat "${SWARM_VAR_x}") # it\'s'),
        ("case $A in a) cat {{x}};; esac", 'case $A in a) cat "${SWARM_VAR_x}";; esac'),
        ('echo "a # \'b << (" {{x}}', 'echo "a # \'b << (" "${SWARM_VAR_x}"'),
    ],
)
def test_in_a_command_a_lookup_becomes_a_quoted_reference_to_its_variable(written: str, command: str) -> None:
    assert command_of(written) == command


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("echo '{{x}}'", "quotes"),
        ('python -c "print({{x}})"', "quotes"),
        ('echo "$(python -c "print({{x}})")"', "quotes"),
        ('echo "a $(true) {{x}}"', "quotes"),
        ('echo "(" "{{x}}"', "quotes"),
        ('echo "# {{x}}"', "quotes"),
        ("echo $(( {{x}} + 1 ))", "arithmetic"),
        ('echo "$(( {{x}} + 1 ))"', "arithmetic"),
        ('echo "`cat {{x}}`"', "backticks"),
        ("cat <<END\n{{x}}\nEND", "here-document"),
        ("echo `echo {{x}}`", "backticks"),
        (r"echo $'it\'s' {{x}}", r"\$'\.\.\.'"),
        ("echo 'never closed {{x}}", "quotes"),
    ],
)
def test_a_lookup_that_a_shell_would_take_apart_is_refused(written: str, where: str) -> None:
    with pytest.raises(InQuotes, match=where):
        command_of(written)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
@settings(max_examples=25, deadline=None)
@example('"; echo injected; "')
@example("$(echo injected) `echo injected`")
@example("-n * ~ \n'")
def test_a_shell_gets_the_value_as_one_word_and_runs_none_of_it(value: str) -> None:
    command = command_of("printf %s: a{{item.name}}b \"$(printf %s {{x}} | wc -c | tr -d ' ')\"")
    env = {"PATH": os.environ["PATH"], variable_of("item.name"): value, variable_of("x"): value}
    done = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, check=True)
    assert done.stdout == f"a{value}b:{len(value.encode())}:".encode()


def test_every_kind_of_lookup_has_a_variable_of_its_own() -> None:
    names = ["x", "item", "item.x", "env.x"]
    assert len({variable_of(name) for name in names}) == 4
    assert variable_of("vars.x") == variable_of("x") == "SWARM_VAR_x"


pieces = st.sampled_from(
    [
        "echo ",
        "{{x}}",
        " {{x}} ",
        "'",
        '"',
        "$(",
        "(",
        ")",
        ";",
        "\n",
        "\\",
        " #",
        "`",
        "<<E\n",
        "$((",
        "$'",
        "a",
        "|",
        "&&",
        " ",
    ]
)


@given(st.lists(pieces, max_size=12))
@settings(max_examples=40, deadline=None)
def test_whatever_a_command_looks_like_no_value_in_it_is_run(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("shell")
    try:
        command = command_of("".join(parts))
    except InQuotes:
        return
    for value in ("$(echo > evil)", "'; echo > evil; '", '"; echo > evil; "', "\n echo > evil\n", "a[$(echo > evil)]"):
        env = {"PATH": os.environ["PATH"], "SWARM_VAR_x": value}
        subprocess.run(["/bin/sh", "-c", command], env=env, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
    assert not (folder / "evil").exists(), command
