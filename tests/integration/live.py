"""Rules reach what is open, and restarts do not: shells, forwards, masters on a live cluster."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import uuid

from cluster import BUILD, run, story, wait_for
from jail_story import recorded
from terminal import Terminal

ANYWHERE = {"*": "*"}
AT_ONCE = 15  # seconds; far less on a machine that does nothing else


def web(c):
    return f"{c.login}@web-1"


def dev(c, logins=None, deny=None, **options):
    """The role that lets alice in, as it is now."""
    c.role("dev", {"logins": logins or [c.login], "node_labels": ANYWHERE}, deny, options)


def plain(c, forwarding):
    """frank's only role: a permission that any of one's roles gives is given."""
    c.role("plain", {"logins": [c.login], "node_labels": ANYWHERE},
           options={"port_forwarding": forwarding})


def direct(c, user="alice"):
    """Options with which ssh dials the node itself, without any proxy."""
    with open(c.path(f"ssh-{user}.conf")) as f:
        config = f.read().replace("Match host *.example", "Host web-1")
    return ["-F", c.write(f"direct-{user}.conf", f"""\
Host web-1
    HostName 127.0.0.1
    Port {c.node_port}
    HostKeyAlias web-1.example
    ProxyCommand none
{config}""")]


# --- things that are open ------------------------------------------------------------------------


@contextlib.contextmanager
def shell(c, user="alice", *options, login=None):
    """An interactive session, logged in, at its prompt."""
    t = Terminal(c.ssh_argv(user, "-tt", *options, f"{login or c.login}@web-1"),
                 env=c.ssh_env(user))
    try:
        t.type("echo up$((1))\n")
        t.expect(r"up1\r\n")
        yield t
    finally:
        t.close()


@contextlib.contextmanager
def background(c, *options, user="alice"):
    """An ssh without a session; what it says goes to .err"""
    p = subprocess.Popen(c.ssh_argv(user, "-N", *options, web(c)), env=c.ssh_env(user),
                         stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield p
    finally:
        p.kill()
        p.wait()


def proven(c, count):
    """Waits until that many connections have logged in since noded's start."""
    wait_for(f"{count} logins", lambda: c.noded.text().count('event="logged in"') >= count)


def logins_so_far(c):
    return c.noded.text().count('event="logged in"')


@contextlib.contextmanager
def forward(c, user="alice", *options):
    """`ssh -N -L` to authd's port, in use."""
    port, before = c.free_port(), logins_so_far(c)
    with background(c, "-o", "ExitOnForwardFailure=yes", *options,
                    "-L", f"127.0.0.1:{port}:127.0.0.1:{c.authd_port}", user=user) as p:
        proven(c, before + 1)
        p.port = port
        wait_for("the forward", lambda: answers(f"127.0.0.1:{port}"))
        yield p


@contextlib.contextmanager
def master(c, user="alice"):
    path = c.path(f"master-{uuid.uuid4().hex[:8]}")
    with background(c, "-M", "-S", path, user=user) as p:
        wait_for("the master", lambda: os.path.exists(path))
        p.path = path
        yield p


def answers(address, *options):
    """authd does, wherever that address leads."""
    out = run("curl", "-sk", "--http1.1", "--max-time", "5", *options, "-d", "{}", "-H",
              "content-type: application/json", f"https://{address}/v1/Ping", check=False)
    return "cluster_name" in out.stdout


def lives(t):
    t.mark = getattr(t, "mark", 0) + 1
    t.type(f"echo alive$(({t.mark}+0))\n")
    t.expect(f"alive{t.mark}\r\n")


def disconnects(c, since, reason):
    """The client.disconnect events that came later and give this reason."""
    return [e for e in c.audit("client.disconnect")[since:] if reason in e["reason"]]


