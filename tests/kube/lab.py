"""A real Kubernetes for the tests: one node on loopback, made by a folder outside of the tree.

POSTERN_KUBE_LAB names that folder, or it is ../shared/kube-lab beside the checkout. It has up.sh
and down.sh, which take a folder for all state, and check.sh KUBECTL KUBECONFIG, 18 checks of what
kubectl does. The lab binds fixed ports: one at a time.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(TREE, "tests", "integration"))  # last: it has a requests.py of its own

CHECKS = 18
UP_SECONDS = 240


def find():
    """The lab's folder; the test ends here if there is none."""
    places = [os.environ.get("POSTERN_KUBE_LAB"),
              os.path.join(os.path.dirname(TREE), "shared", "kube-lab")]
    for place in filter(None, places):
        if os.access(os.path.join(place, "up.sh"), os.X_OK):
            return os.path.abspath(place)
    sys.exit("check-kube: no Kubernetes to test with: POSTERN_KUBE_LAB names no kube-lab, and "
             "there is none in ../shared/kube-lab beside the checkout")


def kubectls():
    """Every kubectl of this machine: the one in PATH first, then those of other versions that
    stand beside it."""
    first = shutil.which("kubectl")
    if first is None:
        sys.exit("check-kube: no kubectl in PATH")
    return [first, *sorted(glob.glob(os.path.realpath(first) + ".1.*"))]


def version(kubectl):
    out = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True)
    return re.search(r"v1\.\d+\.\d+", out.stdout).group(0)


class Lab:
    """The Kubernetes, up from start() to stop(). Pods `box` and `web` run in its namespace
    `default`; group devs may edit there, group viewers read everywhere."""

    def __init__(self):
        self.tools = find()
        self.dir = tempfile.mkdtemp(prefix="postern-kube-")
        self.started = None

    def start(self):
        """Begins to come up; wait() for it."""
        self.log = open(os.path.join(self.dir, "up.log"), "w+")
        self.started = subprocess.Popen([os.path.join(self.tools, "up.sh"), self.dir],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def wait(self):
        if self.started.wait(timeout=UP_SECONDS) != 0:
            self.log.seek(0)
            raise AssertionError("no Kubernetes: " + self.log.read())
        return self

    def stop(self):
        if self.started is None:
            return
        if self.started.poll() is None:
            self.started.terminate()
            self.started.wait()
        self.log.close()
        subprocess.run([os.path.join(self.tools, "down.sh"), self.dir], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, timeout=120, check=False)
        self.remove()

    def remove(self):
        with open("/proc/self/mountinfo") as f:
            mounts = [line.split()[4] for line in f]
        assert not [m for m in mounts if m.startswith(self.dir + "/")], f"mounts in {self.dir}"
        shutil.rmtree(self.dir, ignore_errors=True)

    def kubeconfig(self, name):
        """Of admin; of alice, who is in group devs; of impersonator and impersonator-sa."""
        return os.path.join(self.dir, "kubeconfigs", name + ".kubeconfig")

    def admin(self, *argv):
        out = subprocess.run([kubectls()[0], "--kubeconfig", self.kubeconfig("admin"), *argv],
                             capture_output=True, text=True, timeout=60)
        assert out.returncode == 0, out.stderr
        return out.stdout

    def audit(self):
        """What the API server wrote down of who did what."""
        with open(os.path.join(self.dir, "run", "audit.log")) as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def check(self, kubectl, kubeconfig, env):
        """Runs check.sh. All of it must pass; its lines."""
        out = subprocess.run([os.path.join(self.tools, "check.sh"), kubectl, kubeconfig], env=env,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        passed = [line for line in out.stdout.splitlines() if line.startswith("ok ")]
        assert out.returncode == 0 and len(passed) == CHECKS, out.stdout + out.stderr
        return out.stdout.splitlines()
