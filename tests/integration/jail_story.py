"""What the stories about the jail share: a terminal to drive, recordings to read, a runner."""
import array
import fcntl
import glob
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

from jail_node import TREE


def protobufs():
    """The Python modules of our messages, made afresh."""
    out = tempfile.mkdtemp(prefix="pt-proto-")
    subprocess.run(["protoc", "-I" + TREE + "/proto", "-I/usr/include", "--python_out=" + out]
                   + glob.glob(TREE + "/proto/*.proto"), check=True)
    sys.path.insert(0, out)
    import dial_pb2
    import record_pb2
    subprocess.run(["rm", "-rf", out], check=True)
    return record_pb2, dial_pb2


record_pb2, dial_pb2 = protobufs()


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


class Terminal:
    """A program on a pseudo-terminal; everything it printed is in .seen"""

    def __init__(self, argv, rows=24, columns=80, env=None):
        self.seen = bytearray()
        self.at = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, dict(os.environ, TERM="xterm", **(env or {})))
        self.resize(rows, columns)
        self.status = None

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def read(self, seconds):
        """False: nothing came, or it ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.seen += data
        return bool(data)

    def expect(self, pattern, seconds=20):
        """Waits until the pattern comes behind what was expected last."""
        end = time.monotonic() + seconds
        pattern = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        start = self.at
        while True:
            found = pattern.search(self.seen[start:])
            if found:
                self.at = start + found.end()
                return found
            start = max(start, len(self.seen) - 4096)  # a match is never longer
            if not self.read(max(0, end - time.monotonic())):
                raise AssertionError("expected %r, got %r" % (pattern, self.seen[self.at:]))

    def wait(self, seconds=20):
        """Reads to the end; the exit code, negative for a signal."""
        end = time.monotonic() + seconds
        while self.read(max(0, end - time.monotonic())):
            pass
        while self.status is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.01)
        assert self.status is not None, "it does not end; got %r" % self.seen[self.at:]
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -9
        os.close(self.fd)


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

    def until(self, test, seconds=20):
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
