#!/bin/bash
# The authorities' keys change, phase by phase, by hand and by the clock, while people work: nothing
# that is open ends, and what is old counts as long as it should and no longer.
exec /usr/bin/python3 "$(dirname "$0")/rotation.py"
