"""What is recorded and written down of sessions, and what ends them."""

import json
import subprocess
import time

from cluster import BUILD, wait_for
from scenarios import NAMESPACE_FILE, PortForward, terminal

UPLOAD_SECONDS = 10


def events(c, event):
    """Of that name, in our Kubernetes."""
    return [e for e in c.audit(event) if e.get("kubernetes_cluster") == "lab"]


def a_terminal_session_is_recorded_as_the_client_saw_it(c):
    uploads = len(c.audit("session.upload"))
    t = terminal(c, "dora", "exec", "-it", "box", "--", "sh")
    t.expect("# ")
    t.type("echo hi\n")
    t.expect("hi\r\n.*# ")
    t.resize(33, 111)
    t.type("exit\n")
    assert t.wait() == 0
    ended = time.monotonic()
    upload = wait_for("the upload", lambda: c.audit("session.upload")[uploads:], UPLOAD_SECONDS)[-1]
    print(f"    uploaded {time.monotonic() - ended:.1f} s after the end")
    sid = upload["sid"]
    played = subprocess.run([BUILD + "/tsh", "play", "--format=raw", sid], capture_output=True,
                            env=c.kube_env("dora"), timeout=60, check=True)
    assert played.stdout == bytes(t.seen), (played.stdout, bytes(t.seen))
    frames = [json.loads(line) for line in
              c.tsh("dora", "play", "--format=json", sid).stdout.splitlines()]
    assert any(f.get("resize", {}).get("columns") == 111 for f in frames), frames
    started = [e for e in events(c, "session.start") if e["sid"] == sid]
    assert [(e["proto"], e["kubernetes_pod_namespace"], e["kubernetes_pod_name"])
            for e in started] == [("kube", "default", "box")], started
    assert [e for e in events(c, "session.end") if e["sid"] == sid]
    assert sid in c.tsh("dora", "kube", "sessions", "--all").stdout


def commands_and_ports_are_written_down(c):
    c.kubectl("dora", "exec", "web", "--", "cat", NAMESPACE_FILE)
    wait_for("the event", lambda: [e for e in events(c, "exec")
                                   if e.get("command") == "cat " + NAMESPACE_FILE and
                                   str(e["exitCode"]) == "0"])
    c.kubectl("dora", "exec", "web", "--", "sh", "-c", "exit 7", check=False)
    wait_for("the event", lambda: [e for e in events(c, "exec") if str(e.get("exitCode")) == "7"])
    with PortForward(c, "dora", "pod/web", ":8080") as forward:
        forward.get()
    wait_for("the event", lambda: [e for e in events(c, "port") if e["addr"] == "web:8080"])


# --- ends ----------------------------------------------------------------------------------------


def disconnects(c, user, reason):
    return [e for e in c.audit("client.disconnect")
            if e["user"] == user and reason in e["reason"]]


def who_is_idle_is_disconnected(c):
    c.kube_user("ida", ["devs"], options={"client_idle_timeout": "2s"})
    t = terminal(c, "ida", "exec", "-it", "box", "--", "sh")
    t.expect("# ")
    assert t.wait() != 0
    wait_for("the event", lambda: disconnects(c, "ida", "idle"))


def whose_certificate_expires_is_disconnected(c):
    c.kube_user("bea", ["devs"], options={"max_session_ttl": "12s",
                                          "disconnect_expired_cert": True})
    t = terminal(c, "bea", "exec", "-it", "box", "--", "sh")
    t.expect("# ")
    assert t.wait(seconds=30) != 0
    wait_for("the event", lambda: disconnects(c, "bea", "expired"))
    out = c.kubectl("bea", "get", "pods", check=False)
    assert out.returncode != 0 and "ran out at" in out.stderr, out


def a_lock_ends_what_is_open_and_what_comes(c):
    c.kube_user("lora", ["devs"])
    t = terminal(c, "lora", "exec", "-it", "box", "--", "sh")
    t.expect("# ")
    c.call("PutResource", {"resource": {"lock": {
        "kind": "lock", "version": "v2", "metadata": {"name": "no-lora"},
        "spec": {"target": {"user": "lora"}, "message": "under investigation"}}}})
    assert t.wait() != 0
    wait_for("the event", lambda: disconnects(c, "lora", "under investigation"))
    out = c.kubectl("lora", "get", "pods", check=False)
    assert out.returncode != 0 and "under investigation" in out.stderr, out


TESTS = [a_terminal_session_is_recorded_as_the_client_saw_it, commands_and_ports_are_written_down,
         who_is_idle_is_disconnected, whose_certificate_expires_is_disconnected,
         a_lock_ends_what_is_open_and_what_comes]
