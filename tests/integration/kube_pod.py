"""A pod that is a few lines of Python, behind an API server that is none, and a client of it."""

import json
import socket
import ssl
import urllib.parse

from callers import of_user
from cluster import run
from websocket import BINARY, CLOSE, WebSocket, accept_of

POD = "/api/v1/namespaces/default/pods/box"
SUCCESS = b'{"metadata":{},"status":"Success"}'
EXIT_7 = (b'{"metadata":{},"status":"Failure","reason":"NonZeroExitCode","message":"command terminated '
          b'with non-zero exit code: 7","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}')
STDIN, STDOUT, STDERR, ERROR, RESIZE, END = 0, 1, 2, 3, 4, 255
FLOOD_MB, FLOODED = 24, []


# --- a pod ---------------------------------------------------------------------------------------


def exec_in_pod(handler, _):
    """Runs what `command` names, as the kubelet would."""
    words = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)["command"]
    offered = handler.headers.get("Sec-WebSocket-Protocol", "")
    if "v5.channel.k8s.io" not in offered:
        handler.answer({"kind": "Status", "status": "Failure", "message": "SPDY was cut"}, 400)
        return
    handler.send_response(101)
    for name, value in (("Connection", "Upgrade"), ("Upgrade", "websocket"),
                        ("Sec-WebSocket-Accept", accept_of(handler.headers["Sec-WebSocket-Key"])),
                        ("Sec-WebSocket-Protocol", "v5.channel.k8s.io")):
        handler.send_header(name, value)
    handler.end_headers()
    pod = WebSocket(handler.rfile.read, handler.wfile.write, client=False)
    COMMANDS[words[0]](pod)
    handler.close_connection = True


def messages(pod):
    while (frame := pod.receive()) is not None and frame[0] != CLOSE:
        yield frame[1]


def finish(pod, status=SUCCESS):
    pod.send(bytes([ERROR]) + status)
    pod.send(b"\x03\xe8", CLOSE)
    for _ in messages(pod):
        pass


def cat(pod):
    for m in messages(pod):
        if m == bytes([END, STDIN]):
            break
        pod.send(bytes([STDOUT]) + m[1:])
    finish(pod)


def fail(pod):
    pod.send(bytes([STDOUT]) + b"out")
    pod.send(bytes([STDERR]) + b"err")
    finish(pod, EXIT_7)


def shell(pod):
    """A terminal: shows what is typed, and its size; ends at `exit`."""
    pod.send(bytes([STDOUT]) + b"\x1b[1m$\x1b[0m ")
    for m in messages(pod):
        if m[0] == RESIZE:
            pod.send(bytes([STDOUT]) + b"[%dx%d]" % tuple(json.loads(m[1:]).values()))
        elif m[0] == STDIN:
            pod.send(bytes([STDOUT]) + m[1:].replace(b"\r", b"\r\n"))
            if m[1:].endswith(b"exit\r"):
                break
    finish(pod)


def break_off(pod):
    pod.send(bytes([STDOUT]) + b"half of it")


def flood(pod):
    """More than all buffers on the way take."""
    for n in range(FLOOD_MB):
        pod.send(bytes([STDOUT]) + bytes((1 << 20) - 1))
        FLOODED.append(n)
    finish(pod)


COMMANDS = {"cat": cat, "fail": fail, "sh": shell, "break": break_off, "flood": flood}


# --- a client ------------------------------------------------------------------------------------


class Client:
    """kubectl's half of a v5 exec."""

    def __init__(self, c, user, command, protocol="v5.channel.k8s.io", tty=False, stdin=True):
        who = of_user(c, user)
        key = c.path(user + ".pem")
        run("openssl", "pkey", "-in", who.key, "-out", key)
        context = ssl.create_default_context(cafile=c.ca)
        context.load_cert_chain(who.certificate, key)
        plain = socket.create_connection(("127.0.0.1", c.kube.port), timeout=30)
        self.tls = context.wrap_socket(plain, server_hostname="lab.kube.example")
        self.file = self.tls.makefile("rb")
        self.ask(command, protocol, tty, stdin)
        self.ws = WebSocket(self.file.read, self.tls.sendall, client=True)
        self.got = {STDOUT: b"", STDERR: b"", ERROR: b""}

    def ask(self, command, protocol, tty, stdin):
        query = [("stdout", "true"), *((("command", w)) for w in command.split())]
        query += [("stdin", "true")] if stdin else []
        query += [("tty", "true")] if tty else [("stderr", "true")]
        self.tls.sendall((
            f"GET {POD}/exec?{urllib.parse.urlencode(query)} HTTP/1.1\r\nHost: kube\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n").encode())
        self.status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        self.refusal = None
        if self.status != 101:
            self.refusal = json.loads(self.file.read(int(headers["content-length"])))
        else:
            assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", headers
            assert headers["sec-websocket-protocol"] == protocol, headers

    def type(self, text):
        self.ws.send(bytes([STDIN]) + text)

    def resize(self, columns, rows):
        self.ws.send(bytes([RESIZE]) + json.dumps({"Width": columns, "Height": rows}).encode())

    def end_stdin(self):
        self.ws.send(bytes([END, STDIN]))

    def take(self):
        """One message; false at the end."""
        frame = self.ws.receive()
        if frame is None or frame[0] == CLOSE:
            return False
        assert frame[0] == BINARY, frame
        self.got[frame[1][0]] += frame[1][1:]
        return True

    def until(self, text):
        while text not in self.got[STDOUT]:
            assert self.take(), self.got

    def rest(self):
        while self.take():
            pass
        return self.got

    def drop(self):
        self.tls.close()
