#!/bin/bash
# Rules reach what is open: shells, forwards and masters end when a role, a lock, a certificate or
# silence says so, and live on through restarts of everything around them.
exec /usr/bin/python3 "$(dirname "$0")/live.py"
