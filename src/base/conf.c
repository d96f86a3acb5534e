/* Reads the configuration file by the table of keys. */
#include "base/conf.h"
#include "base/json_in.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf_keys.h"
#include "conf_local.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 256 * 1024, ARENA_MAX = 8 * 1024 * 1024 };

/* Where we are while reading: the text is kept to tell lines. */
struct reading {
	struct conf *conf;
	struct str text;
};

static int line_of(struct str text, size_t at)
{
	int line = 1;

	for (size_t i = 0; i < at && i < text.len; i++)
		line += text.p[i] == '\n';
	return line;
}

void conf_complain(struct conf *c, int line, const char *format, ...)
{
	char text[600];
	struct str message;
	va_list args;

	if (c->error_nr == CONF_ERRORS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (line > 0)
		message = arena_printf(&c->arena, "%s:%d: %s", c->file, line, text);
	else
		message = arena_printf(&c->arena, "%s: %s", c->file, text);
	c->errors[c->error_nr++] = message.p;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edit distance, for names of keys. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t len = strlen(b);

	if (len >= ARRAY_LEN(row))
		return UINT_MAX;
	for (unsigned i = 0; i <= len; i++)
		row[i] = i;
	for (unsigned n = 1; *a != '\0'; a++, n++) {
		unsigned corner = row[0];
		row[0] = n;
		for (size_t i = 1; i <= len; i++) {
			unsigned cost = corner + (*a == b[i - 1] ? 0 : 1);
			corner = row[i];
			row[i] = min3(row[i] + 1, row[i - 1] + 1, cost);
		}
	}
	return row[len];
}

static const struct conf_key *find_key(const struct conf_key *keys, const char *name)
{
	for (const struct conf_key *k = keys; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static const char *nearest_key(const struct conf_key *keys, const char *name)
{
	const char *best = NULL;
	unsigned least = 5;

	if (keys == conf_keys && distance(name, "apps") <= 2)
		return "apps";

	for (const struct conf_key *k = keys; k->name != NULL; k++) {
		unsigned d = distance(name, k->name);
		if (d < least) {
			least = d;
			best = k->name;
		}
	}
	return best;
}

static const char *choices_text(struct conf *c, const struct conf_key *k)
{
	struct str text = STR("");

	for (const char *const *choice = k->choices; *choice != NULL; choice++)
		text = arena_printf(&c->arena, "%s%s\"%s\"", text.p, text.len == 0 ? "" : " or ",
				    *choice);
	return text.p;
}

static const char *wanted_text(struct conf *c, const struct conf_key *k)
{
	switch (k->type) {
	case CONF_BOOL:
		return "true or false";
	case CONF_INT:
		return arena_printf(&c->arena, "a whole number from %d to %d", k->min, k->max).p;
	case CONF_CHOICE:
		return choices_text(c, k);
	case CONF_TEXTS:
	case CONF_PATHS:
		return "an array of texts, [\"...\"]";
	case CONF_NETWORKS:
		return "an array of networks, [\"10.0.0.0/8\", \"::1\"]";
	case CONF_BUDGET:
		return "as \"20/day\" or \"15/minute 30/day\" (second, minute, hour, day; at most "
		       "three), or \"0\" for any number";
	case CONF_TEXT:
	case CONF_PATH:
		break;
	}
	return "a text in double quotes";
}

static struct str beside(struct conf *c, struct str path)
{
	const char *slash = strrchr(c->file, '/');

	if (path.len == 0 || path.p[0] == '/' || slash == NULL)
		return arena_str(&c->arena, path);
	return arena_printf(&c->arena, "%.*s/%s", (int)(slash - c->file), c->file, path.p);
}

static const char *set_text(struct conf *c, bool path, struct str text)
{
	return path ? beside(c, text).p : arena_str(&c->arena, text).p;
}

static bool set_choice(const struct conf_key *k, void *to, const struct json *j)
{
	if (j->type != JSON_STRING)
		return false;
	for (int i = 0; k->choices[i] != NULL; i++) {
		if (str_is(j->str, k->choices[i])) {
			*(int *)to = i;
			return true;
		}
	}
	return false;
}

static bool set_texts(struct conf *c, const struct conf_key *k, void *to, const struct json *array)
{
	if (array->type != JSON_ARRAY)
		return false;
	const char **texts = arena_alloc(&c->arena, (array->count + 1) * sizeof *texts);
	size_t n = 0;
	for (const struct json *j = array->first; texts != NULL && j != NULL; j = j->next) {
		if (j->type != JSON_STRING)
			return false;
		texts[n++] = set_text(c, k->type == CONF_PATHS, j->str);
	}
	*(const char *const **)to = texts;
	return true;
}

/* One of "15/minute": the number and its unit; false for anything else. */
static bool read_rate(struct str text, struct conf_rate *ret)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "second", 1000 }, { "minute", 60000 }, { "hour", 3600000 }, { "day", 86400000 }
	};
	const char *slash = memchr(text.p, '/', text.len);
	int64_t most;

	if (slash == NULL)
		return false;
	size_t digits = (size_t)(slash - text.p);
	if (str_int((struct str){ text.p, digits }, &most) != OK || most < 1 || most > INT_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!str_is((struct str){ slash + 1, text.len - digits - 1 }, units[i].unit))
			continue;
		*ret = (struct conf_rate){ (unsigned)most, units[i].ms };
		return true;
	}
	return false;
}

