/*
 * Tests of judging: who asks WeChat, how often, and that a session passes only if
 * WeChat said so about this session.
 *
 * The invariant is checked behind every test: each session in the store that has
 * PASSED is one for which `may_pass` was called, and one whose line stands in the
 * audit file; and that file is whole and holds nothing personal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/audit.h"
#include "base/log.h"
#include "fake_net.h"
#include "keys.h"
#include "wx/find.h"
#include "wx/judge.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#define ANOTHER "oUser-0000000000000000000002"
#define RESULT  "verify-result-1"

struct
try {
	struct wx_judge judge;
	struct arena arena;
	char word[SESSION_WORD_MAX]; /* the verdict's, which may stand in the arena */
	bool done;
};

struct person {
	const char *openid;
	char id[SESSION_ID_LEN + 1], key[WX_KEY_MAX + 1];
	struct digest where, caller;
	bool may_pass;
};

static struct person people[8];
static size_t person_nr;
static char answer_text[8][1000];

static char audit_file[] = "/tmp/benren-judge-XXXXXX";
static struct audit *audit;
static char audit_text[256 * 1024];

static int start_done(void **state)
{
	const char *why;

	(void)state;
	fake_start(false);
	int fd = mkstemp(audit_file);
	assert_true(fd >= 0);
	close(fd);
	fake_conf.audit.file = audit_file;
	fake_conf.audit.required = true;
	assert_int_equal(audit_open(audit_file, keys, false, &audit, &why), OK);
	wx_set_audit(wx, audit);
	memset(people, 0, sizeof people);
	person_nr = 0;
	return 0;
}

static int start_wait(void **state)
{
	start_done(state);
	fake_store.wait = true;
	return 0;
}

static bool load(const struct person *p, struct session *ret)
{
	struct store_op op = { .kind = STORE_SESSION, .key = p->where };

	return do_get(&op) == OK && session_unpack(keys, &op, ret) == OK;
}

static enum session_state state_of(const struct person *p)
{
	struct session s;

	return load(p, &s) ? (enum session_state)s.rec.state : SESSION_EXPIRED;
}

static struct wx *audited_worker(void)
{
	struct wx *other = another_worker();

	wx_set_audit(other, audit);
	return other;
}

/* What the audit file holds now. */
static const char *audited(void)
{
	int fd = open(audit_file, O_RDONLY);
	ssize_t n = read(fd, audit_text, sizeof audit_text - 1);

	assert_true(fd >= 0 && n >= 0 && n < (ssize_t)sizeof audit_text - 1);
	close(fd);
	audit_text[n] = '\0';
	return audit_text;
}

/* How many of its lines hold all three of these. */
static unsigned lines_with(const char *one, const char *two, const char *three)
{
	unsigned n = 0;
	char *rest;

	(void)audited();
	for (char *l = strtok_r(audit_text, "\n", &rest); l != NULL;
	     l = strtok_r(NULL, "\n", &rest))
		n += strstr(l, one) != NULL && strstr(l, two) != NULL && strstr(l, three) != NULL;
	return n;
}

static const char *hex_of(const struct digest *d)
{
	static char hex[2 * DIGEST_SIZE + 1];

	str_hex(hex, d->b, sizeof d->b);
	return hex;
}

#define PASSED_LINE  "\"event\":\"verdict\",", "\"verdict\":\"passed\""
#define FAILED_LINE  "\"event\":\"verdict\",", "\"verdict\":\"failed\""
#define REFUSED_LINE "\"event\":\"refused\","

static bool audit_sound(void)
{
	struct audit_report r;
	const char *personal[] = { PERSON_NAME, PERSON_ID, "oUser-", "user-id-key",
				   "verify-result" };

	if (audit_verify(audit_file, keys, &r) != OK || r.wrong != 0 || r.torn != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(personal); i++)
		if (strstr(audited(), personal[i]) != NULL)
			return false;
	for (size_t i = 0; i < person_nr; i++)
		if (strstr(audited(), people[i].id) != NULL)
			return false;
	return true;
}

static size_t audit_repeats_now(void)
{
	struct audit_report r;

	assert_int_equal(audit_verify(audit_file, keys, &r), OK);
	return r.repeat_nr;
}

/* Said to have passed, and that not taken back. */
static bool said_to_pass(const struct person *p)
{
	const char *where = hex_of(&p->where);

	return lines_with(PASSED_LINE, where) > lines_with("\"unsettled\"", where, "");
}

static int stop(void **state)
{
	int wrong = 0;

	(void)state;
	run_for(5, NULL);
	for (size_t i = 0; i < person_nr; i++) {
		if (state_of(&people[i]) != SESSION_PASSED)
			continue;
		if (!people[i].may_pass) {
			print_error("session %zu passed and WeChat did not say so\n", i);
			wrong = 1;
		}
		if (fake_conf.audit.required && !said_to_pass(&people[i])) {
			print_error("session %zu passed and no line says so\n", i);
			wrong = 1;
		}
	}
	if (!audit_sound()) {
		print_error("the audit file is not as it should be\n%s", audited());
		wrong = 1;
	}
	audit_close(audit);
	unlink(audit_file);
	memset(audit_file + sizeof audit_file - 7, 'X', 6);
	fake_stop();
	return wrong;
}

static void write_session(struct person *p, const struct session *s)
{
	struct store_op op = { .version = 0 };

	session_pack(keys, s, &op);
	op.key = p->where;
	assert_int_equal(do_put(&op), OK);
}

/* Somebody with an opened session, as wx_open_start() leaves it. */
static struct person *person(int protocol, const char *openid)
{
	struct person *p = &people[person_nr++];
	const struct conf_app *app = &fake_apps[protocol];
	struct session s = opened_session(keys, app, openid);
	struct store_op op = { .version = 0 };

	p->openid = openid;
	p->caller = session_caller(keys, str_of(app->appid), "openid", str_of(openid));
	s.rec.caller = p->caller;
	snprintf(p->key, sizeof p->key, "user-id-key-%zu", person_nr);
	strcpy(s.sealed.key, p->key);
	s.rec.key = wx_key_hash(keys, str_of(p->key));
	s.rec.opened = clock_boot_ms();
	s.rec.expires = s.rec.opened + 3600000;
	session_id(keys, &s, p->id);
	p->where = session_store_key(keys, str_of(p->id));
	write_session(p, &s);
	index_write(&p->where, &s.rec.caller, &op);
	op.key = index_store_key(keys, app, &s.rec.key);
	op.version = 0;
	op.expires = s.rec.expires + SESSION_LINGER_MS;
	assert_int_equal(do_put(&op), OK);
	return p;
}

/* getinfo's answer about somebody: the key, the openid, the person's MD5s. */
static const char *info(const char *key, const char *openid, const char *name, int ret)
{
	static unsigned n;
	char md5_name[33], md5_id[33];
	char *text = answer_text[n++ % ARRAY_LEN(answer_text)];

	snprintf(text, sizeof answer_text[0],
		 "{\"errcode\":0,\"errmsg\":\"ok\",\"identify_ret\":%d,\"openid\":\"%s\","
		 "\"user_id_key\":\"%s\",\"name_utf8_md5\":\"%s\",\"id_card_number_md5\":\"%s\"}",
		 ret, openid, key, md5_hex(md5_name, name), md5_hex(md5_id, PERSON_ID));
	return text;
}

