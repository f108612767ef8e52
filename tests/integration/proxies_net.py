"""Several proxies behind haproxy, and behind a tunnel to each of them a node (tunnel_net.py)."""

import re
import socket

from cluster import Daemon, wait_for
from tunnel_net import TunnelCluster


class ProxiesCluster(TunnelCluster):
    """`count` proxies; the agent and the node know the balancer's address only."""

    balance = "roundrobin"
    count = 2

    def start_proxyd(self):
        super().start_proxyd()
        self.proxies, self.ports = [self.proxyd], [self.proxy_port]
        self.tunnel_port = self.free_port()
        for _ in range(1, self.count):
            self.add_proxy()
        self.start_balancer()

    def add_proxy(self):
        """One proxy more, not yet behind the balancer."""
        number, port = len(self.proxies) + 1, self.free_port()
        name = f"proxyd{number}"
        self.folder(name, self.service)
        with open(self.path("proxyd.yaml")) as f:
            text = f.read()
        text = re.sub(r"(?s)\ndoor:.*?\ntunnels", "\ntunnels", text)
        text = re.sub(r"token_file: [^,]*", f"token_file: {self.token_file('Proxy')}", text)
        text = re.sub(r"diag_addr.*", f'diag_addr: "unix:{self.path("run")}/{name}-diag.sock"', text)
        text = text.replace(self.path("proxyd"), self.path(name)).replace(
            str(self.proxy_port), str(port))
        proxy = self.add_daemon(
            name, [self.lib + "/proxyd", "--config", self.write(f"{name}.yaml", text)],
            self.service)
        proxy.start()
        self.proxies.append(proxy)
        self.ports.append(port)
        return proxy

    def start_balancer(self):
        servers = "".join(f"    server p{port} 127.0.0.1:{port} check inter 200ms\n"
                          for port in self.ports)
        self.write("haproxy.cfg", f"""\
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen proxies
    bind {self.net.ours}:{self.tunnel_port}
    balance {self.balance}
    option redispatch
    retries 3
{servers}""")
        if not hasattr(self, "balancer"):
            self.balancer = Daemon("haproxy", ["haproxy", "-db", "-f", self.path("haproxy.cfg")],
                                   self.path("haproxy.log"))
            self.daemons.append(self.balancer)
        self.balancer.stop()
        self.run_balancer()

    def run_balancer(self):
        self.balancer.start(ready=None)

        def answers():
            with socket.socket() as s:
                return s.connect_ex((self.net.ours, self.tunnel_port)) == 0
        wait_for("the balancer", answers)

    def has_tunnel(self, proxy):
        """Waits for the agent to come to this proxy since its start."""
        return proxy.wait_log(rf'event="tunnel opened" agent={self.agent_id}')

    def metric(self, text, name):
        return int(re.search(rf"^{name} (\d+)", text, re.M).group(1))

    def reached_through(self, number, user="alice"):
        """Whether the node is reached through that proxy."""
        port, self.proxy_port = self.proxy_port, self.ports[number]
        try:
            if self.log_in(user, check=False).returncode != 0:
                return False
            return self.ssh(user, f"{self.login}@web-1", "true", check=False).returncode == 0
        finally:
            self.proxy_port = port

    def wait_reached_through(self, number):
        wait_for(f"the way through proxy {number}", lambda: self.reached_through(number), 40)
