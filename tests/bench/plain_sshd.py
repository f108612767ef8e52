"""The peer: a plain standing sshd as Debian sets it up, with Ed25519 keys and its PAM stack."""

import os
import pwd
import socket
import subprocess

from cluster import Cluster, run, wait_for


class PlainSshd:
    def __init__(self, cluster):
        self.cluster, self.login = cluster, cluster.login
        self.dir = cluster.path("plain")
        os.mkdir(self.dir, 0o700)
        for name in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name))
        self.port = Cluster.free_port()
        self.trust()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def trust(self):
        """The user's key where sshd looks for it, the host's where the client does."""
        entry = pwd.getpwnam(self.login)
        ssh = os.path.join(entry.pw_dir, ".ssh")
        os.mkdir(ssh, 0o700)
        with open(self.path("user.pub")) as key, open(f"{ssh}/authorized_keys", "w") as keys:
            keys.write(key.read())
        for path in (ssh, f"{ssh}/authorized_keys"):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        with open(self.path("host.pub")) as key:
            self.write("known_hosts", f"[127.0.0.1]:{self.port} {key.read()}")

    def start(self):
        os.makedirs("/run/sshd", exist_ok=True)
        config = self.write("sshd_config", f"""\
ListenAddress 127.0.0.1:{self.port}
HostKey {self.path("host")}
PidFile none
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
X11Forwarding yes
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
MaxStartups 100
""")
        with open(self.path("log"), "wb") as log:
            self.child = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("the plain sshd", self.answers)
        return self

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.child.terminate()
        self.child.wait()

    def argv(self, *options):
        return ["ssh", "-F", "none", "-o", "BatchMode=yes", "-i", self.path("user"),
                "-o", "IdentitiesOnly=yes", "-o", "HostKeyAlgorithms=ssh-ed25519",
                "-o", f"UserKnownHostsFile={self.path('known_hosts')}", "-p", str(self.port),
                *options, f"{self.login}@127.0.0.1"]
