"""What a user of a plain sshd expects, with the stock clients."""
import hashlib
import os
import pwd
import re
import socket
import subprocess
import threading
import uuid

import jail_node
from jail_node import wait_for
from jail_story import ended, frames, recorded, run_all
from ports import free_port
from terminal import Terminal

node = jail_node.Node(logins=2)
PROMPT = r"\$ (\x1b\[K)?$"


def terminal(*args, **kw):
    return Terminal(node.ssh_argv("-tt", *args, "127.0.0.1", **kw))


def sha(data):
    return hashlib.sha256(data).hexdigest()


def exit_codes_and_signals_arrive():
    for code in (0, 1, 7, 127, 254):
        assert node.ssh("exit %d" % code).returncode == code
    assert node.ssh("kill -KILL $$").returncode == 255
    out = node.ssh("-v", "--", "kill -TERM $$")
    assert b"exit-signal" in out.stderr, out
    assert node.ssh("no-such-command").returncode == 127


def the_three_streams_are_separate_and_end():
    out = node.ssh("cat; echo err >&2; echo out", input=b"in\n")
    assert (out.stdout, out.stderr) == (b"in\nout\n", b"err\n"), out


def the_environment_is_that_of_a_login():
    out = node.ssh("-o", "SetEnv=LC_TEST=x", "--", "env; pwd; id -un; umask; ulimit -c").stdout.decode()
    home = node.home()
    for line in ("HOME=" + home, "USER=" + node.login, "LOGNAME=" + node.login, "LC_TEST=x",
                 "SHELL=/bin/bash", "SSH_CONNECTION=192.0.2.7 51234 192.0.2.1 3022",
                 "POSTERN_USER=alice", home, node.login):
        assert line in out.splitlines(), (line, out)
    assert "NODED" not in out, out


def nothing_of_ours_is_open_in_a_command():
    out = node.ssh("ls -l /proc/self/fd; grep -E 'SigBlk|SigIgn|NoNewPrivs|Seccomp:' /proc/self/status;"
                   "cat /proc/self/cgroup").stdout.decode()
    assert len(re.findall(r" -> ", out)) == 4, out  # three, and the folder that ls reads
    assert "SigBlk:\t0000000000000000" in out, out
    # but for 32 and 33, the C library's own: `make` leaves them ignored in all that it starts
    ignored = int(re.search(r"SigIgn:\t(\w+)", out)[1], 16)
    assert ignored & ~(3 << 31) == 0, out
    assert "NoNewPrivs:\t0" in out and "Seccomp:\t0" in out, out


def a_shell_on_a_terminal_is_recorded_byte_for_byte():
    t = terminal()
    t.expect(PROMPT)
    t.type("stty size; tty; echo $SSH_TTY\r")
    t.expect(r"24 80\r\n(/dev/pts/\d+)\r\n\1\r\n")
    t.resize(50, 132)
    t.type("\r")
    wait_for("the new size", lambda: (t.type("stty size\r"), t.expect(PROMPT),
                                      b"50 132" in t.seen)[-1])
    t.type("sh -c 'echo up; exec cat'\r")
    t.expect(r"[\r\n]up\r\n")  # only now it has the terminal
    t.type("\x03")
    t.expect(r"\^C\r\n")
    t.expect(PROMPT)
    t.type("seq 20000\r")
    t.expect(r"\n20000\r\n")
    t.type("exit 5\r")
    assert t.wait() == 5
    path = node.recordings()[-1]
    end = wait_for("the end frame", lambda: ended(path))
    assert (end.exit_code, end.signal) == (5, 0), end
    shown = t.seen[:t.seen.rindex(b"Connection to")] if b"Connection to" in t.seen else t.seen
    assert recorded(path) == shown, (len(recorded(path)), len(shown))
    sizes = [(f.resize.columns, f.resize.rows) for f in frames(path) if f.HasField("resize")]
    assert (132, 50) in sizes, sizes
    start = frames(path)[0].start
    assert (start.user, start.login, start.terminal) == ("alice", node.login, True), start
    event = node.end_of(start.session_id)
    assert (event["exit"], event["kind"], event["sent"]) == ("5", "shell", str(len(shown))), event


