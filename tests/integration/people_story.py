"""The story of people.sh: how people get in, how hosts join, what is written down."""

import concurrent.futures
import hashlib
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import time
import uuid

import grpc

import audit_pb2 as audit
import auth_pb2 as pb
import record_pb2 as rec
import resource_pb2 as res
from authd_daemon import Daemon

PROGRAM, WORK = sys.argv[1], sys.argv[2]
PASSWORD = "correct horse"
MINUTE = 60 * 1000
HOUR = 60 * MINUTE

CODE = grpc.StatusCode


def say(text):
    print(text, flush=True)


def refused(code, call, *args, **kwargs):
    """The call must fail with this status; what it says."""
    try:
        call(*args, timeout=60, **kwargs)
    except grpc.RpcError as e:
        assert e.code() == code, f"{e.code()} {e.details()}, not {code}"
        return e.details()
    raise AssertionError(f"allowed, not refused with {code}")


def run(*command, **kwargs):
    return subprocess.run(command, check=True, capture_output=True, **kwargs).stdout


class Keys:
    """A TLS key and an SSH key in files, as clients make them."""

    def __init__(self, name):
        self.key = os.path.join(WORK, f"{name}.key")
        self.cert = os.path.join(WORK, f"{name}.crt")
        self.ssh = os.path.join(WORK, f"{name}.ssh")
        run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", self.key)
        self.public = run("openssl", "ec", "-in", self.key, "-pubout").decode()
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.ssh)
        with open(self.ssh + ".pub") as f:
            self.ssh_public = f.read().strip()

    def certified(self, pem):
        with open(self.cert, "w") as f:
            f.write(pem)
        return self

    def pair(self):
        with open(self.key, "rb") as k, open(self.cert, "rb") as c:
            return k.read(), c.read()


def traits(**values):
    return {k: res.Strings(values=v) for k, v in values.items()}


class World:
    """The daemon, its administrator, and somebody whom nobody knows."""

    def __init__(self):
        self.daemon = Daemon(PROGRAM, WORK)

    def connect(self):
        self.admin = self.daemon.local()
        self.anonymous = self.daemon.remote(self.daemon.ca)

    def start(self):
        self.daemon.start()
        self.admin = self.daemon.local()
        ca = self.admin.GetResource(pb.GetResourceRequest(
            kind="cert_authority", sub_kind="host", name="example")).cert_authority
        self.daemon.ca = ca.spec.active_keys.tls[0].cert.encode()
        self.ca_file = os.path.join(WORK, "ca.pem")
        with open(self.ca_file, "wb") as f:
            f.write(self.daemon.ca)
        self.connect()

    def kill_and_restart(self):
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()
        self.connect()
        self.admin.Ping(pb.PingRequest(), wait_for_ready=True)

    def curl(self, method, **body):
        return self.daemon.curl_remote(method, body, "--cacert", self.ca_file)

    def add_user(self, name, roles=("access",), **values):
        return self.admin.CreateUser(pb.CreateUserRequest(
            name=name, roles=roles, traits=traits(**values)))

    def log_in(self, name, password=PASSWORD, **more):
        keys = Keys(f"{name}-{uuid.uuid4().hex[:6]}")
        answer = self.anonymous.Login(pb.LoginRequest(
            user=name, password=password, ssh_public_key=keys.ssh_public,
            tls_public_key=keys.public, **more), timeout=20)
        return keys.certified(answer.tls_certificate), answer

    def new_user(self, name, roles=("access",), **values):
        """One with a password, logged in."""
        invite = self.add_user(name, roles, **values)
        self.anonymous.AcceptInvite(pb.AcceptInviteRequest(token=invite.token, password=PASSWORD))
        return self.daemon.remote(self.daemon.ca, *self.log_in(name)[0].pair())

    def token(self, *roles, **more):
        return self.admin.CreateToken(pb.CreateTokenRequest(roles=roles, **more))

    def join_request(self, token, keys, role="Node", host=None, hostname="web-1", **more):
        return pb.JoinRequest(token=token, system_role=role, host_id=host or str(uuid.uuid4()),
                              hostname=hostname, ssh_public_key=keys.ssh_public,
                              tls_public_key=keys.public, **more)

    def new_host(self, role="Node"):
        """Joined: its id, its keys, itself as a caller."""
        keys, host = Keys(f"host-{uuid.uuid4().hex[:6]}"), str(uuid.uuid4())
        token = self.token(role).token.metadata.name
        answer = self.anonymous.Join(self.join_request(token, keys, role, host))
        keys.certified(answer.tls_certificate)
        return host, keys, self.daemon.remote(self.daemon.ca, *keys.pair())

    def events(self, name=None):
        with open(f"{WORK}/data/audit/events.log") as f:
            lines = [json.loads(line) for line in f]
        return [e for e in lines if name is None or e["event"] == name]


