"""The story that tsh.sh tells: from a password to a shell, with OpenSSH's own programs."""

import json
import os
import pty
import select
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
    assert "has not proved that it holds the pin" in refused(cluster, "login", *place, "--ca-pin=" + wrong)
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


class OnTerminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, env=None):
        self.started, self.shown, self.seen = time.monotonic(), b"", 0
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(argv[0], argv, env or os.environ)

    def read(self):
        """More of what is shown; False: the program closed its terminal."""
        assert select.select([self.terminal], [], [], 20)[0], ("silence", self.shown)
        try:
            piece = os.read(self.terminal, 4096)
        except OSError:
            piece = b""
        self.shown += piece
        return piece != b""

    def wait(self, text):
        """Until `text` was shown, later than what was waited for before."""
        while self.shown.find(text, self.seen) < 0:
            assert self.read(), (text, self.shown)
        self.seen = self.shown.find(text, self.seen) + len(text)
        return self

    def type(self, keys):
        os.write(self.terminal, keys)
        return self

    def end(self, status=0):
        """Until it ends by itself; the seconds it took."""
        while self.read():
            pass
        found = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.terminal)
        assert found == status, (found, self.shown)
        return time.monotonic() - self.started


def a_password_is_asked_for_without_echo(cluster):
    argv = [TSH, "login", f"--proxy=127.0.0.1:{cluster.proxy_port}", "--user=alice",
            f"--ca-pin={cluster.pin}"]
    env = {"HOME": cluster.home("alice"), "PATH": os.environ["PATH"]}
    asked = OnTerminal(argv, env).wait(b"Password of").type(PASSWORD.encode() + b"\n")
    asked.wait(b"Logged in to").end()
    assert PASSWORD.encode() not in asked.shown, asked.shown
    asked = OnTerminal(argv, env).wait(b"Password of").type(b"secr\x03")
    asked.wait(b"interrupted").end(status=1)
    assert b"secr" not in asked.shown, asked.shown


def nodes_are_listed(cluster):
    PlainNode(cluster, "db-1", {"env": "prod"})
    wait_for("two nodes", lambda: cluster.tsh(
        "alice", "ls", "--format=names").stdout.split() == ["db-1", "web-1"])
    table = cluster.tsh("alice", "ls").stdout.splitlines()
    assert table[0].startswith("Node Name") and "env=prod" in table[2], table
    assert cluster.tsh("alice", "ls", "--format=names", "env=test").stdout == "web-1\n"
    assert cluster.tsh("alice", "ls", "--format=names", "--search=db-1").stdout == "db-1\n"
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
    """ssh, rsync, sftp, git and ansible, by full and by bare names."""
    login, home = ["-l", cluster.login], f"/home/{cluster.login}"
    for name in ("web-1", "web-1.example", "db-1.example"):
        assert cluster.ssh("alice", *login, name, "echo here").stdout == "here\n"
    shell = " ".join(cluster.ssh_argv("alice", *login))
    env = cluster.ssh_env("alice")
    os.mkdir(cluster.path("source"))
    shutil.copy(TSH, cluster.path("source"))
    run("rsync", "-a", "-e", shell, cluster.path("source") + "/", f"web-1:{home}/copy/", env=env)
    run("cmp", TSH, home + "/copy/tsh")
    pong = run("ansible", "all", "-i", "web-1,", "-u", cluster.login, "-m", "ping", env={
        **env, "ANSIBLE_SSH_ARGS": "-o ControlMaster=no -F " + cluster.path("ssh-alice.conf")})
    assert '"ping": "pong"' in pong.stdout, pong.stdout
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


def a_file_plays_and_obeys_keys(cluster):
    """It lasts two seconds, unless a key says otherwise."""
    sample = os.path.join(TREE, "tests/fuzz/corpus/frame/sample")
    assert OnTerminal([TSH, "play", sample]).wait(b"byte\r\nlast").end() > 1.9
    beyond = OnTerminal([TSH, "play", sample]).wait(b"ls").type(b"\x1b[C")
    assert beyond.wait(b"byte\r\nlast").end() < 1.5
    left = OnTerminal([TSH, "play", sample]).wait(b"ls").type(b"q")
    assert left.end() < 1.5 and b"byte" not in left.shown, left.shown
    assert run(TSH, "play", "--format=text", sample).stdout.startswith("$ ls\ncaf\u00e9")


def a_live_session_is_joined(cluster):
    """An observer sees, a peer types, everybody is told, and it plays afterwards."""
    cluster.user("bob", ["dev", "access"])
    cluster.log_in("bob")
    env = {"HOME": cluster.home("bob"), "PATH": os.environ["PATH"], "TERM": "dumb"}
    shell = OnTerminal([TSH, "ssh", "-tt", cluster.login + "@web-1"], env)
    shell.wait(b"$ ").type(b"echo fir''st\n").wait(b"\nfirst")
    sid = wait_for("the session", lambda: cluster.tsh(
        "bob", "sessions", "ls", "--format=names").stdout.strip())
    observer = OnTerminal([TSH, "join", sid], env).wait(b"joined as observer")
    peer = OnTerminal([TSH, "join", "--mode=peer", sid], env).wait(b"joined as peer")
    shell.wait(b"bob joined the session as peer")
    observer.type(b"echo un''heard\n")
    peer.wait(b"\nfirst").type(b"echo sec''ond\n")
    for terminal in (shell, observer, peer):
        terminal.wait(b"\nsecond")
    player = OnTerminal([TSH, "play", sid], env).wait(b"\nsecond")
    left = OnTerminal([TSH, "play", sid], env).wait(b"\nsecond").type(b"q")
    left.end()
    observer.type(b"~.").end()
    shell.wait(b"bob left the session").type(b"echo th''ird\n").wait(b"\nthird")
    player.wait(b"\nthird")
    shell.type(b"exit 5\n").end(status=5)
    player.end()
    peer.wait(b"the session ended with code 5").end()
    assert b"unheard" not in shell.shown, shell.shown
    wait_for("its end", lambda: "live" not in cluster.tsh("bob", "sessions", "ls").stdout)

    def played():
        out = cluster.tsh("bob", "play", "--format=text", sid, check=False)
        return out.stdout if not out.stderr else None
    text = wait_for("the whole recording", played)
    assert "\nfirst\n" in text and "\nsecond\n" in text, text
    frames = [json.loads(line) for line in cluster.tsh(
        "bob", "play", "--format=json", sid).stdout.splitlines()]
    assert frames[-1]["end"]["exit_code"] == 5, frames[-1]
    assert [f["participant"]["mode"] for f in frames if "participant" in f and
            f["participant"].get("joined")].count("peer") == 1
    cast = cluster.tsh("bob", "play", "--format=asciicast", sid).stdout.splitlines()
    assert json.loads(cast[0])["version"] == 2 and all(json.loads(line) for line in cast)


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
           a_file_plays_and_obeys_keys, a_live_session_is_joined,
           proxy_command_starts_fast, logging_out_leaves_no_key], door=False)
