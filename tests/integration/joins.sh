#!/bin/bash
# Joining live sessions with tsh: who may, what they see and type, when they are cut, what stays.
exec /usr/bin/python3 "$(dirname "$0")/joins.py"
