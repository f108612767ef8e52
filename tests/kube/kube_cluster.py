"""A whole cluster of one's own in front of a real Kubernetes: that of the stories, a kubeproxyd,
and the lab.

Kubernetes knows kubeproxyd by a client certificate that may impersonate, and nothing else. (The
lab writes down nothing of what service accounts do.)
"""

import os
import shutil

import yaml

import lab
from cluster import BUILD, Cluster, run
from kube_daemon import Kube

KUBE = "lab"
ANY_LAB = {"env": ["lab"]}


class KubeCluster(Cluster):
    def __init__(self, **options):
        self.lab = lab.Lab()
        super().__init__(door=False, **options)

    def start(self):
        self.lab.start()
        super().start()
        self.lab.wait()
        self.start_kubeproxyd()
        return self

    def start_kubeproxyd(self):
        config = shutil.copy(self.lab.kubeconfig("impersonator"), self.path("kube.kubeconfig"))
        self.kube = Kube(self, config, KUBE, "{env: lab}")
        shutil.chown(config, self.kube.user)
        self.kube.start()

    def stop(self):
        super().stop()
        self.lab.stop()

    # --- people ------------------------------------------------------------------------------

    def kube_user(self, name, groups=(), users=(), deny=None, options=None, roles=()):
        """Somebody whose own role allows that in the lab; logged in, with a kubeconfig."""
        self.role("kube-" + name, {"kubernetes_groups": list(groups),
                                   "kubernetes_users": list(users),
                                   "kubernetes_labels": ANY_LAB}, deny, options)
        self.user(name, ["access", "kube-" + name, *roles])
        self.kube_log_in(name)

    def kube_log_in(self, name):
        self.log_in(name)
        self.tsh(name, "kube", "login", KUBE)

    # --- ways to Kubernetes ------------------------------------------------------------------

    def kubeconfig(self, user):
        """Through the proxy's port, as `tsh kube login` has left it."""
        return os.path.join(self.home(user), ".kube", "config")

    def kubeconfig_straight(self, user):
        """The same to kubeproxyd's own port."""
        return self.rewrite_kubeconfig(
            self.kubeconfig(user), self.path(f"straight-{user}.kubeconfig"),
            {"server": f"https://127.0.0.1:{self.kube.port}"})

    def kubeconfig_signed(self, user):
        """Through the proxy with a certificate of `tctl auth sign`."""
        path = self.path(f"signed-{user}.kubeconfig")
        run(BUILD + "/tctl", "--socket=" + self.path("run", "authd.sock"), "auth", "sign",
            "--format=kubernetes", "--user=" + user, f"--proxy=127.0.0.1:{self.proxy_port}",
            "--kube-cluster=" + KUBE, "--overwrite", "--out=" + path)
        return path

    @staticmethod
    def rewrite_kubeconfig(source, target, cluster):
        with open(source) as f:
            config = yaml.safe_load(f)
        for row in config["clusters"]:
            row["cluster"].update(cluster)
        with open(target, "w") as f:
            yaml.safe_dump(config, f)
        return target

    def kube_env(self, user, kubeconfig=None):
        return {"PATH": os.environ["PATH"], "HOME": self.home(user), "LANG": "C.UTF-8",
                "KUBECONFIG": kubeconfig or self.kubeconfig(user)}

    def kubectl(self, user, *argv, kubeconfig=None, **kw):
        return run(lab.kubectls()[0], *argv, env=self.kube_env(user, kubeconfig), **kw)
