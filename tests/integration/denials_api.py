"""What is refused to who speaks the protocols without our tools: TLS, gRPC, JSON, prefaces.

The other denials are in denials.py. Callers here hold real keys where they can be held: those of
alice's tsh, and those in the data folders of the cluster's own node and proxy.
"""

import base64
import glob
import json
import os
import re
import secrets
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

import auth_pb2 as pb
import dial_pb2
import resource_pb2 as res
from authd_daemon import OWN_CONNECTION, Stub
from cluster import BUILD, PASSWORD, run, story, wait_for

CODE = grpc.StatusCode
MAGIC = b"POSTERN1"
RAW = serialization.Encoding.DER
PEM = serialization.Encoding.PEM


# --- who calls -----------------------------------------------------------------------------------


class Caller:
    """A key and a certificate in files; None: nobody."""

    def __init__(self, key, certificate):
        self.key, self.certificate = key, certificate

    def pair(self):
        with open(self.key, "rb") as k, open(self.certificate, "rb") as c:
            return k.read(), c.read()

    def options(self):
        return ["-key", self.key, "-cert", self.certificate]


def of_user(c, user):
    key = glob.glob(f"{c.home(user)}/.tsh/keys/*/{user}")[0]
    return Caller(key, key + "-x509.pem")


def of_host(c, name, folder):
    """A host's own credentials, out of its data folder."""
    with open(os.path.join(folder, "credentials"), "rb") as f:
        answer = pb.JoinResponse.FromString(f.read())
    caller = Caller(os.path.join(folder, "tls.key"),
                    c.write(name + ".pem", answer.tls_certificate))
    caller.id, caller.authorities = answer.host_id, answer.authorities
    return caller


def host_authority(c):
    return c.call("GetResource", {"kind": "cert_authority", "sub_kind": "host",
                                  "name": "example"})["cert_authority"]["spec"]["active_keys"]


def prepare(c):
    c.ca = c.write("host-ca.pem", host_authority(c)["tls"][0]["cert"])
    c.log_in("alice")
    c.alice = of_user(c, "alice")
    c.node = of_host(c, "node", c.path("noded", "host"))
    c.proxy = of_host(c, "proxy", c.path("proxyd"))
    c.foreign = foreign(c, c.alice)


def foreign(c, who):
    """A certificate that says what theirs says, byte for byte, under a foreign authority."""
    with open(who.certificate, "rb") as f:
        real = x509.load_pem_x509_certificate(f.read())
    key = ec.generate_private_key(ec.SECP256R1())
    b = (x509.CertificateBuilder().subject_name(real.subject).issuer_name(real.issuer)
         .public_key(key.public_key()).serial_number(real.serial_number)
         .not_valid_before(real.not_valid_before).not_valid_after(real.not_valid_after))
    for e in real.extensions:
        b = b.add_extension(e.value, e.critical)
    made = b.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    c.write("foreign.key", key.private_bytes(
        PEM, serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption()).decode())
    return Caller(c.path("foreign.key"), c.write("foreign.pem", made.public_bytes(PEM).decode()))


def stub(c, who=None):
    """authd's calls over TLS."""
    with open(c.ca, "rb") as f:
        credentials = grpc.ssl_channel_credentials(f.read(), *(who.pair() if who else ()))
    options = OWN_CONNECTION + [("grpc.ssl_target_name_override", "localhost")]
    return Stub(grpc.secure_channel(f"127.0.0.1:{c.authd_port}", credentials, options))


def admin(c):
    return Stub(grpc.insecure_channel(f"unix:{c.path('run', 'authd.sock')}", OWN_CONNECTION))


def refused(code, call, request):
    """The call must fail with this status; what it says."""
    try:
        answer = call(request, timeout=10)
        if not hasattr(answer, "DESCRIPTOR"):
            list(answer)
    except grpc.RpcError as e:
        assert e.code() == code, f"{e.code()} {e.details()}, not {code}"
        return e.details()
    raise AssertionError(f"allowed, not refused with {code}")


def curl(c, who, method, body):
    """A JSON call to authd; the status, 0 without an answer, and the answer."""
    options = ["--key", who.key, "--cert", who.certificate] if who else []
    out = run("curl", "-s", "--http1.1", "--cacert", c.ca, *options, "-w", "\n%{http_code}", "-H",
              "content-type: application/json", "-d", json.dumps(body),
              f"https://localhost:{c.authd_port}/v1/{method}", check=False)
    text, _, status = out.stdout.rpartition("\n")
    return int(status), json.loads(text) if text else None


# --- TLS by hand ---------------------------------------------------------------------------------


