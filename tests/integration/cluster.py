"""A whole cluster of one's own for a story: authd, proxyd with its SSH door, one node.

Everything lives in one temporary folder, on free loopback ports, under Unix accounts that are
made for the story and removed with it. The daemons run as they would on a real machine: authd and
proxyd as one unprivileged user each, noded as another, noded-root and the sessions' root halves as
root. Wait for log lines with Daemon.wait_log(); nothing here sleeps for a fixed time.
"""

import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from ports import free_port

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(TREE, "build")))
CLUSTER = "example"
PASSWORD = "correct horse battery"


def run(*argv, check=True, **kw):
    """Runs a program to its end; its output as text."""
    out = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=120, **kw)
    if check and out.returncode != 0:
        raise AssertionError(f"{argv} exited {out.returncode}:\n{out.stdout}{out.stderr}")
    return out


def wait_for(what, test, seconds=60):
    """Polls a condition for which there is no event."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"timeout: {what}")


def remove_tree(path):
    """Removes a folder of ours, unless something is mounted in it: that would go too."""
    assert path.startswith(("/tmp/postern-story-", "/run/postern-story-")), path
    with open("/proc/self/mountinfo") as f:
        mounts = [line.split()[4] for line in f]
    assert not [m for m in mounts if m == path or m.startswith(path + "/")], f"mounts in {path}"
    shutil.rmtree(path, ignore_errors=True)


class Daemon:
    """One program of the cluster: its log, its life."""

    def __init__(self, name, argv, log, user=None, env=None):
        self.name, self.argv, self.log, self.user = name, argv, log, user
        self.env = env or {}
        self.child, self.offset = None, 0

    def start(self, ready=r"event=ready"):
        self.offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        ids = {}
        if self.user:
            # A clone may be closed to other accounts, as /root is.
            assert not self.argv[0].startswith(BUILD), f"{self.name} must run from Cluster.lib"
            entry = pwd.getpwnam(self.user)
            ids = {"user": entry.pw_uid, "group": entry.pw_gid,
                   "extra_groups": os.getgrouplist(self.user, entry.pw_gid)}
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], **self.env}, start_new_session=True, **ids)
        return self.wait_log(ready) if ready else None

    def text(self):
        with open(self.log, errors="replace") as f:
            f.seek(self.offset)
            return f.read()

    def wait_log(self, pattern, seconds=60):
        """The first match in what was logged since the start."""
        def found():
            match = re.search(pattern, self.text())
            if not match and self.child.poll() is not None:
                raise AssertionError(f"{self.name} exited {self.child.returncode}:\n{self.text()}")
            return match
        return wait_for(f"'{pattern}' in the log of {self.name}", found, seconds)

    def stop(self, how=signal.SIGTERM):
        """Ends it, however; its exit status."""
        if self.child is None:
            return None
        if self.child.poll() is None:
            self.child.send_signal(how)
        status = self.child.wait(timeout=60)
        self.child = None
        return status

    def kill(self):
        return self.stop(signal.SIGKILL)


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("authd")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Accounts:
    """Unix accounts that go when the story does."""

    def __init__(self):
        self.names = []

    def add(self, suffix, shell="/bin/bash", system=False):
        name = f"pt{os.getpid()}{suffix}"
        argv = ["useradd", "--shell", shell]
        argv += (["--system", "--no-create-home", "--home-dir", "/"] if system
                 else ["--create-home", "--home-dir", f"/home/{name}"])
        # Somebody else may hold the lock of /etc/passwd for a moment.
        wait_for(f"account '{name}'",
                 lambda: run(*argv, name, check=False).returncode in (0, 9))
        self.names.append(name)
        return name

    def remove(self):
        for name in self.names:
            for pid in self.processes(name):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            # Never `userdel --remove`: it would delete whatever the home is.
            run("userdel", "--force", name, check=False)
            shutil.rmtree(f"/home/{name}", ignore_errors=True)

    @staticmethod
    def processes(name):
        """What runs as an account that is ours alone. A container may use the same number."""
        uid, here = pwd.getpwnam(name).pw_uid, os.readlink("/proc/self/ns/pid")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if (os.stat(f"/proc/{pid}").st_uid == uid and
                        os.readlink(f"/proc/{pid}/ns/pid") == here):
                    yield int(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass


class Cluster:
    authd_hosts = ("127.0.0.1",)  # where authd listens
    node_reaches = None  # what noded finds the cluster by; authd itself unless given
    proxy_hosts = ("127.0.0.1",)  # the addresses of the proxy, which people use by the first

    def __init__(self, door=True, authd="", proxyd="", noded="", env=None, name=CLUSTER, tag=""):
        """Of several clusters in one story each has a name, and a tag of a letter for accounts."""
        assert os.getuid() == 0, "this story makes Unix accounts and must be run as root"
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="postern-story-")
        os.chmod(self.dir, 0o711)
        self.accounts = Accounts()
        # sshd wants no folder above its helpers that others may write to, as /tmp is.
        self.root_run = f"/run/postern-story-{os.getpid()}{tag}"
        self.daemons = []
        self.extra = {"authd": authd, "proxyd": proxyd, "noded": noded}
        self.env = env or {}  # of daemons, by their names
        self.service = self.accounts.add(tag + "s", "/usr/sbin/nologin", system=True)
        self.node_user = self.accounts.add(tag + "n", "/usr/sbin/nologin", system=True)
        self.login = self.accounts.add(tag + "u")
        self.door_user = None
        self.lib = self.make_lib()
        if door:
            self.door_user = self.accounts.add(tag + "d", self.lib + "/proxyd-connect", system=True)

    # --- putting it up -----------------------------------------------------------------------

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def folder(self, name, user, mode=0o700):
        path = self.path(name)
        os.mkdir(path, mode)
        os.chmod(path, mode)
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def make_lib(self):
        """The daemons where any account may execute them, as it could not below /root."""
        lib = self.path("lib")
        os.mkdir(lib, 0o755)
        for name in os.listdir(BUILD):
            if name.split("-")[0] in ("authd", "noded", "proxyd", "tunneld", "kubeproxyd"):
                shutil.copy(os.path.join(BUILD, name), lib)
        return lib

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), 0o644)
        return self.path(name)

    def add_daemon(self, name, argv, user=None, env=None):
        env = {**(env or {}), **self.env.get(name, {})}
        daemon = Daemon(name, argv, self.path(name + ".log"), user, env)
        self.daemons.append(daemon)
        return daemon

    def start(self):
        self.start_authd()
        self.start_proxyd()
        self.start_noded()
        return self

    def start_authd(self):
        self.folder("authd", self.service)
        self.folder("run", self.service, 0o711)
        self.authd_port = self.free_port()
        self.write_authd_settings()
        self.authd = self.add_daemon(
            "authd", [self.lib + "/authd", "--config", self.path("authd.yaml")], self.service)
        self.authd.start()
        self.pin = self.call("Ping", {})["ca_pins"][0]

    def write_authd_settings(self):
        listen = json.dumps([f"{host}:{self.authd_port}" for host in self.authd_hosts])
        self.write("authd.yaml", f"""\
