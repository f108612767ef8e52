"""Watches: many at once in bounded memory, and one that lasts as long as the tests do."""

import re
import selectors
import socket
import ssl

from refusals import context_of, credentials

WATCHES = 200
PER_WATCH_MAX = 256 * 1024  # bytes of kubeproxyd's memory, TLS towards both sides included
PATH = "/api/v1/namespaces/default/configmaps?watch=true"


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024


class Watch:
    """One request on a connection of its own."""

    def __init__(self, take_tls, path):
        self.tls = take_tls
        self.tls.sendall(f"GET {path} HTTP/1.1\r\nHost: lab.kube.example\r\n\r\n".encode())
        self.tls.setblocking(False)
        self.seen = b""

    def read(self):
        """What is there now."""
        while True:
            try:
                piece = self.tls.recv(65536)
            except ssl.SSLWantReadError:
                return
            assert piece, f"the watch ended: {self.seen[-300:]}"
            self.seen += piece

    def has(self, text):
        self.read()
        return text in self.seen


def see_all(watches, text):
    """Until every watch has seen the text."""
    selector = selectors.DefaultSelector()
    for each in watches:
        selector.register(each.tls, selectors.EVENT_READ, each)
    waiting = {w for w in watches if not w.has(text)}
    while waiting:
        ready = selector.select(timeout=30)
        assert ready, f"{len(waiting)} of {len(watches)} watches have not seen {text}"
        for key, _ in ready:
            if key.data.has(text):
                waiting.discard(key.data)
    selector.close()


def watch(c, context):
    """Through the proxy."""
    raw = socket.create_connection(("127.0.0.1", c.proxy_port), timeout=20)
    return Watch(context.wrap_socket(raw, server_hostname="lab.kube.example"), PATH)


def begin_the_long_watch(c):
    """Opened before the tests, looked at behind them."""
    c.long_watch = watch(c, context_of(c, *credentials(c, "dora")))
    see_all([c.long_watch], b"200 OK")


def touch(c, name):
    c.lab.admin("create", "configmap", name)
    c.lab.admin("delete", "configmap", name)


def many_watches_at_once_need_bounded_memory(c):
    pid = c.kube.daemon.child.pid
    context = context_of(c, *credentials(c, "dora"))
    before = rss(pid)
    watches = [watch(c, context) for _ in range(WATCHES)]
    see_all(watches, b"200 OK")
    for i in range(3):
        touch(c, f"touched-{i}")
        see_all(watches, f'"name":"touched-{i}"'.encode())
    grown = rss(pid) - before
    print(f"    {WATCHES} watches: {before / 2**20:.1f} MB + {grown / WATCHES / 1024:.0f} KB each")
    assert grown < WATCHES * PER_WATCH_MAX, grown
    for each in watches:
        each.tls.close()


def the_watch_since_the_beginning_has_seen_everything(c):
    touch(c, "at-the-end")
    see_all([c.long_watch], b'"name":"at-the-end"')
    assert b'"name":"touched-0"' in c.long_watch.seen
    c.long_watch.tls.close()


TESTS = [many_watches_at_once_need_bounded_memory,
         the_watch_since_the_beginning_has_seen_everything]
