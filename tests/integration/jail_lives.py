"""Sessions outlive what they should, and end with what they should."""
import glob
import os
import signal
import socket
import subprocess
import time

import jail_node
from jail_node import wait_for
from jail_story import Joiner, ended, frames, recorded, run_all
from terminal import Terminal

node = jail_node.Node(logins=2)
PROMPT = r"\$ (\x1b\[K)?$"


def all_ended():
    """Nothing of an earlier test is left."""
    wait_for("quiet", lambda: not node.list("connection") and not node.list("session"))


def shell():
    """A terminal at its prompt, and the session's id."""
    before = set(node.recordings())
    t = Terminal(node.ssh_argv("-tt", "127.0.0.1"))
    t.expect(PROMPT)
    path = (set(node.recordings()) - before).pop()
    return t, os.path.basename(path)[:-4]


def command(text):
    """A command without a terminal that runs, and its session's id."""
    before = {s["id"] for s in node.list("session")}
    p = subprocess.Popen(node.ssh_argv("127.0.0.1", text), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.stdout.readline() == b"started\n"
    return p, next(s["id"] for s in node.list("session") if s["id"] not in before)


def recording(sid):
    return node.path("spool", sid + ".rec")


def entry(kind, ident):
    return next(e for e in node.list(kind) if e["id"] == ident)


def processes(sid):
    """pids of the session's parts, from its noded-login on."""
    login = int(entry("session", sid)["pid"])
    conn = int(entry("connection", entry("session", sid)["conn"])["pid"])
    children = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = open(stat).read()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == login:
            children[text[text.index("(") + 1:text.rindex(")")]] = int(text.split()[0])
    return {"noded-login": login, "sshd": conn, **children}


def gone(pid):
    try:
        return open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def restarts_of_noded_root_leave_sessions_alone():
    for how in (signal.SIGTERM, signal.SIGKILL):
        t, sid = shell()
        master = node.path("master")
        other = Terminal(node.ssh_argv("-tt", "-M", "-S", master, "127.0.0.1"))
        other.expect(PROMPT)
        node.restart_root(how)
        t.type("echo still $((40+2))\r")
        t.expect("still 42\r\n")
        assert len(node.list("connection")) == 2 and len(node.list("session")) == 2
        out = subprocess.run(["ssh", "-S", master, "x", "echo new channel"], capture_output=True)
        assert out.stdout == b"new channel\n", out
        assert node.ssh("echo new connection").stdout == b"new connection\n"
        node.ask("end_session", [("id", sid), ("reason", "locked")])
        t.expect("locked\r\n")
        t.wait()
        assert node.end_of(sid)["reason"] == "locked"
        node.ask("end_connection", [("id", node.list("session")[0]["conn"])])
        other.wait()
    all_ended()


def an_upgrade_of_sshd_reaches_the_next_login_and_no_open_connection():
    all_ended()
    master = node.path("master")
    other = Terminal(node.ssh_argv("-tt", "-M", "-S", master, "127.0.0.1"))
    other.expect(PROMPT)
    os.link(node.sshd, node.sshd + ".link")  # changes what noded-root goes by, as a new one does
    assert node.ssh("echo with the new").stdout == b"with the new\n"
    out = subprocess.run(["ssh", "-S", master, "x", "echo with the old"], capture_output=True)
    assert out.stdout == b"with the old\n", out
    other.type("exit\r")
    other.wait()


def a_first_login_under_way_survives_a_restart_of_noded_root():
    """Its sshd runs in the surroundings that the old one made, where it has no jail yet."""
    asked = []

    def restart_first(question):
        if not asked:
            node.restart_root()
        asked.append(question)
        return node.allow_principals(question)
    node.principals = restart_first
    try:
        out = node.ssh("echo in", login=node.logins[1])
    finally:
        node.principals = node.allow_principals
    assert out.stdout == b"in\n", (out, asked)


def the_administrator_ends_a_shell_and_says_why():
    t, sid = shell()
    t.type("trap '' HUP; sleep 1000\r")
    t.expect("sleep 1000\r\n")
    node.ask("end_session", [("id", sid), ("reason", "your access to this node was revoked")])
    t.expect("your access to this node was revoked\r\n")
    assert t.wait() != 0
    event = node.end_of(sid)
    assert event["reason"] == "your access to this node was revoked", event
    assert wait_for("end frame", lambda: ended(recording(sid))).reason == event["reason"]
    wait_for("told", lambda: node.was_told("session_ended", sid))


def the_administrator_ends_a_command_and_says_why():
    p, sid = command("trap '' HUP TERM; echo started; sleep 1000; sleep 1000")
    shell_pid = processes(sid)["bash"]
    node.ask("end_session", [("id", sid), ("reason", "locked out")])
    out, err = p.communicate(timeout=60)
    assert b"locked out" in err and p.returncode == 255, (p.returncode, err)
    wait_for("the shell's end", lambda: gone(shell_pid))
    assert node.end_of(sid)["signal"] == "9"


def a_connection_without_session_can_be_ended():
    all_ended()
    p = subprocess.Popen(node.ssh_argv("-N", "127.0.0.1"), stderr=subprocess.PIPE)
    conn = wait_for("login", lambda: [c for c in node.list("connection") if c.get("login")])[0]
    node.ask("end_connection", [("id", conn["id"])])
    p.communicate(timeout=60)
    assert p.returncode == 255
    wait_for("told", lambda: node.was_told("connection_ended", conn["id"]))
    assert node.ask("end_connection", [("id", conn["id"])], check=False)[-1][0] == "error"


def the_end_of_a_connection_is_the_end_of_its_commands():
    p, sid = command("echo started; sleep 1000; true")
    parts = processes(sid)
    node.ask("end_connection", [("id", entry("session", sid)["conn"])])
    p.communicate(timeout=60)
    assert p.returncode == 255
    wait_for("the shell's end", lambda: gone(parts["bash"]))
    assert node.end_of(sid)["reason"] == "ended by the administrator"


def a_connection_that_never_logs_in_can_be_ended():
    all_ended()
    sock = socket.create_connection(("127.0.0.1", node.port))
    assert sock.recv(100).startswith(b"SSH-2.0-OpenSSH")
    node.ask("end_connection", [("id", node.list("connection")[0]["id"])])
    sock.settimeout(20)
    while sock.recv(1000):
        pass


def kill_9_of_any_part_ends_the_session_and_leaves_its_record():
    for victim in ("noded-session", "noded-login", "sshd", "bash"):
        t, sid = shell()
        t.type("echo before\r")
        t.expect(r"before\r\n")
        wait_for("the output on disk", lambda: recorded(recording(sid)).count(b"before") == 2)
        parts = processes(sid)
        os.kill(parts[victim], signal.SIGKILL)
        assert t.wait() != 0, victim
        event = node.end_of(sid)
        assert event["sid"] == sid and (event["reason"] or event["signal"] == "9"), event
        for name, pid in parts.items():
            wait_for("end of %s after %s" % (name, victim), lambda p=pid: gone(p))
        if victim == "noded-session":
            assert ended(recording(sid)) is None  # noded's to complete, nobody holds its lock
        else:
            end = wait_for("end frame", lambda: ended(recording(sid)))
            assert end.reason or end.signal == 9, (victim, end)
        wait_for("told", lambda: node.was_told("session_ended", sid))
    all_ended()


def kill_9_of_noded_login_ends_a_command_too():
    p, sid = command("echo started; sleep 1000; true")
    parts = processes(sid)
    os.kill(parts["noded-login"], signal.SIGKILL)
    _, err = p.communicate(timeout=60)
    assert p.returncode == 255, err
    wait_for("the shell's end", lambda: gone(parts["bash"]))
    wait_for("told", lambda: node.was_told("session_ended", sid))


def the_process_that_sessions_are_forked_from_may_die():
    t, sid = shell()
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = open(stat).read()
        except OSError:
            continue
        if "(noded-login)" in text and int(text.rsplit(")", 1)[1].split()[1]) == node.root.pid:
            os.kill(int(text.split()[0]), signal.SIGKILL)
            break
    else:
        raise AssertionError("there is none")
    assert node.ssh("echo next").stdout == b"next\n"
    t.type("echo alive\r")
    t.expect("alive\r\n")
    t.type("exit\r")
    assert t.wait() == 0


def a_client_that_is_gone_ends_the_shell_as_under_sshd():
    t, sid = shell()
    pid = processes(sid)["bash"]
    t.close()
    wait_for("the shell's end", lambda: gone(pid))
    event = node.end_of(sid)
    assert event["reason"] == "the connection was lost", event


def nobody_answering_means_no_session():
    """noded is away: new channels and connections are refused, the open ones live."""
    t, sid = shell()
    node.policy.close()
    os.unlink(node.path("noded/policy.sock"))
    try:
        assert node.ssh("echo in").returncode == 255
        t.type("echo alive\r")
        t.expect("alive\r\n")
    finally:
        node.open_policy()
    assert node.ssh("echo in").stdout == b"in\n"
    t.type("exit\r")
    t.wait()


def idle_clients_are_told_and_ended():
    node.session_fields = {"idle_ms": "700"}
    try:
        t, sid = shell()
        for _ in range(6):
            time.sleep(0.2)
            t.type("x")  # keeps it alive for longer than the limit
            t.read(0.1)
        t.expect(r"Client exceeded idle timeout of 700ms\r\n")
        t.wait()
    finally:
        node.session_fields = {}
    assert node.end_of(sid)["reason"] == "Client exceeded idle timeout of 700ms"


def a_session_that_cannot_be_recorded_does_not_begin():
    node.session_fields = {"spool": node.path("no-such-folder")}
    try:
        t = Terminal(node.ssh_argv("-tt", "127.0.0.1"))
        t.expect("cannot be recorded")
        assert t.wait() == 255
        node.session_fields["record_failure"] = "continue"
        t = Terminal(node.ssh_argv("-tt", "127.0.0.1", "echo goes on"))
        t.expect("goes on\r\n")
        assert t.wait() == 0
    finally:
        node.session_fields = {}


def a_full_disk_ends_the_session_or_lets_it_go_on_as_noded_said():
    small = node.path("small")
    os.makedirs(small)
    for failure in ("end", "continue"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "small", small],
                       check=True)
        node.session_fields = {"spool": small, "record_failure": failure}
        try:
            t = Terminal(node.ssh_argv("-tt", "127.0.0.1"))
            t.expect(PROMPT)
            t.type("seq 100000; echo all $((40+2))\r")
            if failure == "end":
                t.expect("cannot be recorded any more")
            else:
                t.expect("all 42\r\n")
                t.type("exit\r")
            t.wait()
        finally:
            node.session_fields = {}
            wait_for("unmount", lambda: subprocess.run(["umount", small],
                                                       capture_output=True).returncode == 0)


