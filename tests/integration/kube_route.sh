#!/bin/bash
# What leads kubectl to a kubeproxyd: tsh's contexts and credentials, the proxy's route by name.
# Without any Kubernetes; the real one is in tests/kube. The story is in kube_route.py.
set -eu
cd "$(dirname "$0")/../.."
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/kube_route.py
