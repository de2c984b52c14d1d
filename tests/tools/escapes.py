"""What a command may try in order to get out of the sandbox: each prints ESCAPED, or a secret, where it got somewhere.

A broken sandbox must not break the machine of the tests: what is set is set to what it was, what is written is new.

`$HOME`, `$PROJECT`, `$LOGS`, `$COPY` are folders, `$OUR` is the process of the tests, `$OTHER` one with a key, `$PORT`, `$UDP` are servers of this
machine, `$ABSTRACT` and `$SOCKET` sockets of it, `$PYTHON` is an interpreter.
"""

from __future__ import annotations

from typing import NamedTuple


class Attempt(NamedTuple):
    name: str
    command: str
    landlock: bool = True  # Landlock keeps it, too
    proven: bool = False  # without a sandbox it gets somewhere, and does no harm: a test sees to that


def _reads() -> list[Attempt]:
    """Secrets by their plain paths."""
    paths = [
        *("~/.ssh/id", "~/.aws/credentials", "~/.gnupg/key", "~/.config/gh/hosts.yml", "~/.config/swarm/settings.toml"),
        *("~/.config/gcloud/token", "~/.netrc", "~/.docker/config.json", "~/.kube/config", "~/.npmrc", "~/.pypirc"),
        *("~/.git-credentials", "~/.bash_history", "~/.cargo/credentials.toml", "~/.local/share/swarm/log.db"),
        *("~/.local/share/keyrings/login", "~/.pki/key", "~/other/notes"),
        *("$LOGS/log.db", "$PROJECT/.env", "$PROJECT/.env.local", "$PROJECT/.git/config", "$PROJECT/.npmrc"),
    ]
    return [Attempt(f"read {path}", f"cat {path}", proven=True) for path in paths]


def _ways() -> list[Attempt]:
    """The same by other ways."""
    return [
        Attempt("read by ..", 'cat "$COPY/../../../../../../../../../../$HOME/.ssh/id"', proven=True),
        Attempt("read by a symlink in the copy", 'ln -sf "$HOME/.ssh/id" key; cat key', proven=True),
        Attempt("read by a symlink to the root", 'ln -sfn / top; cat "top$HOME/.ssh/id"', proven=True),
        Attempt("read by a hard link", 'ln "$HOME/.ssh/id" hard && cat hard', proven=True),
        Attempt("read by a pattern", "cat ~/.s*/i*", proven=True),
        Attempt("read by tar", 'tar -cf - -C "$HOME" .ssh', proven=True),
        Attempt("read by git", 'git diff --no-index /dev/null "$HOME/.ssh/id"', proven=True),
        Attempt("read by this process's root", 'cat "/proc/self/root$HOME/.ssh/id"', proven=True),
        Attempt(
            "read by this process's folder", 'cat "/proc/self/cwd/../../../../../../../..$HOME/.ssh/id"', proven=True
        ),
        Attempt("read by the first process's root", 'cat "/proc/1/root$HOME/.ssh/id"'),
        Attempt("read by our root", 'cat "/proc/$OUR/root$HOME/.ssh/id"', proven=True),
        Attempt("read by our open files", 'cat /proc/$OUR/fd/*; cat "/proc/$OUR/cwd/.ssh/id"'),
        Attempt("search for it", 'find "$HOME" -path "*.ssh*" -name id -exec cat {} +'),
        Attempt("list the home folder", 'ls -A "$HOME/other" | grep . && echo ESCAPED', proven=True),
        Attempt("list the folder of the log", 'ls -A "$LOGS" | grep . && echo ESCAPED', proven=True),
        Attempt(
            "read what root alone may read", "for f in /etc/shadow /etc/gshadow; do grep -q : $f && echo ESCAPED; done"
        ),
        Attempt(
            "read the memory of the machine",
            "head -c1 /dev/mem /dev/kmem /dev/port /proc/kcore | grep -q . && echo ESCAPED",
        ),
        Attempt(
            "read a disk",
            "for d in /dev/[vsh]d? /dev/nvme* /dev/loop*; do head -c1 $d | wc -c | grep -q 1 && echo ESCAPED; done",
        ),
        Attempt(
            "make a device",
            "mknod disk b 254 0 && head -c1 disk && echo ESCAPED; mknod mem c 1 1 && head -c1 mem && echo ESCAPED",
        ),
        Attempt(
            "open by a file handle",
            """exec "$PYTHON" -I -c 'import ctypes, os; l = ctypes.CDLL(None); h = (ctypes.c_int * 34)(128);
m = ctypes.c_int(); d = os.open("/", 0); l.syscall(303, -100, b"/etc/hosts", h, ctypes.byref(m), 0)
print("ESCAPED" if l.syscall(304, d, h, 0) >= 0 else "kept")'""",
        ),
    ]