# --- people --------------------------------------------------------------------------------------


def an_invite_sets_a_password_once(w):
    invite = w.add_user("alice", logins=["alice", "root"])
    assert invite.user == "alice" and len(invite.token) == 43 and len(invite.ca_pins) == 1
    assert abs(invite.expires - time.time() * 1000 - HOUR) < MINUTE
    refused(CODE.ALREADY_EXISTS, w.admin.CreateUser,
            pb.CreateUserRequest(name="alice", roles=["access"]))
    refused(CODE.NOT_FOUND, w.admin.CreateUser, pb.CreateUserRequest(name="x", roles=["ghost"]))
    for _ in range(2):  # looking consumes nothing
        seen = w.anonymous.GetInvite(pb.GetInviteRequest(token=invite.token))
        assert seen.user == "alice" and seen.cluster_name == "example"
    for bad in ("", "short", "x" * 129):
        refused(CODE.INVALID_ARGUMENT, w.anonymous.AcceptInvite,
                pb.AcceptInviteRequest(token=invite.token, password=bad))
    refused(CODE.NOT_FOUND, w.anonymous.GetInvite, pb.GetInviteRequest(token="guess"))
    w.anonymous.AcceptInvite(pb.AcceptInviteRequest(token=invite.token, password=PASSWORD))
    refused(CODE.NOT_FOUND, w.anonymous.AcceptInvite,
            pb.AcceptInviteRequest(token=invite.token, password="another password"))
    refused(CODE.NOT_FOUND, w.anonymous.GetInvite, pb.GetInviteRequest(token=invite.token))
    say("an invite may be looked at often and used once")


def logging_in_with_curl_gives_certificates(w):
    keys = Keys("curl")
    status, answer = w.curl("Login", user="alice", password=PASSWORD, ttl="1h",
                            ssh_public_key=keys.ssh_public, tls_public_key=keys.public)
    assert status == 200, answer
    assert answer["logins"] == ["alice", "root"] and answer["roles"] == ["access"]
    assert abs(int(answer["time"]) - time.time() * 1000) < MINUTE
    keys.certified(answer["tls_certificate"])
    text = run("openssl", "x509", "-in", keys.cert, "-noout", "-subject", "-enddate").decode()
    assert "O = access" in text and "CN = alice" in text, text
    with open(keys.ssh + "-cert.pub", "w") as f:
        f.write(answer["ssh_certificate"])
    text = run("ssh-keygen", "-L", "-f", keys.ssh + "-cert.pub").decode()
    for part in ('Key ID: "alice"', "alice\n", "root\n", "permit-pty", "identity@postern"):
        assert part in text, text
    user_ca = [a for a in answer["authorities"] if a["sub_kind"] == "user"][0]
    assert "private_key" not in json.dumps(answer["authorities"])
    ca_line = user_ca["spec"]["active_keys"]["ssh"][0]["public_key"]
    fingerprint = run("ssh-keygen", "-l", "-f", "-", input=ca_line.encode()).decode().split()[1]
    assert fingerprint in text, text
    me = w.daemon.remote(w.daemon.ca, *keys.pair())
    assert me.GetResource(pb.GetResourceRequest(kind="user", name="alice")).HasField("user")
    say("a login by curl gives certificates that openssl and ssh-keygen understand")


