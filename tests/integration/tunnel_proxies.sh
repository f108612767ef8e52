#!/bin/bash
# Two and three proxies behind haproxy: an agent that knows the balancer only has a tunnel to each,
# and follows as they are added, removed and killed under load.
exec /usr/bin/python3 "$(dirname "$0")/tunnel_proxies.py"
