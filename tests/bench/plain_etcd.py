"""The peer: one etcd as Debian has it, with TLS and client certificates, on loopback."""

import os
import subprocess

from cluster import Cluster, run, wait_for

CA_DAYS = 2


class PlainEtcd:
    def __init__(self, cluster):
        self.cluster, self.child = cluster, None
        self.dir = cluster.path("etcd")
        os.mkdir(self.dir, 0o700)
        self.port, self.peer_port = Cluster.free_port(), Cluster.free_port()
        self.make_ca()
        self.make_certificate("server", "extendedKeyUsage=serverAuth,clientAuth",
                              "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.make_certificate("client", "extendedKeyUsage=clientAuth")

    def path(self, name):
        return os.path.join(self.dir, name)

    def make_ca(self):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"),
            "-days", CA_DAYS, "-subj", "/CN=bench")

    def make_certificate(self, name, *extensions):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"),
            "-subj", f"/CN={name}")
        with open(self.path(f"{name}.ext"), "w") as f:
            f.write("\n".join(extensions))
        run("openssl", "x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path("ca.pem"),
            "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", CA_DAYS,
            "-extfile", self.path(f"{name}.ext"), "-out", self.path(f"{name}.pem"))

    def start(self):
        url = f"https://127.0.0.1:{self.port}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        with open(self.path("log"), "wb") as log:
            self.child = subprocess.Popen(
                ["etcd", "--name=bench", f"--data-dir={self.path('data')}",
                 f"--listen-client-urls={url}", f"--advertise-client-urls={url}",
                 f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                 f"--initial-cluster=bench={peer}", "--client-cert-auth", "--logger=zap",
                 "--log-level=warn", f"--cert-file={self.path('server.pem')}",
                 f"--key-file={self.path('server.key')}",
                 f"--trusted-ca-file={self.path('ca.pem')}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("etcd", self.answers)
        return self

    def answers(self):
        probe = run("curl", "-sk", "--cacert", self.path("ca.pem"),
                    "--cert", self.path("client.pem"), "--key", self.path("client.key"),
                    f"https://127.0.0.1:{self.port}/health", check=False)
        return '"true"' in probe.stdout

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait()

    def options(self):
        """How the simulator reaches it."""
        return ["--target=etcd", f"--addr=127.0.0.1:{self.port}", f"--ca={self.path('ca.pem')}",
                f"--cert={self.path('client.pem')}", f"--key={self.path('client.key')}"]