def the_life_of_a_certificate_is_cut_by_the_roles(w):
    role = res.Resource()
    role.role.metadata.name = "short"
    role.role.spec.options.max_session_ttl = 2 * HOUR
    role.role.spec.allow.logins.append("guest")
    w.admin.PutResource(pb.PutResourceRequest(resource=role))
    w.new_user("shorty", ["access", "short"], logins=["shorty"])
    for asked, given in ((0, 2 * HOUR), (HOUR, HOUR), (100 * HOUR, 2 * HOUR), (1000, MINUTE)):
        answer = w.log_in("shorty", ttl=asked)[1]
        assert abs(answer.valid_until - answer.time - given) < 5000, (asked, given)
        assert list(answer.logins) == ["guest", "shorty"]
    say("a certificate lives as long as was asked for, and no longer than every role allows")


def wrong_passwords_and_unknown_names_are_alike(w):
    def attempt(user):
        start = time.monotonic()
        status, answer = w.curl("Login", user=user, password="wrong", ssh_public_key="x")
        return status, answer, time.monotonic() - start

    wrong, unknown = attempt("shorty"), attempt("nobody-of-this-name")
    assert wrong[:2] == unknown[:2] and wrong[0] == 401, (wrong, unknown)
    assert min(wrong[2], unknown[2]) > 0.02, "no password was hashed"
    w.log_in("shorty")  # forgets the failure
    say("a wrong password and an unknown name get the same answer, at the same cost")


def guess(w, user, password="wrong"):
    """The status of one login."""
    try:
        w.anonymous.Login(pb.LoginRequest(user=user, password=password,
                                          ssh_public_key=w.some_key), timeout=30)
        return CODE.OK
    except grpc.RpcError as e:
        return e.code()


def five_failures_lock(w):
    w.some_key = Keys("some").ssh_public
    w.new_user("lucy", logins=["lucy"])
    assert [guess(w, "lucy") for _ in range(4)] == [CODE.UNAUTHENTICATED] * 4
    assert guess(w, "lucy", PASSWORD) == CODE.OK, "four failures lock already"
    assert [guess(w, "lucy") for _ in range(5)] == [CODE.UNAUTHENTICATED] * 5
    assert guess(w, "lucy", PASSWORD) == CODE.PERMISSION_DENIED
    record = w.admin.GetResource(pb.GetResourceRequest(kind="user", name="lucy")).user
    assert record.spec.status.is_locked
    assert abs(record.spec.status.lock_expires - time.time() * 1000 - 20 * MINUTE) < MINUTE
    w.kill_and_restart()
    assert guess(w, "lucy", PASSWORD) == CODE.PERMISSION_DENIED, "a restart forgave"
    w.admin.UnlockUser(pb.UnlockUserRequest(name="lucy"))
    assert guess(w, "lucy", PASSWORD) == CODE.OK
    record = w.admin.GetResource(pb.GetResourceRequest(kind="user", name="lucy")).user
    assert not record.spec.status.is_locked
    say("five failures lock for 20 minutes, over a restart, until somebody unlocks")

    for user in ("lucy", "nobody-at-all"):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(lambda _, u=user: guess(w, u), range(20)))
        assert codes.count(CODE.UNAUTHENTICATED) == 5, codes
        assert codes.count(CODE.PERMISSION_DENIED) == 15, codes
    say("twenty guesses at once are five guesses, also of a name that nobody has")


def a_reset_ends_the_password_at_once(w):
    first = w.admin.ResetUser(pb.ResetUserRequest(name="lucy"))  # locked by the guesses
    assert guess(w, "lucy", PASSWORD) == CODE.UNAUTHENTICATED
    second = w.admin.ResetUser(pb.ResetUserRequest(name="lucy"))
    refused(CODE.NOT_FOUND, w.anonymous.GetInvite, pb.GetInviteRequest(token=first.token))
    w.anonymous.AcceptInvite(pb.AcceptInviteRequest(token=second.token, password="new password"))
    assert guess(w, "lucy", PASSWORD) == CODE.UNAUTHENTICATED
    assert guess(w, "lucy", "new password") == CODE.OK
    refused(CODE.NOT_FOUND, w.admin.ResetUser, pb.ResetUserRequest(name="ghost"))
    refused(CODE.INVALID_ARGUMENT, w.admin.ResetUser,
            pb.ResetUserRequest(name="lucy", ttl=49 * HOUR))
    third = w.admin.ResetUser(pb.ResetUserRequest(name="lucy"))
    w.admin.DeleteResource(pb.DeleteResourceRequest(kind="user", name="lucy"))
    refused(CODE.NOT_FOUND, w.anonymous.GetInvite, pb.GetInviteRequest(token=third.token))
    w.add_user("lucy")
    assert guess(w, "lucy", "new password") == CODE.UNAUTHENTICATED, "a password outlived its user"
    say("a reset ends the password at once, and a user's secrets go with the user")


