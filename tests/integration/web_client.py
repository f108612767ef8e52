"""A client of the public port for web.py: bytes over TLS, HTTP, framed messages."""

import contextlib
import glob
import http.client
import json
import socket
import ssl
import struct
import warnings

from cluster import UnixHTTP

# Old versions of TLS are asked for on purpose.
warnings.filterwarnings("ignore", category=DeprecationWarning)

STREAM = "postern-stream/1"


def authority(c):
    """The file with the cluster's host authority, for clients that trust it."""
    found = c.call("GetResource", {"kind": "cert_authority", "sub_kind": "host",
                                   "name": "example"})["cert_authority"]["spec"]
    return c.write("host-ca.pem", found["active_keys"]["tls"][0]["cert"])


def context(ca, alpn=("http/1.1",), own=None):
    """A TLS client that trusts `ca`; `own` is its certificate's and its key's file."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(ca)
    ctx.set_alpn_protocols(list(alpn))
    if own:
        ctx.load_cert_chain(*own)
    return ctx


def own_files(c, user):
    """What tsh keeps of a login: certificate, key."""
    key = glob.glob(f"{c.home(user)}/.tsh/keys/*/{user}")[0]
    return key + "-x509.pem", key


def tcp(c, port=None):
    return socket.create_connection(("127.0.0.1", port or c.proxy_port), timeout=30)


@contextlib.contextmanager
def tls(c, ctx=None, name="localhost", session=None):
    with tcp(c) as plain:
        ctx = ctx or context(c.host_ca)
        with ctx.wrap_socket(plain, server_hostname=name, session=session) as s:
            yield s


def read_all(s):
    """What comes until the other side ends the connection, whichever way it does."""
    got = b""
    try:
        while True:
            piece = s.recv(65536)
            if not piece:
                return got
            got += piece
    except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return got


def say(c, data, **kw):
    """Sends bytes to the web server; all that it says until it ends the connection."""
    with tls(c, **kw) as s:
        try:
            s.sendall(data)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            pass
        return read_all(s)


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()

    def json(self):
        return json.loads(self.text)


def ask(c, method, path, body=None, headers=None, ctx=None):
    """One HTTP request on a connection of its own."""
    conn = http.client.HTTPSConnection("localhost", c.proxy_port, timeout=30,
                                       context=ctx or context(c.host_ca))
    try:
        conn.request(method, path, body, headers or {})
        return Answer(conn.getresponse())
    finally:
        conn.close()


def post(c, method, message, **headers):
    headers = {"Content-Type": "application/json", **headers}
    return ask(c, "POST", f"/v1/{method}", json.dumps(message), headers)


def diag(path, page):
    conn = UnixHTTP(path)
    conn.request("GET", page)
    try:
        return Answer(conn.getresponse())
    finally:
        conn.close()


# --- messages behind their length ----------------------------------------------------------------


def framed(message):
    data = message.SerializeToString()
    return struct.pack(">I", len(data)) + data


def read_exactly(s, size):
    got = b""
    while len(got) < size:
        piece = s.recv(size - len(got))
        assert piece, f"ended after {got}"
        got += piece
    return got


def read_framed(s, kind):
    size, = struct.unpack(">I", read_exactly(s, 4))
    return kind.FromString(read_exactly(s, size))
