/* What a request says about itself: its parameters. */
#include "web/request.h"
#include "base/clock.h"
#include "base/crypt.h"

#define ID_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/*
 * What a decision rests on.  h2o and nginx before 1.23 send a repeated header as two
 * parameters, and a variable set twice in a configuration twice: of these, one
 * might be the client's.  The other servers send a repeated header as one list.
 * HTTP_X_FORWARDED_FOR is not among them: where no proxy is trusted nothing rests on
 * it, and an honest client whose own network has two proxies may send two.  Where one
 * is, address.c refuses the second.
 */
static const char *const decisive[] = {
	"REQUEST_METHOD",     "SCRIPT_NAME",          "PATH_INFO",   "QUERY_STRING",
	"CONTENT_TYPE",       "CONTENT_LENGTH",       "REMOTE_ADDR", "REMOTE_USER",
	"HTTP_AUTHORIZATION", "HTTP_IDEMPOTENCY_KEY",
};
static const struct str decisive_prefixes[] = { { "BENREN_", 7 }, { "HTTP_X_BENREN_", 14 } };

static bool is_decisive(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(decisive_prefixes); i++)
		if (str_starts(name, decisive_prefixes[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(decisive); i++)
		if (str_is(name, decisive[i]))
			return true;
	return false;
}

static const struct param *find(const struct req *r, struct str name, size_t from)
{
	for (size_t i = from; i < r->param_nr; i++)
		if (str_eq(r->params[i].name, name))
			return &r->params[i];
	return NULL;
}

struct str req_param(const struct req *r, const char *name)
{
	const struct param *p = find(r, str_of(name), 0);

	return p == NULL ? STR_NONE : p->value;
}

enum err req_param_once(const struct req *r, const char *name, struct str *ret_value)
{
	const struct param *p = find(r, str_of(name), 0);

	if (p != NULL && find(r, p->name, (size_t)(p - r->params) + 1) != NULL)
		return ERR_REFUSED;
	*ret_value = p == NULL ? STR_NONE : p->value;
	return OK;
}

/*
 * A client's header that came twice and of which the web server made a list: none of
 * those that we look at has a comma in its value.  Authorization is ours if it is a
 * Bearer; other schemes (Digest) have commas, and are not looked at.
 */
static bool is_list(const struct param *p)
{
	const struct str bearer = STR("bearer ");

	if (p->value.len == 0 || memchr(p->value.p, ',', p->value.len) == NULL)
		return false;
	if (str_is(p->name, "HTTP_AUTHORIZATION"))
		return p->value.len >= bearer.len &&
		       str_ieq((struct str){ p->value.p, bearer.len }, bearer);
	return str_starts(p->name, STR("HTTP_X_BENREN_")) ||
	       str_is(p->name, "HTTP_IDEMPOTENCY_KEY");
}

static enum err check_once(const struct req *r)
{
	for (size_t i = 0; i < r->param_nr; i++) {
		const struct param *p = &r->params[i];
		if (is_decisive(p->name) && find(r, p->name, i + 1) != NULL)
			return ERR_REFUSED;
		if (is_list(p))
			return ERR_REFUSED;
	}
	return OK;
}

/*
 * The web server's own opinion of the length, where it has one: nginx sends an
 * empty value for a GET, Caddy -1 for a chunked body.
 */
static enum err check_length(const struct req *r)
{
	struct str text = req_param(r, "CONTENT_LENGTH");
	int64_t n;

	if (text.len == 0 || str_is(text, "-1"))
		return OK;
	if (str_int(text, &n) != OK || n < 0)
		return ERR_REFUSED;
	return (uint64_t)n == r->body.len ? OK : ERR_REFUSED;
}

/* Fifteen digits in a row, or more: whatever it is, it is not logged. */
static bool could_be_id_number(struct str s)
{
	size_t digits = 0;

	for (size_t i = 0; i < s.len && digits < 15; i++)
		digits = s.p[i] >= '0' && s.p[i] <= '9' ? digits + 1 : 0;
	return digits == 15;
}

/* The web server's id, if it can stand in a header and a log as it is; or a new one. */
static void read_id(struct req *r)
{
	struct str given = req_param(r, "HTTP_X_REQUEST_ID");
	unsigned char bytes[16];
	char text[2 * sizeof bytes + 1];

	if (given.len > 0 && given.len <= REQ_ID_MAX && str_only(given, ID_CHARS) &&
	    !could_be_id_number(given)) {
		r->id = given;
		return;
	}
	crypt_random(bytes, sizeof bytes);
	str_hex(text, bytes, sizeof bytes);
	r->id = arena_str(&r->arena, str_of(text));
}

/* Every web server splits the path differently, but the two together are always whole. */
static enum err read_path(struct req *r)
{
	struct str script = req_param(r, "SCRIPT_NAME");
	struct str info = req_param(r, "PATH_INFO");
	size_t slash;

	if (script.len + info.len == 0)
		return ERR_REFUSED;
	r->path =
		arena_printf(&r->arena, "%.*s%.*s", (int)script.len, script.len > 0 ? script.p : "",
			     (int)info.len, info.len > 0 ? info.p : "");
	if (r->path.p == NULL)
		return ERR_NOMEM;
	for (slash = r->path.len; slash > 0 && r->path.p[slash - 1] != '/'; slash--)
		continue;
	r->endpoint = (struct str){ r->path.p + slash, r->path.len - slash };
	return OK;
}

/* Cuts off and returns what stands before the first c. */
static struct str cut(struct str *rest, char c)
{
	const char *at = rest->len == 0 ? NULL : memchr(rest->p, c, rest->len);
	struct str head = { rest->p, at == NULL ? rest->len : (size_t)(at - rest->p) };
	size_t skip = at == NULL ? head.len : head.len + 1;

	*rest = (struct str){ rest->p == NULL ? NULL : rest->p + skip, rest->len - skip };
	return head;
}

/* "q=0.8" in thousandths; 1000 for what is no weight at all. */
static int weight_of(struct str s)
{
	int weight = 0, unit = 1000;

	s = str_trim(s);
	if (!str_starts(s, STR("q=")))
		return 1000;
	for (size_t i = 2; i < s.len && unit > 0; i++) {
		if (s.p[i] == '.')
			continue;
		if (s.p[i] < '0' || s.p[i] > '9')
			return 0;
		weight += unit * (s.p[i] - '0');
		unit /= 10;
	}
	return weight;
}

static bool is_language(struct str tag, struct str language)
{
	return str_ieq(cut(&tag, '-'), language);
}

/* Of the two languages we speak the one with the higher weight, or else the first. */
static bool prefers_english(struct str list)
{
	bool english = false;
	int best = 0;

	while (list.len > 0) {
		struct str item = cut(&list, ',');
		struct str tag = str_trim(cut(&item, ';'));
		bool is_english = is_language(tag, STR("en"));
		int weight = weight_of(item);
		if ((is_english || is_language(tag, STR("zh"))) && weight > best) {
			english = is_english;
			best = weight;
		}
	}
	return english;
}

enum err req_read_params(struct req *r)
{
	r->started = clock_boot_ms();
	r->log = arena_alloc(&r->arena, sizeof *r->log);
	if (r->log != NULL)
		log_begin(r->log, LOG_INFO, "request");
	read_id(r);
	r->english = prefers_english(req_param(r, "HTTP_ACCEPT_LANGUAGE"));
	r->method = req_param(r, "REQUEST_METHOD");

	enum err err = read_path(r);
	if (err == OK && r->method.len == 0)
		err = ERR_REFUSED;
	if (err == OK)
		err = check_once(r);
	return err == OK ? check_length(r) : err;
}