static const char *passes(struct person *p)
{
	p->may_pass = true;
	return info(p->key, p->openid, PERSON_NAME, 0);
}

static void on_judge(struct wx_judge *j)
{
	struct try *t = container_of(j, struct try, judge);

	assert_false(t->done);
	t->done = true;
	loop_stop(loop);
}

static void judge_start(struct try *t, struct wx *worker, int protocol, const struct person *caller,
			const char *result)
{
	arena_init(&t->arena, 256 * 1024);
	t->done = false;
	t->judge.caller = caller->caller;
	if (protocol == PROTOCOL_1_0)
		t->judge.verify_result = str_of(result);
	wx_judge_start(worker, &t->judge, &t->arena, &fake_apps[protocol], on_judge);
	assert_false(t->done);
}

static enum judge_outcome judge_end(struct try *t)
{
	run_until(&t->done);
	assert_non_null(t->judge.verdict.word);
	snprintf(t->word, sizeof t->word, "%s", t->judge.verdict.word);
	arena_finish(&t->arena);
	/* What a client is told: passed only if the stored session has. */
	if (t->judge.outcome == JUDGE_ENDED && t->judge.s.rec.state == SESSION_PASSED) {
		char id[SESSION_ID_LEN + 1];
		bool stored = false;
		session_id(keys, &t->judge.s, id);
		for (size_t i = 0; i < person_nr; i++)
			stored |= strcmp(people[i].id, id) == 0 &&
				  state_of(&people[i]) == SESSION_PASSED && people[i].may_pass;
		assert_true(stored);
	}
	if (t->judge.outcome != JUDGE_ENDED)
		assert_int_not_equal(t->judge.verdict.kind, VERDICT_PASSED);
	return t->judge.outcome;
}

static enum judge_outcome judge1(struct try *t, const struct person *caller, const char *result)
{
	*t = (struct try){ .done = false };
	judge_start(t, wx, PROTOCOL_1_0, caller, result);
	return judge_end(t);
}

static enum judge_outcome judge2(struct try *t, const struct person *caller, const char *session)
{
	*t = (struct try){ .judge = { .session = str_of(session) } };
	judge_start(t, wx, PROTOCOL_2_0, caller, NULL);
	return judge_end(t);
}

static bool passed(const struct try *t)
{
	return t->judge.outcome == JUDGE_ENDED && t->judge.s.rec.state == SESSION_PASSED;
}

static unsigned claims(void)
{
	return count_values(STORE_CLAIM);
}

/* --- 1.0 ------------------------------------------------------------------------------ */

static void a_good_result_passes_its_session(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct session s;
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t) && t.judge.asked && t.judge.named);
	assert_int_equal(t.judge.verdict.class, CLASS_PASSED);
	assert_string_equal(fake_net.last_body, "{\"verify_result\":\"" RESULT "\"}");
	assert_true(load(a, &s));
	assert_int_equal(s.rec.state, SESSION_PASSED);
	assert_int_equal(s.rec.class, CLASS_PASSED);
	assert_string_equal(s.rec.word, "passed");
	assert_int_equal(s.rec.attempts, 1);
	assert_true(s.rec.ended_wall > 0);
}

/* T02 */
static void a_replay_is_answered_without_a_call(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	for (int i = 0; i < 100; i++) {
		t = (struct try){ .done = false };
		if (i % 2 == 1)
			t.judge.session = str_of(a->id);
		judge_start(&t, wx, PROTOCOL_1_0, a, RESULT);
		assert_int_equal(judge_end(&t), JUDGE_ENDED);
		assert_true(passed(&t) && !t.judge.asked && t.judge.named);
		assert_int_equal(t.judge.verdict.class, CLASS_PASSED);
	}
	assert_int_equal(fake_net.calls[QUERY_1], 1);
}

static void a_failed_session_stays_failed(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, info(a->key, a->openid, PERSON_NAME, 10004));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_int_equal(t.judge.s.rec.state, SESSION_FAILED);
	assert_int_equal(t.judge.s.rec.code, 10004);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_int_equal(t.judge.s.rec.state, SESSION_FAILED);
	assert_false(t.judge.asked);
	/* A better result for the same session comes too late. */
	answer_next(QUERY_1, OK, 0, info(a->key, a->openid, PERSON_NAME, 0));
	assert_int_equal(judge1(&t, a, "another-result"), JUDGE_USED);
	assert_int_equal(state_of(a), SESSION_FAILED);
	assert_int_equal(judge1(&t, a, "another-result"), JUDGE_USED);
	assert_int_equal(fake_net.calls[QUERY_1], 2);
}

/* T05, T06: sixty-four at once, in four workers. */
static void many_at_once_make_one_call(void **state)
{
	static struct try tries[64];
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct wx *workers[4] = { wx, audited_worker(), audited_worker(), audited_worker() };
	unsigned ended = 0, asking = 0;

	(void)state;
	fake_net.hold = true;
	fake_net.by_default[QUERY_1] = passes(a);
	memset(tries, 0, sizeof tries);
	for (size_t i = 0; i < ARRAY_LEN(tries); i++)
		judge_start(&tries[i], workers[i % 4], PROTOCOL_1_0, a, RESULT);
	run_for(50, NULL); /* the token's answer is held, too */
	release_held();
	run_for(200, NULL);
	fake_net.hold = false;
	release_held();
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		enum judge_outcome outcome = judge_end(&tries[i]);
		ended += outcome == JUDGE_ENDED;
		asking += outcome == JUDGE_ASKING;
	}
	assert_int_equal(fake_net.calls[QUERY_1], 1);
	assert_int_equal(ended, 1);
	assert_int_equal(asking, 63);
	assert_int_equal(state_of(a), SESSION_PASSED);
	for (size_t i = 1; i < 4; i++)
		wx_destroy(workers[i]);
}

