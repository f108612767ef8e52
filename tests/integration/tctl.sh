#!/bin/bash
# tctl - an administrator's day at a real authd, by its socket and over TLS: people, tokens,
# nodes, resources from files, the authorities' keys, and what is refused.
set -eu
cd "$(dirname "$0")/../.."
bin=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d)
authd_pid=
finish() {
	local rc=$?
	if [ -n "$authd_pid" ]; then
		kill "$authd_pid" && wait "$authd_pid" || true
	fi
	[ $rc = 0 ] || { cat "$work/log"; echo "again: make check-stories T=tctl"; }
	rm -rf "$work"
	exit $rc
}
trap finish EXIT

say() { echo "* $*"; }
die() { echo "FAILED: $*" >&2; exit 1; }
tctl() { "$bin/tctl" --socket "$work/authd.sock" "$@"; }

# The command's output, which must hold this text.
shows() {
	local wanted=$1 out
	shift
	out=$("$@") || die "$* ended with $?"
	grep -qF -- "$wanted" <<<"$out" || die "$* shows no '$wanted' but: $out"
}

# The command must end with 1 and exactly this one line on standard error, nothing on standard output.
refuses() {
	local wanted=$1 out rc=0
	shift
	out=$("$@" 2>&1 >"$work/stdout") || rc=$?
	[ $rc = 1 ] || die "$* ended with $rc: $out"
	[ "$out" = "$wanted" ] || die "$* says '$out', not '$wanted'"
	[ ! -s "$work/stdout" ] || die "$* printed $(cat "$work/stdout")"
}

cat >"$work/authd.yaml" <<END
cluster: {name: example.com}
data_dir: $work/data
socket: $work/authd.sock
socket_group: ""
listen: ["127.0.0.1:0"]
public_addrs: [auth.example.com:3025]
diag: "unix:$work/diag.sock"
END
: >"$work/log"
"$bin/authd" --config "$work/authd.yaml" 2>>"$work/log" &
authd_pid=$!
timeout 20 tail -n +1 -f --pid=$authd_pid "$work/log" | grep -q -m1 event=ready || die "authd does not start"
port=$(sed -n 's/.*event=ready.* port=\([0-9]*\).*/\1/p' "$work/log")

say "the cluster"
shows "Cluster  example.com" tctl status
pin=$(tctl status | sed -n 's/^CA pin *//p')
[ "${pin#sha256:}" != "$pin" ] || die "no pin in the status"
shows "\"$pin\"" tctl status --format=json
refuses "tctl: connect to 'unix:$work/none': no such file or directory" \
	"$bin/tctl" --socket "$work/none" status

say "people"
shows "User \"alice\" has been created." tctl users add alice --roles=access --logins=alice,root
shows "CA pin: $pin" tctl users reset alice
refuses "tctl: add user 'alice': user 'alice' already exists" tctl users add alice --roles=access
refuses "tctl: add user 'bob': no such role 'nobody'" tctl users add bob --roles=nobody
refuses "tctl: 'us?[2Jer' is no kind of resource" tctl rm $'us\e[2Jer/alice'
refuses "tctl: add user 'bob': which roles? (--roles=access)" tctl users add bob
refuses "tctl: unknown option '--rolse', did you mean '--roles'?" tctl users add bob --rolse=access
shows "alice  access  alice,root" tctl users ls
shows "user \"alice\" may try to log in again" tctl users unlock alice
tctl users add carol --roles=editor >/dev/null
shows 'user "carol" has been deleted' tctl users rm carol
refuses "tctl: remove user 'carol': user 'carol' does not exist" tctl users rm carol

