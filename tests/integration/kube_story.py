"""The story that kube.sh tells: what kubeproxyd lets whom do, seen from both of its sides."""

import hashlib
import json
import os
import ssl
import subprocess
import time

from callers import host_authority, of_host
from cluster import run, story, wait_for
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


def kubectls_discovery_gets_words_that_it_prints(c):
    accept = ["-H", "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
              "application/json"]
    status, text = c.kube.curl("frank", "/api", *accept)
    assert status == 403 and text == "'frank' has no assigned groups or users", text


def roles_narrow_what_may_be_asked_for(c):
    c.call("PutResource", {"replace": True, "resource": {"role": {
        "kind": "role", "version": "v7", "metadata": {"name": "narrow"}, "spec": {
            "allow": {"kubernetes_groups": ["devs"], "kubernetes_labels": {"*": ["*"]},
                      "kubernetes_resources": [
                          {"kind": "pod", "namespace": "default", "name": "web-*",
                           "verbs": ["get", "exec"]},
                          {"kind": "configmap", "namespace": "*", "name": "*",
                           "verbs": ["list"]}]}}}}})
    c.user("nick", ["narrow"])
    c.log_in("nick")
    c.kube.get("nick", PODS + "/web-1")
    c.kube.get("nick", "/api/v1/configmaps")
    c.kube.get("nick", "/api/v1/namespaces/default")
    c.kube.get("nick", "/apis")
    for path, said in ((PODS, "lists are not filtered"), (PODS + "/db", "no role allows 'get'"),
                       ("/api/v1/secrets", "every secret"),
                       ("/api/v1/namespaces/other/pods/web-1", "no role allows"),
                       (PODS + "/web-1/portforward", "'portforward'"),
                       ("/api/v1/configmaps?watch=1", "'watch'")):
        assert said in c.kube.refused(403, "nick", path), path


def what_a_client_says_of_itself_does_not_pass(c):
    got = headers_at_the_api_server(
        c, "erin", "-H", "Authorization: Bearer mine", "-H", "X-Forwarded-For: 1.2.3.4", "-H",
        "X-Remote-User: root", "-H", "Connection: close, x-gone", "-H", "X-Gone: yes", "-H",
        "TE: trailers", "-H", "X-Kept: yes", "-H", "Cookie: a=b")
    assert got["x-kept"] == ["yes"] and got["x-forwarded-for"] == ["127.0.0.1"], got
    for name in ("authorization", "x-remote-user", "x-gone", "te", "cookie"):
        assert name not in got, got


# --- what streams --------------------------------------------------------------------------------

BOTH = ("--http1.1", "--http2")


def bodies_arrive_whole_both_ways(c):
    data = os.urandom(3 << 20)
    with open(c.path("body"), "wb") as f:
        f.write(data)
    want = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    for protocol in BOTH:
        for framing in ([], ["-H", "Transfer-Encoding: chunked"]):
            status, text = c.kube.curl("erin", PODS, "-X", "POST", "--data-binary",
                                       "@" + c.path("body"), *framing, protocol=protocol)
            assert status == 201 and json.loads(text) == want, (protocol, framing, text)


def both_protocols_say_the_same(c):
    for options in ([], ["-I"], ["-X", "DELETE"], ["-X", "OPTIONS"], ["-X", "PATCH", "-d", "{}"]):
        answers = [c.kube.curl("erin", PODS, *options, protocol=p)[0] for p in BOTH]
        assert answers in ([200, 200], [201, 201]), (options, answers)
    for protocol in BOTH:
        assert "no assigned" in c.kube.refused(403, "frank", PODS, protocol=protocol)
        assert "dot segment" in c.kube.refused(400, "erin", "/api/v1/../x", "--path-as-is",
                                               protocol=protocol)
        version = run(*c.kube.curl_argv("erin", "/version", protocol, "-o", "/dev/null", "-w",
                                        "%{http_version}")).stdout
        assert version == protocol[-len(version):], version


def a_list_of_50_mb_streams_in_bounded_memory(c):
    piece = os.urandom(1 << 20)
    want = hashlib.sha256(piece * 50).hexdigest()

    def chunked(h, _):
        h.begin_chunks()
        for _ in range(50):
            h.chunk(piece)
        h.chunk(b"")

    def whole(h, _):
        h.send_response(200)
        h.send_header("Content-Length", str(50 << 20))
        h.end_headers()
        for _ in range(50):
            h.wfile.write(piece)

    c.fake.paths["/api/v1/chunked"], c.fake.paths["/api/v1/whole"] = chunked, whole
    before = c.kube.resident_kb()
    for protocol in BOTH:
        for path in "/api/v1/chunked", "/api/v1/whole":
            argv = c.kube.curl_argv("erin", path, protocol)
            got = subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=60).stdout
            assert hashlib.sha256(got).hexdigest() == want, (protocol, path, len(got))
    assert c.kube.resident_kb() - before < 8192, (before, c.kube.resident_kb())


