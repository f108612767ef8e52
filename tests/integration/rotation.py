"""A rotation of the cluster's authorities, with people at work in each phase."""

import json
import re
import shutil
import uuid

import yaml

from cluster import BUILD, run, story, wait_for
from terminal import Terminal

PHASES = ("init", "update_clients", "update_servers", "standby")
TYPES = ("user", "host")


# --- the administrator ---------------------------------------------------------------------------


def tctl(c, *argv, check=True):
    return run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), *argv, check=check)


def rotate(c, phase, *argv):
    return tctl(c, "auth", "rotate", "--manual", f"--phase={phase}", *argv)


def authority(c, kind):
    return c.call("GetResource", {"kind": "cert_authority", "sub_kind": kind,
                                  "name": "example"})["cert_authority"]["spec"]


def phase(c, kind="host"):
    return authority(c, kind)["rotation"]["phase"]


def stragglers(c):
    return c.call("GetRotation", {}).get("stragglers", [])


def followed(c, wanted):
    """Both authorities stand there, and all hosts have come."""
    assert [phase(c, kind) for kind in TYPES] == [wanted] * 2
    wait_for(f"the hosts to reach {wanted}", lambda: not stragglers(c))


def step(c, wanted):
    rotate(c, wanted)
    followed(c, wanted)


# --- people --------------------------------------------------------------------------------------


def web(c):
    return f"{c.login}@web-1"


def works(c, user):
    return "it works" in c.ssh(user, web(c), "echo it works").stdout


def works_anew(c):
    """For somebody who logs in only now."""
    name = "p" + uuid.uuid4().hex[:8]
    c.user(name, ["dev"])
    c.pin = c.call("Ping", {})["ca_pins"][0]
    c.log_in(name)
    return works(c, name)


class Shell(Terminal):
    """An interactive session that was opened at some time, and stays."""

    def __init__(self, c, user):
        super().__init__(c.ssh_argv(user, "-tt", web(c)), env=c.ssh_env(user))
        self.mark = 0
        self.lives()

    def lives(self):
        self.mark += 1
        self.type(f"echo alive$(({self.mark}+0))\n")
        self.expect(f"alive{self.mark}\r\n")


def sleeper(c, name="sleeper"):
    """Somebody who has logged in before, and does nothing to hear of a rotation."""
    c.user(name, ["dev"])
    c.log_in(name)
    return name


def refused(c, user):
    out = c.ssh(user, web(c), "true", check=False)
    assert out.returncode == 255 and "log in again" in out.stderr, out
    return out.stderr


# --- tests ---------------------------------------------------------------------------------------


def a_whole_rotation_ends_no_session(c):
    old = sleeper(c)
    shells = [Shell(c, old)]
    before = [authority(c, kind)["active_keys"] for kind in TYPES]
    for wanted in PHASES[:3]:
        step(c, wanted)
        c.tsh(old, "ls")  # hears of the hosts' next keys; the login stays what it is
        assert works(c, old), wanted
        assert works_anew(c), wanted
        shells.append(Shell(c, old))
        for shell in shells:
            shell.lives()
    step(c, "standby")
    for shell in shells:
        shell.lives()
        shell.type("exit\n")
        assert shell.wait() == 0
    assert works_anew(c)
    refused(c, old)
    for kind, was in zip(TYPES, before):
        now = authority(c, kind)
        assert "additional_trusted_keys" not in now and now["rotation"]["last_rotated"]
        for form in ("ssh", "tls"):
            assert now["active_keys"][form] != was[form]


def a_rollback_is_possible_from_each_phase(c):
    old = sleeper(c, "patient")
    key = authority(c, "host")["active_keys"]["ssh"]
    for last in range(3):
        for wanted in PHASES[:last + 1]:
            step(c, wanted)
        during = "d" + uuid.uuid4().hex[:8]
        c.user(during, ["dev"])
        c.log_in(during)
        shell = Shell(c, during)
        step(c, "rollback")
        assert works(c, old) and works(c, during), PHASES[last]
        step(c, "standby")
        shell.lives()
        shell.type("exit\n")
        assert works(c, old)
        if last > 0:  # signed by the key that was given up
            refused(c, during)
    assert authority(c, "host")["active_keys"]["ssh"] == key


def authd_comes_back_in_each_phase(c):
    old = sleeper(c, "steady")
    shell = Shell(c, old)
    for wanted in PHASES:
        rotate(c, wanted)
        c.authd.kill()
        c.authd.start()
        followed(c, wanted)
        shell.lives()
    assert works_anew(c)


