"""Two proxies and an agent that keeps one tunnel: the proxy that has none asks the one that has it."""

import contextlib
import re
import ssl
import struct
import uuid

import grpc

from callers import host_authority, of_host, of_user
import dial_pb2
from cluster import story, wait_for
from denials_tls import foreign, tls
from live import tctl, web
from proxies_net import ProxiesCluster
from settings import locked

CODE = grpc.StatusCode


class PeersCluster(ProxiesCluster):
    def records(self):
        return [r["tunnel_connection"]["spec"] for r in self.call(
            "ListResources", {"kind": "tunnel_connection"}).get("resources", [])]

    def id_of(self, number):
        return re.search(r'event=ready .*host=(\S+)', self.proxies[number].text()).group(1)

    def holder(self):
        """The number of the one proxy that has the tunnel, and of the one that has none."""
        record, = wait_for("one tunnel", lambda: len(self.records()) == 1 and self.records())
        number = [self.id_of(n) for n in range(2)].index(record["proxy_name"])
        return number, 1 - number

    @contextlib.contextmanager
    def through(self, number):
        """Users reach the cluster by that proxy meanwhile."""
        port, self.proxy_port = self.proxy_port, self.ports[number]
        try:
            self.log_in("alice")
            yield
        finally:
            self.proxy_port = port


def an_agent_that_shall_have_one_tunnel_ends_the_other(c):
    for proxy in c.proxies:
        c.has_tunnel(proxy)
    wait_for("the records of both", lambda: len(c.records()) == 2)
    tctl(c, "create", "-f", c.write("net.yaml", """\
kind: cluster_networking_config
spec: {tunnel_strategy: {type: proxy_peering, agent_connection_count: 1}}
"""))
    c.holder()


def plain_ssh_goes_through_the_proxy_that_has_no_tunnel(c):
    holder, other = c.holder()
    with c.through(other):
        assert c.ssh("alice", web(c), "echo here").stdout == "here\n"
        data = "x" * (1 << 20)
        out = c.ssh("alice", web(c), "cat; exit 7", input=data, check=False)
        assert out.stdout == data and out.returncode == 7, (len(out.stdout), out.returncode)
    c.proxies[holder].wait_log(rf'event=relayed proxy={c.id_of(other)} agent={c.agent_id}')
    assert "event=relayed" not in c.proxies[other].text()


# --- what is not relayed -------------------------------------------------------------------------


def ask(c, number, who, agent, service="node", raw=None):
    """The answer to a request by hand; None: the handshake failed."""
    request = dial_pb2.RelayRequest(agent_id=agent, service=service).SerializeToString()
    try:
        with tls(c, c.ports[number], who, "postern-peer/1") as stream:
            assert stream.selected_alpn_protocol() == "postern-peer/1"
            stream.sendall(raw or struct.pack(">I", len(request)) + request)
            size, = struct.unpack(">I", stream.recv(4))
            return dial_pb2.DialResponse.FromString(stream.recv(size))
    except (ssl.SSLError, ConnectionError):
        return None


def only_proxies_of_the_cluster_are_relayed_for(c):
    holder, other = c.holder()
    c.ca = c.write("host-ca.pem", host_authority(c)["tls"][0]["cert"])
    c.log_in("alice")
    c.peer = of_host(c, "peer", c.path("proxyd" if other == 0 else "proxyd2"))
    denied = [None, of_user(c, "alice"), of_host(c, "node", c.path("noded", "host")),
              of_host(c, "agent", c.path("tunneld"))]
    for who in denied:
        answer = ask(c, holder, who, c.agent_id)
        assert answer.code == CODE.PERMISSION_DENIED.value[0], (who, answer)
        assert answer.message == "only proxies of this cluster are relayed for", answer
    assert ask(c, holder, foreign(c, c.peer), c.agent_id) is None
    assert ask(c, holder, c.peer, c.agent_id).code == 0


def a_locked_proxy_is_not_relayed_for(c):
    holder, _ = c.holder()
    with locked(c, "stolen", f"--node={c.peer.id}"):
        wait_for("the lock", lambda: ask(c, holder, c.peer, c.agent_id).code ==
                 CODE.PERMISSION_DENIED.value[0])
    wait_for("its end", lambda: ask(c, holder, c.peer, c.agent_id).code == 0)


def what_is_not_here_is_not_looked_for_elsewhere(c):
    """One hop: the proxy without the tunnel does not pass the question on."""
    holder, other = c.holder()
    itself = of_host(c, "self", c.path("proxyd" if holder == 0 else "proxyd2"))
    for number, who, agent in ((other, itself, c.agent_id), (holder, c.peer, str(uuid.uuid4()))):
        answer = ask(c, number, who, agent)
        assert answer.code == CODE.UNAVAILABLE.value[0], answer
        assert answer.message == f"agent '{agent}' has no tunnel here", answer
    answer = ask(c, holder, c.peer, c.agent_id, "127.0.0.1:1")
    assert answer.code == CODE.PERMISSION_DENIED.value[0], answer
    assert answer.message == "this agent does not serve '127.0.0.1:1'", answer


def what_is_no_request_is_refused(c):
    holder, _ = c.holder()
    for raw, said in ((b"\0\0\0\0", "an agent's id is no UUID"), (b"\xff" * 4, "read request")):
        answer = ask(c, holder, c.peer, "", raw=raw)
        assert answer.code != 0 and said in answer.message, answer
    assert ask(c, holder, c.peer, c.agent_id, "").message.endswith("no service was named")


# --- the one that has it is lost -----------------------------------------------------------------


def a_holder_that_is_killed_is_left_for_the_other(c):
    """Its record is still there when the agent has come to the other, and when it is back itself."""
    holder, other = c.holder()
    c.proxies[holder].kill()
    c.has_tunnel(c.proxies[other])
    c.wait_reached_through(other)
    c.proxies[holder].start()
    c.wait_reached_through(holder)
    c.proxies[other].wait_log(rf'event=relayed proxy={c.id_of(holder)}')


if __name__ == "__main__":
    story([an_agent_that_shall_have_one_tunnel_ends_the_other,
           plain_ssh_goes_through_the_proxy_that_has_no_tunnel,
           only_proxies_of_the_cluster_are_relayed_for, a_locked_proxy_is_not_relayed_for,
           what_is_not_here_is_not_looked_for_elsewhere, what_is_no_request_is_refused,
           a_holder_that_is_killed_is_left_for_the_other], make=PeersCluster)
