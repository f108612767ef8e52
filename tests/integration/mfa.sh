#!/bin/bash
# The second factor: enrolled with the invite and by tsh, asked for at login, good once.
exec /usr/bin/python3 "$(dirname "$0")/mfa.py"
