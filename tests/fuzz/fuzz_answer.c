/*
 * Any bytes as WeChat's answer: to the verdict of both generations, and through the
 * whole of open and judge over a store and a WeChat of our own.  Whatever passes has
 * to satisfy a second, much simpler reader.
 */
#include "../unit/wx/fake_net.h"

#include "base/log.h"
#include "call.h"
#include "keys.h"
#include "wx/judge.h"
#include "wx/open.h"

#include <ctype.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 8192 };

static char plain[INPUT_MAX + 1]; /* the input without blanks and ASCII escapes */
static struct session issued[2];  /* by protocol */
static char name_md5[33], id_md5[33];

/* --- the simple reader --------------------------------------------------------------- */

static int escaped_ascii(const char *p, size_t left)
{
	unsigned char b[2];

	if (left < 6 || p[0] != '\\' || p[1] != 'u' || !str_unhex(b, 2, (struct str){ p + 2, 4 }))
		return -1;
	return b[0] == 0 && b[1] < 0x80 ? b[1] : -1;
}

static void make_plain(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		int c = escaped_ascii(text + i, size - i);
		if (c >= 0)
			i += 5;
		else if (isspace((unsigned char)text[i]) || text[i] == '\0')
			continue;
		plain[n++] = (char)(c >= 0 ? c : text[i]);
	}
	plain[n] = '\0';
}

/* "name":value and then the end of the member. */
static bool has_member(const char *name, const char *value)
{
	char member[300];
	size_t len = (size_t)snprintf(member, sizeof member, "\"%s\":%s", name, value);

	for (const char *p = plain; (p = strstr(p, member)) != NULL; p++)
		if (p[len] == ',' || p[len] == '}')
			return true;
	return false;
}

static bool may_pass(int protocol)
{
	if (!has_member("errcode", "0"))
		return false;
	if (protocol == PROTOCOL_2_0)
		return has_member("verify_ret", "10000");
	return has_member("identify_ret", "0") && strstr(plain, "\"" USER_ID_KEY "\"") != NULL &&
	       strstr(plain, "\"" USER_OPENID "\"") != NULL &&
	       strcasestr(plain, name_md5) != NULL && strcasestr(plain, id_md5) != NULL;
}

/* --- the verdicts ---------------------------------------------------------------------- */

static void try_verdict(int protocol, struct str text)
{
	struct wx_answer a = answer_of(keys, &issued[protocol], text);
	struct verdict v = wx_protocol(protocol)->verdict(&issued[protocol], &a);

	ensure(v.kind != VERDICT_PASSED || may_pass(protocol));
	ensure((v.kind == VERDICT_PASSED) == (v.class == CLASS_PASSED));
	ensure(v.word != NULL);
}

static void try_read(struct str text)
{
	struct arena arena;
	const struct json *root;
	int64_t errcode;
	char rid[WX_RID_MAX];

	arena_init(&arena, 512 * 1024);
	bool read = wx_read_answer(&arena, text, &root, &errcode, rid);
	ensure(read == (root != NULL));
	ensure(memchr(rid, '\0', sizeof rid) != NULL);
	ensure(errcode == 0 || root != NULL);
	arena_finish(&arena);
}

/* --- the flows ------------------------------------------------------------------------- */

struct opening {
	struct wx_open op;
	bool done;
};

struct judging {
	struct wx_judge op;
	bool done;
};

static void on_open(struct wx_open *o)
{
	container_of(o, struct opening, op)->done = true;
	loop_stop(loop);
}

static void on_judge(struct wx_judge *j)
{
	container_of(j, struct judging, op)->done = true;
	loop_stop(loop);
}

/* All values but the access token. */
static void empty_store(void)
{
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++)
		if (fake_store.values[i].kind != STORE_TOKEN)
			fake_store.values[i].used = false;
}

static void queue(enum path path, const char *text)
{
	fake_net.queued[path] = fake_net.taken[path] = 0;
	answer_next(path, OK, 200, text);
	answer_next(path, OK, 200, text);
}

