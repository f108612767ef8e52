"""Trusted clusters: a root whose people come to a leaf, and what neither may do.

Two whole clusters on one machine. Here the root's people reach the leaf's own addresses.
"""

import json
import re
import struct
import subprocess
import uuid

import callers
import dial_pb2
from cluster import BUILD, Cluster, run, story, wait_for
from denials_tls import tls


class World:
    """Root and leaf, and alice of the root, who is dev there and leaf-dev here."""

    def __init__(self):
        quick = "rotation: {spread: 100ms}\n"
        self.root = Cluster(name="root", tag="r", authd=quick)
        self.leaf = Cluster(name="leaf", tag="l", authd=quick)

    def start(self):
        for c in (self.root, self.leaf):
            c.start()
            c.ca = c.write("host-ca.pem", authority(c, "host", c.name)["tls"][0]["cert"])

    def standard_people(self):
        self.root.role("dev", {"logins": [self.root.login, self.leaf.login],
                               "node_labels": {"*": "*"}})
        self.root.role("guest", {"logins": [self.leaf.login]})
        self.leaf.role("leaf-dev", {"logins": [self.leaf.login], "node_labels": {"env": "test"}})
        self.root.user("alice", ["dev"])
        self.root.user("greta", ["guest"])
        self.leaf.user("bob", ["leaf-dev"])
        self.root.log_in("alice")
        self.root.log_in("greta")
        self.leaf.log_in("bob")
        self.alice = callers.of_user(self.root, "alice")
        self.greta = callers.of_user(self.root, "greta")
        self.bob = callers.of_user(self.leaf, "bob")

    def clean(self, keep):
        for c in (self.leaf, self.root):
            c.clean(keep)


def tctl(c, *argv, **kw):
    return run(BUILD + "/tctl", "--socket=" + c.path("run", "authd.sock"), *argv, **kw)


def documents(c, kind):
    return json.loads(tctl(c, "get", kind, "--format=json").stdout or "[]")


def authority(c, kind, cluster):
    return c.call("GetResource", {"kind": "cert_authority", "sub_kind": kind,
                                  "name": cluster})["cert_authority"]["spec"]["active_keys"]


def new_token(w, *more):
    """The resource for the leaf, as tctl on the root prints it, with a role map."""
    out = tctl(w.root, "tokens", "add", "--type=trusted_cluster", *more).stdout
    text = out[out.index("kind: trusted_cluster"):]
    return re.sub(r"- \{remote: access.*", "- {remote: dev, local: [leaf-dev]}", text)


def create(w, text, *options, check=True):
    return tctl(w.leaf, "create", *options, w.leaf.write("tc.yaml", text), check=check)


def refused(w, text, because, *options):
    out = create(w, text, *options, check=False)
    assert out.returncode == 1 and because in out.stderr, out
    assert not documents(w.root, "remote_cluster"), "the root has a leaf now"


def direct(c, who, login=None, command="echo in"):
    """ssh to the node itself, past tsh and proxies."""
    known = c.write("known", f"@cert-authority * {authority(c, 'host', c.name)['ssh'][0]['public_key']}\n")
    return run("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o",
               f"UserKnownHostsFile={known}", "-o", f"HostKeyAlias=web-1.{c.name}", "-i", who.key,
               "-o", f"CertificateFile={who.key}-cert.pub", "-p", c.node_port,
               f"{login or c.login}@127.0.0.1", command, check=False)


def door(c, who):
    """ssh through the SSH door of the cluster's proxy."""
    known = c.write("known", f"@cert-authority * {authority(c, 'host', c.name)['ssh'][0]['public_key']}\n")
    common = (f"-F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile={known} "
              f"-i {who.key} -o CertificateFile={who.key}-cert.pub")
    proxy = f"ssh {common} -o HostKeyAlias=localhost.{c.name} -p {c.proxy_port} {c.door_user}@127.0.0.1 connect %h %p"
    return run("ssh", *common.split(), "-o", f"HostKeyAlias=web-1.{c.name}", "-o",
               f"ProxyCommand={proxy}", f"{c.login}@web-1", "echo in", check=False)


def status(c, who, method, body):
    return callers.curl(c, who, method, body)


# --- before there is any trust -------------------------------------------------------------------


