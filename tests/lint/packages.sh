#!/bin/bash
# Does packages/build hold what a build needs?  Every .pc file that CMakeLists.txt asks for,
# and each that those require in turn, must come from a package of the list or one that such
# a package depends on: what happens to be installed on a developer's machine does not count.
#
#   tests/lint/packages.sh
set -u
cd "$(dirname "$0")/../.." || exit 1

command -v dpkg-query >/dev/null || { echo "packages: skipped: not a Debian"; exit 0; }

# The packages named, and all that they depend on.
closure() {
	local all next
	all=$(printf '%s\n' "$@" | sort -u)
	while :; do
		# shellcheck disable=SC2086 # one word a package
		next=$({ echo "$all"; dpkg-query -W -f='${Pre-Depends}, ${Depends}\n' $all 2>/dev/null |
			tr ',|' '\n' | sed 's/(.*)//; s/:.*//; s/ //g; /^$/d'; } | sort -u)
		[ "$next" = "$all" ] && break
		all=$next
	done
	echo "$all"
}

# The modules named, and all that pkg-config reads for them.
modules() {
	local all next
	all=$(printf '%s\n' "$@" | sort -u)
	while :; do
		# shellcheck disable=SC2086 # one word a module
		next=$({ echo "$all"; pkg-config --print-requires --print-requires-private $all 2>/dev/null |
			sed 's/[ <>=].*//; /^$/d'; } | sort -u)
		[ "$next" = "$all" ] && break
		all=$next
	done
	echo "$all"
}

owner() { # of a module's .pc file
	local file
	file=$(pkg-config --variable=pcfiledir "$1")/$1.pc
	dpkg-query -S "$(readlink -f "$file")" 2>/dev/null | sed 's/:.*//' | head -n 1
}

# check PACKAGE...: prints what does not come from them; how many modules were looked at is `seen`
check() {
	local have module package wrong=0
	have=$(closure "$@")
	seen=0
	for module in $needed; do
		package=$(owner "$module")
		seen=$((seen + 1))
		grep -qx "$package" <<<"$have" && continue
		echo "packages/build: $module.pc comes from ${package:-no package}, which no package of the list brings"
		wrong=1
	done
	return $wrong
}

asked=$(sed -n 's/^pkg_check_modules([A-Z]* REQUIRED IMPORTED_TARGET \([a-z0-9_.+-]*\).*/\1/p' CMakeLists.txt)
[ "$(wc -w <<<"$asked")" -ge 8 ] || { echo "packages: what does CMakeLists.txt ask pkg-config for?"; exit 1; }
# shellcheck disable=SC2086 # one word a module
needed=$(modules $asked)
list=$(sed 's/#.*//' packages/build)

# shellcheck disable=SC2086 # one word a package
check $list || exit 1
[ "$seen" -gt "$(wc -w <<<"$asked")" ] || { echo "packages: no module requires another: were they read?"; exit 1; }

# and a package that is missing is noticed
# shellcheck disable=SC2046 # one word a package
if check $(grep -v libjansson-dev <<<"$list") >/dev/null; then
	echo "packages: libjansson-dev taken out of the list is not missed: this check is of no use"
	exit 1
fi
echo "packages: fine, $seen modules"
