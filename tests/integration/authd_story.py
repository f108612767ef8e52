"""The story that authd.sh tells: who may do what with a cluster's authd, and what survives."""

import getpass
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid

import grpc

import auth_pb2 as pb
import resource_pb2 as res
from authd_clients import (Keys, Watcher, join, log_in, private_halves, refused, role, run, say,
                           told_about, trust)
from authd_daemon import Daemon

PROGRAM, WORK = sys.argv[1], sys.argv[2]


# --- chapters --------------------------------------------------------------------------------------


def first_start(daemon):
    daemon.start()
    admin = daemon.local()
    ping = admin.Ping(pb.PingRequest())
    assert ping.cluster_name == "example" and len(ping.ca_pins) == 1
    trust(daemon, admin)
    spki = subprocess.run(f"openssl x509 -in {daemon.ca_file} -pubkey -noout | "
                          "openssl pkey -pubin -outform der | sha256sum", shell=True,
                          capture_output=True, text=True).stdout.split()[0]
    assert ping.ca_pins[0] == "sha256:" + spki
    names = [r.role.metadata.name
             for r in admin.ListResources(pb.ListResourcesRequest(kind="role")).resources]
    assert names == ["access", "auditor", "editor"], names
    assert oct(os.stat(f"{WORK}/authd.sock").st_mode)[-3:] == "660"
    assert oct(os.stat(f"{WORK}/data").st_mode)[-3:] == "700"
    assert oct(os.stat(f"{WORK}/data/tickets").st_mode)[-3:] == "600"
    say("the first start made the cluster, its authorities and preset roles")
    return admin


def same_calls_everywhere(daemon):
    status, answer = daemon.curl_local("Ping", {})
    assert status == 200 and answer["cluster_name"] == "example"
    status, answer = daemon.curl_remote("Ping", {}, "--cacert", daemon.ca_file)
    assert status == 200 and answer["cluster_name"] == "example"
    assert daemon.remote(daemon.ca).Ping(pb.PingRequest()).cluster_name == "example"
    status, _ = daemon.curl_remote("Ping", {})
    assert status == 0, "curl believed a certificate that no system root signed"
    status, answer = daemon.curl_local("Fly", {})
    assert status in (404, 501), status
    say("gRPC and JSON answer the same, over the socket and over TLS")


def resources(daemon, admin):
    for i in range(25):
        admin.PutResource(pb.PutResourceRequest(resource=role(f"r{i:02}", team=f"t{i % 2}")))
    refused(grpc.StatusCode.ALREADY_EXISTS, admin.PutResource,
            pb.PutResourceRequest(resource=role("r00")))
    seen, start = [], ""
    while True:
        page = admin.ListResources(pb.ListResourcesRequest(
            kind="role", page_size=10, page_start=start))
        seen += [r.role.metadata.name for r in page.resources]
        start = page.next_page
        if not start:
            break
    assert len(seen) == 28 and len(set(seen)) == 28 and seen == sorted(seen)
    page = admin.ListResources(pb.ListResourcesRequest(kind="role", labels={"team": "t1"}))
    assert len(page.resources) == 12
    page = admin.ListResources(pb.ListResourcesRequest(kind="role", search="R1 team=t0"))
    assert len(page.resources) == 5, len(page.resources)
    old = admin.GetResource(pb.GetResourceRequest(kind="role", name="r03"))
    old.role.metadata.description = "changed"
    admin.PutResource(pb.PutResourceRequest(resource=old, replace=True))
    old.role.metadata.description = "changed again"
    details = refused(grpc.StatusCode.FAILED_PRECONDITION, admin.PutResource,
                      pb.PutResourceRequest(resource=old, replace=True))
    assert "has changed" in details
    admin.DeleteResource(pb.DeleteResourceRequest(kind="role", name="r04"))
    refused(grpc.StatusCode.NOT_FOUND, admin.GetResource,
            pb.GetResourceRequest(kind="role", name="r04"))
    refused(grpc.StatusCode.PERMISSION_DENIED, admin.DeleteResource,
            pb.DeleteResourceRequest(kind="cert_authority", sub_kind="user", name="example"))
    say("resources are put, listed in pages, filtered, and changed under their revisions")


