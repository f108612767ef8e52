#!/usr/bin/python3
"""rpc_client.py ADDR DIR - Python's grpcio and curl against the echo service of echo.h, with the
certificates in DIR (ca.pem, alice.pem, alice.key). Run by test_rpc_tls."""
import glob
import json
import subprocess
import sys
import threading

import grpc

addr, folder = sys.argv[1:]
subprocess.run(["protoc", "-Iproto", "-I/usr/include", "--python_out=" + folder,
                *glob.glob("proto/*.proto")],
               check=True)
sys.path.insert(0, folder)
import auth_pb2 as pb  # noqa: E402


def read(name):
    with open(folder + "/" + name, "rb") as f:
        return f.read()


def check(got, wanted):
    if got != wanted:
        sys.exit("got %r, wanted %r" % (got, wanted))


channel = grpc.secure_channel(addr, grpc.ssl_channel_credentials(
    read("ca.pem"), read("alice.key"), read("alice.pem")))


def method(kind, name, response):
    return getattr(channel, kind)("/postern.test.Echo/" + name,
                                  lambda m: m.SerializeToString(), response.FromString)


def fails(call, code, *details):
    try:
        call()
    except grpc.RpcError as e:
        check((e.code(), e.details()),
              (code, e.details() if e.details() in details else details))
    else:
        sys.exit("did not fail with %s" % code)


say = method("unary_unary", "Say", pb.KillSessionRequest)
check(say(pb.KillSessionRequest(session_id="hello"), timeout=10).session_id, "hello")
big = "x" * 60000
check(say(pb.KillSessionRequest(session_id=big), timeout=10).session_id, big)
fails(lambda: say(pb.KillSessionRequest(session_id="fail"), timeout=10),
      grpc.StatusCode.NOT_FOUND, "no such session 'f\u00e4il'")
fails(lambda: say(pb.KillSessionRequest(session_id="never"), timeout=0.2),
      grpc.StatusCode.DEADLINE_EXCEEDED,
      "Deadline Exceeded", "the call's deadline has passed")  # whoever looks first: client, server
fails(lambda: method("unary_unary", "Secret", pb.Empty)(pb.KillSessionRequest(), timeout=10),
      grpc.StatusCode.PERMISSION_DENIED, "nobody may")
fails(lambda: method("unary_unary", "Nothing", pb.Empty)(pb.Empty(), timeout=10),
      grpc.StatusCode.UNIMPLEMENTED, "no such method '/postern.test.Echo/Nothing'")

count = method("unary_stream", "Count", pb.RecordingChunk)
offsets = [c.offset for c in count(pb.GetRecordingRequest(offset=50000), timeout=60)]
check(offsets, list(range(50000)))
live = count(pb.GetRecordingRequest(offset=3, follow=True))
check([next(live).offset for _ in range(3)], [0, 1, 2])
live.cancel()

total = method("stream_unary", "Sum", pb.RecordingAck)
chunks = (pb.RecordingChunk(data=b"y" * 32768) for _ in range(200))
check(total(chunks, timeout=60).offset, 200 * 32768)

talk = method("stream_stream", "Talk", pb.RecordingAck)
turn = threading.Semaphore(1)


def speak():
    for i in range(20):
        turn.acquire()
        yield pb.RecordingChunk(offset=i)


heard = []
for ack in talk(speak(), timeout=60):
    heard.append(ack.offset)
    turn.release()
check(heard, list(range(20)))


def curl(path, body, *more):
    out = subprocess.run(
        ["curl", "-sS", "--http1.1", "--max-time", "20", "--cacert", folder + "/ca.pem", "--cert", folder + "/alice.pem",
         "--key", folder + "/alice.key", "-H", "Content-Type: application/json", "-d", body,
         "-w", "\n%{http_code}", *more, "https://%s/v1/%s" % (addr, path)],
        check=True, stdout=subprocess.PIPE).stdout.decode()
    text, _, status = out.rpartition("\n")
    return int(status), text


status, text = curl("Say", '{"session_id": "hello"}')
check((status, json.loads(text)), (200, {"session_id": "hello"}))
status, text = curl("Say", '{"session_id": "fail"}')
check((status, json.loads(text)["code"]), (404, "NOT_FOUND"))
status, text = curl("Count", '{"offset": 3}')
check((status, [json.loads(line).get("offset", 0) for line in text.split()]), (200, [0, 1, 2]))
status, text = curl("Say", "{}", "-H", "Origin: https://evil.example.com")
check(status, 403)
