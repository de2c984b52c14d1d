"""The completion scripts for bash, zsh and fish, written from what can be typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from swarm.cli.grammar import Kind, Option, Spoken, Value, names_with_value

SESSIONS = "command swarm completion --sessions 2>/dev/null"
"""What a script asks for the names of sessions: the one thing that it cannot know by itself."""

_FILES = "yaml yml md"  # what a task file's name ends with


def bash(commands: Sequence[Spoken]) -> str:
    """The script for bash, 3.2 and newer: macOS ships that one."""
    return _BASH.format(
        skip="|".join(_shared_with_value(commands)),
        names=" ".join(command.name for command in commands),
        with_value=_bash_cases(_bash_values(commands)),
        options=_bash_cases(
            (command.name, f'_swarm_words "{" ".join(_option_names(command))}"') for command in commands
        ),
        arguments=_bash_cases(
            (command.name, "; ".join(map(_bash_value, command.values))) for command in commands if command.values
        ),
        sessions=SESSIONS,
    )


_BASH = """\
# completion of swarm for bash; in ~/.bashrc:  eval "$(swarm completion bash)"
_swarm_words() {{ COMPREPLY+=($(compgen -W "$1" -- "$cur")); }}
_swarm_folders() {{ local IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "$cur")); }}
_swarm_files() {{
    local IFS=$'\\n' ending
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -d -- "$cur"))
    for ending in yaml yml md; do COMPREPLY+=($(compgen -f -X "!*.$ending" -- "$cur")); done
}}
_swarm_paths() {{ local IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$cur")); }}
_swarm_sessions() {{ _swarm_words "$({sessions})"; }}
_swarm() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= at
    # bash divides --progress=plain at the sign
    if [[ $cur == = ]]; then cur=
    elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${{COMP_WORDS[at]}} in
            {skip}) at=$((at + 1)) ;;
            -*) ;;
            *) command=${{COMP_WORDS[at]}}; break ;;
        esac
    done
    if [[ -z $command ]]; then
        case $before in
            -C) _swarm_folders; return ;;
            --log) _swarm_paths; return ;;
        esac
        _swarm_words "{names} --help --version"
        return
    fi
    case "$command $before" in
{with_value}
    esac
    if [[ $cur == -* ]]; then
        case $command in
{options}
        esac
        return
    fi
    case $command in
{arguments}
    esac
}}
complete -F _swarm swarm
"""


def _bash_values(commands: Sequence[Spoken]) -> Iterator[tuple[str, str]]:
    for command in commands:
        for name, value in names_with_value(command):
            offered = _bash_value(value, task_files=False)
            yield f'"{command.name} {name}"', f"{offered}; return" if offered != ":" else "return"


_BASH_KINDS: Mapping[Kind, str] = {
    "folder": "_swarm_folders",
    "file": "_swarm_paths",
    "session": "_swarm_sessions",
    "text": ":",
}


def _bash_value(value: Value, *, task_files: bool = True) -> str:
    if value.kind == "words":
        return f'_swarm_words "{" ".join(value.words)}"'
    return "_swarm_files" if value.kind == "file" and task_files else _BASH_KINDS[value.kind]


def _bash_cases(cases: Iterator[tuple[str, str]]) -> str:
    return "\n".join(f"        {pattern}) {body} ;;" for pattern, body in cases)


def _shared_with_value(commands: Sequence[Spoken]) -> list[str]:
    """The options that may stand before the command and take a value: those that every command has."""
    every = [{name for name, _ in names_with_value(command)} for command in commands]
    return sorted(set[str].intersection(*every))


def _option_names(command: Spoken) -> list[str]:
    return [name for option in command.options for name in option.names]


def zsh(commands: Sequence[Spoken]) -> str:
    """The script for zsh: to be sourced, or to stand as `_swarm` in a folder of fpath."""
    return _ZSH.format(
        commands="\n".join(f"    {_quoted(f'{command.name}:{command.help}')}" for command in commands),
        cases="\n".join(_zsh_case(command) for command in commands),
        sessions=SESSIONS,
    )


_ZSH = """\
#compdef swarm
# completion of swarm for zsh; in ~/.zshrc, behind compinit:  eval "$(swarm completion zsh)"
_swarm_sessions() {{ local -a names; names=(${{(f)"$({sessions})"}}); compadd -a names }}
_swarm() {{
  local curcontext=$curcontext state state_descr line
  local -A opt_args
  local -a commands
  commands=(
{commands}
  )
  _arguments -C '-C[go to this folder first]:folder:_directories' '--log[use this log]:log:_files' \\
    '1:command:->command' '*::argument:->argument' && return
  case $state in
    command) _describe -t commands 'command of swarm' commands ;;
    argument)
      case $words[1] in
{cases}
      esac ;;
  esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _swarm "$@"; else compdef _swarm swarm; fi
