"""The Python modules of our messages, made afresh from proto/ when this is imported.

`import messages` first; then auth_pb2, dial_pb2 and the others can be imported by their names.
"""

import glob
import importlib
import os
import shutil
import subprocess
import sys
import tempfile

PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto")

made = tempfile.mkdtemp(prefix="pt-proto-")
try:
    files = glob.glob(PROTO + "/*.proto")
    subprocess.run(["protoc", "-I" + PROTO, "-I/usr/include", "--python_out=" + made, *files],
                   check=True)
    sys.path.insert(0, made)
    for file in files:
        importlib.import_module(os.path.basename(file).replace(".proto", "_pb2"))
    sys.path.remove(made)
finally:
    shutil.rmtree(made)
