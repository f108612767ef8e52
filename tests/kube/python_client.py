"""Python's own Kubernetes client: another reader of our kubeconfig, another WebSocket."""

import contextlib
import os
import socket

import kubernetes
from kubernetes.stream import stream

NAME = "lab.kube.example"


@contextlib.contextmanager
def names_resolve(port):
    """The client knows no tls-server-name: the name has to lead to the proxy, as DNS would."""
    real = socket.getaddrinfo

    def resolve(host, *args, **kw):
        return real("127.0.0.1" if host == NAME else host, *args, **kw)
    socket.getaddrinfo = resolve
    try:
        yield f"https://{NAME}:{port}"
    finally:
        socket.getaddrinfo = real


@contextlib.contextmanager
def client(c, user):
    """The core API, by the exec plugin that tsh wrote into the kubeconfig."""
    before = os.environ.get("HOME")
    os.environ["HOME"] = c.home(user)
    try:
        with names_resolve(c.proxy_port) as host:
            config = kubernetes.client.Configuration()
            kubernetes.config.load_kube_config(c.kubeconfig(user), client_configuration=config)
            config.host = host
            yield kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(config))
    finally:
        os.environ["HOME"] = before


def pythons_client_reads_and_writes(c):
    with client(c, "dora") as api:
        pods = api.list_namespaced_pod("default", label_selector="app=box").items
        assert [p.metadata.name for p in pods] == ["box"], pods
        made = kubernetes.client.V1ConfigMap(metadata={"name": "from-python"}, data={"a": "b"})
        api.create_namespaced_config_map("default", made)
        try:
            assert api.read_namespaced_config_map("from-python", "default").data == {"a": "b"}
        finally:
            api.delete_namespaced_config_map("from-python", "default")
        assert "line" in api.read_namespaced_pod_log("box", "default", tail_lines=1)


def pythons_client_sees_an_error_as_the_api_server_said_it(c):
    with client(c, "dora") as api:
        try:
            api.read_namespaced_pod("nothing", "default")
        except kubernetes.client.ApiException as error:
            assert error.status == 404 and 'pods \\"nothing\\" not found' in error.body, error
        else:
            raise AssertionError("a pod that is not there was read")


def pythons_client_execs_over_websocket(c):
    with client(c, "dora") as api:
        out = stream(api.connect_get_namespaced_pod_exec, "box", "default",
                     command=["sh", "-c", "echo out; echo err >&2"], stdout=True, stderr=True,
                     stdin=False, tty=False)
        assert sorted(out.split()) == ["err", "out"], out
        both = stream(api.connect_get_namespaced_pod_exec, "box", "default",
                      command=["sh", "-c", "read a; echo got-$a; exit 3"], stdin=True, stdout=True,
                      stderr=True, tty=False, _preload_content=False)
        both.write_stdin("word\n")
        both.run_forever(timeout=20)
        assert both.read_stdout() == "got-word\n" and both.returncode == 3, both.returncode


def pythons_client_watches(c):
    seen, watch = [], kubernetes.watch.Watch()
    with client(c, "dora") as api:
        made = kubernetes.client.V1ConfigMap(metadata={"name": "watched"})
        version = api.list_namespaced_config_map("default").metadata.resource_version
        api.create_namespaced_config_map("default", made)
        api.delete_namespaced_config_map("watched", "default")
        for event in watch.stream(api.list_namespaced_config_map, "default",
                                  resource_version=version, timeout_seconds=20):
            seen.append((event["type"], event["object"].metadata.name))
            if seen[-1] == ("DELETED", "watched"):
                watch.stop()
    assert ("ADDED", "watched") in seen and ("DELETED", "watched") in seen, seen


TESTS = [pythons_client_reads_and_writes, pythons_client_sees_an_error_as_the_api_server_said_it,
         pythons_client_execs_over_websocket, pythons_client_watches]
