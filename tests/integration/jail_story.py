"""What the stories about the jail share: recordings to read, joiners, a runner."""
import os
import signal
import socket
import struct
import sys
import time
import traceback

import messages  # makes dial_pb2 and record_pb2
import dial_pb2
import record_pb2


def frames(path):
    """The frames of a recording as far as they are whole."""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:8] == b"POSTREC1", data[:8]
    at, out = 8, []
    while at + 8 <= len(data):
        length = struct.unpack(">I", data[at:at + 4])[0]
        if at + 8 + length > len(data):
            break
        frame = record_pb2.Frame()
        frame.ParseFromString(data[at + 8:at + 8 + length])
        out.append(frame)
        at += 8 + length
    return out


def recorded(path):
    return b"".join(f.output for f in frames(path))


def ended(path):
    """The end frame, or None."""
    last = frames(path)[-1]
    return last.end if last.WhichOneof("of") == "end" else None


class Joiner:
    """Somebody who joined, by noded's socket for the session."""

    def __init__(self, path, user, mode):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.data = b""
        self.frames = []
        self.send(dial_pb2.JoinStart(user=user, mode=mode, columns=80, rows=24))

    def send(self, message):
        data = message.SerializeToString()
        self.sock.sendall(struct.pack(">I", len(data)) + data)

    def type(self, text):
        self.send(dial_pb2.JoinFrame(input=text.encode()))

    def output(self):
        return b"".join(f.output for f in self.frames)

    def until(self, test, seconds=60):
        end = time.monotonic() + seconds
        while not test(self):
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            data = self.sock.recv(65536)
            assert data, "the stream ended: %r" % self.frames
            self.data += data
            while len(self.data) >= 4:
                length = struct.unpack(">I", self.data[:4])[0]
                if len(self.data) < 4 + length:
                    break
                frame = dial_pb2.JoinFrame()
                frame.ParseFromString(self.data[4:4 + length])
                self.frames.append(frame)
                self.data = self.data[4 + length:]


def run_all(tests, close, logs):
    """Runs the functions in turn; exit code 1 if one failed. `logs` tells what happened."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    only = os.environ.get("F", "")
    failed = 0
    try:
        for test in tests:
            if only not in test.__name__:
                continue
            start = time.monotonic()
            try:
                test()
                print("  ok    %s (%d ms)" % (test.__name__, (time.monotonic() - start) * 1000))
            except Exception:
                failed += 1
                traceback.print_exc(file=sys.stdout)
                print(logs())
                print("  FAIL  %s" % test.__name__)
            sys.stdout.flush()
    finally:
        close()
    if failed:
        print("again: F=%s %s" % ("NAME", sys.argv[0]))
    sys.exit(1 if failed else 0)
