"""The story that tsh.sh tells: from a password to a shell, with OpenSSH's own programs."""

import json
import os
import pty
import shutil
import time

from cluster import BUILD, PASSWORD, TREE, run, story, wait_for
from plain_node import PlainNode

TSH = BUILD + "/tsh"


def refused(cluster, *argv, **kw):
    """The command must fail; what it complained of."""
    out = cluster.tsh("alice", *argv, check=False, **kw)
    assert out.returncode != 0, out.stdout
    return out.stderr


def no_trust_no_password(cluster):
    """Neither a wrong pin nor an unknown authority gets as far as a request."""
    place = [f"--proxy=127.0.0.1:{cluster.proxy_port}", "--user=alice"]
    wrong = cluster.pin[:-1] + ("0" if cluster.pin[-1] != "0" else "1")
    attempts = len(cluster.audit("user.login"))
    assert "does not hold the pin" in refused(cluster, "login", *place, "--ca-pin=" + wrong)
    assert "--ca-pin=sha256:" in refused(cluster, "login", *place)
    assert len(cluster.audit("user.login")) == attempts


def a_login_gives_certificates(cluster):
    out = cluster.log_in("alice", password="battery staple", check=False)
    assert out.returncode != 0 and "log in to" in out.stderr, out.stderr
    cluster.log_in("alice")
    status = cluster.tsh("alice", "status").stdout
    assert "dev" in status and cluster.login in status, status
    keys = os.path.join(cluster.home("alice"), ".tsh", "keys")
    for folder, _, files in os.walk(keys):
        assert os.stat(folder).st_mode & 0o777 == 0o700
        for name in files:
            path = os.path.join(folder, name)
            assert os.stat(path).st_mode & 0o777 == 0o600, path
            if name.endswith("-cert.pub"):
                assert cluster.login in run("ssh-keygen", "-Lf", path).stdout


def on_terminal(argv, after, keys, env=None, status=0):
    """Runs a program on a terminal of its own and presses keys once `after` was shown; all that
    was shown, and the seconds it took."""
    start = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, env or os.environ)
    shown = b""
    try:
        while True:
            piece = os.read(terminal, 4096)
            if not piece:
                break
            shown += piece
            if after in shown and keys:
                os.write(terminal, keys)
                keys = b""
    except OSError:  # the other end is gone
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status, shown
    return shown, time.monotonic() - start


def a_password_is_asked_for_without_echo(cluster):
    argv = [TSH, "login", f"--proxy=127.0.0.1:{cluster.proxy_port}", "--user=alice",
            f"--ca-pin={cluster.pin}"]
    env = {"HOME": cluster.home("alice"), "PATH": os.environ["PATH"]}
    shown, _ = on_terminal(argv, b"Password of", PASSWORD.encode() + b"\n", env)
    assert b"Logged in to" in shown and PASSWORD.encode() not in shown, shown
    shown, _ = on_terminal(argv, b"Password of", b"secr\x03", env, status=1)
    assert b"interrupted" in shown and b"secr\r" not in shown, shown


def nodes_are_listed(cluster):
    PlainNode(cluster, "db-1", {"env": "prod"})
    wait_for("two nodes", lambda: cluster.tsh(
        "alice", "ls", "--format=names").stdout.split() == ["db-1", "web-1"])
    table = cluster.tsh("alice", "ls").stdout.splitlines()
    assert table[0].startswith("Node Name") and "env=prod" in table[2], table
    assert cluster.tsh("alice", "ls", "--format=names", "env=test").stdout == "web-1\n"
    assert cluster.tsh("alice", "ls", "--format=names", "--search=db").stdout == "db-1\n"
    nodes = json.loads(cluster.tsh("alice", "ls", "--format=json", "env=prod").stdout)
    assert [n["spec"]["hostname"] for n in nodes] == ["db-1"], nodes
    cluster.db_id = nodes[0]["metadata"]["name"]


def tsh_ssh_and_scp_reach_nodes(cluster):
    who = cluster.login + "@"
    for name in ("web-1", "web-1.example", "env=prod", cluster.db_id):
        assert cluster.tsh("alice", "ssh", who + name, "echo here").stdout == "here\n"
    assert cluster.tsh("alice", "ssh", who + "web-1", "exit 7", check=False).returncode == 7
    source = cluster.write("file", "content\n")
    there = f"/home/{cluster.login}/there"
    cluster.tsh("alice", "scp", "-q", source, f"{who}web-1:{there}")
    cluster.tsh("alice", "scp", "-q", f"{who}web-1:{there}", cluster.path("back"))
    with open(cluster.path("back")) as f:
        assert f.read() == "content\n"


