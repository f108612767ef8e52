#!/bin/bash
# What authd, proxyd and noded refuse to who calls them past the tools: foreign and missing
# certificates, tickets of another door, used tokens, forged prefaces, names with commas in them.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

protoc -Iproto -I/usr/include --python_out="$work" proto/*.proto
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/denials_api.py