def users_may_what_their_roles_say(daemon, admin):
    alice = daemon.remote(daemon.ca, *log_in(daemon, admin, "alice", ["access"]).pair())
    ed = daemon.remote(daemon.ca, *log_in(daemon, admin, "ed", ["editor"]).pair())
    refused(grpc.StatusCode.PERMISSION_DENIED, alice.PutResource,
            pb.PutResourceRequest(resource=role("mine")))
    refused(grpc.StatusCode.PERMISSION_DENIED, alice.CreateUser, pb.CreateUserRequest(name="x"))
    refused(grpc.StatusCode.PERMISSION_DENIED, alice.CreateToken,
            pb.CreateTokenRequest(roles=["Node"]))
    refused(grpc.StatusCode.PERMISSION_DENIED, alice.EmitAudit, pb.EmitAuditRequest())
    refused(grpc.StatusCode.PERMISSION_DENIED, ed.IssueUserCertificate,
            pb.IssueUserCertificateRequest(user="alice"))
    own = alice.GetResource(pb.GetResourceRequest(kind="user", name="alice"))
    assert list(own.user.spec.roles) == ["access"]
    refused(grpc.StatusCode.NOT_FOUND, alice.GetResource,
            pb.GetResourceRequest(kind="user", name="ed"))
    users = alice.ListResources(pb.ListResourcesRequest(kind="user")).resources
    assert [u.user.metadata.name for u in users] == ["alice"]
    ed.PutResource(pb.PutResourceRequest(resource=role("by-ed")))
    refused(grpc.StatusCode.FAILED_PRECONDITION, ed.DeleteResource,
            pb.DeleteResourceRequest(kind="role", name="access"))
    say("users may what their roles say, and no more")
    return alice, ed


def a_name_adds_no_role(daemon, admin):
    name = "mallory,O=editor"
    keys = log_in(daemon, admin, name, ["access"])
    subject = run("openssl", "x509", "-in", keys.cert, "-noout", "-subject",
                  "-nameopt", "multiline,utf8").decode()
    organizations = [line for line in subject.splitlines() if "organizationName" in line]
    assert len(organizations) == 1 and "access" in organizations[0], subject
    mallory = daemon.remote(daemon.ca, *keys.pair())
    refused(grpc.StatusCode.PERMISSION_DENIED, mallory.PutResource,
            pb.PutResourceRequest(resource=role("hers")))
    say("a user named 'mallory,O=editor' is no editor")


def without_or_with_a_wrong_certificate(daemon):
    anonymous = daemon.remote(daemon.ca)
    refused(grpc.StatusCode.UNAUTHENTICATED, anonymous.ListResources,
            pb.ListResourcesRequest(kind="role"))
    refused(grpc.StatusCode.UNAUTHENTICATED, anonymous.Announce, pb.AnnounceRequest())
    forged = Keys(WORK, "forged")
    run("openssl", "req", "-x509", "-new", "-key", forged.key, "-subj", "/O=editor/CN=ed",
        "-days", "1", "-out", forged.cert)
    refused(grpc.StatusCode.UNAVAILABLE, daemon.remote(daemon.ca, *forged.pair()).Ping,
            pb.PingRequest())
    status, answer = daemon.curl_remote("ListResources", {"kind": "role"}, "--cacert",
                                        daemon.ca_file)
    assert status == 401 and answer["code"] == "UNAUTHENTICATED", (status, answer)
    say("no certificate is anonymous, a wrong one ends the connection")


def keeps_alive(stub, request, timeout=10):
    """The answer to one keep-alive."""
    return next(stub.KeepAlive(iter([request]), timeout=timeout))


