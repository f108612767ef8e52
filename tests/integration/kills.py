"""kill -9 of each process in each phase of a session; prints the matrix.

Phases: login (the connection is being made), prompt (the shell is there), output (it prints as
fast as it can), ending (exit was typed), ended (authd may not have all of the recording yet).

Every killed daemon is started again, as systemd would. Then, whatever was killed:
  * a session that should live on does: it still answers, and ends with its own exit code; one
    that was just beginning waits for what is started again, and begins;
  * the recording comes to authd, has an end, and its chain of frames is whole;
  * it holds at least what lay in the node's file at the moment of the kill; and unless its own
    recorder was killed, every byte that the user's terminal had shown;
  * tsh plays it, and the audit log has the session's start and its end, once each.
"""

import os
import re
import signal
import sys
import traceback

from cluster import Cluster, wait_for
from jail_story import ended, frames, recorded
from terminal import Terminal

PHASES = ["login", "prompt", "output", "ending", "ended"]
DAEMONS = ["authd", "proxyd", "noded", "noded-root"]
OF_SESSION = ["login-starter", "sshd", "noded-login", "noded-session", "shell", "tsh"]
SURVIVES = {"authd", "noded", "noded-root", "login-starter"}
RECORDER = {"noded-session", "noded-login"}


def logins(c):
    return c.noded.text().count('event="logged in"')


class Session:
    """alice's shell on the node, in her terminal."""

    def __init__(self, c):
        self.c = c
        # One that was left while it logged in may still begin.
        wait_for("what was before to be over", lambda: not any(
            os.listdir(c.path("noded-run", kind)) for kind in ("connections", "sessions-known")))
        wait_for("what happened before to be told", lambda: os.path.getsize(
            c.path("noded", "audit-queue")) == 0)
        self.before = {e["sid"] for e in c.audit("session.start")}
        self.logins_before = logins(c)
        self.files_before = set(os.listdir(c.path("noded", "spool")))
        self.term = Terminal(c.ssh_argv("alice", "-tt", f"{c.login}@web-1"), env=c.ssh_env("alice"))

    def prompt(self):
        self.term.expect(r"\$ ")
        self.term.type("PS1='rea''dy> '\n")
        self.term.expect("ready> ")

    def output(self):
        self.term.type("seq -f 'line %.0f' 1 60000\n")
        self.term.expect(r"line 2000\r\n")

    def ending(self):
        self.term.type("echo the-end-$((1 + 1)); exit 5\n")
        self.term.expect("the-end-2")

    def sid(self):
        return wait_for("the session's start in the audit log", lambda: next(
            (e["sid"] for e in self.c.audit("session.start") if e["sid"] not in self.before), None))

    def spooled(self):
        """What lies in the node's file now, if its session is known already."""
        spool = self.c.path("noded", "spool")
        files = [f for f in os.listdir(spool)
                 if f.endswith(".rec") and f not in self.files_before]
        return recorded(os.path.join(spool, files[0])) if files else b""


