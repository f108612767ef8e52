"""What web.py shows of TLS, of streams through the port, of the SSH door, and of health pages."""

import os
import signal
import socket
import ssl
import struct
import subprocess
import time

import dial_pb2 as dial

from cluster import CLUSTER, run, wait_for
from web_client import (STREAM, ask, context, diag, framed, own_files, read_all, read_framed,
                        tcp, tls)

# gRPC's codes
INVALID, NOT_FOUND, EXHAUSTED, CONFLICT, UNAUTHENTICATED = 3, 5, 8, 9, 16


def restart(c):
    c.proxyd.stop()
    c.proxyd.start()


def ping(c, ctx, name="localhost", session=None):
    """One answered request: the certificate that was shown, the TLS session, whether resumed."""
    with tls(c, ctx, name, session) as s:
        s.sendall(b"GET /v1/Ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(s).startswith(b"HTTP/1.1 200 ")
        return s.getpeercert(), s.session, s.session_reused


# --- TLS -----------------------------------------------------------------------------------------


def old_versions_of_tls_are_refused(c):
    for version in ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1:
        ctx = context(c.host_ca)
        ctx.set_ciphers("DEFAULT@SECLEVEL=0")
        ctx.minimum_version = ctx.maximum_version = version
        try:
            ping(c, ctx)
        except (ssl.SSLError, ConnectionResetError):
            continue
        raise AssertionError(f"{version} was spoken")


def a_session_is_resumed_after_a_restart(c):
    ctx = context(c.host_ca)
    _, session, _ = ping(c, ctx)
    assert ping(c, ctx, session=session)[2]
    restart(c)
    assert ping(c, ctx, session=session)[2]


def make_web_authority(c):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", "/CN=Web CA", "-keyout", c.path("web-ca.key"), "-out",
        c.path("web-ca.pem"))


def make_web_certificate(c):
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=postern.test", "-keyout", c.path("web.key"), "-out", c.path("web.csr"))
    names = c.write("web.ext", "subjectAltName=DNS:postern.test,DNS:localhost,IP:127.0.0.1\n")
    run("openssl", "x509", "-req", "-in", c.path("web.csr"), "-CA", c.path("web-ca.pem"), "-CAkey",
        c.path("web-ca.key"), "-days", "1", "-extfile", names, "-out", c.path("web.pem"))
    os.chmod(c.path("web.key"), 0o644)


def a_web_certificate_is_shown_to_all_but_who_pinned_the_authority(c):
    make_web_authority(c)
    make_web_certificate(c)
    with open(c.path("proxyd.yaml"), "a") as f:
        f.write(f"web: {{cert_file: {c.path('web.pem')}, key_file: {c.path('web.key')}}}\n")
    restart(c)
    web = context(c.path("web-ca.pem"))
    assert ("DNS", "postern.test") in ping(c, web, "postern.test")[0]["subjectAltName"]
    ping(c, context(c.host_ca, ["http/1.1", "postern-pin"]))
    # With the pin; without, by the system's roots; and both reach the node.
    c.log_in("alice")
    env = {"HOME": c.home("dora"), "SSL_CERT_FILE": c.path("web-ca.pem"),
           "TSH_PASSWORD_FILE": c.path("home-alice.password"), "PATH": os.environ["PATH"]}
    run(c.tsh_path, "login", f"--proxy=127.0.0.1:{c.proxy_port}", "--user=alice", env=env)
    for user, roots in ("alice", {}), ("dora", env):
        out = c.tsh(user, "ssh", f"{c.login}@web-1", "id -un") if not roots else run(
            c.tsh_path, "ssh", f"{c.login}@web-1", "id -un", env=env)
        assert out.stdout.strip() == c.login, out


