"""RFC 6455 as far as tests need it, both sides, over a socket or anything with its methods."""

import base64
import hashlib
import os
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY, CLOSE, PING = 2, 8, 9


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class WebSocket:
    def __init__(self, read, write, client):
        """`read(n)` gives exactly n bytes, or fewer at the end."""
        self.read, self.write, self.client = read, write, client

    def send(self, data, kind=BINARY):
        size = (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
                if len(data) < 65536 else b"\x7f" + struct.pack(">Q", len(data)))
        head = bytes([0x80 | kind])
        if not self.client:
            self.write(head + size + data)
            return
        mask = os.urandom(4)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        self.write(head + bytes([size[0] | 0x80]) + size[1:] + mask + masked)

    def receive(self):
        """Kind and payload of the next frame; None when the connection has ended."""
        head = self.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 0x7f
        if size == 126:
            size, = struct.unpack(">H", self.read(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.read(8))
        assert bool(head[1] & 0x80) != self.client, "who masks?"
        mask = self.read(4) if head[1] & 0x80 else bytes(4)
        data = self.read(size)
        return head[0] & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(data))
