"""The story that kube_exec.sh tells: commands in pods, over WebSocket on both sides, who joins them,
and what stays of them. The pod is a few lines of Python; real kubectls and a real Kubernetes are in
tests/kube."""

import base64
import json
import os
import struct
import threading
import time

import kube_joins
from callers import host_authority
from cluster import story, wait_for
from fake_kubernetes import FakeKubernetes
from kube_daemon import Kube
from kube_joins import event
from kube_pod import (COMMANDS, ERROR, EXIT_7, FLOOD_MB, FLOODED, POD, STDERR, STDOUT, SUCCESS,
                      Client, exec_in_pod, messages)


def set_up(c):
    c.ca = c.write("host-ca.pem", host_authority(c)["tls"][0]["cert"])
    allow = {"kubernetes_groups": ["devs"], "kubernetes_labels": {"*": ["*"]}}
    c.role("kube", allow)
    c.role("idle", allow, options={"client_idle_timeout": "3s"})
    c.role("auditor", {"rules": [{"resources": ["session", "event"], "verbs": ["list", "read"]}]})
    for user, roles in (("erin", ["kube", "auditor"]), ("ida", ["kube", "idle"]),
                        ("nora", ["auditor"]), *kube_joins.people(c, allow)):
        c.user(user, roles)
        c.log_in(user)
    c.fake = FakeKubernetes().start(c)
    c.fake.paths[POD + "/exec"] = exec_in_pod
    c.kube = Kube(c, c.fake.kubeconfig(c)).start()


def sessions_of(c, user):
    return [r["session"] for r in c.call("ListResources", {"kind": "session"}).get("resources", [])
            if r["session"]["spec"]["user"] == user]


def spooled(c, sid):
    with open(f"{c.kube.folder}/spool/{sid}.rec", "rb") as f:
        return f.read()


def played(c, sid):
    """All that the terminal showed."""
    frames = [json.loads(line) for line in
              c.tsh("erin", "play", "--format=json", sid).stdout.splitlines()]
    return b"".join(base64.b64decode(f["output"]) for f in frames if "output" in f)


# --- commands ------------------------------------------------------------------------------------


def bytes_come_back_as_they_went_and_stdin_ends(c):
    client = Client(c, "erin", "cat")
    data = os.urandom(1024 * 1024)

    def feed():
        for at in range(0, len(data), 50000):
            client.type(data[at:at + 50000])
        client.end_stdin()
    feeder = threading.Thread(target=feed)
    feeder.start()
    got = client.rest()
    feeder.join()
    assert got[STDOUT] == data and got[STDERR] == b"" and got[ERROR] == SUCCESS
    e = event(c, "exec", command="cat")
    assert e["code"] == "T3002I" and e["exitCode"] == "0" and e["proto"] == "kube", e
    assert e["user"] == "erin" and e["kubernetes_cluster"] == "lab", e
    assert e["kubernetes_groups"] == ["devs", "system:authenticated"], e
    assert e["kubernetes_pod_name"] == "box" and e["kubernetes_pod_namespace"] == "default", e


def an_exit_code_and_stderr_arrive_apart(c):
    got = Client(c, "erin", "fail", stdin=False).rest()
    assert got == {STDOUT: b"out", STDERR: b"err", ERROR: EXIT_7}, got
    e = event(c, "exec", command="fail")
    assert e["code"] == "T3002E" and e["exitCode"] == "7", e


def a_broken_connection_is_no_success(c):
    got = Client(c, "erin", "break").rest()
    assert got[STDOUT] == b"half of it", got
    assert json.loads(got[ERROR])["status"] == "Failure", got
    assert event(c, "exec", command="break")["code"] == "T3002E"


def older_clients_get_the_outcome_as_a_sentence(c):
    got = Client(c, "erin", "fail", protocol="channel.k8s.io").rest()
    assert got[ERROR] == b"command terminated with non-zero exit code: 7", got


# --- what is refused -----------------------------------------------------------------------------


def the_api_servers_own_refusal_passes_as_it_is(c):
    said = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
            "message": "pods \"box\" is forbidden", "details": {"odd": ["kept"]}}
    c.fake.paths[POD + "/exec"] = lambda handler, _: handler.answer(said, 403)
    client = Client(c, "erin", "cat")
    c.fake.paths[POD + "/exec"] = exec_in_pod
    assert client.status == 403 and client.refusal == said, client.refusal


def a_protocol_that_nobody_knows_is_refused(c):
    client = Client(c, "erin", "cat", protocol="v9.channel.k8s.io")
    assert "v5.channel.k8s.io" in client.refusal["message"], client.refusal


def who_may_not_impersonate_runs_nothing(c):
    client = Client(c, "nora", "cat")
    assert client.status == 403 and client.refusal["kind"] == "Status", client.refusal


# --- peers that mean harm ------------------------------------------------------------------------


def with_pod(c, handle, *args, **kw):
    """A client of a pod that behaves like that."""
    c.fake.paths[POD + "/exec"] = handle
    try:
        return Client(c, "erin", *args, **kw)
    finally:
        c.fake.paths[POD + "/exec"] = exec_in_pod


def huge_frame(pod):
    pod.write(b"\x82\x7f" + struct.pack(">Q", 1 << 40) + b"x")
    for _ in messages(pod):
        pass


