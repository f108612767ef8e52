#!/bin/bash
# Clocks that are wrong: a node two minutes behind, a proxy two minutes ahead, clients of both
# kinds. Within the slack that certificates have all works, and beyond it the error names the clock.
exec /usr/bin/python3 "$(dirname "$0")/skew.py"
