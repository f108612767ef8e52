"""What is refused below the calls: certificates, tickets of another door, forged prefaces.

Spoken by hand to proxyd, authd and noded. What calls are refused is in denials_api.py.
"""

import os
import re
import secrets
import select
import socket
import ssl
import struct
import subprocess
import time
import uuid

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from callers import Caller, curl, every_method, host_authority, new_key, prepare, refused, stub
import auth_pb2 as pb
import dial_pb2
from cluster import run, story, wait_for

CODE = grpc.StatusCode
MAGIC = b"POSTERN1"
DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM


# --- TLS by hand ---------------------------------------------------------------------------------


def tls(c, port, who=None, alpn="postern-stream/1"):
    """A connection; the caller closes it."""
    context = ssl.create_default_context(cafile=c.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([alpn])
    if who:
        context.load_cert_chain(who.certificate, who.key)
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    return context.wrap_socket(s, server_hostname="localhost")


def dial(c, stream, target="web-1"):
    """Asks for a stream to the node: proxyd's answer."""
    request = dial_pb2.DialRequest(target=target, login=c.login).SerializeToString()
    stream.sendall(struct.pack(">I", len(request)) + request)
    head = stream.recv(4)
    return dial_pb2.DialResponse.FromString(stream.recv(struct.unpack(">I", head)[0]))


def s_client(c, port, *options, alpn="h2", who=None, keep=None, use=None):
    """openssl's word for how the handshake went: "New", "Reused", or what failed."""
    argv = ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{port}", "-CAfile", c.ca,
            "-alpn", alpn, *options, *(who.options() if who else [])]
    argv += ["-sess_out", c.path(keep)] if keep else []
    argv += ["-sess_in", c.path(use)] if use else []
    out = subprocess.run(argv, input="", capture_output=True, text=True, timeout=20)
    found = re.search(r"^(New|Reused), TLSv1.2", out.stdout, re.M)
    return found.group(1) if found else out.stdout + out.stderr


# --- certificates --------------------------------------------------------------------------------


def foreign(c, who):
    """A certificate that says what theirs says, byte for byte, under a foreign authority."""
    with open(who.certificate, "rb") as f:
        real = x509.load_pem_x509_certificate(f.read())
    key = new_key(c, "foreign.key")[0]
    with open(key, "rb") as f:
        public = serialization.load_pem_private_key(f.read(), None).public_key()
    b = (x509.CertificateBuilder().subject_name(real.subject).issuer_name(real.issuer)
         .public_key(public).serial_number(real.serial_number)
         .not_valid_before(real.not_valid_before).not_valid_after(real.not_valid_after))
    for e in real.extensions:
        b = b.add_extension(e.value, e.critical)
    made = b.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return Caller(key, c.write("foreign.pem", made.public_bytes(PEM).decode()))


def a_foreign_certificate_ends_the_connection(c):
    stranger = foreign(c, c.alice)
    assert stub(c, c.alice).Ping(pb.PingRequest()).cluster_name == "example"
    refused(CODE.UNAVAILABLE, stub(c, stranger).Ping, pb.PingRequest())
    assert curl(c, c.alice, "Ping", {})[0] == 200
    assert curl(c, stranger, "Ping", {})[0] == 0
    with tls(c, c.proxy_port, c.alice) as stream:
        assert dial(c, stream).code == 0
    try:
        with tls(c, c.proxy_port, stranger) as stream:
            raise AssertionError(f"proxyd let it in: {dial(c, stream)}")
    except (ssl.SSLError, ConnectionError):
        pass


