"""The part of kube_exec.sh's story in which others join a terminal in a pod, with tsh and through the
proxy, and an administrator ends one.

erin's session is paul's to type in and wanda's to watch; hans may join nobody, and lea, whose roles
are older, only whom she might have been herself.
"""

import contextlib
import json

from cluster import BUILD, wait_for
from kube_pod import ERROR, STDOUT, SUCCESS, Client
from terminal import Terminal

SEE_SESSIONS = {"rules": [{"resources": ["session"], "verbs": ["list", "read"]}]}


def events(c, name, **fields):
    return [e for e in c.audit(name) if all(e.get(k) == v for k, v in fields.items())]


def event(c, name, **fields):
    """The one that comes soon."""
    wait_for(f"{name} {fields}", lambda: events(c, name, **fields))
    found, = events(c, name, **fields)
    return found


def may_join(modes):
    return {"join_sessions": [{"name": "k", "roles": ["kube"], "kinds": ["k8s"], "modes": modes}]}


def people(c, allow):
    """Users and their roles, which are there then."""
    c.watching = {**allow, **SEE_SESSIONS, **may_join(["observer"])}
    c.role("watches", c.watching, version="v5")
    c.role("types", {**allow, **SEE_SESSIONS, **may_join(["peer"])}, version="v5")
    c.role("alone", {**allow, **SEE_SESSIONS}, version="v5")
    c.role("older", {**allow, **SEE_SESSIONS})
    return (("paul", ["types"]), ("wanda", ["watches"]), ("hans", ["alone"]), ("lea", ["older"]))


@contextlib.contextmanager
def shell(c, command="sh"):
    """erin's terminal and its session's id."""
    before = {e["sid"] for e in c.audit("session.start")}
    client = Client(c, "erin", command, tty=True)
    try:
        sid = wait_for("session.start", lambda: next(
            (e["sid"] for e in c.audit("session.start") if e["sid"] not in before), None))
        wait_for("its record", lambda: [
            r for r in c.call("ListResources", {"kind": "session"}).get("resources", [])
            if r["session"]["metadata"]["name"] == sid])
        yield client, sid
    finally:
        client.drop()


@contextlib.contextmanager
def joined(c, user, sid, mode, command=("join",)):
    env = {"HOME": c.home(user), "LANG": "C.UTF-8"}
    term = Terminal([BUILD + "/tsh", *command, f"--mode={mode}", sid], env=env)
    try:
        yield term
    finally:
        term.close()


def a_peer_types_and_an_observer_sees(c):
    with shell(c) as (erin, sid):
        erin.resize(90, 30)
        erin.until(b"[90x30]")
        with joined(c, "wanda", sid, "observer") as wanda:
            wanda.expect(r"\[90x30\]")  # what the terminal showed last
            erin.until(b"[wanda joined the session as observer]")
            with joined(c, "paul", sid, "peer", ("kube", "join")) as paul:
                wanda.expect("paul")
                wanda.type("from wanda\r")
                paul.type("from paul\r")
                wanda.expect("from paul")
                erin.type(b"from erin\r")
                for term in paul, wanda:
                    term.expect("from erin")
                    assert b"from wanda" not in term.seen, "an observer typed"
                paul.type("exit\r")
                got = erin.rest()
                assert paul.wait() == 0 and wanda.wait() == 0
    assert b"from paul" in got[STDOUT] and b"from wanda" not in got[STDOUT], got
    assert got[ERROR] == SUCCESS, got
    ended = event(c, "session.end", sid=sid)
    assert sorted(ended["participants"]) == ["erin", "paul", "wanda"], ended
    for name in "session.join", "session.leave":
        assert {e["user"] for e in events(c, name, sid=sid)} == {"paul", "wanda"}, name
    event(c, "session.upload", sid=sid)
    frames = [json.loads(line) for line in
              c.tsh("erin", "play", "--format=json", sid).stdout.splitlines()]
    seen = [f["participant"] for f in frames if "participant" in f]
    assert [p["user"] for p in seen if p.get("joined")] == ["wanda", "paul"], seen


def who_may_not_join_is_told_why(c):
    with shell(c) as (erin, sid):
        for user, mode, why in (
                ("hans", "observer", "no role allows to join sessions of 'erin' as observer"),
                ("wanda", "peer", "no role allows to join sessions of 'erin' as peer"),
                ("lea", "observer", "no role allows to act as user 'erin'")):
            with joined(c, user, sid, mode) as term:
                term.expect(why)
                assert term.wait() != 0
            assert why in event(c, "auth", user=user)["error"]
        erin.type(b"exit\r")
        assert b"joined" not in erin.rest()[STDOUT]
    assert event(c, "session.end", sid=sid)["participants"] == ["erin"]
    assert not events(c, "session.join", sid=sid)


def a_change_of_roles_cuts_who_may_no_longer_join(c):
    with shell(c) as (erin, sid):
        with joined(c, "wanda", sid, "observer") as wanda:
            erin.until(b"wanda joined")
            c.role("watches", c.watching, deny={"join_sessions": [{"roles": ["kube"]}]},
                   version="v5")
            wanda.wait()
        erin.until(b"wanda left")
        c.role("watches", c.watching, version="v5")
        erin.type(b"still here\rexit\r")
        erin.until(b"still here")
    gone = event(c, "client.disconnect", user="wanda", sid=sid)
    assert "denies to join as observer" in gone["reason"], gone


def an_administrator_ends_a_session(c):
    with shell(c) as (erin, sid):
        with joined(c, "erin", sid, "observer") as again:
            erin.until(b"erin joined")
            c.call("KillSession", {"session_id": sid})
            again.expect("ended by an administrator")
            again.wait()
        got = erin.rest()
        assert "ended by an administrator" in json.loads(got[ERROR])["message"], got
    for name in "session.end", "client.disconnect":
        assert event(c, name, sid=sid)["reason"] == "ended by an administrator", name


TESTS = [a_peer_types_and_an_observer_sees, who_may_not_join_is_told_why,
         a_change_of_roles_cuts_who_may_no_longer_join, an_administrator_ends_a_session]