def hosts_speak_for_themselves(daemon, admin):
    host, keys = join(daemon, admin, "Node")
    node = daemon.remote(daemon.ca, *keys.pair())
    record = res.Node()
    record.metadata.name = host
    record.metadata.labels["env"] = "prod"
    record.spec.hostname, record.spec.addr = "web-1", "127.0.0.1:3022"
    record.spec.ttl = 10**12  # not the host's to say
    assert node.Announce(pb.AnnounceRequest(node=record, ttl=60000)).ttl == 60000
    stored = admin.GetResource(pb.GetResourceRequest(kind="node", name=host)).node
    assert (stored.spec.hostname, stored.spec.ttl) == ("web-1", 60000)
    node.Announce(pb.AnnounceRequest(node=record, ttl=60000))
    again = admin.GetResource(pb.GetResourceRequest(kind="node", name=host)).node
    assert again.metadata.revision == stored.metadata.revision, "the same record was written twice"
    record.metadata.labels["env"] = "test"
    node.Announce(pb.AnnounceRequest(node=record))
    changed = admin.GetResource(pb.GetResourceRequest(kind="node", name=host)).node
    assert changed.metadata.revision != stored.metadata.revision
    assert changed.metadata.labels["env"] == "test" and changed.spec.ttl == 600000

    leaving, leaving_keys = join(daemon, admin, "Node")
    other = daemon.remote(daemon.ca, *leaving_keys.pair())
    record.metadata.name = leaving
    other.Announce(pb.AnnounceRequest(node=record))
    refused(grpc.StatusCode.PERMISSION_DENIED, node.Announce, pb.AnnounceRequest(node=record))
    keep_alive = pb.KeepAliveRequest(name=leaving)
    assert keeps_alive(other, keep_alive).known
    refused(grpc.StatusCode.PERMISSION_DENIED, keeps_alive, node, keep_alive)
    refused(grpc.StatusCode.PERMISSION_DENIED, keeps_alive, admin, keep_alive)
    refused(grpc.StatusCode.UNAUTHENTICATED, keeps_alive, daemon.remote(daemon.ca), keep_alive)
    session = res.Session()
    session.metadata.name = str(uuid.uuid4())
    session.spec.user, session.spec.login = "alice", "root"
    session.spec.node_id, session.spec.started = str(uuid.uuid4()), 1
    refused(grpc.StatusCode.PERMISSION_DENIED, node.PutSession,
            pb.PutSessionRequest(session=session))
    refused(grpc.StatusCode.PERMISSION_DENIED, node.PutResource,
            pb.PutResourceRequest(resource=role("nodes-own")))
    refused(grpc.StatusCode.PERMISSION_DENIED, node.ListResources,
            pb.ListResourcesRequest(kind="token"))
    refused(grpc.StatusCode.PERMISSION_DENIED, node.DeleteResource,
            pb.DeleteResourceRequest(kind="node", name=leaving))
    other.DeleteResource(pb.DeleteResourceRequest(kind="node", name=leaving))
    refused(grpc.StatusCode.NOT_FOUND, admin.GetResource,
            pb.GetResourceRequest(kind="node", name=leaving))
    refused(grpc.StatusCode.UNAUTHENTICATED, daemon.remote(daemon.ca, *leaving_keys.pair())
            .ListResources, pb.ListResourcesRequest(kind="role"))
    other_id, keys_of_other = join(daemon, admin, "Node")
    other = daemon.remote(daemon.ca, *keys_of_other.pair())
    say("a node announces itself, and speaks for no other; removed, it is nobody")

    session.spec.node_id = host
    node.PutSession(pb.PutSessionRequest(session=session))
    admin.KillSession(pb.KillSessionRequest(session_id=session.metadata.name))
    node.PutSession(pb.PutSessionRequest(session=session))
    live = admin.GetResource(pb.GetResourceRequest(
        kind="session", name=session.metadata.name)).session
    assert live.spec.terminate, "the node's word hid that the session is to end"
    refused(grpc.StatusCode.PERMISSION_DENIED, other.PutSession,
            pb.PutSessionRequest(session=session))
    session.spec.ended = 2
    node.PutSession(pb.PutSessionRequest(session=session))
    session.spec.ended = 0  # a word that comes late
    node.PutSession(pb.PutSessionRequest(session=session))
    session.spec.ended = 2
    refused(grpc.StatusCode.FAILED_PRECONDITION, admin.KillSession,
            pb.KillSessionRequest(session_id=session.metadata.name))
    say("a session's record is its node's, but for the wish to end it")
    only_its_node_sees_a_session(node, other, other_id, session)
    return host, keys, node


