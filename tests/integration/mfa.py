"""The second factor, as people meet it: the invite page, tsh login, tsh mfa; and who gets no further."""

import base64
import hashlib
import hmac
import html
import os
import re
import struct
import subprocess
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from callers import curl as curl_api, of_user, prepare
from cluster import BUILD, PASSWORD, run, story, wait_for

STEP = 30


def code(key, at=0):
    """What an app shows now, or `at` steps from now (RFC 6238, written down once more).

    Not in the last moments of a step, lest another begins before the code is looked at."""
    wait_for("a code that lasts", lambda: time.time() % STEP < STEP - 3)
    secret = base64.b32decode(key + "=" * (-len(key) % 8))
    counter = struct.pack(">q", int(time.time()) // STEP + at)
    digest = hmac.new(secret, counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset:offset + 4])[0] & 0x7fffffff
    return f"{number % 1000000:06d}"


def wrong(key):
    good = {code(key, at) for at in range(-3, 4)}
    return next(guess for guess in ("111111", "222222", "333333", "444444", "555555", "666666",
                                    "777777", "888888") if guess not in good)


def policy(c, second_factor):
    c.call("PutResource", {"replace": True, "resource": {"cluster_auth_preference": {
        "kind": "cluster_auth_preference", "version": "v2",
        "metadata": {"name": "cluster-auth-preference"},
        "spec": {"type": "local", "second_factor": second_factor}}}})


def invite(c, user):
    return c.call("CreateUser", {"name": user, "roles": ["dev"], "traits": {}})["token"]


def log_in(c, user, otp=None):
    """tsh login with a password and maybe a code."""
    env = {"PATH": os.environ["PATH"], "HOME": c.home(user),
           "TSH_PASSWORD_FILE": c.write(f"password-{user}", PASSWORD)}
    if otp is not None:
        env["TSH_OTP_FILE"] = c.write(f"otp-{user}", otp)
    return run(BUILD + "/tsh", "login", f"--proxy=127.0.0.1:{c.proxy_port}", f"--user={user}",
               f"--ca-pin={c.pin}", env=env, check=False)


def refused(out, words):
    assert out.returncode != 0 and words in out.stderr, (out.returncode, out.stdout, out.stderr)


def enrolled(c, user, at=-1):
    """A user whose invite enrolled a device; its key. The code of step `at` is used up."""
    token = invite(c, user)
    key = c.call("GetInvite", {"token": token})["enrollment"]["key"]
    c.call("AcceptInvite", {"token": token, "password": PASSWORD, "otp": code(key, at)})
    return key


def curl(c, path, *options):
    out = run("curl", "-sk", "--max-time", "10", "-w", "\n%{http_code}", *options,
              f"https://127.0.0.1:{c.proxy_port}{path}")
    text, _, status = out.stdout.rpartition("\n")
    return int(status), text


# --- off -----------------------------------------------------------------------------------------


def where_it_is_off_nothing_is_asked_and_nothing_enrolled(c):
    token = invite(c, "olga")
    seen = c.call("GetInvite", {"token": token})
    assert seen["second_factor"] == "off" and "enrollment" not in seen, seen
    _, page = curl(c, f"/web/invite/{token}")
    assert "<svg" not in page and 'name="otp"' not in page
    c.call("AcceptInvite", {"token": token, "password": PASSWORD})
    assert log_in(c, "olga").returncode == 0


# --- optional ------------------------------------------------------------------------------------


def the_invite_page_enrols_a_device(c):
    policy(c, "optional")
    token = invite(c, "bob")
    status, page = curl(c, f"/web/invite/{token}")
    assert status == 200 and "<svg" in page and "<script" not in page
    key = html.unescape(re.search(r"<code>([A-Z2-7]+)</code>", page).group(1))
    form = {"token": token, "password": PASSWORD, "again": PASSWORD, "otp": wrong(key)}
    origin = f"Origin: https://127.0.0.1:{c.proxy_port}"
    status, page = curl(c, "/web/invite", "-H", origin, "-d", urllib.parse.urlencode(form))
    assert status == 400 and "the code is not the one" in html.unescape(page), (status, page)
    form["otp"] = code(key, -1)
    status, page = curl(c, "/web/invite", "-H", origin, "-d", urllib.parse.urlencode(form))
    assert status == 200 and "Your password is set" in page, (status, page)
    c.bob = key


