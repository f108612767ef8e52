"""Who is there: a cluster whose nodes have seconds to live, and hosts made of stock grpcio."""

import queue
import re
import threading
import time
import uuid

import grpc

import messages  # makes auth_pb2
import auth_pb2 as pb
import resource_pb2 as res
from authd_daemon import OWN_CONNECTION, Stub
from callers import Caller, admin, new_key, refused
from cluster import BUILD, run, story, wait_for
from terminal import Terminal

TTL = 3  # seconds, of everybody here


# --- what others see -----------------------------------------------------------------------------


class Watch:
    """The events of a kind, read by a thread."""

    def __init__(self, stub, kind):
        self.events = queue.Queue()
        self.call = stub.Watch(pb.WatchRequest(kinds=[pb.WatchKind(kind=kind)]))
        threading.Thread(target=self.read, daemon=True).start()
        self.wait(lambda e: e.type == pb.WatchEvent.SYNCED)

    def read(self):
        try:
            for event in self.call:
                self.events.put(event)
        except grpc.RpcError:
            pass

    def wait(self, test, seconds=60):
        end = time.monotonic() + seconds
        while True:
            event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if test(event):
                return event

    def wait_gone(self, name):
        return self.wait(lambda e: e.type == pb.WatchEvent.DELETE and e.name == name)


def record(stub, kind, name):
    return getattr(stub.GetResource(pb.GetResourceRequest(kind=kind, name=name)), kind)


def names(c, kind):
    return [r[kind]["metadata"]["name"]
            for r in c.call("ListResources", {"kind": kind}).get("resources", [])]


def the_node(c):
    """The cluster's real one, among those that are made of grpcio."""
    return next(r["node"]["metadata"]["name"]
                for r in c.call("ListResources", {"kind": "node"})["resources"]
                if r["node"]["spec"]["hostname"] == "web-1")


def live_session(c):
    for r in c.call("ListResources", {"kind": "session"}).get("resources", []):
        if "ended" not in r["session"]["spec"]:
            return r["session"]["metadata"]["name"]
    return None


# --- hosts of grpcio -----------------------------------------------------------------------------


def secure(c, port, who):
    with open(c.ca, "rb") as f:
        credentials = grpc.ssl_channel_credentials(f.read(), *who.pair())
    options = OWN_CONNECTION + [("grpc.ssl_target_name_override", "authd")]
    return Stub(grpc.secure_channel(f"127.0.0.1:{port}", credentials, options))


class Host:
    """A node that joined by the API, announces itself and keeps itself alive when it is told to."""

    def __init__(self, c, port):
        name = "host-" + uuid.uuid4().hex[:8]
        self.id, (key, tls, ssh) = str(uuid.uuid4()), new_key(c, name)
        token = c.call("CreateToken", {"roles": ["Node"]})["token"]["metadata"]["name"]
        answer = c.call("Join", {"token": token, "system_role": "Node", "host_id": self.id,
                                 "hostname": name, "ssh_public_key": ssh, "tls_public_key": tls})
        self.caller = Caller(key, c.write(name + ".pem", answer["tls_certificate"]))
        self.hostname, self.stub = name, secure(c, port, self.caller)

    def announce(self):
        node = res.Node()
        node.metadata.name, node.spec.hostname, node.spec.addr = self.id, self.hostname, "a:1"
        assert self.stub.Announce(pb.AnnounceRequest(node=node, ttl=TTL * 1000)).ttl == TTL * 1000
        return self

    def ask(self, name=None):
        """One keep-alive on a stream of its own."""
        requests = iter([pb.KeepAliveRequest(name=name or self.id)])
        return next(self.stub.KeepAlive(requests, timeout=60))

    def live(self):
        """Speaks up ten times per TTL on one stream, until stop()."""
        self.over, self.answers = threading.Event(), 0

        def speak():
            while not self.over.is_set():
                yield pb.KeepAliveRequest(name=self.id)
                self.over.wait(TTL / 10)

        def listen():
            for answer in self.stub.KeepAlive(speak()):
                assert answer.known and answer.ttl == TTL * 1000, answer
                self.answers += 1

        self.thread = threading.Thread(target=listen)
        self.thread.start()
        return self

    def stop(self):
        self.over.set()
        self.thread.join(20)
        assert not self.thread.is_alive() and self.answers > 0


# --- chapters ------------------------------------------------------------------------------------


def a_host_keeps_its_own_record_and_no_other(c):
    one, other = Host(c, c.authd_port), Host(c, c.authd_port).announce()
    assert not one.ask().known, "kept alive before it was announced"
    one.announce()
    answer = one.ask()
    assert answer.known and answer.ttl == TTL * 1000
    refused(grpc.StatusCode.PERMISSION_DENIED,
            lambda r, timeout: next(one.stub.KeepAlive(iter([r]), timeout=timeout)),
            pb.KeepAliveRequest(name=other.id))
    watch = Watch(admin(c), "node")
    one.live()
    watch.wait_gone(other.id)  # silence ends it; the one that speaks is there still
    assert one.answers > 0 and record(admin(c), "node", one.id).spec.hostname == one.hostname
    one.stop()                 # and the end of its stream is not its end
    assert one.ask().known
    watch.wait_gone(one.id)
    assert not one.ask().known
    one.announce()
    assert one.ask().known
    watch.wait_gone(one.id)


def a_silent_host_can_still_be_removed_for_good(c):
    silent = Host(c, c.authd_port).announce()
    Watch(admin(c), "node").wait_gone(silent.id)
    assert not silent.ask().known
    request = pb.DeleteResourceRequest(kind="node", name=silent.id)
    admin(c).DeleteResource(request)
    why = refused(grpc.StatusCode.UNAUTHENTICATED, secure(c, c.authd_port, silent.caller).RenewHost,
                  pb.RenewHostRequest(hostname=silent.hostname))
    assert why == "this host was removed", why
    refused(grpc.StatusCode.NOT_FOUND, admin(c).DeleteResource, request)