def only_its_node_sees_a_session(node, other, other_id, session):
    asked = pb.GetResourceRequest(kind="session", name=session.metadata.name)
    assert node.GetResource(asked).session.spec.user == "alice"
    refused(grpc.StatusCode.NOT_FOUND, other.GetResource, asked)
    assert not other.ListResources(pb.ListResourcesRequest(kind="session")).resources
    eyes = Watcher(other, ["session"])
    eyes.wait(lambda e: e.type == pb.WatchEvent.SYNCED)
    node.PutSession(pb.PutSessionRequest(session=session))
    session.metadata.name, session.spec.node_id = str(uuid.uuid4()), other_id
    other.PutSession(pb.PutSessionRequest(session=session))
    own = eyes.wait(lambda e: e.type == pb.WatchEvent.PUT)
    assert own.resource.session.metadata.name == session.metadata.name, own
    assert not any(e.type == pb.WatchEvent.DELETE for e in eyes.events), eyes.events
    say("a node sees its own sessions and no others")


def private_keys_stay(daemon, admin, ed, node):
    for caller in (admin, ed, node):
        for kind in ("user", "host"):
            request = pb.GetResourceRequest(kind="cert_authority", sub_kind=kind, name="example",
                                            with_secrets=caller is admin)
            ca = caller.GetResource(request).cert_authority
            assert len(ca.spec.active_keys.tls) == 1 and not any(private_halves(ca))
    page = admin.ListResources(pb.ListResourcesRequest(kind="cert_authority", with_secrets=True))
    assert len(page.resources) == 2
    assert not any(h for r in page.resources for h in private_halves(r.cert_authority))
    refused(grpc.StatusCode.PERMISSION_DENIED, node.GetResource, pb.GetResourceRequest(
        kind="cert_authority", sub_kind="user", name="example", with_secrets=True))
    say("the authorities' private keys leave authd to nobody")


def locks_end_connections(daemon, admin, alice):
    w = Watcher(alice, ["role"])
    w.wait(lambda e: e.type == pb.WatchEvent.SYNCED)
    lock = res.Resource()
    lock.lock.metadata.name = str(uuid.uuid4())
    lock.lock.spec.target.user, lock.lock.spec.message = "alice", "under investigation"
    stored = admin.PutResource(pb.PutResourceRequest(resource=lock)).lock
    assert stored.spec.created_by == getpass.getuser() and stored.spec.created_at > 0
    w.wait_end()
    details = refused(grpc.StatusCode.PERMISSION_DENIED, alice.Ping, pb.PingRequest())
    assert "under investigation" in details, details
    admin.DeleteResource(pb.DeleteResourceRequest(kind="lock", name=lock.lock.metadata.name))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            alice.Ping(pb.PingRequest(), timeout=5, wait_for_ready=True)
            break
        except grpc.RpcError:
            pass
    else:
        raise AssertionError("still locked out")
    say("a lock ends open connections and keeps new ones out")