def motd_is_shown_to_shells_only():
    with open(node.path("motd"), "w") as f:
        f.write("welcome to postern\n")
    t = terminal()
    t.expect("welcome to postern\r\n")
    t.expect(PROMPT)
    t.type("touch .hushlogin; exit\r")
    t.wait()
    t = terminal()
    t.expect(PROMPT)
    assert b"welcome" not in t.seen, t.seen
    t.type("rm .hushlogin; exit\r")
    t.wait()
    for tty in ("-tt", "-T"):
        assert b"welcome" not in node.ssh(tty, "--", "true").stdout


def bulk_goes_both_ways_under_rekeying():
    data = os.urandom(32 << 20)
    out = node.ssh("-o", "RekeyLimit=8M", "--", "cat", input=data)
    assert out.returncode == 0 and sha(out.stdout) == sha(data)


def a_command_is_recorded_where_noded_wants_it():
    node.record_exec = True
    try:
        data = os.urandom(4 << 20)
        out = node.ssh("cat; echo err >&2; exit 3", input=data)
    finally:
        node.record_exec = False
    assert out.returncode == 3 and sha(out.stdout) == sha(data) and out.stderr == b"err\n"
    path = node.recordings()[-1]
    end = wait_for("the end frame", lambda: ended(path))
    assert end.exit_code == 3
    assert sha(recorded(path)) == sha(data)
    assert b"".join(f.error_output for f in frames(path)) == b"err\n"


def what_goes_on_in_the_background_of_a_recorded_command_is_recorded():
    node.record_exec = True
    try:
        out = node.ssh("(read x; echo late) </dev/stdin & echo now; exit 0")
    finally:
        node.record_exec = False
    assert out.stdout in (b"now\nlate\n", b"late\nnow\n"), out
    path = node.recordings()[-1]
    wait_for("the end frame", lambda: ended(path))
    assert recorded(path) == out.stdout


def scp_copies_in_both_modes():
    source = node.path("source")
    with open(source, "wb") as f:
        f.write(os.urandom(3 << 20))
    for mode in ("-O", "-s"):
        for a, b in ((source, "%s@127.0.0.1:copy" % node.login),
                     ("%s@127.0.0.1:copy" % node.login, node.path("back"))):
            options = [o if o != "-p" else "-P" for o in node.ssh_options()]
            out = subprocess.run(["scp", mode, *options, a, b], capture_output=True)
            assert out.returncode == 0, out
        assert sha(open(source, "rb").read()) == sha(open(node.path("back"), "rb").read())


def sftp_lists_and_transfers():
    options = [o if o != "-p" else "-P" for o in node.ssh_options()]
    sent, got = node.path("sent"), node.path("got")
    with open(sent, "wb") as f:
        f.write(os.urandom(5000))
    out = subprocess.run(["sftp", *options, "-b", "-", "%s@127.0.0.1" % node.login],
                         input=b"pwd\nmkdir d\nput %s d/p\nls -l d\nget d/p %s\n"
                         % (sent.encode(), got.encode()), capture_output=True)
    assert out.returncode == 0 and node.home().encode() in out.stdout, out
    assert open(sent, "rb").read() == open(got, "rb").read()
    assert any(w == "session" and f["kind"] == "sftp" for w, f in node.questions)


def rsync_mirrors_a_tree():
    os.makedirs(node.path("tree/a/b"))
    for i in range(50):
        with open(node.path("tree/a/b/%d" % i), "wb") as f:
            f.write(os.urandom(2000))
    command = " ".join(["ssh", *node.ssh_options()])
    for a, b in ((node.path("tree/"), "%s@127.0.0.1:tree/" % node.login),
                 ("%s@127.0.0.1:tree/" % node.login, node.path("tree2/"))):
        out = subprocess.run(["rsync", "-a", "-e", command, a, b], capture_output=True)
        assert out.returncode == 0, out
    assert subprocess.run(["diff", "-r", node.path("tree"), node.path("tree2")]).returncode == 0