def no_certificate_is_nobody(c):
    with tls(c, c.proxy_port) as stream:
        answer = dial(c, stream)
        assert answer.code == CODE.UNAUTHENTICATED.value[0], answer
        assert "certificate" in answer.message, answer
    for method, request in every_method(c):
        if method in ("Ping", "Login", "GetInvite", "AcceptInvite", "Join", "ValidateTrustedCluster"):
            continue
        if method in ("UploadRecording", "KeepAlive"):  # stream requests, which JSON calls cannot
            refused(CODE.UNAUTHENTICATED, getattr(stub(c), method), iter([request]))
            continue
        refused(CODE.UNAUTHENTICATED, getattr(stub(c), method), request)
        status, answer = curl(c, None, method, {})
        assert (status, answer["code"]) == (401, "UNAUTHENTICATED"), (method, status, answer)
        assert answer["message"] == "this call needs a certificate", answer
    assert curl(c, c.alice, "GetResource", {"kind": "user", "name": "alice"})[0] == 200


def a_hosts_certificate_opens_no_stream(c):
    with tls(c, c.proxy_port, c.node) as stream:
        answer = dial(c, stream)
    assert answer.code != 0 and not answer.candidates, answer


# --- tickets -------------------------------------------------------------------------------------


def a_ticket_opens_only_the_door_that_gave_it(c):
    proxyd, authd = c.proxy_port, c.authd_port
    assert s_client(c, proxyd, alpn="http/1.1", keep="web") == "New"
    assert s_client(c, proxyd, alpn="http/1.1", use="web") == "Reused"
    assert s_client(c, authd, use="web") == "New"
    assert s_client(c, proxyd, alpn="postern-stream/1", who=c.alice, keep="stream") == "New"
    assert s_client(c, proxyd, alpn="postern-stream/1", use="stream") == "Reused"
    assert s_client(c, authd, use="stream") == "New"
    assert s_client(c, authd, who=c.alice, keep="api") == "New"
    assert s_client(c, authd, use="api") == "Reused"
    assert s_client(c, proxyd, alpn="postern-stream/1", use="api") == "New"