def strangers_are_nobody_at_each_door(w):
    for c, who in ((w.leaf, w.alice), (w.root, w.bob)):
        code, answer = status(c, who, "ListResources", {"kind": "node"})
        assert code in (0, 401), (code, answer)
        assert direct(c, who).returncode == 255 and door(c, who).returncode == 255


def the_proxy_must_prove_itself_before_the_token_leaves(w):
    good = new_token(w)
    other = "0" * 64
    bare = re.sub(r"@sha256:\w+", "", good)
    refused(w, bare, "not signed by a trusted authority")
    refused(w, re.sub(r"sha256:\w+", "sha256:" + other, good), "pin")
    refused(w, re.sub(r"@sha256:\w+", "@sha256:12", good), "the pin behind '@'")
    refused(w, good.replace("name: root", "name: other"), "this is cluster 'root', not 'other'")
    refused(w, good.replace("name: root", "name: leaf"), "is our own cluster")
    refused(w, re.sub(r"token: .{8}", "token: wrong", good), "not valid, or has expired")
    refused(w, re.sub(r"  token: .*\n", "", good), "spec.token: missing")
    assert not w.root.audit("instance.join")[-1]["success"]
    w.good = good  # nothing of this has used it up


def a_token_for_hosts_is_for_no_cluster_and_the_other_way_round(w):
    host = w.root.call("CreateToken", {"roles": ["Node"]})["token"]["metadata"]["name"]
    refused(w, re.sub(r"token: [^@]+", "token: " + host, w.good), "not for a trusted cluster")
    value = re.search(r"token: ([^@]+)@", w.good).group(1)
    asked = {"token": value, "system_role": "Node", "host_id": "5d1b3c64-0d4b-4a3e-8f43-2f8f0f3f2c11",
             "hostname": "x"}
    code, answer = w.root.request("Join", asked)
    assert code != 200 and "not for a Node" in answer["message"], answer


def validate(w, authorities, token=None, cluster="root"):
    """What curl at the root's proxy would hear."""
    value = token or re.search(r"token: ([^@]+)@", w.good).group(1)
    out = run("curl", "-s", "--http1.1", "--cacert", w.root.ca, "-w", "\n%{http_code}", "-H",
              "content-type: application/json", "-d",
              json.dumps({"token": value, "cluster_name": cluster, "authorities": authorities}),
              f"https://localhost:{w.root.proxy_port}/v1/ValidateTrustedCluster", check=False)
    text, _, code = out.stdout.rpartition("\n")
    return int(code), text


def authorities_that_are_none_are_refused(w):
    def ca(name="leaf", **changes):
        spec = w.leaf.call("GetResource", {"kind": "cert_authority", "sub_kind": "host",
                                           "name": "leaf"})["cert_authority"]
        spec["spec"].update({"cluster_name": name, **changes})
        spec["metadata"]["name"] = name
        return spec
    good = ca()
    garbage = {"tls": [{"cert": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}],
               "ssh": good["spec"]["active_keys"]["ssh"]}
    roots = authority(w.root, "host", "root")
    for said, because in (
            ([], "exactly one authority"), ([good, good], "exactly one authority"),
            ([ca(type="user")], "a host authority was expected"),
            ([ca("root")], "is our own name"), ([ca("Not a name")], "is not a DNS name"),
            ([ca("")], "is not a DNS name"), ([ca("../leaf")], "is not a DNS name"),
            ([ca(active_keys={})], "without keys"), ([ca(active_keys=garbage)], "tls[0]"),
            ([ca(active_keys={"tls": good["spec"]["active_keys"]["tls"] * 5,
                              "ssh": good["spec"]["active_keys"]["ssh"]})], "more than 4 keys"),
            ([ca(active_keys=roots)], "those of another cluster")):
        code, text = validate(w, said)
        assert code >= 400 and because in text, (because, code, text)
    assert not documents(w.root, "remote_cluster")


# --- with trust ----------------------------------------------------------------------------------


