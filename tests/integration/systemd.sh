#!/bin/bash
# systemd.sh - Postern installed on a machine with systemd as process 1, which is a container of
# this test's own. Its image is made once, from the Debian sources of this very machine, and kept.
# F='restart' picks checks by name; KEEP=1 leaves the container running for a look.
set -eu
cd "$(dirname "$0")/../.."
: "${BUILD:=$PWD/build}"

packages="systemd systemd-sysv dbus libpam-systemd openssh-server openssh-client sudo procps python3
	mount"
podman="podman"
name=postern-systemd-$$

die() {
	echo "systemd: $*" >&2
	exit 1
}

for need in podman runc debootstrap; do
	command -v $need >/dev/null ||
		die "$need is missing: tools/install-deps systemd installs what this test needs"
done
[ "$(id -u)" = 0 ] || die "this test makes an image and a privileged container: run it as root"

# The Debian packages of the libraries that our programs are linked with.
libraries() {
	ldd "$BUILD"/{authd,proxyd,noded,noded-root,noded-login,noded-session,tctl,tsh} |
		awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | sort -u |
		while read -r file; do
			dpkg -S "$file" 2>/dev/null || dpkg -S "/usr$file"
		done | cut -d: -f1 | sort -u
}

# In mount and process namespaces of its own, so that nothing of the new root stays mounted.
make_image() { # IMAGE PACKAGES
	local folder suite source
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	source=$(apt-get indextargets --format '$(COMPONENT) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		awk -v suite="$suite" '$1 == "main" && $2 == suite { print $3; exit }')
	[ -n "$source" ] || die "apt knows no source of $suite"
	folder=$(mktemp -d)
	echo "systemd: making the image $1, once"
	timeout 900 unshare --mount --pid --fork --kill-child debootstrap --variant=minbase \
		--include="$(echo $2 | tr ' ' ,)" "$suite" "$folder/root" "$source" >"$folder/log" 2>&1 ||
		die "debootstrap failed, see $folder/log"
	tar -C "$folder/root" --one-file-system --exclude=./var/cache/apt/archives/*.deb -c . |
		$podman import --change 'CMD ["/sbin/init"]' - "$1" >/dev/null 2>&1
	rm -rf --one-file-system "${folder:?}/root" "$folder/log"
	rmdir "$folder"
}

packages="$packages $(libraries)"
image=localhost/postern-systemd:$(echo $packages | sha256sum | cut -c1-12)
$podman image exists "$image" || make_image "$image" "$packages"

finish() {
	status=$?
	if [ -n "${KEEP:-}" ]; then
		echo "systemd: the container $name is left; remove it with: podman rm -f $name"
	else
		timeout 60 $podman rm --force --time 5 "$name" >/dev/null 2>&1 || true
	fi
	exit $status
}
trap finish EXIT

# crun and hybrid cgroups do not go together, and runc wants its limits said.
timeout 60 $podman run --detach --name "$name" --hostname web-1 --network none --runtime runc \
	--systemd=always --privileged --ulimit nofile=20000:20000 --ulimit nproc=4096:4096 \
	--volume "$PWD/tests/integration:/story:ro" "$image" >/dev/null

# Only then: files that appear in the middle of its start confuse systemd.
booted() {
	timeout 60 $podman exec "$name" systemctl is-system-running --wait 2>/dev/null |
		grep -qx -e running -e degraded
}
deadline=$((SECONDS + 60))
until booted; do
	[ $SECONDS -lt $deadline ] || die "systemd does not come up in the container"
done

staging=$(mktemp -d)
tools/install-files "$BUILD" "$staging/root" /usr
tar -C "$staging/root" --owner=root --group=root -c . |
	timeout 60 $podman exec -i "$name" tar -C / --keep-directory-symlink --no-overwrite-dir -x
rm -rf --one-file-system "${staging:?}"

timeout 300 $podman exec --env "F=${F:-}" "$name" python3 -B /story/systemd_story.py ||
	die "failed; run again: BUILD=$BUILD $0"