def who_reads_slowly_holds_back_nobody_else(c):
    sent = []

    def endless(h, _):
        h.begin_chunks()
        for _ in range(200):
            h.chunk(b"x" * (1 << 20))
            sent.append(1)

    c.fake.paths["/api/v1/endless"] = endless
    before = c.kube.resident_kb()
    slow = [subprocess.Popen(c.kube.curl_argv("erin", "/api/v1/endless", p, "--limit-rate", "1"),
                             stdout=subprocess.PIPE) for p in BOTH]
    wait_for("something to be sent", lambda: sent)
    for protocol in BOTH:
        c.kube.get("erin", PODS, protocol=protocol)
    assert c.kube.resident_kb() - before < 16384, (before, c.kube.resident_kb())
    for child in slow:
        child.kill()
        child.communicate()
    assert len(sent) < 100, len(sent)


class Watch:
    """One kubectl get -w."""

    def __init__(self, c, user, protocol="--http1.1"):
        self.child = subprocess.Popen(
            c.kube.curl_argv(user, PODS + "?watch=1", protocol, "-N"), stdout=subprocess.PIPE,
            text=True)

    def next(self):
        return json.loads(self.child.stdout.readline())

    def ended(self):
        """What came behind the last event, and curl's status."""
        rest = self.child.stdout.read()
        return rest, self.child.wait(timeout=20)


def events_of_a_watch_come_at_once(c):
    for protocol in BOTH:
        watch = Watch(c, "erin", protocol)
        at = len(c.fake.happened)
        for _ in range(at):
            watch.next()
        for n in range(3):
            c.fake.happen({"n": n})
            assert watch.next() == {"n": n}
        watch.child.kill()
        watch.ended()


def two_hundred_watches_fit(c):
    before = c.kube.resident_kb()
    watches = [Watch(c, "erin", BOTH[n % 2]) for n in range(200)]
    c.fake.happen({"n": "all"})
    for watch in watches:
        while watch.next()["n"] != "all":
            pass
    grown = c.kube.resident_kb() - before
    print(f"    200 watches: {grown} KB")
    assert grown < 40 * 1024, grown
    for watch in watches:
        watch.child.kill()
        watch.ended()


# --- what ends -----------------------------------------------------------------------------------


def lock(c, user):
    c.call("PutResource", {"resource": {"lock": {
        "kind": "lock", "metadata": {"name": "of-" + user},
        "spec": {"target": {"user": user}, "message": "found a laptop"}}}})


def a_change_of_roles_and_a_lock_cut_what_is_open(c):
    for protocol in BOTH:
        c.role("passing", {"kubernetes_groups": ["devs"], "kubernetes_labels": {"*": ["*"]}})
        user = "paul" + protocol[-1]
        c.user(user, ["passing"])
        c.log_in(user)
        watch = Watch(c, user, protocol)
        c.fake.happen({"n": user})
        while watch.next()["n"] != user:
            pass
        c.role("passing", {"kubernetes_groups": ["others"], "kubernetes_labels": {"*": ["*"]}})
        rest, status = watch.ended()
        assert rest == "" and status != 0, (protocol, rest, status)
        watch = Watch(c, user, protocol)
        while watch.next()["n"] != user:
            pass
        lock(c, user)
        assert watch.ended()[1] != 0
        assert "found a laptop" in c.kube.refused(403, user, PODS, protocol=protocol)


def silence_ends_a_watch_where_a_role_says_so(c):
    c.role("brisk", {"kubernetes_groups": ["devs"], "kubernetes_labels": {"*": ["*"]}},
           options={"client_idle_timeout": "500ms"})
    c.user("bea", ["brisk"])
    c.log_in("bea")
    watch = Watch(c, "bea")
    start = time.monotonic()
    rest, status = watch.ended()
    assert status != 0 and 0.4 < time.monotonic() - start < 10, (rest, status)


# --- what the API server may not do ---------------------------------------------------------------


def its_own_errors_pass_untouched(c):
    own = {"kind": "Status", "status": "Failure", "message": "pods is forbidden", "code": 403,
           "details": {"kind": "pods"}}
    c.fake.paths["/api/v1/forbidden"] = lambda h, _: h.answer(own, 403, [("Audit-Id", "7")])
    for protocol in BOTH:
        status, text = c.kube.curl("erin", "/api/v1/forbidden", "-D", c.path("head"),
                                   protocol=protocol)
        assert status == 403 and json.loads(text) == own, text
        with open(c.path("head")) as f:
            assert "audit-id: 7" in f.read().lower()