def a_leaf_is_made_by_tctl_create(w):
    out = create(w, w.good)
    assert 'trusted_cluster "root" has been created' in out.stdout, out
    assert [d["metadata"]["name"] for d in documents(w.root, "remote_cluster")] == ["leaf"]
    assert [d["spec"]["cluster_name"] for d in documents(w.leaf, "reverse_tunnel")] == ["root"]
    names = {(d["sub_kind"], d["metadata"]["name"]) for d in documents(w.leaf, "ca")}
    assert names == {("user", "leaf"), ("host", "leaf"), ("user", "root"), ("host", "root")}
    names = {(d["sub_kind"], d["metadata"]["name"]) for d in documents(w.root, "ca")}
    assert names == {("user", "root"), ("host", "root"), ("host", "leaf")}, "no people of the leaf's"
    joined = w.root.audit("instance.join")[-1]
    assert joined["success"] and joined["server_hostname"] == "leaf", joined
    assert "127.0.0.1" in joined["addr.remote"], joined
    w.leaf.authd.wait_log('event="root reached"')


def a_token_is_good_once_and_a_name_for_one(w):
    code, text = validate(w, [])
    assert code == 403 and "used already" in text, text
    w.good = new_token(w)
    out = create(w, w.good, check=False)
    assert out.returncode == 1 and "already exists" in out.stderr, out
    out = create(w, w.good, "-f", check=False)
    assert out.returncode == 1 and "spec.token: cannot change" in out.stderr, out
    code, text = validate(w, [w.leaf.call("GetResource", {
        "kind": "cert_authority", "sub_kind": "host", "name": "leaf"})["cert_authority"]])
    assert code >= 400 and "those of another cluster" in text, text


def the_roots_people_have_the_mapped_roles_and_names(w):
    got = wait_for("alice to be let in", lambda: direct(w.leaf, w.alice).stdout == "in\n")
    assert got
    code, answer = status(w.leaf, w.alice, "ListResources", {"kind": "node"})
    assert code == 200 and len(answer["resources"]) == 1, answer
    out = wait_for("the door", lambda: (lambda o: o if o.returncode == 0 else None)(door(w.leaf, w.alice)))
    assert out.stdout == "in\n", out
    told = w.leaf.audit("exec")[-1]
    assert told["user"] == "remote-alice-root" and told["login"] == w.leaf.login, told
    for method, body in (("ListMfaDevices", {}), ("CreateUser", {"name": "x", "roles": ["leaf-dev"]}),
                         ("RotateAuthority", {}), ("UpdateAuthorities", {}),
                         ("Announce", {}), ("ListResources", {"kind": "token"})):
        code, answer = status(w.leaf, w.alice, method, body)
        assert code == 403, (method, code, answer)
    code, answer = status(w.leaf, w.alice, "CreateAccessRequest", {"roles": ["leaf-dev"]})
    assert code == 404, (code, answer)


def without_a_mapped_role_nobody_gets_in(w):
    code, answer = status(w.leaf, w.greta, "ListResources", {"kind": "node"})
    assert code == 403 and "no role of the other cluster maps" in answer["message"], answer
    assert direct(w.leaf, w.greta).returncode == 255 and door(w.leaf, w.greta).returncode == 255
    event = wait_for("the refusal", lambda: [e for e in w.leaf.audit("auth")
                                             if e.get("user") == "remote-greta-root"])[0]
    assert "maps to one here" in event["error"], event


def the_leafs_people_get_nothing_on_the_root(w):
    for method, body in (("ListResources", {"kind": "node"}), ("GetResource", {"kind": "user", "name": "bob"}),
                         ("ListMfaDevices", {}), ("Watch", {"kinds": [{"kind": "node"}]})):
        code, answer = status(w.root, w.bob, method, body)
        assert code in (0, 401), (method, code, answer)
    assert direct(w.root, w.bob).returncode == 255 and door(w.root, w.bob).returncode == 255
    assert direct(w.root, w.alice).returncode == 0, "the node is there"


def hosts_of_the_leaf_are_no_hosts_of_the_root(w):
    """Nor the other way round, but that a root's proxy lists nodes."""
    for here, there in ((w.root, w.leaf), (w.leaf, w.root)):
        for name, folder in (("node", there.path("noded", "host")), ("proxy", there.path("proxyd"))):
            host = callers.of_host(there, name, folder)
            roots_proxy = here is w.leaf and name == "proxy"
            for method, body in (("RenewHost", {}), ("EmitAudit", {}), ("UpdateAuthorities", {}),
                                 ("Announce", {"node": {"metadata": {"name": host.id}}}),
                                 ("ListResources", {"kind": "user"}),
                                 ("ListResources", {"kind": "role"}),
                                 ("DeleteResource", {"kind": "node", "name": host.id}),
                                 ("PutResource", {"resource": {"cert_authority": {}}})):
                code, answer = status(here, host, method, body)
                assert code == 403, (here.name, name, method, code, answer)
            code, answer = status(here, host, "ListResources", {"kind": "node"})
            assert code == (200 if roots_proxy else 403), (here.name, name, code, answer)
            if roots_proxy:
                code, answer = status(here, host, "ListResources", {"kind": "cert_authority"})
                keys = json.dumps(answer)
                assert code == 200 and "private" not in keys and '"root"' not in keys, answer


