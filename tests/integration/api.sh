#!/bin/bash
# api - authd as generic tools see it, that were never told of its messages (api_story.py).
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

protoc -Iproto -I/usr/include --python_out="$work" proto/*.proto
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/api_story.py \
	"${BUILD:-build}/authd" "$work"
