"""Ports for what a story starts, and for nothing else meanwhile."""

import itertools
import os
import socket

# Below those that the kernel gives to clients, which would take one between its choice and its use.
# Each process begins in a place of its own, for stories run side by side.
_numbers = itertools.count(os.getpid() * 100 % 20000)


def free_port():
    for number in _numbers:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", 12000 + number % 20000))
                return s.getsockname()[1]
            except OSError:
                pass  # taken
