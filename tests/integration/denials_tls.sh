#!/bin/bash
# What proxyd, authd and noded refuse below the calls: foreign and missing certificates, tickets
# of another door, forged prefaces.
exec /usr/bin/python3 "$(dirname "$0")/denials_tls.py"
