"""The story of a machine on which Postern was installed, told from inside: systemd is process 1.

tests/integration/systemd.sh makes the machine and installs the files. Here the units are started
with the example settings, a user logs in, and what a session sees is compared with what it sees
under Debian's own sshd on the same machine. Nothing sleeps for a fixed time.
"""

import json
import os
import pwd
import re
import select
import signal
import subprocess
import sys
import time
import traceback

from cluster import PASSWORD, UnixHTTP, run, wait_for

UNITS = ["authd", "proxyd-door", "proxyd", "noded-root", "noded"]
PROXY = "localhost:3080"
SANDBOXED = [unit for unit in UNITS if unit != "noded-root"]
SOCKET = "/run/postern/authd/authd.sock"
EXAMPLES = "/usr/share/doc/postern/examples"
LOGIN = "worker"   # the Unix account on the node
PERSON = "alice"   # the user of the cluster, who happens to have an account here too


def systemctl(*argv, check=True):
    return run("systemctl", *argv, check=check)


def journal(unit):
    return run("journalctl", "--no-pager", "-o", "cat", "-u", unit, check=False).stdout


class Shell:
    """An interactive shell that stays open."""

    def __init__(self, argv, env):
        self.name = argv[0]
        self.text = ""
        self.child = subprocess.Popen(argv, env=env, user=PERSON, group=PERSON, extra_groups=[],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)

    def ask(self, command):
        """Types a command; what it printed. The marks are computed so that no echo counts."""
        mark = f"{time.monotonic_ns()}"
        self.type(f"printf '%s%s\\n' '<' {mark}; {command}; printf '%s%s\\n' {mark} '>'\n")
        return self.expect(f"<{mark}(.*){mark}>").group(1).replace("\r", "").strip("\n")

    def type(self, text):
        self.child.stdin.write(text.encode())
        self.child.stdin.flush()

    def expect(self, pattern, seconds=20):
        """Reads on until the pattern came; forgets what was up to there."""
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.text, re.DOTALL)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
                raise AssertionError(f"the shell does not answer:\n{self.text}")
            more = os.read(self.child.stdout.fileno(), 65536)
            if not more:
                raise AssertionError(f"the shell ended:\n{self.text}")
            self.text += more.decode(errors="replace")
        self.text = self.text[match.end():]
        return match

    def close(self):
        if self.child.poll() is None:
            self.type("exit\n")
        self.child.stdin.close()
        self.child.wait(timeout=60)


