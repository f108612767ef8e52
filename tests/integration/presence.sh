#!/bin/bash
# Who is there: nodes that fall silent are gone for everybody, those that speak up stay, whatever
# happens to authd.
exec /usr/bin/python3 "$(dirname "$0")/presence.py"