say "tokens and nodes"
umask 077
echo "a value that was chosen" >"$work/value"
shows "shown only now: a value that was chosen" tctl tokens add --type=node --ttl=1h --value-file="$work/value"
tctl tokens add --type=proxy --format=names >"$work/token"
grep -qxE '[A-Za-z0-9_-]{43}' "$work/token" || die "not a token alone: $(cat "$work/token")"
shows "as Node, Proxy" tctl tokens add --type=node,proxy --reusable
token=$(tctl tokens ls --format=names | head -1)
shows "token \"$token\" has been deleted" tctl tokens rm "$token"
! tctl tokens ls | grep -q "$token" || die "the token is still there"
join=$(tctl nodes add)
grep -qF "auth_servers: ['auth.example.com:3025']" <<<"$join" || die "$join"
grep -qF "ca_pin: '$pin'" <<<"$join" || die "$join"
sed -n "/noded.yaml <<'END'/,/^END/p" <<<"$join" | sed '1d;$d' >"$work/noded.yaml"
shows "is in order" "$bin/noded" --config "$work/noded.yaml" --check-config
[ "$(tctl nodes ls | wc -l)" = 2 ] || die "there is a node already"
[ "$(tctl sessions ls | wc -l)" = 2 ] || die "there is a session already"
refuses "tctl: 'env' is not a label (key=value)" tctl nodes ls env

say "resources from files"
cat >"$work/roles.yaml" <<'END'
kind: role
version: v3
metadata: {name: ops}
spec:
  options: {max_session_ttl: 8h, forward_agent: yes, port_forwarding: no}
  allow:
    logins: [deploy]
    node_labels: {env: ['staging', '^dev-[0-9]+$'], tier: '*'}
---
kind: role
version: v4
metadata: {name: contractor, labels: {team: ext}, expires: "2090-01-01T00:00:00Z"}
spec:
  allow: {logins: [guest], node_labels: {region: 'eu-*'}}
END
sed 's/logins: \[guest\]/login: [guest]/' "$work/roles.yaml" >"$work/bad.yaml"
refuses "tctl: $work/bad.yaml:14: spec.allow.login: unknown field, did you mean spec.allow.logins?" \
	tctl create "$work/bad.yaml"
refuses "tctl: no such role 'ops'" tctl get role/ops
shows 'role "contractor" has been created' tctl create -f "$work/roles.yaml"
refuses "tctl: role 'ops' already exists (-f replaces it)" tctl create "$work/roles.yaml"
shows 'role "ops" is unchanged' tctl create -f - <"$work/roles.yaml"
sed -i 's/max_session_ttl: 8h/max_session_ttl: 9h/' "$work/roles.yaml"
shows 'role "ops" has been updated' tctl create -f - <"$work/roles.yaml"
shows "max_session_ttl: 9h0m0s" tctl get role/ops
shows "logins: [deploy]" tctl get roles,users

say "what get shows can be created again"
tctl get role/ops,role/contractor | grep -v revision: >"$work/before"
shows 'role "ops" has been deleted' tctl rm role/ops role/contractor
tctl create "$work/before" >/dev/null
tctl get role/ops,role/contractor | grep -v revision: >"$work/after"
diff "$work/before" "$work/after" || die "it came back different"
tctl get all >"$work/all.yaml"
tctl get all --format=json | /usr/bin/python3 -c '
import json, sys
kinds = [r["kind"] for r in json.load(sys.stdin)]
assert kinds.count("role") >= 4 and kinds.count("user") == 1, kinds'
tctl get roles --format=json >"$work/roles.json"
shows 'role "ops" is unchanged' tctl create -f "$work/roles.json"
refuses "tctl: 'rolls' is no kind of resource, did you mean 'role'?" tctl get rolls
refuses "tctl: which role? (role/NAME)" tctl rm roles
refuses "tctl: remove role 'access': role 'access' is in use by user 'alice'" tctl rm role/access

say "locks, and sessions that are not there"
lock=6b1d0c2e-0a4b-4e0d-9a3c-9f1f0f2f7d11
printf 'kind: lock\nmetadata: {name: %s}\nspec: {target: {user: mallory}, message: under investigation}\n' \
	"$lock" | shows "lock \"$lock\" has been created" tctl create -
shows "user=mallory  under investigation" tctl get locks --format=text
shows "lock \"$lock\" has been deleted" tctl rm "lock/$lock"
refuses "tctl: end session '$lock': no such session '$lock'" tctl sessions kill "$lock"

say "an old revision does not overwrite a newer one"
tctl get role/ops >"$work/old"
sed 's/9h/10h/' "$work/roles.yaml" | tctl create -f - >/dev/null
refuses "tctl: role 'ops' has changed meanwhile" tctl create -f "$work/old"