/* T03: B's result in A's name, and all that a thief may try. */
static void a_foreign_result_is_refused_and_harms_nobody(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_1_0, ANOTHER);
	struct try t;

	(void)state;
	fake_net.by_default[QUERY_1] = info(b->key, ANOTHER, PERSON_NAME, 0);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_FOREIGN);
	assert_true(t.judge.asked);
	assert_int_equal(t.judge.s.rec.expires, 0); /* nothing of B's is handed out */
	assert_int_equal(state_of(a), SESSION_OPENED);
	assert_int_equal(state_of(b), SESSION_OPENED);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_REFUSED); /* and is remembered */
	assert_int_equal(fake_net.calls[QUERY_1], 1);
	/* A names a session besides: its own, then B's. */
	t = (struct try){ .judge = { .session = str_of(a->id) } };
	judge_start(&t, wx, PROTOCOL_1_0, a, "result-2");
	assert_int_equal(judge_end(&t), JUDGE_FOREIGN);
	assert_false(t.judge.named);
	t = (struct try){ .judge = { .session = str_of(b->id) } };
	judge_start(&t, wx, PROTOCOL_1_0, a, "result-3");
	assert_int_equal(judge_end(&t), JUDGE_UNKNOWN);
	assert_int_equal(fake_net.calls[QUERY_1], 2);
	/* B himself passes with it all the same. */
	b->may_pass = true;
	assert_int_equal(judge1(&t, b, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(state_of(a), SESSION_OPENED);
}

static void a_key_that_we_did_not_issue_is_refused(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	static const char *const foreign[] = { "never-issued", "", "user-id-key-11",
					       "USER-ID-KEY-1" };
	struct try t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		char result[20];
		snprintf(result, sizeof result, "result-%zu", i);
		answer_next(QUERY_1, OK, 0, info(foreign[i], a->openid, PERSON_NAME, 0));
		assert_int_equal(judge1(&t, a, result), JUDGE_FOREIGN);
		assert_string_equal(t.word, "unknown_key");
	}
	assert_int_equal(state_of(a), SESSION_OPENED);
}

/* The right key, and yet another person or user. */
static void another_identity_in_the_answer_fails_the_session(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct person *a = person(PROTOCOL_1_0, USER_OPENID);
		char result[20];
		struct try t;
		snprintf(result, sizeof result, "result-%d", i);
		answer_next(QUERY_1, OK, 0,
			    i == 0   ? info(a->key, ANOTHER, PERSON_NAME, 0)
			    : i == 1 ? info(a->key, USER_OPENID, "李四", 0)
				     : info(a->key, "", PERSON_NAME, 0));
		assert_int_equal(judge1(&t, a, result), JUDGE_ENDED);
		assert_int_equal(t.judge.s.rec.state, SESSION_FAILED);
		assert_int_equal(t.judge.s.rec.class, CLASS_IDENTITY);
		assert_int_equal(state_of(a), SESSION_FAILED);
	}
}

static void pending_gives_the_claim_back(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, info(a->key, a->openid, PERSON_NAME, 10005));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_PENDING);
	assert_int_equal(claims(), 0);
	assert_int_equal(state_of(a), SESSION_OPENED);
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
}

/* Matrix J, W: no answer of these is a pass, an end or a lasting claim. */
static void an_unusable_answer_changes_nothing(void **state)
{
	static const struct {
		enum err err;
		int status;
		const char *text;
	} rows[] = {
		{ ERR_TIMEOUT, 0, "" },
		{ ERR_TLS, 0, "" },
		{ ERR_TOO_LARGE, 0, "" },
		{ ERR_SYNTAX, 0, "" },
		{ OK, 500, "{\"errcode\":0,\"identify_ret\":0}" },
		{ OK, 302, "" },
		{ OK, 200, "" },
		{ OK, 200, "null" },
		{ OK, 200, "[]" },
		{ OK, 200, "<html>" },
		{ OK, 200, "{}" },
		{ OK, 200, "{\"errcode\":0}" },
		{ OK, 200, "{\"errcode\":0,\"identify_ret\":0}" },
		{ OK, 200,
		  "{\"errcode\":0,\"identify_ret\":\"0\",\"user_id_key\":\"user-id-key-1\"}" },
		{ OK, 200,
		  "{\"errcode\":0,\"identify_ret\":-0,\"user_id_key\":\"user-id-key-1\"}" },
		{ OK, 200,
		  "{\"errcode\":\"0\",\"identify_ret\":0,\"user_id_key\":\"user-id-key-1\"}" },
		{ OK, 200, "{\"errcode\":0,\"identify_ret\":0,\"user_id_key\":\"user-id-key-1\"}" },
		{ OK, 200, "{\"errcode\":0,\"identify_ret\":0,\"user_id_key\":7}" },
		{ OK, 200, "{\"errcode\":0,\"identify_ret\":0,\"identify_ret\":0}" },
		{ OK, 200, "{\"errcode\":0,\"identify_ret\":0,\"passed\":true}" },
		{ OK, 200, "{\"errcode\":-1}" },
		{ OK, 200, "{\"errcode\":45009}" },
		{ OK, 200, "{\"errcode\":45011}" },
		{ OK, 200, "{\"errcode\":48001}" },
		{ OK, 200, "{\"errcode\":77777}" },
	};
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fake_net.queued[QUERY_1] = fake_net.taken[QUERY_1] = 0;
		answer_next(QUERY_1, rows[i].err, rows[i].status, rows[i].text);
		if (judge1(&t, a, RESULT) != JUDGE_UNDECIDED)
			print_error("%s: %d\n", rows[i].text, (int)t.judge.outcome);
		assert_int_equal(t.judge.outcome, JUDGE_UNDECIDED);
		assert_int_not_equal(t.judge.verdict.class, CLASS_PASSED);
		assert_int_equal(state_of(a), SESSION_OPENED);
		assert_int_equal(claims(), 0);
	}
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
}

/* 84001 and its kind: WeChat does not take the result, now or later. */
static void a_refused_result_is_not_asked_about_again(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, "{\"errcode\":84001,\"errmsg\":\"invalid rid: ab-cd\"}");
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_REFUSED);
	assert_string_equal(t.judge.rid, "ab-cd");
	assert_int_equal(t.judge.errcode, 84001);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(judge1(&t, a, RESULT), JUDGE_REFUSED);
		assert_int_equal(t.judge.verdict.code, 84001);
		assert_string_equal(t.word, "invalid_result");
	}
	assert_int_equal(fake_net.calls[QUERY_1], 1);
	assert_int_equal(state_of(a), SESSION_OPENED);
}

/* T28: a query is a read. */
static char yields[64]; /* of each write, in order: kind and whether it yields */

static enum err note_yields(enum verb verb, struct store_op *op)
{
	if (verb == PUT && op->kind != STORE_TOKEN)
		strcat(yields, op->kind != STORE_CLAIM ? op->yields ? "!" : "."
			       : op->yields            ? "Y"
						       : "n");
	return OK;
}

/* What is refused may make room; a question under way, and one that counted, never. */
static void only_a_refused_claim_yields(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	yields[0] = '\0';
	fake_store.meddle = note_yields;
	answer_next(QUERY_1, OK, 0, "{\"errcode\":84002}");
	assert_int_equal(judge1(&t, a, "junk"), JUDGE_REFUSED);
	assert_string_equal(yields, "nY");
	answer_next(QUERY_1, OK, 0, info("never-issued", USER_OPENID, PERSON_NAME, 0));
	assert_int_equal(judge1(&t, a, "foreign"), JUDGE_FOREIGN);
	assert_string_equal(yields, "nYnY");
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	fake_store.meddle = NULL;
	assert_memory_equal(yields, "nYnYn.n", 7);
	assert_null(strchr(yields, '!'));
}