def ends_all(c, cause, reason):
    """What is open when `cause` happens ends at once, with its reason on terminal and in the log."""
    with shell(c) as t, forward(c) as f, master(c) as m:
        before = len(c.audit("client.disconnect"))
        start = time.monotonic()
        cause()
        status = t.wait(AT_ONCE)
        f.wait(AT_ONCE)
        m.wait(AT_ONCE)
        assert time.monotonic() - start < AT_ONCE
        assert status != 0 and reason in t.seen.decode(), t.seen
        wait_for("three events", lambda: len(disconnects(c, before, reason)) == 3)
        event = disconnects(c, before, reason)[0]
        assert event["user"] == "alice" and event["login"] == c.login, event


# --- stories -------------------------------------------------------------------------------------


def log_in_everybody(c):
    c.log_in("alice")
    c.role("ops", {"logins": [c.login], "node_labels": ANYWHERE})
    c.user("bob", ["ops"])
    c.log_in("bob")
    plain(c, True)
    c.user("frank", ["plain"])
    c.log_in("frank")


def a_role_that_loses_the_login_ends_everything(c):
    ends_all(c, lambda: dev(c, ["nobody"]), "no role allows login")
    out = c.ssh("alice", web(c), "true", check=False)
    assert out.returncode == 255, out
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def a_denial_that_is_added_ends_everything(c):
    ends_all(c, lambda: dev(c, deny={"node_labels": {"env": "test"}}),
             "role 'dev' denies access to node 'web-1'")
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def a_lock_ends_everything(c):
    name = str(uuid.uuid4())
    ends_all(c, lambda: c.call("PutResource", {"resource": {"lock": {
        "metadata": {"name": name},
        "spec": {"target": {"user": "alice"}, "message": "lost her laptop"}}}}),
        "lost her laptop")
    out = c.ssh("alice", web(c), "true", check=False)
    assert out.returncode == 255 and "lost her laptop" in out.stderr, out
    c.call("DeleteResource", {"kind": "lock", "name": name})
    wait_for("the lock to go", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def a_change_that_still_allows_ends_nothing(c):
    with shell(c) as t, forward(c) as f, master(c) as m, shell(c, "bob") as other:
        dev(c, [c.login, "somebody"])
        c.role("ops", {"logins": ["nobody"], "node_labels": ANYWHERE})
        other.wait(AT_ONCE)  # changes arrive in order: alice's role was looked at too
        lives(t)
        assert answers(f"127.0.0.1:{f.port}") and m.poll() is None
    c.role("ops", {"logins": [c.login], "node_labels": ANYWHERE})
    dev(c)


def a_new_channel_on_an_old_connection_is_decided_anew(c):
    with master(c) as m:
        def on_master(*argv, **kw):
            return c.ssh("alice", "-S", m.path, *argv, check=False, **kw)
        assert on_master(web(c), "echo one").stdout == "one\n"
        dev(c, ssh_file_copy=False)
        wait_for("the role", lambda: on_master("-s", web(c), "sftp", input="").returncode != 0)
        # OpenSSH drops what a subsystem says to standard error: the audit log has the reason.
        wait_for("the event", lambda: [e for e in c.audit("auth")
                                       if e["error"] == "no role allows to copy files"])
        assert on_master(web(c), "echo two").stdout == "two\n"
        dev(c, max_sessions=1)
        wait_for("the role", lambda: on_master("-s", web(c), "sftp", input="").returncode == 0)
        with shell(c, "alice", "-S", m.path) as t:
            out = on_master(web(c), "echo three")
            assert "max_sessions limit reached (1)" in out.stderr and not out.stdout, out
            lives(t)
        wait_for("room", lambda: on_master(web(c), "echo four").stdout == "four\n")
    dev(c)


def a_certificate_that_expires_ends_a_connection_where_the_role_says_so(c):
    for name, strict in (("strict", True), ("lenient", False)):
        c.role(name, {"logins": [c.login], "node_labels": ANYWHERE}, options={
            "max_session_ttl": "12s", "disconnect_expired_cert": strict})
        c.user("of-" + name, [name])
    c.log_in("of-lenient")
    c.log_in("of-strict")
    with shell(c, "of-lenient") as lasting, shell(c, "of-strict") as t, \
            forward(c, "of-strict") as f:
        before = len(c.audit("client.disconnect"))
        assert t.wait(30) != 0
        f.wait(AT_ONCE)
        assert "Client certificate expired at" in t.seen.decode(), t.seen
        wait_for("events", lambda: len(disconnects(c, before, "certificate expired")) == 2)
        lives(lasting)
        out = c.ssh("of-lenient", web(c), "true", check=False)
        assert out.returncode == 255 and "ran out at" in out.stderr, out


def silence_ends_a_session_and_use_does_not(c):
    dev(c, client_idle_timeout="4s")
    reason = "Client exceeded idle timeout of 4s"
    wait_for("the role", lambda: c.ssh("alice", web(c), "true").returncode == 0)
    before = len(c.audit("client.disconnect"))
    with shell(c) as busy, shell(c) as idle:
        end = time.monotonic() + 8
        while time.monotonic() < end:
            lives(busy)
            idle.read(0.1)
        idle.wait(AT_ONCE)
        assert reason in idle.seen.decode(), idle.seen
        lives(busy)
    wait_for("the event", lambda: len(disconnects(c, before, reason)) >= 1)
    with forward(c) as f:
        before = len(c.audit("client.disconnect"))
        f.wait(12)  # four would do; what is not watched closely is looked at after fifteen
        wait_for("the event", lambda: disconnects(c, before, reason))
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true").returncode == 0)
    with forward(c) as f, master(c) as m:
        dev(c, client_idle_timeout="1s")
        f.wait(8)
        m.wait(8)
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true").returncode == 0)


def a_change_of_the_idle_time_reaches_live_sessions(c):
    dev(c, client_idle_timeout="3s")
    wait_for("the role", lambda: c.ssh("alice", web(c), "true").returncode == 0)
    with shell(c) as t:
        dev(c)  # for ever, before it is over
        until = time.monotonic() + 4
        while time.monotonic() < until:
            t.read(0.5)
        lives(t)
        dev(c, client_idle_timeout="1s")
        t.wait(AT_ONCE)
        assert "Client exceeded idle timeout of 1s" in t.seen.decode(), t.seen
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true").returncode == 0)
    with shell(c) as t:  # what changes while noded is away is heard of when it is back
        c.noded.kill()
        dev(c, client_idle_timeout="2s")
        c.noded.start()
        t.wait(AT_ONCE)
        assert "Client exceeded idle timeout of 2s" in t.seen.decode(), t.seen
    dev(c)


def forwards_are_where_the_role_allows_them(c):
    for allowed in (True, False):
        plain(c, allowed)
        wait_for("the role", lambda: can_listen_there(c) == allowed)
        local, socks = c.free_port(), c.free_port()
        with background(c, "-L", f"127.0.0.1:{local}:127.0.0.1:{c.authd_port}", "-D",
                        f"127.0.0.1:{socks}", user="frank"):
            wait_for("ssh", lambda: listens(local) and listens(socks))
            assert answers(f"127.0.0.1:{local}") == allowed
            assert answers(f"127.0.0.1:{c.authd_port}", "--socks5",
                           f"127.0.0.1:{socks}") == allowed


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def can_listen_there(c):
    """Whether `ssh -R` is granted, and carries."""
    port = c.free_port()
    out = c.ssh("frank", "-o", "ExitOnForwardFailure=yes", "-R",
                f"127.0.0.1:{port}:127.0.0.1:{c.authd_port}", web(c),
                f"curl -sk --http1.1 https://127.0.0.1:{port}/v1/Ping -d '{{}}' "
                "-H content-type:application/json", check=False)
    assert out.returncode == 0 or "remote port forwarding failed" in out.stderr, out
    return "cluster_name" in out.stdout


def the_agent_is_where_the_role_allows_it(c):
    agent = run("ssh-agent", "-s", "-a", c.path("agent")).stdout
    pid = int(agent.split("SSH_AGENT_PID=")[1].split(";")[0])
    try:
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hers", "-f", c.path("hers"))
        env = dict(c.ssh_env("alice"), SSH_AUTH_SOCK=c.path("agent"))
        run("ssh-add", "-q", c.path("hers"), env=env)

        def keys():
            return run(*c.ssh_argv("alice", "-A", web(c), "ssh-add -l"), env=env, check=False)
        assert "hers" not in keys().stdout
        dev(c, forward_agent=True)
        wait_for("the agent", lambda: "hers" in keys().stdout)
        dev(c, forward_agent=False)
        wait_for("no agent", lambda: "hers" not in keys().stdout)
    finally:
        os.kill(pid, signal.SIGTERM)
    dev(c)


def silent_strangers_are_bounded_per_address_and_in_all(c):
    def knock(source):
        s = socket.create_connection(("127.0.0.1", c.node_port), source_address=(source, 0))
        s.settimeout(5)
        s.sendall(b"SSH-2.0-silent\r\n")
        return s

    def served(s):
        try:
            return s.recv(4).startswith(b"SSH-")
        except ConnectionResetError:
            return False
    c.extra["noded"] = "limits: {unauthenticated: 6, unauthenticated_per_address: 4}\n"
    restart_noded(c)
    held = [knock("127.0.0.5") for _ in range(4)]
    assert all(served(s) for s in held)
    assert not served(knock("127.0.0.5"))
    c.noded.wait_log(r'event="connection refused" addr="?127.0.0.5:\d+"? reason=.*4')
    held += [knock("127.0.0.6") for _ in range(2)]
    assert all(served(s) for s in held[4:])
    assert not served(knock("127.0.0.7"))
    out = c.ssh("alice", "-v", web(c), "true", check=False)
    assert out.returncode == 255 and "postern: 6 connections are open already" in out.stderr, out
    for s in held:
        s.close()
    wait_for("room", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)
    c.extra["noded"] = ""
    restart_noded(c)


def restart_noded(c, how=signal.SIGTERM):
    c.noded.stop(how)
    c.write_noded_settings()
    c.noded.start()
    c.noded.wait_log(r'event="cluster state is current"')
    c.noded.wait_log(r'event="noded-root is there"')


def kill_9_of_noded_leaves_sessions_alone_and_rules_reach_them_afterwards(c):
    with shell(c, "alice", *direct(c)) as t, shell(c, "bob", *direct(c, "bob")) as other, \
            background(c, *direct(c), "-M", "-S", c.path("m9")) as m:
        wait_for("the master", lambda: os.path.exists(c.path("m9")))
        restart_noded(c, signal.SIGKILL)
        lives(t)
        assert c.ssh("alice", "-S", c.path("m9"), web(c), "echo new").stdout == "new\n"
        before = len(c.audit("client.disconnect"))
        dev(c, ["nobody"])
        assert t.wait(AT_ONCE) != 0 and "no role allows login" in t.seen.decode(), t.seen
        m.wait(AT_ONCE)
        wait_for("events", lambda: len(disconnects(c, before, "no role allows login")) == 2)
        lives(other)
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def a_role_that_changes_while_noded_is_away_counts_when_it_is_back(c):
    with shell(c, "alice", *direct(c)) as t, shell(c, "bob", *direct(c, "bob")) as other:
        c.noded.kill()
        dev(c, ["nobody"])
        lives(t)
        c.noded.start()
        assert t.wait(10) != 0 and "no role allows login" in t.seen.decode(), t.seen
        lives(other)
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def restarts_of_noded_root_and_of_a_proxy_not_in_the_path_leave_sessions_alone(c):
    with shell(c, "alice", *direct(c)) as t, shell(c) as proxied:
        c.noded_root.kill()
        c.noded_root.start()
        lives(t)
        lives(proxied)
        c.proxyd.kill()
        proxied.wait(10)
        lives(t)
        c.proxyd.start()
        wait_for("the proxy", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)
        before = len(c.audit("client.disconnect"))
        dev(c, ["nobody"])
        assert t.wait(AT_ONCE) != 0 and "no role allows login" in t.seen.decode(), t.seen
        wait_for("the event", lambda: disconnects(c, before, "no role allows login"))
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def an_end_that_was_wanted_without_noded_root_comes_when_it_is_back(c):
    with shell(c) as t, forward(c) as f:
        c.noded_root.kill()
        before = len(c.audit("client.disconnect"))
        dev(c, ["nobody"])
        wait_for("both events", lambda: len(disconnects(c, before, "no role allows login")) == 2)
        c.noded_root.start()
        assert t.wait(10) != 0 and "no role allows login" in t.seen.decode(), t.seen
        f.wait(10)
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def a_login_while_a_part_is_away_waits_for_it(c):
    for daemon, options, waits in (
            (c.noded_root, [], (c.noded, r'event="connection waits"')),
            (c.noded, [], None), (c.noded_root, direct(c), (c.noded, r'event="connection waits"'))):
        daemon.kill()
        p = subprocess.Popen(c.ssh_argv("alice", *options, web(c), "echo waited"),
                             env=c.ssh_env("alice"), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        if waits:
            wait_for("it to wait", lambda: re.search(waits[1], waits[0].text()))
        daemon.start()
        out, err = p.communicate(timeout=60)
        assert out == "waited\n", (daemon.name, out, err)


def a_login_does_not_wait_for_ever(c):
    c.noded_root.kill()
    out = c.ssh("alice", "-v", web(c), "true", check=False)
    assert out.returncode == 255 and "noded-root is not running" in out.stderr, out
    c.noded_root.start()
    wait_for("noded-root", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def a_shell_that_ignores_hangups_ends_too(c):
    with shell(c) as t:
        t.type("trap '' HUP TERM; echo deaf$((1)); while :; do sleep 0.1; done\n")
        t.expect("deaf1\r\n")
        dev(c, ["nobody"])
        assert t.wait(AT_ONCE) != 0 and "no role allows login" in t.seen.decode(), t.seen
        wait_for("the session's end", lambda: not sessions(c))
    dev(c)
    wait_for("the role", lambda: c.ssh("alice", web(c), "true", check=False).returncode == 0)


def tctl(c, *argv, **kw):
    return run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), *argv, **kw)


def sessions(c):
    return json.loads(tctl(c, "sessions", "ls", "--format=json").stdout)


def an_administrator_sees_live_sessions_and_ends_one(c):
    wait_for("silence", lambda: not sessions(c))
    with shell(c) as t, shell(c, "bob") as other:
        t.type("echo sid=$POSTERN_SESSION_ID\n")
        sid = t.expect(r"sid=([0-9a-f-]{36})").group(1).decode()
        wait_for("both", lambda: len(sessions(c)) == 2)
        shown = tctl(c, "sessions", "ls").stdout
        assert sid in shown and "alice" in shown and c.login in shown, shown
        before = len(c.audit("client.disconnect"))
        tctl(c, "sessions", "kill", sid)
        assert t.wait(AT_ONCE) != 0
        assert "administrator" in t.seen.decode(), t.seen
        wait_for("the event", lambda: [e for e in c.audit("client.disconnect")[before:]
                                       if e.get("sid") == sid])
        lives(other)
        wait_for("one", lambda: len(sessions(c)) == 1)
        out = tctl(c, "sessions", "kill", sid, check=False)
        assert out.returncode == 1 and "ended" in out.stderr, out


def without_authd_logins_go_on_and_their_events_come_later(c):
    with shell(c) as t:
        c.authd.stop()
        lives(t)
        assert c.ssh("alice", web(c), "echo without-authd").stdout == "without-authd\n"
        restart_noded_without_authd(c)
        assert c.ssh("alice", *direct(c), web(c), "echo from-disk").stdout == "from-disk\n"
        c.authd.start()
        for command in ("echo without-authd", "echo from-disk"):
            wait_for(f"the event of '{command}'",
                     lambda: [e for e in c.audit("exec") if e["command"] == command])
        lives(t)
        before = len(c.audit("client.disconnect"))
        wait_for("noded", lambda: "cluster state is current" in c.noded.text())
        dev(c, ["nobody"])
        assert t.wait(AT_ONCE) != 0
        wait_for("the event", lambda: disconnects(c, before, "no role allows login"))
    dev(c)


def a_session_that_ends_without_authd_has_ended_when_it_is_back(c):
    with shell(c) as t:
        t.type("echo sid=$POSTERN_SESSION_ID\n")
        sid = t.expect(r"sid=([0-9a-f-]{36})").group(1).decode()
        wait_for("its record at authd", lambda: sid in json.dumps(sessions(c)))
        c.authd.stop()
        t.type("exit 0\n")
        assert t.wait() == 0
        kept = c.path("noded", "ended")
        wait_for("its record on disk", lambda: os.listdir(kept) == [sid])
        restart_noded_without_authd(c)
        c.authd.start()
    wait_for("its end at authd", lambda: c.call("GetResource", {
        "kind": "session", "name": sid})["session"]["spec"].get("ended"))
    wait_for("nothing kept", lambda: not os.listdir(kept))


def take_away(c, seconds):
    """root does something, and what the node has recorded of it with its recorder; whether that is
    gone. Whoever is root has this many seconds before anybody looks."""
    spool, known = c.path("noded", "spool"), set(os.listdir(c.path("noded", "spool")))
    with shell(c, "root-person", login="root") as t:
        name = next(f for f in os.listdir(spool) if f.endswith(".rec") and f not in known)
        kept = c.path("authd", "recordings", name)

        def at_authd():
            begun = os.path.exists(kept) and os.path.getsize(kept) > 0
            return begun and b"deed1" in recorded(kept)
        t.type("echo deed$((1)) >&2\n")
        t.expect(r"deed1\r\n")
        end = time.monotonic() + seconds
        while not at_authd() and time.monotonic() < end:
            time.sleep(0.01)
        t.type(f"rm {spool}/{name}; for p in $(cat /proc/$PPID/task/$PPID/children); "
               "do [ $p = $$ ] || kill -9 $p; done\n")  # the recorder is the shell's brother
        t.wait()
    if c.authd.child is None:
        c.authd.start()
    wait_for("the event", lambda: [e for e in c.audit("session.end") if e["sid"] == name[:-4]])
    return not at_authd()


def what_root_takes_away(c):
    c.role("root-role", {"logins": ["root"], "node_labels": ANYWHERE})
    c.user("root-person", ["root-role"])
    c.log_in("root-person")
    assert not take_away(c, 15), "root took away what authd had"
    c.authd.stop()
    assert take_away(c, 0), "authd was not needed for it: proves nothing"


def restart_noded_without_authd(c):
    c.noded.stop()
    c.noded.start()
    c.noded.wait_log(r'event="noded-root is there"')


if __name__ == "__main__":
    story([
        a_role_that_loses_the_login_ends_everything,
        a_denial_that_is_added_ends_everything, a_lock_ends_everything,
        a_change_that_still_allows_ends_nothing,
        a_new_channel_on_an_old_connection_is_decided_anew,
        a_certificate_that_expires_ends_a_connection_where_the_role_says_so,
        silence_ends_a_session_and_use_does_not, a_change_of_the_idle_time_reaches_live_sessions,
        forwards_are_where_the_role_allows_them,
        the_agent_is_where_the_role_allows_it,
        silent_strangers_are_bounded_per_address_and_in_all,
        kill_9_of_noded_leaves_sessions_alone_and_rules_reach_them_afterwards,
        a_role_that_changes_while_noded_is_away_counts_when_it_is_back,
        restarts_of_noded_root_and_of_a_proxy_not_in_the_path_leave_sessions_alone,
        an_end_that_was_wanted_without_noded_root_comes_when_it_is_back,
        a_login_while_a_part_is_away_waits_for_it, a_login_does_not_wait_for_ever,
        a_shell_that_ignores_hangups_ends_too, an_administrator_sees_live_sessions_and_ends_one,
        without_authd_logins_go_on_and_their_events_come_later,
        a_session_that_ends_without_authd_has_ended_when_it_is_back, what_root_takes_away,
    ], setup=log_in_everybody)
