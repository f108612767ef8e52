#!/bin/bash
# Who may call what: every method and every kind of resource, for every sort of caller, against the
# matrix that is written down in matrix.txt.
exec /usr/bin/python3 "$(dirname "$0")/matrix.py"
