"""A cluster whose node is in a network namespace of its own, with no way in: only a tunnel leads there.

The namespace has a link to the proxy's address, by which it dials out; noded listens on the
loopback inside, where nothing outside can connect.
"""

import os
import pwd

from cluster import Cluster, run, wait_for


class Namespace:
    """A host of its own: a network namespace and a link to ours."""

    def __init__(self, number=0):
        self.name = f"pt{os.getpid()}n{number}"
        base = 0x0A400000 + (os.getpid() % (1 << 16)) * 64 + number * 4
        self.ours, self.theirs = (f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
                                  for n in (base + 1, base + 2))
        self.link = f"v{os.getpid()}n{number}"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "out",
            "netns", self.name)
        run("ip", "addr", "add", f"{self.ours}/30", "dev", self.link)
        run("ip", "link", "set", self.link, "up")
        for argv in (["link", "set", "lo", "up"], ["link", "set", "out", "up"],
                     ["addr", "add", f"{self.theirs}/30", "dev", "out"]):
            run("ip", "-n", self.name, *argv)

    def enter(self, argv, user=None):
        """The command that runs argv in there."""
        drop = []
        if user:
            entry = pwd.getpwnam(user)
            drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}",
                    "--init-groups"]
        return ["nsenter", f"--net=/run/netns/{self.name}", *drop, *argv]

    def remove(self):
        run("ip", "netns", "del", self.name, check=False)
        run("ip", "link", "del", self.link, check=False)


class TunnelCluster(Cluster):
    """authd, proxyd with its door, and behind a tunnel noded and tunneld."""

    INSIDE = ("noded", "noded-root", "tunneld")
    tunnels = "{keep_alive: 500ms}"
    tunnel_port = None  # of the proxies, as seen from inside; the proxy's own unless given
    agent_reaches = None  # what the agent dials; the same unless given

    def __init__(self, **options):
        self.net = Namespace()
        self.proxy_hosts = ("127.0.0.1", self.net.ours)
        options["proxyd"] = options.get("proxyd", "") + f"tunnels: {self.tunnels}\n"
        super().__init__(**options)
        self.agent_user = self.accounts.add("t", "/usr/sbin/nologin", system=True)

    def add_daemon(self, name, argv, user=None, env=None):
        if name in self.INSIDE:
            argv, user = self.net.enter(argv, user), None
        return super().add_daemon(name, argv, user, env)

    def start_noded(self):
        self.tunnel_port = self.tunnel_port or self.proxy_port
        self.node_reaches = f"{self.net.ours}:{self.tunnel_port}"
        self.agent_reaches = self.agent_reaches or self.node_reaches
        self.start_tunneld()
        super().start_noded()

    def write_tunneld_settings(self, more=""):
        if not hasattr(self, "node_port"):
            self.node_port = self.free_port()
            self.node_token = self.token_file("Node")
        self.write("tunneld.yaml", f"""\
data_dir: {self.path("tunneld")}
run_dir: {self.path("tunneld-run")}
hostname: gate
proxies: ["{self.agent_reaches}"]
join: {{token_file: {self.tunnel_token}, ca_pin: "{self.pin}"}}
services: {{node: "127.0.0.1:{self.node_port}"}}
keep_alive: 500ms
{more}""")

    def start_tunneld(self):
        self.folder("tunneld", self.agent_user)
        self.folder("tunneld-run", self.agent_user, 0o755)
        self.tunnel_token = self.token_file("Tunnel")
        self.write_tunneld_settings()
        self.tunneld = self.add_daemon(
            "tunneld", [self.lib + "/tunneld", "--config", self.path("tunneld.yaml")],
            self.agent_user, {"TUNNELD_DEBUG": "pool"})
        self.tunneld.start()
        self.tunneld.wait_log(r'event="tunnel opened"')
        with open(self.path("tunneld-run", "agent")) as f:
            self.agent_id = f.read()

    def wait_way(self):
        """Until the node can be reached again."""
        wait_for("the way to the node", lambda: self.ssh(
            "alice", f"{self.login}@web-1", "true", check=False).returncode == 0)

    def clean(self, keep):
        super().clean(keep)
        self.net.remove()
