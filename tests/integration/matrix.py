"""Who may call what: walks methods, and kinds of resources, with every sort of caller.

matrix.txt holds what must come out. A method or kind without a row is a failure, as is a row too
many; `MATRIX_WRITE=1 matrix.sh` writes the file as it is now, to be read before it is believed.
"""

import os
import uuid

import grpc

from callers import Caller, admin, every_method, of_user, prepare, stub
import auth_pb2 as pb
import options_pb2
from cluster import story
from plain_node import PlainNode

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "matrix.txt")
HEAD = """\
# What authd answers to whom: Y lets the call in (whatever then becomes of it), x is PERMISSION_DENIED,
# - UNAUTHENTICATED. Read by matrix.py.
#
# nobody: no certificate    alice: roles dev and access    carol: auditor    ed: editor
# node, proxy, kube: hosts  admin: the unix socket
"""
CODE = grpc.StatusCode
SIGNS = {CODE.PERMISSION_DENIED: "x", CODE.UNAUTHENTICATED: "-"}


class KubeHost(PlainNode):
    """A kubeproxyd's certificate and record."""

    role, kind = "Kube", "kube_server"
    names, spec = ("lab",), {"kube_cluster": "lab"}


def set_up(c):
    prepare(c)
    host = KubeHost(c, "kube-host")
    c.kube = Caller(host.path("tls.key"), host.path("tls.crt"))
    c.kube.id = host.id
    c.user("ed", ["editor"])
    c.callers = {"nobody": stub(c), "alice": stub(c, c.alice)}
    for user in "carol", "ed":
        c.log_in(user)
        c.callers[user] = stub(c, of_user(c, user))
    c.callers |= {"node": stub(c, c.node), "proxy": stub(c, c.proxy),
                  "kube": stub(c, c.kube), "admin": admin(c)}


# --- asking --------------------------------------------------------------------------------------


def sign(call, request, streams):
    """How a call is judged. One that would go on is left once it is seen to be let in."""
    try:
        if not streams:
            call(request, timeout=60)
            return "Y"
        answers = call(iter([request]) if streams == "in" else request, timeout=60)
        for _ in answers:
            break
        answers.cancel()
        return "Y"
    except grpc.RpcError as e:
        assert e.code() != CODE.DEADLINE_EXCEEDED, e
        return SIGNS.get(e.code(), "Y")


# Where an empty request would not get to the judgement, or is not the caller's own.
REQUESTS = {
    "Watch": pb.WatchRequest(kinds=[pb.WatchKind(kind="role")]),
    "GetResource": pb.GetResourceRequest(kind="role", name="access"),
    "ListResources": pb.ListResourcesRequest(kind="role"),
    "DeleteResource": pb.DeleteResourceRequest(kind="role", name="gone"),
    "RotateAuthority": pb.RotateAuthorityRequest(type="neither"),
    "GetRecording": pb.GetRecordingRequest(session_id=str(uuid.uuid4())),
    "KillSession": pb.KillSessionRequest(session_id=str(uuid.uuid4())),
}
STREAMS = {(True, True): "in", (True, False): "in", (False, True): "out", (False, False): None}


def streams_of(method):
    described = pb.DESCRIPTOR.services_by_name["Auth"].methods_by_name[method]
    return STREAMS[described.client_streaming, described.server_streaming]


def own_request(c, who, method):
    """What only makes sense about oneself: hosts speak of themselves, others of the node."""
    host = {"proxy": c.proxy, "kube": c.kube}.get(who, c.node)
    if method == "Announce":
        request = pb.AnnounceRequest()
        request.node.kind = {"proxy": "proxy", "kube": "kube_server"}.get(who, "node")
        request.node.spec.kube_cluster = "lab"
        request.node.metadata.name = host.id
        return request
    if method == "KeepAlive":
        return pb.KeepAliveRequest(name=host.id)
    if method == "ReportTunnels":
        return pb.ReportTunnelsRequest(ttl=1000, tunnels=[pb.ReportedTunnel(
            agent_id=str(uuid.uuid4()), cluster_name="example")])
    if method == "PutSession":
        request = pb.PutSessionRequest()
        request.session.metadata.name = str(uuid.uuid4())
        request.session.spec.node_id = host.id
        return request
    return None


def methods_row(c, method, empty):
    return [sign(getattr(caller, method),
                 own_request(c, who, method) or REQUESTS.get(method, empty), streams_of(method))
            for who, caller in c.callers.items()]


def kinds(c):
    return sorted(field.name for field in pb.PutResourceRequest.DESCRIPTOR
                  .fields_by_name["resource"].message_type.fields)


