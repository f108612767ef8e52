"""What roles limit: where a certificate may be used from, and how they are explained.

Roles that let somebody in at all are in denials.py, limits of what is open in live.py.
"""

import json
import uuid

import callers
from cluster import BUILD, run, story, wait_for
from denials import ANYWHERE, direct, gets_in, of, refused_because, stays_out
from live import background, lives, shell, web

ELSEWHERE = "127.0.0.2"


def limited(c, name, **options):
    """A role with these options that reaches every node."""
    c.role(name, {"logins": [c.login], "node_labels": ANYWHERE}, options=options)


def somebody(c, name, *roles):
    c.user(name, list(roles))
    c.log_in(name)
    return of(c, name)


# --- pin_source_ip -------------------------------------------------------------------------------


def from_elsewhere(c, who, *argv):
    """ssh to the node itself from another address of this machine."""
    return direct(c, who, *argv, options=["-b", ELSEWHERE])


def through_the_door(c, who, *options):
    return run("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o",
               "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i", who.key,
               "-o", f"CertificateFile={who.certificate}", *options, "-p", c.proxy_port,
               f"{c.door_user}@127.0.0.1", "connect", "web-1", check=False, input="")


def a_pinned_certificate_is_of_use_from_its_address_only(c):
    """At the node, at the proxy's door and at authd; an unpinned one is, from both addresses."""
    limited(c, "pinned", pin_source_ip=True)
    pia, said = somebody(c, "pia", "pinned"), "the certificate of 'pia' may be used from 127.0.0.1"
    gets_in(c, pia)
    event = refused_because(c, said, lambda: stays_out(c, pia, options=["-b", ELSEWHERE]))
    assert event["addr.remote"].startswith(ELSEWHERE), event
    gets_in(c, of(c, "alice"), options=["-b", ELSEWHERE])

    assert "SSH-2.0" in through_the_door(c, pia).stdout
    out = through_the_door(c, pia, "-b", ELSEWHERE)
    assert "SSH-2.0" not in out.stdout and said in out.stderr, out
    assert "SSH-2.0" in through_the_door(c, of(c, "alice"), "-b", ELSEWHERE).stdout

    who = callers.of_user(c, "pia")
    body = {"kind": "user", "name": "pia"}
    assert callers.curl(c, who, "GetResource", body)[0] == 200
    status, answer = callers.curl(c, who, "GetResource", body, "--interface", ELSEWHERE)
    assert status == 403 and said in answer["message"], (status, answer)
    status, answer = callers.curl(c, callers.of_user(c, "alice"), "GetResource",
                                  {"kind": "user", "name": "alice"}, "--interface", ELSEWHERE)
    assert status == 200, answer


def nobody_issues_a_certificate_that_would_have_to_be_pinned_to_nowhere(c):
    with open(of(c, "pia").key + ".pub") as f:
        key = f.read().strip()
    status, answer = c.request("IssueUserCertificate", {"user": "pia", "ssh_public_key": key})
    assert status == 403 and "pin certificates to an address" in answer["message"], answer
    assert c.request("IssueUserCertificate", {"user": "alice", "ssh_public_key": key})[0] == 200


# --- max_connections -----------------------------------------------------------------------------


def a_user_has_so_many_connections_and_no_more(c):
    limited(c, "single", max_connections=1)
    somebody(c, "max", "single")
    with shell(c, "max") as t:
        out = c.ssh("max", web(c), "true", check=False)
        said = "max_connections limit reached for 'max': 1 are open, of at most 1"
        assert out.returncode != 0 and said in out.stdout + out.stderr, out
        assert [e for e in c.audit("auth") if said in e["error"]], c.audit("auth")[-1]
        lives(t)
        with background(c, user="max") as forward:  # ssh -N: no session asks
            forward.wait(timeout=20)
        c.ssh("alice", web(c), "true")
    wait_for("the place to be free", lambda: c.ssh("max", web(c), "true",
                                                   check=False).returncode == 0)
    wait_for("the place to be free", lambda: c.ssh("max", web(c), "true",
                                                   check=False).returncode == 0)


