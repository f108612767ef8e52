#!/bin/bash
# kill -9 of each process in each phase of a session: what lives on, and what the recording holds.
exec /usr/bin/python3 "$(dirname "$0")/kills.py"
