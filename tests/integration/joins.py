"""Joining live sessions with tsh: who may, what they see and type, when they are cut, what stays.

alice has a shell on web-1; bob and dave may log in there as her login, mallory only as another.
"""

import contextlib
import os
import re

from cluster import BUILD, story, wait_for
from jail_story import ended, frames, recorded
from terminal import Terminal

SEE_SESSIONS = [{"resources": ["session"], "verbs": ["list", "read"]}]


def may_join(c, login=None):
    c.role("helper", {"logins": [login or c.login], "node_labels": {"env": "test"},
                      "rules": SEE_SESSIONS})


def people(c):
    may_join(c)
    c.role("other", {"logins": ["somebody"], "node_labels": {"env": "test"},
                     "rules": SEE_SESSIONS})
    c.user("bob", ["helper"])
    c.user("dave", ["helper"])
    c.user("mallory", ["other"])
    for user in "alice", "bob", "dave", "mallory":
        c.log_in(user)


@contextlib.contextmanager
def shell(c):
    """alice's shell and its session's id."""
    before = {e["sid"] for e in c.audit("session.start")}
    term = Terminal(c.ssh_argv("alice", "-tt", f"{c.login}@web-1"), env=c.ssh_env("alice"))
    try:
        term.expect(r"\$ ")
        yield term, wait_for("session.start", lambda: next(
            (e["sid"] for e in c.audit("session.start") if e["sid"] not in before), None))
    finally:
        term.close()


@contextlib.contextmanager
def joined(c, user, sid, mode):
    env = {"HOME": c.home(user), "LANG": "C.UTF-8"}
    term = Terminal([BUILD + "/tsh", "join", f"--mode={mode}", sid], env=env)
    try:
        yield term
    finally:
        term.close()


def a_peer_types_and_everybody_sees_everything(c):
    with shell(c) as (alice, sid):
        alice.type("echo be''fore\n")
        alice.expect("before")
        with joined(c, "bob", sid, "peer") as bob, joined(c, "dave", sid, "observer") as dave:
            bob.expect("before")  # what the terminal showed last
            dave.expect("before")
            bob.type("echo from''bob\n")
            for term in alice, bob, dave:
                term.expect("frombob")
            dave.type("echo from''dave\n")
            alice.type("echo from''alice\n")
            for term in alice, bob, dave:
                term.expect("fromalice")
                assert b"fromdave" not in term.seen, "an observer typed"
            alice.type("exit 0\n")
            bob.wait()
            dave.wait()
        assert alice.wait() == 0
    end = wait_for("session.end", lambda: [e for e in c.audit("session.end") if e["sid"] == sid])
    assert sorted(end[0]["participants"]) == ["alice", "bob", "dave"], end
    users = {e["user"] for e in c.audit("session.join") if e["sid"] == sid}
    assert users == {"bob", "dave"}, users
    wait_for("all three in its record", lambda: sorted(c.call("GetResource", {
        "kind": "session", "name": sid})["session"]["spec"]["participants"]) == [
            "alice", "bob", "dave"])


def who_may_not_log_in_may_not_join(c):
    with shell(c) as (alice, sid):
        with joined(c, "mallory", sid, "observer") as mallory:
            mallory.expect("no role allows login")
            assert mallory.wait() != 0
        wait_for("the refusal in the audit log", lambda: [
            e for e in c.audit("auth") if e.get("user") == "mallory"])
        with joined(c, "bob", "0f4c2d9e-7a41-4d0c-9a57-3b1e5f6a7c8d", "peer") as bob:
            assert bob.wait() != 0
        alice.type("exit 0\n")
        assert alice.wait() == 0


def newer_roles_say_whose_sessions_and_how(c):
    """Wanda may log in nowhere, and watch; hans may log in, and join nobody."""
    watch = [{"name": "watch", "roles": ["d*"], "kinds": ["ssh"], "modes": ["observer"]}]
    c.role("watcher", {"join_sessions": watch, "rules": SEE_SESSIONS}, version="v5")
    c.role("logs-in", {"logins": [c.login], "node_labels": {"env": "test"}, "rules": SEE_SESSIONS},
           version="v5")
    c.user("wanda", ["watcher"])
    c.user("hans", ["logs-in"])
    for user in "wanda", "hans":
        c.log_in(user)
    with shell(c) as (alice, sid):
        with joined(c, "wanda", sid, "peer") as wanda, joined(c, "hans", sid, "observer") as hans:
            wanda.expect("no role allows to join sessions of 'alice' as peer")
            hans.expect("no role allows to join sessions of 'alice' as observer")
            assert wanda.wait() != 0 and hans.wait() != 0
        with joined(c, "wanda", sid, "observer") as wanda:
            alice.expect("wanda joined")
            alice.type("echo to''all\n")
            wanda.expect("toall")
            c.role("watcher", {"join_sessions": watch, "rules": SEE_SESSIONS},
                   deny={"join_sessions": [{"roles": ["dev"]}]}, version="v5")
            wanda.wait()
        alice.type("exit 0\n")
        assert alice.wait() == 0
    gone = wait_for("client.disconnect", lambda: [
        e for e in c.audit("client.disconnect") if e.get("sid") == sid])
    assert "denies to join as observer" in gone[0]["reason"], gone