def _environment() -> list[Attempt]:
    return [
        Attempt("a key in the environment", "env; set; export -p"),
        Attempt("our environment", "tr '\\0' '\\n' </proc/$OUR/environ | grep -q ^PATH && echo ESCAPED", proven=True),
        Attempt(
            "a key in the parent's environment",
            "tr '\\0' '\\n' </proc/$PPID/environ; tr '\\0' '\\n' </proc/1/environ | grep canary",
        ),
        Attempt("a key in somebody's environment", "tr '\\0' '\\n' </proc/$OTHER/environ", proven=True),
        Attempt(
            "a key in anybody's environment", "cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep canary", proven=True
        ),
        Attempt("a key by the interpreter", "\"$PYTHON\" -c 'import os; print(dict(os.environ))'"),
        Attempt("a key in our words", "cat /proc/$OUR/maps && echo ESCAPED", proven=True),
    ]


def _writes() -> list[Attempt]:
    """Writing outside; the test looks afterwards at the folders that it can look at."""
    files = [
        *("/etc/swarm-escape", "/etc/cron.d/swarm-escape", "/etc/profile.d/swarm-escape.sh"),
        *(
            "/usr/bin/swarm-escape",
            "/usr/local/bin/swarm-escape",
            "/var/spool/cron/crontabs/swarm-escape",
            "/swarm-escape",
        ),
        *("/opt/swarm-escape", "/srv/swarm-escape", "/sys/kernel/mm/swarm-escape", "/proc/sys/kernel/swarm-escape"),
        *(
            "$PROJECT/swarm-escape",
            "$PROJECT/.git/hooks/pre-commit",
            "$PROJECT/.git/objects/swarm-escape",
            "$LOGS/swarm-escape",
        ),
        *("$HOME/.local/bin/swarm-escape", "$HOME/.cargo/bin/tool", "$PREFIX/swarm-escape"),
    ]
    return [
        *(Attempt(f"write {file}", f'echo changed >"{file}" && echo ESCAPED') for file in files),
        Attempt("append to a file of the project", 'echo changed >>"$PROJECT/old.txt" && echo ESCAPED'),
        Attempt("write by a symlink", 'ln -sf "$PROJECT/old.txt" out; echo changed >out && echo ESCAPED'),
        Attempt("write by a hard link", 'ln "$PROJECT/old.txt" same && echo changed >same && echo ESCAPED'),
        Attempt("write by ..", 'echo changed >"$COPY/../../swarm-escape" && cat "$COPY/../../swarm-escape" >&2'),
        Attempt("delete the project", 'rm -rf "$PROJECT"/* "$PROJECT/.git" && echo ESCAPED'),
        Attempt("rename in the project", 'mv "$PROJECT/old.txt" "$PROJECT/new.txt" && echo ESCAPED'),
        Attempt("move the copy away", 'mv "$COPY" "$COPY-moved" && echo ESCAPED'),
        Attempt("open the project's rights", 'chmod 777 "$PROJECT" && echo ESCAPED', landlock=False),
        Attempt("touch the project", 'touch -d 2001-01-01 "$PROJECT/old.txt" && echo ESCAPED', landlock=False),
        Attempt("cut the log", ': >"$LOGS/log.db" && echo ESCAPED'),
        Attempt("leave a key to come back with", "mkdir -p ~/.ssh; echo changed >~/.ssh/authorized_keys"),
        Attempt(
            "leave a start-up file",
            "echo changed >>~/.bashrc; mkdir -p ~/.config/systemd/user; echo x >~/.config/systemd/user/x.service",
        ),
        Attempt("leave shared memory", "echo changed >/dev/shm/swarm-escape"),
        Attempt("leave a file in /tmp", "echo changed >/tmp/swarm-escape; echo changed >/var/tmp/swarm-escape"),
        Attempt("set the core pattern", 'p=/proc/sys/kernel/core_pattern; c=$(cat $p); echo "$c" >$p && echo ESCAPED'),
        Attempt(
            "set an interrupt", "for f in /proc/irq/*/smp_affinity; do c=$(cat $f); echo $c >$f && echo ESCAPED; done"
        ),
        Attempt(
            "set a kernel parameter",
            "for f in /sys/module/k*/parameters/*; do c=$(cat $f) && echo $c >$f && echo ESCAPED; done",
        ),
        Attempt(
            "leave the control group",
            "for f in $(find /sys/fs/cgroup -maxdepth 4 -name cgroup.procs); do echo 0 >$f && echo ESCAPED; done",
        ),
        Attempt(
            "make a control group",
            "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/swarm-escape && echo ESCAPED; done",
        ),
        Attempt("press a system key", "echo h >/proc/sysrq-trigger && echo ESCAPED"),
    ]


