"""The story that kube.sh tells: what kubeproxyd lets whom do, seen from both of its sides."""

import hashlib
import json
import os

from callers import host_authority, of_host
from cluster import story
from fake_kubernetes import FakeKubernetes
from kube_daemon import Kube

PODS = "/api/v1/namespaces/default/pods"


def set_up(c):
    c.ca = c.write("host-ca.pem", host_authority(c)["tls"][0]["cert"])
    c.role("kube", {"kubernetes_groups": ["devs"], "kubernetes_labels": {"env": ["test"]}})
    c.role("two", {"kubernetes_groups": ["devs", "ops"], "kubernetes_users": ["jane", "john"],
                   "kubernetes_labels": {"*": ["*"]}})
    c.role("no-ops", {}, {"kubernetes_groups": ["ops"]})
    c.role("elsewhere", {"kubernetes_groups": ["devs"], "kubernetes_labels": {"env": ["prod"]}})
    for user, roles in (("erin", ["kube"]), ("tess", ["two"]), ("nora", ["two", "no-ops"]),
                        ("frank", ["elsewhere"])):
        c.user(user, roles)
        c.log_in(user)
    c.fake = FakeKubernetes().start(c)
    c.kube = Kube(c, c.fake.kubeconfig(c)).start()


def headers_at_the_api_server(c, user, *options, **kw):
    got = c.kube.get(user, PODS, *options, **kw)["headers"]
    return {name: sorted(v for k, v in got if k == name) for name, _ in got}


# --- who -----------------------------------------------------------------------------------------


def people_act_as_their_roles_say(c):
    got = headers_at_the_api_server(c, "erin")
    assert got["impersonate-user"] == ["erin"], got
    assert got["impersonate-group"] == ["devs", "system:authenticated"], got
    assert got["host"] == [f"127.0.0.1:{c.fake.port}"], got
    assert got["x-forwarded-proto"] == ["https"] and got["x-forwarded-for"] == ["127.0.0.1"], got


def people_choose_among_what_they_are_allowed(c):
    got = headers_at_the_api_server(c, "tess", "-H", "Impersonate-User: jane")
    assert got["impersonate-user"] == ["jane"], got
    assert got["impersonate-group"] == ["devs", "ops", "system:authenticated"], got
    got = headers_at_the_api_server(c, "tess", "-H", "Impersonate-User: john", "-H",
                                    "Impersonate-Group: ops", "-H", "impersonate-group: ops")
    assert got["impersonate-user"] == ["john"] and got["impersonate-group"] == ["ops"], got


def everything_else_is_refused(c):
    denied = "impersonation request has been denied"
    for user, *headers in (
            ("tess",), ("tess", "Impersonate-User: root"), ("erin", "Impersonate-User: jane"),
            ("erin", "Impersonate-Group: system:masters"),
            ("erin", "Impersonate-Uid: 1"), ("erin", "Impersonate-Extra-Scopes: all"),
            ("tess", "Impersonate-User: jane", "Impersonate-User: john"),
            ("nora", "Impersonate-User: jane", "Impersonate-Group: ops")):
        options = [o for h in headers for o in ("-H", h)]
        assert denied in c.kube.refused(403, user, PODS, *options), (user, headers)
    assert "--as" in c.kube.refused(403, "tess", PODS)


def a_denial_in_any_role_beats_what_others_allow(c):
    got = headers_at_the_api_server(c, "nora", "-H", "Impersonate-User: jane")
    assert got["impersonate-group"] == ["devs", "system:authenticated"], got


def who_may_not_act_here_hears_why(c):
    assert "tsh login" in c.kube.refused(401, None, PODS)
    assert "no assigned groups or users" in c.kube.refused(403, "frank", PODS)
    assert "no assigned groups or users" in c.kube.refused(403, "frank", "/version")
    node = of_host(c, "proxy", c.path("proxyd"))
    assert "load balancer" in c.kube.refused(403, node, PODS)


def what_a_client_says_of_itself_does_not_pass(c):
    got = headers_at_the_api_server(
        c, "erin", "-H", "Authorization: Bearer mine", "-H", "X-Forwarded-For: 1.2.3.4", "-H",
        "X-Remote-User: root", "-H", "Connection: close, x-gone", "-H", "X-Gone: yes", "-H",
        "TE: trailers", "-H", "X-Kept: yes", "-H", "Cookie: a=b")
    assert got["x-kept"] == ["yes"] and got["x-forwarded-for"] == ["127.0.0.1"], got
    for name in ("authorization", "x-remote-user", "x-gone", "te", "cookie"):
        assert name not in got, got


# --- what streams --------------------------------------------------------------------------------


def bodies_arrive_whole_both_ways(c):
    data = os.urandom(3 << 20)
    with open(c.path("body"), "wb") as f:
        f.write(data)
    want = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    for framing in ([], ["-H", "Transfer-Encoding: chunked"]):
        status, text = c.kube.curl("erin", PODS, "-X", "POST", "--data-binary",
                                   "@" + c.path("body"), *framing)
        assert status == 201 and json.loads(text) == want, text


story([
    people_act_as_their_roles_say,
    people_choose_among_what_they_are_allowed,
    everything_else_is_refused,
    a_denial_in_any_role_beats_what_others_allow,
    who_may_not_act_here_hears_why,
    what_a_client_says_of_itself_does_not_pass,
    bodies_arrive_whole_both_ways,
], setup=set_up, door=False)
