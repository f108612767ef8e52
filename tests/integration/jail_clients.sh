#!/bin/bash
# Stock clients against a node: ssh, scp, sftp, rsync, git, ControlMaster, forwards, terminals.
exec /usr/bin/python3 "$(dirname "$0")/jail_clients.py"
