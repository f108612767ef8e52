"""Who is refused at a node and at the proxy: certificates, logins, labels, locks, guesses.

Each test shows the same thing allowed too, with the one difference that makes it right. What the
API refuses is in denials_api.py; what ends connections that are open, in live.py.
"""

import glob
import json
import re
import uuid

from cluster import BUILD, PASSWORD, run, story, wait_for

ANYWHERE = {"*": "*"}


def web(c):
    return f"{c.login}@web-1"


class Identity:
    """What somebody shows: a key and its certificate."""

    def __init__(self, key, certificate):
        self.key, self.certificate = key, certificate


def of(c, user):
    """What tsh keeps for somebody who has logged in."""
    key = glob.glob(f"{c.home(user)}/.tsh/keys/*/{user}")[0]
    return Identity(key, key + "-cert.pub")


def direct(c, who, command="echo in", login=None, options=()):
    """ssh to the node itself, past every check that tsh and proxyd would make."""
    known = glob.glob(f"{c.home('alice')}/.tsh/keys/*/known_hosts")[0]
    return run("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o",
               f"UserKnownHostsFile={known}", "-o", "HostKeyAlias=web-1.example", "-i", who.key,
               "-o", f"CertificateFile={who.certificate}", "-p", c.node_port, *options,
               f"{login or c.login}@127.0.0.1", command, check=False)


def gets_in(c, who, **how):
    out = direct(c, who, **how)
    assert (out.returncode, out.stdout) == (0, "in\n"), out


def stays_out(c, who, **how):
    out = direct(c, who, **how)
    assert out.returncode == 255 and "Permission denied (publickey)" in out.stderr, out


def refusals(c, since, reason):
    return [e for e in c.audit("auth")[since:] if reason in e["error"]]


def refused_because(c, reason, act):
    """Does it; the audit log must have a failed "auth" event with that reason afterwards."""
    before = len(c.audit("auth"))
    act()
    events = wait_for(f"the event with '{reason}'", lambda: refusals(c, before, reason))
    assert events[0]["success"] is False and events[0]["code"] == "T3007W", events[0]
    return events[0]


def identity_of(certificate):
    """The text of the extension in which a certificate of ours says who it is."""
    shown = run("ssh-keygen", "-L", "-f", certificate).stdout
    packed = bytes.fromhex(re.search(r"identity@postern UNKNOWN OPTION: (\w+)", shown).group(1))
    return packed[4:].decode()


def signed(c, who, ca, name):
    """The same key and words under the signature of another authority."""
    key = c.path(name)
    run("cp", who.key, key)
    run("cp", who.key + ".pub", key + ".pub")
    run("ssh-keygen", "-q", "-s", ca, "-I", "alice", "-n", c.login, "-V", "-5m:+1h", "-O",
        f"extension:identity@postern={identity_of(who.certificate)}", key + ".pub")
    return Identity(key, key + "-cert.pub")


# --- certificates --------------------------------------------------------------------------------


def a_certificate_of_a_foreign_authority_is_none(c):
    gets_in(c, of(c, "alice"))
    run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", c.path("foreign-ca"))
    who = signed(c, of(c, "alice"), c.path("foreign-ca"), "foreign")
    ca = run("ssh-keygen", "-l", "-f", c.path("foreign-ca.pub")).stdout.split()[1]
    event = refused_because(c, "a certificate for 'alice' is of an authority that counts nowhere "
                            "here: " + ca, lambda: stays_out(c, who))
    assert event["login"] == c.login and "user" not in event, event
    assert event["addr.remote"].startswith("127.0.0.1:"), event


def a_hosts_authority_certifies_no_person(c):
    """The node's own host key, believed for hosts, signs for a person."""
    stays_out(c, signed(c, of(c, "alice"), c.path("noded", "ssh_host_ecdsa_key"), "by-host"))
    gets_in(c, of(c, "alice"))