def stock_programs_need_the_block_only(cluster):
    """ssh, rsync, sftp and git, by full and by bare names."""
    login, home = ["-l", cluster.login], f"/home/{cluster.login}"
    for name in ("web-1", "web-1.example", "db-1.example"):
        assert cluster.ssh("alice", *login, name, "echo here").stdout == "here\n"
    shell = " ".join(cluster.ssh_argv("alice", *login))
    env = cluster.ssh_env("alice")
    os.mkdir(cluster.path("source"))
    shutil.copy(TSH, cluster.path("source"))
    run("rsync", "-a", "-e", shell, cluster.path("source") + "/", f"web-1:{home}/copy/", env=env)
    run("cmp", TSH, home + "/copy/tsh")
    batch = cluster.write("batch", f"ls {home}/copy\n")
    assert "tsh" in cluster.ssh("alice", "-b", batch, cluster.login + "@web-1",
                                program="sftp").stdout
    cluster.ssh("alice", *login, "web-1", f"git init -q --bare {home}/repo.git")
    run("git", "clone", "-q", f"web-1:{home}/repo.git", cluster.path("clone"),
        env={**env, "GIT_SSH_COMMAND": shell})


def an_ambiguous_name_lists_its_candidates(cluster):
    twins = [PlainNode(cluster, "twin") for _ in range(2)]
    who = cluster.login + "@"

    def complaint():
        words = refused(cluster, "ssh", who + "twin", "true")
        return words if all(t.id in words for t in twins) else None
    wait_for("both candidates", complaint)
    cluster.tsh("alice", "ssh", who + twins[0].id, "true")


def strangers_are_refused(cluster):
    assert "no node 'nowhere'" in refused(cluster, "ssh", cluster.login + "@nowhere", "true")
    assert "Permission denied" in refused(cluster, "ssh", "root@web-1", "true")
    # A node whose host certificate somebody else signed.
    false = PlainNode(cluster, "web-2")
    run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", false.path("ca"))
    run("ssh-keygen", "-q", "-s", false.path("ca"), "-I", "x", "-h", "-n", "web-2.example",
        false.path("host.pub"))
    wait_for("the false node", lambda: "web-2" in cluster.tsh("alice", "ls").stdout)
    words = cluster.ssh("alice", "-l", cluster.login, "web-2", "true", check=False).stderr
    assert "Host key verification failed" in words or "host key" in words.lower(), words


def a_recording_plays_and_obeys_keys(cluster):
    """From a file: two seconds long, unless a key says otherwise."""
    sample = os.path.join(TREE, "tests/fuzz/corpus/frame/sample")
    shown, took = on_terminal([TSH, "play", sample], b"ls", b"")
    assert b"byte\r\nlast" in shown and took > 1.9, (shown, took)
    shown, took = on_terminal([TSH, "play", sample], b"ls", b"\x1b[C")  # seek beyond the end
    assert b"byte\r\nlast" in shown and took < 1.5, (shown, took)
    shown, took = on_terminal([TSH, "play", sample], b"ls", b"q")
    assert b"byte" not in shown and took < 1.5, (shown, took)
    text = run(TSH, "play", "--format=text", sample).stdout
    assert text.startswith("$ ls\ncaf\u00e9"), text


def proxy_command_starts_fast(cluster):
    took = []
    for _ in range(10):
        start = time.monotonic()
        refused(cluster, "proxy", "ssh", cluster.login + "@nowhere.example:22")
        took.append((time.monotonic() - start) * 1000)
    print("    start to the proxy's answer: median %.1f ms" % sorted(took)[5])


def logging_out_leaves_no_key(cluster):
    cluster.tsh("alice", "logout")
    assert "not logged in" in refused(cluster, "ls")
    for _, _, files in os.walk(os.path.join(cluster.home("alice"), ".tsh", "keys")):
        assert not files, files


if __name__ == "__main__":
    story([no_trust_no_password, a_login_gives_certificates,
           a_password_is_asked_for_without_echo, nodes_are_listed,
           tsh_ssh_and_scp_reach_nodes, stock_programs_need_the_block_only,
           an_ambiguous_name_lists_its_candidates, strangers_are_refused,
           a_recording_plays_and_obeys_keys, proxy_command_starts_fast,
           logging_out_leaves_no_key], door=False)