def a_hostile_api_server_harms_nobody(c):
    def raw(data):
        def answer(h, _):
            h.wfile.write(data)
            h.close_connection = True
        return answer

    def endless_headers(h, _):
        h.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for n in range(100000):
            h.wfile.write(b"x-%d: %s\r\n" % (n, b"y" * 1000))

    head = b"HTTP/1.1 200 OK\r\n"
    rows = {"smuggle": raw(head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "twice": raw(head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
            "nonsense": raw(b"SSH-2.0-x\r\n\r\n"), "nothing": raw(b""),
            "unasked": raw(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            "folded": raw(head + b"A: b\r\n c\r\n\r\n"), "headers": endless_headers}
    for name, answer in rows.items():
        c.fake.paths["/api/v1/" + name] = answer
        for protocol in BOTH:
            c.kube.refused(503 if name == "nothing" else 502, "erin", "/api/v1/" + name,
                           protocol=protocol)
    torn = raw(head + b"Content-Length: 100\r\n\r\nhalf")
    c.fake.paths["/api/v1/torn"] = torn
    for protocol in BOTH:
        out = run(*c.kube.curl_argv("erin", "/api/v1/torn", protocol), check=False)
        assert out.returncode != 0, "half an answer was taken for a whole one"
    c.kube.get("erin", PODS)


def what_happened_is_in_the_audit_log(c):
    path = PODS + "/audited"
    c.kube.get("erin", path + "?x=1")
    c.kube.refused(403, "frank", path)
    c.kube.curl("erin", "/apis/apps/v1/namespaces/a/deployments/d/scale", "-X", "PUT", "-d", "{}")
    rows = wait_for("the events", lambda: (lambda e: e if len(e) > 2 else None)(
        [e for e in c.audit("kube.request") if e["request_path"] == path or
         e.get("resource_kind") == "deployments/scale"]))
    done, refused, scaled = rows
    for key, value in {"code": "T3009I", "user": "erin", "login": "erin", "verb": "GET",
                       "resource_api_group": "core/v1", "resource_namespace": "default",
                       "resource_kind": "pods", "resource_name": "audited", "response_code": 200,
                       "kubernetes_cluster": "lab", "kubernetes_users": ["erin"],
                       "kubernetes_groups": ["devs", "system:authenticated"]}.items():
        assert done[key] == value, (key, done)
    assert refused["user"] == "frank" and refused["response_code"] == 403, refused
    assert "no assigned groups" in refused["error"], refused
    assert scaled["resource_api_group"] == "apps/v1" and scaled["response_code"] == 201, scaled
    cut = wait_for("the disconnections", lambda: [
        e for e in c.audit("client.disconnect") if e.get("kubernetes_cluster")])
    reasons = " ".join(e["reason"] for e in cut)
    for word in ("idle timeout of 500ms", "no role allows", "found a laptop"):
        assert word in reasons, reasons


# --- how it is set up -----------------------------------------------------------------------------


def what_the_api_server_does_not_allow_is_said_at_the_start(c):
    c.kube.daemon.wait_log('event="impersonation is allowed"')
    poor = FakeKubernetes()
    poor.may_impersonate = {"users"}
    other = Kube(c, poor.start(c, "poor").kubeconfig(c, "poor.conf"), "poor").start()
    other.daemon.wait_log("may not impersonate groups, serviceaccounts")
    assert other.curl("erin", "/version")[0] == 200
    other.daemon.stop()


def a_token_is_read_anew_and_a_plugin_refused(c):
    path = c.write("kube-token", "first\n")
    conf = c.fake.kubeconfig(c, "token.conf", {"tokenFile": path})
    other = Kube(c, conf, "token").start()
    got = dict(other.get("erin", PODS)["headers"])
    assert got["authorization"] == "Bearer first", got
    c.write("kube-token", "second\n")
    wait_for("the new token", lambda: dict(other.get("erin", PODS)["headers"])["authorization"] ==
             "Bearer second")
    other.daemon.stop()
    other.kubeconfig = c.fake.kubeconfig(c, "token.conf", {"exec": {"command": "aws"}})
    out = run(c.lib + "/kubeproxyd", "--config", other.conf, check=False)
    assert out.returncode == 1 and "exec plugin" in out.stderr, out


def an_api_server_of_tls_1_3_only_is_told_apart(c):
    modern = FakeKubernetes(ssl.TLSVersion.TLSv1_3).start(c, "modern")
    other = Kube(c, modern.kubeconfig(c, "modern.conf"), "modern").start()
    assert "TLS 1.3 only" in other.refused(503, "erin", PODS)
    other.daemon.wait_log("--tls-min-version=VersionTLS12")
    other.daemon.stop()


story([
    people_act_as_their_roles_say,
    people_choose_among_what_they_are_allowed,
    everything_else_is_refused,
    a_denial_in_any_role_beats_what_others_allow,
    who_may_not_act_here_hears_why,
    kubectls_discovery_gets_words_that_it_prints,
    roles_narrow_what_may_be_asked_for,
    what_a_client_says_of_itself_does_not_pass,
    bodies_arrive_whole_both_ways,
    both_protocols_say_the_same,
    a_list_of_50_mb_streams_in_bounded_memory,
    who_reads_slowly_holds_back_nobody_else,
    events_of_a_watch_come_at_once,
    two_hundred_watches_fit,
    a_change_of_roles_and_a_lock_cut_what_is_open,
    silence_ends_a_watch_where_a_role_says_so,
    its_own_errors_pass_untouched,
    a_hostile_api_server_harms_nobody,
    what_happened_is_in_the_audit_log,
    what_the_api_server_does_not_allow_is_said_at_the_start,
    a_token_is_read_anew_and_a_plugin_refused,
    an_api_server_of_tls_1_3_only_is_told_apart,
], setup=set_up, door=False)
