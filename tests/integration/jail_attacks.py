"""Every row of docs/SECURITY.md's table of attacks on a node.

An attack is a function of a node that says whether it got through. With each goes what leaves its
closure out (noded/root/closures.h, a build of the helpers, or a mode), and without it the same
attack has to get through.
"""
import contextlib
import ctypes
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import jail_node
from jail_node import BUILD, TREE, wait_for
from jail_story import recorded, run_all
from terminal import Terminal

PROMPT = r"\$ (\x1b\[K)?$"
nodes = {}


# --- nodes with and without their closures

def open_build():
    """A copy of the programs that can be told to leave a closure out."""
    out = tempfile.mkdtemp(prefix="pt-open-")
    for program in glob.glob(BUILD + "/noded-*"):
        shutil.copy2(program, out)
    libs = subprocess.run(["make", "-s", "-C", TREE, "BUILD=" + BUILD, "print-ldlibs"], check=True,
                          capture_output=True, text=True).stdout.split()
    flags = ["-std=gnu11", "-O1", "-D_GNU_SOURCE", "-DPOSTERN_TEST_CLOSURES", "-I" + TREE,
             "-I" + TREE + "/libcommon", "-I" + BUILD + "/gen", "-I" + BUILD + "/gen/proto",
             '-DPOSTERN_VERSION="test"']
    for name in ("root", "jail", "login"):
        subprocess.run(["gcc", *flags, "-o", out + "/noded-" + name,
                        *glob.glob("%s/noded/%s/*.c" % (TREE, name)), BUILD + "/libcommon.a",
                        *libs], check=True)
    return out


def without(closure):
    """The node that lacks it; "" has everything."""
    if closure not in nodes:
        if closure == "":
            nodes[closure] = jail_node.Node()
        else:
            if "build" not in nodes:
                nodes["build"] = open_build()
            for name in ("attach", "principals"):
                build_helper(nodes["build"], name, closure)
            nodes[closure] = jail_node.Node(nodes["build"], env={"POSTERN_TEST_WITHOUT": closure})
    return nodes[closure]


def build_helper(build, name, closure):
    """The static ones have no environment to read: each node gets its own."""
    flags = ["-DPOSTERN_TEST_" + c.upper() for c in closure.split(",") if c in
             ("dumpable", "fail_open")]
    subprocess.run(["musl-gcc", "-std=gnu11", "-static", "-D_GNU_SOURCE", "-Os", *flags,
                    "-I" + TREE, "-I" + TREE + "/libcommon", "-o", build + "/noded-" + name,
                    TREE + "/noded/" + name + "/helper.c"], check=True)


def close():
    build = nodes.pop("build", None)
    for node in nodes.values():
        node.close()
    if build:
        shutil.rmtree(build)


def logs():
    return "".join(n.log_text() + n.sshd_log()[-1500:] for k, n in nodes.items() if k != "build")


def nothing_else(_node):
    return contextlib.nullcontext({})


def held(attack, closure="", opened=nothing_else, races=1):
    """A test: the attack fails with all closures, and gets through on a node without this one, or
    while `opened` has taken it away; one that races against us, in one of so many."""
    def test():
        assert not attack(without("")), "the attack got through"
        with opened(without(closure)) as door:
            got = any(attack(without(closure), **door) for _ in range(races))
        assert got, "it fails without %s as well: proves nothing" % (closure or opened.__name__)
    test.__name__ = attack.__name__
    return test


# --- tools of the attackers

