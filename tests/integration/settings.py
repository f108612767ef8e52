"""Locks on users, roles, logins and nodes, and the cluster's settings, on a live cluster."""

import contextlib
import glob
import os
import re
import signal
import subprocess
import time
import uuid

import callers
from cluster import run, story, wait_for
from live import (AT_ONCE, ANYWHERE, background, direct, forward, lives, logins_so_far, master, proven,
                  shell, tctl, web)


def set_up(c):
    c.log_in("alice")
    c.role("ops", {"logins": [c.login, "root"], "node_labels": ANYWHERE})
    c.user("bob", ["ops"])
    c.log_in("bob")
    c.ca = c.write("host-ca.pem", callers.host_authority(c)["tls"][0]["cert"])


@contextlib.contextmanager
def watch(c, user):
    """A watch on authd as that user, whose snapshot has come."""
    who = callers.of_user(c, user)
    p = subprocess.Popen(
        ["curl", "-sN", "--http1.1", "--cacert", c.ca, "--cert", who.certificate, "--key", who.key,
         "-H", "content-type: application/json", "-d", '{"kinds": [{"kind": "user"}]}',
         f"https://127.0.0.1:{c.authd_port}/v1/Watch"], stdout=subprocess.PIPE, text=True)
    try:
        while "SYNCED" not in p.stdout.readline():
            assert p.poll() is None, "the watch ended before it began"
        yield p
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


@contextlib.contextmanager
def locked(c, message, *target):
    out = tctl(c, "lock", *target, f"--message={message}").stdout
    name = out.split('"')[1]
    try:
        yield name
    finally:
        tctl(c, "rm", f"lock/{name}")


def gets_in(c, user):
    return c.ssh(user, web(c), "true", check=False).returncode == 0


def node_id(c):
    return c.call("ListResources", {"kind": "node"})["resources"][0]["node"]["metadata"]["name"]


def ends_what_is_open(c, target, said, stays, watches):
    """alice's shell (past the proxy), forward and master, and her watch at authd where the lock is
    about her."""
    with contextlib.ExitStack() as open_things:
        t = open_things.enter_context(shell(c, "alice", *direct(c)))
        f, m = (open_things.enter_context(what(c)) for what in (forward, master))
        other = open_things.enter_context(shell(c, "bob", login="root" if stays else c.login))
        w = open_things.enter_context(watch(c, "alice"))
        start = time.monotonic()
        with locked(c, "for a reason", *target):
            assert t.wait(AT_ONCE) != 0 and said in t.seen.decode(), t.seen
            shell_took = time.monotonic() - start
            f.wait(AT_ONCE)
            m.wait(AT_ONCE)
            took = time.monotonic() - start
            if watches:
                w.wait(AT_ONCE)
            else:
                assert w.poll() is None
            out = c.ssh("alice", web(c), "true", check=False)
            assert out.returncode == 255 and said in out.stderr, out
            if stays:
                lives(other)
            else:
                assert other.wait(AT_ONCE) != 0
            print(f"    {target[0]}: shell {shell_took * 1000:.0f} ms, all {took * 1000:.0f} ms "
                  "after tctl began", flush=True)
    wait_for("the lock to go", lambda: gets_in(c, "alice"))


def a_lock_on_a_user_ends_what_they_have(c):
    said = "user 'alice' is locked: for a reason"
    ends_what_is_open(c, ["--user=alice"], said, stays=True, watches=True)
    with locked(c, "for a reason", "--user=alice"):
        for out in (c.tsh("alice", "ls", check=False), c.log_in("alice", check=False)):
            assert out.returncode != 0 and said in out.stderr, out


def a_lock_on_a_role_ends_what_its_holders_have(c):
    said = "role 'dev' is locked: for a reason"
    ends_what_is_open(c, ["--role=dev"], said, stays=True, watches=True)
    with locked(c, "for a reason", "--role=dev"):
        for out in (c.tsh("alice", "ls", check=False), c.log_in("alice", check=False)):
            assert out.returncode != 0 and said in out.stderr, out


def a_lock_on_a_login_ends_it_for_everybody_and_nothing_else(c):
    ends_what_is_open(c, [f"--login={c.login}"], f"login '{c.login}' is locked: for a reason",
                      stays=True, watches=False)


def a_lock_on_a_node_ends_everything_there(c):
    said = f"node '{node_id(c)}' is locked: for a reason"
    ends_what_is_open(c, ["--node=web-1"], said, stays=False, watches=False)
    wait_for("the node", lambda: gets_in(c, "bob"))


def all_targets_of_a_lock_must_match(c):
    with shell(c) as t, shell(c, "bob") as other:
        with locked(c, "both", "--user=alice", "--login=nobody"):
            with locked(c, "him", "--user=bob", f"--login={c.login}"):
                assert other.wait(AT_ONCE) != 0
            lives(t)
            assert gets_in(c, "alice")


def a_lock_that_runs_out_is_gone(c):
    tctl(c, "lock", "--user=alice", "--ttl=3s")
    wait_for("the lock", lambda: not gets_in(c, "alice"))
    wait_for("its end", lambda: gets_in(c, "alice"))
    wait_for("no record", lambda: not c.call("ListResources", {"kind": "lock"}).get("resources"))


# --- settings ------------------------------------------------------------------------------------


def put(c, kind, spec):
    c.call("PutResource", {"replace": True, "resource": {kind: {"spec": spec}}})


def starts(c):
    return c.audit("session.start")