def the_clock_turns_all_phases_within_the_grace_period(c):
    """One of both only, and over a death of authd."""
    shell = Shell(c, sleeper(c, "timely"))
    kept = authority(c, "user")["active_keys"]
    out = tctl(c, "auth", "rotate", "--type=host", "--grace-period=4s").stdout
    assert "phase init, update_clients at" in out, out
    wait_for("the second phase", lambda: phase(c) == "update_clients")
    c.authd.kill()
    c.authd.start()
    wait_for("the end", lambda: phase(c) == "standby")
    wait_for("all hosts", lambda: not stragglers(c))
    shell.lives()
    assert works_anew(c)
    assert authority(c, "user")["active_keys"] == kept
    done = [e["action"] for e in c.audit("cert_authority.rotate") if e["method"] == "auto"]
    assert done == list(PHASES), done


# --- who is left behind --------------------------------------------------------------------------


def second_node(c):
    """A node without a root half: known to the cluster, and that is all."""
    c.folder("noded2", c.node_user)
    c.folder("noded2-run", c.node_user, 0o711)
    port = c.free_port()
    c.write("noded2.yaml", f"""\
data_dir: {c.path("noded2")}
run_dir: {c.path("noded2-run")}
root_run_dir: {c.path("nowhere")}
hostname: web-2
listen: 127.0.0.1:{port}
advertise: 127.0.0.1:{port}
auth_servers: ["127.0.0.1:{c.authd_port}"]
join: {{token_file: {c.token_file("Node")}, ca_pin: "{c.pin}"}}
""")
    node = c.add_daemon("noded2", [c.lib + "/noded", "--config", c.path("noded2.yaml")],
                        c.node_user)
    node.start()
    wait_for("web-2", lambda: "web-2" in tctl(c, "nodes", "ls").stdout)
    return node


def either_key_s_pin_joins(c):
    old = c.pin = c.call("Ping", {})["ca_pins"][0]
    step(c, "init")
    first, new = c.call("Ping", {})["ca_pins"]
    assert first == old and new != old
    for wanted, pin in (("init", new), ("update_servers", old)):
        if wanted != "init":
            step(c, "update_clients")
            step(c, wanted)
        c.pin = pin
        node = second_node(c)
        node.stop()
        forget_second_node(c)
    step(c, "standby")
    assert c.call("Ping", {})["ca_pins"] == [new]


def forget_second_node(c):
    for node in c.call("ListResources", {"kind": "node", "search": "web-2"})["resources"]:
        tctl(c, "rm", "node/" + node["node"]["metadata"]["name"])
    for name in ("noded2", "noded2-run"):
        shutil.rmtree(c.path(name))


def a_host_that_was_away_is_named_and_told_what_to_do(c):
    c.pin = c.call("Ping", {})["ca_pins"][0]
    node = second_node(c)
    node.stop()
    rotate(c, "init")
    rotate(c, "update_clients")
    wait_for("web-1 and the proxy", lambda: {s["hostname"] for s in stragglers(c)} == {"web-2"})
    out = tctl(c, "auth", "rotate", "--phase=update_servers", check=False)
    assert out.returncode == 1 and "lock out" in out.stderr and "web-2" in out.stderr, out
    assert phase(c) == "update_clients"
    rotate(c, "update_servers", "--force")
    wait_for("web-1 and the proxy", lambda: {s["hostname"] for s in stragglers(c)} == {"web-2"})
    rotate(c, "standby", "--force")
    status = tctl(c, "status").stdout
    assert re.search(r"web-2 .*host authority.*locked out, must join anew", status), status
    for form, read in ("json", json.loads), ("yaml", yaml.safe_load):
        told = read(tctl(c, "status", f"--format={form}").stdout)
        assert told["cluster_name"] == "example" and told["ca_pins"], told
        assert ("web-2", True) in [(s["hostname"], s.get("locked_out"))
                                   for s in told["rotation"]["stragglers"]], told
    node.start()
    node.wait_log("rotated while this host was away.*tctl nodes add")
    node.stop()
    forget_second_node(c)
    wait_for("nobody left behind", lambda: not stragglers(c))


if __name__ == "__main__":
    story([
        a_whole_rotation_ends_no_session, a_rollback_is_possible_from_each_phase,
        authd_comes_back_in_each_phase, the_clock_turns_all_phases_within_the_grace_period,
        either_key_s_pin_joins, a_host_that_was_away_is_named_and_told_what_to_do,
    ], authd="rotation: {spread: 200ms}\n")