def a_certificate_of_another_cluster_is_none(c):
    """Another authd knows an alice too, of the same login; its certificates are in order there."""
    c.folder("other", c.service)
    c.folder("other-run", c.service, 0o711)
    port = c.free_port()
    c.write("other.yaml", f"""\
cluster: {{name: other}}
data_dir: {c.path("other")}
socket: {c.path("other-run")}/authd.sock
socket_group: ""
listen: ["127.0.0.1:{port}"]
diag: "unix:{c.path("other-run")}/diag.sock"
""")
    other = c.add_daemon("other-authd", [c.lib + "/authd", "--config", c.path("other.yaml")],
                         c.service)
    other.start()
    socket = ["--unix-socket", c.path("other-run", "authd.sock"), "-H",
              "content-type: application/json"]

    def call(method, **body):
        out = run("curl", "-sf", *socket, f"http://authd/v1/{method}", "-d", json.dumps(body))
        return json.loads(out.stdout)
    call("PutResource", resource={"role": {"kind": "role", "version": "v4", "metadata": {
        "name": "dev"}, "spec": {"allow": {"logins": [c.login], "node_labels": ANYWHERE}}}})
    call("CreateUser", name="alice", roles=["dev"])
    alice = of(c, "alice")
    with open(alice.key + ".pub") as f:
        answer = call("IssueUserCertificate", user="alice", ssh_public_key=f.read().strip())
    stranger = Identity(alice.key, c.write("other-cert.pub", answer["ssh_certificate"] + "\n"))
    assert c.login in run("ssh-keygen", "-L", "-f", stranger.certificate).stdout
    stays_out(c, stranger)
    gets_in(c, alice)
    other.stop()


def set_up(c):
    c.log_in("alice")
    c.role("brief", {"logins": [c.login], "node_labels": ANYWHERE},
           options={"max_session_ttl": "10s"})  # over by the last test
    c.user("bea", ["brief"])
    c.log_in("bea")
    gets_in(c, of(c, "bea"))


def an_expired_certificate_is_none(c):
    wait_for("its end", lambda: direct(c, of(c, "bea")).returncode != 0)
    refused_because(c, "certificate expired at", lambda: stays_out(c, of(c, "bea")))
    out = c.ssh("bea", web(c), "true", check=False)
    assert out.returncode == 255 and "the login of 'bea' ran out at" in out.stderr, out


def a_revoked_certificate_is_none(c):
    """An administrator puts a key revocation list where noded's revoked_keys is."""
    revoked = c.path("noded", "revoked_keys")
    c.user("rita", ["dev"])
    c.log_in("rita")
    gets_in(c, of(c, "rita"))
    run("ssh-keygen", "-q", "-k", "-f", c.path("krl"), "-s", c.path("noded", "user_ca.pub"),
        of(c, "rita").certificate)
    with open(c.path("krl"), "rb") as f, open(revoked, "wb") as out:
        out.write(f.read())
    stays_out(c, of(c, "rita"))
    c.noded.wait_log("revoked")
    gets_in(c, of(c, "alice"))
    with open(revoked, "wb"):
        pass
    gets_in(c, of(c, "rita"))


# --- logins and labels ---------------------------------------------------------------------------


def a_login_that_is_not_in_the_certificate_is_refused(c):
    e = refused_because(c, "certificate of 'alice' is not for login 'root'",
                        lambda: stays_out(c, of(c, "alice"), login="root"))
    assert e["user"] == "alice" and e["login"] == "root", e
    gets_in(c, of(c, "alice"))


def a_login_that_no_role_gives_any_more_is_refused(c):
    c.role("passing", {"logins": [c.login], "node_labels": ANYWHERE})
    c.user("paul", ["passing"])
    c.log_in("paul")
    gets_in(c, of(c, "paul"))
    c.role("passing", {"logins": ["nobody"], "node_labels": ANYWHERE})
    wait_for("the role", lambda: direct(c, of(c, "paul")).returncode != 0)
    refused_because(c, f"no role allows login '{c.login}'", lambda: stays_out(c, of(c, "paul")))


def a_node_without_the_label_is_refused(c):
    c.role("prod", {"logins": [c.login], "node_labels": {"env": "prod"}})
    c.user("luke", ["prod"])
    c.log_in("luke")
    refused_because(c, "no role allows access to node 'web-1'",
                    lambda: stays_out(c, of(c, "luke")))
    out = c.ssh("luke", web(c), "true", check=False)
    assert "no node 'web-1' that you may reach ('tsh ls' lists them)" in out.stderr, out
    assert "web-1" not in c.tsh("luke", "ls").stdout
    c.role("prod", {"logins": [c.login], "node_labels": {"env": ["prod", "test"]}})
    wait_for("the role", lambda: direct(c, of(c, "luke")).returncode == 0)
    assert "web-1" in c.tsh("luke", "ls").stdout


