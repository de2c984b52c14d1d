"""The command `swarm`: finds the command that is meant, imports it alone, and turns errors into sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from swarm.cli.streams import ResultLost, make_streams_fit, write_aside, write_result
from swarm.errors import UsageError
from swarm.version import VERSION

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Run": {
        "run": ("swarm.cli.run", "run a task file or a prompt"),
        "resume": ("swarm.cli.resume", "go on with a session that ended early, from the log"),
        "validate": ("swarm.cli.validate", "check task files without running them"),
        "plan": ("swarm.cli.plan", "show what a task file comes to: order, inputs, roles, checks"),
        "trust": ("swarm.cli.trust", "confirm the shell commands of a task file"),
        "schedule": ("swarm.cli.schedule", "run task files by rules: when, and what of it came to what"),
    },
    "Steer": {
        "pause": ("swarm.cli.pause", "let nothing new begin in a session, or for a task"),
        "unpause": ("swarm.cli.unpause", "go on with what was paused"),
        "retry": ("swarm.cli.retry", "try a task again that failed, was halted or cancelled"),
        "pin": ("swarm.cli.pin", "name the tier of models that has first tries"),
        "cancel": ("swarm.cli.cancel", "end a session or a task for good"),
        "accept": ("swarm.cli.accept", "accept a task's last draft, whatever was said of it"),
        "reject": ("swarm.cli.reject", "reject a task's last draft and say why"),
        "approve": ("swarm.cli.approve", "allow the use of a tool that waits for your word"),
        "deny": ("swarm.cli.deny", "refuse it, and tell the model why"),
        "answer": ("swarm.cli.answer", "answer what an agent asks you"),
        "apply": ("swarm.cli.apply", "take what tools changed for an accepted task over into your files"),
        "undo": ("swarm.cli.undo", "bring the files that were taken over back to what they were"),
        "fork": ("swarm.cli.fork", "go on from a point of a recorded session in a new one"),
    },
    "Look": {
        "watch": ("swarm.cli.watch", "watch a running session in the terminal"),
        "replay": ("swarm.cli.replay", "play a recorded session again"),
        "ps": ("swarm.cli.ps", "list sessions and their tasks"),
        "show": ("swarm.cli.show", "show a session, a task or a step"),
        "why": ("swarm.cli.why", "explain a choice, a refusal, a cost, or how a task ended"),
        "log": ("swarm.cli.log", "print the events of the log"),
        "status": ("swarm.cli.status", "say in a few lines, or in one, who runs and what today costs"),
        "cost": ("swarm.cli.cost", "say what was spent, on what"),
        "report": (
            "swarm.cli.report",
            "say what stages saved of tokens, how tasks went with them, and what was spent for nothing",
        ),
        "budget": ("swarm.cli.budget", "show, check, set, raise and split caps; settle what is unknown"),
        "trail": ("swarm.cli.trail", "say how the work of each agent on each model was judged"),
        "whatif": (
            "swarm.cli.whatif",
            "say what finished sessions had come to with other prices, caps, tiers or choices",
        ),
        "cache": ("swarm.cli.cache", "say which answers are given again and what that saved; give none again"),
        "tune": ("swarm.cli.tune", "search settings under which recorded work had cost less; changes nothing"),
        "export": (
            "swarm.cli.export",
            "write traces for OpenTelemetry, a log without its texts to share, or rows",
        ),
        "verify": ("swarm.cli.verify", "check that the log is whole and unchanged"),
    },
    "Set up": {
        "demo": ("swarm.cli.demo", "watch a scripted team at work: no key, no network, no cost"),
        "init": ("swarm.cli.init", "write a task file to begin with"),
        "schema": ("swarm.cli.schema", "print the JSON Schema of the task file, for editors"),
        "agents": ("swarm.cli.agents", "list, show and check the profiles of agents"),
        "skills": ("swarm.cli.skills", "list, show, find, check, make and confirm skills"),
        "mcp": ("swarm.cli.mcp", "list, confirm and try the servers of tools (MCP) that are configured here"),
        "doctor": ("swarm.cli.doctor", "look at everything that a run needs, and say what mends it"),
        "config": ("swarm.cli.config", "show the settings and where each comes from"),
        "completion": ("swarm.cli.completion", "print what a shell completes commands, options and sessions with"),
        "models": ("swarm.cli.models", "list the models and their prices, ask each once, fetch the list of free ones"),
        "local": ("swarm.cli.local", "list, fetch, remove and serve local models"),
    },
}
_MODULES = {name: entry for group in COMMANDS.values() for name, entry in group.items()}
_BROKEN_PIPE = 141  # 128 + SIGPIPE: what a shell sees of any program whose reader has gone


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. This is the console script `swarm`."""
    if sys.platform == "win32":
        sys.stderr.write("error: swarm runs on Linux and macOS; on Windows install it under WSL and run it there\n")
        return UsageError.exit_code
    given = list(sys.argv[1:] if argv is None else argv)
    make_streams_fit()
    # known before anything is parsed: they decide how a wrong option is told
    debug, as_json = "--debug" in given, "--json" in given
    try:
        code = _dispatch(given)
        write_result("", flush=True)
        return code
    except KeyboardInterrupt:
        write_aside("\ninterrupted\n")
        return 130
    except Exception as error:
        return _told(error, given, debug=debug, as_json=as_json)


