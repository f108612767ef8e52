"""What people do with pods, and as whom, one test each."""

import http.client
import os
import re
import subprocess

import lab
from cluster import wait_for
from terminal import Terminal

NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


def terminal(c, user, *argv):
    """kubectl on a terminal."""
    return Terminal([lab.kubectls()[0], *argv], env=c.kube_env(user))


class PortForward:
    """kubectl port-forward, to a port of its own choice."""

    def __init__(self, c, user, *argv):
        self.child = subprocess.Popen([lab.kubectls()[0], "port-forward", *argv],
                                      env=c.kube_env(user), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.child.stdout.readline()
        found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
        self.port, self.said = found and int(found.group(1)), line

    def get(self):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        conn.request("GET", "/")
        body = conn.getresponse().read()
        conn.close()
        return body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.said += self.child.communicate(timeout=20)[0]


def pods_are_listed_by_label(c):
    out = c.kubectl("dora", "get", "pods", "-l", "app=web", "-o", "name").stdout
    assert out == "pod/web\n", out


def exec_gives_a_files_exact_bytes(c):
    out = c.kubectl("dora", "exec", "web", "--", "cat", NAMESPACE_FILE)
    assert out.stdout == "default", out
    data = os.urandom(1 << 20)
    out = subprocess.run([lab.kubectls()[0], "exec", "-i", "box", "--", "cat"], input=data,
                         env=c.kube_env("dora"), capture_output=True, timeout=60, check=True)
    assert out.stdout == data


def a_port_of_a_pod_is_forwarded(c):
    with PortForward(c, "dora", "pod/web", ":8080") as forward:
        assert forward.port, forward.said
        assert [forward.get() for _ in range(3)] == [b"hello-from-web\n"] * 3


def a_denied_group_beats_an_allowed_one(c):
    assert c.tsh("dana", "kube", "ls", "--format=names").stdout == ""
    out = c.kubectl("dana", "get", "pods", kubeconfig=c.kubeconfig_signed("dana"), check=False)
    assert out.returncode != 0 and "no assigned groups or users" in out.stderr, out
    out = c.kubectl("vida", "get", "pods", "-o", "name").stdout
    assert "pod/web" in out  # viewers is left to vida
    out = c.kubectl("vida", "exec", "box", "--", "true", check=False)
    assert out.returncode != 0 and "forbidden" in out.stderr.lower(), out


# --- impersonation -------------------------------------------------------------------------------

DENIED = "impersonation request has been denied"
REFUSED = (["--as=mallory"], ["--as=jane", "--as-group=system:masters"])


def expect_seen_as(c, user, groups):
    """The API server has written down a request as that user in these groups."""
    def seen():
        found = [e["impersonatedUser"] for e in c.lab.audit() if "impersonatedUser" in e]
        return [f for f in found if f["username"] == user] or found
    wait_for(f"a request of {user} in {groups}, instead of {seen()[-1:]}", lambda: [
        f for f in seen() if f["username"] == user and set(f["groups"]) == set(groups)])


def a_call_may_impersonate_what_the_roles_allow(c):
    out = c.kubectl("ivan", "get", "pods", check=False)
    assert out.returncode != 0 and "please select a user to impersonate" in out.stderr, out
    c.kubectl("ivan", "--as=jane", "get", "pods")
    expect_seen_as(c, "jane", ["devs", "viewers", "system:authenticated"])
    c.kubectl("ivan", "--as=john", "--as-group=viewers", "get", "pods")
    expect_seen_as(c, "john", ["viewers", "system:authenticated"])
    out = c.kubectl("ivan", "--as=john", "--as-group=viewers", "create", "cm", "x", check=False)
    assert out.returncode != 0 and 'User "john" cannot create' in out.stderr, out
    for options in REFUSED:
        out = c.kubectl("ivan", *options, "get", "pods", check=False)
        assert out.returncode != 0 and DENIED in out.stderr, out


def an_exec_may_impersonate_what_the_roles_allow(c):
    out = c.kubectl("ivan", "--as=jane", "exec", "box", "--", "echo", "here")
    assert out.stdout == "here\n", out
    for options in REFUSED:
        out = c.kubectl("ivan", *options, "exec", "box", "--", "true", check=False)
        assert out.returncode != 0 and DENIED in out.stderr, out


def a_port_forward_may_impersonate_what_the_roles_allow(c):
    with PortForward(c, "ivan", "--as=jane", "pod/web", ":8080") as forward:
        assert forward.get() == b"hello-from-web\n"
    for options in REFUSED:
        out = c.kubectl("ivan", *options, "port-forward", "pod/web", ":8080", check=False)
        assert out.returncode != 0 and DENIED in out.stderr, out


def put_up_people(c):
    c.kube_user("dora", ["devs"])
    c.role("kube-dana", {"kubernetes_groups": ["devs"], "kubernetes_labels": {"env": ["lab"]}},
           {"kubernetes_groups": ["devs"]})
    c.user("dana", ["access", "kube-dana"])
    c.log_in("dana")
    c.kube_user("vida", ["devs", "viewers"], deny={"kubernetes_groups": ["devs"]})
    c.kube_user("ivan", ["devs", "viewers"], ["jane", "john"])


TESTS = [pods_are_listed_by_label, exec_gives_a_files_exact_bytes, a_port_of_a_pod_is_forwarded,
         a_denied_group_beats_an_allowed_one, a_call_may_impersonate_what_the_roles_allow,
         an_exec_may_impersonate_what_the_roles_allow,
         a_port_forward_may_impersonate_what_the_roles_allow]
