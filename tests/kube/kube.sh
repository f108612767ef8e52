#!/bin/bash
# kubectl and others through kubeproxyd to a real Kubernetes (lab.py tells where it comes from): `make check-kube`.
set -eu
cd "$(dirname "$0")/../.."
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/kube/kube.py