/* Evicted or run out: the same answer as with the claim, since the session holds the result. */
static void without_its_claim_a_used_result_is_still_used(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_1_0, ANOTHER);
	struct try t;

	(void)state;
	fake_net.by_default[QUERY_1] = passes(a);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++)
		if (fake_store.values[i].kind == STORE_CLAIM)
			fake_store.values[i].used = false;
	assert_int_equal(claims(), 0);
	assert_int_equal(judge1(&t, a, "another-result"), JUDGE_USED);
	assert_int_equal(judge1(&t, b, RESULT), JUDGE_FOREIGN);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(lines_with(PASSED_LINE, ""), 1);
}

static void a_lost_answer_is_asked_for_once_more(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	answer_next(QUERY_1, ERR_LOST, 0, "");
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(fake_net.calls[QUERY_1], 2);

	struct person *b = person(PROTOCOL_1_0, ANOTHER);
	answer_next(QUERY_1, ERR_LOST, 0, "");
	answer_next(QUERY_1, ERR_CONNECT, 0, "");
	assert_int_equal(judge1(&t, b, "result-2"), JUDGE_UNDECIDED);
	assert_int_equal(fake_net.calls[QUERY_1], 4);
	assert_int_equal(state_of(b), SESSION_OPENED);
}

/* One result, two sessions of the same caller. */
static void a_result_ends_one_session_only(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID),
		      *b = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	t = (struct try){ .judge = { .session = str_of(b->id) } };
	judge_start(&t, wx, PROTOCOL_1_0, b, RESULT);
	assert_int_equal(judge_end(&t), JUDGE_USED);
	assert_int_equal(fake_net.calls[QUERY_1], 1);
	assert_int_equal(state_of(b), SESSION_OPENED);
}

static enum verb fail_verb;
static enum store_kind fail_kind;
static unsigned fail_skip;
static enum err fail_with;

static enum err fail_matching(enum verb verb, struct store_op *op)
{
	if (verb != fail_verb || op->kind != fail_kind || fail_skip-- > 0)
		return OK;
	return fail_with;
}

/* The worker dies between SETTLE and NOTE: the session has passed, the claim says ASKING. */
static void a_crash_before_the_note_costs_the_lease_and_no_more(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	fake_net.by_default[QUERY_1] = passes(a);
	fail_verb = PUT, fail_kind = STORE_CLAIM, fail_skip = 1, fail_with = ERR_BUSY;
	fake_store.meddle = fail_matching; /* the second write of the claim is the note */
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	fake_store.meddle = NULL;
	assert_int_equal(state_of(a), SESSION_PASSED);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ASKING);
	t = (struct try){ .judge = { .session = str_of(a->id) } };
	judge_start(&t, wx, PROTOCOL_1_0, a, RESULT);
	assert_int_equal(judge_end(&t), JUDGE_ENDED); /* who names his session need not wait */
	assert_int_equal(fake_net.calls[QUERY_1], 1);
	clock_skew_ms += 5 * 8000 + 2001;
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(fake_net.calls[QUERY_1], 2);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(fake_net.calls[QUERY_1], 2);
}

static struct person *victim;

/* Between reading the session and settling it, somebody else fails it. */
static enum err fail_it_meanwhile(enum verb verb, struct store_op *op)
{
	struct session s;

	if (verb != PUT || op->kind != STORE_SESSION || victim == NULL)
		return OK;
	struct person *p = victim;
	victim = NULL;
	assert_true(load(p, &s));
	session_move(&s, SESSION_FAILED);
	s.rec.class = CLASS_CANCELLED;
	strcpy(s.rec.word, "cancelled");
	write_session(p, &s);
	return OK;
}

static void who_was_faster_is_right(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	victim = a;
	fake_store.meddle = fail_it_meanwhile;
	answer_next(QUERY_1, OK, 0, info(a->key, a->openid, PERSON_NAME, 0));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_USED);
	assert_int_equal(state_of(a), SESSION_FAILED);
	fake_store.meddle = NULL;
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_USED);
	assert_int_equal(fake_net.calls[QUERY_1], 1);
}

static unsigned fail_at, steps; /* the n-th operation fails */
static bool lost_after;

static enum err fail_one(enum verb verb, struct store_op *op)
{
	(void)verb;
	if (op->kind == STORE_TOKEN) /* test_token.c does that */
		return OK;
	return steps++ == fail_at ? fail_with : OK;
}

/*
 * The store fails at any one step, with any error, before or after doing it: whoever
 * is told "passed" has a session that passed, and asking again ends well.
 */
static void sweep(int protocol, const char *told, const char *good)
{
	static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_CONFLICT };
	unsigned not_ended = 0;

	for (unsigned n = 0; n < 12 * 2 * ARRAY_LEN(errors); n++) {
		struct try t;
		memset(fake_store.values, 0, sizeof fake_store.values);
		person_nr = 0;
		steps = 0;
		struct person *a = person(protocol, USER_OPENID);
		a->may_pass = good != NULL;
		fail_at = n % 12;
		fail_with = errors[n / 12 % ARRAY_LEN(errors)];
		lost_after = n >= 12 * ARRAY_LEN(errors);
		fake_net.by_default[protocol == PROTOCOL_1_0 ? QUERY_1 : QUERY_2] =
			protocol == PROTOCOL_1_0
				? info(a->key, a->openid, PERSON_NAME, good != NULL ? 0 : 10004)
				: told;
		fake_store.meddle = lost_after ? NULL : fail_one;
		fake_store.after = lost_after ? fail_one : NULL;
		enum judge_outcome outcome =
			protocol == PROTOCOL_1_0 ? judge1(&t, a, RESULT) : judge2(&t, a, a->id);
		fake_store.meddle = fake_store.after = NULL;
		not_ended += outcome != JUDGE_ENDED;
		if (good == NULL)
			assert_int_not_equal(state_of(a), SESSION_PASSED);
		clock_skew_ms += 5 * 8000 + 2001; /* leases run out */
		outcome = protocol == PROTOCOL_1_0 ? judge1(&t, a, RESULT) : judge2(&t, a, a->id);
		/* What was taken for foreign because of a lost write stays refused: no pass either.
		 */
		if (outcome != JUDGE_ENDED)
			print_error("step %u, error %d, after %d: %d\n", fail_at, (int)fail_with,
				    lost_after, (int)outcome);
		assert_int_equal(outcome, JUDGE_ENDED);
		assert_int_equal(state_of(a), good != NULL ? SESSION_PASSED : SESSION_FAILED);
	}
	assert_true(not_ended >= 10);
}

static void no_failure_of_the_store_makes_1_0_pass_or_stick(void **state)
{
	(void)state;
	sweep(PROTOCOL_1_0, NULL, "good");
}

static void nor_when_the_answer_is_no(void **state)
{
	(void)state;
	sweep(PROTOCOL_1_0, NULL, NULL);
}

