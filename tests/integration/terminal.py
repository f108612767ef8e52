"""A program on a pseudo-terminal, driven as a person would."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time


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

    def expect(self, pattern, seconds=60):
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

    def wait(self, seconds=60):
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
