#!/usr/bin/python3
"""sink PORT - what the benchmarks of tunnels pour into: a server behind them.

A connection may begin with a proxy's preface. Then one byte says what is to be done: 'd' and a u64
takes so many bytes and answers with one; 's' and a u64 sends so many; 'e' answers with one at once.
"""

import socket
import struct
import sys
import threading

BLOCK = 256 * 1024


def exactly(s, count):
    data = b""
    while len(data) < count:
        piece = s.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def first_byte(s):
    byte = exactly(s, 1)
    if byte == b"P":  # POSTERN1
        exactly(s, 7)
        exactly(s, struct.unpack(">I", exactly(s, 4))[0])
        byte = exactly(s, 1)
    return byte


def serve(s):
    with s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        what = first_byte(s)
        block = bytearray(BLOCK)
        if what == b"e":
            s.sendall(b"!")
        elif what == b"d":
            left = struct.unpack(">Q", exactly(s, 8))[0]
            while left > 0:
                left -= s.recv_into(block, min(left, BLOCK))
            s.sendall(b"!")
        elif what == b"s":
            left = struct.unpack(">Q", exactly(s, 8))[0]
            while left > 0:
                s.sendall(block[:left] if left < BLOCK else block)
                left -= min(left, BLOCK)
        s.recv(1)  # until they have gone


def quietly(s):
    try:
        serve(s)
    except (EOFError, OSError):
        pass


def main():
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
    while True:
        s, _ = server.accept()
        threading.Thread(target=quietly, args=(s,), daemon=True).start()


if __name__ == "__main__":
    main()
