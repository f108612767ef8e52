"""Who does not get to Kubernetes, and what they are told."""

import base64
import json
import os
import socket
import ssl

import yaml

import callers
from scenarios import terminal

PATH = "/api/v1/namespaces/default/pods"


def context_of(c, certificate=None, key=None):
    """As who holds that certificate; None: nobody."""
    context = ssl.create_default_context(cadata=callers.host_authority(c)["tls"][0]["cert"])
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def ask(c, context, path=PATH, headers=(), method="GET"):
    """One HTTP/1.1 request through the proxy, byte for byte: status and answer, or None if TLS or
    the connection ended instead."""
    try:
        raw = socket.create_connection(("127.0.0.1", c.proxy_port), timeout=20)
        with context.wrap_socket(raw, server_hostname="lab.kube.example") as tls:
            lines = [f"{method} {path} HTTP/1.1", "Host: lab.kube.example", "Connection: close",
                     *headers, "", ""]
            tls.sendall("\r\n".join(lines).encode())
            answer = tls.makefile("rb").read()
    except (ssl.SSLError, ConnectionError):
        return None
    if not answer:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def credentials(c, user):
    """The certificate and key of a user, in files."""
    with open(c.kubeconfig_signed(user)) as f:
        data = yaml.safe_load(f)["users"][0]["user"]
    paths = []
    for name in ("client-certificate-data", "client-key-data"):
        paths.append(c.write(f"{user}-{name}.pem", base64.b64decode(data[name]).decode()))
    return paths


def nobody_is_let_in_without_a_certificate(c):
    answer = ask(c, context_of(c))
    assert answer is None or answer[0] in (401, 403), answer


def hosts_are_no_people(c):
    node = callers.of_host(c, "proxy", c.path("proxyd"))
    answer = ask(c, context_of(c, node.certificate, node.key))
    assert answer is None or answer[0] in (401, 403), answer


def who_has_no_groups_is_told_so_by_kubectl(c):
    c.user("norma", ["access"])
    c.log_in("norma")
    path = c.kubeconfig_signed("norma")
    out = c.kubectl("norma", "get", "pods", kubeconfig=path, check=False)
    assert out.returncode != 0 and "has no assigned groups or users" in out.stderr, out
    assert "Error from server (Forbidden)" in out.stderr, out
    out = c.kubectl("norma", "exec", "box", "--", "true", kubeconfig=path, check=False)
    assert out.returncode != 0 and "has no assigned groups or users" in out.stderr, out


def a_cluster_with_other_labels_is_not_theirs(c):
    c.role("elsewhere", {"kubernetes_groups": ["devs"], "kubernetes_labels": {"env": ["prod"]}})
    c.user("elsa", ["access", "elsewhere"])
    c.log_in("elsa")
    assert c.tsh("elsa", "kube", "ls", "--format=names").stdout == ""
    path = c.kubeconfig_signed("elsa")
    out = c.kubectl("elsa", "get", "pods", kubeconfig=path, check=False)
    assert out.returncode != 0 and "no assigned groups or users" in out.stderr, out


def denials_are_status_objects(c):
    context = context_of(c, *credentials(c, "norma"))
    status, body = ask(c, context)
    said = json.loads(body)
    assert status == 403 and said["kind"] == "Status" and said["code"] == 403, said
    assert said["apiVersion"] == "v1" and said["reason"] == "Forbidden", said


def other_impersonation_headers_are_refused(c):
    context = context_of(c, *credentials(c, "ivan"))
    base = ["Impersonate-User: jane"]
    assert ask(c, context, headers=base)[0] == 200
    for header in ("Impersonate-Extra-Scopes: all", "Impersonate-Uid: 0",
                   "impersonate-extra-x: y", "Impersonate-User: john",
                   "Impersonate-Group: system:masters"):
        status, body = ask(c, context, headers=base + [header])
        assert status == 403 and "impersonat" in json.loads(body)["message"], (header, body)


def an_authorization_header_of_the_clients_goes_nowhere(c):
    with open(c.lab.kubeconfig("impersonator-sa")) as f:
        token = yaml.safe_load(f)["users"][0]["user"]["token"]
    context = context_of(c, *credentials(c, "vida"))
    status, _ = ask(c, context, "/api/v1/namespaces/default/pods/box", method="DELETE",
                    headers=["Authorization: Bearer " + token])
    assert status == 403


def smuggled_requests_are_refused(c):
    context = context_of(c, *credentials(c, "dora"))
    for headers in (["Content-Length: 5", "Transfer-Encoding: chunked"],
                    ["Content-Length: 5", "Content-Length: 6"],
                    ["Transfer-Encoding : chunked"],
                    ["X-Folded: a", " b: c"]):
        answer = ask(c, context, headers=headers, method="POST")
        assert answer is None or answer[0] == 400, (headers, answer)


def a_role_taken_away_ends_what_is_open(c):
    c.kube_user("rita", ["devs"])
    t = terminal(c, "rita", "exec", "-it", "box", "--", "sh")
    t.expect("# ")
    c.role("kube-rita", {})
    assert t.wait() != 0
    out = c.kubectl("rita", "get", "pods", check=False)
    assert out.returncode != 0 and "no assigned groups or users" in out.stderr, out


def kubectl_is_told_when_the_user_has_logged_out(c):
    c.kube_user("otto", ["devs"])
    saved = c.write("otto.kubeconfig", open(c.kubeconfig("otto")).read())
    c.tsh("otto", "logout")
    out = c.kubectl("otto", "get", "pods", kubeconfig=saved, check=False)
    assert out.returncode != 0 and "not logged in; run: tsh login" in out.stderr, out
    assert "example-lab" not in open(c.kubeconfig("otto")).read()
    assert os.stat(c.kubeconfig("otto")).st_mode & 0o777 == 0o600


TESTS = [nobody_is_let_in_without_a_certificate, hosts_are_no_people,
         who_has_no_groups_is_told_so_by_kubectl, a_cluster_with_other_labels_is_not_theirs,
         denials_are_status_objects, other_impersonation_headers_are_refused,
         an_authorization_header_of_the_clients_goes_nowhere, smuggled_requests_are_refused,
         a_role_taken_away_ends_what_is_open,
         kubectl_is_told_when_the_user_has_logged_out]
