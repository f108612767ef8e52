"""Clients of an authd: users and hosts with their keys, watches, and what a story says."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid

import grpc

import auth_pb2 as pb
import resource_pb2 as res


def say(text):
    print(text, flush=True)


def refused(code, call, *args, **kwargs):
    """The call must fail with this status; what it says."""
    try:
        call(*args, timeout=60, **kwargs)
    except grpc.RpcError as e:
        assert e.code() == code, f"{e.code()} {e.details()}, not {code}"
        return e.details()
    raise AssertionError(f"allowed, not refused with {code}")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


@contextlib.contextmanager
def told_about(daemon):
    """What fails within shows the daemon's log; whatever happens, the daemon ends."""
    try:
        yield
    except BaseException:
        with open(daemon.log) as f:
            print(f.read(), file=sys.stderr)
        raise
    finally:
        if daemon.child is not None and daemon.child.poll() is None:
            daemon.stop(signal.SIGKILL)


class Keys:
    """A TLS key and an SSH key in files, as clients make them."""

    def __init__(self, folder, name):
        self.key = os.path.join(folder, f"{name}.key")
        self.cert = os.path.join(folder, f"{name}.crt")
        run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", self.key)
        self.public = run("openssl", "ec", "-in", self.key, "-pubout").decode()
        ssh = os.path.join(folder, f"{name}.ssh")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh)
        with open(ssh + ".pub") as f:
            self.ssh_public = f.read().strip()

    def certified(self, pem):
        with open(self.cert, "w") as f:
            f.write(pem)
        return self

    def pair(self):
        with open(self.key, "rb") as k, open(self.cert, "rb") as c:
            return k.read(), c.read()


def trust(daemon, admin):
    """From here on daemon.ca and daemon.ca_file are the authority of its certificate."""
    ca = admin.GetResource(pb.GetResourceRequest(
        kind="cert_authority", sub_kind="host", name="example")).cert_authority
    daemon.ca = ca.spec.active_keys.tls[0].cert.encode()
    daemon.ca_file = os.path.join(daemon.dir, "ca.pem")
    with open(daemon.ca_file, "wb") as f:
        f.write(daemon.ca)


def role(name, **labels):
    r = res.Resource()
    r.role.metadata.name = name
    r.role.metadata.labels.update(labels)
    r.role.spec.allow.logins.append("nobody")
    return r


def log_in(daemon, admin, name, roles):
    """Creates a user, accepts the invite with a password, logs in: a certified user."""
    keys = Keys(daemon.dir, name)
    invite = admin.CreateUser(pb.CreateUserRequest(name=name, roles=roles))
    anonymous = daemon.remote(daemon.ca)
    anonymous.AcceptInvite(pb.AcceptInviteRequest(token=invite.token, password="correct horse"))
    answer = anonymous.Login(pb.LoginRequest(
        user=name, password="correct horse", ssh_public_key=keys.ssh_public,
        tls_public_key=keys.public))
    return keys.certified(answer.tls_certificate)


def join(daemon, admin, system_role):
    """A host of that role: its id and keys."""
    token = admin.CreateToken(pb.CreateTokenRequest(roles=[system_role])).token.metadata.name
    keys, host = Keys(daemon.dir, f"host-{system_role}-{uuid.uuid4().hex[:6]}"), str(uuid.uuid4())
    answer = daemon.remote(daemon.ca).Join(pb.JoinRequest(
        token=token, system_role=system_role, host_id=host, hostname="web-1",
        ssh_public_key=keys.ssh_public, tls_public_key=keys.public))
    return host, keys.certified(answer.tls_certificate)


def private_halves(ca):
    keys = [ca.spec.active_keys, ca.spec.additional_trusted_keys]
    return [p.private_key for k in keys for p in k.ssh] + [p.key for k in keys for p in k.tls]


def watch_request(kinds, after=0):
    """Kinds by their names, or as messages of their own."""
    return pb.WatchRequest(after_revision=after, kinds=[
        k if isinstance(k, pb.WatchKind) else pb.WatchKind(kind=k) for k in kinds])


class Watcher:
    """Reads a watch in a thread; wait() returns the first event that satisfies the test."""

    def __init__(self, stub, kinds, after=0):
        self.events, self.ended, self.changed = [], None, threading.Condition()
        self.call = stub.Watch(watch_request(kinds, after))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for event in self.call:
                self.arrived(event)
                with self.changed:
                    self.events.append(event)
                    self.changed.notify_all()
            self.ended = "done"
        except grpc.RpcError as e:
            self.ended = e
        with self.changed:
            self.changed.notify_all()

    def arrived(self, event):
        """For those who want to know at once."""

    def wait(self, test, seconds=60):
        deadline = time.monotonic() + seconds
        with self.changed:
            while not any(test(e) for e in self.events):
                left = deadline - time.monotonic()
                assert left > 0 and self.ended is None, (self.ended, self.events[-5:])
                self.changed.wait(left)
            return next(e for e in self.events if test(e))

    def wait_end(self, seconds=60):
        with self.changed:
            assert self.changed.wait_for(lambda: self.ended is not None, seconds), "still open"
        return self.ended
