#!/bin/bash
# exec through kubeproxyd with an API server that is none: channels, recordings, what the audit log has.
exec /usr/bin/python3 "$(dirname "$0")/kube_exec.py"
