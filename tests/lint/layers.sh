#!/bin/sh
# Who may include whom: the layers of DESIGN's section 4, and foreign headers in one place only.
#
#   tests/lint/layers.sh [ROOT]     exit 0 fine, 1 violations, 2 found nothing to check
#
# Without ROOT it first proves on planted violations that it would see them.
set -u

may_see() {
	case $1 in
	base)  echo base ;;
	io)    echo base io ;;
	store) echo base io store ;;
	web)   echo base io web ;;
	wx)    echo base io store wx ;;
	app)   echo base store web wx app ;; # no io: a handler touches no socket, curl or loop
	proc)  echo base io store web wx app proc ;;
	sim)   echo base sim ;;              # a program of its own
	*)     return 1 ;;
	esac
}

# The files that may include a foreign header, as a pattern; nothing: everybody.
may_use() {
	case $1 in
	fcgi*|fastcgi.h) echo 'src/web/fcgi.c' ;;
	curl/*)          echo 'src/io/http*.[ch]' ;;
	uv.h)            echo 'src/io/loop*.[ch] src/io/resolve.c' ;;
	yajl/*)          echo 'src/base/json_*.c' ;;
	cjose/*)         echo 'src/base/jwt.c' ;;
	jansson*.h)      echo 'nowhere' ;;   # it comes with cjose; our own JSON is stricter
	openssl/*)       echo 'src/base/crypt.c src/io/http_tls.[ch] src/sim/*' ;;
	microhttpd.h)    echo 'src/sim/*' ;;
	hiredis/*)       echo 'src/io/redis.c' ;;
	cmocka.h)        echo 'nowhere' ;;
	esac
}

# Is the word $1 one of the patterns $2?
matches() {
	set -f
	for pattern in $2; do
		# shellcheck disable=SC2254 # a pattern is wanted
		case $1 in
		$pattern) set +f; return 0 ;;
		esac
	done
	set +f
	return 1
}

check_file() { # of a layer: prints what is wrong
	file=$1 layer=$2
	if ! allowed=$(may_see "$layer"); then
		echo "$file: unknown layer '$layer': add it to the table"
		return
	fi
	sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"][^>"]*\).*/\1/p' "$file" | while IFS= read -r include; do
		header=${include#?}
		case $include in
		'"'*/*)
			matches "${header%%/*}" "$allowed" ||
				echo "$file: $layer must not include $header"
			;;
		'"'*)
			[ -e "$(dirname "$file")/$header" ] ||
				echo "$file: $header is not beside it: include \"layer/$header\""
			;;
		'<'*)
			users=$(may_use "$header")
			[ -z "$users" ] || matches "$file" "$users" ||
				echo "$file: <$header> belongs to: $users"
			;;
		esac
	done
}

check_all() { # in the current directory
	found=0
	for file in src/*/*.[ch] include/*/*.h; do
		[ -e "$file" ] || continue
		found=$((found + 1))
		layer=${file#*/}
		check_file "$file" "${layer%%/*}"
	done
	[ $found -gt 0 ] || echo "nothing found"
}

run() { # in a root: 0, 1 or 2
	wrong=$(cd "$1" && check_all) || return 2
	case $wrong in
	'') return 0 ;;
	*'nothing found') echo "layers.sh: no source found in $1" >&2; return 2 ;;
	esac
	printf '%s\n' "$wrong"
	return 1
}

# A line of C in a file, the only one of a tree: must it be refused?
self_test() {
	tree=$(mktemp -d)
	trap 'rm -rf "$tree"' EXIT
	run "$tree" 2>/dev/null
	[ $? -eq 2 ] || fail_self "an empty tree was found fine"
	plant() { # expected status, file, line
		mkdir -p "$tree/$(dirname "$2")"
		echo "$3" >"$tree/$2"
		run "$tree" >/dev/null
		[ $? -eq "$1" ] || fail_self "$2 with '$3' should give $1"
		rm "$tree/$2"
	}
	plant 0 src/wx/a.c '#include "store/store.h"'
	plant 0 src/web/fcgi.c '#include <fcgiapp.h>'
	plant 1 src/web/a.c '#include "wx/wx.h"'
	plant 1 src/wx/a.c '#include "web/request.h"'
	plant 1 src/app/a.c '#  include  "io/http.h"'
	plant 1 src/base/a.c '#include "io/loop.h"'
	plant 1 src/store/a.h '#include "web/request.h"'
	plant 1 include/base/a.h '#include "wx/wx.h"'
	plant 1 src/sim/a.c '#include "io/loop.h"'
	plant 1 src/io/a.c '#include "absent.h"'
	plant 1 src/app/a.c '#include <fcgiapp.h>'
	plant 1 src/wx/a.c '#include <curl/curl.h>'
	plant 1 src/web/a.c '#include <uv.h>'
	plant 1 src/wx/a.c '#include <yajl/yajl_parse.h>'
	plant 0 src/base/jwt.c '#include <cjose/cjose.h>'
	plant 1 src/wx/a.c '#include <cjose/jws.h>'
	plant 1 src/base/jwt.c '#include <jansson.h>'
	plant 1 src/wx/a.c '#include <openssl/evp.h>'
	plant 1 src/newlayer/a.c '#include "base/str.h"'
}

fail_self() {
	echo "layers.sh: self-test: $1" >&2
	exit 2
}

if [ $# -gt 0 ]; then
	run "$1"
	exit $?
fi
self_test
run "$(dirname "$0")/../.." || exit $?
echo "layers: fine"