cluster: {{name: {self.name}}}
data_dir: {self.path("authd")}
socket: {self.path("run")}/authd.sock
socket_group: ""
listen: {listen}
public_addrs: ["127.0.0.1:{self.authd_port}"]
diag: "unix:{self.path("run")}/authd-diag.sock"
{self.extra["authd"]}""")

    def start_proxyd(self):
        self.folder("proxyd", self.service)
        self.proxy_port = self.free_port()
        door = ""
        if self.door_user:
            self.folder("door", self.service, 0o750)
            self.folder("door-run", self.door_user, 0o711)
            door = f"""\
door:
  dir: {self.path("door")}
  socket: {self.path("door-run")}/door.sock
  helper_socket: {self.path("run")}/door-helper.sock
  user: {self.door_user}
"""
        self.write("proxyd.yaml", f"""\
data_dir: {self.path("proxyd")}
hostname: localhost
public_addrs: {json.dumps([f"{host}:{self.proxy_port}" for host in self.proxy_hosts])}
listen: {"127.0.0.1" if len(self.proxy_hosts) == 1 else "0.0.0.0"}:{self.proxy_port}
auth_servers: ["127.0.0.1:{self.authd_port}"]
join: {{token_file: {self.token_file("Proxy")}, ca_pin: "{self.pin}"}}
diag_addr: "unix:{self.path("run")}/proxyd-diag.sock"
{door}{self.extra["proxyd"]}""")
        self.proxyd = self.add_daemon(
            "proxyd", [self.lib + "/proxyd", "--config", self.path("proxyd.yaml")], self.service)
        if self.door_user:
            # proxyd gives the door's files to the door's group, which it must be a member of.
            run("usermod", "-aG", self.door_user, self.service)
            self.door = self.add_daemon(
                "proxyd-door",
                [self.lib + "/proxyd-door", self.path("door-run", "door.sock"),
                 self.path("door", "sshd_config"), self.service,
                 self.path("run", "door-helper.sock")], self.door_user)
            self.door.start()
        self.proxyd.start()

    def start_noded(self):
        self.folder("noded", self.node_user)
        self.folder("noded-run", self.node_user, 0o711)
        self.write("noded-root.yaml", f"""\