def others_join_and_everybody_sees_everything():
    t, sid = shell()
    t.type("echo history\r")
    t.expect("history\r\n")
    path = node.path("noded/sessions", sid + ".sock")
    peer = Joiner(path, "bob", "peer")
    peer.until(lambda j: b"history" in j.output())
    t.expect(r"bob joined the session as peer\]\r\n")
    watcher = Joiner(path, "carol", "observer")
    watcher.until(lambda j: any(f.HasField("notice") and f.notice.user == "bob" for f in j.frames))
    peer.until(lambda j: any(f.HasField("notice") and f.notice.user == "carol" for f in j.frames))
    assert any(f.HasField("size") and f.size.columns == 80 for f in peer.frames)
    peer.type("echo typed by bob\r")
    for who in (peer, watcher):
        who.until(lambda j: j.output().count(b"typed by bob\r\n") == 2)
    t.expect("typed by bob\r\n(.|\n)*typed by bob\r\n")
    watcher.type("echo typed by carol\r")
    watcher.sock.close()
    peer.until(lambda j: any(f.HasField("notice") and not f.notice.joined for f in j.frames))
    t.resize(30, 100)
    peer.until(lambda j: any(f.HasField("size") and f.size.columns == 100 for f in j.frames))
    t.type("exit 3\r")
    peer.until(lambda j: any(f.HasField("end") for f in j.frames))
    assert t.wait() == 3
    assert peer.frames[-1].end.exit_code == 3
    assert b"typed by carol" not in t.seen
    wait_for("end frame", lambda: ended(recording(sid)))
    who = [(f.participant.user, f.participant.mode, f.participant.joined)
           for f in frames(recording(sid)) if f.HasField("participant")]
    assert ("bob", "peer", True) in who and ("carol", "observer", False) in who, who
    assert not os.path.exists(path)


