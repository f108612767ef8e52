"""A leaf with no way in: a network namespace of its own, whose daemons listen on its loopback only.

It has a link to the root's proxy, by which it dials out. The root's people reach its nodes through
that proxy and the tunnel of the leaf's agent: by tsh, and by plain ssh and scp.
"""

import json
import os
import re
import socket
import subprocess

from cluster import BUILD, Cluster, run, story, wait_for
from trusted import documents, stored, tctl
from tunnel_net import Namespace


class Root(Cluster):
    def __init__(self, net):
        self.proxy_hosts = ("127.0.0.1", net.ours)
        super().__init__(name="root", tag="r",
                         proxyd="tunnels: {keep_alive: 500ms}\n")


class Leaf(Cluster):
    """Everything of it within the namespace, an agent too."""

    def __init__(self, net):
        self.net = net
        super().__init__(name="leaf", tag="l")
        self.agent_user = self.accounts.add("lt", "/usr/sbin/nologin", system=True)

    def add_daemon(self, name, argv, user=None, env=None):
        argv = self.net.enter(argv, user)
        return super().add_daemon(name, argv, None, env)

    def start(self):
        super().start()
        self.folder("tunneld", self.agent_user)
        self.folder("tunneld-run", self.agent_user, 0o755)
        self.write("tunneld.yaml", f"""\
data_dir: {self.path("tunneld")}
run_dir: {self.path("tunneld-run")}
hostname: gate
proxies: ["127.0.0.1:{self.proxy_port}"]
join: {{token_file: {self.token_file("Tunnel")}, ca_pin: "{self.pin}"}}
services: {{node: "127.0.0.1:{self.node_port}"}}
keep_alive: 500ms
""")
        self.tunneld = self.add_daemon(
            "tunneld", [self.lib + "/tunneld", "--config", self.path("tunneld.yaml")],
            self.agent_user)
        self.tunneld.start()
        return self


class World:
    def __init__(self):
        self.net = Namespace()
        self.root = Root(self.net)
        self.leaf = Leaf(self.net)

    def start(self):
        self.root.start()
        self.leaf.start()

    def standard_people(self):
        self.root.role("dev", {"logins": [self.root.login, self.leaf.login],
                               "node_labels": {"*": "*"}})
        self.leaf.role("leaf-dev", {"logins": [self.leaf.login], "node_labels": {"env": "test"}})
        self.root.user("alice", ["dev"])
        self.root.log_in("alice")

    def clean(self, keep):
        self.leaf.clean(keep)
        self.root.clean(keep)
        self.net.remove()


def trust(w):
    out = tctl(w.root, "tokens", "add", "--type=trusted_cluster").stdout
    text = out[out.index("kind: trusted_cluster"):]
    text = re.sub(r"_addr: .*", f"_addr: '{w.net.ours}:{w.root.proxy_port}'", text)
    text = re.sub(r"- \{remote: access.*", "- {remote: dev, local: [leaf-dev]}", text)
    tctl(w.leaf, "create", w.leaf.write("tc.yaml", text))


def tsh(w, *argv, **kw):
    return w.root.tsh("alice", *argv, **kw)


def ssh(w, *argv, program="ssh", check=True):
    """Plain ssh with what `tsh config` prints."""
    w.root.write("ssh-alice.conf", tsh(w, "config", "--bare=web-*").stdout)
    return w.root.ssh("alice", *argv, program=program, check=check)


def tsh_ssh(w, *argv, **kw):
    return tsh(w, "ssh", *argv, **kw)


# --- tests ---------------------------------------------------------------------------------------


def nothing_of_the_leaf_can_be_reached_from_outside(w):
    for port in (w.leaf.proxy_port, w.leaf.authd_port, w.leaf.node_port):
        out = run("bash", "-c", f"exec 3<>/dev/tcp/{w.net.theirs}/{port}", check=False)
        assert out.returncode != 0, port


