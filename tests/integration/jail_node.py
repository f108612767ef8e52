"""A node without noded: runs the real noded-root, and plays noded to it.

Node() makes accounts, keys, certificates and a configuration of its own, starts noded-root, and
answers its questions: by default everything is allowed, `principals` and `session` are functions
that a test may replace. A TCP port on loopback takes SSH connections as noded would.
"""
import array
import glob
import itertools
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import uuid

BUILD = os.environ.get("BUILD", "build")
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKET_MAX = 176 * 1024


def pack(word, fields):
    out = [word]
    for key, value in fields:
        out.append("%s=%s" % (key, value))
    return b"".join(part.encode("utf-8", "surrogateescape") + b"\0" for part in out)


def unpack(data):
    """The word, and a dict; "env" is a list."""
    parts = data.decode("utf-8", "surrogateescape").split("\0")[:-1]
    fields = {}
    for part in parts[1:]:
        key, value = part.split("=", 1)
        if key == "env":
            fields.setdefault("env", []).append(value)
        else:
            fields[key] = value
    return parts[0], fields


def run(*argv, **kw):
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, **kw)


def wait_for(what, test, seconds=60):
    """Polls a condition for which there is no event."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("timeout: " + what)

NUMBERS = itertools.count()  # of this process's nodes: no two have accounts of one name


class Node:
    def __init__(self, build=BUILD, env=None, logins=1, shell="/bin/bash", extra=""):
        if os.geteuid() != 0:
            raise SystemExit("this test starts sshd for other accounts and must be run as root")
        self.dir = tempfile.mkdtemp(prefix="pt-jail-", dir="/var/lib")
        os.chmod(self.dir, 0o755)
        self.build, self.env, self.extra = build, env or {}, extra
        tag = "pt%dx%d" % (os.getpid(), next(NUMBERS))
        self.node_user = tag + "n"
        self.logins = [tag + chr(ord("a") + i) for i in range(logins)]
        self.login = self.logins[0]
        self.accounts = []
        self.add_account(self.node_user, "/usr/sbin/nologin", home=False)
        for login in self.logins:
            self.add_account(login, shell)
        self.node_uid = pwd.getpwnam(self.node_user).pw_uid
        self.log = open(self.path("noded-root.log"), "w+b")
        self.lock = threading.Lock()
        self.root = None
        self.control = None
        self.stop = False
        self.seq = 0
        self.answers = {}
        self.told = []
        self.questions = []
        self.session_fields = {}
        self.spools = [self.path("spool")]
        self.record_exec = False
        self.line_options = "restrict,pty,port-forwarding,agent-forwarding"
        self.principals = self.allow_principals
        self.session = self.allow_session
        self.make_keys()
        self.configure()
        self.open_policy()
        self.start_root()
        self.open_port()

    # --- making it

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def add_account(self, name, shell, home=True):
        argv = ["useradd", "-s", shell, "-d", self.path("home", name)]
        os.makedirs(self.path("home"), exist_ok=True)
        run(*argv, "-m" if home else "-M", name)
        self.accounts.append(name)

    def make_keys(self):
        for name in ("user_ca", "host_ca", "host", "client"):
            run("ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", self.path(name))
        run("ssh-keygen", "-q", "-s", self.path("host_ca"), "-I", "host", "-h", "-n", "node",
            self.path("host.pub"))
        self.certify("client")
        open(self.path("revoked_keys"), "w").close()
        with open(self.path("known_hosts"), "w") as f:
            f.write("@cert-authority node " + open(self.path("host_ca.pub")).read())

    def certify(self, name, *options, ca="user_ca", principals=None, identity="alice",
                validity="-5m:+1h"):
        run("ssh-keygen", "-q", "-s", self.path(ca), "-I", identity, "-n",
            principals or ",".join(self.logins + ["root"]), "-V", validity, *options,
            self.path(name + ".pub"))

    def configure(self):
        for name in ("lib", "noded", "noded/sessions", "events", "spool", "pam", "run"):
            os.makedirs(self.path(name))
        # as /run is under systemd
        run("mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,mode=755", "run", self.path("run"))
        for name in ("noded", "noded/sessions", "events", "spool"):
            os.chown(self.path(name), self.node_uid, -1)
            os.chmod(self.path(name), 0o700)
        os.chmod(self.path("noded"), 0o755)
        for program in glob.glob(os.path.join(self.build, "noded-*")):
            shutil.copy2(program, self.path("lib"))
        self.sshd = shutil.copy2("/usr/sbin/sshd", self.path("lib", "sshd"))
        for name in glob.glob(TREE + "/systemd/pam/*"):
            shutil.copy2(name, self.path("pam"))
        # @include has no meaning but in /etc/pam.d
        text = open(self.path("pam/postern")).read()
        text = text.replace("@include ", "@include /etc/pam.d/")
        text = text.replace("/run/motd.dynamic", self.path("motd"))
        open(self.path("pam/postern"), "w").write(text)
        with open(self.path("config"), "w") as f:
            f.write("""node_user: %s
