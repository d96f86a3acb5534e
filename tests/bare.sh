# For the scripts that work in a bare Debian: a root of debootstrap (minbase), and nothing else
# in it.  They source this in the checkout's folder.
# shellcheck shell=bash

# What is made once is kept here: the bare roots, and what the last commands in them printed.
kept=$PWD/build/fresh

# Prints what a bare root needs and is missing here; nothing if all of it is there.
bare_root_needs() {
	[ "$(id -u)" = 0 ] || { echo "it needs root"; return; }
	command -v debootstrap >/dev/null || echo "debootstrap is missing"
}

# bare_root SUITE ROOT: a fresh Debian in the folder ROOT
bare_root() {
	local bare=$kept/$1 lock
	mkdir -p "$kept"
	exec {lock}>"$bare.lock" && flock "$lock" # another script may be making it
	if [ ! -e "$bare.whole" ]; then
		rm -rf "$bare"
		debootstrap --variant=minbase "$1" "$bare" >"$bare.log" 2>&1 || { echo "debootstrap failed: see $bare.log" >&2; return 1; }
		touch "$bare.whole"
	fi
	exec {lock}>&-
	mkdir -p "$2" && cp -a "$bare/." "$2/" && cp /etc/resolv.conf "$2/etc/"
}

# inside ROOT COMMAND: runs it there by sh, with mounts and processes of its own, so that nothing
# stays behind; the root is a mount, since that is what debootstrap and others want of one
inside() {
	# shellcheck disable=SC2016 # the shell inside expands
	root=$1 command=$2 unshare --mount --pid --fork --kill-child /bin/bash -euc '
		mount --make-rprivate /
		mount --bind "$root" "$root"
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		mount -t tmpfs tmpfs "$root/dev/shm"
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$root" /bin/sh -c "$command"
	' </dev/null
}
