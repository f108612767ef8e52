#!/bin/bash
# Node's gRPC against authd: a client generated from proto/ as it runs, over mutual TLS.
exec /usr/bin/python3 "$(dirname "$0")/grpc_js.py"