static void a_used_up_arena_decides_nothing(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	unsigned undecided = 0;
	char result[20];

	(void)state;
	fake_net.by_default[QUERY_1] = "{\"errcode\":-1}";
	for (size_t cap = 0; cap < 16000; cap += 97) {
		struct try t = { .done = false };
		arena_init(&t.arena, cap);
		snprintf(result, sizeof result, "result-%zu", cap);
		t.judge.caller = a->caller;
		t.judge.verify_result = str_of(result);
		wx_judge_start(wx, &t.judge, &t.arena, &fake_apps[0], on_judge);
		assert_int_equal(judge_end(&t), JUDGE_UNDECIDED);
		undecided++;
	}
	assert_true(undecided > 100);
	assert_int_equal(state_of(a), SESSION_OPENED);
}

/* --- 2.0 ------------------------------------------------------------------------------- */

#define YES     "{\"errcode\":0,\"errmsg\":\"ok\",\"verify_ret\":10000}"
#define PENDING "{\"errcode\":0,\"errmsg\":\"ok\",\"verify_ret\":10300}"

static void a_named_session_passes_in_2_0(void **state)
{
	struct person *a = person(PROTOCOL_2_0, USER_OPENID);
	char wanted[300];
	struct session s;
	struct try t;

	(void)state;
	a->may_pass = true;
	answer_next(QUERY_2, OK, 0, YES);
	assert_int_equal(judge2(&t, a, a->id), JUDGE_ENDED);
	assert_true(passed(&t));
	snprintf(wanted, sizeof wanted, "\"verify_id\":\"%s\"", a->key);
	assert_non_null(strstr(fake_net.last_body, wanted));
	assert_non_null(strstr(fake_net.last_body, "\"openid\":\"" USER_OPENID "\""));
	assert_true(load(a, &s));
	assert_int_equal(s.rec.code, 10000);
	assert_int_equal(s.rec.attempts, 1);
	/* Again: the same answer, no call. */
	assert_int_equal(judge2(&t, a, a->id), JUDGE_ENDED);
	assert_true(passed(&t) && !t.judge.asked);
	assert_int_equal(fake_net.calls[QUERY_2], 1);
}

static void it_may_be_named_by_wechats_verify_id(void **state)
{
	struct person *a = person(PROTOCOL_2_0, USER_OPENID),
		      *b = person(PROTOCOL_2_0, USER_OPENID);
	struct try t = { .judge = { .verify_id = str_of(a->key) } };

	(void)state;
	fake_net.by_default[QUERY_2] = YES;
	a->may_pass = true;
	judge_start(&t, wx, PROTOCOL_2_0, a, NULL);
	assert_int_equal(judge_end(&t), JUDGE_ENDED);
	assert_int_equal(state_of(a), SESSION_PASSED);
	assert_int_equal(state_of(b), SESSION_OPENED);
	/* Both names have to mean the same. */
	t = (struct try){ .judge = { .verify_id = str_of(a->key), .session = str_of(b->id) } };
	judge_start(&t, wx, PROTOCOL_2_0, a, NULL);
	assert_int_equal(judge_end(&t), JUDGE_UNKNOWN);
	t = (struct try){ .judge = { .verify_id = STR("never issued") } };
	judge_start(&t, wx, PROTOCOL_2_0, a, NULL);
	assert_int_equal(judge_end(&t), JUDGE_UNKNOWN);
	assert_int_equal(fake_net.calls[QUERY_2], 1);
}

static void another_callers_session_is_not_there(void **state)
{
	struct person *a = person(PROTOCOL_2_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER);
	struct person *other_app = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	fake_net.by_default[QUERY_2] = YES;
	assert_int_equal(judge2(&t, b, a->id), JUDGE_UNKNOWN);
	assert_int_equal(judge2(&t, other_app, other_app->id), JUDGE_UNKNOWN); /* T19 */
	assert_int_equal(judge2(&t, a, "0123456789012345678901234567890123456789012"),
			 JUDGE_UNKNOWN);
	t = (struct try){ .judge = { .verify_id = str_of(a->key) } };
	judge_start(&t, wx, PROTOCOL_2_0, b, NULL);
	assert_int_equal(judge_end(&t), JUDGE_UNKNOWN);
	assert_int_equal(fake_net.calls[QUERY_2], 0);
}

static void pending_opens_the_session_again(void **state)
{
	struct person *a = person(PROTOCOL_2_0, USER_OPENID);
	struct try t;

	(void)state;
	fake_net.by_default[QUERY_2] = PENDING;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(judge2(&t, a, a->id), JUDGE_PENDING);
		assert_int_equal(state_of(a), SESSION_OPENED);
	}
	a->may_pass = true;
	fake_net.by_default[QUERY_2] = YES;
	assert_int_equal(judge2(&t, a, a->id), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(t.judge.s.rec.attempts, 6);
	assert_int_equal(fake_net.calls[QUERY_2], 6);
}

static void many_at_once_hold_one_lease(void **state)
{
	static struct try tries[64];
	struct person *a = person(PROTOCOL_2_0, USER_OPENID);
	struct wx *workers[4] = { wx, audited_worker(), audited_worker(), audited_worker() };
	unsigned ended = 0;

	(void)state;
	a->may_pass = true;
	fake_net.by_default[QUERY_2] = YES;
	fake_net.hold = true;
	memset(tries, 0, sizeof tries);
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		tries[i].judge.session = str_of(a->id);
		judge_start(&tries[i], workers[i % 4], PROTOCOL_2_0, a, NULL);
	}
	run_for(50, NULL);
	release_held();
	run_for(200, NULL);
	fake_net.hold = false;
	release_held();
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		enum judge_outcome outcome = judge_end(&tries[i]);
		ended += outcome == JUDGE_ENDED;
		assert_true(outcome == JUDGE_ENDED || outcome == JUDGE_ASKING);
	}
	assert_int_equal(ended, 1);
	assert_int_equal(fake_net.calls[QUERY_2], 1);
	for (size_t i = 1; i < 4; i++)
		wx_destroy(workers[i]);
}

/* The lease runs out while WeChat thinks; another asks, and fails the session. */
static void a_lost_lease_is_a_lost_verdict(void **state)
{
	struct person *a = person(PROTOCOL_2_0, USER_OPENID);
	struct try slow = { .judge = { .session = str_of(a->id) } }, t;

	(void)state;
	/* The token first, so that only the query is held. */
	fake_net.by_default[QUERY_2] = PENDING;
	assert_int_equal(judge2(&t, a, a->id), JUDGE_PENDING);
	fake_net.hold = true;
	answer_next(QUERY_2, OK, 0, YES);
	judge_start(&slow, wx, PROTOCOL_2_0, a, NULL);
	run_for(50, NULL);
	assert_int_equal(state_of(a), SESSION_QUERYING);
	fake_net.hold = false;
	assert_int_equal(judge2(&t, a, a->id), JUDGE_ASKING);
	clock_skew_ms += 5 * 8000 + 2001;
	answer_next(QUERY_2, OK, 0, "{\"errcode\":0,\"verify_ret\":10004}");
	assert_int_equal(judge2(&t, a, a->id), JUDGE_ENDED);
	assert_int_equal(state_of(a), SESSION_FAILED);
	release_held();
	assert_int_equal(judge_end(&slow), JUDGE_UNDECIDED);
	assert_int_equal(state_of(a), SESSION_FAILED);
}