def _powers() -> list[Attempt]:
    """Namespaces, privileges, processes."""
    return [
        Attempt("mount something over", "mount -t tmpfs none /mnt && echo ESCAPED"),
        Attempt("mount the project to write", 'mkdir -p m; mount --bind "$PROJECT" m && echo ESCAPED'),
        Attempt(
            "make the root writable",
            "mount -o remount,rw / && echo ESCAPED; mount -o remount,rw,bind / && echo ESCAPED",
        ),
        Attempt("take the mask off the home", 'umount "$HOME" && echo ESCAPED; umount -l "$HOME" && echo ESCAPED'),
        Attempt("namespaces of one's own", 'unshare -Urm sh -c "umount -l $HOME; cat $HOME/.ssh/id"'),
        Attempt("namespaces of mounts", "unshare -m true && echo ESCAPED"),
        Attempt("namespaces of users", "unshare -U true && echo ESCAPED", landlock=False),
        Attempt("enter the first process's namespaces", 'nsenter -t 1 -m -p -n cat "$HOME/.ssh/id"'),
        Attempt(
            "enter our namespaces", 'nsenter -t $OUR -m cat "$HOME/.ssh/id"; nsenter -t $OUR -n true && echo ESCAPED'
        ),
        Attempt("another root", "chroot / true && echo ESCAPED"),
        Attempt("exchange the root", "pivot_root . . && echo ESCAPED"),
        Attempt("become somebody else", "setpriv --reuid 12345 --clear-groups true && echo ESCAPED"),
        Attempt("become root by a program", "su -c 'echo ESCAPED' root </dev/null; sudo -n echo ESCAPED"),
        Attempt(
            "a program that sets its user",
            "cp /bin/sh mine; chmod 4755 mine; ./mine -p -c 'grep CapEff /proc/self/status' | grep -v 0000000000000000 && echo ESCAPED",
        ),
        Attempt("capabilities", "grep CapEff /proc/self/status | grep -v 0000000000000000 && echo ESCAPED"),
        Attempt("new privileges", "grep NoNewPrivs /proc/self/status | grep -w 0 && echo ESCAPED"),
        Attempt("load a module", "insmod /lib/modules/x.ko && echo ESCAPED; modprobe dummy && echo ESCAPED"),
        Attempt("set the clock", 'date -s "$(date)" && echo ESCAPED'),
        Attempt("rename the machine", 'hostname "$(hostname)" && echo ESCAPED'),
        Attempt("set the system", 'p=/proc/sys/vm/swappiness; c=$(cat $p); echo "$c" >$p && echo ESCAPED'),
        Attempt("signal us", "kill -0 $OUR && echo ESCAPED", proven=True),
        Attempt(
            "signal everybody",
            "for p in /proc/[0-9]*; do [ ${p#/proc/} = $OUR ] && kill -0 $OUR && echo ESCAPED; done",
            proven=True,
        ),
        Attempt(
            "trace us",
            """exec "$PYTHON" -I -c 'import ctypes, os; print("ESCAPED" if ctypes.CDLL(None).ptrace(0x4206, int(os.environ["OUR"]), 0, 0) == 0 else "kept")'""",
        ),
        Attempt(
            "read our memory",
            "head -c1 /proc/$OUR/mem && echo ESCAPED; [ -r /proc/$OUR/mem ] && cat /proc/$OUR/auxv && echo ESCAPED",
        ),
        Attempt("run at a higher priority", "renice -n -5 $$ && echo ESCAPED; chrt -f 50 true && echo ESCAPED"),
        Attempt("be spared when memory runs out", "echo -500 >/proc/self/oom_score_adj && echo ESCAPED"),
        Attempt(
            "lift a limit",
            "ulimit -f unlimited && echo ESCAPED; ulimit -t unlimited && echo ESCAPED; ulimit -c unlimited && echo ESCAPED",
        ),
        Attempt(
            "type into the terminal",
            """exec "$PYTHON" -I -c 'import fcntl, os
try:
    fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), 0x5412, b"x"); print("ESCAPED")
except OSError: print("kept")'""",
        ),
    ]


