#!/bin/bash
# What authd refuses to who calls it past the tools: methods of others, used tokens, names with
# commas in them; and that its private keys are in no answer.
exec /usr/bin/python3 "$(dirname "$0")/denials_api.py"
