# Makes benren.json(5) of its frame and of conf/benren.json, whose comments are the
# explanations: written once, and held against the table of keys by test_conf.
#
#   awk -v all=conf/benren.json -v minimal=conf/benren-minimal.json -f keys.awk benren.json.5.in

/^@KEYS@$/    { keys(); next }
/^@MINIMAL@$/ { while ((getline line < minimal) > 0) print escape(line); next }
              { print }

function escape(text) {
	gsub(/\\/, "\\e", text)
	gsub(/"/, "\\(dq", text)
	return text
}

# One key, or several that share an explanation, and then what was said before them.
function flush(   i) {
	for (i = 1; i <= n; i++)
		print ".It Ic " name[i] (said ~ /^No default/ ? "" : " Pq " escape(value[i]))
	if (n > 0)
		printf "%s%s", said, listing ? ".El\n" : ""
	if (n > 0)
		said = ""
	listing = n > 0 ? 0 : listing
	n = 0
}

function item(key, val) {
	name[++n] = prefix[depth] key
	value[n] = val
}

# mdoc wants each sentence on a line of its own; "word": begins a row of a list.
function say(text) {
	if (text ~ /^"[^"]*":/) {
		if (!listing)
			said = said ".Bl -tag -width anonymous -compact\n"
		listing = 1
		said = said ".It " escape(substr(text, 1, index(text, ":") - 1)) "\n"
		text = substr(text, index(text, ":") + 1)
	} else if (listing && text !~ /^  /) {
		said = said ".El\n"
		listing = 0
	}
	sub(/^ +/, "", text)
	gsub(/\.  +/, ".\n", text)
	said = said escape(text) "\n"
}

function push(key) {
	prefix[depth + 1] = prefix[depth] key
	depth++
}

# "breaker": { "failures": 20, "open": 10 }, in one line
function inline_object(key, line,   part, count, i, pair) {
	sub(/^[^{]*\{ */, "", line)
	sub(/ *\},?$/, "", line)
	count = split(line, part, /, */)
	for (i = 1; i <= count; i++) {
		split(part[i], pair, /": */)
		item(key "." substr(pair[1], 2), pair[2])
	}
}

function keys(   line, key) {
	depth = -1 # the comment before the first brace is for readers of that file
	while ((getline line < all) > 0) {
		sub(/^[ \t]+/, "", line)
		if (depth < 0 && line != "{")
			continue
		key = line
		sub(/^"/, "", key)
		sub(/".*/, "", key)
		if (line ~ /^\/\//) {
			if (n > 0)
				flush()
			say(substr(line, 4))
		} else if (line == "")
			flush()
		else if (line == "{")
			push("")
		else if (line ~ /^[\]}],?$/) {
			flush()
			depth--
		} else if (line ~ /: \{$/)
			open(key ".")
		else if (line ~ /: \[$/)
			open(key "[].")
		else if (line ~ /: \{.*\},?$/)
			inline_object(key, line)
		else {
			sub(/^"[^"]*": */, "", line)
			sub(/,$/, "", line)
			item(key, line)
		}
	}
}

# An object or array; what was said before it goes before its keys.
function open(key) {
	if (said != "")
		print ".El\n.Pp\n" said ".Bl -tag -width 4n"
	said = ""
	push(key)
}