def who_has_a_device_needs_its_code(c):
    refused(log_in(c, "bob"), "wrong user name, password or code")
    refused(log_in(c, "bob", wrong(c.bob)), "wrong user name, password or code")
    good = code(c.bob)
    assert log_in(c, "bob", good).returncode == 0
    refused(log_in(c, "bob", good), "wrong user name, password or code")
    assert log_in(c, "bob", code(c.bob, 1)).returncode == 0


def curl_alone_logs_in_with_a_code(c):
    key = enrolled(c, "carl")
    run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", c.path("carl-key"))
    with open(c.path("carl-key.pub")) as f:
        body = {"user": "carl", "password": PASSWORD, "ssh_public_key": f.read()}
    status, answer = c.request("Login", body)
    assert status == 401, answer
    status, answer = c.request("Login", body | {"otp": code(key)})
    assert status == 200 and answer["ssh_certificate"], answer


def who_has_none_logs_in_without(c):
    assert log_in(c, "olga").returncode == 0


# --- tsh mfa -------------------------------------------------------------------------------------


class Tsh:
    """tsh mfa with somebody at its standard input who reads what it prints."""

    def __init__(self, c, user, *argv, password=PASSWORD):
        env = {"PATH": os.environ["PATH"], "HOME": c.home(user), "TSH_OTP_FILE": "-",
               "TSH_PASSWORD_FILE": c.write(f"password-{user}", password)}
        self.child = subprocess.Popen([BUILD + "/tsh", "mfa", *argv], env=env, text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)

    def say(self, text):
        self.child.stdin.write(text + "\n")
        self.child.stdin.flush()

    def key(self):
        while line := self.child.stdout.readline():
            if found := re.fullmatch(r"  ([A-Z2-7]+)\n", line):
                return found.group(1)
        raise AssertionError(self.child.stderr.read())

    def end(self):
        out, err = self.child.communicate(timeout=60)
        return self.child.returncode, out, err


def a_certificate_alone_adds_no_first_device(c):
    c.user("gus", ["dev"])
    c.log_in("gus")
    owner = of_user(c, "gus")
    for body in {"name": "stolen"}, {"name": "stolen", "otp": "123456"}:
        status, answer = curl_api(c, owner, "BeginMfaDevice", body)
        assert status == 403 and "needs your password" in answer["message"], answer
    status, _, err = Tsh(c, "gus", "add", "stolen", password="guessed").end()
    assert status != 0 and "the password is wrong" in err, err
    status, answer = curl_api(c, owner, "FinishMfaDevice", {"otp": "123456"})
    assert status == 404, answer


def guesses_with_a_certificate_lock_like_failed_logins(c):
    owner = of_user(c, "gus")
    with ThreadPoolExecutor(12) as pool:  # behind the one of the test before
        guesses = list(pool.map(lambda n: curl_api(
            c, owner, "BeginMfaDevice", {"name": "stolen", "password": f"guess-{n}"}), range(12)))
    words = [answer["message"] for status, answer in guesses if status == 403]
    judged = [text for text in words if "the password is wrong" in text]
    assert len(words) == 12 and len(judged) == 4, guesses
    assert all("locked until" in text for text in words if text not in judged), guesses
    status, answer = curl_api(c, owner, "BeginMfaDevice", {"name": "own", "password": PASSWORD})
    assert status == 403 and "locked until" in answer["message"], answer
    refused(log_in(c, "gus"), "locked until")


