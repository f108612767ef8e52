#!/bin/bash
# Access requests: asked for, judged by reviewers and administrators, used with ssh, over in time.
exec /usr/bin/python3 "$(dirname "$0")/requests.py"