def one_session(c, mode):
    """A shell that begins when this is said to be recorded, and has ended; its id."""
    def tried():
        before = len(starts(c))
        with shell(c) as t:
            t.type("exit 0\n")
            t.wait()
        wait_for("its event", lambda: len(starts(c)) > before)
        return starts(c)[-1]
    seen = []
    wait_for(f"mode {mode}", lambda: (seen.append(tried()),
                                      seen[-1]["session_recording"] == mode)[1])
    sid = seen[-1]["sid"]
    wait_for("its end", lambda: [e for e in c.audit("session.end") if e["sid"] == sid])
    return sid


def has_recording(c, sid):
    """Whether authd has it: it comes beside the events, and maybe after them."""
    spec = c.call("GetResource", {"kind": "session", "name": sid})["session"]["spec"]
    return spec.get("recorded")


def what_is_recorded_is_a_setting(c):
    put(c, "session_recording_config", {"mode": "off"})
    unseen = one_session(c, "off")
    put(c, "session_recording_config", {"mode": "node-sync"})
    seen = one_session(c, "node-sync")
    tctl(c, "rm", "recording_config")
    seen_too = one_session(c, "node")
    for sid in seen, seen_too:
        wait_for("its recording", lambda: has_recording(c, sid))
    assert not has_recording(c, unseen)


def silence_is_bounded_by_the_cluster_too(c):
    with shell(c) as t:
        put(c, "cluster_networking_config", {"client_idle_timeout": "2s",
                                             "idle_timeout_message": "You fell asleep."})
        t.wait(AT_ONCE)
        assert b"You fell asleep." in t.seen, t.seen
    tctl(c, "rm", "netconfig")


def a_client_that_gives_no_sign_of_life_is_given_up(c):
    put(c, "cluster_networking_config", {"keep_alive_interval": "1s", "keep_alive_count_max": 1})
    before = logins_so_far(c)
    with background(c, *direct(c)) as p:
        proven(c, before + 1)
        p.send_signal(signal.SIGSTOP)
        conn = re.findall(r'event="logged in" user=alice .* conn=(\S+)', c.noded.text())[-1]
        kept = glob.glob(c.path("noded*", "**", "connections", conn + "*"), recursive=True)
        assert kept, "noded keeps no record of the connection"
        wait_for("its end", lambda: not os.path.exists(kept[0]), 60)
        p.send_signal(signal.SIGCONT)
        p.wait(AT_ONCE)
    tctl(c, "rm", "netconfig")


def the_cluster_can_end_connections_with_certificates(c):
    c.role("brief", {"logins": [c.login], "node_labels": ANYWHERE},
           options={"max_session_ttl": "12s"})
    c.user("brie", ["brief"])
    c.log_in("brie")
    put(c, "cluster_auth_preference", {"disconnect_expired_cert": True})
    with shell(c, "brie") as t:
        assert t.wait(30) != 0 and "Client certificate expired at" in t.seen.decode(), t.seen
    tctl(c, "rm", "cap")


def who_may_log_in_and_for_how_long_are_settings(c):
    put(c, "cluster_auth_preference", {"default_session_ttl": "90m"})
    before = time.time()
    c.log_in("bob")
    ends = c.call("ListResources", {"kind": "user"}) and tsh_status_until(c, "bob")
    assert 85 * 60 < ends - before < 95 * 60, ends - before
    put(c, "cluster_auth_preference", {"allow_local_auth": False})
    out = c.log_in("bob", check=False)
    assert out.returncode != 0 and "does not let local users log in" in out.stderr, out
    tctl(c, "rm", "cap")
    c.log_in("bob")


def tsh_status_until(c, user):
    who = callers.of_user(c, user)
    out = run("openssl", "x509", "-in", who.certificate, "-noout", "-enddate").stdout
    return int(run("date", "-d", out.split("=")[1].strip(), "+%s").stdout)


def users_and_nodes_may_not_change_settings(c):
    for user in ("alice", "bob"):
        who = callers.of_user(c, user)
        for kind in ("cluster_auth_preference", "session_recording_config",
                     "cluster_networking_config"):
            out = run("curl", "-s", "--http1.1", "--cacert", c.ca, "--cert", who.certificate,
                      "--key", who.key, "-H", "content-type: application/json", "-d",
                      '{"replace": true, "resource": {"%s": {}}}' % kind,
                      f"https://127.0.0.1:{c.authd_port}/v1/PutResource").stdout
            assert "access denied" in out, out
    name = str(uuid.uuid4())
    who = callers.of_user(c, "alice")
    out = run("curl", "-s", "--http1.1", "--cacert", c.ca, "--cert", who.certificate, "--key",
              who.key, "-H", "content-type: application/json", "-d",
              '{"resource": {"lock": {"metadata": {"name": "%s"}, "spec": {"target": {"user": '
              '"bob"}}}}}' % name, f"https://127.0.0.1:{c.authd_port}/v1/PutResource").stdout
    assert "access denied" in out, out


if __name__ == "__main__":
    story([
        a_lock_on_a_user_ends_what_they_have, a_lock_on_a_role_ends_what_its_holders_have,
        a_lock_on_a_login_ends_it_for_everybody_and_nothing_else,
        a_lock_on_a_node_ends_everything_there, all_targets_of_a_lock_must_match,
        a_lock_that_runs_out_is_gone, what_is_recorded_is_a_setting,
        silence_is_bounded_by_the_cluster_too, a_client_that_gives_no_sign_of_life_is_given_up,
        the_cluster_can_end_connections_with_certificates,
        who_may_log_in_and_for_how_long_are_settings, users_and_nodes_may_not_change_settings,
    ], setup=set_up)
