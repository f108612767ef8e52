#!/bin/bash
# authd - the authentication service by itself, called as its clients call it: Python's grpcio
# with messages made from proto/ on the spot, curl and openssl. The story is in authd_story.py.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

protoc -Iproto -I/usr/include --python_out="$work" proto/*.proto
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/authd_story.py \
	"${BUILD:-build}/authd" "$work"
