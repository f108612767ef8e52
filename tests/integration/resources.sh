#!/bin/bash
# Resources of every kind through tctl: files are put whole or not at all, what is shown can be given
# back, secrets are shown to who asks, every change is in the audit log; editing, updating, removing.
exec /usr/bin/python3 "$(dirname "$0")/resources.py"