"""


def _zsh_case(command: Spoken) -> str:
    specs = [spec for option in command.options for spec in _zsh_options(option)]
    specs += [f"*:{_kind_name(value)}:{_zsh_value(value)}" for value in _merged(command.values)]
    return f"        {command.name}) _arguments -s {' '.join(map(_quoted, specs))} ;;"


def _zsh_options(option: Option) -> Iterator[str]:
    told = "".join(f"\\{char}" if char in "[]:\\" else char for char in option.help)
    for name in option.names:
        yield f"{name}[{told}]" if option.value is None else f"{name}[{told}]:value:{_zsh_value(option.value)}"


_ZSH_KINDS: Mapping[Kind, str] = {"folder": "_directories", "session": "_swarm_sessions", "text": ""}


def _zsh_value(value: Value) -> str:
    if value.kind == "words":
        return f"({' '.join(value.words)})"
    return f'_files -g "*.({_FILES.replace(" ", "|")})(-.)"' if value.kind == "file" else _ZSH_KINDS[value.kind]


def _merged(values: Sequence[Value]) -> list[Value]:
    """One value for all arguments of a command: zsh knows them by one rule here. Words go before paths, both before nothing."""
    words = tuple(word for value in values for word in value.words)
    if words:
        return [Value("words", words)]
    return [value for value in values if value.kind != "text"][:1]


def _kind_name(value: Value) -> str:
    return {"words": "word", "file": "task file", "folder": "folder", "session": "session", "text": "text"}[value.kind]


def fish(commands: Sequence[Spoken]) -> str:
    """The script for fish."""
    lines = [
        "# completion of swarm for fish:  swarm completion fish > ~/.config/fish/completions/swarm.fish",
        "complete -c swarm -f",
    ]
    for command in commands:
        told = f"-a {command.name} -d {_fish_quoted(command.help)}"
        lines.append(f"complete -c swarm -n __fish_use_subcommand {told}")
        seen = _fish_quoted(f"__fish_seen_subcommand_from {command.name}")
        lines += [
            f"complete -c swarm -n {seen} {_fish_value(value)}" for value in command.values if value.kind != "text"
        ]
        lines += [f"complete -c swarm -n {seen} {_fish_option(option)}" for option in command.options]
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    value = ""
    if option.value is not None:
        # -x: an argument that is no file; -r alone would offer the command's own files, too
        value = " -r -F" if option.value.kind == "file" else f" -x {_fish_value(option.value)}".rstrip()
    return f"{names}{value} -d {_fish_quoted(option.help)}"


_FISH_KINDS: Mapping[Kind, str] = {
    "folder": "-a '(__fish_complete_directories)'",
    "file": "-F",
    "session": f"-a '({SESSIONS.replace('command ', '')})'",
    "text": "",
}


def _fish_value(value: Value) -> str:
    return f"-a {_fish_quoted(' '.join(value.words))}" if value.kind == "words" else _FISH_KINDS[value.kind]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Mapping[str, Callable[[Sequence[Spoken]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