def removed_users_are_nobody(daemon, admin):
    keys = log_in(daemon, admin, "bob", ["access"])
    bob = daemon.remote(daemon.ca, *keys.pair())
    bob.Ping(pb.PingRequest())
    w = Watcher(bob, ["role"])
    w.wait(lambda e: e.type == pb.WatchEvent.SYNCED)
    admin.DeleteResource(pb.DeleteResourceRequest(kind="user", name="bob"))
    w.wait_end()
    details = refused(grpc.StatusCode.UNAUTHENTICATED,
                      daemon.remote(daemon.ca, *keys.pair()).Ping, pb.PingRequest())
    assert "no user 'bob'" in details, details
    say("a removed user is nobody, whatever certificates are still about")


def role_changes_reach_open_connections(daemon, admin):
    dora = daemon.remote(daemon.ca, *log_in(daemon, admin, "dora", ["by-ed"]).pair())
    refused(grpc.StatusCode.PERMISSION_DENIED, dora.CreateToken,
            pb.CreateTokenRequest(roles=["Node"]))
    changed = role("by-ed")
    changed.role.spec.allow.rules.add(resources=["token"], verbs=["create"])
    admin.PutResource(pb.PutResourceRequest(resource=changed, replace=True))
    dora.CreateToken(pb.CreateTokenRequest(roles=["Node"]))
    w = Watcher(dora, ["node"])
    w.wait(lambda e: e.type == pb.WatchEvent.SYNCED)
    changed.role.spec.deny.rules.add(resources=["node"], verbs=["*"])
    admin.PutResource(pb.PutResourceRequest(resource=changed, replace=True))
    host, keys = join(daemon, admin, "Node")
    record = res.Node()
    record.metadata.name, record.spec.hostname = host, "db-1"
    daemon.remote(daemon.ca, *keys.pair()).Announce(pb.AnnounceRequest(node=record))
    assert w.wait_end().code() == grpc.StatusCode.UNAVAILABLE
    assert not any(e.resource.HasField("node") and e.resource.node.metadata.name == host
                   for e in w.events)
    say("a changed role counts at the next call")


def one_is_found_among_thousands(daemon, admin):
    names = [f"z{i:04}" for i in range(2500)]
    start = time.monotonic()
    calls = [admin.PutResource.future(pb.PutResourceRequest(
        resource=role(name, hit="yes" if name == "z2400" else "no"))) for name in names]
    for call in calls:
        call.result(timeout=60)
    rate = len(names) / (time.monotonic() - start)
    found, at = [], None
    while at != "":
        page = admin.ListResources(pb.ListResourcesRequest(
            kind="role", labels={"hit": "yes"}, page_start=at))
        found += [r.role.metadata.name for r in page.resources]
        at = page.next_page
    assert found == ["z2400"], found
    say(f"one is found among thousands ({rate:.0f} durable puts a second)")


def openssl(daemon, keys, *options):
    out = subprocess.run(["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{daemon.port}",
                          "-CAfile", daemon.ca_file, "-verify_hostname", "authd",
                          "-key", keys.key, "-cert", keys.cert, *options],
                         input="", capture_output=True, text=True).stdout
    assert "Verify return code: 0 (ok)" in out, out
    return out


def restarts(daemon, admin, keys):
    session = os.path.join(WORK, "session")
    assert "New, TLSv1.2" in openssl(daemon, keys, "-sess_out", session)
    admin.PutResource(pb.PutResourceRequest(resource=role("durable")))
    daemon.stop(signal.SIGKILL)
    daemon.start()
    admin = daemon.local()
    assert admin.GetResource(pb.GetResourceRequest(
        kind="role", name="durable"), wait_for_ready=True).role.metadata.name == "durable"
    assert "Reused, TLSv1.2" in openssl(daemon, keys, "-sess_in", session)
    assert daemon.remote(daemon.ca, *keys.pair()).Ping(
        pb.PingRequest(), wait_for_ready=True).cluster_name == "example"
    say("after kill -9 the acknowledged write is there, and TLS sessions resume")

    watcher = Watcher(daemon.remote(daemon.ca, *keys.pair()), ["role"])
    watcher.wait(lambda e: e.type == pb.WatchEvent.SYNCED)
    start = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - start < 5, "an open watch held up the end"
    watcher.wait_end()
    wrong = os.path.join(WORK, "wrong.yaml")
    with open(daemon.config) as f, open(wrong, "w") as out:
        out.write(f.read().replace("name: example", "name: another"))
    failed = subprocess.run([PROGRAM, "--config", wrong], capture_output=True, text=True)
    assert failed.returncode == 1 and "the name never changes" in failed.stderr, failed.stderr
    say("it ends in order, and never serves its keyspace under another name")