def descendants(pid):
    """Processes below one, by /proc."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as f:
                parents[int(entry)] = int(f.read().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        children = [p for p, parent in parents.items() if parent == one]
        found += children
        queue += children
    return found


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(child) for child in f.read().split()]
    except FileNotFoundError:
        return []


def path_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def program_of(pid):
    return os.path.basename(path_of(pid))


def processes(c, session, victim):
    """The pids of a victim that belongs to this session, or of a daemon."""
    if victim in DAEMONS:
        return [getattr(c, victim.replace("-", "_")).child.pid]
    if victim == "tsh":
        return [p for p in descendants(session.term.pid) if program_of(p) == "tsh"]
    if victim == "shell":
        return [p for p in c.accounts.processes(c.login) if program_of(p) == "bash"]
    if victim == "sshd":
        return [p for p in descendants(c.noded_root.child.pid) if program_of(p) == "sshd"]
    program = "noded-login" if victim == "login-starter" else victim
    # Also those that an earlier noded-root left to process 1.
    found = [int(p) for p in filter(str.isdigit, os.listdir("/proc"))
             if path_of(p) == f"{c.lib}/{program}"]
    if program == "noded-login":
        # One is started by noded-root, and forks per session; those fork the shells.
        below = {p for one in found for p in descendants(one)}
        starters = [p for p in found if p not in below]
        if victim == "login-starter":
            return starters
        return [p for p in found if any(p in children(one) for one in starters)]
    return found


def kill(c, session, victim):
    pids = processes(c, session, victim)
    if victim == "login-starter" and not pids:  # noded-root starts it for the first session
        pids = wait_for("the starter", lambda: processes(c, session, victim))
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if victim in DAEMONS:
        daemon = getattr(c, victim.replace("-", "_"))
        daemon.child.wait(timeout=60)
        daemon.start()
    return bool(pids)


def whole(path):
    return os.path.exists(path) and os.path.getsize(path) > 8 and frames(path) and ended(path)


def check_lives(session, phase):
    """Types into a session that was not killed, and sees it through to its own end."""
    if phase == "output":
        session.term.expect(r"line 60000\r\n")
        session.term.expect(r"ready> ")
    if phase in ("login", "prompt", "output"):
        if phase == "login":
            session.prompt()
        session.term.type("echo still-$((40 + 2))\n")
        session.term.expect("still-42")
        session.ending()
    status = session.term.wait()
    assert status == 5, f"the shell exited {status}"


def check_recording(c, session, victim, held, shown):
    sid = session.sid()
    path = c.path("authd", "recordings", sid + ".rec")
    wait_for("the whole recording at authd", lambda: whole(path), 30)
    got = recorded(path)
    assert got.startswith(held), f"{len(held)} bytes were in the node's file, {len(got)} came"
    if victim not in RECORDER:
        # ssh adds lines of its own behind the session's output.
        seen = re.sub(rb"(Shared c|C)onnection to .*$", b"", shown, flags=re.S)
        assert got[:len(seen)] == seen[:len(got)] and len(got) >= len(seen), \
            f"the terminal showed {len(seen)} bytes, the recording has {len(got)}"
    assert [f.index for f in frames(path)] == list(range(len(frames(path))))
    c.tsh("alice", "play", "--format=text", sid)
    wait_for("the session's end in the audit log", lambda: [
        e for e in c.audit("session.end") if e["sid"] == sid])
    for event in ("session.start", "session.end"):
        count = len({e["uid"] for e in c.audit(event) if e["sid"] == sid})
        assert count == 1, f"{count} events {event}"
    return len(got)


def one(c, victim, phase):
    """What stands in the matrix: what became of the session, and the recording's size."""
    session = Session(c)
    try:
        for step in PHASES[1:1 + PHASES.index(phase)]:
            if step == "ended":
                session.term.wait()
            elif not (step == "output" and phase != "output"):
                getattr(session, step)()
        if phase == "login":
            wait_for("the login", lambda: logins(c) > session.logins_before)
        held, shown = session.spooled(), bytes(session.term.seen)
        if not kill(c, session, victim):
            return "-"
        if phase == "ended":
            outcome = "over"
        elif victim in SURVIVES:
            check_lives(session, phase)
            outcome, shown = "lives", bytes(session.term.seen)
        else:
            session.term.wait()
            outcome = "ends"
        if outcome == "ends" and phase == "login" and not begun(session):
            return outcome
        return f"{outcome} {check_recording(c, session, victim, held, shown)}"
    finally:
        session.term.close()


def begun(session):
    """Whether the session came so far that there is a recording; if not, nobody saw anything."""
    started = {e["sid"] for e in session.c.audit("session.start")} - session.before
    for sid in started:
        wait_for("the session's end in the audit log", lambda: [
            e for e in session.c.audit("session.end") if e["sid"] == sid])
        if os.path.exists(session.c.path("authd", "recordings", sid + ".rec")):
            return True
    assert b"$ " not in session.term.seen, "a prompt was shown and not recorded"
    return False


def matrix(c):
    print("%-14s" % "killed" + "".join("%-15s" % p for p in PHASES))
    failures = []
    for victim in DAEMONS + OF_SESSION:
        row = "%-14s" % victim
        for phase in PHASES:
            if os.environ.get("F", "") not in f"{victim}.{phase}":
                continue
            try:
                row += "%-15s" % one(c, victim, phase)
            except Exception:
                row += "%-15s" % "FAIL"
                failures.append(f"{victim}.{phase}:\n{traceback.format_exc()}")
        print(row, flush=True)
        if failures:
            break  # the cluster is not what it was, and each further cell would wait in vain
    return failures


def main():
    c, failures = None, ["start"]
    try:
        c = Cluster().start()
        c.standard_people()
        c.log_in("alice")
        failures = matrix(c)
    finally:
        if c:
            c.clean(keep=bool(failures))
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
