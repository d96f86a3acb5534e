#!/bin/sh
# Are the man pages well formed, and do they tell all there is?  Each configuration key of
# the table in benren.json(5), each command and option of the programs in their pages.
#
#   tests/lint/man.sh BUILD     a build folder with both programs; needs mandoc
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${1:?usage: man.sh BUILD}
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
wrong=0

complain() {
	echo "$*"
	wrong=1
}

# as the build makes it
awk -v all=conf/benren.json -v minimal=conf/benren-minimal.json -f conf/man/keys.awk \
	conf/man/benren.json.5.in >"$pages/benren.json.5" && cp conf/man/*.1 "$pages" || exit 2

for page in "$pages"/*.[158]; do
	mandoc -Tlint -Wwarning "$page" >"$pages/said" 2>&1 || complain "$(sed "s|$pages/||" "$pages/said")"
	mandoc -Tascii -Owidth=200 "$page" | sed "s/.$(printf '\b')//g" >"$page.txt" # nothing bold
done

# told PAGE WORD WHOSE: the word stands in the page
told() {
	grep -qF -e "$2" "$pages/$1.txt" || complain "$1 says nothing of $2, which $3 has"
}

# apps[].receipt.lifetime, with its default: "300" (a key that must be given has none)
keys=$("$build/benren" --help-config) || exit 2
printf '%s\n' "$keys" | awk '
	/^  [a-z]/ { key = $1 }
	/^ *default: / { sub(/^ *default: /, ""); print key ($0 ~ /^none/ ? "" : " (" $0 ")") }
' >"$pages/keys"
[ -s "$pages/keys" ] || { echo "man.sh: no key found in --help-config" >&2; exit 2; }
while read -r key; do
	told benren.json.5 "$key" --help-config
done <"$pages/keys"
sed -n 's/^     \([a-z_]*\(\[\]\)*\(\.[a-z_]*\)*\)\( (.*)\)*$/\1/p' "$pages/benren.json.5.txt" | grep '[a-z]' >"$pages/told"
while read -r key; do
	cut -d' ' -f1 "$pages/keys" | grep -qxF -e "$key" ||
		complain "benren.json.5 tells of $key, which --help-config has not"
done <"$pages/told"

# "usage: benren [-c FILE] check    what it does", "benren version | help"
"$build/benren" help >"$pages/help" || exit 2
sed -n 's/^\(usage:\)\{0,1\} *benren \(\[-c FILE\] \)\{0,1\}\([a-z][a-z |-]*\).*/\3/p' "$pages/help" |
	sed -e 's/   *.*//' | tr '|' '\n' | sed 's/^ *//; s/ *$//' >"$pages/commands"
[ -s "$pages/commands" ] || { echo "man.sh: no command found in benren help" >&2; exit 2; }
while read -r command; do
	grep -q "^     $command\( \|\$\)" "$pages/benren.1.txt" || complain "benren.1 explains no command $command, which benren help has"
done <"$pages/commands"

options() {
	grep -o -e '--[a-z][a-z-]*' | sort -u
}
for option in $(options <"$pages/help"); do told benren.1 "$option" "benren help"; done
for option in $("$build/benren-sim" --help | options); do told benren-sim.1 "$option" "benren-sim --help"; done

[ $wrong = 0 ] && echo "man pages: $(wc -l <"$pages/keys") keys, $(wc -l <"$pages/commands") commands"
exit $wrong