def masked_frame(pod):
    pod.write(b"\x82\x81aaaab")
    for _ in messages(pod):
        pass


def endless_headers(handler, _):
    handler.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\n")
    try:
        while True:
            handler.wfile.write(b"X-More: and more\r\n")
    except OSError:
        handler.close_connection = True


def wrong_accept(handler, _):
    handler.send_response(101)
    for name, value in (("Connection", "Upgrade"), ("Upgrade", "websocket"),
                        ("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")):
        handler.send_header(name, value)
    handler.end_headers()
    handler.rfile.read(1)
    handler.close_connection = True


def a_hostile_api_server_ends_only_its_own_session(c):
    COMMANDS.update(huge=huge_frame, masked=masked_frame)
    for command, word in (("huge", "a message of more than"), ("masked", "with a mask")):
        got = Client(c, "erin", command).rest()
        assert word in json.loads(got[ERROR])["message"], got
    for handle in (endless_headers, wrong_accept):
        client = with_pod(c, handle, "cat")
        assert client.status == 503 and client.refusal["kind"] == "Status", client.refusal
    assert Client(c, "erin", "fail").rest()[ERROR] == EXIT_7


def still(counted, seconds=0.5):
    """How many there are once none has come for that long."""
    known = len(counted)
    wait_for("more, or none", lambda end=time.monotonic() + seconds: time.monotonic() > end
             or len(counted) > known)
    return known if len(counted) == known else 0


def a_hostile_client_ends_only_its_own_session(c):
    for junk in (b"\x82\xff" + struct.pack(">Q", 1 << 40) + bytes(4), b"\x82\x01\x00",
                 b"\xc2\x80" + bytes(4)):
        client = Client(c, "erin", "cat")
        client.tls.sendall(junk)
        client.rest()
        client.drop()
    assert Client(c, "erin", "fail").rest()[ERROR] == EXIT_7


def who_does_not_read_costs_little(c):
    before = c.kube.resident_kb()
    client = Client(c, "erin", "flood", stdin=False)
    client.until(b"\0")
    held = wait_for("the pod to be held back", lambda: still(FLOODED))
    assert held < FLOOD_MB, held
    assert c.kube.resident_kb() - before < 8192, (before, c.kube.resident_kb())
    got = client.rest()
    assert len(got[STDOUT]) == FLOOD_MB * ((1 << 20) - 1)


# --- sessions ------------------------------------------------------------------------------------


def a_terminal_is_recorded_byte_by_byte(c):
    client = Client(c, "erin", "sh -l", tty=True)
    client.resize(132, 50)
    client.until(b"[132x50]")
    started = event(c, "session.start", user="erin", proto="kube")
    sid = started["sid"]
    assert started["initial_command"] == "sh -l" and started["addr.remote"], started
    live = wait_for("the session's record", lambda: sessions_of(c, "erin"))[0]["spec"]
    assert live["kube_cluster"] == "lab" and live["interactive"] and not live.get("ended"), live
    client.type(b"echo hi\r")
    client.type(b"exit\r")
    seen = client.rest()[STDOUT]
    assert client.got[ERROR] == SUCCESS
    ended = event(c, "session.end", sid=sid)
    assert ended["participants"] == ["erin"] and ended["interactive"], ended
    event(c, "session.upload", sid=sid)
    assert played(c, sid) == seen, (played(c, sid), seen)
    row = wait_for("the record of its end", lambda: [
        s for s in sessions_of(c, "erin") if s["spec"].get("ended")])[0]["spec"]
    assert row["recorded"] and row["size"] == "132:50", row


def who_is_idle_is_told_and_cut(c):
    client = Client(c, "ida", "sh", tty=True)
    got = client.rest()
    assert "idle timeout" in json.loads(got[ERROR])["message"], got
    assert "idle timeout" in event(c, "client.disconnect", user="ida")["reason"]
    event(c, "session.end", user="ida")


def what_dies_with_kubeproxyd_is_completed_by_the_next(c):
    client = Client(c, "erin", "sh", tty=True)
    client.type(b"the last words\r")
    client.until(b"the last words")
    sid, = [s["metadata"]["name"] for s in wait_for("its record", lambda: [
        s for s in sessions_of(c, "erin") if not s["spec"].get("ended")])]
    wait_for("its frames to be on the disk", lambda: b"the last words" in spooled(c, sid))
    c.kube.daemon.kill()
    c.kube.start()
    event(c, "session.upload", sid=sid)
    assert "unexpectedly" in event(c, "session.end", sid=sid)["reason"]
    assert b"the last words" in played(c, sid)
    client.drop()


story([bytes_come_back_as_they_went_and_stdin_ends, an_exit_code_and_stderr_arrive_apart,
       a_broken_connection_is_no_success, older_clients_get_the_outcome_as_a_sentence,
       the_api_servers_own_refusal_passes_as_it_is, a_protocol_that_nobody_knows_is_refused,
       who_may_not_impersonate_runs_nothing,
       a_hostile_api_server_ends_only_its_own_session, a_hostile_client_ends_only_its_own_session,
       who_does_not_read_costs_little, a_terminal_is_recorded_byte_by_byte,
       *kube_joins.TESTS, who_is_idle_is_told_and_cut,
       what_dies_with_kubeproxyd_is_completed_by_the_next],
      setup=set_up)
