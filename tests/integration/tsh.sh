#!/bin/bash
# tsh - the user's tool against a real cluster: trust, login, listing, ssh, scp, rsync, sftp, git,
# refusals. The story is in tsh_story.py.
set -eu
cd "$(dirname "$0")/../.."
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/tsh_story.py
