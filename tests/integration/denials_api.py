"""What authd refuses to who calls it: methods, other hosts' words, used tokens, private keys.

TLS, tickets and prefaces are in denials_tls.py, SSH and people in denials.py.
"""

import base64
import glob
import json
import queue
import re
import time
import uuid

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import json_format

from callers import (Caller, admin, curl, every_method, host_authority, new_key, prepare, refused,
                     stub)
import auth_pb2 as pb
import resource_pb2 as res
from cluster import BUILD, run, story

CODE = grpc.StatusCode
DER = serialization.Encoding.DER


# --- what callers may do -------------------------------------------------------------------------


ADMINISTRATION = (
    ("PutResource", {"resource": {"role": {"metadata": {"name": "mine"}}}}),
    ("PutResources", {"resources": [{"role": {"metadata": {"name": "mine"}}}]}),
    ("DeleteResource", {"kind": "role", "name": "access"}),
    ("CreateUser", {"name": "eve", "roles": ["access"]}),
    ("ResetUser", {"name": "carol"}),
    ("UnlockUser", {"name": "carol"}),
    ("CreateToken", {"roles": ["Node"]}),
    ("KillSession", {"session_id": str(uuid.uuid4())}),
    ("IssueUserCertificate", {"user": "carol"}),
    ("ExplainAccess", {"user": "carol", "node": "web-1"}),
    ("Backup", {}),
    ("RotateAuthority", {"type": "host"}),
    ("GetRotation", {}),
    ("ListResources", {"kind": "token"}),
    ("RenewHost", {"hostname": "web-9"}),
    ("Announce", {"node": {"metadata": {"name": str(uuid.uuid4())}}}),
    ("ReportTunnels", {"tunnels": []}),
    ("EmitAudit", {"events": []}),
    ("PutSession", {"session": {"metadata": {"name": str(uuid.uuid4())}}}),
)


def a_plain_user_calls_no_method_of_administrators_or_hosts(c):
    requests = dict(every_method(c))
    alice = stub(c, c.alice)
    for method, body in ADMINISTRATION:
        status, answer = curl(c, c.alice, method, body)
        assert status == 403 and answer["code"] == "PERMISSION_DENIED", (method, status, answer)
        request = json_format.ParseDict(body, type(requests[method])())
        assert refused(CODE.PERMISSION_DENIED, getattr(alice, method), request)
    assert c.request("CreateToken", {"roles": ["Node"]})[0] == 200


def only_people_have_a_second_factor(c):
    """Neither a node, nor the administrator on the unix socket, nor anybody without a certificate."""
    calls = (("ListMfaDevices", {}), ("BeginMfaDevice", {"name": "x"}),
             ("FinishMfaDevice", {"otp": "123456"}), ("RemoveMfaDevice", {"name": "x"}))
    for method, body in calls:
        assert curl(c, c.node, method, body)[0] == 403, method
        assert c.request(method, body)[0] == 403, method
        assert curl(c, None, method, body)[0] == 401, method
    assert curl(c, c.alice, "ListMfaDevices", {})[0] == 200


def token(c, **more):
    return c.call("CreateToken", {"roles": ["Node"], **more})["token"]["metadata"]["name"]


def join(c, with_token, role="Node"):
    _, tls_key, ssh_key = new_key(c, "joining.key")
    return pb.JoinRequest(token=with_token, system_role=role, host_id=str(uuid.uuid4()),
                          hostname="web-7", tls_public_key=tls_key, ssh_public_key=ssh_key)


def another_node(c):
    answer = stub(c).Join(join(c, token(c)))
    return stub(c, Caller(c.path("joining.key"), c.write("joining.pem", answer.tls_certificate)))


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
    session.spec.node_id = c.node.id
    node.PutSession(pb.PutSessionRequest(session=session))
    second = another_node(c)
    refused(CODE.PERMISSION_DENIED, second.PutSession, pb.PutSessionRequest(session=session))
    pending = queue.Queue()
    pending.put(pb.RecordingChunk(session_id=session.metadata.name))
    refused(CODE.PERMISSION_DENIED, second.UploadRecording, iter(pending.get, None))
    pending.put(None)
    session.spec.ended = 2
    node.PutSession(pb.PutSessionRequest(session=session))