def tsh_adds_a_device(c):
    t = Tsh(c, "olga", "add", "phone")
    c.olga = t.key()
    t.say(code(c.olga, -1))
    status, out, err = t.end()
    assert status == 0 and "Device 'phone' is added." in out, (out, err)
    assert "phone" in c.tsh("olga", "mfa", "ls").stdout
    refused(log_in(c, "olga"), "wrong user name, password or code")
    assert [e for e in c.audit("mfa.add") if e["user"] == "olga" and e["name"] == "phone"]


def a_device_counts_only_once_it_has_shown_a_code(c):
    t = Tsh(c, "olga", "add", "tablet")
    t.say(code(c.olga))
    t.say(wrong(t.key()))
    status, _, err = t.end()
    assert status != 0 and "wrong" in err, err
    assert "tablet" not in c.tsh("olga", "mfa", "ls").stdout


def a_certificate_alone_adds_and_removes_no_device(c):
    for argv in ("add", "stolen"), ("rm", "phone"):
        t = Tsh(c, "olga", *argv)
        t.say(wrong(c.olga))
        status, _, err = t.end()
        assert status != 0 and "the code is wrong" in err, err
    listed = c.tsh("olga", "mfa", "ls").stdout
    assert "phone" in listed and "stolen" not in listed


def a_device_is_removed_by_its_own_code(c):
    t = Tsh(c, "olga", "rm", "phone")
    t.say(code(c.olga, 1))
    status, out, err = t.end()
    assert status == 0 and "Device 'phone' is removed." in out, (out, err)
    assert log_in(c, "olga").returncode == 0
    assert [e for e in c.audit("mfa.delete") if e["user"] == "olga" and e["name"] == "phone"]


# --- otp -----------------------------------------------------------------------------------------


def where_it_is_required_nobody_comes_without(c):
    policy(c, "otp")
    refused(log_in(c, "olga", "123456"), "has no device for a second factor")
    token = invite(c, "rita")
    status, answer = c.request("AcceptInvite", {"token": token, "password": PASSWORD})
    assert status == 400 and "asks for a second factor" in answer["message"], answer
    key = c.call("GetInvite", {"token": token})["enrollment"]["key"]
    c.call("AcceptInvite", {"token": token, "password": PASSWORD, "otp": code(key, -1)})
    assert log_in(c, "rita", code(key)).returncode == 0
    c.rita = key


def the_last_device_stays_where_one_is_required(c):
    t = Tsh(c, "rita", "rm", "otp")
    t.say(code(c.rita, 1))
    status, _, err = t.end()
    assert status != 0 and "your last device" in err, err


def wrong_codes_lock_like_wrong_passwords(c):
    key = enrolled(c, "lena")
    for _ in range(5):
        refused(log_in(c, "lena", wrong(key)), "wrong user name, password or code")
    refused(log_in(c, "lena", code(key)), "locked until")


def a_reset_forgets_the_devices(c):
    token = c.call("ResetUser", {"name": "rita"})["token"]
    key = c.call("GetInvite", {"token": token})["enrollment"]["key"]
    assert key != c.rita
    c.call("AcceptInvite", {"token": token, "password": PASSWORD, "otp": code(key, -1)})
    refused(log_in(c, "rita", code(c.rita, 1)), "wrong user name, password or code")
    assert log_in(c, "rita", code(key)).returncode == 0


story([
    where_it_is_off_nothing_is_asked_and_nothing_enrolled,
    the_invite_page_enrols_a_device,
    who_has_a_device_needs_its_code,
    curl_alone_logs_in_with_a_code,
    who_has_none_logs_in_without,
    a_certificate_alone_adds_no_first_device,
    guesses_with_a_certificate_lock_like_failed_logins,
    tsh_adds_a_device,
    a_device_counts_only_once_it_has_shown_a_code,
    a_certificate_alone_adds_and_removes_no_device,
    a_device_is_removed_by_its_own_code,
    where_it_is_required_nobody_comes_without,
    the_last_device_stays_where_one_is_required,
    wrong_codes_lock_like_wrong_passwords,
    a_reset_forgets_the_devices,
], prepare)
