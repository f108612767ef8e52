"""The story that disk_full.sh tells: what a full disk stops, and what it does not."""

import os
import signal
import sys
import uuid

import grpc

import auth_pb2 as pb
from authd_clients import Keys, Watcher, join, log_in, role, run, say, told_about, trust
from authd_daemon import Daemon

PROGRAM, WORK = sys.argv[1], sys.argv[2]
KEYSPACE = os.path.join(WORK, "data", "keyspace")
LITTLE, ENOUGH = "3m", "64m"


def put(admin, name):
    wanted = role(name)
    wanted.role.metadata.description = name * 1000
    admin.PutResource(pb.PutResourceRequest(resource=wanted, replace=True), timeout=60)


def fill(admin, prefix):
    """Puts roles until one is refused: the names of those that were not, and why."""
    stored = []
    for i in range(10000):
        try:
            put(admin, f"{prefix}-{i}")
        except grpc.RpcError as e:
            return stored, e
        stored.append(f"{prefix}-{i}")
    raise AssertionError("the disk was never full")


def assert_all_there(admin, names):
    for name in names:
        got = admin.GetResource(pb.GetResourceRequest(kind="role", name=name)).role
        assert got.metadata.description == name * 1000, name


def log_in_again(daemon, name):
    keys = Keys(daemon.dir, f"{name}-{uuid.uuid4().hex[:6]}")
    answer = daemon.remote(daemon.ca).Login(pb.LoginRequest(
        user=name, password="correct horse", ssh_public_key=keys.ssh_public,
        tls_public_key=keys.public), timeout=60)
    return keys.certified(answer.tls_certificate)


def writes_are_refused_in_words(admin):
    stored, why = fill(admin, "first")
    assert why.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, why
    assert "disk is full" in why.details() and "\n" not in why.details(), why.details()
    say(f"after {len(stored)} writes the disk is full: '{why.details()}'")
    return stored


def reads_and_logins_go_on(daemon, admin, node, stored):
    assert_all_there(admin, stored)
    watcher = Watcher(node, ["role"])
    watcher.wait(lambda e: e.type == pb.WatchEvent.SYNCED)
    keys = log_in_again(daemon, "alice")
    alice = daemon.remote(daemon.ca, *keys.pair())
    assert alice.GetResource(pb.GetResourceRequest(kind="user", name="alice")).user
    say("reads, watches and logins go on")
    return watcher


def it_starts_on_a_full_disk(daemon, stored):
    daemon.stop(signal.SIGKILL)
    daemon.start()
    admin = daemon.local()
    assert_all_there(admin, stored)
    _, why = fill(admin, "second")
    assert "disk is full" in why.details(), why
    log_in_again(daemon, "alice")
    say("killed and started again it serves what there was")
    return admin


def with_room_all_is_well(daemon, admin, stored):
    before = daemon.child.pid
    run("mount", "-o", f"remount,size={ENOUGH}", KEYSPACE)
    more = [f"third-{i}" for i in range(200)]
    for name in more:
        put(admin, name)
    assert daemon.child.poll() is None and daemon.child.pid == before
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert_all_there(daemon.local(), stored + more)
    say("with room on the disk writes go on, without a restart, and nothing is lost")


def main():
    run("mount", "-t", "tmpfs", "-o", f"size={LITTLE},mode=700", "tmpfs", KEYSPACE)
    daemon = Daemon(PROGRAM, WORK)
    with told_about(daemon):
        daemon.start()
        admin = daemon.local()
        trust(daemon, admin)
        node = daemon.remote(daemon.ca, *join(daemon, admin, "Node")[1].pair())
        log_in(daemon, admin, "alice", ["access"])
        stored = writes_are_refused_in_words(admin)
        watcher = reads_and_logins_go_on(daemon, admin, node, stored)
        watcher.call.cancel()
        admin = it_starts_on_a_full_disk(daemon, stored)
        with_room_all_is_well(daemon, admin, stored)


main()