def tls(c, port, who=None, alpn="postern-stream/1"):
    """A connection; the caller closes it."""
    context = ssl.create_default_context(cafile=c.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([alpn])
    if who:
        context.load_cert_chain(who.certificate, who.key)
    s = socket.create_connection(("127.0.0.1", port), timeout=10)
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


def a_foreign_certificate_ends_the_connection(c):
    assert stub(c, c.alice).Ping(pb.PingRequest()).cluster_name == "example"
    refused(CODE.UNAVAILABLE, stub(c, c.foreign).Ping, pb.PingRequest())
    assert curl(c, c.alice, "Ping", {})[0] == 200
    assert curl(c, c.foreign, "Ping", {})[0] == 0
    with tls(c, c.proxy_port, c.alice) as stream:
        assert dial(c, stream).code == 0
    try:
        with tls(c, c.proxy_port, c.foreign) as stream:
            raise AssertionError(f"proxyd let it in: {dial(c, stream)}")
    except (ssl.SSLError, ConnectionError):
        pass


def no_certificate_is_nobody(c):
    with tls(c, c.proxy_port) as stream:
        answer = dial(c, stream)
        assert answer.code == CODE.UNAUTHENTICATED.value[0], answer
        assert "certificate" in answer.message, answer
    for method, request in every_method(c):
        if method in ("Ping", "Login", "GetInvite", "AcceptInvite", "Join"):
            continue
        status, answer = curl(c, None, method, {})
        assert (status, answer["code"]) == (401, "UNAUTHENTICATED"), (method, status, answer)
        assert answer["message"] == "this call needs a certificate", answer
        if method != "UploadRecording":
            refused(CODE.UNAUTHENTICATED, getattr(stub(c), method), request)
    assert curl(c, c.alice, "GetResource", {"kind": "user", "name": "alice"})[0] == 200


def every_method(c):
    """Names and empty requests of the service."""
    described = pb.DESCRIPTOR.services_by_name["Auth"]
    return [(m.name, m.input_type._concrete_class()) for m in described.methods]


def a_hosts_certificate_opens_no_stream(c):
    with tls(c, c.proxy_port, c.node) as stream:
        answer = dial(c, stream)
    assert answer.code != 0 and not answer.candidates, answer


# --- what callers may do -------------------------------------------------------------------------


ADMINISTRATION = (
    ("PutResource", {"resource": {"role": {"metadata": {"name": "mine"}}}}),
    ("DeleteResource", {"kind": "role", "name": "access"}),
    ("CreateUser", {"name": "eve", "roles": ["access"]}),
    ("ResetUser", {"name": "carol"}),
    ("UnlockUser", {"name": "carol"}),
    ("CreateToken", {"roles": ["Node"]}),
    ("KillSession", {"session_id": str(uuid.uuid4())}),
    ("IssueUserCertificate", {"user": "carol"}),
    ("ListResources", {"kind": "token"}),
    ("RenewHost", {"hostname": "web-9"}),
    ("Announce", {"node": {"metadata": {"name": str(uuid.uuid4())}}}),
    ("EmitAudit", {"events": []}),
    ("PutSession", {"session": {"metadata": {"name": str(uuid.uuid4())}}}),
)


def a_plain_user_calls_no_method_of_administrators_or_hosts(c):
    from google.protobuf import json_format
    requests = dict(every_method(c))
    alice = stub(c, c.alice)
    for method, body in ADMINISTRATION:
        status, answer = curl(c, c.alice, method, body)
        assert status == 403 and answer["code"] == "PERMISSION_DENIED", (method, status, answer)
        request = json_format.ParseDict(body, type(requests[method])())
        assert refused(CODE.PERMISSION_DENIED, getattr(alice, method), request)
    assert c.request("CreateToken", {"roles": ["Node"]})[0] == 200


def a_node_speaks_for_no_other(c):
    node, other = stub(c, c.node), str(uuid.uuid4())
    record = res.Node()
    record.metadata.name, record.spec.hostname = other, "web-2"
    refused(CODE.PERMISSION_DENIED, node.Announce, pb.AnnounceRequest(node=record))
    session = res.Session()
    session.metadata.name = str(uuid.uuid4())
    session.spec.user, session.spec.login, session.spec.started = "alice", "root", 1
    session.spec.node_id = other
    refused(CODE.PERMISSION_DENIED, node.PutSession, pb.PutSessionRequest(session=session))
    event = pb.EmitAuditRequest()
    event.events.add(event="user.login", user="carol", server_id=c.node.id, success=True)
    assert refused(CODE.PERMISSION_DENIED, node.EmitAudit, event)
    chunk = pb.RecordingChunk(session_id=session.metadata.name, data=b"POSTREC1")
    try:
        list(node.UploadRecording(iter([chunk]), timeout=10))
        raise AssertionError("a recording of no session was taken")
    except grpc.RpcError as e:
        assert e.code() in (CODE.PERMISSION_DENIED, CODE.NOT_FOUND), e
    session.spec.node_id = c.node.id
    node.PutSession(pb.PutSessionRequest(session=session))
    session.spec.ended = 2
    node.PutSession(pb.PutSessionRequest(session=session))


def an_event_names_who_sent_it(c):
    """A node's event comes out under the node's own id, whatever it says."""
    event = pb.EmitAuditRequest()
    event.events.add(event="auth", user="forged", server_id=str(uuid.uuid4()),
                     cluster_name="elsewhere")
    try:
        stub(c, c.node).EmitAudit(event)
    except grpc.RpcError as e:
        assert e.code() == CODE.PERMISSION_DENIED, e
        return
    found = [e for e in c.audit("auth") if e.get("user") == "forged"]
    assert found[0]["server_id"] == c.node.id and found[0]["cluster_name"] == "example", found


def a_join_token_is_for_one_host_of_one_role_for_a_time(c):
    def join(token, role="Node"):
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        return pb.JoinRequest(
            token=token, system_role=role, host_id=str(uuid.uuid4()), hostname="web-7",
            tls_public_key=key.public_bytes(
                PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
            ssh_public_key=key.public_bytes(
                serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode())

    def token(**more):
        made = c.call("CreateToken", {"roles": ["Node"], **more})
        return made["token"]["metadata"]["name"]
    anybody, once = stub(c), token()
    said = refused(CODE.PERMISSION_DENIED, anybody.Join, join(once, "Proxy"))
    assert said == "the join token is not for a Proxy", said
    anybody.Join(join(once))
    said = refused(CODE.PERMISSION_DENIED, anybody.Join, join(once))
    assert said == "the join token was used already", said
    late = token(ttl="1s", reusable=True)
    anybody.Join(join(late))
    time.sleep(1.1)
    said = refused(CODE.PERMISSION_DENIED, anybody.Join, join(late))
    assert said == "the join token is not valid, or has expired", said
    failed = [e for e in c.audit("instance.join") if not e["success"]]
    assert len(failed) == 3 and all(e["error"] for e in failed), failed


def a_name_with_a_role_in_it_adds_none(c):
    c.role("admin", {"logins": ["root"], "rules": [{"resources": ["*"], "verbs": ["*"]}]})
    run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), "users", "add", "x,O=admin",
        "--roles=access")
    key = ec.generate_private_key(ec.SECP256R1())
    c.write("comma.key", key.private_bytes(
        PEM, serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption()).decode())
    answer = c.call("IssueUserCertificate", {
        "user": "x,O=admin", "tls_public_key": key.public_key().public_bytes(
            PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()})
    caller = Caller(c.path("comma.key"), c.write("comma.pem", answer["tls_certificate"]))
    subject = x509.load_pem_x509_certificate(caller.pair()[1]).subject
    assert [(a.oid._name, a.value) for a in subject] == [
        ("commonName", "x,O=admin"), ("organizationName", "access")], subject
    assert answer["roles"] == ["access"], answer
    refused(CODE.PERMISSION_DENIED, stub(c, caller).CreateToken,
            pb.CreateTokenRequest(roles=["Node"]))
    c.call("PutResource", {"replace": True, "resource": {"user": {
        "metadata": {"name": "ada"}, "spec": {"roles": ["admin"]}}}})
    answer = c.call("IssueUserCertificate", {
        "user": "ada", "tls_public_key": key.public_key().public_bytes(
            PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()})
    ada = Caller(caller.key, c.write("ada.pem", answer["tls_certificate"]))
    assert stub(c, ada).CreateToken(pb.CreateTokenRequest(roles=["Node"])).token.metadata.name


# --- the authorities' private keys ---------------------------------------------------------------


def private_scalars(c):
    """The authorities' private keys, found in authd's own database by their public halves."""
    public = set()
    for kind in ("user", "host"):
        spec = c.call("GetResource", {"kind": "cert_authority", "sub_kind": kind,
                                      "name": "example"})["cert_authority"]["spec"]
        for pair in spec["active_keys"]["tls"]:
            key = x509.load_pem_x509_certificate(pair["cert"].encode()).public_key()
            public.add(key.public_numbers())
        for pair in spec["active_keys"]["ssh"]:
            key = serialization.load_ssh_public_key(pair["public_key"].encode())
            public.add(key.public_numbers())
    with open(c.path("authd", "keyspace", "data.mdb"), "rb") as f:
        data = f.read()
    found = {}
    for at in (m.end() for m in re.finditer(rb"\x02\x01\x01\x04\x20", data)):
        number = int.from_bytes(data[at:at + 32], "big")
        try:
            key = ec.derive_private_key(number, ec.SECP256R1())
        except ValueError:
            continue
        if key.public_key().public_numbers() in public:
            found[data[at:at + 32]] = key
    assert len(found) == len(public) == 4, (len(found), len(public))
    return found


def spellings(scalar, key):
    """The ways in which a key could stand in an answer."""
    yield scalar
    yield scalar.hex().encode()
    for shape in (serialization.PrivateFormat.TraditionalOpenSSL,
                  serialization.PrivateFormat.PKCS8):
        der = key.private_bytes(RAW, shape, serialization.NoEncryption())
        for shift in range(3):  # base64 of the middle, at each of its alignments
            at = der.index(scalar)
            at += (3 - (at + shift) % 3) % 3
            yield base64.b64encode(der[at:at + 24])


def every_answer(c):
    """All that authd tells an administrator, a node, a proxy and people, over gRPC and JSON."""
    kinds = ("cert_authority", "role", "user", "node", "proxy", "token", "lock", "session",
             "secret", "secrets")
    callers = {"administrator": admin(c), "node": stub(c, c.node), "proxy": stub(c, c.proxy),
               "alice": stub(c, c.alice), "nobody": stub(c)}
    for who, calls in callers.items():
        for kind in kinds:
            for secret in (False, True):
                requests = [(calls.ListResources, pb.ListResourcesRequest(
                    kind=kind, with_secrets=secret))]
                requests += [(calls.GetResource, pb.GetResourceRequest(
                    kind=kind, sub_kind=sub, name=name, with_secrets=secret))
                    for sub in ("", "user", "host")
                    for name in ("example", "authorities/user/example")]
                for call, request in requests:
                    try:
                        yield who, call(request, timeout=10).SerializeToString()
                    except grpc.RpcError as e:
                        yield who, str(e.details()).encode()
            yield who, watched(calls, kind)
    for secret in (False, True):
        for method, body in (("ListResources", {"kind": "cert_authority"}), ("GetResource", {
                "kind": "cert_authority", "sub_kind": "user", "name": "example"})):
            body = dict(body, with_secrets=secret)
            yield "administrator", json.dumps(c.request(method, body)[1]).encode()
            for who in (c.node, c.proxy, c.alice, None):
                yield "JSON", json.dumps(curl(c, who, method, body)[1]).encode()


def watched(calls, kind):
    """The snapshot of a watch of that kind."""
    seen = b""
    call = calls.Watch(pb.WatchRequest(kinds=[pb.WatchKind(kind=kind)]), timeout=5)
    try:
        for event in call:
            seen += event.SerializeToString()
            if event.type in (pb.WatchEvent.SYNCED, pb.WatchEvent.HEARTBEAT):
                break
    except grpc.RpcError as e:
        return seen + str(e.details()).encode()
    call.cancel()
    return seen


def private_keys_leave_authd_to_nobody(c):
    keys = private_scalars(c)
    forbidden = [s for scalar, key in keys.items() for s in spellings(scalar, key)]
    public = host_authority(c)["ssh"][0]["public_key"].split()[1].encode()
    answers = list(every_answer(c))
    assert any(public in answer for _, answer in answers), "no answer was looked at"
    for who, answer in answers:
        assert not any(s in answer for s in forbidden), f"a private key was told to {who}"
    for log in glob.glob(c.path("*.log")) + glob.glob(c.path("authd", "audit", "*")):
        with open(log, "rb") as f:
            text = f.read()
        assert not any(s in text for s in forbidden), f"a private key is in {log}"


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
    assert ask_who(c, "hers") == 200 or s_client(c, c.authd_port, use="hers") == "New"


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
        payload=data, certificates=[x509.load_pem_x509_certificate(pem).public_bytes(RAW),
                                    host_ca.public_bytes(RAW)])
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
    yield "is not a proxy", preface(c, c.node, target)
    yield "is not a proxy|issuer|signed by|chain|authority", preface(c, c.alice, target)
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


if __name__ == "__main__":
    story([
        a_foreign_certificate_ends_the_connection, no_certificate_is_nobody,
        a_hosts_certificate_opens_no_stream,
        a_plain_user_calls_no_method_of_administrators_or_hosts, a_node_speaks_for_no_other,
        an_event_names_who_sent_it, a_join_token_is_for_one_host_of_one_role_for_a_time,
        a_name_with_a_role_in_it_adds_none, private_keys_leave_authd_to_nobody,
        a_ticket_opens_only_the_door_that_gave_it, an_anonymous_ticket_carries_nobody,
        a_resumed_session_is_who_began_it_as_long_as_that_one_may, a_forged_preface_is_refused,
    ], setup=prepare)