def kind_rows(c, kind):
    """Listing, with secrets too, creating, deleting: of things that are not there."""
    name = str(uuid.uuid4())
    put = pb.PutResourceRequest()
    getattr(put.resource, kind).metadata.name = name
    calls = (
        ("list", "ListResources", pb.ListResourcesRequest(kind=kind)),
        ("secrets", "ListResources", pb.ListResourcesRequest(kind=kind, with_secrets=True)),
        ("put", "PutResource", put),
        ("delete", "DeleteResource", pb.DeleteResourceRequest(kind=kind, name=name)),
    )
    for verb, method, request in calls:
        yield f"{kind}.{verb}", [sign(getattr(caller, method), request, None)
                                 for caller in c.callers.values()]


def walk(c):
    for method, empty in every_method(c):
        yield method, methods_row(c, method, empty)
    for kind in kinds(c):
        yield from kind_rows(c, kind)


# --- comparing -----------------------------------------------------------------------------------


def line(name, signs):
    return f"{name:36}" + "".join(f"{s:>7}" for s in signs)


def write_down(c, rows):
    with open(FILE, "w") as f:
        f.write(HEAD + "\n" + line("", c.callers) + "\n")
        for name, signs in rows:
            f.write(line(name, signs) + "\n")


def written(c):
    with open(FILE) as f:
        lines = [x.split() for x in f if x.strip() and not x.startswith("#")]
    assert lines[0] == list(c.callers), "matrix.txt has other columns"
    return {words[0]: words[1:] for words in lines[1:]}


def every_caller_may_what_is_written_and_nothing_else(c):
    rows = list(walk(c))
    if os.environ.get("MATRIX_WRITE"):
        write_down(c, rows)
    want = written(c)
    assert list(want) == [name for name, _ in rows], \
        f"rows differ: {set(want) ^ {name for name, _ in rows}}"
    wrong = [f"{name}: {who} gets {got}, not {right}" for name, signs in rows
             for who, got, right in zip(c.callers, signs, want[name]) if got != right]
    assert not wrong, "\n".join(wrong)


# --- secrets -------------------------------------------------------------------------------------


def secret_paths(message, path=""):
    """The fields of a message that are marked secret and are set."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}"
        marked = field.GetOptions().Extensions[options_pb2.format]
        if marked in (options_pb2.SECRET, options_pb2.ANY_SECRET):
            yield here
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            parts = [v for v in value.values() if hasattr(v, "ListFields")]
        else:
            parts = value if field.label == field.LABEL_REPEATED else [value]
        for part in parts:
            yield from secret_paths(part, here)


def listed(caller, **query):
    try:
        return caller.ListResources(pb.ListResourcesRequest(**query), timeout=10).resources
    except grpc.RpcError:
        return []


def watched(caller, kind):
    request = pb.WatchRequest(kinds=[pb.WatchKind(kind=kind)])
    try:
        call = caller.Watch(request, timeout=60)
        for event in call:
            if event.type == pb.WatchEvent.SYNCED:
                break
            yield event.resource
        call.cancel()
    except grpc.RpcError:
        return


def no_secret_is_shown_to_who_did_not_ask_with_the_right_to(c):
    c.call("PutResource", {"resource": {"github": {
        "kind": "github", "version": "v3", "metadata": {"name": "hub"},
        "spec": {"client_id": "id", "client_secret": "do-not-show", "redirect_url": "https://x/y",
                 "display": "Hub", "teams_to_logins": [
                     {"organization": "o", "team": "t", "logins": ["dev"]}]}}},
        "accept_unenforced": True})
    shown = 0
    for who, caller in c.callers.items():
        for kind in kinds(c):
            found = list(listed(caller, kind=kind)) + list(watched(caller, kind))
            shown += len(found)
            for resource in found:
                assert not list(secret_paths(resource)), (who, kind, list(secret_paths(resource)))
    assert shown > 50, "hardly anything was looked at"
    with_secrets = [path for r in listed(c.callers["admin"], kind="github", with_secrets=True)
                    for path in secret_paths(r)]
    assert with_secrets == [".github.spec.client_secret"], "who may see it must see it"
    for who in "nobody", "alice", "carol", "node", "proxy", "kube":
        for kind in kinds(c):
            for resource in listed(c.callers[who], kind=kind, with_secrets=True):
                assert not list(secret_paths(resource)), (who, kind)


story([
    every_caller_may_what_is_written_and_nothing_else,
    no_secret_is_shown_to_who_did_not_ask_with_the_right_to,
], setup=set_up)