def resume(c, port, use, alpn, data, who=None):
    """What the server answers on a resumed session."""
    argv = ["openssl", "s_client", "-quiet", "-tls1_2", "-connect", f"127.0.0.1:{port}",
            "-CAfile", c.ca, "-alpn", alpn, "-sess_in", c.path(use)]
    p = subprocess.Popen(argv + (who.options() if who else []), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        p.stdin.write(data)
        p.stdin.flush()
        os.set_blocking(p.stdout.fileno(), False)
        return wait_for("an answer", lambda: p.stdout.read() or p.poll() is not None and b"-")
    finally:
        p.kill()
        p.wait()


def an_anonymous_ticket_carries_nobody(c):
    """From the web port, on the port for streams: it resumes, and is still nobody's."""
    request = dial_pb2.DialRequest(target="web-1", login=c.login).SerializeToString()
    request = struct.pack(">I", len(request)) + request
    s_client(c, c.proxy_port, alpn="http/1.1", keep="web")
    answer = resume(c, c.proxy_port, "web", "postern-stream/1", request)
    answer = dial_pb2.DialResponse.FromString(answer[4:])
    assert answer.code == CODE.UNAUTHENTICATED.value[0], answer
    s_client(c, c.proxy_port, alpn="postern-stream/1", who=c.alice, keep="stream")
    answer = resume(c, c.proxy_port, "stream", "postern-stream/1", request)
    assert b"SSH-2.0" in answer or dial_pb2.DialResponse.FromString(answer[4:]).code == 0, answer


def ask_who(c, use):
    """The status of a JSON call that alice may make, on a resumed session without certificate."""
    body = b'{"kind": "user", "name": "alice"}'
    head = (b"POST /v1/GetResource HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
    return int(resume(c, c.authd_port, use, "http/1.1", head + body).split()[1])


def a_resumed_session_is_who_began_it_as_long_as_that_one_may(c):
    s_client(c, c.authd_port, alpn="http/1.1", keep="anon")
    assert ask_who(c, "anon") == 401
    s_client(c, c.authd_port, alpn="http/1.1", who=c.alice, keep="hers")
    assert ask_who(c, "hers") == 200
    name = str(uuid.uuid4())
    c.call("PutResource", {"resource": {"lock": {"metadata": {"name": name}, "spec": {
        "target": {"user": "alice"}}}}})
    try:
        assert ask_who(c, "hers") == 403
    finally:
        c.call("DeleteResource", {"kind": "lock", "name": name})
    assert ask_who(c, "hers") == 200


def another_authd(c, name, *parts):
    """An authd that begins with these parts of the cluster's own data folder; its port."""
    c.folder(name, c.service)
    for part in parts:
        run("cp", "-rp", c.path("authd", part), c.path(name))
    port = c.free_port()
    c.write(name + ".yaml", f"""\
cluster: {{name: example}}
data_dir: {c.path(name)}
socket: {c.path(name)}/authd.sock
socket_group: ""
listen: ["127.0.0.1:{port}"]
diag: "unix:{c.path(name)}/diag.sock"
""")
    c.add_daemon(name, [c.lib + "/authd", "--config", c.path(name + ".yaml")], c.service).start()
    return port


def a_ticket_from_before_a_change_of_authorities_is_none(c):
    """The keys of tickets are the same, those of the authorities are not."""
    s_client(c, c.authd_port, who=c.alice, keep="before")
    assert s_client(c, c.authd_port, use="before") == "Reused"
    assert s_client(c, another_authd(c, "same-cas", "tickets", "keyspace"), use="before") == "Reused"
    assert s_client(c, another_authd(c, "new-cas", "tickets"), use="before") == "New"


# --- crowds --------------------------------------------------------------------------------------


def half_a_handshake(c):
    """A connection to the public port that says hello and then nothing."""
    context = ssl.create_default_context(cafile=c.ca)
    hello = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    sock = socket.create_connection(("127.0.0.1", c.proxy_port))
    sock.sendall(hello.read())
    return sock


def is_answered(sock, seconds):
    return bool(select.select([sock], [], [], seconds)[0])


def one_address_has_no_more_than_its_share_of_handshakes(c):
    crowd = [half_a_handshake(c) for _ in range(32)]
    assert all(is_answered(sock, 20) for sock in crowd)
    waits = half_a_handshake(c)
    assert run("curl", "-s", "--interface", "127.0.0.2", "--cacert", c.ca,
               f"https://localhost:{c.proxy_port}/v1/Ping").stdout, "another address is kept out"
    assert not is_answered(waits, 0), "more than its share"
    crowd[0].close()
    assert is_answered(waits, 20), "its turn never comes"
    for sock in crowd + [waits]:
        sock.close()


# --- prefaces ------------------------------------------------------------------------------------


def preface(c, signer, target, at=None, sign=True, **fields):
    """What a proxy says before a forwarded connection, signed by whoever."""
    payload = dial_pb2.PrefacePayload(
        client_addr="192.0.2.99:7", user="alice", target=target,
        time=int((at or time.time()) * 1000), nonce=secrets.token_bytes(16), **fields)
    data = payload.SerializeToString()
    key, pem = signer.pair()
    key = serialization.load_pem_private_key(key, None)
    host_ca = x509.load_pem_x509_certificate(host_authority(c)["tls"][0]["cert"].encode())
    made = dial_pb2.Preface(
        payload=data, certificates=[x509.load_pem_x509_certificate(pem).public_bytes(DER),
                                    host_ca.public_bytes(DER)])
    if sign:
        made.signature = key.sign(MAGIC + data, ec.ECDSA(hashes.SHA256()))
    return framed(made)


def framed(message):
    data = message.SerializeToString()
    return MAGIC + struct.pack(">I", len(data)) + data


def to_node(c, first):
    """True: sshd answers behind that preface."""
    with socket.create_connection(("127.0.0.1", c.node_port), timeout=10) as s:
        s.sendall(first + b"SSH-2.0-test\r\n")
        try:
            return s.recv(8).startswith(b"SSH-2.0-")
        except ConnectionResetError:
            return False


def to_authd(c, first):
    """True: authd speaks TLS behind that preface."""
    context = ssl.create_default_context(cafile=c.ca)
    with socket.create_connection(("127.0.0.1", c.authd_port), timeout=10) as s:
        s.sendall(first)
        try:
            with context.wrap_socket(s, server_hostname="localhost"):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def forgeries(c, target):
    """Why each is refused, and its bytes."""
    good = preface(c, c.proxy, target)
    changed = dial_pb2.Preface.FromString(good[12:])
    changed.payload = changed.payload.replace(b"192.0.2.99", b"192.0.2.98")
    yield "not signed", preface(c, c.proxy, target, sign=False)
    yield "signature does not match", framed(changed)
    yield "is not a proxy|is no proxy", preface(c, c.node, target)
    yield "certificate of 'alice' is not signed by", preface(c, c.alice, target)
    yield "meant for", preface(c, c.proxy, str(uuid.uuid4()))
    yield "clock", preface(c, c.proxy, target, at=time.time() - 3600)
    yield "clock", preface(c, c.proxy, target, at=time.time() + 3600)


def a_forged_preface_is_refused(c):
    doors = ((to_node, c.node.id, c.noded), (to_authd, "auth.example", c.authd))
    for reach, target, daemon in doors:
        good = preface(c, c.proxy, target)
        assert reach(c, good), "what the proxy signs is refused"
        assert not reach(c, good), "a preface was good twice"
        daemon.wait_log("preface was used before")
        for reason, forged in forgeries(c, target):
            seen = len(daemon.text())
            assert not reach(c, forged), f"believed, though {reason}"
            wait_for(f"'{reason}' in the log", lambda: re.search(reason, daemon.text()[seen:]))


def to_join_port(c, context, session=None):
    """noded's port for joiners, behind a proxy's preface, to where it has read a request."""
    wish = dial_pb2.SessionJoin(session_id=str(uuid.uuid4()), mode="peer").SerializeToString()
    with socket.create_connection(("127.0.0.1", c.node_port), timeout=10) as s:
        s.sendall(preface(c, c.proxy, c.node.id, kind=dial_pb2.STREAM_JOIN))
        with context.wrap_socket(s, server_hostname=f"{c.node.id}.example", session=session) as stream:
            stream.sendall(struct.pack(">I", len(wish)) + wish)
            return dial_pb2.DialResponse.FromString(stream.recv(4096)[4:])


def a_ticket_of_the_web_port_is_none_where_a_certificate_is_demanded(c):
    def context(who=None):
        made = ssl.create_default_context(cafile=c.ca)
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        if who:
            made.load_cert_chain(who.certificate, who.key)
        return made
    anonymous = context()
    with socket.create_connection(("127.0.0.1", c.proxy_port), timeout=10) as s:
        with anonymous.wrap_socket(s, server_hostname="localhost") as stream:
            ticket = stream.session
    assert ticket.has_ticket
    for session in (ticket, None):
        try:
            raise AssertionError(to_join_port(c, anonymous, session))
        except (ssl.SSLError, ConnectionError):
            pass
    answer = to_join_port(c, context(c.alice))
    assert answer.code == CODE.NOT_FOUND.value[0], answer
    assert "no live session" in answer.message, answer


if __name__ == "__main__":
    story([
        a_foreign_certificate_ends_the_connection, no_certificate_is_nobody,
        a_hosts_certificate_opens_no_stream, a_ticket_opens_only_the_door_that_gave_it,
        an_anonymous_ticket_carries_nobody,
        a_resumed_session_is_who_began_it_as_long_as_that_one_may,
        a_ticket_from_before_a_change_of_authorities_is_none,
        one_address_has_no_more_than_its_share_of_handshakes, a_forged_preface_is_refused,
        a_ticket_of_the_web_port_is_none_where_a_certificate_is_demanded,
    ], setup=prepare)
