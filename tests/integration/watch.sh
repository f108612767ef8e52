#!/bin/bash
# watch - the event stream of an authd as Python's grpcio and curl see it: what is in it, what is
# not, what becomes of slow readers and of those who were away. The story is in watch_story.py.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

protoc -Iproto -I/usr/include --python_out="$work" proto/*.proto
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/watch_story.py \
	"${BUILD:-build}/authd" "$work"