def within_moments_it_is_there(w):
    trust(w)
    w.root.proxyd.wait_log(r'event="tunnel opened" agent=leaf/')
    out = wait_for("leaf among the clusters", lambda: (lambda o: o if "leaf" in o else None)(
        tsh(w, "clusters").stdout))
    assert "root" in out, out
    w.leaf.authd.wait_log('event="root reached"')
    wait_for("online", lambda: re.search(r"leaf +online", tsh(w, "clusters").stdout))


def tsh_lists_and_reaches_its_nodes(w):
    out = tsh(w, "ls", "--cluster=leaf").stdout
    assert "web-1" in out and "env=test" in out, out
    out = tsh_ssh(w, "--cluster=leaf", f"{w.leaf.login}@web-1", "hostname; id -un")
    assert w.leaf.login in out.stdout, out
    event = wait_for("the event", lambda: [e for e in w.leaf.audit("exec")
                                           if e["user"] == "remote-alice-root"])[-1]
    assert event["addr.remote"].startswith("127.0.0.1:"), event
    assert not w.root.audit("exec"), "it ran on the leaf"


def plain_ssh_and_scp_reach_them_by_name(w):
    out = ssh(w, f"{w.leaf.login}@web-1.leaf", "echo over there")
    assert out.stdout == "over there\n", out
    out = ssh(w, f"{w.root.login}@web-1", "echo here")
    assert out.stdout == "here\n", out
    here = w.root.write("a-file", "x" * 300000)
    ssh(w, here, f"{w.leaf.login}@web-1.leaf:copied", program="scp")
    assert os.path.getsize(f"/home/{w.leaf.login}/copied") == 300000


def a_login_turns_to_the_leaf_and_back(w):
    assert "'leaf'" in tsh(w, "login", "leaf").stdout
    assert tsh_ssh(w, f"{w.leaf.login}@web-1", "echo leaf").stdout == "leaf\n"
    assert "Selected    leaf" in tsh(w, "status").stdout
    tsh(w, "login", "root")
    assert tsh_ssh(w, f"{w.root.login}@web-1", "echo root").stdout == "root\n"
    out = tsh(w, "ls", "--cluster=nowhere", check=False)
    assert out.returncode == 1 and "no cluster 'nowhere' here" in out.stderr, out


