#!/bin/bash
# Two proxies behind a balancer that always gives the same one: no busy loop, and the other one as
# soon as it can be had.
exec /usr/bin/python3 "$(dirname "$0")/tunnel_same.py"
