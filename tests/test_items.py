"""A task is done once for each item: what the items are, and the tasks that come of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.engine.world import environment_of
from swarm.errors import UsageError
from swarm.items import MOST_ITEM_BYTES, ItemsUnusable, item_tasks, items_of
from swarm.paths import confined
from swarm.task import MOST_ITEMS, Each, Input, Task, is_id, is_item_id
from swarm.taskfile.read import parse_task_file

NOWHERE = Path("/nonexistent")
SURVEY = Each(from_task="survey")


def listed(result: str, *field: str) -> list[Any]:
    return items_of(Each(from_task="survey", field=field), {"survey": result}, NOWHERE, task="write")


def task_of(keys: str) -> Task:
    text = f"vars: {{pkg: swarm}}\ntasks:\n  survey: S.\n  write:\n    needs: survey\n    each: survey.output[]\n{keys}"
    return parse_task_file(text, Path("task.yaml")).tasks[1]


def test_items_are_the_list_that_a_task_gave_or_the_one_under_a_key_of_it() -> None:
    assert listed('["a", {"n": 1}]') == ["a", {"n": 1}]
    assert listed('```json\n["a"]\n```') == ["a"]
    assert listed('{"pages": {"new": ["a"]}}', "pages", "new") == ["a"]
    assert listed("[]") == []


@pytest.mark.parametrize(
    ("result", "field", "why"),
    [
        ("Here they are: a, b", (), "the result of 'survey' is no JSON; give that task an `output`"),
        ('{"items": []}', (), r"survey.output is no list but an object with 'items'; name the list, such as"),
        ('{"item": []}', ("items",), "survey.output.items is not there: no 'items'; it has 'item'"),
        ('{"items": 5}', ("items",), "survey.output.items is no list"),
        ('["a", null]', (), "item 2 is nothing"),
        ('["a\\u0000"]', (), "item 1 is no text"),
        (msgspec.json.encode(["x" * MOST_ITEM_BYTES]).decode(), (), "item 1 has 65,538 bytes, more than 65,536"),
        (msgspec.json.encode(list(range(MOST_ITEMS + 1))).decode(), (), "there are 1,001, more than 1,000"),
    ],
)
def test_a_result_that_holds_no_usable_list_is_refused_with_what_it_holds(
    result: str, field: tuple[str, ...], why: str
) -> None:
    with pytest.raises(ItemsUnusable, match=why):
        listed(result, *field)


def test_items_can_be_the_files_that_a_glob_names(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name in ("b.py", "a.py", "c.txt"):
        (tmp_path / "src" / name).write_text("")
    each = Each(files=("src/*.py", "src/a.py"))
    assert items_of(each, {}, tmp_path) == ["src/a.py", "src/b.py"]
    with pytest.raises(UsageError, match=r"'lib/\*.py' matches no file"):
        items_of(Each(files=("lib/*.py",)), {}, tmp_path)


def test_each_item_gets_a_task_with_all_of_its_texts_filled() -> None:
    task = task_of(
        """
    prompt: Write about {{item.name}} of {{pkg}}.
    title: The page of {{item.name}}
    input: [{from: survey}, "{{item.file}}", {text: "{{item}}"}]
    output: docs/{{item.name}}.md
    accept: It names {{item.name}}.
    roles: {worker: {prompt: "Think of {{item.name}}."}}
    check: [{contains: "{{item.name}}", name: "names {{item.name}}"}, {rubric: "{{item.name}} is right"}, {regex: "{{item"}]
