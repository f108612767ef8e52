#!/bin/bash
# people - invites, logins, locks, join tokens, renewals, the audit log and recordings, against
# the real authd. The story is in people_story.py.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

protoc -Iproto -I/usr/include --python_out="$work" proto/*.proto
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/people_story.py \
	"${BUILD:-build}/authd" "$work"