def certificates_for_others_are_the_administrators(w):
    keys = Keys("issued")
    answer = w.admin.IssueUserCertificate(pb.IssueUserCertificateRequest(
        user="alice", tls_public_key=keys.public, ttl=HOUR))
    keys.certified(answer.tls_certificate)
    alice = w.daemon.remote(w.daemon.ca, *keys.pair())
    assert alice.GetResource(pb.GetResourceRequest(kind="user", name="alice")).HasField("user")
    refused(CODE.NOT_FOUND, w.admin.IssueUserCertificate, pb.IssueUserCertificateRequest(
        user="ghost", tls_public_key=keys.public))
    refused(CODE.INVALID_ARGUMENT, w.admin.IssueUserCertificate,
            pb.IssueUserCertificateRequest(user="alice"))
    say("the administrator has a certificate made in a user's name")


# --- hosts ---------------------------------------------------------------------------------------


def a_join_token_serves_one_host(w):
    made = w.token("Node")
    token, keys, host = made.token.metadata.name, Keys("n1"), str(uuid.uuid4())
    assert made.ca_pins and list(made.auth_addrs) == ["127.0.0.2:3025"]
    details = refused(CODE.PERMISSION_DENIED, w.anonymous.Join,
                      w.join_request(token, keys, role="Proxy"))
    assert details == "the join token is not for a Proxy", details
    refused(CODE.INVALID_ARGUMENT, w.anonymous.Join, w.join_request(token, keys, role="Auth"))
    refused(CODE.INVALID_ARGUMENT, w.anonymous.Join, w.join_request(token, keys, host="../x"))
    refused(CODE.PERMISSION_DENIED, w.anonymous.Join,
            w.join_request(token, keys, hostname="auth.example"))
    answer = w.anonymous.Join(w.join_request(token, keys, host=host))
    assert answer.host_id == host and answer.cluster_name == "example"
    details = refused(CODE.PERMISSION_DENIED, w.anonymous.Join,
                      w.join_request(token, Keys("n2")))
    assert details == "the join token was used already", details
    w.anonymous.Join(w.join_request(token, keys, host=host))  # the same join: its answer was lost
    refused(CODE.ALREADY_EXISTS, w.anonymous.Join, w.join_request(token, Keys("n3"), host=host))
    details = refused(CODE.PERMISSION_DENIED, w.anonymous.Join, w.join_request("guess", keys))
    assert details == "the join token is not valid, or has expired", details
    say("a join token is for its role and for one host")

    fresh = w.token("Node").token.metadata.name
    refused(CODE.ALREADY_EXISTS, w.anonymous.Join, w.join_request(fresh, Keys("n4"), host=host))
    again = w.token("node", "proxy", reusable=True).token.metadata.name
    for role in ("Node", "Proxy", "Node"):
        w.anonymous.Join(w.join_request(again, Keys(f"n-{uuid.uuid4().hex[:4]}"), role))
    say("a reusable token serves several; a known host id is nobody else's")


def a_token_expires(w):
    token = w.token("Node", ttl=300).token.metadata.name
    deadline = time.monotonic() + 20
    while True:
        listed = w.admin.ListResources(pb.ListResourcesRequest(kind="token")).resources
        if not any(r.token.metadata.expires < time.time() * 1000 + MINUTE for r in listed):
            break
        assert time.monotonic() < deadline, "the token never expires"
    details = refused(CODE.PERMISSION_DENIED, w.anonymous.Join,
                      w.join_request(token, Keys("late")))
    assert details == "the join token is not valid, or has expired", details
    say("an expired join token is none")