def _told(error: Exception, given: list[str], *, debug: bool, as_json: bool) -> int:
    from swarm.cli.failure import tell
    from swarm.cli.hints import folder_named, log_named

    try:
        if not isinstance(error, ResultLost):
            return tell(error, debug=debug, as_json=as_json, log=log_named(given), folder=folder_named(given))
    except ResultLost as lost:
        error = lost
    return _BROKEN_PIPE if error.reader_gone else tell(error, debug=debug, as_json=False)


def top_help(color: bool = False) -> str:
    """Return the text of `swarm --help`."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if color else ("", "")
    lines = ["Runs a task with a team of language-model agents on the cheapest model whose work is accepted.", ""]
    lines += [f"{bold}usage:{plain} swarm COMMAND [OPTIONS]", "       swarm run --local examples/hello.yaml", ""]
    for group, commands in COMMANDS.items():
        lines.append(f"{bold}{group}{plain}")
        lines += [f"  {name:<12}{help_}" for name, (_, help_) in commands.items()]
        lines.append("")
    lines += ["swarm COMMAND --help says more of a command; swarm --version says which version this is."]
    return "\n".join(lines)


def _dispatch(given: list[str]) -> int:
    before, name, rest = _split(given)
    if name == "help" and rest and rest[0] in _MODULES:
        name, rest = rest[0], ["--help"]
    if name is None or name == "help":
        if "--version" in before:
            write_result(f"swarm {VERSION}\n")
            return 0
        if wrong := [option for option in before if option not in ("-h", "--help")]:
            raise UsageError(f"{wrong[0]} needs a command; see `swarm --help`")
        write_result(top_help(color=sys.stdout.isatty() and not os.environ.get("NO_COLOR")) + "\n")
        return 0
    if name not in _MODULES:
        raise UsageError(_unknown(name))
    from swarm.cli.options import run_command  # argparse, which the help of all commands does without

    module, help_ = _MODULES[name]
    return run_command(name, module, help_, [*before, *rest])


def _split(given: list[str]) -> tuple[list[str], str | None, list[str]]:
    """Divide the words into the options before the command, the command, and what follows it."""
    at = 0
    while at < len(given) and given[at].startswith("-") and given[at] != "-":
        at += 2 if given[at] in ("-C", "--log", "--color") else 1
    return given[:at], given[at] if at < len(given) else None, given[at + 1 :]


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # only an error needs it

    if " " in name and not name.endswith((".yaml", ".yml")):
        return 'a prompt needs a command: `swarm run "..."`'
    if name.endswith((".yaml", ".yml")):
        from shlex import quote

        return f"a task file needs a command: `swarm run {quote(name)}`, or `swarm validate {quote(name)}`"
    near = get_close_matches(name, _MODULES, n=1)
    guess = f"did you mean `swarm {near[0]}`?" if near else "see `swarm --help`"
    return f"there is no command '{name}'; {guess}"


if __name__ == "__main__":
    sys.exit(main())