static void no_other_answer_passes_in_2_0(void **state)
{
	static const struct {
		enum err err;
		int status;
		const char *text;
		enum judge_outcome outcome;
	} rows[] = {
		{ ERR_TIMEOUT, 0, "", JUDGE_UNDECIDED },
		{ OK, 503, YES, JUDGE_UNDECIDED },
		{ OK, 200, "", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":0}", JUDGE_UNDECIDED },
		{ OK, 200, "{\"verify_ret\":10000}", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":\"10000\"}", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":10000.0}", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":1e4}", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":1,\"verify_ret\":10000}", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":-1,\"verify_ret\":10000}", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":10000,\"verify_id\":\"other\"}",
		  JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":84001,\"openid\":\"" ANOTHER "\"}", JUDGE_UNDECIDED },
		{ OK, 200, YES "\"", JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":0,\"identify_ret\":0}", JUDGE_UNDECIDED },
		{ OK, 200, YES YES, JUDGE_UNDECIDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":10005}", JUDGE_PENDING },
		{ OK, 200, PENDING, JUDGE_PENDING },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":0}", JUDGE_ENDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":10021}", JUDGE_ENDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":4294977296}", JUDGE_ENDED },
		{ OK, 200, "{\"errcode\":0,\"verify_ret\":123456}", JUDGE_ENDED },
		{ OK, 200, "{\"errcode\":84002,\"verify_ret\":10000}", JUDGE_ENDED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct try t;
		memset(fake_store.values, 0, sizeof fake_store.values);
		person_nr = 0;
		struct person *a = person(PROTOCOL_2_0, USER_OPENID);
		answer_next(QUERY_2, rows[i].err, rows[i].status, rows[i].text);
		if (judge2(&t, a, a->id) != rows[i].outcome)
			print_error("%s: %d\n", rows[i].text, (int)t.judge.outcome);
		assert_int_equal(t.judge.outcome, rows[i].outcome);
		assert_false(passed(&t));
		assert_int_equal(state_of(a),
				 rows[i].outcome == JUDGE_ENDED ? SESSION_FAILED : SESSION_OPENED);
		assert_int_equal(
			t.judge.s.rec.class != CLASS_PASSED || rows[i].outcome != JUDGE_ENDED, 1);
	}
}

static void an_unfinished_session_is_not_asked_about(void **state)
{
	struct person *a = person(PROTOCOL_2_0, USER_OPENID);
	struct session s;
	struct try t;

	(void)state;
	fake_net.by_default[QUERY_2] = YES;
	assert_true(load(a, &s));
	s.rec.state = SESSION_NEW;
	write_session(a, &s);
	assert_int_equal(judge2(&t, a, a->id), JUDGE_ASKING);
	assert_int_equal(fake_net.calls[QUERY_2], 0);
}

static void no_failure_of_the_store_makes_2_0_pass_or_stick(void **state)
{
	(void)state;
	sweep(PROTOCOL_2_0, YES, "good");
}

static void nor_in_2_0_when_the_answer_is_no(void **state)
{
	(void)state;
	sweep(PROTOCOL_2_0, "{\"errcode\":0,\"verify_ret\":10004}", NULL);
}

/* --- the audit file ---------------------------------------------------------------------- */

static void a_verdict_is_a_line_with_everything_but_who_it_was(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER);
	struct session s;
	struct try t;

	(void)state;
	assert_true(load(a, &s));
	s.rec.source = 7;
	strcpy(s.rec.consent, "terms-2026.1");
	write_session(a, &s);
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_int_equal(lines_with(PASSED_LINE, hex_of(&a->where)), 1);
	assert_int_equal(lines_with(PASSED_LINE, hex_of(&a->caller)), 1);
	assert_int_equal(
		lines_with("\"app\":\"wx0000000000000001\",\"protocol\":\"1.0\",\"caller\":\"",
			   "\"verdict\":\"passed\",\"source\":7,\"consent\":\"terms-2026.1\",",
			   "\"reason\":\"passed\",\"code\":0,\"prev\":\"0000"),
		1);
	answer_next(QUERY_2, OK, 0,
		    "{\"errcode\":0,\"errmsg\":\"rid: 6a1f0c22-0d5b7a31-7f1c22e9\","
		    "\"verify_ret\":10004}");
	assert_int_equal(judge2(&t, b, b->id), JUDGE_ENDED);
	assert_int_equal(lines_with(FAILED_LINE, hex_of(&b->where)), 1);
	assert_int_equal(
		lines_with("\"app\":\"wx0000000000000002\",\"protocol\":\"2.0\",",
			   "\"verdict\":\"failed\",\"reason\":\"face_mismatch\",\"code\":10004,",
			   "\"rid\":\"6a1f0c22-0d5b7a31-7f1c22e9\",\"prev\":\""),
		1);
	assert_int_equal(lines_with("", "", ""), 2);
	/* The same again is no second verdict. */
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_int_equal(judge2(&t, b, b->id), JUDGE_ENDED);
	assert_int_equal(lines_with("", "", ""), 2);
}

static void a_refusal_by_a_binding_check_is_a_line(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_1_0, ANOTHER);
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, info("never-issued", USER_OPENID, PERSON_NAME, 0));
	assert_int_equal(judge1(&t, a, "result-1"), JUDGE_FOREIGN);
	assert_int_equal(lines_with(REFUSED_LINE, "\"reason\":\"unknown_key\"", hex_of(&a->caller)),
			 1);
	answer_next(QUERY_1, OK, 0, info(b->key, ANOTHER, PERSON_NAME, 0));
	assert_int_equal(judge1(&t, a, "result-2"), JUDGE_FOREIGN);
	assert_int_equal(
		lines_with(REFUSED_LINE, "\"reason\":\"other_caller\"", hex_of(&a->caller)), 1);
	assert_int_equal(lines_with(REFUSED_LINE, "\"reason\":\"other_caller\"", hex_of(&b->where)),
			 1);
	answer_next(QUERY_1, OK, 0, info(b->key, ANOTHER, PERSON_NAME, 0));
	t = (struct try){ .judge = { .session = str_of(a->id) } };
	judge_start(&t, wx, PROTOCOL_1_0, a, "result-3");
	assert_int_equal(judge_end(&t), JUDGE_FOREIGN);
	assert_int_equal(
		lines_with(REFUSED_LINE, "\"reason\":\"other_session\"", hex_of(&a->where)), 1);
	answer_next(QUERY_1, OK, 0, info(a->key, USER_OPENID, "李四", 0));
	assert_int_equal(judge1(&t, a, "result-4"), JUDGE_ENDED);
	assert_int_equal(lines_with(FAILED_LINE, "\"reason\":\"other_name\""), 1);
	assert_int_equal(lines_with("", "", ""), 4);
}