def proxies_of_one_are_not_relayed_for_by_the_other(w):
    """Whose agents are whose: nobody gets into another cluster's tunnels as its proxy."""
    for here, there in ((w.root, w.leaf), (w.leaf, w.root)):
        request = dial_pb2.RelayRequest(agent_id=str(uuid.uuid4()), service="node")
        asked = request.SerializeToString()
        proxy = callers.of_host(there, "proxy", there.path("proxyd"))
        with tls(here, here.proxy_port, proxy, "postern-peer/1") as stream:
            stream.sendall(struct.pack(">I", len(asked)) + asked)
            size, = struct.unpack(">I", stream.recv(4))
            answer = dial_pb2.DialResponse.FromString(stream.recv(size))
        assert answer.code == 7, (here.name, answer)


def locks_and_names_are_their_own(w):
    w.leaf.call("PutResource", {"resource": {"lock": {
        "kind": "lock", "version": "v2", "metadata": {"name": "l1"},
        "spec": {"target": {"user": "alice"}}}}})
    assert direct(w.leaf, w.alice).returncode == 0, "another alice is locked"
    w.leaf.call("PutResource", {"resource": {"lock": {
        "kind": "lock", "version": "v2", "metadata": {"name": "l2"},
        "spec": {"target": {"user": "remote-alice-root"}}}}})
    wait_for("the lock", lambda: direct(w.leaf, w.alice).returncode == 255)
    code, answer = status(w.leaf, w.alice, "ListResources", {"kind": "node"})
    assert code in (401, 403) and "locked" in answer["message"], answer
    for name in ("l1", "l2"):
        w.leaf.call("DeleteResource", {"kind": "lock", "name": name})
    wait_for("the lock's end", lambda: direct(w.leaf, w.alice).returncode == 0)
    code, answer = w.leaf.request("CreateUser", {"name": "remote-alice-root", "roles": ["leaf-dev"]})
    assert code == 400 and "other clusters' people" in answer["message"], answer


# --- changes -------------------------------------------------------------------------------------


def stored(w):
    return re.search(r"kind: trusted_cluster[\s\S]*", tctl(w.leaf, "get", "tc/root").stdout).group(0)


def the_role_map_can_change_and_the_rest_cannot(w):
    text = stored(w)
    for field in ("web_proxy_addr", "tunnel_addr"):
        out = create(w, re.sub(field + ": .*", field + ": 127.0.0.1:1", text), "-f", check=False)
        assert out.returncode == 1 and f"spec.{field}: cannot change" in out.stderr, out
    create(w, text.replace("remote: dev", "remote: ops"), "-f")
    wait_for("alice to be out", lambda: direct(w.leaf, w.alice).returncode == 255)
    create(w, stored(w).replace("remote: ops", "remote: dev"), "-f")
    wait_for("alice to be in", lambda: direct(w.leaf, w.alice).returncode == 0)


