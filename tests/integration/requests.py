"""Access requests as people meet them: tsh request, tsh login --request-roles, tctl requests, ssh."""

import os
import re
import subprocess

from callers import curl, of_user, prepare
from cluster import BUILD, PASSWORD, run, story, wait_for

ANYWHERE = {"*": "*"}


def set_up(c):
    """dan may be nobody anywhere until 'ops' is his; rita and rob may judge that together."""
    prepare(c)
    c.role("ops", {"logins": [c.login], "node_labels": ANYWHERE})
    c.role("root-like", {"logins": ["root"], "node_labels": ANYWHERE})
    c.role("asks", {"request": {"roles": ["ops"], "max_duration": "1h0m0s",
                                "thresholds": [{"approve": 2, "deny": 1}],
                                "reason": {"mode": "required"}}})
    c.role("judges", {"review_requests": {"roles": ["ops"]}})
    c.user("dan", ["asks"])
    for user in "rita", "rob":
        c.user(user, ["judges"])
    for user in "dan", "rita", "rob":
        c.log_in(user)


def tctl(c, *argv, check=True):
    return run(BUILD + "/tctl", f"--socket={c.path('run', 'authd.sock')}", *argv, check=check)


def ask(c, *options, check=True):
    """A request of dan's; its id, or what tsh said."""
    out = c.tsh("dan", "request", "create", "--roles=ops", *options, check=check)
    found = re.search(r"Request (\S+) waits", out.stdout)
    return found.group(1) if found else out


def state(c, name):
    return c.call("GetResource", {"kind": "access_request", "name": name})[
        "access_request"]["spec"]["state"]


def reaches(c, user="dan"):
    return c.ssh(user, f"{c.login}@web-1", "echo in", check=False).stdout == "in\n"


def events(c, kind, name, count):
    """What the audit log says of a request, once it has said it so often."""
    def found():
        return [e for e in c.audit(kind) if e["id"] == name]
    wait_for(f"{count} events {kind}", lambda: len(found()) >= count)
    return found()


def only_what_roles_allow_is_asked_for(c):
    out = c.tsh("dan", "request", "create", "--roles=root-like", "--reason=x", check=False)
    assert out.returncode == 1 and "none of your roles lets you ask for role 'root-like'" in \
        out.stderr, out.stderr
    out = c.tsh("dan", "request", "create", "--roles=gone", "--reason=x", check=False)
    assert "no such role 'gone'" in out.stderr, out.stderr
    assert "want a reason" in ask(c, check=False).stderr
    out = c.tsh("alice", "request", "create", "--roles=ops", "--reason=x", check=False)
    assert "none of your roles lets you ask" in out.stderr
    status, answer = curl(c, c.alice, "CreateAccessRequest", {"user": "dan", "roles": ["ops"]})
    assert status == 403, answer


def a_request_is_seen_by_who_made_it_and_who_may_judge_it(c):
    c.first = ask(c, "--reason=the disk is full")
    for user, sees in ("dan", True), ("rita", True), ("alice", False):
        assert (c.first in c.tsh(user, "request", "ls").stdout) == sees, user
    shown = c.tsh("rita", "request", "show", c.first).stdout
    assert "the disk is full" in shown and "PENDING" in shown
    assert c.tsh("alice", "request", "show", c.first, check=False).returncode == 1


def pending_gives_nothing(c):
    assert not reaches(c)
    out = c.log_in("dan", f"--request-id={c.first}", check=False)
    assert out.returncode == 1 and "is PENDING, not approved" in out.stderr, out.stderr


def who_may_not_judge_does_not(c):
    for user, words in ("dan", "nobody judges a request of their own"), \
            ("alice", "none of your roles lets you judge"):
        out = c.tsh(user, "request", "review", c.first, "--approve", check=False)
        assert out.returncode == 1 and words in out.stderr, out.stderr
    status, answer = curl(c, of_user(c, "rita"), "ResolveAccessRequest",
                          {"id": c.first, "state": "APPROVED"})
    assert status == 403, answer
    assert state(c, c.first) == "PENDING"