def a_tokens_value_is_nowhere(w):
    value = w.token("Node", value="a-token-that-is-easy-to-find").token.metadata.name
    assert value == "a-token-that-is-easy-to-find"
    document = res.Resource()
    document.token.metadata.name = "one-more-easy-to-find"
    document.token.spec.roles.append("Node")
    w.admin.PutResource(pb.PutResourceRequest(resource=document))
    listed = w.admin.ListResources(pb.ListResourcesRequest(
        kind="token", with_secrets=True)).resources
    text = " ".join(str(r) for r in listed)
    assert "easy-to-find" not in text, text
    with open(f"{WORK}/data/keyspace/data.mdb", "rb") as f:
        assert b"easy-to-find" not in f.read()
    with open(f"{WORK}/data/audit/events.log") as f:
        assert "easy-to-find" not in f.read()
    for keys in (Keys("y1"), Keys("y2")):  # as Teleport's, good until it expires
        w.anonymous.Join(w.join_request("one-more-easy-to-find", keys))
    refused(CODE.ALREADY_EXISTS, w.admin.CreateToken, pb.CreateTokenRequest(
        roles=["Node"], value=value))
    w.admin.DeleteResource(pb.DeleteResourceRequest(kind="token", name=value))
    refused(CODE.PERMISSION_DENIED, w.anonymous.Join, w.join_request(value, Keys("y3")))
    say("a token's value is in no listing, no log, and not in the store")


def a_host_renews_itself_and_nobody_else(w):
    host, keys, node = w.new_host()
    fresh = Keys("renewed")
    answer = node.RenewHost(pb.RenewHostRequest(
        hostname="web-2", addresses=["10.1.2.3"], ssh_public_key=fresh.ssh_public,
        tls_public_key=fresh.public))
    assert answer.host_id == host
    fresh.certified(answer.tls_certificate)
    text = run("openssl", "x509", "-in", fresh.cert, "-noout", "-text").decode()
    assert f"DNS:{host}.example" in text and "web-2" not in text, "a node's TLS name is its id"
    with open(fresh.ssh + "-cert.pub", "w") as f:
        f.write(answer.ssh_certificate)
    text = run("ssh-keygen", "-L", "-f", fresh.ssh + "-cert.pub").decode()
    for name in (host, f"{host}.example", "web-2", "web-2.example", "10.1.2.3"):
        assert f" {name}\n" in text, text

    other = w.new_host()[0]
    status, answer = w.daemon.curl_remote(
        "RenewHost", {"host_id": other, "hostname": "x", "tls_public_key": fresh.public},
        "--cacert", w.ca_file, "--key", keys.key, "--cert", keys.cert)
    assert status == 400 and "host_id" in answer["message"], (status, answer)
    refused(CODE.PERMISSION_DENIED, node.RenewHost, pb.RenewHostRequest(
        hostname=other, tls_public_key=fresh.public))
    alice = w.daemon.remote(w.daemon.ca, *w.log_in("alice")[0].pair())
    refused(CODE.PERMISSION_DENIED, alice.RenewHost, pb.RenewHostRequest(
        hostname="x", tls_public_key=fresh.public))
    refused(CODE.UNAUTHENTICATED, w.anonymous.RenewHost, pb.RenewHostRequest(hostname="x"))

    record = res.Node()
    record.metadata.name, record.spec.hostname = host, "web-2"
    node.Announce(pb.AnnounceRequest(node=record))
    w.admin.DeleteResource(pb.DeleteResourceRequest(kind="node", name=host))
    again = w.daemon.remote(w.daemon.ca, *keys.pair())
    details = refused(CODE.UNAUTHENTICATED, again.RenewHost, pb.RenewHostRequest(
        hostname="web-2", tls_public_key=fresh.public))
    assert details == "this host was removed", details
    say("a host renews its own certificates, in its own role, until it is removed")


# --- what is written down ------------------------------------------------------------------------