"""
    )
    first, second = item_tasks(task, [{"name": "a", "file": "src/a.py"}, {"name": "b", "file": "src/b.py", "n": 2}])
    assert (first.id, second.id) == ("write.1", "write.2")
    assert first.each is None and first.needs == ("survey",)
    assert first.prompt == "Write about a of swarm."
    assert second.title == "The page of b"
    assert first.inputs == (
        Input(from_task="survey"),
        Input(files=("src/a.py",)),
        Input(text='{"name":"a","file":"src/a.py"}'),
    )
    assert [output.path for output in second.written] == ["docs/b.md"]
    assert (first.accept, first.roles["worker"].prompt) == (("It names a.",), "Think of a.")
    assert [(check.contains, check.rubric, check.regex) for check in first.checks] == [
        ("a", None, None),
        (None, "a is right", None),
        (None, None, "{{item"),
    ]


def test_a_command_finds_its_item_in_variables_and_its_text_is_the_same_for_all() -> None:
    task = task_of("    prompt: x\n    env: {WHO: 'about {{item.name}}'}\n    check: test {{item.name}} = {{vars.pkg}}")
    children = item_tasks(task, [{"name": "a; rm -rf /"}, {"name": "$(b)", "list": [1]}])
    assert {check.run for child in children for check in child.checks} == {
        'test "${SWARM_ITEM_name}" = "${SWARM_VAR_pkg}"'
    }
    assert environment_of(children[0]) == {
        "SWARM_VAR_pkg": "swarm",
        "SWARM_ITEM": '{"name":"a; rm -rf /"}',
        "SWARM_ITEM_name": "a; rm -rf /",
        "WHO": "about a; rm -rf /",
    }
    assert environment_of(children[1])["SWARM_ITEM_list"] == "[1]"


def test_only_the_task_of_an_item_may_have_a_point_in_its_id() -> None:
    assert is_item_id("write.1") and is_item_id("a.1000")
    assert not any(is_item_id(name) for name in ("write", "write.0", "write.01", "write.x", "write.1.2", ".1"))
    assert not is_id("write.1")


@pytest.mark.parametrize(
    ("items", "why"),
    [
        (["a", "b", "a"], "items 1 and 3 would both write 'docs/a.md'"),
        (["../../etc/passwd"], r"{{item}} of item 1 is '../../etc/passwd', which leads elsewhere"),
        (["a/../../b"], "which leads elsewhere"),
        (["/etc/passwd"], "which leads elsewhere"),
        (["~root"], "which leads elsewhere"),
        ([" "], r"{{item}} of item 1 is empty"),
        (["a\nb"], "which is no name of a file"),
        (["x" * 300], "which is no name of a file"),
    ],
)
def test_an_item_whose_path_cannot_be_written_is_refused(items: list[Any], why: str) -> None:
    with pytest.raises(ItemsUnusable, match=why):
        item_tasks(task_of("    prompt: x\n    output: docs/{{item}}.md"), items)


@pytest.mark.parametrize(("item", "has"), [({"nam": "x"}, "it has 'nam'"), ("x", "'x', which has no field 'name'")])
def test_an_item_that_lacks_what_is_looked_up_is_named(item: Any, has: str) -> None:
    with pytest.raises(ItemsUnusable, match=f"item 2 .*{has}"):
        item_tasks(task_of("    prompt: About {{item.name}}."), [{"name": "a"}, item])


def test_an_item_is_never_filled_a_second_time() -> None:
    (child,) = item_tasks(task_of("    prompt: About {{item}} of {{pkg}}."), ["{{pkg}} \\{{item}}"])
    assert child.prompt == "About {{pkg}} \\{{item}} of swarm."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
items = st.lists(json_values | st.fixed_dictionaries({"name": st.text(max_size=12) | json_values}), max_size=4)


@given(items)
def test_any_json_gives_tasks_that_stay_in_the_project_or_a_sentence(found: list[Any]) -> None:
    task = task_of("    prompt: About {{item}}.\n    output: docs/{{item.name}}.md\n    input: src/{{item.name}}")
    root = Path("/srv/project")
    try:
        given_items = items_of(SURVEY, {"survey": msgspec.json.encode(found).decode()}, root, task="write")
        children = item_tasks(task, given_items)
    except ItemsUnusable as error:
        assert "task 'write' cannot be done for each item" in str(error)
        return
    assert len(children) == len(found)
    paths = [path for child in children for path in (*child.inputs[0].files, child.written[0].path)]
    for path in paths:
        assert ".." not in path.split("/")
        assert confined(root, path).is_relative_to(root)
