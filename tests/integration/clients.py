"""Stock clients through the proxy: ssh, scp, sftp, rsync, git, ansible; with tsh, and without.

What only a terminal shows, and what sshd does without a proxy, is in jail_clients.py.
"""

import json
import os
import subprocess
import threading

from cluster import PASSWORD, run, story, wait_for

MEGABYTE = 1 << 20


def web(c):
    return f"{c.login}@web-1"


def random_file(c, name, size):
    path = c.path(name)
    with open(path, "wb") as f:
        f.write(os.urandom(size))
    return path


def home_of_login(c, name):
    return f"/home/{c.login}/{name}"


def same(a, b):
    with open(a, "rb") as fa, open(b, "rb") as fb:
        return fa.read() == fb.read()


def log_in_with_tsh(c):
    assert "Logged in to 'example' as 'alice'" in c.log_in("alice").stdout
    assert "web-1" in c.tsh("alice", "ls", "--format=names").stdout
    assert "web-1" in c.tsh("alice", "ls", "env=test").stdout
    assert "web-1" not in c.tsh("alice", "ls", "env=prod").stdout
    assert "alice" in c.tsh("alice", "status").stdout


def commands_give_their_output_and_exit_codes(c):
    out = c.ssh("alice", web(c), "echo out; echo err >&2; exit 42", check=False)
    assert (out.returncode, out.stdout, out.stderr) == (42, "out\n", "err\n"), out
    assert c.ssh("alice", web(c), "cat", input="from stdin").stdout == "from stdin"


def the_node_answers_to_each_of_its_names(c):
    node = c.call("ListResources", {"kind": "node"})["resources"][0]["node"]["metadata"]["name"]
    for name in ("web-1", "web-1.example"):
        assert c.ssh("alice", f"{c.login}@{name}", "id -un").stdout.strip() == c.login
    out = c.tsh("alice", "ssh", f"{c.login}@{node}", "id -un")
    assert out.stdout.strip() == c.login, out
    out = c.tsh("alice", "ssh", f"{c.login}@env=test", "id -un")
    assert out.stdout.strip() == c.login, out


def the_session_knows_the_clients_own_address(c):
    out = c.ssh("alice", web(c), "echo $SSH_CLIENT").stdout.split()
    assert out[0] == "127.0.0.1" and out[2] == str(c.node_port), out
    wait_for("the event with that port", lambda: [
        e for e in c.audit("exec") if e["addr.remote"].rsplit(":", 1)[1] == out[1]])


def scp_copies_both_ways_in_both_modes(c):
    source = random_file(c, "up", 3 * MEGABYTE)
    for mode in ([], ["-O"]):
        c.ssh("alice", *mode, source, f"{web(c)}:up", program="scp")
        assert same(source, home_of_login(c, "up"))
        c.ssh("alice", *mode, f"{web(c)}:up", c.path("down"), program="scp")
        assert same(source, c.path("down"))


def tsh_scp_is_scp(c):
    source = random_file(c, "tshup", 1000)
    c.tsh("alice", "scp", source, f"{web(c)}:tshup")
    assert same(source, home_of_login(c, "tshup"))


def sftp_lists_and_fetches(c):
    out = c.ssh("alice", "-b", "-", web(c), program="sftp",
                input=f"put {c.path('up')} viasftp\nls -l viasftp\nget viasftp {c.path('back')}\n")
    assert "viasftp" in out.stdout
    assert same(c.path("up"), c.path("back"))


def rsync_brings_a_tree(c):
    os.makedirs(c.path("tree", "sub"))
    random_file(c, "tree/a", 10000)
    random_file(c, "tree/sub/b", 20000)
    shell = " ".join(c.ssh_argv("alice"))
    run("rsync", "-a", "-e", shell, c.path("tree") + "/", f"{web(c)}:tree/",
        env=c.ssh_env("alice"))
    assert same(c.path("tree", "sub", "b"), home_of_login(c, "tree/sub/b"))


def git_clones_and_pushes_over_ssh(c):
    env = dict(c.ssh_env("alice"), GIT_SSH_COMMAND=" ".join(c.ssh_argv("alice")),
               GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
               GIT_COMMITTER_EMAIL="a@b")
    c.ssh("alice", web(c), "git init -q --bare repo.git")
    run("git", "clone", "-q", f"{web(c)}:repo.git", c.path("repo"), env=env)
    random_file(c, "repo/file", 5000)
    for argv in (["add", "file"], ["commit", "-qm", "one"], ["push", "-q", "origin", "HEAD"]):
        run("git", "-C", c.path("repo"), *argv, env=env)
    assert "one" in c.ssh("alice", web(c), "git -C repo.git log --oneline").stdout