def an_event_names_who_sent_it(c):
    """A node's event comes out under the node's own id, whatever it says."""
    event = pb.EmitAuditRequest()
    event.events.add(event="auth", code="T3007W", user="forged", server_id=str(uuid.uuid4()),
                     cluster_name="elsewhere")
    stub(c, c.node).EmitAudit(event)
    found = [e for e in c.audit("auth") if e.get("user") == "forged"]
    assert found[0]["server_id"] == c.node.id and found[0]["cluster_name"] == "example", found


def a_join_token_is_for_one_host_of_one_role_for_a_time(c):
    anybody, once = stub(c), token(c)
    said = refused(CODE.PERMISSION_DENIED, anybody.Join, join(c, once, "Proxy"))
    assert said == "the join token is not for a Proxy", said
    anybody.Join(join(c, once))
    said = refused(CODE.PERMISSION_DENIED, anybody.Join, join(c, once))
    assert said == "the join token was used already", said
    late = token(c, ttl="1s", reusable=True)
    anybody.Join(join(c, late))
    time.sleep(1.1)
    said = refused(CODE.PERMISSION_DENIED, anybody.Join, join(c, late))
    assert said == "the join token is not valid, or has expired", said
    failed = [e for e in c.audit("instance.join") if not e["success"]]
    assert len(failed) == 3 and all(e["error"] for e in failed), failed


def a_name_with_a_role_in_it_adds_none(c):
    c.role("admin", {"logins": ["root"], "rules": [{"resources": ["*"], "verbs": ["*"]}]})
    run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), "users", "add", "x,O=admin",
        "--roles=access")
    key, public, _ = new_key(c, "comma.key")
    answer = c.call("IssueUserCertificate", {"user": "x,O=admin", "tls_public_key": public})
    caller = Caller(key, c.write("comma.pem", answer["tls_certificate"]))
    subject = x509.load_pem_x509_certificate(caller.pair()[1]).subject
    assert sorted((a.oid._name, a.value) for a in subject) == [
        ("commonName", "x,O=admin"), ("organizationName", "access")], subject
    assert answer["roles"] == ["access"], answer
    refused(CODE.PERMISSION_DENIED, stub(c, caller).CreateToken,
            pb.CreateTokenRequest(roles=["Node"]))
    c.user("ada", ["admin"])
    answer = c.call("IssueUserCertificate", {"user": "ada", "tls_public_key": public})
    ada = Caller(key, c.write("ada.pem", answer["tls_certificate"]))
    assert stub(c, ada).CreateToken(pb.CreateTokenRequest(roles=["Node"])).token.metadata.name


# --- the authorities' private keys ---------------------------------------------------------------


def private_scalars(c):
    """The authorities' private keys, found in authd's own database by their public halves."""
    public = set()
    for kind in ("user", "host"):
        spec = c.call("GetResource", {"kind": "cert_authority", "sub_kind": kind,
                                      "name": "example"})["cert_authority"]["spec"]
        for pairs in (spec["active_keys"], spec["additional_trusted_keys"]):
            for pair in pairs["tls"]:
                key = x509.load_pem_x509_certificate(pair["cert"].encode()).public_key()
                public.add(key.public_numbers())
            for pair in pairs["ssh"]:
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
    assert len(found) == len(public) == 8, (len(found), len(public))
    return found


def spellings(scalar, key):
    """The ways in which a key could stand in an answer."""
    yield scalar
    yield scalar.hex().encode()
    for shape in (serialization.PrivateFormat.TraditionalOpenSSL,
                  serialization.PrivateFormat.PKCS8):
        der = key.private_bytes(DER, shape, serialization.NoEncryption())
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
                        yield who, call(request, timeout=60).SerializeToString()
                    except grpc.RpcError as e:
                        yield who, str(e.details()).encode()
            yield who, watched(calls, kind)
        for call, request in ((calls.GetRotation, pb.GetRotationRequest()),
                              (calls.RotateAuthority,
                               pb.RotateAuthorityRequest(phase="update_clients"))):
            try:
                yield who, call(request, timeout=60).SerializeToString()
            except grpc.RpcError as e:
                yield who, str(e.details()).encode()
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
    """In the midst of a rotation, when there are twice as many."""
    c.call("RotateAuthority", {"phase": "init"})
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


if __name__ == "__main__":
    story([
        a_plain_user_calls_no_method_of_administrators_or_hosts,
        only_people_have_a_second_factor, a_node_speaks_for_no_other,
        an_event_names_who_sent_it, a_join_token_is_for_one_host_of_one_role_for_a_time,
        a_name_with_a_role_in_it_adds_none, private_keys_leave_authd_to_nobody,
    ], setup=prepare)
