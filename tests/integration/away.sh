#!/bin/bash
# authd is killed in the middle of everything and comes back later: logins, proxying and role
# checks go on without it, even through restarts, until certificates run out; then all converges.
exec /usr/bin/python3 "$(dirname "$0")/away.py"