static void what_ends_nothing_is_no_line(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER);
	struct try t;

	(void)state;
	answer_next(QUERY_1, OK, 0, info(a->key, a->openid, PERSON_NAME, 10005));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_PENDING);
	answer_next(QUERY_1, OK, 0, "{\"errcode\":84002}");
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_REFUSED);
	answer_next(QUERY_2, OK, 0, PENDING);
	assert_int_equal(judge2(&t, b, b->id), JUDGE_PENDING);
	answer_next(QUERY_2, OK, 0, "{}");
	assert_int_equal(judge2(&t, b, b->id), JUDGE_UNDECIDED);
	assert_int_equal(judge2(&t, b, a->id), JUDGE_UNKNOWN);
	assert_string_equal(audited(), "");
}

/* Called before each write: no session may pass whose line is not there yet. */
static enum err line_comes_first(enum verb verb, struct store_op *op)
{
	struct session s;

	if (verb != PUT || op->kind != STORE_SESSION || session_unpack(keys, op, &s) != OK)
		return OK;
	if (s.rec.state == SESSION_PASSED)
		assert_int_equal(lines_with(PASSED_LINE, hex_of(&op->key)), 1);
	if (s.rec.state == SESSION_FAILED)
		assert_int_equal(lines_with(FAILED_LINE, hex_of(&op->key)), 1);
	return OK;
}

static void the_line_is_written_before_the_session_ends(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER),
		      *c = person(PROTOCOL_1_0, USER_OPENID), *d = person(PROTOCOL_2_0, ANOTHER);
	struct try t;

	(void)state;
	fake_store.meddle = line_comes_first;
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, "result-1"), JUDGE_ENDED);
	answer_next(QUERY_1, OK, 0, info(c->key, USER_OPENID, PERSON_NAME, 10004));
	assert_int_equal(judge1(&t, c, "result-2"), JUDGE_ENDED);
	b->may_pass = true;
	answer_next(QUERY_2, OK, 0, YES);
	assert_int_equal(judge2(&t, b, b->id), JUDGE_ENDED);
	answer_next(QUERY_2, OK, 0, "{\"errcode\":0,\"verify_ret\":10004}");
	assert_int_equal(judge2(&t, d, d->id), JUDGE_ENDED);
	assert_int_equal(lines_with("", "", ""), 4);
}

static void a_verdict_that_is_not_settled_is_taken_back(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER);
	struct try t;

	(void)state;
	fake_net.by_default[QUERY_1] = passes(a);
	fail_verb = PUT, fail_kind = STORE_SESSION, fail_skip = 0, fail_with = ERR_BUSY;
	fake_store.meddle = fail_matching;
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_UNDECIDED);
	assert_int_equal(lines_with(PASSED_LINE, hex_of(&a->where)), 1);
	assert_int_equal(
		lines_with("\"unsettled\"", "\"reason\":\"store_busy\"", hex_of(&a->where)), 1);
	fake_store.meddle = NULL;
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_int_equal(lines_with(PASSED_LINE, hex_of(&a->where)), 2);

	fake_net.by_default[QUERY_2] = YES;
	b->may_pass = true;
	fail_skip = 1; /* the first write is the lease */
	fake_store.meddle = fail_matching;
	assert_int_equal(judge2(&t, b, b->id), JUDGE_UNDECIDED);
	fake_store.meddle = NULL;
	assert_int_equal(
		lines_with("\"unsettled\"", "\"reason\":\"store_busy\"", hex_of(&b->where)), 1);
	assert_int_equal(lines_with("", "", ""), 5);
	assert_int_equal(audit_repeats_now(), 0); /* each line that does not count is taken back */
}

static void somebody_faster_takes_the_line_back_too(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	victim = a;
	fake_store.meddle = fail_it_meanwhile;
	answer_next(QUERY_1, OK, 0, info(a->key, a->openid, PERSON_NAME, 0));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_USED);
	fake_store.meddle = NULL;
	assert_int_equal(lines_with(PASSED_LINE, hex_of(&a->where)), 1);
	assert_int_equal(lines_with("\"unsettled\"", "session_used", hex_of(&a->where)), 1);
	assert_int_equal(lines_with("", "", ""), 2);
	assert_int_equal(audit_repeats_now(), 0);
}

/* A conflict that changes nothing: the session is judged again, and one line is enough. */
static void a_conflict_makes_no_second_line(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	fail_verb = PUT, fail_kind = STORE_SESSION, fail_skip = 0, fail_with = ERR_CONFLICT;
	fake_store.meddle = fail_matching;
	answer_next(QUERY_1, OK, 0, passes(a));
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(lines_with("", "", ""), 1);
}

/* Nobody can write while somebody else has the lock. */
static int hold_audit(void)
{
	int fd = open(audit_file, O_RDONLY);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

static void nobody_passes_who_cannot_be_written_down(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER);
	struct try t;
	int fd = hold_audit();

	(void)state;
	fake_net.by_default[QUERY_1] = passes(a);
	fake_net.by_default[QUERY_2] = YES;
	b->may_pass = true;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(judge1(&t, a, RESULT), JUDGE_UNDECIDED);
		assert_string_equal(t.word, "audit_unwritable");
		assert_int_equal(t.judge.verdict.class, CLASS_RETRY);
		assert_int_equal(claims(), 0); /* the same may be asked again */
		assert_int_equal(judge2(&t, b, b->id), JUDGE_UNDECIDED);
		assert_string_equal(t.word, "audit_unwritable");
		assert_int_equal(state_of(a), SESSION_OPENED);
		assert_int_equal(state_of(b), SESSION_OPENED);
	}
	close(fd);
	assert_string_equal(audited(), "");
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(judge2(&t, b, b->id), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(lines_with("", "", ""), 2);
}

static void nor_is_anybody_failed(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER);
	struct try t;
	int fd = hold_audit();

	(void)state;
	fake_net.by_default[QUERY_1] = info(a->key, USER_OPENID, PERSON_NAME, 10004);
	fake_net.by_default[QUERY_2] = "{\"errcode\":0,\"verify_ret\":10004}";
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_UNDECIDED);
	assert_int_equal(judge2(&t, b, b->id), JUDGE_UNDECIDED);
	assert_int_equal(state_of(a), SESSION_OPENED);
	assert_int_equal(state_of(b), SESSION_OPENED);
	close(fd);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_int_equal(judge2(&t, b, b->id), JUDGE_ENDED);
	assert_int_equal(lines_with(FAILED_LINE, ""), 2);
}

/* But a stolen result gets no second try out of it. */
static void a_refusal_stands_without_a_line(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_1_0, ANOTHER);
	struct try t;
	int fd = hold_audit();

	(void)state;
	fake_net.by_default[QUERY_1] = info(b->key, ANOTHER, PERSON_NAME, 0);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_FOREIGN);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_REFUSED);
	close(fd);
	assert_int_equal(fake_net.calls[QUERY_1], 1);
}