def sessions_are_recorded_where_they_run(w):
    live = subprocess.Popen(
        [BUILD + "/tsh", "ssh", "--cluster=leaf", "-tt", f"{w.leaf.login}@web-1"],
        env={"PATH": os.environ["PATH"], "HOME": w.root.home("alice"), "TERM": "xterm"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    live.stdin.write("echo recorded-$((40 + 2)); exit\n")
    live.stdin.flush()
    out = live.communicate(timeout=30)[0]
    assert "recorded-42" in out, out
    end = wait_for("the session's end", lambda: w.leaf.audit("session.end"))[-1]
    assert end["user"] == "remote-alice-root", end
    assert not w.root.audit("session.end")
    wait_for("the recording", lambda: w.leaf.audit("session.upload"))


def the_leafs_authority_speaks_for_its_own_names_only(w):
    home = os.path.join(w.root.home("alice"), ".tsh", "keys")
    known = open(next(os.path.join(d, f) for d, _, fs in os.walk(home) for f in fs
                      if f == "known_hosts"), encoding="ascii").read().splitlines()
    keys = {name: w.root.call("GetResource", {"kind": "cert_authority", "sub_kind": "host", "name": name})[
        "cert_authority"]["spec"]["active_keys"]["ssh"][0]["public_key"] for name in ("root", "leaf")}
    for name, key in keys.items():
        lines = [line for line in known if key in line]
        assert lines and all(line.startswith(f"@cert-authority *.{name},[*.{name}]:* ")
                             for line in lines), known


def an_agent_that_is_killed_is_back_soon(w):
    w.leaf.tunneld.kill()
    out = wait_for("the way to be gone", lambda: (lambda o: o if o.returncode else None)(
        tsh_ssh(w, "--cluster=leaf", f"{w.leaf.login}@web-1", "true", check=False)))
    assert "cluster 'leaf' is not reached through" in out.stderr, out.stderr
    w.leaf.tunneld.start()
    wait_for("the way to be back", lambda: tsh_ssh(
        w, "--cluster=leaf", f"{w.leaf.login}@web-1", "true", check=False).returncode == 0)


def a_leaf_whose_authd_is_gone_is_offline_and_its_nodes_are_served(w):
    w.leaf.authd.stop()
    wait_for("offline", lambda: re.search(r"leaf +offline", tsh(w, "clusters").stdout))
    assert tsh_ssh(w, "--cluster=leaf", f"{w.leaf.login}@web-1", "echo on").stdout == "on\n"
    w.leaf.authd.start()
    wait_for("online", lambda: re.search(r"leaf +online", tsh(w, "clusters").stdout))


def a_leaf_that_is_cut_off_is_given_up_and_comes_back(w):
    run("ip", "-n", w.net.name, "link", "set", "out", "down")
    out = wait_for("the tunnel to be given up", lambda: (lambda o: o if o.returncode else None)(
        tsh_ssh(w, "--cluster=leaf", f"{w.leaf.login}@web-1", "true", check=False)), 40)
    assert "cluster 'leaf' is not reached through" in out.stderr, out.stderr
    run("ip", "-n", w.net.name, "link", "set", "out", "up")
    wait_for("the way to be back", lambda: tsh_ssh(
        w, "--cluster=leaf", f"{w.leaf.login}@web-1", "true", check=False).returncode == 0, 40)


def forged_prefaces_are_refused(w):
    junk = b"POSTERN1" + (20).to_bytes(4, "big") + b"x" * 20
    with socket.create_connection(("127.0.0.1", w.root.proxy_port), timeout=10) as s:
        s.sendall(junk + b"\x16\x03\x01")
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
    w.root.proxyd.wait_log(r'event="connection refused" addr=127.0.0.1:\d+ reason=.*preface')


def disabled_there_is_no_tunnel(w):
    text = stored(w)
    tctl(w.leaf, "create", "-f", w.leaf.write("tc.yaml", re.sub(r"enabled: \w+", "enabled: false",
                                                                text)))
    w.leaf.tunneld.wait_log('event="tunnels not wanted any more" cluster=root')
    wait_for("no way", lambda: tsh_ssh(w, "--cluster=leaf", f"{w.leaf.login}@web-1", "true",
                                       check=False).returncode)
    tctl(w.leaf, "create", "-f", w.leaf.write("tc.yaml", re.sub(r"enabled: \w+", "enabled: true",
                                                                stored(w))))
    wait_for("the way to be back", lambda: tsh_ssh(
        w, "--cluster=leaf", f"{w.leaf.login}@web-1", "true", check=False).returncode == 0)


def a_leaf_that_is_removed_disappears_at_once(w):
    tctl(w.root, "rm", "rc/leaf")
    w.root.proxyd.wait_log(r'event="tunnel ended" agent=leaf/.*is not known any more', seconds=5)
    assert "leaf" not in tsh(w, "clusters").stdout
    out = tsh_ssh(w, "--cluster=leaf", f"{w.leaf.login}@web-1", "true", check=False)
    assert out.returncode == 1 and "no cluster 'leaf' here" in out.stderr, out
    assert not json.loads(tctl(w.root, "get", "rc", "--format=json").stdout or "[]")
    assert documents(w.leaf, "tc"), "the leaf has not been told"


TESTS = (
    nothing_of_the_leaf_can_be_reached_from_outside,
    within_moments_it_is_there,
    tsh_lists_and_reaches_its_nodes,
    plain_ssh_and_scp_reach_them_by_name,
    a_login_turns_to_the_leaf_and_back,
    sessions_are_recorded_where_they_run,
    the_leafs_authority_speaks_for_its_own_names_only,
    an_agent_that_is_killed_is_back_soon,
    a_leaf_whose_authd_is_gone_is_offline_and_its_nodes_are_served,
    a_leaf_that_is_cut_off_is_given_up_and_comes_back,
    forged_prefaces_are_refused,
    disabled_there_is_no_tunnel,
    a_leaf_that_is_removed_disappears_at_once,
)


if __name__ == "__main__":
    story(TESTS, make=World)
