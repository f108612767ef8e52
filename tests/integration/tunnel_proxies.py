"""Proxies behind haproxy in turns: added, removed, killed under load; the agent follows them all."""

import contextlib
import signal
import threading

from cluster import story, wait_for
from live import shell, web
from proxies_net import ProxiesCluster


@contextlib.contextmanager
def load(c):
    """Logins without pause through the first proxy; none may fail."""
    failed, over = [], threading.Event()

    def work():
        while not over.is_set():
            out = c.ssh("alice", web(c), "echo fine", check=False)
            if out.stdout != "fine\n":
                failed.append(out)
    workers = [threading.Thread(target=work) for _ in range(2)]
    for w in workers:
        w.start()
    try:
        yield
    finally:
        over.set()
        for w in workers:
            w.join()
    assert not failed, failed[0]


def the_agent_comes_to_each_proxy(c):
    for proxy in c.proxies:
        c.has_tunnel(proxy)
    for number in range(2):
        c.wait_reached_through(number)


def a_proxy_that_is_added_is_found(c):
    proxy = c.add_proxy()
    c.start_balancer()
    c.has_tunnel(proxy)
    c.wait_reached_through(2)


def a_proxy_that_is_removed_tells_first(c):
    c.log_in("alice")
    with load(c):
        c.proxies[2].stop(signal.SIGQUIT)
        c.tunneld.wait_log(r'event="tunnel drains"')
    assert not c.reached_through(2)


def a_proxy_killed_under_load_is_missed_by_nobody_else(c):
    c.log_in("alice")
    with shell(c) as t, load(c):
        before = c.tunneld.text().count('event="tunnel opened"')
        c.proxies[1].kill()
        c.tunneld.wait_log(r'event="tunnel ended"')
        c.proxies[1].start()
        c.has_tunnel(c.proxies[1])
        assert c.tunneld.text().count('event="tunnel opened"') > before
        t.type("echo still$((1))here\n")
        t.expect("still1here")
    c.wait_reached_through(1)


def an_agent_that_is_restarted_comes_to_all(c):
    c.tunneld.stop()
    c.tunneld.start()
    wait_for("both tunnels", lambda: c.tunneld.text().count('event="tunnel opened"') == 2)
    c.log_in("alice")
    c.wait_way()


def a_balancer_that_restarts_brings_them_back(c):
    before = c.tunneld.text().count('event="tunnel opened"')
    c.balancer.kill()
    wait_for("the tunnels to end", lambda: c.tunneld.text().count('event="tunnel ended"') >= 2)
    c.run_balancer()
    wait_for("both tunnels", lambda:
             c.tunneld.text().count('event="tunnel opened"') == before + 2, 40)
    c.wait_way()


if __name__ == "__main__":
    story([the_agent_comes_to_each_proxy, a_proxy_that_is_added_is_found,
           a_proxy_that_is_removed_tells_first,
           a_proxy_killed_under_load_is_missed_by_nobody_else,
           an_agent_that_is_restarted_comes_to_all, a_balancer_that_restarts_brings_them_back],
          make=ProxiesCluster)
