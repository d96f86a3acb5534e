#!/bin/sh
# Is every test there is really run?  A file that no glob finds would never fail.
#
#   tests/lint/picked_up.sh BUILD   with ctest's list in that build folder
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${1:?usage: picked_up.sh BUILD}
list=$(ctest --test-dir "$build" -N) || exit 2
wrong=0

complain() {
	echo "$*"
	wrong=1
}

listed() {
	printf '%s\n' "$list" | grep -q ": $1\$"
}

units=0
for file in $(find tests/unit -name '*.c' | sort); do
	name=$(basename "$file" .c)
	layer=$(basename "$(dirname "$file")")
	case $name in
	test_*)
		units=$((units + 1))
		listed "$layer/$name" || complain "$file is not run by ctest: see tests/CMakeLists.txt"
		;;
	*) complain "$file: unit tests are called test_*.c" ;;
	esac
	# a function that looks like a test and stands in no table
	# shellcheck disable=SC2013 # names are words
	for test in $(sed -n 's/^static void \([a-z0-9_]*\)(void \*\*state).*/\1/p' "$file"); do
		[ "$(grep -cw "$test" "$file")" -gt 1 ] || complain "$file: $test() is never run"
	done
done
[ $units -gt 0 ] || { echo "picked_up.sh: no unit test found" >&2; exit 2; }

for file in tests/fuzz/fuzz_*.c; do
	what=$(basename "$file" .c)
	listed "fuzz/$what" || complain "$file is not replayed by ctest"
	[ -n "$(ls "tests/fuzz/corpus/${what#fuzz_}" 2>/dev/null)" ] || complain "$file has no seeds in tests/fuzz/corpus"
done
for folder in tests/fuzz/corpus/*/; do
	[ -e "tests/fuzz/fuzz_$(basename "$folder").c" ] || complain "$folder belongs to no fuzz target"
done

for file in tests/e2e/*.py; do
	case $(basename "$file") in
	test_*) grep -q '^def test_' "$file" || complain "$file holds no test" ;;
	*) ! grep -q '^def test_' "$file" || complain "$file: pytest only looks into test_*.py" ;;
	esac
	# of two tests with one name pytest runs the second only
	twice=$(sed -n 's/^def \(test_[a-z0-9_]*\)(.*/\1/p' "$file" | sort | uniq -d)
	[ -z "$twice" ] || complain "$file: twice the same name: $twice"
done

[ $wrong = 0 ] && echo "picked up: $units unit test programs, all e2e files, all fuzz targets"
exit $wrong
