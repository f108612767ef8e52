#!/bin/bash
# disk_full - the disk of an authd's keyspace fills up and is given room again. The story is in
# disk_full_story.py; the disk is a small tmpfs in a mount namespace that ends with it.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

protoc -Iproto -I/usr/include --python_out="$work" proto/*.proto
mkdir -p "$work/data/keyspace"
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 unshare --mount --propagation private \
	/usr/bin/python3 tests/integration/disk_full_story.py "${BUILD:-build}/authd" "$work"
