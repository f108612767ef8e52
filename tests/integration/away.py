"""authd away in the middle of everything, and back."""

import contextlib
import threading
import time

from cluster import story, wait_for
from terminal import Terminal

ANYWHERE = {"*": "*"}
BRIEF = 15  # seconds that one user's certificate lasts


def web(c):
    return f"{c.login}@web-1"


class Traffic:
    """Logs in through the proxy again and again; what each attempt came to."""

    def __init__(self, c):
        self.c, self.results, self.over = c, [], False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over:
            out = self.c.ssh("alice", web(self.c), "echo hello", check=False)
            self.results.append((out.returncode, out.stdout, out.stderr))

    def end(self):
        self.over = True
        self.thread.join()


@contextlib.contextmanager
def traffic(c):
    t = Traffic(c)
    try:
        yield t
    finally:
        t.end()


@contextlib.contextmanager
def shell(c):
    t = Terminal(c.ssh_argv("alice", "-tt", web(c)), env=c.ssh_env("alice"))
    try:
        t.type("echo sid=$POSTERN_SESSION_ID\n")
        t.sid = t.expect(r"sid=([0-9a-f-]{36})").group(1).decode()
        yield t
    finally:
        t.close()


def ops(c, login):
    """bob's only role."""
    c.role("ops", {"logins": [login], "node_labels": ANYWHERE})


def prepare(c):
    ops(c, c.login)
    c.user("bob", ["ops"])
    c.role("brief", {"logins": [c.login], "node_labels": ANYWHERE},
           options={"max_session_ttl": f"{BRIEF}s"})
    c.user("brief", ["brief"])
    for user in ("alice", "bob"):
        c.log_in(user)
    wait_for("bob", lambda: c.ssh("bob", web(c), "true", check=False).returncode == 0)
    ops(c, "nobody")
    wait_for("bob's role", lambda: c.ssh("bob", web(c), "true", check=False).returncode == 255)
    c.log_in("brief")
    c.brief_until = time.monotonic() + BRIEF
    assert c.ssh("brief", web(c), "echo still").stdout == "still\n"


def assert_one_line(out, words):
    text = out.stderr.strip()
    assert out.returncode != 0 and "\n" not in text and words in text, out


def roles_still_decide(c):
    out = c.ssh("bob", web(c), "true", check=False)
    assert out.returncode == 255 and "Permission denied" in out.stderr, out
    c.noded.wait_log(r'event="login refused" user=bob [^\n]*no role allows login')


def what_needs_authd_says_so(c):
    assert_one_line(c.tsh("alice", "ls", check=False), "authd behind it cannot be reached")
    out = c.log_in("bob", check=False)
    assert out.returncode != 0 and "find the cluster behind" in out.stderr, out


def restarts_need_no_authd(c):
    for daemon in (c.proxyd, c.noded):
        daemon.stop()
        daemon.start()
    c.noded.wait_log(r'event="noded-root is there"')
    assert c.ssh("alice", web(c), "echo from disk").stdout == "from disk\n"
    roles_still_decide(c)


def certificates_run_out(c):
    wait_for("the end of a certificate", lambda: time.monotonic() > c.brief_until)
    out = c.ssh("brief", web(c), "true", check=False)
    assert out.returncode == 255, out


def it_is_known_at_authd(c, sid):
    """The session that ended while it was away: its record, its recording, its events."""
    def complete():
        session = c.call("GetResource", {"kind": "session", "name": sid})["session"]
        return session["spec"].get("ended")
    wait_for("the session's end", complete, 60)
    wait_for("its events", lambda: [e for e in c.audit("session.end") if e.get("sid") == sid], 60)
    wait_for("its recording", lambda: "typed without 1authd" in c.tsh(
        "carol", "play", "--format=text", sid, check=False).stdout, 60)


def authd_is_killed_and_all_else_goes_on(c):
    prepare(c)
    c.log_in("carol")
    with shell(c) as t:
        with traffic(c) as logins:
            wait_for("traffic", lambda: len(logins.results) > 1)
            c.authd.kill()
            roles_still_decide(c)
            what_needs_authd_says_so(c)
            t.type("echo typed without $((1+0))authd\n")
            t.expect("typed without 1authd")
            so_far = len(logins.results)
            wait_for("more traffic", lambda: len(logins.results) > so_far + 3)
        failed = [r for r in logins.results if r != (0, "hello\n", "")]
        assert not failed, failed
        t.type("exit\n")
        assert t.wait(20) == 0
    restarts_need_no_authd(c)
    certificates_run_out(c)
    c.lost_session = t.sid
    print(f"      {len(logins.results)} logins while authd was killed, all well")


def it_comes_back_and_everything_converges(c):
    with traffic(c) as logins:
        c.authd.start()
        start = time.monotonic()
        ops(c, c.login)
        wait_for("the role at the node", lambda: c.ssh(
            "bob", web(c), "true", check=False).returncode == 0, 60)
        took = time.monotonic() - start
        for daemon in (c.noded, c.proxyd):
            daemon.wait_log(r"cluster state is current", 60)
        it_is_known_at_authd(c, c.lost_session)
        wait_for("tsh ls", lambda: "web-1" in c.tsh("alice", "ls", check=False).stdout, 60)
        c.log_in("brief")
    failed = [r for r in logins.results if r != (0, "hello\n", "")]
    assert not failed, failed
    print(f"      a role that was changed at once held at the node after {took:.1f} s")


story([authd_is_killed_and_all_else_goes_on, it_comes_back_and_everything_converges], door=False)
