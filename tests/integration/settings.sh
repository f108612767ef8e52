#!/bin/bash
# Locks of every target end what is open and keep out what is new, at every door; the cluster's
# settings do what they say.
exec /usr/bin/python3 "$(dirname "$0")/settings.py"