def the_audit_log_tells_it_all(w):
    logins = w.events("user.login")
    good = [e for e in logins if e["success"] and e["user"] == "alice"]
    bad = [e for e in logins if not e["success"] and e["user"] == "nobody-of-this-name"]
    assert good and all(e["code"] == "T1000I" and e["method"] == "local" for e in good)
    assert bad and bad[0]["code"] == "T1000W" and bad[0]["error"] == "wrong user name or password"
    assert bad[0]["addr.remote"].startswith("127.0.0.1:"), bad[0]
    for name, code in (("user.create", "T1002I"), ("user.delete", "T1004I"),
                       ("user.password_change", "T1005I"), ("role.created", "T9000I"),
                       ("reset_password_token.create", "T6000I"),
                       ("join_token.create", "TJT00I"), ("instance.join", "TJ002I"),
                       ("instance.join", "TJ002E"), ("cert.create", "TC000I")):
        found = [e for e in w.events(name) if e["code"] == code]
        assert found, f"no {name} with {code}"
        for e in found:
            assert e["cluster_name"] == "example" and len(e["uid"]) == 36 and e["time"][-1] == "Z"
    with open(f"{WORK}/data/audit/events.log") as f:
        text = f.read()
    assert PASSWORD not in text and "new password" not in text
    assert os.readlink(f"{WORK}/data/audit/events.log").endswith(".00:00:00.log")
    say(f"the audit log has {len(w.events())} events, each with name, code and who")


def hosts_report_of_themselves_only(w):
    host, _, node = w.new_host()
    sid = str(uuid.uuid4())
    node.EmitAudit(pb.EmitAuditRequest(events=[audit.AuditEvent(
        event="session.start", code="T2000I", user="alice", login="root", sid=sid, size="80:24",
        server_id=str(uuid.uuid4()), cluster_name="elsewhere", time=1)]))
    event = [e for e in w.events("session.start") if e["sid"] == sid][0]
    assert event["server_id"] == host and event["cluster_name"] == "example", event
    assert event["time"] > "2020", event
    for name, code in (("user.login", "T1000I"), ("session.upload", "T2005I"),
                       ("session.start", "T9000I"), ("nonsense", "X")):
        refused(CODE.PERMISSION_DENIED, node.EmitAudit, pb.EmitAuditRequest(
            events=[audit.AuditEvent(event=name, code=code)]))
    refused(CODE.INVALID_ARGUMENT, node.EmitAudit, pb.EmitAuditRequest(events=[
        audit.AuditEvent(event="session.start", code="T2000I")] * 257))
    say("a host reports of itself, and only what hosts can know")


# --- recordings ----------------------------------------------------------------------------------


def recording(sid, host, output):
    """A recording's bytes, as record/frame.h has them."""
    frames = [rec.Frame(start=rec.RecordStart(session_id=sid, node_id=host, user="alice"))]
    frames += [rec.Frame(output=output[i:i + 1000]) for i in range(0, len(output), 1000)]
    frames.append(rec.Frame(end=rec.RecordEnd(exit_code=0)))
    data, previous = b"POSTREC1", b""
    for index, frame in enumerate(frames):
        frame.index, frame.previous = index, previous
        message = frame.SerializeToString()
        previous = hashlib.sha256(message).digest()
        data += struct.pack(">I", len(message)) + previous[:4] + message
    return data, len(frames), previous


class Upload:
    """An UploadRecording call: send() chunks, acknowledged() waits for an offset."""

    def __init__(self, node, sid):
        self.requests, self.offset, self.signature = queue.Queue(), -1, b""
        self.answers = node.UploadRecording(iter(self.requests.get, None), timeout=60)
        self.requests.put(pb.RecordingChunk(session_id=sid))

    def acknowledged(self, offset):
        while self.offset < offset:
            ack = next(self.answers)
            self.offset, self.signature = ack.offset, ack.signature
        return self

    def send(self, data, start, end, complete=False):
        for at in range(start, end, 32768):
            self.requests.put(pb.RecordingChunk(offset=at, data=data[at:min(at + 32768, end)]))
        if complete:
            self.requests.put(pb.RecordingChunk(complete=True))
        return self

    def close(self):
        """How it ended; None: well."""
        self.requests.put(None)
        try:
            for _ in self.answers:
                pass
            return None
        except grpc.RpcError as e:
            return e


