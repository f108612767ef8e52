"""One more node for a cluster, with a plain sshd: joins, announces itself, and serves what proxyd
forwards with OpenSSH's sshd -i. For stories of what stands in front of nodes."""

import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import uuid

from cluster import run

SSHD = """\
HostKey {dir}/host
HostCertificate {dir}/host-cert.pub
TrustedUserCAKeys {dir}/users
AuthorizedKeysFile none
AuthenticationMethods publickey
StrictModes no
UsePAM yes
UseDNS no
PidFile none
Subsystem sftp internal-sftp
"""


class PlainNode:
    role, kind = "Node", "node"
    names = ()  # beside the hostname, in its certificates
    spec = {}   # of its record, beside hostname and address

    def __init__(self, cluster, hostname, labels=None):
        self.id, self.hostname, self.cluster = str(uuid.uuid4()), hostname, cluster
        self.dir = cluster.path("plain-" + self.id)
        os.mkdir(self.dir, 0o700)
        self.join()
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()
        self.announce(labels or {})

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def join(self):
        run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", self.path("host"))
        run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out",
            self.path("tls.key"))
        token = self.cluster.call("CreateToken", {"roles": [self.role]})["token"]
        with open(self.path("host.pub")) as f:
            ssh_key = f.read().strip()
        answer = self.cluster.call("Join", {
            "token": token["metadata"]["name"], "system_role": self.role, "host_id": self.id,
            "hostname": self.hostname, "addresses": list(self.names), "ssh_public_key": ssh_key,
            "tls_public_key": run("openssl", "ec", "-in", self.path("tls.key"), "-pubout").stdout})
        keys = {ca["spec"]["type"]: ca["spec"]["active_keys"] for ca in answer["authorities"]}
        self.write("host-cert.pub", answer["ssh_certificate"] + "\n")
        self.write("tls.crt", answer["tls_certificate"])
        self.write("cas.pem", keys["host"]["tls"][0]["cert"])
        self.write("people.pem", keys["user"]["tls"][0]["cert"])
        self.write("users", "".join(k["public_key"] + "\n" for k in keys["user"]["ssh"]))
        self.write("sshd_config", SSHD.format(dir=self.dir))

    def announce(self, labels):
        """As the host that it is: with its certificate, over TLS."""
        context = ssl.create_default_context(cafile=self.path("cas.pem"))
        context.load_cert_chain(self.path("tls.crt"), self.path("tls.key"))
        conn = http.client.HTTPSConnection("127.0.0.1", self.cluster.authd_port, context=context)
        conn.request("POST", "/v1/Announce", json.dumps({"ttl": "10m", "node": {
            "kind": self.kind, "version": "v2", "metadata": {"name": self.id, "labels": labels},
            "spec": {"hostname": self.hostname, **self.spec,
                     "addr": "127.0.0.1:%d" % self.socket.getsockname()[1]}}}),
            {"Content-Type": "application/json"})
        answer = conn.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        conn.close()

    def hang_up(self):
        """Listens no more, though its record is still there."""
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
        self.socket.close()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_one, args=(client,), daemon=True).start()

    @staticmethod
    def read_preface(client):
        def exactly(count):
            data = b""
            while len(data) < count:
                piece = client.recv(count - len(data))
                if not piece:
                    raise EOFError
                data += piece
            return data

        assert exactly(8) == b"POSTERN1"
        return exactly(struct.unpack(">I", exactly(4))[0])

    def serve_one(self, client):
        with client, open(self.path("sshd.log"), "ab") as log:
            self.read_preface(client)
            subprocess.run(["/usr/sbin/sshd", "-i", "-e", "-f", self.path("sshd_config")],
                           stdin=client, stdout=client, stderr=log)