def it_takes_as_many_reviews_as_the_role_wants(c):
    out = c.tsh("rita", "request", "review", c.first, "--approve", "--reason=go on")
    assert "is PENDING" in out.stdout
    out = c.tsh("rita", "request", "review", c.first, "--approve", check=False)
    assert "'rita' has judged this request already" in out.stderr
    out = c.tsh("rob", "request", "review", c.first, "--approve")
    assert "is APPROVED" in out.stdout
    reviews = events(c, "access_request.review", c.first, 2)
    assert [e["user"] for e in reviews] == ["rita", "rob"]
    assert reviews[-1]["state"] == "APPROVED" and reviews[-1]["roles"] == ["ops"]


def an_approved_request_gives_its_roles_to_its_owner_for_its_time(c):
    assert not reaches(c), "the old certificate must not have the roles"
    c.log_in("dan", f"--request-id={c.first}")
    assert reaches(c)
    text = run("openssl", "x509", "-in", of_user(c, "dan").certificate, "-noout", "-subject").stdout
    assert "ops" in text and "asks" in text
    status, answer = curl(c, of_user(c, "rita"), "AssumeAccessRequest", {"id": c.first})
    assert status == 403 and "somebody else" in answer["message"], answer
    spec = c.call("GetResource", {"kind": "access_request", "name": c.first})[
        "access_request"]["spec"]
    issued = [e for e in c.audit("cert.create") if e["user"] == "dan"][-1]
    assert issued["expires"] <= spec["expires"], "the certificate outlives the request"


def taking_the_roles_makes_no_certificate_last_longer(c):
    """Else a stolen one could be made young again and again."""
    c.log_in("dan", "--ttl=10m", f"--request-id={c.first}")
    lasts = run("openssl", "x509", "-in", of_user(c, "dan").certificate, "-noout", "-checkend",
                str(11 * 60), check=False)
    assert lasts.returncode == 1, "it outlives the certificate that it was asked for with"
    assert reaches(c)


def a_lock_on_the_request_takes_the_roles_back(c):
    tctl(c, "lock", f"--access-request={c.first}", "--message=enough")
    assert not reaches(c)
    status, answer = curl(c, of_user(c, "dan"), "ListMfaDevices", {})
    assert status == 403 and "is locked: enough" in answer["message"], answer
    c.log_in("dan")


def one_denial_is_enough_where_the_role_says_so(c):
    name = ask(c, "--reason=again")
    c.tsh("rob", "request", "review", name, "--deny", "--reason=not now")
    assert state(c, name) == "DENIED"
    out = c.log_in("dan", f"--request-id={name}", check=False)
    assert out.returncode == 1 and "is DENIED" in out.stderr
    out = c.tsh("rita", "request", "review", name, "--approve", check=False)
    assert "the request is DENIED already" in out.stderr


def an_administrator_settles_it_alone(c):
    name = ask(c, "--reason=please")
    assert re.search(rf"{name}\s+dan\s+roles=ops\s.*PENDING", tctl(c, "requests", "ls").stdout)
    assert "is APPROVED" in tctl(c, "requests", "approve", name, "--reason=fine").stdout
    out = tctl(c, "requests", "deny", name, check=False)
    assert out.returncode == 1 and "is APPROVED already" in out.stderr
    (updated,) = events(c, "access_request.update", name, 1)
    assert updated["state"] == "APPROVED" and updated["reason"] == "fine"
    tctl(c, "requests", "rm", name)
    out = c.log_in("dan", f"--request-id={name}", check=False)
    assert out.returncode == 1 and "there is no request" in out.stderr
    made = tctl(c, "requests", "create", "dan", "--roles=ops", "--reason=for him").stdout.strip()
    assert "is DENIED" in tctl(c, "requests", "deny", made).stdout


