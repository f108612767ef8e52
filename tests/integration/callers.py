"""Who calls a cluster past its own tools: keys and certificates, gRPC and JSON from Python.

Callers hold real keys where they can be held: those of a user's tsh, and those in the data
folders of the cluster's own node and proxy.
"""

import glob
import json
import os

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import messages  # makes auth_pb2
import auth_pb2 as pb
from authd_daemon import OWN_CONNECTION, Stub
from cluster import run

PEM = serialization.Encoding.PEM


class Caller:
    """A key and a certificate in files; None: nobody."""

    def __init__(self, key, certificate):
        self.key, self.certificate = key, certificate

    def pair(self):
        with open(self.key, "rb") as k, open(self.certificate, "rb") as c:
            return k.read(), c.read()

    def options(self):
        return ["-key", self.key, "-cert", self.certificate]


def of_user(c, user):
    key = glob.glob(f"{c.home(user)}/.tsh/keys/*/{user}")[0]
    return Caller(key, key + "-x509.pem")


def of_host(c, name, folder):
    """A host's own credentials, out of its data folder."""
    with open(os.path.join(folder, "credentials"), "rb") as f:
        answer = pb.JoinResponse.FromString(f.read())
    caller = Caller(os.path.join(folder, "tls.key"),
                    c.write(name + ".pem", answer.tls_certificate))
    caller.id, caller.authorities = answer.host_id, answer.authorities
    return caller


def host_authority(c):
    return c.call("GetResource", {"kind": "cert_authority", "sub_kind": "host",
                                  "name": "example"})["cert_authority"]["spec"]["active_keys"]


def stub(c, who=None):
    """authd's calls over TLS."""
    with open(c.ca, "rb") as f:
        credentials = grpc.ssl_channel_credentials(f.read(), *(who.pair() if who else ()))
    options = OWN_CONNECTION + [("grpc.ssl_target_name_override", "localhost")]
    return Stub(grpc.secure_channel(f"127.0.0.1:{c.authd_port}", credentials, options))


def admin(c):
    return Stub(grpc.insecure_channel(f"unix:{c.path('run', 'authd.sock')}", OWN_CONNECTION))


def refused(code, call, request):
    """The call must fail with this status; what it says."""
    try:
        answer = call(request, timeout=60)
        if not hasattr(answer, "DESCRIPTOR"):
            list(answer)
    except grpc.RpcError as e:
        assert e.code() == code, f"{e.code()} {e.details()}, not {code}"
        return e.details()
    raise AssertionError(f"allowed, not refused with {code}")


def curl(c, who, method, body, *more):
    """A JSON call to authd; the status, 0 without an answer, and the answer."""
    options = ["--key", who.key, "--cert", who.certificate] if who else []
    out = run("curl", "-s", "--http1.1", "--cacert", c.ca, *options, *more, "-w", "\n%{http_code}", "-H",
              "content-type: application/json", "-d", json.dumps(body),
              f"https://localhost:{c.authd_port}/v1/{method}", check=False)
    text, _, status = out.stdout.rpartition("\n")
    return int(status), json.loads(text) if text else None


def prepare(c):
    c.ca = c.write("host-ca.pem", host_authority(c)["tls"][0]["cert"])
    c.log_in("alice")
    c.alice = of_user(c, "alice")
    c.node = of_host(c, "node", c.path("noded", "host"))
    c.proxy = of_host(c, "proxy", c.path("proxyd"))


def new_key(c, name):
    """A fresh key: its file, its public half as PEM and as OpenSSH has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    c.write(name, key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                    serialization.NoEncryption()).decode())
    public = key.public_key()
    return (c.path(name),
            public.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
            public.public_bytes(serialization.Encoding.OpenSSH,
                                serialization.PublicFormat.OpenSSH).decode())


def every_method(c):
    """Names and empty requests of the service."""
    described = pb.DESCRIPTOR.services_by_name["Auth"]
    return [(m.name, m.input_type._concrete_class()) for m in described.methods]