/* The longest window first: who is refused by it need not be told of a shorter one. */
static void sort_rates(struct conf_budget *b)
{
	for (unsigned i = 1; i < b->rate_nr; i++) {
		struct conf_rate rate = b->rates[i];
		unsigned k = i;
		for (; k > 0 && b->rates[k - 1].per_ms < rate.per_ms; k--)
			b->rates[k] = b->rates[k - 1];
		b->rates[k] = rate;
	}
}

static bool set_budget(struct conf_budget *to, struct str text)
{
	*to = (struct conf_budget){ .rate_nr = 0 };
	if (str_is(text, "0"))
		return true;
	while (text.len > 0) {
		const char *blank = memchr(text.p, ' ', text.len);
		size_t len = blank == NULL ? text.len : (size_t)(blank - text.p);
		if (to->rate_nr == CONF_RATES_MAX ||
		    !read_rate((struct str){ text.p, len }, &to->rates[to->rate_nr]))
			return false;
		to->rate_nr++;
		text = str_trim((struct str){ text.p + len, text.len - len });
	}
	sort_rates(to);
	return to->rate_nr > 0;
}

/* NULL, or what is wrong with it: the end of a sentence that begins with the text. */
static const char *read_network(struct str text, struct network *ret)
{
	const char *why;

	if (net_parse(text, ret, &why) != OK)
		return why;
	return str_ends(text, STR("/0")) ? "is everybody, who could then name any address" : NULL;
}

/* Those that are none are left out: complain_of_networks() tells of each. */
static bool set_networks(struct conf *c, struct net_list *to, const struct json *array)
{
	if (array->type != JSON_ARRAY)
		return false;
	struct network *list = arena_alloc(&c->arena, (array->count + 1) * sizeof *list);
	*to = (struct net_list){ .networks = list };
	for (const struct json *j = array->first; list != NULL && j != NULL; j = j->next) {
		if (j->type != JSON_STRING)
			return false;
		if (str_is(j->str, "unix:"))
			to->unix_sockets = true;
		else
			to->nr += read_network(j->str, &list[to->nr]) == NULL;
	}
	return true;
}

/* False when the value is not what the key takes. */
static bool set(struct conf *c, const struct conf_key *k, void *base, const struct json *j)
{
	void *to = (char *)base + k->offset;

	switch (k->type) {
	case CONF_BOOL:
		if (j->type == JSON_BOOL)
			*(bool *)to = j->num != 0;
		return j->type == JSON_BOOL;
	case CONF_INT:
		if (j->type != JSON_INT || j->num < k->min || j->num > k->max)
			return false;
		*(int *)to = (int)j->num;
		return true;
	case CONF_TEXT:
	case CONF_PATH:
		if (j->type != JSON_STRING)
			return false;
		*(const char **)to = set_text(c, k->type == CONF_PATH, j->str);
		return true;
	case CONF_CHOICE:
		return set_choice(k, to, j);
	case CONF_TEXTS:
	case CONF_PATHS:
		return set_texts(c, k, to, j);
	case CONF_BUDGET:
		return j->type == JSON_STRING && set_budget(to, j->str);
	case CONF_NETWORKS:
		return set_networks(c, to, j);
	}
	return false;
}

static void set_defaults(struct conf *c, const struct conf_key *keys, void *base)
{
	struct json_error error;
	struct json *j;

	for (const struct conf_key *k = keys; k->name != NULL; k++) {
		if (k->def == NULL)
			continue;
		ensure(json_parse(&c->arena, str_of(k->def), 0, &j, &error) == OK);
		ensure(set(c, k, base, j));
	}
}

