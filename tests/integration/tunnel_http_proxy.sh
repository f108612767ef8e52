#!/bin/bash
# An agent whose only way out is an HTTP proxy (CONNECT): it joins and has its tunnel through it, and
# says clearly what the proxy refuses.
exec /usr/bin/python3 "$(dirname "$0")/tunnel_http_proxy.py"
