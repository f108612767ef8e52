"""The peer: haproxy, which asks for a client certificate and shows the API server its own."""

import base64
import os
import socket

import yaml

from cluster import Cluster, run, wait_for

CONFIG = """\
global
    maxconn 4000
defaults
    mode http
    option http-keep-alive
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend kubernetes
    bind 127.0.0.1:{port} ssl crt {dir}/server.pem {client}
    default_backend api
backend api
    http-reuse safe
    server api 127.0.0.1:6443 ssl ca-file {way.ca} crt {dir}/api.pem
"""


class PlainHaproxy:
    def __init__(self, cluster, way):
        self.dir = cluster.path("haproxy")
        os.mkdir(self.dir, 0o700)
        self.cluster, self.way, self.port = cluster, way, Cluster.free_port()
        self.make("ca", "/CN=ca", "-x509")
        for name in ("server", "client"):
            self.make(name, "/CN=" + name)
            run("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA",
                self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "1",
                "-extfile", self.write("ext", "subjectAltName=IP:127.0.0.1\n"), "-out",
                self.path(name + ".crt"))
        self.join("server.pem", self.path("server.crt"), self.path("server.key"))
        self.join("api.pem", way.cert, way.key)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def read(self, path):
        with open(path) as f:
            return f.read()

    def join(self, name, *paths):
        self.write(name, "".join(self.read(path) for path in paths))

    def make(self, name, subject, *signed):
        run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out",
            self.path(name + ".key"))
        run("openssl", "req", "-new", *signed, "-key", self.path(name + ".key"), "-subj", subject,
            "-out", self.path(name + (".pem" if signed else ".csr")))

    def start(self):
        config = self.write("haproxy.cfg", CONFIG.format(
            port=self.port, dir=self.dir, way=self.way,
            client=f"ca-file {self.dir}/ca.pem verify required alpn h2,http/1.1"))
        daemon = self.cluster.add_daemon("haproxy", ["/usr/sbin/haproxy", "-db", "-f", config])
        daemon.start(ready=None)
        self.pid = daemon.child.pid

        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for("haproxy", listens)
        return self

    def kubeconfig(self):
        def packed(name):
            return base64.b64encode(self.read(self.path(name)).encode()).decode()
        return self.write("kubeconfig", yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {
                "server": f"https://127.0.0.1:{self.port}",
                "certificate-authority-data": packed("ca.pem")}}],
            "users": [{"name": "lab", "user": {"client-certificate-data": packed("client.crt"),
                                               "client-key-data": packed("client.key")}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}]}))