def new_session(node, host, user="alice"):
    session = res.Session()
    session.metadata.name = str(uuid.uuid4())
    session.spec.user, session.spec.login = user, "root"
    session.spec.node_id, session.spec.started = host, int(time.time() * 1000)
    node.PutSession(pb.PutSessionRequest(session=session))
    return session.metadata.name


def verify(w, sid, data, frames, last, signature):
    """The countersignature, by openssl and the host authority's certificate."""
    public, signed, text = (os.path.join(WORK, n) for n in ("ca.pub", "sig", "signed"))
    with open(public, "wb") as f:
        f.write(run("openssl", "x509", "-in", w.ca_file, "-noout", "-pubkey"))
    with open(signed, "wb") as f:
        f.write(signature)
    with open(text, "wb") as f:
        f.write(b"postern-recording-v1\0" + sid.encode() + struct.pack(">QQ", len(data), frames)
                + last)
    run("openssl", "dgst", "-sha256", "-verify", public, "-signature", signed, text)


def a_recording_survives_and_belongs_to_its_node(w):
    host, _, node = w.new_host()
    other = w.new_host()[2]
    sid = new_session(node, host)
    data, frames, last = recording(sid, host, os.urandom(300 * 1000))
    half = len(data) // 2

    first = Upload(node, sid).acknowledged(0).send(data, 0, half).acknowledged(half)
    w.kill_and_restart()
    assert first.close() is not None
    with open(f"{WORK}/data/recordings/{sid}.rec", "rb") as f:
        assert f.read() == data[:half], "what was acknowledged is not on the disk"
    assert Upload(other, sid).close().code() == CODE.PERMISSION_DENIED
    stranger = str(uuid.uuid4())  # a session without a record: the recording's start tells
    alien = recording(stranger, host, b"x")[0]
    assert Upload(other, stranger).acknowledged(0).send(alien, 0, len(alien)).close().code() \
        == CODE.PERMISSION_DENIED

    again = Upload(node, sid).acknowledged(half)
    assert again.offset == half
    again.send(data, half - 5000, len(data), complete=True)  # what is there already is skipped
    assert again.close() is None
    done = Upload(node, sid).acknowledged(len(data))
    done.requests.put(pb.RecordingChunk(complete=True))
    assert done.close() is None
    verify(w, sid, data, frames, last, done.signature)
    uploads = [e for e in w.events("session.upload") if e["sid"] == sid]
    assert len(uploads) == 1 and uploads[0]["server_id"] == host, uploads
    record = w.admin.GetResource(pb.GetResourceRequest(kind="session", name=sid)).session
    assert record.spec.recorded and record.spec.recording_size == len(data)
    say("a recording goes on after kill -9 where authd's disk ends, and is countersigned")
    return sid, data, node, host


def what_is_no_recording_is_refused(w, node, host):
    sid = new_session(node, host)
    data = recording(sid, host, b"hello")[0]
    garbage = data[:-10] + b"0123456789"
    bad = Upload(node, sid).acknowledged(0).send(garbage, 0, len(garbage)).close()
    assert bad.code() == CODE.DATA_LOSS, bad
    gap = Upload(node, sid).acknowledged(0).send(data, 10, len(data)).close()
    assert gap.code() == CODE.FAILED_PRECONDITION, gap
    early = Upload(node, sid).acknowledged(0).send(data, 0, len(data) - 1, complete=True).close()
    assert early.code() == CODE.INVALID_ARGUMENT and "no end" in early.details(), early
    name = Upload(node, "../../etc/passwd").close()
    assert name.code() == CODE.INVALID_ARGUMENT, name
    say("bytes that are no recording, a gap, and a false end are refused")


def played(stub, sid, **more):
    chunks = list(stub.GetRecording(pb.GetRecordingRequest(session_id=sid, **more), timeout=20))
    assert chunks[-1].data == b""
    return b"".join(c.data for c in chunks), chunks[-1].complete


