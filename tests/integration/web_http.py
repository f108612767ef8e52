"""What web.py shows of the pages and the login API."""

import concurrent.futures
import html
import json
import time
import urllib.parse

from cluster import CLUSTER, PASSWORD, run, wait_for
from web_client import STREAM, ask, context, own_files, post, read_all, say, tcp

CHOSEN = "a long enough password"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000",
}
PAGE_HEADERS = {**HEADERS, "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}


def invite(c, name):
    return c.call("CreateUser", {"name": name, "roles": ["dev"]})["token"]


def page(c, token):
    return ask(c, "GET", f"/web/invite/{token}")


def submit(c, token, password, again=None, **headers):
    """As a browser sends the form."""
    fields = {"token": token, "password": password, "again": password if again is None else again}
    return ask(c, "POST", "/web/invite", urllib.parse.urlencode(fields),
               {"Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"https://127.0.0.1:{c.proxy_port}", **headers})


def has(answer, headers):
    for name, value in headers.items():
        assert answer.headers[name] == value, (name, answer.headers[name])


# --- the invite page -----------------------------------------------------------------------------


def an_invite_is_opened_often_and_used_once(c):
    token = invite(c, "ines")
    for _ in range(3):
        shown = page(c, token)
        assert shown.status == 200 and f"<b>ines</b> in the cluster <b>{CLUSTER}</b>" in shown.text
        assert '<form method="post"' in shown.text and "script" not in shown.text, shown.text
    has(shown, PAGE_HEADERS)
    policy = shown.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert part in policy, policy
    assert "Your password is set" in submit(c, token, CHOSEN).text
    for gone in page(c, token), submit(c, token, CHOSEN):
        assert gone.status in (401, 403, 404) and "That did not work" in gone.text, gone.text
    assert post(c, "Login", login(c, "ines", CHOSEN)).status == 200


def a_refused_password_leaves_the_invite(c):
    token = invite(c, "ivo")
    for answer, why in ((submit(c, token, "short"), "6"),
                        (submit(c, token, CHOSEN, again="another"), "The two passwords differ"),
                        (submit(c, token, ""), "6")):
        assert answer.status == 400 and why in answer.text, answer.text
        assert f'href="/web/invite/{token}"' in answer.text
        has(answer, PAGE_HEADERS)
    assert submit(c, token, CHOSEN).status == 200


def an_invite_that_is_none_gives_a_clear_page(c):
    for token in ("nothing", "x" * 3000, "%00", "..%2f..%2fetc"):
        answer = page(c, token)
        assert answer.status in (400, 401, 403, 404), (token, answer.status)
        assert "That did not work" in answer.text and "Try again" not in answer.text, answer.text


def a_newer_invite_ends_the_older(c):
    old = invite(c, "iris")
    new = c.call("ResetUser", {"name": "iris"})["token"]
    assert page(c, old).status in (401, 403, 404) and page(c, new).status == 200
    assert submit(c, old, CHOSEN).status in (401, 403, 404)


def markup_that_others_send_is_shown_as_text(c):
    attack = '"><script>alert(1)</script>'
    for answer in (submit(c, attack, CHOSEN, again="another"), submit(c, attack, CHOSEN),
                   page(c, urllib.parse.quote(attack))):
        assert "<script" not in answer.text, answer.text
    assert attack in html.unescape(submit(c, attack, CHOSEN, again="another").text)


# --- the API -------------------------------------------------------------------------------------


def login(c, user, password=PASSWORD):
    with open(c.path("key.pub")) as f:
        return {"user": user, "password": password, "ssh_public_key": f.read().strip()}


def ping_is_the_only_call_by_get(c):
    for answer in ask(c, "GET", "/v1/Ping"), post(c, "Ping", {}):
        assert answer.status == 200 and answer.json()["cluster_name"] == CLUSTER
        assert answer.json()["ca_pins"] == [c.pin]
        has(answer, HEADERS)
    for path in "/v1/Login", "/v1/AcceptInvite", "/v1/GetInvite":
        assert ask(c, "GET", path).status == 400, path
    for path in "/", "/v1/", "/v1/ListResources", "/v1/Ping/", "/web/invite", "/web/invite/":
        answer = ask(c, "GET", path)
        assert answer.status == 404 and "no such page" in answer.text, (path, answer.text)


def getting_changes_nothing(c):
    before = c.call("Ping", {})["revision"]
    token = invite(c, "gina")
    made = c.call("Ping", {})["revision"]
    assert made > before
    query = urllib.parse.urlencode({"token": token, "password": CHOSEN, "again": CHOSEN})
    for path in (f"/web/invite/{token}", f"/web/invite?{query}", f"/v1/AcceptInvite?{query}",
                 f"/v1/Login?user=alice&password={PASSWORD}", "/v1/Ping"):
        for method in "GET", "HEAD":
            ask(c, method, path.replace(" ", "+"))
    assert c.call("Ping", {})["revision"] == made
    assert page(c, token).status == 200


def curl_logs_in(c):
    out = run("curl", "-s", "--cacert", c.host_ca, "-H", "content-type: application/json", "-d",
              "@-", f"https://localhost:{c.proxy_port}/v1/Login",
              input=json.dumps(login(c, "alice")))
    certificate = c.write("curl-cert.pub", json.loads(out.stdout)["ssh_certificate"] + "\n")
    assert 'Key ID: "alice"' in run("ssh-keygen", "-L", "-f", certificate).stdout
    wrong = post(c, "Login", login(c, "alice", "wrong"))
    assert wrong.status == 401 and wrong.json()["code"] == "UNAUTHENTICATED", wrong.text
    nobody = post(c, "Login", login(c, "nobody-of-that-name", "wrong"))
    assert (nobody.status, nobody.text) == (wrong.status, wrong.text)
    has(wrong, HEADERS)


def only_json_from_our_own_pages_is_taken(c):
    body = json.dumps(login(c, "alice"))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", None):
        headers = {"Content-Type": kind} if kind else {}
        answer = ask(c, "POST", "/v1/Login", body, headers)
        assert answer.status == 400 and "application/json" in answer.text, (kind, answer.text)
    ours = f"127.0.0.1:{c.proxy_port}"
    for origin in ("https://evil.example", "null", f"http://{ours}", f"https://{ours}.evil.example",
                   "https://127.0.0.1", ""):
        answer = post(c, "Login", login(c, "alice"), Origin=origin)
        assert answer.status == 403 and "other sites" in answer.text, (origin, answer.text)
        assert submit(c, "token", CHOSEN, Origin=origin).status == 403
    assert post(c, "Ping", {}, Origin=f"https://{ours}").status == 200
    for text in "{", "[]", '{"user": 1}', '{"nonsense": 1}', '{"user": "a", "user": "b"}':
        headers = {"Content-Type": "application/json"}
        assert ask(c, "POST", "/v1/Login", text, headers).status == 400, text


# --- requests that two parsers could read in two ways --------------------------------------------

PING = "POST /v1/Ping HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SECOND = "GET /v1/Ping HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = [
    (400, PING + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    (400, PING + "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}"),
    (400, PING + "Content-Length: 2, 2\r\n\r\n{}"),
    (400, PING + "Content-Length: +2\r\n\r\n{}"),
    (400, PING + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    (400, PING + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    (400, PING + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    (400, PING + "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    (400, PING + "Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    (400, PING + "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n"),
    (400, PING + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"),
    (400, PING + "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n"),
    (400, PING + "Content-Length : 2\r\n\r\n{}"),
    (400, PING + "X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"),
    (400, PING + "X: a\nContent-Length: 2\r\n\r\n{}"),
    (400, PING + "X: a\rY: b\r\nContent-Length: 2\r\n\r\n{}"),
    (400, PING + "X: a\0b\r\nContent-Length: 2\r\n\r\n{}"),
    (400, PING + "Host: b\r\nContent-Length: 2\r\n\r\n{}"),
    (400, "POST /v1/Ping HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
    (400, "GET http://evil.example/v1/Ping HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /v1/Ping HTTP/3.1\r\nHost: a\r\n\r\n"),
    (400, "GET  /v1/Ping HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (431, PING + "X: " + "a" * 9000 + "\r\n\r\n"),
    (431, PING + "X: a\r\n" * 70 + "\r\n"),
    (431, PING + f"X: {'a' * 8000}\r\n" * 5 + "\r\n"),
    (413, PING + "Content-Length: 100000000\r\n\r\n"),
    (413, PING + "Transfer-Encoding: chunked\r\n\r\n" + f"8000\r\n{'a' * 0x8000}\r\n" * 3 + "0\r\n\r\n"),
]


def what_can_be_read_in_two_ways_is_refused_and_ends_the_connection(c):
    for status, request in SMUGGLED:
        got = say(c, (request + SECOND).encode("latin-1"))
        assert got.startswith(f"HTTP/1.1 {status} ".encode()), (request[-200:], got)
        assert got.count(b"HTTP/1.1 ") == 1 and b"Connection: close" in got, (request[-200:], got)


def what_is_sound_is_answered_one_after_the_other(c):
    bodies = (PING + "Content-Length: 2\r\n\r\n{}",
              PING + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    last = "GET /v1/Ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    got = say(c, ("".join(bodies) + SECOND + last).encode())
    assert got.count(b"HTTP/1.1 200 ") == 4 and got.count(b"Connection: close") == 1, got


def what_speaks_no_protocol_of_ours_is_cut(c):
    for first in b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x00", b"\0" * 20000, b"\x80\x2e\1":
        with tcp(c) as s:
            s.sendall(first)
            assert read_all(s) == b"", first


# --- slow clients, many clients ------------------------------------------------------------------


def cut_after(open_it):
    """How many seconds a client that stops there is borne with."""
    with open_it as s:
        start = time.monotonic()
        said = read_all(s)
        return time.monotonic() - start, said


def silent(c):
    return tcp(c)


def half_a_hello(c):
    s = tcp(c)
    s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 40)
    return s


def half_a_request(c):
    s = context(c.host_ca).wrap_socket(tcp(c), server_hostname="localhost")
    s.sendall(b"POST /v1/Ping HTTP/1.1\r\nHost: a\r\n")
    return s


def no_dial(c):
    ctx = context(c.host_ca, [STREAM], own_files(c, "alice"))
    return ctx.wrap_socket(tcp(c), server_hostname="localhost")


def slow_clients_are_cut_at_their_deadline(c):
    cases = ((silent, 10, b""), (half_a_hello, 10, b""), (no_dial, 10, b""),
             (half_a_request, 20, b"HTTP/1.1 408 "))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for case, wait in [(x, pool.submit(cut_after, x[0](c))) for x in cases]:
            seconds, said = wait.result()
            assert case[1] - 1 < seconds < case[1] + 4, (case[0].__name__, seconds)
            assert said.startswith(case[2]), (case[0].__name__, said)


def one_address_has_so_many_connections_and_no_more(c):
    held = [tcp(c) for _ in range(c.per_address)]
    with tcp(c) as one_more:
        assert read_all(one_more) == b""
    c.proxyd.wait_log(r'event="connection refused".*127\.0\.0\.1')
    for s in held:
        s.close()

    def answered():
        try:
            return ask(c, "GET", "/v1/Ping").status == 200
        except OSError:
            return False
    wait_for("room again", answered)
