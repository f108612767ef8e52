"""An API server that is none: enough of Kubernetes' HTTP for kubeproxyd to be seen from behind.

It says what it was asked, streams as much as a test wants, and misbehaves on demand.
"""

import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import ssl
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A CA and what it certifies, as PEM."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name_of("fake kubernetes")
        self.cert = self.sign(self.name, self.key.public_key(), ca=True)

    def sign(self, name, key, ca=False):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(name).issuer_name(self.name)
                   .public_key(key).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.BasicConstraints(ca, None), critical=True))
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def pem(self):
        return self.cert.public_bytes(PEM)

    def issue(self, name):
        """Certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return (self.sign(name_of(name), key.public_key()).public_bytes(PEM),
                key.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, value, status=200, headers=()):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for key, text in headers:
            self.send_header(key, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            yield piece

    def begin_chunks(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def handle_any(self):
        server = self.server.fake
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        with server.lock:
            server.seen.append((self.command, self.path, list(self.headers.items())))
        special = server.paths.get(url.path)
        if special:
            special(self, query)
        elif url.path.endswith("selfsubjectaccessreviews"):
            self.review()
        elif "watch" in query:
            self.watch(query)
        elif self.command in ("POST", "PUT", "PATCH"):
            digest, size = hashlib.sha256(), 0
            for piece in self.body():
                digest.update(piece)
                size += len(piece)
            self.answer({"sha256": digest.hexdigest(), "size": size}, 201)
        else:
            self.answer({"method": self.command, "path": self.path,
                         "headers": [[k.lower(), v] for k, v in self.headers.items()]})

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

    def review(self):
        asked = json.loads(b"".join(self.body()))["spec"]["resourceAttributes"]
        allowed = asked["resource"] in self.server.fake.may_impersonate
        self.answer({"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}}, 201)

    def watch(self, _):
        """An event for each that the test lets happen, until it ends."""
        events = self.server.fake.events
        self.begin_chunks()
        at = 0
        while True:
            with events:
                while at == len(self.server.fake.happened):
                    events.wait()
                happened = self.server.fake.happened[at]
            at += 1
            if happened is None:
                self.chunk(b"")
                return
            self.chunk(json.dumps(happened).encode() + b"\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, fake, context):
        self.fake, self.context = fake, context
        super().__init__(("127.0.0.1", 0), Handler)

    def get_request(self):
        client, addr = super().get_request()
        return self.context.wrap_socket(client, server_side=True, do_handshake_on_connect=False), addr

    def handle_error(self, request, client_address):
        pass  # a client that went away


class FakeKubernetes:
    """What kubeproxyd believes to be the API server."""

    def __init__(self, minimum=ssl.TLSVersion.TLSv1_2):
        self.lock, self.events = threading.Lock(), threading.Condition()
        self.seen, self.happened, self.paths = [], [], {}
        self.may_impersonate = {"users", "groups", "serviceaccounts"}
        self.authority = Authority()
        self.minimum = minimum
        self.server = None

    def start(self, c, folder="fake-kubernetes"):
        import os
        os.mkdir(c.path(folder))
        cert, key = self.authority.issue("api")
        c.write(f"{folder}/tls.crt", cert.decode())
        c.write(f"{folder}/tls.key", key.decode())
        c.write(f"{folder}/ca.crt", self.authority.pem().decode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.minimum
        context.load_cert_chain(c.path(folder, "tls.crt"), c.path(folder, "tls.key"))
        context.load_verify_locations(c.path(folder, "ca.crt"))
        context.verify_mode = ssl.CERT_OPTIONAL
        self.server = Server(self, context)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def happen(self, event):
        """To all who watch; None ends the watches."""
        with self.events:
            self.happened.append(event)
            self.events.notify_all()

    def kubeconfig(self, c, name="kubeconfig", user=None, cluster=None):
        data = base64.b64encode(self.authority.pem()).decode()
        cert, key = self.authority.issue("kubeproxyd")
        user = user or {"client-certificate-data": base64.b64encode(cert).decode(),
                        "client-key-data": base64.b64encode(key).decode()}
        cluster = cluster or {"server": f"https://127.0.0.1:{self.port}",
                              "certificate-authority-data": data}
        return c.write(name, json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "we", "user": user}],
            "contexts": [{"name": "here", "context": {"cluster": "it", "user": "we"}}]}))
