"""The story that api.sh tells: what authd says of itself, to tools that know none of its messages."""

import json
import os
import subprocess
import sys

import grpc
import jsonschema
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import auth_pb2
import reflection_pb2
from authd_daemon import OWN_CONNECTION, Daemon, Stub

PROGRAM, WORK = sys.argv[1], sys.argv[2]

CALLS = [
    ("Ping", {}),
    ("ListResources", {"kind": "role", "page_size": 10}),
    ("ListResources", {"kind": "cert_authority"}),
    ("GetResource", {"kind": "role", "name": "editor"}),
    ("CreateUser", {"name": "ann", "roles": ["access"], "traits": {"logins": ["ann", "web"]}}),
    ("GetResource", {"kind": "user", "name": "ann"}),
    ("CreateToken", {"roles": ["Node"], "ttl": "1h0m0s"}),
]


def say(text):
    print(text, flush=True)


class Explorer:
    """Knows of a server what reflection tells, and nothing else."""

    def __init__(self, channel, version="v1alpha"):
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool()
        self.known = set()
        self.ask_stream = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)

    def ask(self, **question):
        request = reflection_pb2.ServerReflectionRequest(**question)
        (answer,) = self.ask_stream(iter([request]), timeout=60)
        assert answer.original_request == request
        return answer

    def services(self):
        answer = self.ask(list_services="")
        return [service.name for service in answer.list_services_response.service]

    def learn(self, **question):
        """The files that answer a question, with all that they import."""
        for data in self.ask(**question).file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            if file.name in self.known:
                continue
            self.known.add(file.name)
            for name in file.dependency:
                self.learn(file_by_filename=name)
            self.pool.Add(file)

    def call(self, service, method, **fields):
        """A unary call by names alone."""
        self.learn(file_containing_symbol=service)
        described = self.pool.FindServiceByName(service).methods_by_name[method]
        factory = message_factory.MessageFactory(self.pool)
        request = factory.GetPrototype(described.input_type)(**fields)
        call = self.channel.unary_unary(
            f"/{service}/{method}", request_serializer=type(request).SerializeToString,
            response_deserializer=factory.GetPrototype(described.output_type).FromString)
        return call(request, timeout=60)


def local(daemon):
    return grpc.insecure_channel(f"unix:{daemon.dir}/authd.sock", OWN_CONNECTION)


def host_authority(daemon):
    status, ca = daemon.curl_local("GetResource", {
        "kind": "cert_authority", "sub_kind": "host", "name": "example"})
    assert status == 200, ca
    return ca["cert_authority"]["spec"]["active_keys"]["tls"][0]["cert"].encode()


def a_tool_lists_and_calls_what_it_never_heard_of(daemon):
    for version in "v1", "v1alpha":
        tool = Explorer(local(daemon), version)
        services = tool.services()
        assert services == ["postern.v1.Auth", "grpc.reflection.v1.ServerReflection"], services
        assert tool.call("postern.v1.Auth", "Ping").cluster_name == "example"
        roles = tool.call("postern.v1.Auth", "ListResources", kind="role").resources
        names = [role.role.metadata.name for role in roles]
        assert {"access", "auditor", "editor"} <= set(names), names
        tool.learn(file_containing_symbol="grpc.reflection.v1.ServerReflection")
        assert tool.ask(file_by_filename="nothing.proto").error_response.error_code == \
            grpc.StatusCode.NOT_FOUND.value[0]
    say("a generic tool lists the services and calls them by what reflection told it")


def strangers_are_told_nothing(daemon):
    try:
        Explorer(stranger(daemon)).services()
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNAUTHENTICATED, e
    else:
        raise AssertionError("reflection answered who has no certificate")
    say("without a certificate reflection answers nothing")


def the_document_describes_the_answers(daemon):
    out = subprocess.run(["curl", "-sf", "--unix-socket", f"{daemon.dir}/authd.sock",
                          "http://authd/v1/openapi.json"], check=True, capture_output=True).stdout
    document = json.loads(out)
    paths = document["paths"]
    assert document["openapi"] == "3.0.3" and document["info"]["version"]
    assert "/v1/Ping" in paths and "/v1/Watch" in paths
    assert "/v1/UploadRecording" not in paths, "a client stream cannot be called by JSON"
    resolver = jsonschema.RefResolver("", document)
    for method, body in CALLS:
        post = paths[f"/v1/{method}"]["post"]
        request = post["requestBody"]["content"]["application/json"]["schema"]
        answer = post["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(body, request, resolver=resolver)
        status, got = daemon.curl_local(method, body)
        assert status == 200, got
        jsonschema.validate(got, answer, resolver=resolver)
    wrong = paths["/v1/Ping"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    try:
        jsonschema.validate({"cluster_name": 5}, wrong, resolver=resolver)
    except jsonschema.ValidationError:
        pass
    else:
        raise AssertionError("the document lets everything pass")
    say("what the JSON calls take and answer is what the OpenAPI document says")


def stranger(daemon):
    credentials = grpc.ssl_channel_credentials(host_authority(daemon))
    return grpc.secure_channel(f"127.0.0.1:{daemon.port}", credentials, OWN_CONNECTION + [
        ("grpc.ssl_target_name_override", "authd")])


def callers_are_held_to_a_rate(daemon):
    """Two calls a second without a certificate, twenty in a burst."""
    daemon.stop()
    daemon.write_settings("limits: {anonymous_rate: 2}\n")
    daemon.start()
    ping = Stub(stranger(daemon)).Ping
    for _ in range(20):
        ping(auth_pb2.PingRequest(), timeout=60)
    try:
        for _ in range(20):
            ping(auth_pb2.PingRequest(), timeout=60)
    except grpc.RpcError as e:
        trailers = dict(e.trailing_metadata())
        assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, e
        assert 0 < int(trailers["grpc-retry-pushback-ms"]) <= 500, trailers
    else:
        raise AssertionError("forty calls at once passed")
    ca = os.path.join(WORK, "ca.pem")
    with open(ca, "wb") as f:
        f.write(host_authority(daemon))
    out = subprocess.run(["curl", "-s", "-i", "--http1.1", "--cacert", ca, "-H",
                          "content-type: application/json", "-d", "{}",
                          *[f"https://localhost:{daemon.port}/v1/Ping"] * 30],
                         check=True, capture_output=True, text=True).stdout
    assert "HTTP/1.1 429" in out and "Retry-After: 1" in out, out
    assert daemon.curl_local("Ping", {})[0] == 200, "the local administrator has no bound"
    say("who calls too often is told when to try again, others are served")


def main():
    daemon = Daemon(PROGRAM, WORK)
    try:
        daemon.start()
        a_tool_lists_and_calls_what_it_never_heard_of(daemon)
        strangers_are_told_nothing(daemon)
        the_document_describes_the_answers(daemon)
        callers_are_held_to_a_rate(daemon)
        assert daemon.stop() == 0
    except BaseException:
        with open(daemon.log) as f:
            print(f.read(), file=sys.stderr)
        raise
    finally:
        if daemon.child.poll() is None:
            daemon.child.kill()


main()