def a_joiner_who_does_not_read_holds_nobody_up():
    t, sid = shell()
    lazy = Joiner(node.path("noded/sessions", sid + ".sock"), "dave", "observer")
    lazy.until(lambda j: j.frames)
    t.type("head -c 8000000 /dev/zero | tr '\\0' x | fold; echo all $((40+2))\r")
    t.expect("all 42\r\n", 60)
    t.type("exit\r")
    assert t.wait() == 0
    left = [f.participant for f in frames(recording(sid)) if f.HasField("participant")]
    assert left[-1].user == "dave" and not left[-1].joined, left


def what_is_no_frame_is_let_go_of():
    t, sid = shell()
    path = node.path("noded/sessions", sid + ".sock")
    for junk in (b"\xff\xff\xff\xff", b"\0\0\0\4abcd" * 3, b"\0\0\0\0" * 50):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            sock.settimeout(20)
            sock.sendall(junk)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    t.type("echo fine\r")
    t.expect("fine\r\n")
    t.type("exit\r")
    assert t.wait() == 0


run_all([restarts_of_noded_root_leave_sessions_alone,
         an_upgrade_of_sshd_reaches_the_next_login_and_no_open_connection,
         a_first_login_under_way_survives_a_restart_of_noded_root,
         the_administrator_ends_a_shell_and_says_why,
         the_administrator_ends_a_command_and_says_why, a_connection_without_session_can_be_ended,
         the_end_of_a_connection_is_the_end_of_its_commands,
         a_connection_that_never_logs_in_can_be_ended,
         kill_9_of_any_part_ends_the_session_and_leaves_its_record,
         kill_9_of_noded_login_ends_a_command_too,
         the_process_that_sessions_are_forked_from_may_die,
         a_client_that_is_gone_ends_the_shell_as_under_sshd, nobody_answering_means_no_session,
         idle_clients_are_told_and_ended, a_session_that_cannot_be_recorded_does_not_begin,
         a_full_disk_ends_the_session_or_lets_it_go_on_as_noded_said,
         others_join_and_everybody_sees_everything, a_joiner_who_does_not_read_holds_nobody_up,
         what_is_no_frame_is_let_go_of],
        node.close, lambda: node.log_text() + node.sshd_log()[-2000:])