def strangers_crowd_out_nobody(daemon, keys):
    assert daemon.stop() == 0
    daemon.write_settings("limits: {anonymous: 2}\n")
    daemon.start()
    context = ssl.create_default_context(cafile=daemon.ca_file)
    context.set_alpn_protocols(["http/1.1"])

    def stranger():
        """A connection without a certificate; whether it is served."""
        sock = context.wrap_socket(socket.create_connection(("127.0.0.1", daemon.port)),
                                   server_hostname="authd")
        sock.settimeout(10)
        try:
            sock.sendall(b"POST /v1/Ping HTTP/1.1\r\nHost: authd\r\n"
                         b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            return sock, sock.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return sock, False

    first, second, third = stranger(), stranger(), stranger()
    assert first[1] and second[1] and not third[1], (first, second, third)
    assert daemon.remote(daemon.ca, *keys.pair()).Ping(
        pb.PingRequest(), wait_for_ready=True).cluster_name == "example"
    first[0].close()
    deadline = time.monotonic() + 10
    while not stranger()[1]:
        assert time.monotonic() < deadline, "a place that was left is not given again"
    say("strangers are bounded for themselves, and a node is served beside them")


def one_address_crowds_out_no_other(daemon, keys):
    assert daemon.stop() == 0
    daemon.write_settings("limits: {arriving: 8}\n")
    daemon.start()

    def is_cut(sock, seconds):
        sock.settimeout(seconds)
        try:
            return sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    crowd = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(5)]
    assert is_cut(crowd[4], 20) and not any(is_cut(sock, 0.05) for sock in crowd[:4])
    daemon.wait_log(r'event="connections cut".* from \'127.0.0.1\' are here already')
    context = ssl.create_default_context(cafile=daemon.ca_file)
    context.load_cert_chain(keys.cert, keys.key)
    elsewhere = socket.create_connection(("127.0.0.1", daemon.port), 10, ("127.0.0.2", 0))
    with context.wrap_socket(elsewhere, server_hostname="authd") as tls:
        assert tls.version() == "TLSv1.2"
    metrics = run("curl", "-s", "--unix-socket", f"{WORK}/diag.sock", "http://authd/metrics").decode()
    assert "postern_authd_connections_cut 1\n" in metrics, metrics
    crowd[0].close()
    assert daemon.remote(daemon.ca, *keys.pair()).Ping(
        pb.PingRequest(), wait_for_ready=True).cluster_name == "example"
    say("an address that comes with too many connections is cut, and another one is served")


def main():
    daemon = Daemon(PROGRAM, WORK)
    with told_about(daemon):
        admin = first_start(daemon)
        same_calls_everywhere(daemon)
        resources(daemon, admin)
        alice, ed = users_may_what_their_roles_say(daemon, admin)
        a_name_adds_no_role(daemon, admin)
        without_or_with_a_wrong_certificate(daemon)
        host, keys, node = hosts_speak_for_themselves(daemon, admin)
        private_keys_stay(daemon, admin, ed, node)
        role_changes_reach_open_connections(daemon, admin)
        locks_end_connections(daemon, admin, alice)
        removed_users_are_nobody(daemon, admin)
        one_is_found_among_thousands(daemon, admin)
        restarts(daemon, admin, keys)
        daemon.start()
        strangers_crowd_out_nobody(daemon, keys)
        one_address_crowds_out_no_other(daemon, keys)


main()
