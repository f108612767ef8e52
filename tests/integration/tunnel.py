"""A node without a reachable address: it joins, appears and is used through the proxy's only."""

import signal
import socket

import callers
import clients
from cluster import BUILD, run, story, wait_for
from live import background, shell, tctl, web
from settings import locked
from terminal import Terminal
from tunnel_net import TunnelCluster


def node_of(c):
    return c.call("ListResources", {"kind": "node"})["resources"][0]["node"]


# --- it is there ---------------------------------------------------------------------------------


def nothing_leads_in_but_the_tunnel(c):
    for host in ("127.0.0.1", c.net.theirs):
        with socket.socket() as s:
            s.settimeout(5)
            assert s.connect_ex((host, c.node_port)) != 0, host


def the_node_is_shown_with_its_way(c):
    c.log_in("alice")
    node = node_of(c)
    assert node["spec"]["tunnel"] == c.agent_id, node
    assert node["spec"]["use_tunnel"] and not node["spec"].get("addr"), node
    assert "<- Tunnel" in c.tsh("alice", "ls").stdout
    assert "<- Tunnel" in tctl(c, "nodes", "ls").stdout


def ports_are_forwarded_both_ways(c):
    """-L to noded's own port in there; -R from there to the proxy of the loopback out here."""
    local, remote = c.free_port(), c.free_port()
    with background(c, "-o", "ExitOnForwardFailure=yes",
                    "-L", f"127.0.0.1:{local}:127.0.0.1:{c.node_port}",
                    "-R", f"127.0.0.1:{remote}:127.0.0.1:{c.proxy_port}"):
        def banner():
            with socket.socket() as s:
                s.settimeout(5)
                if s.connect_ex(("127.0.0.1", local)) != 0:
                    return False
                s.sendall(b"SSH-2.0-story\r\n")  # noded lets the client speak first
                return s.recv(8) == b"SSH-2.0-"
        wait_for("the forward", banner)
        out = c.ssh("alice", web(c), f"curl -sk https://127.0.0.1:{remote}/v1/Ping")
        assert '"cluster_name":"example"' in out.stdout.replace(" ", ""), out


def a_live_session_is_joined(c):
    """Watched through the tunnel by somebody else, with TLS of one's own inside the channel."""
    with shell(c) as t:
        sid = wait_for("the session", lambda: c.call("ListResources", {"kind": "session"}).get(
            "resources"))[0]["session"]["metadata"]["name"]
        watcher = Terminal([BUILD + "/tsh", "join", sid], env=c.ssh_env("alice"))
        t.expect("joined")
        t.type("echo hello$((1))\n")
        watcher.expect("hello1")
        watcher.close()


def the_proxys_record_says_who_has_a_tunnel(c):
    def records():
        return [r["tunnel_connection"] for r in c.call(
            "ListResources", {"kind": "tunnel_connection"}).get("resources", [])]
    record, = wait_for("the record", records)
    spec = record["spec"]
    assert spec["agent_id"] == c.agent_id and spec["cluster_name"] == "example", record
    assert record["metadata"]["name"] == f"{spec['proxy_name']}-{c.agent_id}", record
    assert c.agent_id in tctl(c, "get", "tunnel_connections").stdout
    c.tunneld.stop()
    wait_for("the record to go", lambda: not records())
    c.tunneld.start()
    wait_for("the record to come", records)
    c.wait_way()


# --- what is not let in --------------------------------------------------------------------------


def who_is_no_agent_gets_no_tunnel(c):
    """Nobody, a user and a node, each proven, with the right ALPN."""
    alice = callers.of_user(c, "alice")
    node = callers.of_host(c, "node", c.path("noded", "host"))
    refusal = "only agents (system role Tunnel) have tunnels"
    for who in (None, alice, node):
        before = c.proxyd.text().count(refusal)
        proof = ["-cert", who.certificate, "-key", who.key] if who else []
        out = run("openssl", "s_client", "-connect", f"127.0.0.1:{c.proxy_port}", "-alpn",
                  "postern-tunnel/1", "-tls1_2", *proof, input="", check=False)
        assert "ALPN protocol: postern-tunnel/1" in out.stdout, out.stdout
        wait_for("the refusal", lambda n=before: c.proxyd.text().count(refusal) > n)