def disabled_it_trusts_nobody_and_open_sessions_end(w):
    key = w.alice.key
    known = w.leaf.path("known")
    live = subprocess.Popen(
        ["ssh", "-F", "none", "-tt", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o",
         f"UserKnownHostsFile={known}", "-o", "HostKeyAlias=web-1.leaf", "-i", key, "-o",
         f"CertificateFile={key}-cert.pub", "-p", str(w.leaf.node_port),
         f"{w.leaf.login}@127.0.0.1", "echo there; exec sleep 60"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "there" in live.stdout.readline()
    create(w, re.sub(r"enabled: \w+", "enabled: false", stored(w)), "-f")
    live.wait(timeout=20)
    assert direct(w.leaf, w.alice).returncode == 255
    code, answer = status(w.leaf, w.alice, "ListResources", {"kind": "node"})
    assert code in (0, 401), (code, answer)
    assert not documents(w.leaf, "reverse_tunnel")
    assert {d["metadata"]["name"] for d in documents(w.leaf, "ca")} == {"leaf"}
    create(w, re.sub(r"enabled: \w+", "enabled: true", stored(w)), "-f")
    wait_for("alice to be in", lambda: direct(w.leaf, w.alice).returncode == 0)
    assert documents(w.leaf, "reverse_tunnel")


# --- rotation ------------------------------------------------------------------------------------


def keys(c, kind, cluster):
    spec = c.call("GetResource", {"kind": "cert_authority", "sub_kind": kind,
                                  "name": cluster})["cert_authority"]["spec"]
    return [sorted(k["cert"] for k in spec.get(part, {}).get("tls", []))
            for part in ("active_keys", "additional_trusted_keys")]


def same_keys(w, kind, of, at):
    wait_for(f"{at.name} to know the {kind} authority of {of.name}",
             lambda: keys(of, kind, of.name) == keys(at, kind, of.name))


def rotate(c, kind, phase):
    """The next phase, and every host of the cluster has followed."""
    tctl(c, "auth", "rotate", "--manual", f"--type={kind}", f"--phase={phase}")
    wait_for("the hosts", lambda: not c.call("GetRotation", {}).get("stragglers"))


PHASES = ("init", "update_clients", "update_servers", "standby")


def each_follows_the_others_rotation_in_every_phase(w):
    for phase in PHASES:
        rotate(w.root, "all", phase)
        same_keys(w, "host", w.root, w.leaf)
        same_keys(w, "user", w.root, w.leaf)
        w.root.log_in("alice", f"--ca-pin={w.root.call('Ping', {})['ca_pins'][0]}")
        wait_for(f"alice in {phase}", lambda: direct(w.leaf, w.alice).returncode == 0)
    for phase in PHASES:
        rotate(w.leaf, "host", phase)
        same_keys(w, "host", w.leaf, w.root)


def a_leaf_that_was_away_is_told_why_it_is_locked_out(w):
    w.leaf.authd.stop()
    for phase in PHASES:
        rotate(w.root, "host", phase)
    w.leaf.authd.start()
    said = w.leaf.authd.wait_log('event="root does not hold".*').group(0)
    assert "rotated its host authority while the other was away" in said, said
    assert "create it anew with a new token" in said, said


# --- the end -------------------------------------------------------------------------------------


def removed_on_both_sides_it_can_be_made_anew(w):
    tctl(w.leaf, "rm", "tc/root")
    assert {d["metadata"]["name"] for d in documents(w.leaf, "ca")} == {"leaf"}
    assert not documents(w.leaf, "reverse_tunnel") and not documents(w.leaf, "tc")
    wait_for("alice to be out", lambda: direct(w.leaf, w.alice).returncode == 255)
    tctl(w.root, "rm", "rc/leaf")
    assert {d["metadata"]["name"] for d in documents(w.root, "ca")} == {"root"}
    create(w, new_token(w).replace("enabled: yes", "enabled: no"))
    assert {d["metadata"]["name"] for d in documents(w.leaf, "ca")} == {"leaf"}, "made disabled"
    assert documents(w.root, "remote_cluster") and not documents(w.leaf, "reverse_tunnel")
    create(w, re.sub(r"enabled: \w+", "enabled: true", stored(w)), "-f")
    wait_for("alice to be in", lambda: direct(w.leaf, w.alice).returncode == 0)


TESTS = (
    strangers_are_nobody_at_each_door,
    the_proxy_must_prove_itself_before_the_token_leaves,
    a_token_for_hosts_is_for_no_cluster_and_the_other_way_round,
    authorities_that_are_none_are_refused,
    a_leaf_is_made_by_tctl_create,
    a_token_is_good_once_and_a_name_for_one,
    the_roots_people_have_the_mapped_roles_and_names,
    without_a_mapped_role_nobody_gets_in,
    the_leafs_people_get_nothing_on_the_root,
    hosts_of_the_leaf_are_no_hosts_of_the_root,
    proxies_of_one_are_not_relayed_for_by_the_other,
    locks_and_names_are_their_own,
    the_role_map_can_change_and_the_rest_cannot,
    disabled_it_trusts_nobody_and_open_sessions_end,
    each_follows_the_others_rotation_in_every_phase,
    a_leaf_that_was_away_is_told_why_it_is_locked_out,
    removed_on_both_sides_it_can_be_made_anew,
)


if __name__ == "__main__":
    story(TESTS, make=World)
