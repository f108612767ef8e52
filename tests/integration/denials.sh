#!/bin/bash
# Who is refused at the doors of a node and of the proxy, what they are told, what the audit log
# says; each beside the same thing with the one difference that makes it right.
exec /usr/bin/python3 "$(dirname "$0")/denials.py"