def git_clones_and_pushes():
    out = node.ssh("git init -q --bare repo.git")
    assert out.returncode == 0, out
    env = dict(os.environ, GIT_SSH_COMMAND=" ".join(["ssh", *node.ssh_options()]),
               GIT_CONFIG_GLOBAL="/dev/null")
    url = "%s@127.0.0.1:repo.git" % node.login
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", node.path("clone")]
    for argv in (["git", "clone", "-q", url, node.path("clone")],
                 git + ["commit", "-q", "--allow-empty", "-m", "x"],
                 git + ["push", "-q", "origin", "HEAD:main"]):
        out = subprocess.run(argv, env=env, capture_output=True)
        assert out.returncode == 0, out


def each_channel_of_a_master_is_decided_anew():
    control = node.path("master")
    master = subprocess.Popen(node.ssh_argv("-M", "-S", control, "-N", "127.0.0.1"))
    try:
        wait_for("the master", lambda: os.path.exists(control))
        outs = [subprocess.Popen(["ssh", "-S", control, "x", "echo %d; read a; exit %d" % (i, i)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE) for i in range(8)]
        for i, p in enumerate(outs):
            assert p.stdout.readline() == b"%d\n" % i
        node.session = lambda q: ("deny", [("reason", "role 'dev' has expired")])
        late = subprocess.run(["ssh", "-S", control, "x", "echo no"], capture_output=True)
        assert late.returncode == 255 and b"role 'dev' has expired" in late.stderr, late
        for i, p in enumerate(outs):
            p.communicate(b"\n")
            assert p.returncode == i
    finally:
        node.session = node.allow_session
        master.kill()  # its SIGTERM may come just before it sleeps
        master.wait()


def forwards_work_where_allowed():
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=echo_server, args=(server,), daemon=True).start()
    target = server.getsockname()[1]
    local, remote, dynamic = free_port(), free_port(), free_port()
    p = subprocess.Popen(node.ssh_argv(
        "-N", "-o", "ExitOnForwardFailure=yes", "-L", "%d:localhost:%d" % (local, target),
        "-R", "%d:127.0.0.1:%d" % (remote, target), "-D", str(dynamic), "127.0.0.1"))
    try:
        for port in (local, remote):
            assert talk(port) == b"hello", port
        with connect(dynamic) as sock:
            sock.sendall(b"\x05\x01\x00")
            assert sock.recv(2) == b"\x05\x00"
            sock.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + target.to_bytes(2, "big"))
            assert sock.recv(10)[1] == 0
            sock.sendall(b"hello")
            assert sock.recv(5) == b"hello"
    finally:
        p.kill()
        p.wait()


def connect(port):
    def attempt():
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            return None
    return wait_for("port", attempt)


def talk(port):
    with connect(port) as sock:
        sock.sendall(b"hello")
        return sock.recv(5)


def echo_server(server):
    while True:
        sock, _ = server.accept()
        threading.Thread(target=lambda s: [s.sendall(d) for d in iter(lambda: s.recv(4096), b"")],
                         args=(sock,), daemon=True).start()


def forwards_are_refused_where_not():
    node.line_options = 'restrict,pty,port-forwarding,permitlisten="127.0.0.1:1"'
    try:
        out = node.ssh("-o", "ExitOnForwardFailure=yes", "-R", "%d:127.0.0.1:1" % free_port(),
                       "--", "true")
        assert out.returncode == 255 and b"forwarding failed" in out.stderr, out
        node.line_options = "restrict,pty"
        out = node.ssh("-v", "-A", "-W", "127.0.0.1:22", "--")
        assert out.returncode == 255 and b"administratively prohibited" in out.stderr, out
    finally:
        node.line_options = "restrict,pty,port-forwarding,agent-forwarding"


def an_agent_is_forwarded():
    agent = node.path("agent")
    p = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL)
    try:
        wait_for("agent", lambda: os.path.exists(agent))
        env = dict(os.environ, SSH_AUTH_SOCK=agent)
        subprocess.run(["ssh-add", "-q", node.path("client")], env=env, check=True,
                       capture_output=True)
        argv = node.ssh_argv("-A", "127.0.0.1", "ssh-add -l", agent=agent)
        out = subprocess.run(argv, env=env, capture_output=True)
        assert out.returncode == 0 and b"ECDSA" in out.stdout, out
        node.line_options = "restrict,pty"
        out = subprocess.run(argv, env=env, capture_output=True)
        assert out.returncode != 0, out
    finally:
        node.line_options = "restrict,pty,port-forwarding,agent-forwarding"
        p.kill()
        p.wait()