static void unknown_key(struct reading *r, const struct conf_key *keys, const char *name, size_t at)
{
	const char *near = nearest_key(keys, name);
	int line = line_of(r->text, at);

	if (near != NULL)
		conf_complain(r->conf, line, "unknown key \"%s\": did you mean \"%s\"?", name,
			      near);
	else
		conf_complain(r->conf, line,
			      "unknown key \"%s\": take it out, or see 'benren --help-config'",
			      name);
}

/* A group ("wechat") is read with its name and a dot before its members' names. */
static bool is_group(const struct conf_key *keys, const char *name)
{
	size_t len = strlen(name);

	for (const struct conf_key *k = keys; k->name != NULL; k++)
		if (strncmp(k->name, name, len) == 0 && k->name[len] == '.')
			return true;
	return false;
}

static void complain_of_networks(struct reading *r, const char *name, const struct json *array)
{
	struct network n;

	for (const struct json *j = array->first; j != NULL; j = j->next) {
		const char *why = str_is(j->str, "unix:") ? NULL : read_network(j->str, &n);
		if (why != NULL)
			conf_complain(r->conf, line_of(r->text, j->at),
				      "\"%s\": \"%s\" %s: write an address (\"10.1.2.3\"), a "
				      "network (\"10.0.0.0/8\", \"2001:db8::/32\") or \"unix:\"",
				      name, j->str.p, why);
	}
}

static void read_member(struct reading *r, const struct conf_key *keys, void *base,
			const char *group, const struct json *j)
{
	struct conf *c = r->conf;
	const char *name = arena_printf(&c->arena, "%s%s", group, j->key.p).p;
	const struct conf_key *k = find_key(keys, name);

	if (k == NULL)
		unknown_key(r, keys, name, j->at);
	else if (!set(c, k, base, j))
		conf_complain(c, line_of(r->text, j->at), "\"%s\" is %s: write %s", name,
			      j->type == JSON_INT || k->type == CONF_CHOICE
				      ? "not one of its values"
				      : json_type_name(j->type),
			      wanted_text(c, k));
	else if (k->type == CONF_NETWORKS)
		complain_of_networks(r, name, j);
}

static void read_group(struct reading *r, const struct conf_key *keys, void *base,
		       const struct json *group)
{
	const char *prefix = arena_printf(&r->conf->arena, "%s.", group->key.p).p;

	if (group->type != JSON_OBJECT) {
		conf_complain(r->conf, line_of(r->text, group->at), "\"%s\" is %s: write { ... }",
			      group->key.p, json_type_name(group->type));
		return;
	}
	for (const struct json *j = group->first; j != NULL; j = j->next)
		read_member(r, keys, base, prefix, j);
}

static void read_object(struct reading *r, const struct conf_key *keys, void *base,
			const struct json *j)
{
	if (is_group(keys, j->key.p))
		read_group(r, keys, base, j);
	else
		read_member(r, keys, base, "", j);
}

static void read_app(struct reading *r, const struct json *j)
{
	struct conf *c = r->conf;
	struct conf_app *app = &c->apps[c->app_nr++];

	set_defaults(c, conf_app_keys, app);
	if (j->type != JSON_OBJECT) {
		conf_complain(c, line_of(r->text, j->at),
			      "an app is %s: write { \"appid\": ..., \"secret_file\": ... }",
			      json_type_name(j->type));
		return;
	}
	for (const struct json *member = j->first; member != NULL; member = member->next)
		read_object(r, conf_app_keys, app, member);
	for (const struct conf_key *k = conf_app_keys; k->name != NULL; k++)
		if (k->def == NULL && json_get(j, k->name) == NULL)
			conf_complain(c, line_of(r->text, j->at), "this app has no \"%s\" (%s)",
				      k->name, k->help);
}

static void read_apps(struct reading *r, const struct json *apps)
{
	struct conf *c = r->conf;

	if (apps == NULL || apps->type != JSON_ARRAY || apps->count == 0) {
		conf_complain(
			c, apps == NULL ? 0 : line_of(r->text, apps->at),
			"no apps: write \"apps\": [ { \"appid\": ..., \"secret_file\": ... } ]");
		return;
	}
	if (apps->count > CONF_APPS_MAX) {
		conf_complain(c, line_of(r->text, apps->at), "more than %d apps: use a second pool",
			      CONF_APPS_MAX);
		return;
	}
	c->apps = arena_alloc(&c->arena, apps->count * sizeof *c->apps);
	for (const struct json *j = apps->first; c->apps != NULL && j != NULL; j = j->next)
		read_app(r, j);
}

