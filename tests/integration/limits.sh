#!/bin/bash
# The limits that roles set on people, each shown by its denial beside what is still allowed.
exec /usr/bin/python3 "$(dirname "$0")/limits.py"
