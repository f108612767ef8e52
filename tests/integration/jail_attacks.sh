#!/bin/bash
# Attacks on the jail, each tried twice: against what `make` builds, where it must fail, and
# against a copy in which the measure that closes the hole is left out, where it must succeed.
exec /usr/bin/python3 "$(dirname "$0")/jail_attacks.py"