def ansible_runs_a_module(c):
    inventory = c.write("inventory", f"web-1 ansible_user={c.login} "
                                     "ansible_python_interpreter=/usr/bin/python3\n")
    env = dict(c.ssh_env("alice"), ANSIBLE_SSH_ARGS=f"-F {c.path('ssh-alice.conf')}",
               ANSIBLE_LOCAL_TEMP=c.path("ansible"), ANSIBLE_HOST_KEY_CHECKING="True",
               LANG="C.UTF-8", LC_ALL="C.UTF-8")
    out = run("ansible", "-i", inventory, "all", "-m", "command", "-a", "id -un", env=env)
    assert f"\n{c.login}\n" in out.stdout, out.stdout
    out = run("ansible", "-i", inventory, "all", "-m", "copy", "-a",
              f"src={c.path('up')} dest=~/viaansible", env=env)
    assert same(c.path("up"), home_of_login(c, "viaansible"))


def one_master_carries_many_sessions(c):
    control = ["-S", c.path("master")]
    master = subprocess.Popen(
        c.ssh_argv("alice", *control, "-M", "-N", web(c)), env=c.ssh_env("alice"))
    try:
        wait_for("the master", lambda: os.path.exists(c.path("master")))
        outs = [None] * 6

        def one(i):
            outs[i] = c.ssh("alice", *control, web(c), f"echo {i}").stdout
        threads = [threading.Thread(target=one, args=(i,)) for i in range(6)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert outs == [f"{i}\n" for i in range(6)], outs
    finally:
        c.ssh("alice", *control, "-O", "exit", web(c), check=False)
        master.wait(timeout=60)


def a_port_is_forwarded_through_the_node(c):
    local = c.free_port()
    forward = subprocess.Popen(
        c.ssh_argv("alice", "-N", "-o", "ExitOnForwardFailure=yes",
                   "-L", f"127.0.0.1:{local}:127.0.0.1:{c.proxy_port}", web(c)),
        env=c.ssh_env("alice"))
    try:
        def ping():
            return run("curl", "-sk", f"https://127.0.0.1:{local}/v1/Ping", check=False).stdout
        assert json.loads(wait_for("the forward", ping))["cluster_name"] == "example"
    finally:
        forward.terminate()
        forward.wait(timeout=60)


def curl_and_ssh_alone_are_enough(c):
    """No tsh: a key by ssh-keygen, a certificate by curl, the door as ProxyCommand."""
    key = c.path("bare")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    with open(key + ".pub") as f:
        body = {"user": "alice", "password": PASSWORD, "ssh_public_key": f.read().strip()}
    # curl trusts the proxy by the cluster's authority, which an administrator handed out.
    authority = c.call("GetResource", {"kind": "cert_authority", "sub_kind": "host",
                                       "name": "example"})["cert_authority"]["spec"]
    ca = c.write("ca.pem", authority["active_keys"]["tls"][0]["cert"])
    out = run("curl", "-s", "--cacert", ca, "-H", "content-type: application/json", "-d", "@-",
              f"https://localhost:{c.proxy_port}/v1/Login", input=json.dumps(body))
    answer = json.loads(out.stdout)
    c.write("bare-cert.pub", answer["ssh_certificate"] + "\n")
    host_keys = [k["public_key"] for a in answer["authorities"] if a["spec"]["type"] == "host"
                 for k in a["spec"]["active_keys"]["ssh"]]
    c.write("bare-hosts", "".join(f"@cert-authority * {k}\n" for k in host_keys))
    c.write("bare.conf", f"""\
Host *
    IdentityFile {key}
    CertificateFile {key}-cert.pub
    IdentitiesOnly yes
    UserKnownHostsFile {c.path("bare-hosts")}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
Host web-1
    ProxyCommand ssh -F {c.path("bare.conf")} -p {c.proxy_port} {c.door_user}@localhost connect %h %p
""")
    argv = ["-F", c.path("bare.conf")]
    out = run("ssh", *argv, web(c), "id -un; exit 9", check=False)
    assert (out.returncode, out.stdout.strip()) == (9, c.login), out
    source = random_file(c, "viadoor", 2 * MEGABYTE)
    run("scp", *argv, source, f"{web(c)}:viadoor")
    assert same(source, home_of_login(c, "viadoor"))


def the_door_gives_no_shell_and_no_forward(c):
    argv = ["-F", c.path("bare.conf"), "-p", c.proxy_port]
    door = f"{c.door_user}@localhost"
    for command in ([], ["id"], ["connect"], ["connect", "web-1", "22", "x"]):
        out = run("ssh", *argv, door, *command, check=False)
        assert out.returncode != 0 and "proxyd-connect: no shell here" in out.stderr, out
    out = run("ssh", *argv, door, "connect", "nowhere", check=False)
    assert "no node 'nowhere' that you may reach" in out.stderr, out
    out = run("ssh", *argv, "-W", f"127.0.0.1:{c.authd_port}", door, check=False)
    assert out.returncode != 0, out


if __name__ == "__main__":
    story([
        log_in_with_tsh, commands_give_their_output_and_exit_codes,
        the_node_answers_to_each_of_its_names, the_session_knows_the_clients_own_address,
        scp_copies_both_ways_in_both_modes, tsh_scp_is_scp, sftp_lists_and_fetches,
        rsync_brings_a_tree, git_clones_and_pushes_over_ssh, ansible_runs_a_module,
        one_master_carries_many_sessions, a_port_is_forwarded_through_the_node,
        curl_and_ssh_alone_are_enough, the_door_gives_no_shell_and_no_forward,
    ])
