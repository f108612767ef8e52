"""An HTTP proxy for CONNECT, which notes what it was asked for."""

import base64
import socket
import threading


def _shut(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other end was faster


def _pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    _shut(source)
    _shut(target)


class HttpProxy:
    """Lets through who shows `user` and `password`, unless `refusal` is a status to answer with."""

    def __init__(self, host, port, user="gate", password="p@ss:w0rd"):
        self.user, self.password = user, password
        self.refusal = None
        self.asked = []  # the targets that were let through
        self.lock, self.open = threading.Lock(), []
        self.listener = socket.create_server((host, port))
        self.addr = f"{host}:{port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, user="gate", password="p%40ss:w0rd"):
        return f"http://{user}:{password}@{self.addr}"

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = client.recv(1)
                if not byte:
                    return
                head += byte
            line, *headers = head.decode().strip().split("\r\n")
            method, target, _ = line.split(" ")
            assert method == "CONNECT", line
            status = self.refusal or (200 if self._known(headers) else 407)
            if status != 200:
                client.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 3\r\n\r\nno\n" % status)
                return
            self._through(client, target)

    def _known(self, headers):
        proof = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Proxy-Authorization: Basic {proof}" in headers

    def _through(self, client, target):
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as server:
            with self.lock:
                self.asked.append(target)
                self.open += [client, server]
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()
            with self.lock:
                self.open = [s for s in self.open if s not in (client, server)]

    def cut(self):
        """Ends all that goes through it."""
        with self.lock:
            for s in self.open:
                _shut(s)

    def stop(self):
        _shut(self.listener)
        self.listener.close()
        self.cut()