static void try_open(int protocol, const char *text)
{
	char name[] = PERSON_NAME, id[] = PERSON_ID;
	struct opening o = { .done = false };
	struct arena arena;

	empty_store();
	fake_net.taken[STABLE_TOKEN] = fake_net.queued[STABLE_TOKEN] = 0;
	queue(protocol == PROTOCOL_1_0 ? OPEN_1 : OPEN_2, text);
	arena_init(&arena, 512 * 1024);
	session_init(&o.op.s, &fake_apps[protocol], &issued[protocol].rec.caller);
	o.op.id = identity_of(name, id);
	wx_open_start(wx, &o.op, &arena, &fake_apps[protocol], on_open);
	run_until(&o.done);
	ensure(name[0] == '\0' && id[0] == '\0');
	ensure(count_values(STORE_SESSION) == (o.op.err == OK));
	ensure(count_values(STORE_KEY) == (o.op.err == OK));
	if (o.op.err == OK)
		ensure(has_member("errcode", "0") && o.op.s.rec.expires > o.op.s.rec.opened &&
		       o.op.s.sealed.key[0] != '\0' && o.op.s.rec.state == SESSION_OPENED);
	arena_finish(&arena);
}

static void store_issued(int protocol, char *id)
{
	struct session s = issued[protocol];
	struct store_op op = { .version = 0 };
	struct digest where;

	s.rec.expires = clock_boot_ms() + 3600000;
	session_id(keys, &s, id);
	where = session_store_key(keys, str_of(id));
	session_pack(keys, &s, &op);
	op.key = where;
	ensure(do_put(&op) == OK);
	index_write(&where, &s.rec.caller, &op);
	op.key = index_store_key(keys, &fake_apps[protocol], &s.rec.key);
	op.version = 0;
	op.expires = s.rec.expires;
	ensure(do_put(&op) == OK);
}

static void try_judge(int protocol, const char *text)
{
	struct judging j = { .op = { .caller = issued[protocol].rec.caller } };
	char id[SESSION_ID_LEN + 1];
	struct session stored;
	struct arena arena;

	empty_store();
	queue(protocol == PROTOCOL_1_0 ? QUERY_1 : QUERY_2, text);
	store_issued(protocol, id);
	if (protocol == PROTOCOL_1_0)
		j.op.verify_result = STR("result");
	else
		j.op.session = str_of(id);
	arena_init(&arena, 512 * 1024);
	wx_judge_start(wx, &j.op, &arena, &fake_apps[protocol], on_judge);
	run_until(&j.done);
	struct store_op op = { .kind = STORE_SESSION, .key = session_store_key(keys, str_of(id)) };
	ensure(do_get(&op) == OK && session_unpack(keys, &op, &stored) == OK);
	bool passed = stored.rec.state == SESSION_PASSED;
	ensure(!passed || may_pass(protocol));
	ensure(passed == (j.op.outcome == JUDGE_ENDED && j.op.s.rec.state == SESSION_PASSED));
	arena_finish(&arena);
}

/* Never the same twice, or a refused one would make every later call wait. */
static void on_call(enum path path)
{
	static char text[100];
	static unsigned n;

	if (path != STABLE_TOKEN)
		return;
	snprintf(text, sizeof text, "{\"access_token\":\"T%u\",\"expires_in\":7200}", n++);
	fake_net.by_default[STABLE_TOKEN] = text;
}

static void set_up(void)
{
	ensure(log_open("/dev/null", LOG_ERROR, false) == OK);
	fake_start(false);
	fake_net.on_call = on_call;
	alarm(0);
	for (int protocol = PROTOCOL_1_0; protocol <= PROTOCOL_2_0; protocol++)
		issued[protocol] = opened_session(keys, &fake_apps[protocol], USER_OPENID);
	md5_hex(name_md5, PERSON_NAME);
	md5_hex(id_md5, PERSON_ID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[INPUT_MAX + 1];

	if (size > INPUT_MAX)
		return 0;
	if (loop == NULL)
		set_up();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	make_plain(text, size);
	struct str s = { text, size };
	try_read(s);
	for (int protocol = PROTOCOL_1_0; protocol <= PROTOCOL_2_0; protocol++) {
		try_verdict(protocol, s);
		if (memchr(text, '\0', size) != NULL) /* the fake WeChat sends C strings */
			continue;
		try_open(protocol, text);
		try_judge(protocol, text);
	}
	return 0;
}
