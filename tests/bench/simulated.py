"""The simulator (tests/bench/simulator) and what its measurements need of a cluster."""

import json
import os
import subprocess

from cluster import BUILD, Cluster, UnixHTTP, run

ADMIN = "bench"


class BusyCluster(Cluster):
    """Its authd can be reached by more connections than one address has ports for (28,000), and
    takes from one address and from one administrator what many would ask for."""
    authd_hosts = [f"127.0.0.{i}" for i in range(1, 5)]

    def __init__(self, **options):
        super().__init__(authd="limits: {user_rate: 1000000, arriving: 50000}\n", **options)


def admin_files(cluster):
    """Certificate and key of an administrator, as files; the cluster's authorities beside them."""
    key, public, cert, ca = (cluster.path(f"admin.{end}") for end in ("key", "pub", "pem", "ca"))
    if os.path.exists(cert):
        return ca, cert, key
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    run("openssl", "pkey", "-in", key, "-pubout", "-out", public)
    run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", cluster.path("admin.ssh"))
    cluster.call("CreateUser", {"name": ADMIN, "roles": ["editor"]})
    with open(public) as tls, open(cluster.path("admin.ssh.pub")) as ssh:
        answer = cluster.call("IssueUserCertificate", {
            "user": ADMIN, "tls_public_key": tls.read(), "ssh_public_key": ssh.read()})
    with open(cert, "w") as f:
        f.write(answer["tls_certificate"])
    with open(ca, "w") as f:
        for authority in answer["authorities"]:
            for pair in authority["spec"]["active_keys"]["tls"]:
                f.write(pair["cert"])
    return ca, cert, key


def options(cluster, target="authd"):
    """How the simulator reaches the cluster's authd."""
    ca, cert, key = admin_files(cluster)
    addrs = ",".join(f"{host}:{cluster.authd_port}" for host in cluster.authd_hosts)
    return [f"--target={target}", f"--addr={addrs}", f"--ca={ca}", f"--cert={cert}", f"--key={key}"]


def puts(way, clients, run_ms):
    """Puts per second of so many clients, one after the other each."""
    out = run(f"{BUILD}/bench/simulator", "puts", *way, f"--count={clients}",
              f"--run-ms={run_ms}")
    return json.loads(out.stdout)["per_s"]


class Herd:
    """So many watching members, in a process of their own."""

    def __init__(self, way, count, cluster=None):
        argv = [f"{BUILD}/bench/simulator", "herd", *way, f"--count={count}"]
        if cluster:
            token = cluster.call("CreateToken", {"roles": ["Node"], "reusable": True})
            argv += [f"--socket={cluster.path('run', 'authd.sock')}",
                     f"--token={token['token']['metadata']['name']}"]
        self.argv, self.child = argv, None

    def start(self):
        self.child = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1)
        return self

    def say(self, command):
        self.child.stdin.write(command + "\n")

    def wait(self, event):
        """The next event of that name; what comes before it is not wanted."""
        for line in self.child.stdout:
            told = json.loads(line)
            assert told["event"] != "error", told["error"]
            if told["event"] == event:
                return told
        raise AssertionError(f"the simulator ended before '{event}'")

    def ask(self, command, event):
        self.say(command)
        return self.wait(event)

    def stop(self):
        if self.child:
            self.child.stdin.close()
            self.child.wait()


def pss_kb(pid):
    """Memory of a process, shared pages counted in parts."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def metric(cluster, name):
    """One of authd's own figures."""
    conn = UnixHTTP(cluster.path("run", "authd-diag.sock"))
    conn.request("GET", "/metrics")
    text = conn.getresponse().read().decode()
    conn.close()
    return next(float(line.split()[1]) for line in text.splitlines()
                if line.startswith(name + " "))


def cpu_s(pid):
    """CPU seconds that a process has used."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