# --- everything is cut, and comes back -----------------------------------------------------------


def a_lock_cuts_a_shell_behind_the_tunnel(c):
    with shell(c) as t:
        with locked(c, "on leave", "--user=alice"):
            t.expect("user 'alice' is locked: on leave")
            t.wait()
    wait_for("alice to be let in again", lambda: c.ssh(
        "alice", web(c), "true", check=False).returncode == 0)


def a_lock_on_the_agent_ends_its_tunnel(c):
    with shell(c) as t:
        with locked(c, "stolen", f"--node={c.agent_id}"):
            t.wait()
            c.proxyd.wait_log(r'event="tunnel ended".*locked: stolen')
            out = c.ssh("alice", web(c), "true", check=False)
            assert out.returncode != 0 and c.agent_id in out.stderr, out
    c.wait_way()


def tunneld_killed_comes_back(c):
    with shell(c) as t:
        c.tunneld.kill()
        t.wait()
        out = c.ssh("alice", web(c), "true", check=False)
        assert f"no tunnel of its agent '{c.agent_id}' is here" in out.stderr, out
    c.tunneld.start()
    c.wait_way()


def a_service_that_is_away_is_named(c):
    c.noded.stop()
    out = c.ssh("alice", web(c), "true", check=False)
    assert f"connect to '127.0.0.1:{c.node_port}'" in out.stderr, out
    c.noded.start()
    c.wait_way()


def a_restart_of_the_proxy_cuts_no_shell(c):
    old = c.proxyd.child
    with shell(c) as t:
        old.send_signal(signal.SIGQUIT)
        c.proxyd.wait_log(r'event="streams left to a child"')
        old.wait(timeout=20)
        c.proxyd.start()
        t.type("echo still$((1))here\n")
        t.expect("still1here")
        c.wait_way()
        t.type("echo and$((2))again\n")
        t.expect("and2again")
    c.tunneld.wait_log(r'event="tunnel drains"')


def a_proxy_killed_is_found_again(c):
    c.proxyd.kill()
    c.proxyd.start()
    c.wait_way()


def a_link_that_swallows_packets_is_noticed_on_both_sides(c):
    """No FIN, no RST: only heartbeats tell. A shell that waits is told, too."""
    with shell(c) as t:
        run("ip", "link", "set", c.net.link, "down")
        for daemon in (c.tunneld, c.proxyd):
            daemon.wait_log(r'event="tunnel ended".*nothing has come for 3 heartbeats')
        t.wait()
        run("ip", "link", "set", c.net.link, "up")
    c.wait_way()


if __name__ == "__main__":
    story([
        nothing_leads_in_but_the_tunnel, the_node_is_shown_with_its_way,
        clients.commands_give_their_output_and_exit_codes,
        clients.the_node_answers_to_each_of_its_names,
        clients.scp_copies_both_ways_in_both_modes, clients.tsh_scp_is_scp,
        clients.sftp_lists_and_fetches, clients.rsync_brings_a_tree,
        clients.one_master_carries_many_sessions, clients.curl_and_ssh_alone_are_enough,
        ports_are_forwarded_both_ways, a_live_session_is_joined, the_proxys_record_says_who_has_a_tunnel,
        who_is_no_agent_gets_no_tunnel,
        a_lock_cuts_a_shell_behind_the_tunnel, a_lock_on_the_agent_ends_its_tunnel,
        tunneld_killed_comes_back, a_service_that_is_away_is_named,
        a_restart_of_the_proxy_cuts_no_shell, a_proxy_killed_is_found_again,
        a_link_that_swallows_packets_is_noticed_on_both_sides,
    ], make=TunnelCluster)
