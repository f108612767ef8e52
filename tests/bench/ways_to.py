"""A way to one Kubernetes: straight, or through somebody. The same load for each."""

import base64
import http.client
import os
import socket
import ssl
import subprocess
import time

import yaml

# As Kubernetes' own clients ask. (The lab's API server, of 2021 and built with a newer Go, dies
# now and then of writing many maps as JSON.)
PROTOBUF = "application/vnd.kubernetes.protobuf"


class Way:
    """Made of a kubeconfig with certificates in it."""

    def __init__(self, c, name, port, kubeconfig, pid=None):
        self.c, self.name, self.port, self.kubeconfig, self.pid = c, name, port, kubeconfig, pid
        with open(kubeconfig) as f:
            config = yaml.safe_load(f)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.host = cluster.get("tls-server-name", "127.0.0.1")
        self.ca = self.save("ca", cluster["certificate-authority-data"])
        self.cert = self.save("crt", user["client-certificate-data"])
        self.key = self.save("key", user["client-key-data"])

    def save(self, suffix, data):
        return self.c.write(f"way-{self.name}.{suffix}", base64.b64decode(data).decode())

    def connect(self):
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return context.wrap_socket(raw, server_hostname=self.host)

    def post(self, path, body):
        conn = http.client.HTTPConnection(self.host)
        conn.sock = self.connect()
        conn.request("POST", path, body, {"Content-Type": "application/json", "Accept": PROTOBUF})
        status = conn.getresponse().status
        conn.close()
        return status

    def load(self, path, count, clients):
        """GETs so many at once over connections that stay: their rate, and the seconds of each."""
        join = "&" if "?" in path else "?"
        start = time.monotonic()
        out = subprocess.run(
            ["curl", "-sS", "--http1.1", "-Z", "--parallel-max", str(clients), "-H",
             "Accept: " + PROTOBUF, "--cacert", self.ca, "--cert", self.cert, "--key", self.key,
             "--resolve", f"{self.host}:{self.port}:127.0.0.1", "-o", os.devnull, "-w",
             "%{http_code} %{time_total}\n",
             f"https://{self.host}:{self.port}{path}{join}n=[1-{count}]"],
            capture_output=True, text=True, timeout=600)
        took = time.monotonic() - start
        answers = [line.split() for line in out.stdout.splitlines()]
        assert len(answers) == count and {a[0] for a in answers} == {"200"}, \
            (self.name, len(answers), out.stderr[-500:], out.stdout[-200:])
        return count / took, [float(a[1]) for a in answers]