def node_and_login_must_come_from_one_role(c):
    c.role("here", {"logins": ["nobody"], "node_labels": {"env": "test"}})
    c.role("there", {"logins": [c.login], "node_labels": {"env": "prod"}})
    c.user("mix", ["here", "there"])
    c.log_in("mix")
    refused_because(c, f"no role that reaches node 'web-1' allows login '{c.login}'",
                    lambda: stays_out(c, of(c, "mix")))
    c.role("here", {"logins": [c.login], "node_labels": {"env": "test"}})
    wait_for("the role", lambda: direct(c, of(c, "mix")).returncode == 0)


def deny_beats_allow(c):
    denials = (({"node_labels": {"env": "test"}}, "role 'not' denies access to node 'web-1'"),
               ({"logins": [c.login]}, f"role 'not' denies login '{c.login}'"))
    c.role("not", deny={"logins": ["nobody"]})
    c.user("dan", ["dev", "not"])
    c.log_in("dan")
    gets_in(c, of(c, "dan"))
    for deny, reason in denials:
        c.role("not", deny=deny)
        wait_for("the role", lambda: direct(c, of(c, "dan")).returncode != 0)
        refused_because(c, reason, lambda: stays_out(c, of(c, "dan")))
    c.role("not", deny={"logins": ["nobody"]})
    wait_for("the role", lambda: direct(c, of(c, "dan")).returncode == 0)


# --- locks and guesses ---------------------------------------------------------------------------


def a_locked_user_is_refused_at_every_door(c):
    name = str(uuid.uuid4())
    c.user("lola", ["dev"])
    c.log_in("lola")
    gets_in(c, of(c, "lola"))
    c.call("PutResource", {"resource": {"lock": {"metadata": {"name": name}, "spec": {
        "target": {"user": "lola"}, "message": "on leave"}}}})
    said = "user 'lola' is locked: on leave"
    wait_for("the lock", lambda: direct(c, of(c, "lola")).returncode != 0)
    refused_because(c, said, lambda: stays_out(c, of(c, "lola")))
    out = c.ssh("lola", web(c), "true", check=False)
    assert out.returncode == 255 and said in out.stderr, out
    out = c.tsh("lola", "ls", check=False)
    assert out.returncode != 0 and said in out.stderr, out
    out = c.log_in("lola", check=False)
    assert out.returncode != 0 and said in out.stderr, out
    failed = c.audit("user.login")[-1]
    assert failed["success"] is False and failed["user"] == "lola", failed
    c.call("DeleteResource", {"kind": "lock", "name": name})
    wait_for("the lock to go", lambda: direct(c, of(c, "lola")).returncode == 0)
    c.log_in("lola")


def processor_ticks(pid):
    """What a process has cost so far, in hundredths of a second, however busy the machine is."""
    with open(f"/proc/{pid}/stat") as f:
        return sum(int(n) for n in f.read().rpartition(")")[2].split()[11:13])


def guessing_locks_for_20_minutes_and_unknown_names_cost_the_same(c):
    c.user("gwen", ["dev"])

    def guess(user, password):
        return c.log_in(user, password=password, check=False)

    costs = {"gwen": 0, "nobody-at-all": 0}
    for _ in range(4):
        for user in costs:
            before = processor_ticks(c.authd.child.pid)
            out = guess(user, "wrong")
            assert out.returncode != 0 and "wrong user name or password" in out.stderr, out
            costs[user] += processor_ticks(c.authd.child.pid) - before
    known, unknown = costs.values()
    assert min(known, unknown) >= 8 and 1 / 2 < known / unknown < 2, costs
    c.log_in("gwen")  # forgets the four
    for _ in range(5):
        guess("gwen", "wrong")
    out = guess("gwen", PASSWORD)
    assert out.returncode != 0 and "after 5 failed logins" in out.stderr, out
    status = c.call("GetResource", {"kind": "user", "name": "gwen"})["user"]["spec"]["status"]
    assert status["is_locked"], status
    run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), "users", "unlock", "gwen")
    c.log_in("gwen")


if __name__ == "__main__":
    story([
        a_certificate_of_a_foreign_authority_is_none, a_hosts_authority_certifies_no_person,
        a_certificate_of_another_cluster_is_none, a_revoked_certificate_is_none,
        a_login_that_is_not_in_the_certificate_is_refused,
        a_login_that_no_role_gives_any_more_is_refused, a_node_without_the_label_is_refused,
        node_and_login_must_come_from_one_role, deny_beats_allow,
        a_locked_user_is_refused_at_every_door,
        guessing_locks_for_20_minutes_and_unknown_names_cost_the_same,
        an_expired_certificate_is_none,
    ], setup=set_up)
