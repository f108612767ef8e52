"""The peers: standing sshds, as Debian sets them up and otherwise."""

import os
import pwd
import socket
import subprocess

from cluster import Cluster, run, wait_for

DEBIAN = """\
UsePAM yes
X11Forwarding yes
AcceptEnv LANG LC_*
"""
BARE = """\
UsePAM no
PrintLastLog no
UseDNS no
"""


class PlainSshd:
    """With Ed25519 keys and PAM, motd and all, unless told otherwise.

    `certificates`: keys are trusted because an authority signed them, as ours are. `bare`: without
    PAM, so without what Debian's does for a session.
    """

    def __init__(self, cluster, name="plain", key="ed25519", certificates=False, bare=False):
        self.cluster, self.login, self.key = cluster, cluster.login, key
        self.certificates, self.bare = certificates, bare
        self.dir = cluster.path(name)
        os.mkdir(self.dir, 0o700)
        for file in ("host", "user", "ca"):
            run("ssh-keygen", "-q", "-t", key, "-N", "", "-f", self.path(file))
        self.port = Cluster.free_port()
        if certificates:
            self.sign()
        else:
            self.trust()
        if bare:  # which takes an account that never had a password for a locked one
            run("usermod", "--password", "*", self.login)

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def trust(self):
        """The user's key where sshd looks for it, the host's where the client does."""
        entry = pwd.getpwnam(self.login)
        ssh = os.path.join(entry.pw_dir, ".ssh")
        os.makedirs(ssh, 0o700, exist_ok=True)
        with open(f"{ssh}/authorized_keys", "a") as keys:
            keys.write(self.read("user.pub"))
        for path in (ssh, f"{ssh}/authorized_keys"):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        self.write("known_hosts", f"[127.0.0.1]:{self.port} {self.read('host.pub')}")

    def sign(self):
        sign = ("ssh-keygen", "-q", "-s", self.path("ca"), "-I", "bench")
        run(*sign, "-n", self.login, self.path("user.pub"))
        run(*sign, "-h", "-n", "127.0.0.1", self.path("host.pub"))
        self.write("known_hosts", f"@cert-authority * {self.read('ca.pub')}")

    def start(self):
        os.makedirs("/run/sshd", exist_ok=True)
        signed = ""
        if self.certificates:
            signed = (f"HostCertificate {self.path('host-cert.pub')}\n"
                      f"TrustedUserCAKeys {self.path('ca.pub')}\n")
        config = self.write("sshd_config", f"""\
ListenAddress 127.0.0.1:{self.port}
HostKey {self.path("host")}
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
Subsystem sftp /usr/lib/openssh/sftp-server
MaxStartups 100
{BARE if self.bare else DEBIAN}{signed}""")
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
        kind = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256"}[self.key]
        if self.certificates:
            kind += "-cert-v01@openssh.com"
            options = ("-o", f"CertificateFile={self.path('user-cert.pub')}", *options)
        return ["ssh", "-F", "none", "-o", "BatchMode=yes", "-i", self.path("user"),
                "-o", "IdentitiesOnly=yes", "-o", f"HostKeyAlgorithms={kind}",
                "-o", f"UserKnownHostsFile={self.path('known_hosts')}", "-p", str(self.port),
                *options, f"{self.login}@127.0.0.1"]
