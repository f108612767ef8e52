"""A machine whose only way out is an HTTP proxy: tunneld joins and has its tunnel through it."""

import base64

import clients
from cluster import story
from http_proxy import HttpProxy
from live import web
from tunnel_net import TunnelCluster


class BehindHttpProxy(TunnelCluster):
    """What the agent dials is the loopback of the HTTP proxy's machine, and nothing on its own."""

    def start_noded(self):
        self.http_proxy = HttpProxy(self.net.ours, self.free_port())
        self.agent_reaches = f"127.0.0.1:{self.proxy_port}"
        super().start_noded()

    def write_tunneld_settings(self, more=None):
        super().write_tunneld_settings(
            f'http_proxy: "{self.http_proxy.url()}"\n' if more is None else more)

    def restart_tunneld(self, more=None, **env):
        """With other settings, and another environment, than before."""
        self.tunneld.stop()
        self.write_tunneld_settings(more)
        self.tunneld.env = {"TUNNELD_DEBUG": "pool", **env}
        self.tunneld.start()

    def wait_refusal(self, reason):
        """Both the tunnels and the connection to authd say it."""
        line = f"HTTP proxy '{self.http_proxy.addr}' towards '{self.agent_reaches}': {reason}"
        for event in ("proxy not reached", "authd not reached"):
            self.tunneld.wait_log(f'event="{event}".*{line}')

    def clean(self, keep):
        if hasattr(self, "http_proxy"):
            self.http_proxy.stop()
        super().clean(keep)


def all_that_went_out_went_through_it(c):
    """The joining, the connection to authd and the tunnel."""
    c.tunneld.wait_log(r'event="cluster state is current"')
    assert len(c.http_proxy.asked) >= 3, c.http_proxy.asked
    assert set(c.http_proxy.asked) == {c.agent_reaches}, c.http_proxy.asked
    c.tunneld.wait_log(f'event="HTTP proxy in use" addr="?{c.http_proxy.addr}')


def the_node_behind_it_is_used_as_ever(c):
    c.log_in("alice")
    c.wait_way()
    assert c.ssh("alice", web(c), "echo through").stdout == "through\n"


def a_refusal_is_told_and_outlived(c):
    c.http_proxy.refusal = 403
    c.http_proxy.cut()
    c.wait_refusal(r"it refuses \(status 403\)")
    c.http_proxy.refusal = None
    c.wait_way()


def another_password_is_refused_and_told(c):
    c.restart_tunneld(f'http_proxy: "{c.http_proxy.url(password="s3cret")}"\n')
    c.wait_refusal(r"it does not accept our user and password, or none \(status 407\)")
    c.restart_tunneld(f'http_proxy: "http://{c.http_proxy.addr}"\n')
    c.wait_refusal(r"it does not accept our user and password, or none \(status 407\)")


def the_environment_counts_where_no_setting_is(c):
    before = len(c.http_proxy.asked)
    c.restart_tunneld("", https_proxy=c.http_proxy.url(), no_proxy="192.0.2.1,example.com")
    c.tunneld.wait_log(r'event="tunnel opened"')
    c.wait_way()
    assert len(c.http_proxy.asked) > before


def the_exceptions_of_the_environment_are_dialled_straight(c):
    for more, env in (("", {"NO_PROXY": "localhost,127.0.0.1"}), ('http_proxy: ""\n', {})):
        before = len(c.http_proxy.asked)
        c.restart_tunneld(more, HTTPS_PROXY=c.http_proxy.url(), **env)
        c.tunneld.wait_log(f"connect to '{c.agent_reaches}': connection refused")
        assert "towards" not in c.tunneld.text()
        assert len(c.http_proxy.asked) == before


def a_proxy_that_is_away_is_named(c):
    c.restart_tunneld(f'http_proxy: "http://127.0.0.1:{c.free_port()}"\n')
    c.tunneld.wait_log(r"HTTP proxy '127.0.0.1:\d+' towards .*: connection refused")


def a_mistake_in_the_setting_ends_it_with_a_line(c):
    c.tunneld.stop()
    c.write_tunneld_settings('http_proxy: "https://gate:s3cret@cache:3128"\n')
    c.tunneld.start(ready=None)
    assert c.tunneld.child.wait(timeout=60) == 1
    assert "http_proxy: it is not http://[user:password@]host:port" in c.tunneld.text()


def no_password_was_ever_logged(c):
    with open(c.tunneld.log) as f:
        log = f.read()
    proof = base64.b64encode(b"gate:p@ss:w0rd").decode()
    assert "tunnel opened" in log
    for secret in ("w0rd", "s3cret", proof, "Basic"):
        assert secret not in log, secret


def it_comes_back_with_the_right_settings(c):
    c.restart_tunneld()
    c.tunneld.wait_log(r'event="tunnel opened"')
    c.wait_way()


if __name__ == "__main__":
    story([
        all_that_went_out_went_through_it, the_node_behind_it_is_used_as_ever,
        clients.scp_copies_both_ways_in_both_modes,
        a_refusal_is_told_and_outlived, another_password_is_refused_and_told,
        the_environment_counts_where_no_setting_is,
        the_exceptions_of_the_environment_are_dialled_straight,
        a_proxy_that_is_away_is_named, a_mistake_in_the_setting_ends_it_with_a_line,
        it_comes_back_with_the_right_settings, no_password_was_ever_logged,
    ], make=BehindHttpProxy)
