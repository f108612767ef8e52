#!/bin/bash
# Trusted clusters: the exchange and what it refuses, whose certificates count for what, the end of it.
exec /usr/bin/python3 "$(dirname "$0")/trusted.py"