run_dir: %s
lib_dir: %s
pam_dir: %s
policy_socket: %s
sessions_dir: %s
events_dir: %s
host_keys: [%s]
host_certificates: [%s]
user_ca: %s
revoked_keys: %s
sshd: %s
%s""" % (self.node_user, self.path("run"), self.path("lib"), self.path("pam"),
         self.path("noded/policy.sock"), self.path("noded/sessions"), self.path("events"),
         self.path("host"), self.path("host-cert.pub"), self.path("user_ca.pub"),
         self.path("revoked_keys"), self.sshd, self.extra))

    def start_root(self):
        env = dict(PATH="/usr/sbin:/usr/bin:/sbin:/bin", **self.env)
        self.log_at = self.log.tell()
        self.root = subprocess.Popen([self.path("lib/noded-root"), "--config", self.path("config")],
                                     stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                     env=env, start_new_session=True)
        wait_for("noded-root", self.connect_control)

    def connect_control(self):
        """As noded's account, which noded-root asks the kernel about."""
        assert self.root.poll() is None, self.log_text()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.seteuid(self.node_uid)
        try:
            sock.connect(self.path("run/control.sock"))
        except OSError:
            sock.close()
            return False
        finally:
            os.seteuid(0)
        self.control = sock
        threading.Thread(target=self.hear_control, args=(sock,), daemon=True).start()
        return True

    # --- noded-root

    def hear_control(self, sock):
        while True:
            try:
                data = sock.recv(PACKET_MAX)
            except OSError:
                data = b""
            if not data:
                return
            word, fields = unpack(data)
            with self.lock:
                if "seq" in fields:
                    self.answers.setdefault(int(fields["seq"]), []).append((word, fields))
                else:
                    self.told.append((word, fields))

    def ask(self, word, fields, fds=(), check=True):
        with self.lock:
            self.seq += 1
            seq = self.seq
            data = pack(word, [("seq", seq)] + list(fields))
            ancillary = []
            if fds:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            self.control.sendmsg([data], ancillary)

        def answered():
            with self.lock:
                got = self.answers.get(seq, [])
                return got if got and got[-1][0] in ("ok", "error") else None
        got = wait_for("answer to " + word, answered)
        if check:
            assert got[-1][0] == "ok", got
        return got

    def list(self, kind):
        return [f for word, f in self.ask("list", []) if word == kind]

    def was_told(self, word, ident):
        with self.lock:
            return any(w == word and f["id"] == ident for w, f in self.told)

    def restart_root(self, how=signal.SIGTERM):
        self.root.send_signal(how)
        self.root.wait()
        self.control.close()
        self.start_root()

    def log_text(self):
        with open(self.path("noded-root.log"), errors="replace") as f:
            return f.read()

    def sshd_log(self):
        with open(self.path("sshd.log"), errors="replace") as f:
            return f.read()

    # --- questions

    def open_policy(self):
        self.policy = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.policy.bind(self.path("noded/policy.sock"))
        os.chown(self.path("noded/policy.sock"), self.node_uid, -1)
        os.chmod(self.path("noded/policy.sock"), 0o600)
        self.policy.listen(128)
        threading.Thread(target=self.serve_policy, daemon=True).start()

    def serve_policy(self):
        while not self.stop:
            try:
                sock, _ = self.policy.accept()
            except OSError:
                return
            threading.Thread(target=self.answer_one, args=(sock,), daemon=True).start()

    def answer_one(self, sock):
        with sock:
            cred = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            data = sock.recv(PACKET_MAX)
            if struct.unpack("3i", cred)[1] != 0 or not data:
                return
            word, fields = unpack(data)
            with self.lock:
                self.questions.append((word, fields))
            answer = self.principals(fields) if word == "principals" else self.session(fields)
            if answer:
                sock.send(pack(*answer))

    def allow_principals(self, q):
        return ("allow", [("line", "%s %s" % (self.line_options, q["login"]))])

    def allow_session(self, q):
        sid = str(uuid.uuid4())
        fields = {"sid": sid, "user": "alice", "cluster": "test", "node_id": "n1",
                  "node_name": "node", "client": "192.0.2.7 51234"}
        if q["tty"] == "1" or self.record_exec:
            fields["spool"] = self.path("spool")
        fields.update(self.session_fields)
        return ("allow", list(fields.items()) + [
            ("env", "POSTERN_SESSION_ID=" + sid), ("env", "POSTERN_USER=alice"),
            ("env", "SSH_CLIENT=192.0.2.7 51234 3022"),
            ("env", "SSH_CONNECTION=192.0.2.7 51234 192.0.2.1 3022")])

    # --- connections

    def open_port(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.sshd_log_fd = os.open(self.path("sshd.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        threading.Thread(target=self.serve_port, daemon=True).start()

    def serve_port(self):
        while not self.stop:
            try:
                sock, addr = self.listener.accept()
            except OSError:
                return
            self.start_sshd(sock, "%s %d" % addr)

    def start_sshd(self, sock, client):
        ident = "c-" + uuid.uuid4().hex[:8]
        with sock:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.seq += 1
                data = pack("start_sshd", [("seq", self.seq), ("id", ident), ("client", client)])
                self.control.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                               array.array("i", [sock.fileno(),
                                                                 self.sshd_log_fd]))])
        return ident

    # --- clients

    def ssh_options(self, key="client", agent="none"):
        return ["-F", "none", "-p", str(self.port), "-i", self.path(key),
                "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=" + agent, "-o", "BatchMode=yes",
                "-o", "UserKnownHostsFile=" + self.path("known_hosts"),
                "-o", "GlobalKnownHostsFile=none", "-o", "HostKeyAlias=node",
                "-o", "StrictHostKeyChecking=yes", "-o", "KexAlgorithms=curve25519-sha256"]

    def ssh_argv(self, *args, login=None, key="client", agent="none"):
        return ["ssh", *self.ssh_options(key, agent), "-l", login or self.login, *args]

    def ssh(self, *args, login=None, key="client", timeout=60, **kw):
        """`ssh OPTIONS 127.0.0.1 COMMAND`; "--" in args stands for the host."""
        args = ["127.0.0.1" if a == "--" else a for a in args]
        if "127.0.0.1" not in args:
            args = ["127.0.0.1"] + args
        return subprocess.run(self.ssh_argv(*args, login=login, key=key), capture_output=True,
                              timeout=timeout, **kw)

    def home(self, login=None):
        return self.path("home", login or self.login)

    # --- what is left of a session

    def events(self):
        out = {}
        for name in glob.glob(self.path("events/*.end")):
            with open(name, "rb") as f:
                word, fields = unpack(f.read())
            assert word == "end"
            out[fields["sid"]] = fields
        return out

    def end_of(self, sid):
        return wait_for("end of " + sid, lambda: self.events().get(sid))

    def last_sid(self):
        with self.lock:
            return self.last

    def recordings(self):
        return sorted(sum((glob.glob(s + "/*.rec") for s in self.spools), []),
                      key=os.path.getctime)

    # --- ending

    def close(self, keep=False):
        self.stop = True
        for sock in (self.listener, self.policy):
            sock.close()
        for kind in ("sessions", "conn"):
            for name in glob.glob(self.path("run", kind, "*")):
                try:
                    pid = int(unpack(open(name, "rb").read())[1]["pid"])
                    if pid != os.getpid():  # who said "opened" to a node that believes everybody
                        os.kill(pid, signal.SIGTERM)
                except (OSError, KeyError, ValueError):
                    pass
        if self.root.poll() is None:
            self.root.terminate()
            self.root.wait()
        for name in self.accounts:
            self.remove_account(name)
        for name in ("run/agents", "run"):
            subprocess.run(["umount", "-l", self.path(name)], capture_output=True)
        os.close(self.sshd_log_fd)
        if keep:
            print("kept: " + self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def remove_account(self, name):
        """Only processes of an account that we made are killed. A container may use its number."""
        uid, here = pwd.getpwnam(name).pw_uid, os.readlink("/proc/self/ns/pid")
        for _ in range(50):
            left = 0
            for stat in glob.glob("/proc/[0-9]*"):
                try:
                    if os.stat(stat).st_uid == uid and os.readlink(stat + "/ns/pid") == here:
                        os.kill(int(stat[6:]), signal.SIGKILL)
                        left += 1
                except OSError:
                    pass
            if left == 0:
                break
            time.sleep(0.05)
        subprocess.run(["userdel", "-f", name], capture_output=True)