static unsigned count_in(const char *file, const char *what)
{
	static char all[65536];
	unsigned n = 0;
	int fd = open(file, O_RDONLY);
	ssize_t len = read(fd, all, sizeof all - 1);

	assert_true(fd >= 0 && len >= 0);
	close(fd);
	all[len] = '\0';
	for (const char *p = all; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void where_no_line_is_required_it_goes_on_and_is_told(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID), *b = person(PROTOCOL_2_0, ANOTHER),
		      *c = person(PROTOCOL_2_0, ANOTHER), *d = person(PROTOCOL_2_0, ANOTHER);
	char log_file[] = "/tmp/benren-judge-log-XXXXXX";
	struct try t;

	(void)state;
	close(mkstemp(log_file));
	assert_int_equal(log_open(log_file, LOG_INFO, false), OK);
	fake_conf.audit.required = false;
	fake_net.by_default[QUERY_1] = passes(a);
	fake_net.by_default[QUERY_2] = YES;
	b->may_pass = c->may_pass = d->may_pass = true;
	int fd = hold_audit();
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_int_equal(judge2(&t, b, b->id), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_int_equal(count_in(log_file, "\"audit\""), 1);
	assert_int_equal(count_in(log_file, "lines refused so far: 1\""), 1);
	assert_int_equal(count_in(log_file, "end the process that holds its lock"), 1);
	clock_skew_ms += 60000;
	assert_int_equal(judge2(&t, c, c->id), JUDGE_ENDED);
	assert_int_equal(count_in(log_file, "lines refused so far: 3\""), 1);
	close(fd);
	assert_int_equal(judge2(&t, d, d->id), JUDGE_ENDED);
	assert_int_equal(count_in(log_file, "is written again; lines that were refused: 3\""), 1);
	assert_int_equal(count_in(log_file, "\"audit\""), 3);
	assert_int_equal(lines_with("", "", ""), 1);
	assert_int_equal(log_open(NULL, LOG_INFO, false), OK);
	unlink(log_file);
}

/* A pass whose answer holds these members, too. */
static void pass_with(const char *members)
{
	struct person *a;
	char text[300];
	struct try t;

	memset(fake_store.values, 0, sizeof fake_store.values);
	person_nr = 0;
	a = person(PROTOCOL_2_0, USER_OPENID);
	a->may_pass = true;
	snprintf(text, sizeof text, "{\"errcode\":0,\"verify_ret\":10000%s}", members);
	fake_net.queued[QUERY_2] = fake_net.taken[QUERY_2] = 0;
	answer_next(QUERY_2, OK, 0, text);
	assert_int_equal(judge2(&t, a, a->id), JUDGE_ENDED);
	assert_true(passed(&t));
}

static void a_new_field_is_named_once(void **state)
{
	char log_file[] = "/tmp/benren-judge-log-XXXXXX", member[40];

	(void)state;
	close(mkstemp(log_file));
	assert_int_equal(log_open(log_file, LOG_INFO, false), OK);
	pass_with(",\"errmsg\":\"ok\",\"openid\":\"" USER_OPENID "\"");
	assert_int_equal(count_in(log_file, "new_field"), 0);
	for (int i = 0; i < 2; i++)
		pass_with(",\"liveness_score\":\"4711\"");
	assert_int_equal(count_in(log_file, "\"protocol\":\"2.0\",\"field\":\"liveness_score\""),
			 1);
	pass_with(",\"a\\u000ab\\u2028\":1,\"x_11010519491231002X\":1,\"12345678_90abcdef\":1");
	assert_int_equal(count_in(log_file, "\"field\":\"a?b?\""), 1);
	assert_int_equal(count_in(log_file, "\"field\":\"12345678_90abcdef\""), 1);
	assert_int_equal(count_in(log_file, "\"field\":\"(not shown)\""), 1);
	assert_int_equal(count_in(log_file, "1949"), 0);
	assert_int_equal(count_in(log_file, "4711"), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(member, sizeof member, ",\"more%d\":0", i);
		pass_with(member);
	}
	assert_int_equal(count_in(log_file, "\"new_field\""), 16);
	assert_int_equal(count_in(log_file, "\"new_fields\""), 1);
	assert_int_equal(log_open(NULL, LOG_INFO, false), OK);
	unlink(log_file);
}

static void without_an_audit_file_nothing_is_written(void **state)
{
	struct person *a = person(PROTOCOL_1_0, USER_OPENID);
	struct try t;

	(void)state;
	wx_set_audit(wx, NULL);
	fake_conf.audit.required = false;
	fake_net.by_default[QUERY_1] = passes(a);
	assert_int_equal(judge1(&t, a, RESULT), JUDGE_ENDED);
	assert_true(passed(&t));
	assert_string_equal(audited(), "");
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_good_result_passes_its_session),
		BOTH(a_replay_is_answered_without_a_call),
		BOTH(a_failed_session_stays_failed),
		BOTH(many_at_once_make_one_call),
		BOTH(a_foreign_result_is_refused_and_harms_nobody),
		BOTH(a_key_that_we_did_not_issue_is_refused),
		BOTH(another_identity_in_the_answer_fails_the_session),
		BOTH(pending_gives_the_claim_back),
		BOTH(an_unusable_answer_changes_nothing),
		BOTH(a_refused_result_is_not_asked_about_again),
		BOTH(only_a_refused_claim_yields),
		BOTH(without_its_claim_a_used_result_is_still_used),
		BOTH(a_lost_answer_is_asked_for_once_more),
		BOTH(a_result_ends_one_session_only),
		BOTH(a_crash_before_the_note_costs_the_lease_and_no_more),
		BOTH(who_was_faster_is_right),
		BOTH(no_failure_of_the_store_makes_1_0_pass_or_stick),
		BOTH(nor_when_the_answer_is_no),
		BOTH(a_used_up_arena_decides_nothing),
		BOTH(a_named_session_passes_in_2_0),
		BOTH(it_may_be_named_by_wechats_verify_id),
		BOTH(another_callers_session_is_not_there),
		BOTH(pending_opens_the_session_again),
		BOTH(many_at_once_hold_one_lease),
		BOTH(a_lost_lease_is_a_lost_verdict),
		BOTH(no_other_answer_passes_in_2_0),
		BOTH(an_unfinished_session_is_not_asked_about),
		BOTH(no_failure_of_the_store_makes_2_0_pass_or_stick),
		BOTH(nor_in_2_0_when_the_answer_is_no),
		BOTH(a_verdict_is_a_line_with_everything_but_who_it_was),
		BOTH(a_refusal_by_a_binding_check_is_a_line),
		BOTH(what_ends_nothing_is_no_line),
		BOTH(the_line_is_written_before_the_session_ends),
		BOTH(a_verdict_that_is_not_settled_is_taken_back),
		BOTH(somebody_faster_takes_the_line_back_too),
		BOTH(a_conflict_makes_no_second_line),
		BOTH(nobody_passes_who_cannot_be_written_down),
		BOTH(nor_is_anybody_failed),
		BOTH(a_refusal_stands_without_a_line),
		BOTH(where_no_line_is_required_it_goes_on_and_is_told),
		BOTH(a_new_field_is_named_once),
		BOTH(without_an_audit_file_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