node_user: {self.node_user}
run_dir: {self.root_run}
lib_dir: {self.lib}
pam_dir: {os.path.join(TREE, "systemd", "pam")}
policy_socket: {self.path("noded-run")}/policy.sock
sessions_dir: {self.path("noded-run")}/sessions
events_dir: {self.path("noded")}/events
host_keys: [{self.path("noded")}/ssh_host_ecdsa_key]
host_certificates: [{self.path("noded")}/ssh_host_ecdsa_key-cert.pub]
user_ca: {self.path("noded")}/user_ca.pub
revoked_keys: {self.path("noded")}/revoked_keys
""")
        self.write_noded_settings()
        self.noded_root = self.add_daemon(
            "noded-root",
            [self.lib + "/noded-root", "--config", self.path("noded-root.yaml")])
        self.noded = self.add_daemon(
            "noded", [self.lib + "/noded", "--config", self.path("noded.yaml")], self.node_user,
            {"NODED_DEBUG": "sshd"})
        self.noded_root.start()
        self.noded.start()
        self.noded.wait_log(r'event="cluster state is current"')
        self.noded.wait_log(r'event="noded-root is there"')
        wait_for("the node to be known", lambda: self.call(
            "ListResources", {"kind": "node"}).get("resources"))

    def write_noded_settings(self, labels="{env: test}"):
        if not hasattr(self, "node_port"):
            self.node_port = self.free_port()
            self.node_token = self.token_file("Node")
        self.write("noded.yaml", f"""\
