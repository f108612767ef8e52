#!/bin/bash
# What ends a session of a node and what does not: restarts, kill -9 of each process, the
# administrator, idle time, a full disk, a client that is gone; and those who join.
exec /usr/bin/python3 "$(dirname "$0")/jail_lives.py"
