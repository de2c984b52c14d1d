"""When the use of tools goes in circles."""

from __future__ import annotations

from swarm.roles.guard import FAILED_TURNS, IDLE_TURNS, SAME, Guard, Used


def use(
    tool: str = "read", arguments: str = "{}", answer: str = "text", *, failed: bool = False, tree: str = ""
) -> Used:
    return Used(tool=tool, arguments=arguments, answer=answer, failed=failed, tree=tree)


def test_the_same_use_with_the_same_result_ends_it_the_third_time() -> None:
    guard = Guard()
    assert [guard.after([use()]) for _ in range(SAME - 1)] == [""] * (SAME - 1)
    assert guard.after([use()]) == "it used read 3 times with the same arguments and the same result"


def test_the_same_use_with_another_result_goes_on() -> None:
    guard = Guard()
    assert not any(guard.after([use(answer=str(number), arguments=str(number))]) for number in range(20))


def test_a_command_that_is_run_again_after_each_change_goes_on() -> None:
    guard = Guard()
    for number in range(20):
        assert guard.after([use("edit", str(number), "done", tree=str(number))]) == ""
        assert guard.after([use("run", "tests", "failed", tree=str(number))]) == ""


def test_nothing_new_for_some_turns_ends_it_though_results_differ() -> None:
    guard = Guard()
    assert guard.after([use("fetch", "now", "0")]) == ""
    said = [guard.after([use("fetch", "now", str(number))]) for number in range(1, IDLE_TURNS + 1)]
    assert said == [*[""] * (IDLE_TURNS - 1), f"it did nothing new for {IDLE_TURNS} turns"]


def test_failures_alone_end_it_and_one_success_begins_the_count_anew() -> None:
    guard = Guard()
    for number in range(FAILED_TURNS - 1):
        assert guard.after([use("nope", str(number), failed=True)]) == ""
    assert guard.after([use("read", "a"), use("nope", "b", failed=True)]) == ""
    said = [guard.after([use("nope", f"x{number}", failed=True)]) for number in range(FAILED_TURNS)]
    assert said[-1] == f"none of its tools came to anything for {FAILED_TURNS} turns"
    assert not any(said[:-1])


def test_who_looks_again_at_what_was_compacted_goes_in_no_circle() -> None:
    guard = Guard()
    for _ in range(4):
        assert [guard.after([use("read", "a")]) for _ in range(SAME - 1)] == ["", ""]
        guard.forget()
    assert guard.after([use("nope", "b", failed=True)]) == ""