def a_renewed_web_certificate_is_taken_at_sighup_under_open_streams(c):
    web = context(c.path("web-ca.pem"))
    old = ping(c, web, "postern.test")[0]["serialNumber"]
    stream = subprocess.Popen(c.ssh_argv("alice", f"{c.login}@web-1", "cat"),
                              env=c.ssh_env("alice"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    try:
        stream.stdin.write(b"before\n")
        stream.stdin.flush()
        assert stream.stdout.readline() == b"before\n"
        make_web_certificate(c)
        c.proxyd.child.send_signal(signal.SIGHUP)
        wait_for("the new certificate", lambda: ping(
            c, web, "postern.test")[0]["serialNumber"] != old)
        c.write("web.pem", "broken\n")
        c.proxyd.child.send_signal(signal.SIGHUP)
        c.proxyd.wait_log('event="certificates not reloaded"')
        assert ping(c, web, "postern.test")[0]["serialNumber"] != old
        assert stream.communicate(b"after\n", timeout=20)[0] == b"after\n"
        assert stream.returncode == 0
    finally:
        stream.kill()
        stream.wait()
        make_web_certificate(c)


# --- pass-through to authd -----------------------------------------------------------------------


def failed_login(c, s, claim=None):
    """A wrong login on a TLS connection to authd: where authd says that it came from."""
    user = f"nobody{time.monotonic_ns()}"
    body = '{"user": "%s", "password": "x"%s}' % (
        user, f', "client_addr": "{claim}"' if claim else "")
    s.sendall((f"POST /v1/Login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
               f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
    answer = read_all(s)
    events = wait_for("the failed login", lambda: [
        e for e in c.audit("user.login") if e.get("user") == user]) if b" 401 " in answer else []
    assert events, answer
    return events[0]["addr.remote"]


def my_address(s):
    return "%s:%d" % s.getsockname()


def authd_knows_a_client_of_the_proxy_by_its_own_address(c):
    with tls(c, name=f"auth.{CLUSTER}") as s:
        assert failed_login(c, s, claim="192.0.2.1:1") == my_address(s)
    with tls(c) as s:  # the proxy's own login
        assert failed_login(c, s, claim="192.0.2.1:1") == my_address(s)


def who_comes_to_authd_directly_cannot_claim_another_address(c):
    ctx = context(c.host_ca)
    with tcp(c, c.authd_port) as plain:
        with ctx.wrap_socket(plain, server_hostname="authd") as s:
            assert failed_login(c, s, claim="192.0.2.1:1") == my_address(s)
    for key in own_files(c, "alice")[1], c.path("noded", "host", "tls.key"):
        with tcp(c, c.authd_port) as s:
            s.sendall(preface(c, key))
            assert read_all(s) == b""
    assert not [e for e in c.audit() if e.get("addr.remote", "").startswith("192.0.2.")]


def preface(c, key):
    """Signed by somebody who is no proxy, with their own certificate or the node's."""
    payload = dial.PrefacePayload(client_addr="192.0.2.1:1", target=f"auth.{CLUSTER}",
                                  kind=dial.STREAM_API, time=int(time.time() * 1000),
                                  nonce=os.urandom(16)).SerializeToString()
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], check=True,
                               input=b"POSTERN1" + payload, capture_output=True).stdout
    message = dial.Preface(payload=payload, signature=signature,
                           certificates=certificates_of(c, key))
    return b"POSTERN1" + framed(message)


def certificates_of(c, key):
    if os.path.exists(key + "-x509.pem"):
        with open(key + "-x509.pem") as f:
            return [ssl.PEM_cert_to_DER_cert(f.read())]
    import auth_pb2
    with open(c.path("noded", "host", "credentials"), "rb") as f:
        answer = auth_pb2.JoinResponse.FromString(f.read())
    with open(c.host_ca) as f:
        return [ssl.PEM_cert_to_DER_cert(answer.tls_certificate), ssl.PEM_cert_to_DER_cert(f.read())]


# --- stream dial ---------------------------------------------------------------------------------


def dialled(c, data, own="alice", then=read_all):
    """The answer to what a client says on the stream protocol, and what follows on it."""
    ctx = context(c.host_ca, [STREAM, "postern-pin"], own and own_files(c, own))
    with tls(c, ctx) as s:
        s.sendall(data)
        return read_framed(s, dial.DialResponse), then(s)


def request(target, **fields):
    return framed(dial.DialRequest(target=target, **fields))


def a_dial_that_cannot_be_read_is_refused_with_a_reason(c):
    for data, codes in ((struct.pack(">I", 0xffffffff), (INVALID, EXHAUSTED)),
                        (struct.pack(">I", 4097), (INVALID, EXHAUSTED)),
                        (struct.pack(">I", 4) + b"\xff\xff\xff\xff", (INVALID, 15)),
                        (b"GET / HTTP/1.1\r\n\r\n", (INVALID, EXHAUSTED)),
                        (request(""), (INVALID,)), (request("nowhere"), (NOT_FOUND,)),
                        (request("web-1", cluster="other"), (NOT_FOUND,))):
        answer, rest = dialled(c, data)
        assert answer.code in codes and answer.message and rest == b"", (data, answer)


def a_dial_needs_a_certificate(c):
    answer, _ = dialled(c, request("web-1"), own=None)
    assert answer.code == UNAUTHENTICATED and "log in first" in answer.message, answer


def refused_in_the_handshake(c, own):
    ctx = context(c.host_ca, [STREAM, "postern-pin"], own)
    try:
        with tls(c, ctx) as s:
            s.sendall(request("web-1"))
            return s.recv(1) == b""
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        return True


def a_foreign_certificate_ends_the_connection(c):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", "/CN=alice/O=dev", "-keyout", c.path("foreign.key"),
        "-out", c.path("foreign.pem"))
    assert refused_in_the_handshake(c, (c.path("foreign.pem"), c.path("foreign.key")))
    assert not refused_in_the_handshake(c, own_files(c, "alice"))


def an_expired_certificate_ends_the_connection(c):
    c.role("brief", {"logins": [c.login], "node_labels": {"*": "*"}},
           options={"max_session_ttl": "3s"})
    c.user("bea", ["brief"])
    c.log_in("bea")
    own = own_files(c, "bea")
    assert not refused_in_the_handshake(c, own)
    wait_for("the end of its life", lambda: refused_in_the_handshake(c, own))
    c.proxyd.wait_log("expired")


# --- the SSH door --------------------------------------------------------------------------------


def door_command(c):
    """A stock client's way to a node."""
    authority = c.call("GetResource", {"kind": "cert_authority", "sub_kind": "host",
                                       "name": CLUSTER})["cert_authority"]["spec"]
    c.write("door-hosts", "".join(f"@cert-authority * {k['public_key']}\n"
                                  for k in authority["active_keys"]["ssh"]))
    key = own_files(c, "alice")[1]
    c.write("door.conf", f"""\
Host *
    IdentityFile {key}
    CertificateFile {key}-cert.pub
    IdentitiesOnly yes
    UserKnownHostsFile {c.path("door-hosts")}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
Host web-1
    ProxyCommand ssh -F {c.path("door.conf")} -p {c.proxy_port} {c.door_user}@localhost connect %h %p
""")
    return ["ssh", "-F", c.path("door.conf")]


def through_the_door(c, check=True):
    return run(*door_command(c), f"{c.login}@web-1", "id -un", check=check)


def the_door_is_shut_without_its_daemon_and_open_with_it(c):
    assert through_the_door(c).stdout.strip() == c.login
    held = subprocess.Popen([*door_command(c), f"{c.login}@web-1", "cat"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    try:
        held.stdin.write(b"here\n")
        held.stdin.flush()
        assert held.stdout.readline() == b"here\n"
        c.door.stop()
        with tcp(c) as s:
            s.sendall(b"SSH-2.0-test\r\n")
            assert read_all(s) == b""
        assert through_the_door(c, check=False).returncode == 255
        c.door.start()
        assert through_the_door(c).stdout.strip() == c.login
        assert held.communicate(b"still\n", timeout=20)[0] == b"still\n"
    finally:
        held.kill()
        held.wait()


def knock(c, source):
    """A connection to the door that says no more than its version."""
    s = socket.create_connection(("127.0.0.1", c.proxy_port), 30, (source, 0))
    s.sendall(b"SSH-2.0-test\r\n")
    return s


def greeted(s):
    try:
        return s.recv(8) == b"SSH-2.0-"
    except ConnectionResetError:
        return False


def the_door_serves_so_many_strangers_of_one_address(c):
    held = [knock(c, "127.0.0.2") for _ in range(33)]
    try:
        assert sum(greeted(s) for s in held) == 32
        assert through_the_door(c).stdout.strip() == c.login  # from another
    finally:
        for s in held:
            s.close()


def the_door_serves_so_many_strangers_at_once(c):
    """128; more are turned away, and once those have gone there is room."""
    held, door = [], c.door.child.pid

    def full():
        held.append(knock(c, f"127.0.0.{3 + len(held) // 30}"))
        return "the SSH door: 128 connections are open already" in c.proxyd.text()
    try:
        wait_for("the door's bound", full, 60)
        with open(f"/proc/{door}/task/{door}/children") as f:
            assert 64 <= len(f.read().split()) <= 128
        assert len(held) > 128, len(held)
    finally:
        for s in held:
            s.close()
    wait_for("room at the door", lambda: through_the_door(c, check=False).returncode == 0, 60)


# --- names and health ----------------------------------------------------------------------------


def second_node(c):
    """Another web-1; without a noded-root, so nobody can log in there."""
    for name in "noded2", "noded2-run":
        c.folder(name, c.node_user, 0o711)
    port = c.free_port()
    c.write("noded2.yaml", f"""\
data_dir: {c.path("noded2")}
run_dir: {c.path("noded2-run")}
root_run_dir: {c.path("noded2-run")}/none
hostname: web-1
listen: 127.0.0.1:{port}
advertise: 127.0.0.1:{port}
auth_servers: ["127.0.0.1:{c.authd_port}"]
join: {{token_file: {c.token_file("Node")}, ca_pin: "{c.pin}"}}
labels: {{env: second}}
diag_addr: "unix:{c.path("noded2-run")}/diag.sock"
""")
    noded = c.add_daemon("noded2", [c.lib + "/noded", "--config", c.path("noded2.yaml")],
                         c.node_user)
    noded.start()
    return noded


def a_node_without_noded_root_is_not_ready(c):
    c.second = second_node(c)
    c.second.wait_log(r'event="cluster state is current"')
    sock = c.path("noded2-run", "diag.sock")
    assert diag(sock, "/healthz").status == 200
    answer = diag(sock, "/readyz")
    assert answer.status == 503 and "noded-root is not running" in answer.text, answer.text


def an_ambiguous_name_lists_its_candidates(c):
    nodes = wait_for("two nodes", lambda: (lambda all_: all_ if len(all_) == 2 else None)(
        c.call("ListResources", {"kind": "node"})["resources"]))
    ids = [n["node"]["metadata"]["name"] for n in nodes]
    answer = wait_for("the proxy to know both", lambda: (
        lambda a: a if a.code == CONFLICT else None)(dialled(c, request("web-1"))[0]))
    assert sorted(x.node_id for x in answer.candidates) == sorted(ids), answer
    out = c.tsh("alice", "ssh", f"{c.login}@web-1", "true", check=False)
    at_door = run(*door_command(c), f"{c.login}@web-1", "true", check=False)
    for text in out.stderr, at_door.stderr:
        assert all(i in text for i in ids), text
    assert dialled_by_label(c) == c.login
    c.second.stop()
    c.call("DeleteResource", {"kind": "node", "name": next(
        n["node"]["metadata"]["name"] for n in nodes
        if n["node"]["metadata"]["labels"]["env"] == "second")})
    wait_for("one node", lambda: dialled(
        c, request("web-1"), then=lambda s: None)[0].code != CONFLICT)


def dialled_by_label(c):
    return c.tsh("alice", "ssh", f"{c.login}@env=test", "id -un").stdout.strip()


def every_daemon_tells_its_health(c):
    socks = {"authd": c.path("run", "authd-diag.sock"),
             "proxyd": c.path("run", "proxyd-diag.sock"),
             "noded": c.path("noded-run", "diag.sock")}
    for name, sock in socks.items():
        assert diag(sock, "/healthz").text == "ok\n", name
        assert diag(sock, "/readyz").text == "ready\n", name
        assert f"postern_{name}_" in diag(sock, "/metrics").text, name
        assert diag(sock, "/nothing").status == 404, name


def a_proxy_is_ready_once_it_has_heard_authd(c):
    sock = c.path("run", "proxyd-diag.sock")
    c.proxyd.stop()
    c.authd.stop()
    c.proxyd.start()
    assert diag(sock, "/readyz").text == "ready\n"  # from its copy on disk
    c.proxyd.stop()
    os.unlink(c.path("proxyd", "cache"))
    c.proxyd.start()
    answer = diag(sock, "/readyz")
    assert answer.status == 503 and "nothing heard from authd" in answer.text, answer.text
    assert diag(sock, "/healthz").status == 200
    assert ask(c, "GET", "/v1/Ping").status == 503
    c.authd.start()
    wait_for("readiness", lambda: diag(sock, "/readyz").status == 200)