say "the authorities' keys, as OpenSSH and openssl read them"
tctl auth export --type=user | grep '^cert-authority ecdsa' | cut -d' ' -f2- >"$work/user.pub"
ssh-keygen -l -f "$work/user.pub" | grep -q ECDSA || die "ssh-keygen does not read it"
shows "@cert-authority *.example.com ecdsa-sha2-nistp256" tctl auth export --type=host
tctl auth export --type=tls-host | openssl x509 -noout -pubkey |
	openssl pkey -pubin -outform DER | sha256sum | grep -q "^${pin#sha256:}" || die "not the pin"

say "over TLS, as a user with an identity file"
tctl users add erin --roles=editor >/dev/null
shows "The credentials have been written" tctl auth sign --user=erin --out="$work/erin"
[ "$(stat -c %a "$work/erin")" = 600 ] || die "others may read the identity"
remote() { "$bin/tctl" --auth-server "127.0.0.1:$port" -i "$work/$1" "${@:2}"; }
shows "alice" remote erin users ls
shows 'role "ops" has been deleted' remote erin rm role/ops
tctl auth sign --user=alice --out="$work/alice" >/dev/null
refuses "tctl: sign for user 'alice': '$work/alice' is there already (--overwrite it?)" tctl auth sign --user=alice --out="$work/alice"
tctl auth sign --user=alice --out="$work/alice" --overwrite >/dev/null
rc=0
remote alice users add mallory --roles=editor >"$work/stdout" 2>&1 || rc=$?
[ $rc = 1 ] || die "a plain user made a user"
! tctl users ls | grep -q mallory || die "mallory is there"
chmod 644 "$work/erin"
refuses "tctl: identity '$work/erin': others may read it (chmod 600 it first)" remote erin status

say "credentials in the forms that other programs read"
sign() { tctl auth sign --user=erin "$@"; }
shows "written to '$work/ssh', '$work/ssh.pub', '$work/ssh-cert.pub'." sign --format=openssh --out="$work/ssh"
ssh-keygen -L -f "$work/ssh-cert.pub" | grep -q 'Key ID: "erin"' || die "no certificate of erin's"
[ "$(ssh-keygen -y -f "$work/ssh" | cut -d' ' -f2)" = "$(cut -d' ' -f2 "$work/ssh.pub")" ] || die "not a pair"
sign --format=tls --out="$work/tls" >/dev/null
openssl x509 -in "$work/tls.crt" -noout -subject | grep -q "CN = erin" || die "no certificate of erin's"
[ "$(stat -c %a "$work/tls.key")" = 600 ] || die "others may read the key"
curl -sf --http1.1 --cacert "$work/tls.cas" --cert "$work/tls.crt" --key "$work/tls.key" -d '{"kind": "user"}' \
	-H 'content-type: application/json' "https://localhost:$port/v1/ListResources" | grep -q alice || die "curl"
refuses "tctl: which proxy is kubectl to call? (--proxy=HOST:PORT)" sign --format=kubernetes --out="$work/kube"
sign --format=kubernetes --proxy=proxy.example.com:3080 --kube-cluster=lab --out="$work/kube" >/dev/null
/usr/bin/python3 - "$work/kube" <<'END' || die "not a kubeconfig"
import base64, subprocess, sys, yaml
with open(sys.argv[1]) as f:
    config = yaml.safe_load(f)
assert config["clusters"][0]["cluster"]["server"] == "https://proxy.example.com:3080"
assert config["clusters"][0]["cluster"]["tls-server-name"].startswith("lab.kube.")
assert config["contexts"][0]["name"] == config["current-context"]
user = config["users"][0]["user"]
pem = base64.b64decode(user["client-certificate-data"])
out = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True, check=True)
assert b"CN = erin" in out.stdout
assert b"PRIVATE KEY" in base64.b64decode(user["client-key-data"])
END
refuses "tctl: --format: 'pkcs12' is none of file, openssh, tls, kubernetes" sign --format=pkcs12 --out="$work/x"

say "mistakes in the command line end with 2"
for words in "" "statsu" "users" "--nonsense status"; do
	rc=0
	# shellcheck disable=SC2086
	"$bin/tctl" $words >"$work/stdout" 2>&1 || rc=$?
	[ $rc = 2 ] || die "tctl $words ended with $rc"
done
shows "tctl $("$bin/tctl" --version | cut -d' ' -f2)" "$bin/tctl" --version
shows "--roles=ROLE" "$bin/tctl" users add --help
