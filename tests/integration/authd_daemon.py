"""An authd of one's own: starts it in a folder, waits for its log, calls it."""

import json
import os
import re
import signal
import subprocess
import time

import grpc

import auth_pb2
from google.protobuf import descriptor_pb2

SETTINGS = """\
cluster:
  name: example
data_dir: {dir}/data
socket: {dir}/authd.sock
socket_group: ""
listen: ["127.0.0.1:{port}"]
public_addrs: ["127.0.0.2:3025"]
diag: "unix:{dir}/diag.sock"
"""


# Channels of one process share connections unless told not to.
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


class Stub:
    """The calls of service Auth over a channel, from the service's own description."""

    def __init__(self, channel):
        file = descriptor_pb2.FileDescriptorProto.FromString(auth_pb2.DESCRIPTOR.serialized_pb)
        described = auth_pb2.DESCRIPTOR.services_by_name["Auth"].methods_by_name
        for method in file.service[0].method:
            shape = ("stream" if method.client_streaming else "unary",
                     "stream" if method.server_streaming else "unary")
            types = described[method.name]
            setattr(self, method.name, getattr(channel, "_".join(shape))(
                f"/postern.v1.Auth/{method.name}",
                request_serializer=types.input_type._concrete_class.SerializeToString,
                response_deserializer=types.output_type._concrete_class.FromString))


class Daemon:
    def __init__(self, program, work):
        self.program, self.dir, self.port, self.child = program, work, 0, None
        self.log = os.path.join(work, "authd.log")
        self.config = os.path.join(work, "authd.yaml")

    def write_settings(self, extra=""):
        with open(self.config, "w") as f:
            f.write(SETTINGS.format(dir=self.dir, port=self.port) + extra)

    def start(self):
        if not os.path.exists(self.config):
            self.write_settings()
        self.offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([self.program, "--config", self.config], stderr=log)
        line = self.wait_log(r"event=ready .*port=(\d+)")
        self.port = int(line.group(1))
        self.write_settings()
        return self

    def wait_log(self, pattern, seconds=60):
        """The first match in what was logged since the start; waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with open(self.log) as f:
                f.seek(self.offset)
                found = re.search(pattern, f.read())
            if found:
                return found
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        with open(self.log) as f:
            raise AssertionError(f"no '{pattern}' in the log:\n{f.read()}")

    def stop(self, how=signal.SIGTERM):
        """Ends it; its exit status."""
        self.child.send_signal(how)
        return self.child.wait(timeout=60)

    # --- calls ---------------------------------------------------------------------------------

    def local(self):
        """The local administrator, over the unix socket."""
        channel = grpc.insecure_channel(f"unix:{self.dir}/authd.sock", OWN_CONNECTION)
        return Stub(channel)

    def remote(self, ca, key=None, certificate=None):
        """Somebody over TLS, anonymous without a certificate."""
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        options = OWN_CONNECTION + [("grpc.ssl_target_name_override", "authd")]
        channel = grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options)
        return Stub(channel)

    def curl(self, url, body, *options):
        """A JSON call; status and answer."""
        out = subprocess.run(
            ["curl", "-s", "--max-time", "10", "-w", "\n%{http_code}", *options,
             "-H", "content-type: application/json", "-d", json.dumps(body), url],
            capture_output=True, text=True)
        text, _, status = out.stdout.rpartition("\n")
        return int(status), json.loads(text) if text else None

    def curl_local(self, method, body):
        return self.curl(f"http://authd/v1/{method}", body,
                         "--unix-socket", f"{self.dir}/authd.sock")

    def curl_remote(self, method, body, *options):
        return self.curl(f"https://localhost:{self.port}/v1/{method}", body, "--http1.1", *options)
