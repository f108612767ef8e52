#!/bin/bash
# The proxy's one public port: pages, API, TLS, streams, door; and the health of all daemons.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "${work:?}"' EXIT

protoc -I"$here/../../proto" -I/usr/include --python_out="$work" "$here"/../../proto/*.proto
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/web.py"