def a_dead_node_vanishes_for_everybody(c):
    node, proxy = the_node(c), names(c, "proxy")[0]
    before = {kind: record(admin(c), kind, name).metadata.revision
              for kind, name in (("node", node), ("proxy", proxy))}
    c.log_in("alice")
    with open_shell(c) as shell:
        session = wait_for("a live session", lambda: live_session(c))
        watch = Watch(admin(c), "node")
        assert record(admin(c), "node", node).metadata.revision == before["node"]
        c.noded.kill()
        began = time.monotonic()
        watch.wait_gone(node)
        print(f"#     gone {time.monotonic() - began:.1f} s after its death, with a TTL of {TTL} s")
        assert record(admin(c), "proxy", proxy).metadata.revision == before["proxy"], \
            "to speak up was a write"
        assert "web-1" not in c.tsh("alice", "ls", "--format=names").stdout
        assert "web-1" not in run(BUILD + "/tctl", "--socket", c.path("run", "authd.sock"), "nodes",
                                  "ls", "--format=text").stdout
        refusal = wait_for("the proxy to forget the node", lambda: re.search(
            r"no node 'web-1'", c.ssh("alice", f"{c.login}@web-1", "true", check=False).stderr))
        assert refusal
        wait_for("the session's record to end", lambda: live_session(c) is None)
        assert record(admin(c), "session", session).spec.ended > 0

        c.noded.start()  # its sessions live on, and it says so
        wait_for("the node to be known again", lambda: node in names(c, "node"))
        wait_for("the session's record to live again", lambda: live_session(c) == session)
        shell.type("exit\n")
        shell.wait()
    wait_for("the session's end", lambda: live_session(c) is None)


def open_shell(c):
    class Shell(Terminal):
        def __enter__(self):
            self.type("echo up$((1))\n")
            self.expect(r"up1\r\n")
            return self

        def __exit__(self, *_):
            self.close()

    return Shell(c.ssh_argv("alice", "-tt", f"{c.login}@web-1"), env=c.ssh_env("alice"))


def authd_restarted_gives_everybody_a_whole_ttl(c):
    silent = Host(c, c.authd_port).announce()
    c.authd.kill()
    c.authd.start()
    began = time.monotonic()
    c.authd.wait_log(r'event="leases begin" hosts=3')  # the node, the proxy, the silent one
    watch = Watch(admin(c), "node")
    watch.wait_gone(silent.id)
    assert time.monotonic() - began >= TTL * 0.9, "its lease did not begin afresh"
    assert the_node(c) and names(c, "proxy"), "a host that lives is gone"


def figures(c):
    text = run("curl", "-s", "--unix-socket", c.path("run", "authd-diag.sock"),
               "http://authd/metrics").stdout
    return {name: int(value) for name, value in re.findall(r"^postern_authd_(\w+) (\d+)$", text, re.M)}


def sessions_of_tls_outlive_the_restart_of_both_sides(c):
    for daemon in (c.noded, c.authd):
        daemon.kill()
    for daemon in (c.authd, c.noded):
        daemon.start()
    c.noded.wait_log(r'event="cluster state is current"')
    wait_for("the proxy too", lambda: figures(c)["handshakes_resumed"] >= 2)
    assert figures(c)["handshakes_verified"] == 0, figures(c)


def of_two_authds_the_second_takes_over(c):
    with open(c.path("authd.yaml")) as f:
        settings = f.read()
    port = c.free_port()
    settings = settings.replace("authd.sock", "second.sock").replace("authd-diag", "second-diag")
    settings = settings.replace(f'listen: ["127.0.0.1:{c.authd_port}"]',
                                f'listen: ["127.0.0.1:{port}"]')
    second = c.add_daemon("second", [c.lib + "/authd", "--config",
                                     c.write("second.yaml", settings)], c.service)
    second.start()
    here, there, silent = Host(c, c.authd_port), Host(c, port), Host(c, c.authd_port)
    watch = Watch(admin(c), "node")
    for host in (here, there, silent):
        host.announce()
    wait_for("the second one to know them", lambda: there.ask().known)
    here.live()
    there.live()
    watch.wait_gone(silent.id)
    assert {here.id, there.id} <= set(names(c, "node")), "one that speaks to the second is gone"
    here.stop()

    c.authd.kill()
    second.wait_log(r'event="leases begin"')
    over = Stub(grpc.insecure_channel(f"unix:{c.path('run', 'second.sock')}", OWN_CONNECTION))
    Watch(over, "node").wait_gone(here.id)
    assert record(over, "node", there.id).metadata.name == there.id
    there.stop()
    c.authd.start()
    second.stop()


def prepare(c):
    ca = c.call("GetResource", {"kind": "cert_authority", "sub_kind": "host", "name": "example"})
    c.ca = c.write("host-ca.pem", ca["cert_authority"]["spec"]["active_keys"]["tls"][0]["cert"])


if __name__ == "__main__":
    story([
        a_host_keeps_its_own_record_and_no_other,
        a_silent_host_can_still_be_removed_for_good,
        a_dead_node_vanishes_for_everybody,
        authd_restarted_gives_everybody_a_whole_ttl,
        sessions_of_tls_outlive_the_restart_of_both_sides,
        of_two_authds_the_second_takes_over,
    ], setup=prepare, noded=f"announce_ttl: {TTL}s\n", proxyd=f"announce_ttl: {TTL}s\n", door=False)