def as_user(node, function):
    """Runs it in a child that is the login, as a process left over from an earlier session would
    be; what it returns."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            pw = pwd.getpwnam(node.login)
            os.initgroups(node.login, pw.pw_gid)
            os.setresgid(pw.pw_gid, pw.pw_gid, pw.pw_gid)
            os.setresuid(pw.pw_uid, pw.pw_uid, pw.pw_uid)
            os.write(w, repr(function()).encode())
        finally:
            os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        text = f.read()
    os.waitpid(pid, 0)
    assert text, "the attacker crashed"
    return eval(text)


def write(node, name, text):
    path = os.path.join(node.home(), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    uid = pwd.getpwnam(node.login).pw_uid
    for p in (path, os.path.dirname(path)):
        os.chown(p, uid, -1)
    return path


def shell(node):
    before = set(node.recordings())
    t = Terminal(node.ssh_argv("-tt", "127.0.0.1"))
    t.expect(PROMPT)
    return t, (set(node.recordings()) - before).pop()


def helper_of(node):
    """pids of the attach helper and of sshd's unprivileged half, of the one live connection."""
    sshd = int(wait_for("connection", lambda: node.list("connection"))[0]["pid"])
    found, todo = [], [sshd]
    while todo:
        parent = todo.pop()
        for stat in glob.glob("/proc/[0-9]*/stat"):
            try:
                text = open(stat).read()
            except OSError:
                continue
            if int(text.rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(text.split()[0]))
                todo.append(found[-1])
    return max(found), min(found)


# --- the attacks

def bashrc_before_a_forced_command(node):
    """bash -c reads .bashrc when sshd starts it: outside of any session, unrecorded?"""
    marker = node.home() + "/unrecorded"
    write(node, ".bashrc", '[ -z "$POSTERN_SESSION_ID" ] && echo > %s\n' % marker)
    node.ssh("true")
    os.unlink(node.home() + "/.bashrc")
    return os.path.exists(marker)