def waiting_login(c, reason):
    """tsh login --request-roles, up to where it waits; the process and the request's id."""
    env = {"PATH": os.environ["PATH"], "HOME": c.home("dan"),
           "TSH_PASSWORD_FILE": c.write("password-dan", PASSWORD)}
    child = subprocess.Popen(
        [BUILD + "/tsh", "login", f"--proxy=127.0.0.1:{c.proxy_port}", "--user=dan",
         f"--ca-pin={c.pin}", "--request-roles=ops", f"--request-reason={reason}"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while line := child.stdout.readline():
        if found := re.match(r"Request (\S+) waits", line):
            return child, found.group(1)
    raise AssertionError(child.stderr.read())


def a_login_waits_for_its_roles(c):
    child, name = waiting_login(c, "wait for it")
    tctl(c, "requests", "approve", name)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0 and "roles of the request are yours" in out, (out, err)
    assert reaches(c)


def a_login_hears_why_not(c):
    child, name = waiting_login(c, "wait in vain")
    tctl(c, "requests", "deny", name, "--reason=ask tomorrow")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1 and "the request is denied: ask tomorrow" in err, err
    assert not reaches(c)


# --- conditions ----------------------------------------------------------------------------------


def set_up_conditions(c):
    """erna may ask for what her team's databases need; leads of that team may allow it."""
    c.role("db-eu-admin", {"logins": [c.login], "node_labels": ANYWHERE})
    c.role("db-us-admin", {"logins": [c.login], "node_labels": ANYWHERE})
    c.role("lead")
    c.role("asks-db", {"request": {
        "claims_to_roles": [{"claim": "team", "value": "^db-(.*)$", "roles": ["db-$1-admin"]}],
        "annotations": {"team": ["{{external.team}}"]},
        "thresholds": [{"filter": 'contains(reviewer.roles, "lead")', "approve": 1, "deny": 1}]}})
    c.role("judges-db", {"review_requests": {
        "roles": ["db-*"], "where": 'contains_any(request.system_annotations["team"], '
                                    'reviewer.traits["team"])'}})
    c.user("erna", ["asks-db"], team=["db-eu"])
    for user, roles, team in ("lena", ["lead", "judges-db"], "db-eu"), \
            ("otto", ["judges-db"], "db-eu"), ("nils", ["lead", "judges-db"], "db-us"):
        c.user(user, roles, team=[team])
    for user in "erna", "lena", "otto", "nils":
        c.log_in(user)


def traits_say_what_may_be_asked_for(c):
    set_up_conditions(c)
    out = c.tsh("erna", "request", "create", "--roles=db-us-admin", check=False)
    assert out.returncode == 1 and "none of your roles lets you ask for role 'db-us-admin'" in \
        out.stderr, out.stderr
    out = c.tsh("erna", "request", "create", "--roles=db-eu-admin")
    c.second = re.search(r"Request (\S+) waits", out.stdout).group(1)


def a_condition_says_who_may_judge_it(c):
    for user, sees in ("lena", True), ("otto", True), ("nils", False):
        assert (c.second in c.tsh(user, "request", "ls").stdout) == sees, user
    out = c.tsh("nils", "request", "review", c.second, "--approve", check=False)
    assert out.returncode == 1 and "none of your roles lets you judge requests for role " \
        "'db-eu-admin'" in out.stderr, out.stderr


def a_filter_says_whose_approval_counts(c):
    c.tsh("otto", "request", "review", c.second, "--approve")
    assert state(c, c.second) == "PENDING"
    out = c.log_in("erna", f"--request-id={c.second}", check=False)
    assert out.returncode == 1 and "is PENDING, not approved" in out.stderr, out.stderr
    c.tsh("lena", "request", "review", c.second, "--approve")
    assert state(c, c.second) == "APPROVED"
    c.log_in("erna", f"--request-id={c.second}")
    assert reaches(c, "erna")


def bad_conditions_make_no_role(c):
    role = c.write("bad.yaml", "kind: role\nversion: v5\nmetadata: {name: bad}\nspec:\n"
                   "  allow: {review_requests: {roles: ['*'], where: 'contains(reviewer.rolls, "
                   "\"lead\")'}}\n")
    out = tctl(c, "create", "-f", role, check=False)
    assert out.returncode == 1 and "no field 'reviewer.rolls'" in out.stderr, out.stderr


story([
    only_what_roles_allow_is_asked_for,
    a_request_is_seen_by_who_made_it_and_who_may_judge_it,
    pending_gives_nothing,
    who_may_not_judge_does_not,
    it_takes_as_many_reviews_as_the_role_wants,
    an_approved_request_gives_its_roles_to_its_owner_for_its_time,
    taking_the_roles_makes_no_certificate_last_longer,
    a_lock_on_the_request_takes_the_roles_back,
    one_denial_is_enough_where_the_role_says_so,
    an_administrator_settles_it_alone,
    a_login_waits_for_its_roles,
    a_login_hears_why_not,
    traits_say_what_may_be_asked_for,
    a_condition_says_who_may_judge_it,
    a_filter_says_whose_approval_counts,
    bad_conditions_make_no_role,
], setup=set_up)
