#!/bin/bash
# backup - a cluster is written to a file while it serves, and another authd goes on from it.
set -eu
cd "$(dirname "$0")/../.."
bin=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d)
authd_pid=
finish() {
	local rc=$?
	[ -z "$authd_pid" ] || { kill "$authd_pid" && wait "$authd_pid" || true; }
	[ $rc = 0 ] || { cat "$work"/log*; echo "again: make check-stories T=backup"; }
	rm -rf "${work:?}"
	exit $rc
}
trap finish EXIT

say() { echo "* $*"; }
die() { echo "FAILED: $*" >&2; exit 1; }
tctl() { "$bin/tctl" --socket "$work/authd.sock" "$@"; }

# Settings for an authd with this data folder.
settings() {
	cat >"$work/$1.yaml" <<-END
		cluster: {name: example.com}
		data_dir: $work/$1
		socket: $work/authd.sock
		socket_group: ""
		listen: ["127.0.0.1:0"]
		diag: "unix:$work/diag.sock"
	END
}

start() {
	settings "$1"
	: >"$work/log.$1"
	"$bin/authd" --config "$work/$1.yaml" 2>>"$work/log.$1" &
	authd_pid=$!
	timeout 20 tail -n +1 -f --pid=$authd_pid "$work/log.$1" | grep -q -m1 event=ready ||
		die "authd does not start"
}

stop() {
	kill "$authd_pid"
	wait "$authd_pid" || true
	authd_pid=
}

# authd --restore of a file into a folder must fail and say this.
refuses() {
	local wanted=$1 rc=0 out
	settings "$2"
	out=$("$bin/authd" --config "$work/$2.yaml" --restore "$3" 2>&1) || rc=$?
	[ $rc = 1 ] || die "restore of $3 ended with $rc: $out"
	grep -qF -- "$wanted" <<<"$out" || die "it says '$out', not '$wanted'"
}

say "a backup of a cluster that serves"
start old
pin=$(tctl status | sed -n 's/^CA pin *//p')
tctl users add alice --roles=access --logins=root >/dev/null
tctl tokens add --type=node >/dev/null
tctl tokens ls --format=names >"$work/tokens"
[ -s "$work/tokens" ] || die "no token"
tctl backup "$work/file"
[ "$(stat -c %a "$work/file")" = 600 ] || die "others may read the backup"
tctl backup - >"$work/pipe"
cmp "$work/file" "$work/pipe" || die "the same state gives two backups"
[ "$(find "$work/old" -name 'backup.*')" = "" ] || die "authd leaves a copy behind"
grep -q '"event":"keyspace.backup"' "$work"/old/audit/* || die "nobody wrote down who took it"
tctl users add bob --roles=access >/dev/null

say "what cannot be written leaves nothing"
rc=0
tctl backup "$work/nowhere/file" >"$work/out" 2>&1 || rc=$?
[ $rc = 1 ] || die "a backup into no folder ended with $rc"
rc=0
tctl backup - >/dev/full 2>"$work/out" || rc=$?
[ $rc = 1 ] || die "a backup to a full disk ended with $rc"
stop

say "what is damaged, cut, or would replace something is refused"
head -c 1000 "$work/file" >"$work/cut"
refuses "the backup is cut off" new "$work/cut"
sed 's/alice/alicf/' "$work/file" >"$work/changed"
refuses "its sum is wrong" new "$work/changed"
refuses "this is no backup of a keyspace" new /bin/true
refuses "is not empty" old "$work/file"
refuses "No such file" new "$work/nothing"

say "another authd goes on from it"
"$bin/authd" --config "$work/new.yaml" --restore "$work/file" >"$work/out"
grep -q "items restored to $work/new/keyspace" "$work/out" || die "it says $(cat "$work/out")"
refuses "something was written to this keyspace before" new "$work/file"
start new
! grep -q 'event="cluster created"' "$work/log.new" || die "it is another cluster"
[ "$(tctl status | sed -n 's/^CA pin *//p')" = "$pin" ] || die "it has another authority"
[ "$(tctl users ls --format=names)" = alice ] || die "users: $(tctl users ls --format=names)"
tctl tokens ls --format=names | cmp - "$work/tokens" || die "other tokens"
tctl users add carol --roles=access >/dev/null
stop

say "as the standard input, too"
settings third
"$bin/authd" --config "$work/third.yaml" --restore - <"$work/file" >"$work/out"
start third
[ "$(tctl users ls --format=names)" = alice ] || die "users: $(tctl users ls --format=names)"
