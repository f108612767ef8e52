"""kubeproxyd beside a story's cluster, and requests to it as kubectl would make them."""

import json
import re

from callers import of_user
from cluster import run, wait_for


class Kube:
    """A kubeproxyd of its own account."""

    def __init__(self, c, kubeconfig, name="lab", labels="{env: test}", more=""):
        self.c, self.name = c, name
        daemon = "kubeproxyd-" + name
        self.user = c.accounts.add("k" + name[:4], "/usr/sbin/nologin", system=True)
        self.folder = c.folder(daemon, self.user)
        self.port = c.free_port()
        self.conf = c.write(daemon + ".yaml", f"""\
data_dir: {self.folder}
hostname: {name}-host
listen: 127.0.0.1:{self.port}
advertise: 127.0.0.1:{self.port}
auth_servers: ["127.0.0.1:{c.authd_port}"]
join: {{token_file: {c.token_file("Kube")}, ca_pin: "{c.pin}"}}
kubernetes: {{cluster_name: {name}, kubeconfig: {kubeconfig}}}
labels: {labels}
diag_addr: "127.0.0.1:{c.free_port()}"
{more}""")
        self.daemon = c.add_daemon(daemon, [c.lib + "/kubeproxyd", "--config", self.conf],
                                   self.user)

    def start(self):
        self.daemon.start()
        self.daemon.wait_log(r'event="cluster state is current"')
        wait_for("the kube_server to be known", lambda: [
            r for r in self.c.call("ListResources", {"kind": "kube_server"}).get("resources", [])
            if r["kube_server"]["spec"]["kube_cluster"] == self.name])
        return self

    def resident_kb(self):
        with open(f"/proc/{self.daemon.child.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])

    def base(self):
        return f"https://{self.name}.kube.example:{self.port}"

    def curl_argv(self, user, path, *options):
        argv = ["curl", "-s", "--cacert", self.c.ca, "--resolve",
                f"{self.name}.kube.example:{self.port}:127.0.0.1", *options]
        if user:
            who = of_user(self.c, user) if isinstance(user, str) else user
            argv += ["--key", who.key, "--cert", who.certificate]
        return argv + [self.base() + path]

    def curl(self, user, path, *options, protocol="--http1.1"):
        """Status and body."""
        out = run(*self.curl_argv(user, path, protocol, "-w", "\n%{http_code}", *options),
                  check=False)
        text, _, status = out.stdout.rpartition("\n")
        return int(status), text

    def get(self, user, path, *options, **kw):
        status, text = self.curl(user, path, *options, **kw)
        assert status == 200, (status, text)
        return json.loads(text)

    def refused(self, code, user, path, *options, **kw):
        """What a Status of that code says."""
        status, text = self.curl(user, path, *options, **kw)
        value = json.loads(text)
        assert status == code and value["kind"] == "Status" and value["code"] == code, text
        assert value["status"] == "Failure" and value["apiVersion"] == "v1", text
        return value["message"]