class Machine:
    def __init__(self):
        self.home = f"/home/{PERSON}"
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8"}

    # --- setting it up -----------------------------------------------------------------------

    def start(self):
        self.choose_ids()
        run("systemd-sysusers")
        run("systemd-tmpfiles", "--create")
        systemctl("daemon-reload")
        self.make_accounts()
        self.start_plain_sshd()
        self.start_authd()
        self.start_proxyd()
        self.start_noded()
        self.log_in()

    @staticmethod
    def choose_ids():
        """Ids that no account outside of the container has, nor the processes of other tests."""
        with open("/etc/login.defs", "a") as f:
            for kind in ("UID", "GID"):
                f.write(f"SYS_{kind}_MIN 300\nSYS_{kind}_MAX 399\n{kind}_MIN 58100\n")

    def make_accounts(self):
        for name in (LOGIN, PERSON):
            run("useradd", "--create-home", "--shell", "/bin/bash", name)
        self.write("/etc/sudoers.d/worker", f"{LOGIN} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
        self.write("/etc/security/limits.d/worker.conf",
                   f"{LOGIN} hard nofile 4321\n{LOGIN} soft nofile 1234\n{LOGIN} - core 0\n")

    def start_plain_sshd(self):
        """What sessions are compared with: Debian's own unit, settings and PAM service."""
        self.person("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", f"{self.home}/key")
        folder = f"/home/{LOGIN}/.ssh"
        os.makedirs(folder, 0o700, exist_ok=True)
        with open(f"{self.home}/key.pub") as key:
            self.write(f"{folder}/authorized_keys", key.read())
        entry = pwd.getpwnam(LOGIN)
        for path in (folder, f"{folder}/authorized_keys"):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        systemctl("start", "ssh")

    @staticmethod
    def write(path, text, mode=0o644, group=None):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        if group:
            os.chown(path, 0, pwd.getpwnam(group).pw_gid)

    def settings(self, daemon, **values):
        """The example that is installed, with the few values filled in that it leaves open."""
        with open(f"{EXAMPLES}/{daemon}.yaml") as f:
            text = f.read()
        for old, new in {"auth.example.com:3025": "localhost:3025",
                         "proxy.example.com:3080": PROXY, **values}.items():
            text = text.replace(old, new)
        self.write(f"/etc/postern/{daemon}.yaml", text)

    def start_units(self, *units):
        out = systemctl("enable", "--now", *units, check=False)
        if out.returncode != 0:
            raise AssertionError(out.stderr + "".join(journal(unit) for unit in units))

    def start_authd(self):
        self.settings("authd")
        self.start_units("authd")
        self.pin = self.call("Ping", {})["ca_pins"][0]

    def token(self, role, path, group):
        token = self.call("CreateToken", {"roles": [role]})["token"]["metadata"]["name"]
        self.write(path, token, 0o640, group)

    def start_proxyd(self):
        self.token("Proxy", "/etc/postern/proxyd.token", "postern-proxyd")
        self.settings("proxyd", **{"sha256:...": self.pin})
        self.start_units("proxyd")

    def start_noded(self):
        """What tctl prints, pasted; then the example, which a member of the cluster may have."""
        text = run("tctl", "nodes", "add").stdout
        run("bash", "-e", input=text[text.index("install "):])
        wait_for("the node to be known", lambda: self.nodes())
        self.settings("noded")
        systemctl("restart", "noded")
        wait_for("its labels", lambda: "production" in json.dumps(self.nodes()))

    def nodes(self):
        return self.call("ListResources", {"kind": "node"}).get("resources")

    def log_in(self):
        self.call("PutResource", {"replace": True, "resource": {"role": {
            "kind": "role", "version": "v4", "metadata": {"name": "dev"}, "spec": {
                "allow": {"logins": [LOGIN], "node_labels": {"*": "*"}}}}}})
        invite = self.call("CreateUser", {"name": PERSON, "roles": ["dev", "auditor"]})
        self.call("AcceptInvite", {"token": invite["token"], "password": PASSWORD})
        self.write(f"{self.home}/password", PASSWORD)
        self.env["TSH_PASSWORD_FILE"] = f"{self.home}/password"
        self.person("tsh", "login", f"--proxy={PROXY}", f"--user={PERSON}",
                    f"--ca-pin={self.pin}")
        self.write(f"{self.home}/ssh.conf", self.person("tsh", "config", "--bare=web-*").stdout)
        self.write_stock_config()

    def write_stock_config(self):
        """What somebody without tsh writes by hand; only the certificate is from tsh here."""
        keys = f"{self.home}/.tsh/keys/localhost"
        with open(f"{keys}/known_hosts") as f:
            authority = re.sub(r"(?m)^@cert-authority \S+", "@cert-authority *", f.read())
        self.write(f"{self.home}/stock_hosts", authority)
        self.write(f"{self.home}/stock.conf", f"""\
Host *
    IdentityFile {keys}/alice
    CertificateFile {keys}/alice-cert.pub
    IdentitiesOnly yes
    UserKnownHostsFile {self.home}/stock_hosts
    GlobalKnownHostsFile /dev/null
    BatchMode yes
Host web-1
    ProxyCommand ssh -F {self.home}/stock.conf -p 3080 postern@localhost connect %h %p
""")

    @staticmethod
    def main_pid(unit):
        return int(systemctl("show", "--value", "-p", "MainPID", unit).stdout)

    # --- doing things ------------------------------------------------------------------------

    def call(self, method, body):
        """One JSON call as the local administrator."""
        conn = UnixHTTP(SOCKET)
        conn.request("POST", f"/v1/{method}", json.dumps(body),
                     {"Content-Type": "application/json"})
        answer = conn.getresponse()
        text = answer.read().decode()
        conn.close()
        assert answer.status == 200, f"{method} answered {answer.status}: {text}"
        return json.loads(text)

    def person(self, *argv, **kw):
        """Runs a program as the person who logs in."""
        return run(*argv, user=PERSON, group=PERSON, extra_groups=[], env=self.env,
                   cwd=self.home, **kw)

    def proxied(self, *options):
        return ["ssh", "-F", f"{self.home}/ssh.conf", "-o", "BatchMode=yes", *options,
                f"{LOGIN}@web-1"]

    def direct(self, *options):
        """The node's own port, no proxy between."""
        return self.through_door("-o", "ProxyCommand=none", "-o", "HostName=localhost",
                                 "-o", "HostKeyAlias=web-1", "-p", "3022", *options)

    def through_door(self, *options):
        """A stock client: nothing of ours runs on its side."""
        return ["ssh", "-F", f"{self.home}/stock.conf", *options, f"{LOGIN}@web-1"]

    def plain(self, *options):
        return ["ssh", "-F", "none", "-i", f"{self.home}/key", "-o", "IdentitiesOnly=yes",
                "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new",
                *options, f"{LOGIN}@localhost"]

    def under_both(self, command, tty=False):
        """What a command prints in a session of ours and in one of plain sshd."""
        options = ["-tt"] if tty else []
        return [self.person(*way(*options), command).stdout.replace("\r", "")
                for way in (self.proxied, self.plain)]

    def shell(self, argv):
        return Shell(argv, self.env)


# --- the units -------------------------------------------------------------------------------------

def units_are_clean(m):
    out = run("systemd-analyze", "verify", "--man=no",
              *[f"/usr/lib/systemd/system/{unit}.service" for unit in UNITS])
    assert out.stdout + out.stderr == "", out.stdout + out.stderr


def all_units_are_active(m):
    for unit in UNITS:
        state = systemctl("is-active", unit, check=False).stdout.strip()
        assert state == "active", f"{unit} is {state}:\n{journal(unit)}"
    failed = systemctl("list-units", "--failed", "--plain", "--no-legend").stdout
    assert "postern" not in failed and not any(unit in failed for unit in UNITS), failed


def every_daemon_has_a_user_of_its_own(m):
    wanted = {"authd": "postern-authd", "proxyd": "postern-proxyd", "proxyd-door": "postern",
              "noded": "postern-node", "noded-root": "root"}
    for unit, user in wanted.items():
        owner = pwd.getpwuid(os.stat(f"/proc/{m.main_pid(unit)}").st_uid).pw_name
        assert owner == user, f"{unit} runs as {owner}"
    assert pwd.getpwnam("postern").pw_shell == "/usr/lib/postern/proxyd-connect"


def no_daemon_reads_what_is_anothers(m):
    homes = {"postern-authd": "authd", "postern-proxyd": "proxyd", "postern-node": "noded"}
    for user in [*homes, "postern", LOGIN]:
        for owner, folder in homes.items():
            out = run("ls", f"/var/lib/postern/{folder}", user=user, group=user, extra_groups=[],
                      check=False)
            assert (out.returncode == 0) == (user == owner), f"{user} and {folder}: {out}"


def the_local_socket_is_for_administrators(m):
    status = run("tctl", "status").stdout
    assert "example.com" in status, status
    refused = run("tctl", "status", user=LOGIN, group=LOGIN, extra_groups=[], check=False)
    assert refused.returncode != 0 and "ermission denied" in refused.stderr, refused
    admins = run("tctl", "status", user=LOGIN, group=LOGIN, extra_groups=["postern-admin"])
    assert "example.com" in admins.stdout


def sandboxes_are_tight(m):
    for unit in UNITS:
        out = run("systemd-analyze", "security", "--no-pager", unit).stdout
        score = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", out).group(1))
        print(f"      {unit}.service: exposure {score}" +
              ("" if unit in SANDBOXED else " (sessions inherit from it: no sandbox)"))
        assert unit not in SANDBOXED or score < 2.0, out


# --- the cluster -----------------------------------------------------------------------------------

def the_node_joined(m):
    nodes = run("tctl", "nodes", "ls").stdout
    assert "web-1" in nodes and "production" in nodes, nodes


def commands_run_through_the_proxy(m):
    out = m.person(*m.proxied(), "id -un; hostname")
    assert out.stdout == f"{LOGIN}\nweb-1\n", out
    assert m.person(*m.proxied(), "exit 7", check=False).returncode == 7


def commands_run_through_the_ssh_door(m):
    out = m.person(*m.through_door(), "id -un")
    assert out.stdout == f"{LOGIN}\n", out
    assert out.stderr == "", out


def the_ssh_door_gives_no_shell(m):
    out = m.person("ssh", "-F", f"{m.home}/stock.conf", "-p", "3080", "postern@localhost", "id",
                   check=False)
    assert out.returncode != 0 and "no shell here" in out.stderr, out


def a_session_is_recorded(m):
    shell = m.shell(m.proxied("-tt"))
    shell.ask("echo recorded-$((6 * 7))")
    shell.close()
    sid = wait_for("the session to be listed", lambda: re.findall(
        r"[0-9a-f]{8}-[0-9a-f-]{27}", run("tctl", "sessions", "ls", "--all").stdout))[0]
    wait_for("the whole recording", lambda: "recorded-42" in m.person(
        "tsh", "play", "--format=text", sid, check=False).stdout)


# --- sessions, as under plain sshd -------------------------------------------------------------------

def sudo_gives_a_root_shell(m):
    for tty in (False, True):
        ours, plain = m.under_both("sudo -i sh -c 'id -un; echo $HOME; umask'", tty)
        assert ours == plain == "root\n/root\n0022\n", (tty, ours, plain)
    shell = m.shell(m.proxied("-tt"))
    shell.type("sudo -i\n")
    shell.expect("root@web-1:~# ")
    assert shell.ask("id -un") == "root"
    shell.type("exit\n")
    shell.expect("logout.*\\$ ")
    assert shell.ask("id -un") == LOGIN
    shell.close()


def a_mount_is_seen_by_the_machine(m):
    for way, name in ((m.proxied, "ours"), (m.plain, "plain")):
        point = f"/mnt/{name}"
        m.person(*way(), f"sudo mkdir -p {point} && sudo mount -t tmpfs none {point} && "
                         f"sudo touch {point}/there")
        assert os.path.exists(f"{point}/there"), f"{name}: the mount stays in the session"
        run("umount", point)
        assert m.person(*way(), f"ls {point}").stdout == ""


def logind_knows_the_session(m):
    show = ("loginctl show-session $XDG_SESSION_ID -p Name -p Type -p Class -p Remote -p State "
            "-p Active; test -d $XDG_RUNTIME_DIR && echo runtime folder")
    for tty in (False, True):
        ours, plain = m.under_both(show, tty)
        assert f"Name={LOGIN}" in ours and ours == plain, (tty, ours, plain)
    shell = m.shell(m.proxied("-tt"))
    number = shell.ask("echo $XDG_SESSION_ID")
    assert number in run("loginctl", "list-sessions", "--no-legend").stdout.split()
    shell.close()
    wait_for("logind to see its end", lambda: number not in run(
        "loginctl", "list-sessions", "--no-legend").stdout.split())


def limits_conf_applies(m):
    ours, plain = m.under_both("ulimit -Sn; ulimit -Hn; ulimit -c")
    assert ours == plain == "1234\n4321\n0\n", (ours, plain)
    ours, plain = m.under_both("ulimit -a")
    assert ours == plain, (ours, plain)


def nothing_of_a_sandbox_is_inherited(m):
    ours, plain = m.under_both(
        "grep -E '^(Cap|NoNewPrivs|Seccomp|SigIgn|SigBlk|Groups)' /proc/self/status; umask; "
        "cat /proc/self/oom_score_adj; findmnt -n -o TARGET,OPTIONS | sort")
    assert ours == plain, (ours, plain)


def a_session_starts_as_under_plain_sshd(m):
    """But for the motd, which ours reads only where there are eyes for it."""
    for tty in (False, True):
        ours, plain = m.under_both(
            "env | sed 's/=.*//' | grep -v -e ^POSTERN_ -e ^MOTD_SHOWN | sort; nice; cat /proc/self/loginuid; "
            "cat /proc/self/coredump_filter /proc/self/timerslack_ns; ls /proc/self/fd; pwd; "
            "sudo readlink /proc/self/ns/*; tty | sed 's/[0-9]*$//'", tty)
        assert ours == plain, (tty, ours, plain)


def a_session_has_a_scope_of_its_own(m):
    ours, plain = m.under_both("cat /proc/self/cgroup")
    without_number = re.compile(r"session-\w+\.scope")
    assert without_number.search(ours), ours
    assert without_number.sub("", ours) == without_number.sub("", plain), (ours, plain)


def the_machine_can_be_administered(m):
    ours, plain = m.under_both("sudo systemctl restart cron 2>&1; sudo systemctl is-system-running;"
                               " sudo systemctl show -p ActiveState ssh")
    assert ours == plain, (ours, plain)


# --- restarts ----------------------------------------------------------------------------------------

def restarts_leave_open_shells_alive(m):
    ways = {"through the proxy": m.proxied, "through the SSH door": m.through_door,
            "to the node": m.direct}
    shells = {name: m.shell(way("-tt")) for name, way in ways.items()}
    for name, shell in shells.items():
        shell.ask(f"mark='{name}'")
    for unit in [*UNITS, "proxyd"]:
        systemctl("restart", unit)
        assert systemctl("is-active", unit).stdout.strip() == "active"
        for name, shell in shells.items():
            try:
                assert shell.ask("echo $mark") == name
            except AssertionError as e:
                raise AssertionError(f"after a restart of {unit}, the shell {name}: {e}") from e
    for shell in shells.values():
        shell.close()


def new_logins_work_after_all_restarts(m):
    systemctl("restart", *UNITS)
    for way in (m.proxied, m.through_door, m.direct):
        out = wait_for("a login", lambda: m.person(*way(), "id -un", check=False).stdout)
        assert out == f"{LOGIN}\n", out


def killed_daemons_come_back(m):
    shell = m.shell(m.direct("-tt"))
    shell.ask("mark=alive")
    for unit in UNITS:
        before = m.main_pid(unit)
        os.kill(before, signal.SIGKILL)
        wait_for(f"{unit} to come back", lambda: m.main_pid(unit) not in (0, before) and
                 systemctl("is-active", unit, check=False).stdout == "active\n")
        assert shell.ask("echo $mark") == "alive", f"after the death of {unit}"
    shell.close()
    for way in (m.proxied, m.through_door, m.direct):
        out = wait_for("a login", lambda: m.person(*way(), "id -un", check=False).stdout)
        assert out == f"{LOGIN}\n", out


CHECKS = [
    units_are_clean,
    all_units_are_active,
    every_daemon_has_a_user_of_its_own,
    no_daemon_reads_what_is_anothers,
    the_local_socket_is_for_administrators,
    sandboxes_are_tight,
    the_node_joined,
    commands_run_through_the_proxy,
    commands_run_through_the_ssh_door,
    the_ssh_door_gives_no_shell,
    a_session_is_recorded,
    sudo_gives_a_root_shell,
    a_mount_is_seen_by_the_machine,
    logind_knows_the_session,
    limits_conf_applies,
    nothing_of_a_sandbox_is_inherited,
    a_session_starts_as_under_plain_sshd,
    a_session_has_a_scope_of_its_own,
    the_machine_can_be_administered,
    restarts_leave_open_shells_alive,
    new_logins_work_after_all_restarts,
    killed_daemons_come_back,
]


def main():
    m, failed, only = Machine(), [], os.environ.get("F", "")
    try:
        m.start()
    except Exception:
        traceback.print_exc()
        return 1
    checks = [check for check in CHECKS if only in check.__name__]
    for check in checks:
        try:
            check(m)
            print(f"ok    {check.__name__}", flush=True)
        except Exception:
            failed.append(check.__name__)
            print(f"FAIL  {check.__name__}\n{traceback.format_exc()}", flush=True)
    for unit in UNITS if failed else []:
        print(f"--- {unit}\n{journal(unit)}")
    print(f"failed: {', '.join(failed)}" if failed else f"{len(checks)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
