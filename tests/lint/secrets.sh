#!/bin/sh
# Who may look inside a struct secret (include/base/secret.h): the files below, each with its
# reason.  Everybody else passes it on, so that it gets into no log, error or answer.
#
#   tests/lint/secrets.sh [ROOT]    exit 0 fine, 1 violations, 2 found nothing to check
set -u

allowed='
include/base/secret.h   the type: makes one, wipes one
src/base/crypt.c        hashes a name or an ID number
src/base/jwt.c          reads a key from its file, makes a new one
src/base/json_out.c     json_put_secret(): into a body for WeChat
src/io/http.c           the URL and the body of a call, as they go out; wiped after it
src/wx/login.c          AppSecret and code stand in the URL of jscode2session
src/wx/v2.c             cert_hash is made of name and ID number
src/wx/identity.c       keyed hashes of a person, to know him again
src/wx/told.c           keyed hashes of a person, for his business
src/proc/receipt.c      prints the new key that it was asked for
'

inside='\.bytes_\|->bytes_\|\.len_\|->len_'

run() {
	cd "$1" || return 2
	files=$(find src include -name '*.[ch]' 2>/dev/null | sort)
	if [ -z "$files" ]; then
		echo "secrets.sh: no source found in $1" >&2
		return 2
	fi
	# shellcheck disable=SC2086 # one word a file
	users=$(grep -l "$inside" $files)
	wrong=0
	for file in $users; do
		printf '%s\n' "$allowed" | grep -q "^$file " && continue
		echo "$file looks inside a struct secret: pass it on, or give the reason in tests/lint/secrets.sh"
		wrong=1
	done
	for file in $(printf '%s\n' "$allowed" | cut -d' ' -f1); do
		printf '%s\n' "$users" | grep -qx "$file" && continue
		echo "$file looks inside no struct secret any more: take it out of tests/lint/secrets.sh"
		wrong=1
	done
	return $wrong
}

if [ $# -gt 0 ]; then
	run "$1"
	exit $?
fi

# Would it see anything?
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
(run "$tree") 2>/dev/null
[ $? -eq 2 ] || { echo "secrets.sh: self-test: an empty tree was found fine" >&2; exit 2; }
cp -r "$root/src" "$root/include" "$tree"
echo 'int f(struct secret s) { return (int)s.len_; }' >"$tree/src/app/planted.c"
(run "$tree") | grep -q '^src/app/planted.c looks inside' ||
	{ echo "secrets.sh: self-test: a planted look inside was not seen" >&2; exit 2; }

(run "$root") || exit $?
echo "secrets: fine"