data_dir: {self.path("noded")}
run_dir: {self.path("noded-run")}
root_run_dir: {self.root_run}
hostname: web-1
listen: 127.0.0.1:{self.node_port}
advertise: 127.0.0.1:{self.node_port}
auth_servers: ["{self.node_reaches or f"127.0.0.1:{self.authd_port}"}"]
join: {{token_file: {self.node_token}, ca_pin: "{self.pin}"}}
labels: {labels}
tunnel_agent_file: {self.path("tunneld-run")}/agent
diag_addr: "unix:{self.path("noded-run")}/diag.sock"
{self.extra["noded"]}""")

    free_port = staticmethod(free_port)

    def token_file(self, role):
        token = self.call("CreateToken", {"roles": [role]})
        path = self.write(f"token-{role}", token["token"]["metadata"]["name"])
        return path

    # --- administration ----------------------------------------------------------------------

    def request(self, method, body):
        """One JSON call as the local administrator: status, answer."""
        conn = UnixHTTP(self.path("run", "authd.sock"))
        conn.request("POST", f"/v1/{method}", json.dumps(body),
                     {"Content-Type": "application/json"})
        answer = conn.getresponse()
        text = answer.read().decode()
        conn.close()
        return answer.status, json.loads(text) if text else None

    def call(self, method, body):
        status, answer = self.request(method, body)
        assert status == 200, f"{method} answered {status}: {answer}"
        return answer

    def role(self, name, allow=None, deny=None, options=None, version="v4"):
        self.call("PutResource", {"replace": True, "resource": {"role": {
            "kind": "role", "version": version, "metadata": {"name": name},
            "spec": {"options": options or {}, "allow": allow or {}, "deny": deny or {}}}}})

    def user(self, name, roles, logins=None, password=PASSWORD, **traits):
        """A user with a password, made as an administrator and an invited person would."""
        invite = self.call("CreateUser", {"name": name, "roles": roles,
                                          "traits": {"logins": logins or [], **traits}})
        self.call("AcceptInvite", {"token": invite["token"], "password": password})

    def standard_people(self):
        """alice may be self.login on every node and see her own sessions; carol sees all."""
        self.role("dev", {"logins": [self.login], "node_labels": {"*": "*"}})
        self.user("alice", ["dev", "access"])
        self.user("carol", ["auditor"])

    def audit(self, event=None):
        """The events of the audit log so far."""
        path = self.path("authd", "audit", "events.log")
        with open(path) as f:
            events = [json.loads(line) for line in f]
        return [e for e in events if event in (None, e["event"])]

    # --- people ------------------------------------------------------------------------------

    def home(self, user):
        path = self.path("home-" + user)
        os.makedirs(path, exist_ok=True)
        return path

    def tsh(self, user, *argv, check=True, password=PASSWORD, **kw):
        env = {"PATH": os.environ["PATH"], "HOME": self.home(user), "LANG": "C.UTF-8"}
        return run(BUILD + "/tsh", *argv, check=check, env=env, input=kw.pop("input", None), **kw)

    def log_in(self, user, *options, password=PASSWORD, check=True):
        secret = self.path("home-" + user + ".password")
        self.home(user)
        with open(secret, "w") as f:
            f.write(password)
        env = {"PATH": os.environ["PATH"], "HOME": self.home(user), "TSH_PASSWORD_FILE": secret}
        out = run(BUILD + "/tsh", "login", f"--proxy=127.0.0.1:{self.proxy_port}",
                  f"--user={user}", f"--ca-pin={self.pin}", *options, check=check, env=env)
        if out.returncode == 0:
            config = self.tsh(user, "config", "--bare=web-*").stdout
            self.write(f"ssh-{user}.conf", config)
        return out

    def ssh_argv(self, user, *argv, program="ssh"):
        return [program, "-F", self.path(f"ssh-{user}.conf"), "-o", "BatchMode=yes", *argv]

    def ssh_env(self, user):
        return {"PATH": BUILD + ":" + os.environ["PATH"], "HOME": self.home(user)}

    def ssh(self, user, *argv, check=True, program="ssh", **kw):
        return run(*self.ssh_argv(user, *argv, program=program), check=check,
                   env=self.ssh_env(user), **kw)

    # --- taking it down ----------------------------------------------------------------------

    def stop(self):
        for daemon in reversed(self.daemons):
            try:
                daemon.stop()
            except subprocess.TimeoutExpired:
                daemon.kill()

    def clean(self, keep):
        self.stop()
        self.accounts.remove()
        # noded-root leaves it mounted, for sessions that outlive it.
        run("umount", self.root_run + "/agents", check=False)
        remove_tree(self.root_run)
        if keep:
            print(f"logs and files: {self.dir}")
        else:
            remove_tree(self.dir)


def story(tests, setup=None, make=Cluster, **options):
    """Runs test functions in order on one cluster; prints a line each, keeps logs on failure."""
    cluster, failed = None, []
    only = os.environ.get("F", "")
    try:
        cluster = make(**options)
        cluster.start()
        cluster.standard_people()
        if setup:
            setup(cluster)
        for test in tests:
            if not re.search(only, test.__name__):
                continue
            start = time.monotonic()
            try:
                test(cluster)
                print(f"ok    {test.__name__} ({(time.monotonic() - start) * 1000:.0f} ms)")
            except Exception:
                failed.append(test.__name__)
                print(f"FAIL  {test.__name__}\n{traceback.format_exc()}")
    except Exception:
        failed.append("start")
        traceback.print_exc()
    finally:
        if cluster:
            cluster.clean(keep=bool(failed))
    if failed:
        print(f"failed: {', '.join(failed)}\nrun again: BUILD={BUILD} {sys.argv[0]}")
    sys.exit(1 if failed else 0)
