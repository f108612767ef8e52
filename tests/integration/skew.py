"""Clocks that are two minutes off, by Debian's libfaketime."""

import glob
import os
import re

from cluster import BUILD, run, story, wait_for

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
SLACK = "5m"


def clock(seconds):
    """The environment of a program whose clock is so far off; it waits as others do."""
    return {"LD_PRELOAD": FAKETIME[0], "FAKETIME": f"{seconds:+d}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


def tsh(c, seconds, *argv):
    env = {"PATH": os.environ["PATH"], "HOME": c.home("alice"),
           "TSH_PASSWORD_FILE": c.path("home-alice.password"), **clock(seconds)}
    return run(BUILD + "/tsh", *argv, check=False, env=env)


def log_in(c, seconds):
    return tsh(c, seconds, "login", f"--proxy=127.0.0.1:{c.proxy_port}", "--user=alice",
               f"--ca-pin={c.pin}")


def ssh(c, seconds):
    return run(*c.ssh_argv("alice", f"{c.login}@web-1", "echo hello"), check=False,
               env={**c.ssh_env("alice"), **clock(seconds)})


def the_node_knows_how_far_its_clock_is_off(c):
    def skew():
        node = c.call("ListResources", {"kind": "node"})["resources"][0]["node"]
        return int(node["spec"].get("clock_skew", 0))
    wait_for("the node's word", skew)
    assert -125000 < skew() < -115000, skew()


def who_is_two_minutes_off_is_served_and_told(c):
    assert c.log_in("alice").returncode == 0
    assert c.ssh("alice", f"{c.login}@web-1", "echo hello").stdout == "hello\n"
    for seconds, words in ((-120, "behind"), (120, "ahead of")):
        out = log_in(c, seconds)
        told = re.search(r"clock is (1m5\ds|2m\ds) " + words, out.stderr)
        assert out.returncode == 0 and told, out
        out = tsh(c, seconds, "ls")
        assert out.returncode == 0 and "web-1" in out.stdout, out
        out = ssh(c, seconds)
        assert (out.returncode, out.stdout) == (0, "hello\n"), out


def who_is_further_off_learns_what_is_wrong(c):
    for out in (log_in(c, -600), tsh(c, -600, "ls"), ssh(c, -600)):
        assert out.returncode != 0 and "is not valid before" in out.stderr, out
        assert "(it is " in out.stderr, out
    out = log_in(c, 13 * 3600)  # past the end of every certificate that it will be given
    assert re.search(r"clock is (12h59m5\ds|13h0m\ds) ahead of", out.stderr), out
    assert "may look expired" in out.stderr, out


story([the_node_knows_how_far_its_clock_is_off, who_is_two_minutes_off_is_served_and_told,
       who_is_further_off_learns_what_is_wrong], door=False, authd=f"certs: {{backdate: {SLACK}}}\n",
      env={"noded": clock(-120), "proxyd": clock(120)})