def without_authd_nobody_who_is_limited_comes_in_and_whoever_is_in_stays(c):
    wait_for("the place to be free", lambda: c.ssh("max", web(c), "true",
                                                   check=False).returncode == 0)
    with shell(c, "max") as t:
        c.authd.stop()
        out = direct(c, of(c, "max"))
        said = "the connections of 'max' cannot be counted"
        assert out.returncode != 0 and said in out.stdout + out.stderr, out
        assert direct(c, of(c, "alice")).returncode == 0
        lives(t)
        c.authd.start()
        c.noded.stop()
        c.noded.start()
        c.noded.wait_log(r'event="cluster state is current"')
        # Its lease is told anew by both.
        said = "max_connections limit reached for 'max': 1 are open, of at most 1"
        out = wait_for("a refusal for the number", lambda: refusal(c, said))
        lives(t)


def refusal(c, said):
    out = direct(c, of(c, "max"))
    return out if out.returncode != 0 and said in out.stdout + out.stderr else None


# --- why -----------------------------------------------------------------------------------------


def explained(c, *words, check=True):
    return run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), "access", "explain",
               *words, check=check)


def an_administrator_is_told_which_role_decided_and_why(c):
    c.role("here", {"logins": ["dev"], "node_labels": {"env": "test"}})
    c.role("there", {"logins": [c.login], "node_labels": {"env": "prod"}})
    c.role("never", deny={"logins": ["root"]})
    c.user("eve", ["here", "there", "never"])
    for login, words in (
            ("dev", ("eve may log in to web-1 as dev", "here   allows node and login",
                     "there  lacks node and login by label env", "logins there: dev")),
            (c.login, (f"eve may not log in to web-1 as {c.login}: no role that reaches node "
                       f"'web-1' allows login '{c.login}'", "here   lacks the login",
                       "there  does not reach the node by label env")),
            ("root", ("eve may not log in to web-1 as root: role 'never' denies login 'root'",
                      "never  denies the login"))):
        out = explained(c, "eve", "web-1", login).stdout
        assert all(w in out for w in words), out
    assert "max_session_ttl: 30h0m0s (authd)" in out, out
    assert "eve may log in to web-1\n" in explained(c, "eve", "web-1").stdout
    answer = json.loads(explained(c, "eve", "web-1", "dev", "--format=json").stdout)
    assert answer["allowed"] and answer["logins"] == ["dev"], answer
    by_id = explained(c, "eve", answer["node_id"], "dev").stdout
    assert "eve may log in to web-1 as dev" in by_id, by_id


def it_says_so_when_a_lock_or_a_lost_role_keeps_somebody_out(c):
    name = str(uuid.uuid4())
    c.call("PutResource", {"resource": {"lock": {"metadata": {"name": name}, "spec": {
        "target": {"user": "eve"}, "message": "on leave"}}}})
    out = explained(c, "eve", "web-1", "dev").stdout
    assert "may not log in to web-1 as dev: user 'eve' is locked: on leave" in out, out
    c.call("DeleteResource", {"kind": "lock", "name": name})
    assert "may log in to web-1 as dev" in explained(c, "eve", "web-1", "dev").stdout


def nobody_else_is_told(c):
    """Neither whoever may read users but no roles, nor somebody about themself."""
    c.role("users-only", {"rules": [{"resources": ["user", "node"], "verbs": ["list", "read"]}]})
    c.user("ute", ["users-only"])
    c.log_in("ute")
    body = {"user": "ute", "node": "web-1"}
    status, answer = callers.curl(c, callers.of_user(c, "ute"), "ExplainAccess", body)
    assert status == 403 and "action 'read' on 'role'" in answer["message"], answer
    assert callers.curl(c, None, "ExplainAccess", body)[0] == 401
    c.user("edna", ["editor"])
    c.log_in("edna")
    status, answer = callers.curl(c, callers.of_user(c, "edna"), "ExplainAccess", body)
    assert status == 200 and not answer.get("allowed"), answer
    assert explained(c, "nobody", "web-1", check=False).stderr == "tctl: no such user 'nobody'\n"
    assert "no such node 'web-9'" in explained(c, "ute", "web-9", check=False).stderr


if __name__ == "__main__":
    story([
        a_pinned_certificate_is_of_use_from_its_address_only,
        nobody_issues_a_certificate_that_would_have_to_be_pinned_to_nowhere,
        a_user_has_so_many_connections_and_no_more,
        without_authd_nobody_who_is_limited_comes_in_and_whoever_is_in_stays,
        an_administrator_is_told_which_role_decided_and_why,
        it_says_so_when_a_lock_or_a_lost_role_keeps_somebody_out, nobody_else_is_told,
    ], setup=callers.prepare)
