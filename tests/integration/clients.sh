#!/bin/bash
# Stock clients through the proxy: ssh, scp, sftp, rsync, git, ansible; with tsh, and without.
exec /usr/bin/python3 "$(dirname "$0")/clients.py"
