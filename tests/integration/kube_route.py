"""The story that kube_route.sh tells: from a login to a connection with the right kubeproxyd."""

import base64
import json
import os
import socket
import ssl
import time

import yaml

import messages  # makes dial_pb2
import dial_pb2 as pb
from cluster import run, story, wait_for
from plain_node import PlainNode

OTHERS = """\
apiVersion: v1
kind: Config
x-unknown: {deep: [1.20, yes, "yes"]}
clusters:
- cluster: {server: "https://192.0.2.1:6443"}
  name: home
contexts:
- context: {cluster: home, user: me, namespace: mine}
  name: home
current-context: home
users:
- name: me
  user: {token: "12345"}
"""


class FakeKube(PlainNode):
    """Stands where a kubeproxyd would: says over mTLS which it is and who came."""

    role, kind = "Kube", "kube_server"

    def __init__(self, cluster, kube, labels=None):
        self.names, self.spec = (kube,), {"kube_cluster": kube}
        self.prefaces = []
        super().__init__(cluster, "host-of-" + kube, labels)

    def serve_one(self, client):
        self.prefaces.append(self.read_preface(client))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("tls.crt"), self.path("tls.key"))
        context.load_verify_locations(self.path("people.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        with client, context.wrap_socket(client, server_side=True) as tls:
            subject = dict(part[0] for part in tls.getpeercert()["subject"])
            name = self.spec["kube_cluster"]
            tls.sendall(f"{name} serves {subject['commonName']}\n".encode())
            tls.recv(1)


def kubeconfig_of(c, user):
    return os.path.join(c.home(user), ".kube", "config")


def read_kubeconfig(c, user):
    with open(kubeconfig_of(c, user)) as f:
        return yaml.safe_load(f)


def rows(config, section):
    return {row["name"]: row[section] for row in config[section + "s"]}


def put_up_kubernetes(c):
    c.role("kube", {"kubernetes_groups": ["devs"], "kubernetes_labels": {"env": ["test"]}})
    c.user("erin", ["access", "kube"])
    c.user("frank", ["access"])
    c.lab = FakeKube(c, "lab", {"env": "test"})
    c.far = FakeKube(c, "far", {"env": "test"})
    c.prod = FakeKube(c, "prod", {"env": "prod"})


def a_login_adds_contexts_and_leaves_the_rest_as_it_was(c):
    os.mkdir(os.path.dirname(kubeconfig_of(c, "erin")))
    with open(kubeconfig_of(c, "erin"), "w") as f:
        f.write(OTHERS)
    c.log_in("erin")
    config, before = read_kubeconfig(c, "erin"), yaml.safe_load(OTHERS)
    for section in ("cluster", "context", "user"):
        assert config[section + "s"][0] == before[section + "s"][0], config
        assert list(rows(config, section))[1:] == ["example-far", "example-lab"], config
    assert list(config) == list(before), list(config)
    assert config["x-unknown"] == before["x-unknown"]
    assert config["current-context"] == "home"
    lab = rows(config, "cluster")["example-lab"]
    assert lab["server"] == f"https://127.0.0.1:{c.proxy_port}", lab
    assert lab["tls-server-name"] == "lab.kube.example"
    assert b"BEGIN CERTIFICATE" in base64.b64decode(lab["certificate-authority-data"])
    assert os.stat(kubeconfig_of(c, "erin")).st_mode & 0o777 == 0o600


def who_may_use_no_kubernetes_gets_no_file(c):
    c.log_in("frank")
    assert not os.path.exists(kubeconfig_of(c, "frank"))
    assert c.tsh("frank", "kube", "ls", "--format=json").stdout.strip() == "[]"
    out = c.tsh("frank", "kube", "login", "lab", check=False)
    assert out.returncode == 1 and "no Kubernetes cluster 'lab' that you may reach" in out.stderr


def kubernetes_clusters_are_listed_as_the_roles_allow(c):
    table = c.tsh("erin", "kube", "ls").stdout
    assert "lab" in table and "far" in table and "prod" not in table, table
    names = c.tsh("erin", "kube", "ls", "--format=names", "--search=host-of-lab").stdout
    assert names == "lab\n", names


def logging_in_to_one_makes_its_context_current(c):
    out = c.tsh("erin", "kube", "login", "prod", check=False)
    assert out.returncode == 1 and "'prod'" in out.stderr, out
    assert read_kubeconfig(c, "erin")["current-context"] == "home"
    assert "'example-lab'" in c.tsh("erin", "kube", "login", "lab").stdout
    assert read_kubeconfig(c, "erin")["current-context"] == "example-lab"


def exec_env(c, user, config):
    """The command that kubectl would run, and its surroundings."""
    plugin = rows(config, "user")["example-lab"]["exec"]
    return [plugin["command"], *plugin["args"]], {
        "PATH": os.environ["PATH"], "HOME": c.home(user),
        **{row["name"]: row["value"] for row in plugin.get("env", [])}}


def credentials_are_given_in_the_version_asked_for(c):
    argv, env = exec_env(c, "erin", read_kubeconfig(c, "erin"))
    for version in ("v1", "v1beta1"):
        wanted = f"client.authentication.k8s.io/{version}"
        info = json.dumps({"apiVersion": wanted, "kind": "ExecCredential", "spec": {}})
        answer = json.loads(run(*argv, env=dict(env, KUBERNETES_EXEC_INFO=info)).stdout)
        assert answer["apiVersion"] == wanted and answer["kind"] == "ExecCredential"
        assert "BEGIN CERTIFICATE" in answer["status"]["clientCertificateData"]
        assert "PRIVATE KEY" in answer["status"]["clientKeyData"]
        assert answer["status"]["expirationTimestamp"].endswith("Z")
    info = json.dumps({"apiVersion": "client.authentication.k8s.io/v1alpha1"})
    out = run(*argv, env=dict(env, KUBERNETES_EXEC_INFO=info), check=False)
    assert out.returncode == 1 and "v1alpha1" in out.stderr and out.stdout == "", out
    took = []
    for _ in range(10):
        start = time.monotonic()
        run(*argv, env=env)
        took.append((time.monotonic() - start) * 1000)
    print("    credentials: median %.1f ms" % sorted(took)[5])


def certificate_of(c, user):
    name = f"127.0.0.1_{c.proxy_port}"
    with open(os.path.join(c.home(user), ".tsh", "keys", name, user + "-x509.pem")) as f:
        return ssl.PEM_cert_to_DER_cert(f.read().split("-----END")[0] + "-----END CERTIFICATE-----")


def the_certificate_names_groups_and_users_of_kubernetes(c):
    erin, frank = certificate_of(c, "erin"), certificate_of(c, "frank")
    assert b"devs" in erin and b"system:authenticated" in erin
    assert b"devs" not in frank and b"system:authenticated" not in frank


def dial(c, user, name):
    """TLS as kubectl would, with the user's certificate: through the proxy by a name."""
    folder = os.path.join(c.home(user), ".tsh", "keys", f"127.0.0.1_{c.proxy_port}")
    context = ssl.create_default_context(cafile=os.path.join(folder, "cas.pem"))
    context.load_cert_chain(os.path.join(folder, user + "-x509.pem"), plain_key(c, folder, user))
    raw = socket.create_connection(("127.0.0.1", c.proxy_port), timeout=20)
    return context.wrap_socket(raw, server_hostname=name)


def plain_key(c, folder, user):
    """The key's PEM form, which stands behind OpenSSH's."""
    with open(os.path.join(folder, user)) as f:
        text = f.read()
    return c.write(user + ".key", text[text.index("-----BEGIN EC"):])


def alert(c, user, name):
    """By which TLS alert the proxy refuses."""
    try:
        dial(c, user, name).close()
    except ssl.SSLError as error:
        return error.reason
    raise AssertionError(f"'{name}' was not refused")


def names_lead_to_their_kubeproxyd_and_tls_ends_there(c):
    for kube in (c.lab, c.far, c.prod):
        name = kube.spec["kube_cluster"]
        with dial(c, "erin", name + ".kube.example") as tls:
            assert tls.makefile().readline() == f"{name} serves erin\n"
            message = pb.Preface.FromString(kube.prefaces[-1])
            payload = pb.PrefacePayload.FromString(message.payload)
            assert payload.kind == pb.STREAM_KUBE and payload.target == kube.id, payload
            assert payload.client_addr == "127.0.0.1:%d" % tls.getsockname()[1], payload


def names_that_nobody_serves_get_an_alert_and_a_line_in_the_log(c):
    for name, reason in (("nope.kube.example", "no kubeproxyd serves"),
                         ("kube.example", "leaves open which")):
        assert "UNRECOGNIZED_NAME" in alert(c, "erin", name)
        c.proxyd.wait_log(f'event="service not reached" name={name}.* reason=".*{reason}')


def another_kubeproxyd_of_the_same_cluster_stands_in(c):
    second = FakeKube(c, "lab", {"env": "test"})
    second.hang_up()
    for _ in range(12):  # each first in half of them
        with dial(c, "erin", "lab.kube.example") as tls:
            assert tls.makefile().readline() == "lab serves erin\n"
    c.call("DeleteResource", {"kind": "kube_server", "name": second.id})
    c.far.hang_up()
    assert "INTERNAL_ERROR" in alert(c, "erin", "far.kube.example")


def a_lock_on_the_kubeproxyd_cuts_and_refuses(c):
    lock = {"kind": "lock", "version": "v2", "metadata": {"name": "no-lab"},
            "spec": {"target": {"node": c.lab.id}, "message": "under investigation"}}
    with dial(c, "erin", "lab.kube.example") as tls:
        lines = tls.makefile()
        assert lines.readline() == "lab serves erin\n"
        c.call("PutResource", {"resource": {"lock": lock}})
        try:
            assert lines.readline() == ""
        except OSError:
            pass
    assert "ACCESS_DENIED" in alert(c, "erin", "lab.kube.example")
    c.call("DeleteResource", {"kind": "lock", "name": "no-lab"})
    wait_for("the lock to go", lambda: "no-lab" not in str(
        c.call("ListResources", {"kind": "lock"})))


def logging_out_takes_our_contexts_away(c):
    argv, env = exec_env(c, "erin", read_kubeconfig(c, "erin"))
    c.tsh("erin", "logout")
    config = read_kubeconfig(c, "erin")
    assert config == dict(yaml.safe_load(OTHERS), **{"current-context": ""}), config
    out = run(*argv, env=env, check=False)
    assert out.returncode == 1 and "not logged in; run: tsh login --proxy=" in out.stderr, out


if __name__ == "__main__":
    story([a_login_adds_contexts_and_leaves_the_rest_as_it_was,
           who_may_use_no_kubernetes_gets_no_file,
           kubernetes_clusters_are_listed_as_the_roles_allow,
           logging_in_to_one_makes_its_context_current,
           credentials_are_given_in_the_version_asked_for,
           the_certificate_names_groups_and_users_of_kubernetes,
           names_lead_to_their_kubeproxyd_and_tls_ends_there,
           names_that_nobody_serves_get_an_alert_and_a_line_in_the_log,
           another_kubeproxyd_of_the_same_cluster_stands_in,
           a_lock_on_the_kubeproxyd_cuts_and_refuses,
           logging_out_takes_our_contexts_away],
          setup=put_up_kubernetes, door=False)