def who_took_part_may_see_it(w, sid, data, node):
    alice = w.daemon.remote(w.daemon.ca, *w.log_in("alice")[0].pair())
    bob = w.new_user("bob", logins=["bob"])
    auditor = w.new_user("auditor", ["auditor"])
    for stub in (w.admin, alice, auditor):
        assert played(stub, sid) == (data, True)
    assert played(alice, sid, offset=1000) == (data[1000:], True)
    for stub in (bob, node, w.anonymous):
        code = CODE.UNAUTHENTICATED if stub is w.anonymous else CODE.PERMISSION_DENIED
        try:
            played(stub, sid)
            raise AssertionError("somebody else may see it")
        except grpc.RpcError as e:
            assert e.code() == code, e
    assert {e["user"] for e in w.events("session.recording.access") if e["sid"] == sid} \
        >= {"alice", "auditor"}
    say("a recording is for who took part and for auditors")


def a_live_recording_is_followed(w, node, host):
    sid = new_session(node, host)
    data = recording(sid, host, os.urandom(100 * 1000))[0]
    third = len(data) // 3
    upload = Upload(node, sid).acknowledged(0).send(data, 0, third).acknowledged(third)
    assert played(w.admin, sid) == (data[:third], False)
    got, stream = b"", w.admin.GetRecording(
        pb.GetRecordingRequest(session_id=sid, follow=True), timeout=30)
    for end in (third, 2 * third, len(data)):
        upload.send(data, upload.offset, end, complete=end == len(data)).acknowledged(end)
        while len(got) < end:
            got += next(stream).data
    assert next(stream).complete and got == data and upload.close() is None
    say("a live recording is seen while it grows, to its end")


def a_quota_is_answered_clearly(w):
    w.daemon.stop()
    w.daemon.write_settings("recordings:\n  quota: 512KB\n")
    w.daemon.start()
    w.daemon.write_settings()
    w.connect()
    host, _, node = w.new_host()
    sid = new_session(node, host)
    data = recording(sid, host, os.urandom(400 * 1000))[0]
    failed = Upload(node, sid).acknowledged(0).send(data, 0, len(data)).close()
    assert failed.code() == CODE.RESOURCE_EXHAUSTED and "may take" in failed.details(), failed
    say(f"a full house is said so: {failed.details()}")


def a_stop_in_the_middle_of_everything(w):
    host, _, node = w.new_host()
    sid = new_session(node, host)
    data = recording(sid, host, os.urandom(10 * 1000))[0]
    upload = Upload(node, sid).acknowledged(0).send(data, 0, len(data) // 2)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        logins = [pool.submit(guess, w, f"user-{i}") for i in range(8)]
        logins += [pool.submit(guess, w, "alice", PASSWORD) for _ in range(4)]
        concurrent.futures.wait(logins, return_when=concurrent.futures.FIRST_COMPLETED)
        start = time.monotonic()
        assert w.daemon.stop() == 0
        assert time.monotonic() - start < 5
        codes = {login.result() for login in logins}
    assert codes <= {CODE.OK, CODE.UNAUTHENTICATED, CODE.UNAVAILABLE, CODE.CANCELLED}, codes
    assert upload.close() is not None
    say("authd ends in order in the middle of logins and uploads")


def main():
    w = World()
    try:
        w.start()
        an_invite_sets_a_password_once(w)
        logging_in_with_curl_gives_certificates(w)
        the_life_of_a_certificate_is_cut_by_the_roles(w)
        wrong_passwords_and_unknown_names_are_alike(w)
        five_failures_lock(w)
        a_reset_ends_the_password_at_once(w)
        certificates_for_others_are_the_administrators(w)
        a_join_token_serves_one_host(w)
        a_token_expires(w)
        a_tokens_value_is_nowhere(w)
        a_host_renews_itself_and_nobody_else(w)
        the_audit_log_tells_it_all(w)
        hosts_report_of_themselves_only(w)
        sid, data, node, host = a_recording_survives_and_belongs_to_its_node(w)
        what_is_no_recording_is_refused(w, node, host)
        who_took_part_may_see_it(w, sid, data, node)
        a_live_recording_is_followed(w, node, host)
        a_quota_is_answered_clearly(w)
        a_stop_in_the_middle_of_everything(w)
    except BaseException:
        with open(w.daemon.log) as f:
            print(f.read()[-20000:], file=sys.stderr)
        raise
    finally:
        if w.daemon.child is not None and w.daemon.child.poll() is None:
            w.daemon.stop(signal.SIGKILL)


main()