def leftover_process_writes_to_the_outer_terminal(node):
    """Opens every terminal that it may, in the moment before it is taken away, and writes."""
    stop = node.path("stop")
    taken = {int(n) for n in os.listdir("/dev/pts") if n.isdigit()}

    def attack():
        fds = {}
        while not os.path.exists(stop):
            for n in range(max(taken, default=0) + 8):
                if n not in taken and n not in fds:
                    try:
                        fds[n] = os.open("/dev/pts/%d" % n, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                    except OSError:
                        pass
        for fd in fds.values():
            try:
                os.write(fd, b"not recorded\r\n")
            except OSError:
                pass
        return len(fds)

    attacker = threading.Thread(target=lambda: as_user(node, attack))
    attacker.start()
    t, path = shell(node)
    with open(stop, "w"):
        attacker.join()
    os.unlink(stop)
    t.type("echo 'marker'\r")
    t.expect("marker\r\n.*marker\r\n|marker'\r\n(.|\n)*marker\r\n")
    t.type("exit\r")
    t.wait()
    return t.seen.count(b"not recorded") > recorded(path).count(b"not recorded")


def looking_into_the_helper(node):
    """ptrace, memory, descriptors and root of the helper, and of sshd's half that is the user's."""
    t, _ = shell(node)
    pids = helper_of(node)

    def attack():
        libc = ctypes.CDLL(None, use_errno=True)
        got = []
        for pid in pids:
            for what in ("mem", "environ", "maps"):
                try:
                    with open("/proc/%d/%s" % (pid, what), "rb") as f:
                        if what != "maps" or f.read(1):
                            got.append(what)
                except OSError:
                    pass
            for what in ("root", "exe", "fd/0", "cwd"):
                try:
                    got.append(os.readlink("/proc/%d/%s" % (pid, what)))
                except OSError:
                    pass
            try:
                pidfd = os.pidfd_open(pid)
                if libc.syscall(438, pidfd, 0, 0) >= 0:  # pidfd_getfd
                    got.append("pidfd_getfd")
            except OSError:
                pass
            if libc.ptrace(16, pid, None, None) == 0:  # PTRACE_ATTACH
                got.append("ptrace")
        return got

    got = as_user(node, attack)
    t.type("exit\r")
    t.close()
    return got


def helper_that_sshd_did_not_start(node):
    """The right program, user and jail, but below no sshd: as if somebody got into the jail."""
    t, _ = shell(node)
    sshd = node.list("connection")[0]["pid"]
    pw = pwd.getpwnam(node.login)
    out = subprocess.run(["nsenter", "--mount=/proc/%s/ns/mnt" % sshd, "chroot",
                          "--userspec=%d:%d" % (pw.pw_uid, pw.pw_gid), node.path("run/jails", node.login),
                          "/bin/bash", "-c", "echo got in"], capture_output=True)
    t.type("exit\r")
    t.close()
    return b"got in" in out.stdout


def program_in_the_jail_that_is_not_the_helper(node):
    """sshd starts it as the user, at the shell's path; only the file is another."""
    t, _ = shell(node)
    sshd = node.list("connection")[0]["pid"]
    shell_path = node.path("run/jails", node.login, "bin/bash")
    inside = ["nsenter", "--mount=/proc/%s/ns/mnt" % sshd]
    subprocess.run(inside + ["mv", shell_path, shell_path + ".kept"], check=True)
    subprocess.run(inside + ["cp", "-a", shell_path + ".kept", shell_path], check=True)
    try:
        out = node.ssh("echo got in")
    finally:
        subprocess.run(inside + ["mv", shell_path + ".kept", shell_path], check=True)
    t.type("exit\r")
    t.close()
    return b"got in" in out.stdout


def connecting_to_our_sockets(node, loosen=None):
    """Whatever may be said on them then; who says it is asked as well, see below."""
    t, path = shell(node)
    sid = os.path.basename(path)[:-4]
    paths = [node.path(p) for p in ("run/control.sock", "run/private/attach/attach.sock",
                                    "noded/policy.sock", "noded/sessions/%s.sock" % sid)]

    def attack():
        got = []
        for p in paths:
            for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
                try:
                    with socket.socket(socket.AF_UNIX, kind) as sock:
                        sock.connect(p)
                        got.append(p)
                except OSError:
                    pass
        return got
    for p in paths if loosen else []:
        loosen(p)
    got = as_user(node, attack)
    t.type("exit\r")
    t.close()
    return set(got) == set(paths) if loosen else got


@contextlib.contextmanager
def modes_that_let_everybody_in(node):
    """On the sockets, and on the folders that they lie in."""
    before = {}

    def loosen(path):
        while path != node.dir:
            mode = os.stat(path).st_mode & 0o777
            before.setdefault(path, mode)
            os.chmod(path, 0o666 if path.endswith(".sock") else 0o711)
            path = os.path.dirname(path)
    yield {"loosen": loosen}
    for p, mode in before.items():
        if os.path.exists(p):
            os.chmod(p, mode)


def requests_that_are_not_nodeds(node):
    """root's helpers may not do what noded may, and noded not what they may."""
    got = []
    for user, word, fields in ((0, "start_sshd", [("id", "x"), ("client", "x")]),
                               (0, "list", []), (0, "end_session", [("id", "x"), ("reason", "x")]),
                               (node.node_uid, "prepare", [("id", "x"), ("login", node.login)]),
                               (node.node_uid, "opened", [("id", "x"), ("conn", "x"),
                                                          ("login", node.login)]),
                               (node.node_uid, "start_sshd", [("id", "../x"), ("client", "x")]),
                               (node.node_uid, "shell", [("command", "id")])):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            os.seteuid(user)
            try:
                sock.connect(node.path("run/control.sock"))
            finally:
                os.seteuid(0)
            sock.send(jail_node.pack(word, [("seq", 1)] + fields))
            sock.settimeout(20)
            answer = jail_node.unpack(sock.recv(4096))
            while "seq" not in answer[1]:  # told, not answered
                answer = jail_node.unpack(sock.recv(4096))
            if answer[0] != "error":
                got.append((word, answer))
    assert node.ssh("echo alive").stdout == b"alive\n"
    return got


def within(seconds, test):
    """What the test says in the end."""
    end = time.monotonic() + seconds
    while not test() and time.monotonic() < end:
        time.sleep(0.01)
    return test()


def stopping_the_helper(node, seconds=15):
    """What goes on meanwhile would have to be unrecorded, and beyond the administrator's reach."""
    t, path = shell(node)
    helper, _ = helper_of(node)
    as_user(node, lambda: os.kill(helper, 19))
    t.type("head -c 9000 /dev/zero | tr '\\0' x; echo; echo while $((40+2)) stopped\r")
    t.expect("while 42 stopped\r\n")
    missed = not within(seconds, lambda: b"while 42 stopped" in recorded(path))
    sid = os.path.basename(path)[:-4]
    node.ask("end_session", [("id", sid), ("reason", "enough")])
    t.expect("enough\r\n")
    assert node.end_of(sid)["reason"] == "enough"
    as_user(node, lambda: os.kill(helper, 18))
    t.wait()
    return missed


@contextlib.contextmanager
def a_recorder_that_gives_up(node):
    """What is recorded does not pass through the helper, so it cannot be made to stop with it. That
    the test would see a recorder stop is shown by one that has no disk and was told to go on."""
    spool = node.path("small")
    os.makedirs(spool)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=0777", "small", spool], check=True)
    node.session_fields = {"spool": spool, "record_failure": "continue"}
    node.spools.append(spool)
    yield {"seconds": 1}
    node.session_fields = {}
    node.spools.remove(spool)
    wait_for("unmount", lambda: subprocess.run(["umount", spool],
                                               capture_output=True).returncode == 0)


def killing_the_helper(node):
    """The session would have to go on without one."""
    t, path = shell(node)
    helper, _ = helper_of(node)
    as_user(node, lambda: os.kill(helper, 9))
    t.close()
    sid = os.path.basename(path)[:-4]
    login = [s for s in node.list("session") if s["id"] == sid]
    end = time.monotonic() + 1.5
    while login and time.monotonic() < end:
        time.sleep(0.05)
        login = [s for s in node.list("session") if s["id"] == sid]
    return bool(login)


def files_in_dot_ssh(node):
    """~/.ssh/rc is a program that sshd runs, ~/.ssh/environment may hold LD_PRELOAD."""
    marker = node.home() + "/rc-ran"
    write(node, ".ssh/rc", "echo > %s\n" % marker)
    write(node, ".ssh/environment", "LD_PRELOAD=/evil.so\nEVIL=1\n")
    out = node.ssh("env")
    shutil.rmtree(node.home() + "/.ssh")
    return os.path.exists(marker) or b"EVIL" in out.stdout or b"LD_PRELOAD" in out.stderr


def forwarding_to_a_unix_socket(node):
    """sshd itself would connect, from within the jail, as the user."""
    local, before = node.path("local.sock"), [c["id"] for c in node.list("connection")]
    p = subprocess.Popen(node.ssh_argv("-N", "-L", local + ":/tmp/s.sock", "127.0.0.1"),
                         stderr=subprocess.DEVNULL)
    path = None
    try:
        wait_for("forward", lambda: os.path.exists(local))
        sshd = next(c for c in node.list("connection") if c["id"] not in before)["pid"]
        # only sshd's surroundings let anything be made there
        path = "/proc/%s/root%s" % (sshd, node.path("run/agents", node.login, "s.sock"))
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            os.chmod(path, 0o777)
            server.listen()
            return connects(local, server)
    finally:
        if path and os.path.exists(path):
            os.unlink(path)
        p.kill()
        p.wait()
        if os.path.exists(local):
            os.unlink(local)


def connects(local, server):
    """Whether who connects to the forward reaches the server behind it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(local)
        server.settimeout(0.1)
        sock.setblocking(False)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                server.accept()[0].close()
                return True
            except socket.timeout:
                pass
            try:
                if sock.recv(1) == b"":
                    return False  # refused
            except BlockingIOError:
                pass
    raise AssertionError("neither refused nor connected")


def filling_the_folder_of_agents(node):
    """One tmpfs holds the agents' sockets of all logins: who fills it takes `ssh -A` from all."""
    node.ssh("true")  # makes the folder
    path = node.path("run/agents", node.login, "filler")

    def attack():
        try:
            with open(path, "wb") as f:
                return f.write(b"x" * 1000)
        except OSError:
            return 0
    got = as_user(node, attack)
    if got:
        os.unlink(path)
    return got


def let_in(node, breaks, mends):
    """Whether a login gets somewhere while this is broken. {jail} and {login} are the node's."""
    before = [c["id"] for c in node.list("connection")]
    anchor = subprocess.Popen(node.ssh_argv("127.0.0.1", "echo up; cat"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert anchor.stdout.readline() == b"up\n"
    sshd = next(c for c in node.list("connection") if c["id"] not in before)["pid"]
    for script in (breaks, mends):
        script = script.format(jail=node.path("run/jails", node.login), login=node.login,
                               attach=node.path("run/private/attach"), noded=node.path("noded"))
        subprocess.run(["nsenter", "--mount=/proc/%s/ns/mnt" % sshd, "sh", "-c", script],
                       check=True)
        if breaks:
            got, breaks = node.ssh("echo in").stdout, None
    assert node.ssh("echo in").stdout in (b"in\n", got)
    anchor.communicate()
    return got


def a_jail_without_its_socket(node):
    return let_in(node, "mv {attach}/attach.sock {attach}/kept", "mv {attach}/kept {attach}/attach.sock")


def nobody_who_answers(node):
    return let_in(node, "mv {noded}/policy.sock {noded}/kept", "mv {noded}/kept {noded}/policy.sock")


def a_jail_whose_shell_cannot_be_run(node):
    return let_in(node, "cd {jail}/bin; mv bash kept; cp kept bash; chmod 0 bash",
                  "cd {jail}/bin; mv kept bash")


def a_jail_that_the_user_owns(node):
    return let_in(node, "chown {login} {jail}", "chown root {jail}")


def a_shell_that_is_missing_is_mended():
    node = without("")
    t, _ = shell(node)
    sshd = node.list("connection")[0]["pid"]
    subprocess.run(["nsenter", "--mount=/proc/%s/ns/mnt" % sshd, "rm", "-r",
                    node.path("run/jails", node.login, "bin")], check=True)
    assert node.ssh("echo in").stdout == b"in\n"
    t.type("exit\r")
    t.close()


def the_outer_terminal_belongs_to_root(node):
    """Even who got at it could not open it any more."""
    t, _ = shell(node)
    helper, _ = helper_of(node)
    st = os.stat("/proc/%d/fd/0" % helper)
    t.type("exit\r")
    t.close()
    return st.st_uid != 0 or st.st_mode & 0o077


run_all([held(bashrc_before_a_forced_command, "jail"),
         held(leftover_process_writes_to_the_outer_terminal, "devpts", races=10),
         held(looking_into_the_helper, "helper,dumpable"),
         held(helper_that_sshd_did_not_start, "lineage"),
         held(program_in_the_jail_that_is_not_the_helper, "exe"),
         held(connecting_to_our_sockets, opened=modes_that_let_everybody_in),
         held(requests_that_are_not_nodeds, "callers"),
         held(stopping_the_helper, opened=a_recorder_that_gives_up),
         held(killing_the_helper, "helper-end"),
         held(files_in_dot_ssh, "jail,rc"), held(forwarding_to_a_unix_socket, "streamlocal"),
         held(filling_the_folder_of_agents, "agents"),
         held(a_jail_without_its_socket, "jail,fail_open"),
         held(nobody_who_answers, "jail,fail_open"),
         held(a_jail_whose_shell_cannot_be_run, "jail,fail_open"),
         held(a_jail_that_the_user_owns, "jail,fail_open"),
         held(the_outer_terminal_belongs_to_root, "outer"), a_shell_that_is_missing_is_mended],
        close, logs)
