"""What roles limit: where a certificate may be used from, and how they are explained.

Roles that let somebody in at all are in denials.py, limits of what is open in live.py.
"""

import callers
from cluster import run, story
from denials import ANYWHERE, direct, gets_in, of, refused_because, stays_out

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


if __name__ == "__main__":
    story([
        a_pinned_certificate_is_of_use_from_its_address_only,
        nobody_issues_a_certificate_that_would_have_to_be_pinned_to_nowhere,
    ], setup=callers.prepare)