static void read_root(struct reading *r, const struct json *root)
{
	if (root->type != JSON_OBJECT) {
		conf_complain(r->conf, 1, "the file must be one JSON object, { ... }");
		return;
	}
	for (const struct json *j = root->first; j != NULL; j = j->next)
		if (!str_is(j->key, "apps"))
			read_object(r, conf_keys, r->conf, j);
	read_apps(r, json_get(root, "apps"));
}

static void read_text(struct conf *c, struct str text)
{
	struct reading r = { c, text };
	struct json_error error;
	struct json *root;

	if (str_starts(text, STR("\xEF\xBB\xBF"))) {
		conf_complain(c, 1, "begins with a byte order mark: save it as UTF-8 without one");
		return;
	}
	switch (json_parse(&c->arena, text, JSON_COMMENTS, &root, &error)) {
	case OK:
		read_root(&r, root);
		break;
	case ERR_SYNTAX:
		conf_complain(
			c, line_of(text, error.at),
			"%s: look for a missing comma, quote or bracket on or before this line",
			error.what);
		break;
	default:
		conf_complain(c, 0, "too large");
	}
}

enum err conf_load(const char *file, struct conf **ret_conf)
{
	struct conf *c = mem_calloc(1, sizeof *c);
	char *text = mem_alloc(FILE_MAX);
	size_t len;

	arena_init(&c->arena, ARENA_MAX);
	c->file = arena_str(&c->arena, str_of(file)).p;
	c->errors = arena_alloc(&c->arena, CONF_ERRORS_MAX * sizeof *c->errors);
	set_defaults(c, conf_keys, c);
	switch (conf_read_file(file, 0, text, FILE_MAX, &len)) {
	case OK:
		read_text(c, (struct str){ text, len });
		break;
	case ERR_NOT_FOUND:
		conf_complain(c, 0,
			      "no such file: name one with -c, or copy " BENREN_TEMPLATE
			      " there and fill it in");
		break;
	case ERR_TOO_LARGE:
		conf_complain(c, 0, "larger than %d bytes", FILE_MAX);
		break;
	default:
		conf_complain(c, 0, "is no file, or cannot be read by this user (uid %d)",
			      (int)geteuid());
	}
	mem_free(text);
	if (c->error_nr == 0)
		conf_check(c);
	*ret_conf = c;
	return c->error_nr == 0 ? OK : ERR_SYNTAX;
}

void conf_print_errors(const struct conf *c)
{
	for (unsigned i = 0; i < c->error_nr; i++)
		fprintf(stderr, "benren: %s\n", c->errors[i]);
}

void conf_destroy(struct conf *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->app_nr; i++)
		jwt_keys_destroy(c->apps[i].receipt.keys);
	arena_finish(&c->arena);
	mem_free(c);
}

/* Shared hosting passes no environment and no options: look beside the binary. */
static bool find_beside_binary(char *dst)
{
	struct stat program, file;
	ssize_t len = readlink("/proc/self/exe", dst, CONF_PATH_MAX - 1);

	if (len <= 0)
		return false;
	dst[len] = '\0';
	char *slash = strrchr(dst, '/');
	if (slash == NULL || stat(dst, &program) != 0)
		return false;
	size_t room = CONF_PATH_MAX - (size_t)(slash - dst);
	if ((size_t)snprintf(slash, room, "/benren.json") >= room || stat(dst, &file) != 0)
		return false;
	if (file.st_uid == program.st_uid && (file.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return true;
	fprintf(stderr,
		"benren: %s is not read: it has to belong to the binary's owner (uid %d, not %d), and "
		"nobody else may write it (mode 600 or 644, not %o)\n",
		dst, (int)program.st_uid, (int)file.st_uid, (unsigned)file.st_mode & 07777);
	return false;
}

void conf_find(const char *option, char *dst)
{
	const char *env = getenv("BENREN_CONF");

	if (option != NULL)
		snprintf(dst, CONF_PATH_MAX, "%s", option);
	else if (env != NULL && env[0] != '\0')
		snprintf(dst, CONF_PATH_MAX, "%s", env);
	else if (!find_beside_binary(dst))
		snprintf(dst, CONF_PATH_MAX, "/etc/benren/benren.json");
}