def certificates_that_are_not_good_are_refused():
    for name in ("stranger", "expired", "revoked", "plain", "options"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", node.path(name)], check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", node.path("other_ca")],
                   check=True)
    node.certify("stranger", ca="other_ca")
    node.certify("expired", validity="-2h:-1h")
    node.certify("revoked", "-z", "77")
    node.certify("options", "-O", "critical:no-such-option")
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", node.path("revoked_krl"), "-s",
                    node.path("user_ca.pub"), node.path("revoked-cert.pub")], check=True)
    assert node.ssh("true", key="revoked").returncode == 0
    os.rename(node.path("revoked_krl"), node.path("revoked_keys"))
    try:
        for name in ("stranger", "expired", "revoked", "plain", "options"):
            out = node.ssh("true", key=name)
            assert out.returncode == 255 and b"Permission denied" in out.stderr, (name, out)
        assert node.ssh("true").returncode == 0
    finally:
        open(node.path("revoked_keys"), "w").close()


def what_noded_denies_or_does_not_answer_is_refused():
    try:
        for answer in (("deny", []), ("allow", []), ("allow", [("line", "restrict nobody")]),
                       ("allow", [("line", "a\nrestrict %s" % node.login)]), None):
            node.principals = lambda q, a=answer: a
            assert node.ssh("true").returncode == 255, answer
        node.principals = node.allow_principals
        for answer in (("allow", []), ("what", [("sid", str(uuid.uuid4()))]), None,
                       ("allow", [("sid", "../../x"), ("user", "alice")])):
            node.session = lambda q, a=answer: a
            out = node.ssh("echo in")
            assert out.returncode == 255 and b"in\n" not in out.stdout, (answer, out)
    finally:
        node.principals, node.session = node.allow_principals, node.allow_session


def an_account_with_an_odd_shell_gets_it():
    shell = node.path("odd-shells", "my shell-2.0")
    os.makedirs(os.path.dirname(shell))
    os.symlink("/bin/bash", shell)
    login = node.logins[1]
    subprocess.run(["usermod", "-s", shell, login], check=True)
    out = node.ssh("echo $0; echo $SHELL", login=login)
    assert out.stdout.decode().splitlines()[-1] == shell, out
    for bad in ("/etc/passwd", "relative", "/bin/../bin/bash"):
        subprocess.run(["usermod", "-s", bad, login], capture_output=True)
        if pwd.getpwnam(login).pw_shell == bad:
            assert node.ssh("echo in", login=login).returncode == 255, bad
    subprocess.run(["usermod", "-s", "/bin/sh", login], check=True)
    assert node.ssh("echo $0", login=login).stdout == b"sh\n"


def root_mounts_are_seen_by_the_machine_and_sudo_works():
    rules = "/etc/sudoers.d/" + node.login
    with open(rules, "w") as f:
        f.write("%s ALL=(ALL) NOPASSWD: ALL\n" % node.login)
    os.chmod(rules, 0o440)
    os.makedirs(node.path("mnt"))
    try:
        out = node.ssh("sudo -n id -u; sudo -n mount -t tmpfs seen-by-all " + node.path("mnt"))
        assert out.stdout == b"0\n", out
        assert node.path("mnt") in open("/proc/mounts").read()
    finally:
        os.unlink(rules)
        subprocess.run(["umount", node.path("mnt")], capture_output=True)


def an_account_that_has_expired_is_refused_even_for_forwards():
    subprocess.run(["usermod", "-e", "1970-01-02", node.login], check=True)
    try:
        for argv in (["true"], ["-W", "127.0.0.1:%d" % node.port, "--"]):
            out = node.ssh(*argv)
            assert out.returncode == 255 and b"SSH-2.0" not in out.stdout, out
    finally:
        subprocess.run(["usermod", "-e", "", node.login], check=True)
    subprocess.run(["passwd", "-l", node.login], check=True, capture_output=True)
    assert node.ssh("echo a locked password is none").returncode == 0