def _connecting(body: str) -> str:
    return f"""exec "$PYTHON" -I -c 'import os, socket
e = os.environ
try:
    {body}
    print("ESCAPED")
except OSError: print("kept")'"""


def _network() -> list[Attempt]:
    tcp = 'socket.create_connection(("127.0.0.1", int(e["PORT"])), 5)'
    udp = 's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect(("127.0.0.1", int(e["UDP"]))); s.send(b"hi"); s.recv(9)'
    abstract = 's = socket.socket(socket.AF_UNIX); s.connect("\\0" + e["ABSTRACT"])'
    named = 's = socket.socket(socket.AF_UNIX); s.connect(e["SOCKET"])'
    return [
        Attempt("connect to a server of this machine", _connecting(tcp), proven=True),
        Attempt(
            "connect by the name of the machine",
            _connecting('socket.create_connection(("localhost", int(e["PORT"])), 5)'),
            proven=True,
        ),
        Attempt("send a datagram to a server", _connecting(udp), landlock=False, proven=True),
        Attempt("connect to an abstract socket", _connecting(abstract), proven=True),
        Attempt("connect to a socket in the project", _connecting(named), landlock=False, proven=True),
        Attempt("speak to running servers", "find /run /var/run/ -type s 2>/dev/null | grep . && echo ESCAPED"),
        Attempt("hear the wire", _connecting("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768)")),
        Attempt("send what looks like somebody's", _connecting("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)")),
        Attempt("another card", "grep -v -e lo: -e '|' /proc/net/dev | grep . && echo ESCAPED", landlock=False),
    ]


FAMILIES = {
    "secrets": _reads(),
    "ways to secrets": _ways(),
    "environments": _environment(),
    "writing": _writes(),
    "powers": _powers(),
    "network": _network(),
}
ATTEMPTS = [attempt for family in FAMILIES.values() for attempt in family]
