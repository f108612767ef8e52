#!/bin/bash
# two_authds - an upgrade: two authd on one keyspace write and tell of each other's changes; one is
# killed, and the other goes on.
set -eu
cd "$(dirname "$0")/../.."
bin=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d)
pids=()
finish() {
	local rc=$? pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" || true
	done
	[ $rc = 0 ] || { cat "$work"/log*; echo "again: make check-stories T=two_authds"; }
	rm -rf "${work:?}"
	exit $rc
}
trap finish EXIT

say() { echo "* $*"; }
die() { echo "FAILED: $*" >&2; exit 1; }
old() { "$bin/tctl" --socket "$work/old.sock" "$@"; }
new() { "$bin/tctl" --socket "$work/new.sock" "$@"; }
third() { "$bin/tctl" --socket "$work/third.sock" "$@"; }

# Waits until a file that grows holds this text.
holds() {
	: >>"$work/$1"
	timeout 20 tail -n +1 -f "$work/$1" | grep -q -m1 -- "$2" || die "no '$2' in $1"
}

start() {
	cat >"$work/$1.yaml" <<-END
		cluster: {name: example.com}
		data_dir: $work/data
		socket: $work/$1.sock
		socket_group: ""
		listen: ["127.0.0.1:0"]
		diag: "unix:$work/$1.diag"
	END
	"$bin/authd" --config "$work/$1.yaml" 2>"$work/log.$1" &
	pids+=($!)
	holds "log.$1" event=ready
}

follow() {
	curl -sN --unix-socket "$work/$1.sock" -H 'content-type: application/json' \
		-d '{"kinds": [{"kind": "user"}]}' http://authd/v1/Watch >"$work/watch.$1" &
	pids+=($!)
	holds "watch.$1" SYNCED
}

say "a second authd beside the first: the same cluster"
start old
start new
! grep -q 'event="cluster created"' "$work/log.new" || die "it made a cluster of its own"
[ "$(old status)" = "$(new status)" ] || die "they tell different things of themselves"

say "each tells of what the other one wrote"
follow old
follow new
new users add alice --roles=access >/dev/null
holds watch.old '"PUT".*alice'
old users add bob --roles=access >/dev/null
holds watch.new '"PUT".*bob'
[ "$(old users ls --format=names)" = "$(new users ls --format=names)" ] || die "they list different users"

say "the old one is killed in the middle of it; the new one goes on"
old users add carol --roles=access >/dev/null
kill -9 "${pids[0]}"
wait "${pids[0]}" 2>/dev/null || true
pids=("${pids[@]:1}")
holds watch.new '"PUT".*carol'
new users rm alice >/dev/null
holds watch.new '"DELETE".*alice'
new users ls --format=names | tr '\n' ' ' | grep -qx 'bob carol ' || die "users: $(new users ls)"

say "and another one takes its place"
start third
[ "$(third users ls --format=names)" = "$(new users ls --format=names)" ] || die "they list different users"