def root_may_log_in_where_noded_says_so():
    out = node.ssh("id -u; echo $HOME; echo $POSTERN_USER", login="root")
    assert out.stdout == b"0\n/root\nalice\n", out
    t = Terminal(node.ssh_argv("-tt", "127.0.0.1", "id -u; tty", login="root"))
    t.expect(r"0\r\n/dev/pts/\d+\r\n")
    assert t.wait() == 0


def limits_conf_counts_in_a_session():
    conf = "/etc/security/limits.d/%s.conf" % node.login
    with open(conf, "w") as f:
        f.write("%s hard nofile 77\n%s soft nofile 77\n%s hard fsize 0\n" % ((node.login,) * 3))
    try:
        out = node.ssh("ulimit -n; ulimit -f")
        assert out.stdout == b"77\n0\n", out
        # Where root may not lift a limit again, it shows on its own file of the end too.
        wait_for("the end", lambda: node.told[-1][0] in ("session_ended", "connection_ended"))
    finally:
        os.unlink(conf)


def twenty_logins_at_once():
    results = []
    def one(i):
        results.append(node.ssh("echo %d" % i).stdout == b"%d\n" % i)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert results == [True] * 20, results


def a_long_command_arrives_whole():
    text = "x" * 120000
    assert node.ssh("echo " + text).stdout.decode() == text + "\n"


def a_stream_out_of_a_tunnel_logs_in_without_asking_dns():
    """A socketpair instead of TCP, as tunnels give it."""
    ours, theirs = socket.socketpair()
    with ours:
        node.start_sshd(theirs, "UNKNOWN 65535")
        proxy = node.path("proxy.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(proxy)
        server.listen()
        threading.Thread(target=splice, args=(server, ours), daemon=True).start()
        out = node.ssh("-o", "ProxyUseFdpass=no", "-o",
                       "ProxyCommand=/usr/bin/python3 -c \"import socket,os,threading\n"
                       "s=socket.socket(socket.AF_UNIX);s.connect('%s')\n"
                       "def up():\n for d in iter(lambda:os.read(0,65536),b''):s.sendall(d)\n"
                       "threading.Thread(target=up,daemon=True).start()\n"
                       "for d in iter(lambda:s.recv(65536),b''):os.write(1,d)\"" % proxy,
                       "--", "echo tunnel", timeout=20)
    assert out.stdout == b"tunnel\n", out


def splice(server, other):
    sock, _ = server.accept()
    def copy(a, b):
        try:
            for data in iter(lambda: a.recv(65536), b""):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    threading.Thread(target=copy, args=(sock, other), daemon=True).start()
    copy(other, sock)


run_all([exit_codes_and_signals_arrive, the_three_streams_are_separate_and_end,
         the_environment_is_that_of_a_login, nothing_of_ours_is_open_in_a_command,
         a_shell_on_a_terminal_is_recorded_byte_for_byte, motd_is_shown_to_shells_only,
         bulk_goes_both_ways_under_rekeying, a_command_is_recorded_where_noded_wants_it,
         what_goes_on_in_the_background_of_a_recorded_command_is_recorded,
         scp_copies_in_both_modes, sftp_lists_and_transfers, rsync_mirrors_a_tree,
         git_clones_and_pushes, each_channel_of_a_master_is_decided_anew,
         forwards_work_where_allowed, forwards_are_refused_where_not, an_agent_is_forwarded,
         certificates_that_are_not_good_are_refused,
         what_noded_denies_or_does_not_answer_is_refused, an_account_with_an_odd_shell_gets_it,
         an_account_that_has_expired_is_refused_even_for_forwards,
         root_mounts_are_seen_by_the_machine_and_sudo_works, root_may_log_in_where_noded_says_so, limits_conf_counts_in_a_session,
         twenty_logins_at_once, a_long_command_arrives_whole,
         a_stream_out_of_a_tunnel_logs_in_without_asking_dns],
        node.close, lambda: node.log_text() + node.sshd_log()[-3000:])