def a_change_of_roles_cuts_who_may_no_longer(c):
    with shell(c) as (alice, sid):
        with joined(c, "bob", sid, "peer") as bob:
            alice.expect("bob")  # the notice that he has come
            may_join(c, login="nobody")
            bob.wait()
            c.noded.wait_log(rf'event="join ended" sid={sid} user=bob')
        alice.type("echo still''here\n")
        alice.expect("stillhere")
        alice.type("exit 0\n")
        assert alice.wait() == 0
    may_join(c)
    gone = [e for e in c.audit("client.disconnect") if e.get("sid") == sid]
    assert gone and gone[0]["user"] == "bob" and "no role allows login" in gone[0]["reason"], gone


def a_restart_of_noded_cuts_joiners_and_not_the_session(c):
    with shell(c) as (alice, sid):
        with joined(c, "bob", sid, "observer") as bob:
            bob.expect(r"\$ ")
            c.noded.kill()
            bob.wait()
        alice.type("echo still''here\n")
        alice.expect("stillhere")
        c.noded.start()
        with joined(c, "bob", sid, "observer") as bob:
            bob.expect("stillhere")
            alice.type("exit 0\n")
            assert alice.wait() == 0
            bob.wait()
    wait_for("his leaving with the session's end", lambda: [
        e for e in c.audit("session.leave") if (e["sid"], e["user"], e["login"]) ==
        (sid, "bob", c.login)])


def what_was_shown_is_in_the_recording(c):
    spool = c.path("noded", "spool")
    wait_for("all recordings at authd", lambda: not os.listdir(spool))
    sid = c.audit("session.start")[0]["sid"]
    with open(c.path("authd", "recordings", sid + ".rec"), "rb") as f:
        record = f.read()
    for word in b"before", b"frombob", b"fromalice":
        assert word in record, word


def the_recording_is_what_the_owners_terminal_printed_byte_for_byte(c):
    with shell(c) as (alice, sid):
        start = len(alice.seen)
        with joined(c, "bob", sid, "peer") as bob, joined(c, "dave", sid, "observer") as dave:
            alice.type("head -c 30000 /dev/urandom | base64; printf '\\033[31m\\377\\200\\000'\n")
            alice.type("stty size; head -c 3000 /dev/urandom; echo; echo all''shown\n")
            for term in alice, bob, dave:
                term.expect("allshown")
            dave.type("\r~.")
            dave.wait()
            wait_for("dave to have left", lambda: [
                e for e in c.audit("session.leave") if (e["sid"], e["user"]) == (sid, "dave")])
            bob.type("exit 3\n")
            bob.wait()
        assert alice.wait() == 3
    path = c.path("authd", "recordings", sid + ".rec")
    wait_for("the whole recording", lambda: os.path.exists(path) and ended(path))
    # Who comes and goes is told on the terminal, and recorded as such.
    seen = re.sub(rb"\r\n\[(bob|dave) (joined|left) [^]]*\]\r\n", b"", alice.seen)
    shown = recorded(path)
    assert len(shown) > 40000 and seen.count(shown) == 1, (len(shown), len(seen))
    before, after = seen.split(shown)
    assert len(before) < start, "what the shell printed is missing at the beginning"
    assert re.fullmatch(rb"(Connection to \S+ closed\.[\r\n]+)?", after), after
    changes = [(f.participant.user, f.participant.mode, f.participant.joined)
               for f in frames(path) if f.WhichOneof("of") == "participant"]
    for change in ("bob", "peer", True), ("dave", "observer", True), ("dave", "observer", False):
        assert change in changes, changes


story([a_peer_types_and_everybody_sees_everything,
       who_may_not_log_in_may_not_join,
       newer_roles_say_whose_sessions_and_how,
       a_change_of_roles_cuts_who_may_no_longer,
       a_restart_of_noded_cuts_joiners_and_not_the_session,
       what_was_shown_is_in_the_recording,
       the_recording_is_what_the_owners_terminal_printed_byte_for_byte], setup=people, door=False)
