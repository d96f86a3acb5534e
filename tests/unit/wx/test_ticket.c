/* Tests of the tokens of /login: found by their hash only, for a fixed time, in their app. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_net.h"
#include "wx/ticket.h"

enum { LIFETIME = 7200, LOGINS = 20 }; /* seconds; an hour */

static int start_done(void **state)
{
	(void)state;
	fake_start(false);
	fake_conf.login_lifetime = LIFETIME;
	return 0;
}

static int start_wait(void **state)
{
	start_done(state);
	fake_store.wait = true;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

struct
try {
	struct wx_ticket ticket;
	bool done;
};

static void on_ticket(struct wx_ticket *t)
{
	struct try *a = container_of(t, struct try, ticket);

	assert_false(a->done);
	a->done = true;
	loop_stop(loop);
}

static enum err make_as(struct wx *worker, struct try *t, const struct conf_app *app,
			const char *openid)
{
	*t = (struct try){ .ticket.app = app };
	snprintf(t->ticket.openid, sizeof t->ticket.openid, "%s", openid);
	if (wx_ticket_make(worker, &t->ticket, on_ticket) == DONE)
		on_ticket(&t->ticket);
	else
		assert_false(t->done);
	run_until(&t->done);
	return t->ticket.err;
}

static enum err make(struct try *t)
{
	return make_as(wx, t, &fake_apps[0], USER_OPENID);
}

static enum err find_as(struct wx *worker, struct try *t, const char *token)
{
	*t = (struct try){ .done = false };
	snprintf(t->ticket.token, sizeof t->ticket.token, "%s", token);
	if (wx_ticket_find(worker, &t->ticket, on_ticket) == DONE)
		on_ticket(&t->ticket);
	else
		assert_false(t->done);
	run_until(&t->done);
	return t->ticket.err;
}

static enum err find(struct try *t, const char *token)
{
	return find_as(wx, t, token);
}

static void who_logged_in_is_known_by_the_token_to_every_worker(void **state)
{
	struct wx *second = another_worker();

	(void)state;
	for (unsigned app = 0; app < 2; app++) {
		struct try made, found;
		assert_int_equal(make_as(wx, &made, &fake_apps[app], USER_OPENID), OK);
		assert_true(wx_ticket_plausible(str_of(made.ticket.token)));
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(find_as(second, &found, made.ticket.token), OK);
			assert_ptr_equal(found.ticket.app, &fake_apps[app]);
			assert_string_equal(found.ticket.openid, USER_OPENID);
		}
	}
	wx_destroy(second);
}

static void each_login_gets_a_token_of_its_own(void **state)
{
	static char tokens[60][TICKET_LEN + 1];
	struct try t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		char openid[OPENID_MAX + 1];
		snprintf(openid, sizeof openid, "oUser-%zu", i / 2);
		assert_int_equal(make_as(wx, &t, &fake_apps[0], openid), OK);
		memcpy(tokens[i], t.ticket.token, sizeof tokens[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(tokens[i], tokens[k]);
	}
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) { /* an older one is as good */
		char openid[OPENID_MAX + 1];
		snprintf(openid, sizeof openid, "oUser-%zu", i / 2);
		assert_int_equal(find(&t, tokens[i]), OK);
		assert_string_equal(t.ticket.openid, openid);
	}
}

static void the_longest_openid_fits(void **state)
{
	char openid[OPENID_MAX + 1];
	struct try made, found;

	(void)state;
	memset(openid, 'o', OPENID_MAX);
	openid[OPENID_MAX] = '\0';
	assert_int_equal(make_as(wx, &made, &fake_apps[0], openid), OK);
	assert_int_equal(find(&found, made.ticket.token), OK);
	assert_string_equal(found.ticket.openid, openid);
}

/* Neither the token nor the openid, in whole or by half. */
static void the_store_holds_neither_token_nor_openid(void **state)
{
	struct try t;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(make_as(wx, &t, &fake_apps[0], "oKq7rEcanaryZx81"), OK);
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++) {
		const struct fake_value *v = &fake_store.values[i];
		if (!v->used)
			continue;
		assert_null(memmem(v, sizeof *v, t.ticket.token, TICKET_LEN / 2));
		assert_null(memmem(v, sizeof *v, t.ticket.token + TICKET_LEN / 2, TICKET_LEN / 2));
		assert_null(memmem(v, sizeof *v, "oKq7rEca", 8));
		assert_null(memmem(v, sizeof *v, "naryZx81", 8));
		seen++;
	}
	assert_int_equal(count_values(STORE_LOGIN), 1);
	assert_int_equal(seen, 2); /* and how often this user has logged in */
}

static void it_ends_when_its_time_is_over_however_often_it_is_used(void **state)
{
	struct try made, found;

	(void)state;
	int64_t began = clock_boot_ms();
	assert_int_equal(make(&made), OK);
	int64_t made_by = clock_boot_ms();
	for (unsigned i = 0; i < 100; i++) {
		clock_skew_ms += LIFETIME * 1000 / 101;
		assert_int_equal(find(&found, made.ticket.token), OK);
	}
	/* A hair before: what was made at began or later is still there. */
	clock_skew_ms += began + LIFETIME * 1000 - 100 - clock_boot_ms();
	assert_int_equal(find(&found, made.ticket.token), OK);
	clock_skew_ms += made_by + LIFETIME * 1000 - clock_boot_ms();
	assert_int_equal(find(&found, made.ticket.token), ERR_NOT_FOUND);
	assert_null(found.ticket.app);
	assert_int_equal(found.ticket.openid[0], '\0');
}

static int64_t put_expires, put_at;

static enum err note_put(enum verb verb, struct store_op *op)
{
	if (verb == PUT && op->kind == STORE_LOGIN) {
		put_expires = op->expires;
		put_at = clock_boot_ms();
	}
	return OK;
}

/* To the millisecond, by what was written. */
static void its_time_is_the_configured_one(void **state)
{
	static const int lifetimes[] = { 60, 7200, 2592000 };

	(void)state;
	fake_store.meddle = note_put;
	for (size_t i = 0; i < ARRAY_LEN(lifetimes); i++) {
		struct try made, found;
		fake_conf.login_lifetime = lifetimes[i];
		int64_t before = clock_boot_ms();
		assert_int_equal(make(&made), OK);
		int64_t ms = (int64_t)lifetimes[i] * 1000;
		assert_true(put_expires >= before + ms && put_expires <= put_at + ms);
		clock_skew_ms += put_expires - clock_boot_ms();
		assert_int_equal(find(&found, made.ticket.token), ERR_NOT_FOUND);
	}
}

static void what_was_never_given_is_not_found(void **state)
{
	struct try made, found;
	char other[TICKET_LEN + 1];

	(void)state;
	assert_int_equal(make(&made), OK);
	assert_int_equal(find(&found, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
			 ERR_NOT_FOUND);
	for (size_t i = 0; i < TICKET_LEN; i++) {
		memcpy(other, made.ticket.token, sizeof other);
		other[i] = other[i] == 'A' ? 'B' : 'A';
		assert_int_equal(find(&found, other), ERR_NOT_FOUND);
		assert_int_equal(found.ticket.openid[0], '\0');
	}
	assert_int_equal(find(&found, made.ticket.token), OK);
}

static void what_cannot_be_a_token_is_not_asked_for(void **state)
{
	static const struct str texts[] = {
		STR_NONE,
		STR(""),
		STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),   /* 42 */
		STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), /* 44 */
		STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
		STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA +"),
		STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0A"),
		STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\xc3\xa9"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_false(wx_ticket_plausible(texts[i]));
	assert_true(wx_ticket_plausible(STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
}

/* The configuration has changed since: its app is gone, or asks somebody else who it is. */
static void a_token_of_an_app_that_takes_none_is_not_found(void **state)
{
	struct try made, found;

	(void)state;
	assert_int_equal(make_as(wx, &made, &fake_apps[1], USER_OPENID), OK);
	fake_apps[1].caller = CALLER_PARAM;
	assert_int_equal(find(&found, made.ticket.token), ERR_NOT_FOUND);
	fake_apps[1].caller = CALLER_ANONYMOUS;
	assert_int_equal(find(&found, made.ticket.token), ERR_NOT_FOUND);
	fake_apps[1].caller = CALLER_LOGIN;
	assert_int_equal(find(&found, made.ticket.token), OK);
	fake_apps[1].appid = "wx0000000000000003";
	assert_int_equal(find(&found, made.ticket.token), ERR_NOT_FOUND);
	assert_null(found.ticket.app);
}

static void another_pools_key_finds_nothing(void **state)
{
	struct crypt *other =
		crypt_create((const unsigned char *)"another pool's key, of 32 bytes.");
	struct wx *foreign = wx_create(loop, NULL, &fake_store, other, &fake_conf);
	struct try made, found;

	(void)state;
	assert_int_equal(make(&made), OK);
	assert_int_equal(find_as(foreign, &found, made.ticket.token), ERR_NOT_FOUND);
	wx_destroy(foreign);
	crypt_destroy(other);
}

static struct fake_value *the_ticket(void)
{
	for (size_t i = 0; i < ARRAY_LEN(fake_store.values); i++)
		if (fake_store.values[i].used && fake_store.values[i].kind == STORE_LOGIN)
			return &fake_store.values[i];
	fail_msg("there is no ticket");
	return NULL;
}

/* A record that was changed leads to nobody: not to another openid, nor to another app. */
static void a_changed_record_is_no_ticket(void **state)
{
	struct try made, found;
	unsigned tried = 0;

	(void)state;
	assert_int_equal(make(&made), OK);
	struct fake_value *v = the_ticket();
	struct fake_value whole = *v;
	for (size_t i = 0; i < whole.len - 3; i++, tried++) { /* the last three mean nothing */
		v->bytes[i] ^= 1;
		assert_int_equal(find(&found, made.ticket.token), ERR_SYSTEM);
		assert_string_equal(found.ticket.openid, "");
		*v = whole;
	}
	for (size_t len = 0; len < whole.len; len++, tried++) {
		v->len = len;
		assert_int_equal(find(&found, made.ticket.token), ERR_SYSTEM);
		*v = whole;
	}
	memcpy(v->bytes + 4, fake_apps[1].appid, APPID_LEN); /* moved to the other app */
	assert_int_equal(find(&found, made.ticket.token), ERR_SYSTEM);
	*v = whole;
	memset(v->bytes + 4, 'w', APPID_LEN + 2); /* without an end */
	assert_int_equal(find(&found, made.ticket.token), ERR_SYSTEM);
	*v = whole;
	assert_int_equal(find(&found, made.ticket.token), OK);
	assert_true(tried > 200);
}

/* Nor to another token's: a store that lies makes nobody somebody else. */
static void a_record_in_the_place_of_another_is_no_ticket(void **state)
{
	struct try mine, theirs, found;

	(void)state;
	assert_int_equal(make(&mine), OK);
	struct fake_value first = *the_ticket();
	the_ticket()->used = false;
	assert_int_equal(make_as(wx, &theirs, &fake_apps[0], "oUser-other"), OK);
	struct fake_value second = *the_ticket();
	memcpy(the_ticket()->bytes, first.bytes, first.len);
	assert_int_equal(find(&found, theirs.ticket.token), ERR_SYSTEM);
	assert_string_equal(found.ticket.openid, "");
	*the_ticket() = second;
	assert_int_equal(find(&found, theirs.ticket.token), OK);
}

/* --- how many ------------------------------------------------------------------------ */

static void who_logs_in_too_often_must_wait(void **state)
{
	struct try t;

	(void)state;
	for (unsigned i = 0; i < LOGINS; i++)
		assert_int_equal(make(&t), OK);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(make(&t), ERR_REFUSED);
		assert_true(t.ticket.wait > 3600 - 5 && t.ticket.wait <= 4050);
		assert_int_equal(t.ticket.token[0], '\0');
	}
	assert_int_equal(count_values(STORE_LOGIN), LOGINS);
	assert_int_equal(make_as(wx, &t, &fake_apps[0], "oUser-other"), OK);
	assert_int_equal(make_as(wx, &t, &fake_apps[1], USER_OPENID), OK);
	assert_int_equal(make(&t), ERR_REFUSED);
	clock_skew_ms += (int64_t)t.ticket.wait * 1000;
	assert_int_equal(make(&t), OK);
}

/* --- the store ---------------------------------------------------------------------------- */

static unsigned fail_at, steps; /* the n-th operation fails */
static enum err fail_with;

static enum err fail_one(enum verb verb, struct store_op *op)
{
	(void)verb, (void)op;
	return steps++ == fail_at ? fail_with : OK;
}

static void when_the_store_fails_there_is_no_token(void **state)
{
	static const enum err errors[] = { ERR_BUSY, ERR_FULL, ERR_SYSTEM };
	unsigned failed = 0;

	(void)state;
	for (size_t e = 0; e < 2 * ARRAY_LEN(errors); e++) {
		for (fail_at = 0; fail_at < 4; fail_at++) {
			struct try t, found;
			memset(fake_store.values, 0, sizeof fake_store.values);
			fail_with = errors[e / 2];
			steps = 0;
			fake_store.meddle = e % 2 == 0 ? fail_one : NULL;
			fake_store.after = e % 2 == 1 ? fail_one : NULL;
			enum err err = make(&t);
			fake_store.meddle = fake_store.after = NULL;
			assert_int_equal(err, fail_at < 3 ? errors[e / 2] : OK);
			if (err == OK)
				assert_int_equal(find(&found, t.ticket.token), OK);
			failed += err != OK;
			steps = 0;
			assert_int_equal(make(&t), OK);
			fake_store.meddle = fail_at == 0 ? fail_one : NULL;
			err = find(&found, t.ticket.token);
			fake_store.meddle = NULL;
			assert_int_equal(err, fail_at == 0 ? errors[e / 2] : OK);
			if (err != OK) {
				assert_null(found.ticket.app);
				assert_int_equal(found.ticket.openid[0], '\0');
			}
		}
	}
	assert_int_equal(failed, 18);
}

#define BOTH(test)                                               \
	cmocka_unit_test_setup_teardown(test, start_done, stop), \
		cmocka_unit_test_setup_teardown(test, start_wait, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(who_logged_in_is_known_by_the_token_to_every_worker),
		BOTH(each_login_gets_a_token_of_its_own),
		BOTH(the_longest_openid_fits),
		BOTH(the_store_holds_neither_token_nor_openid),
		BOTH(it_ends_when_its_time_is_over_however_often_it_is_used),
		BOTH(its_time_is_the_configured_one),
		BOTH(what_was_never_given_is_not_found),
		BOTH(what_cannot_be_a_token_is_not_asked_for),
		BOTH(a_token_of_an_app_that_takes_none_is_not_found),
		BOTH(another_pools_key_finds_nothing),
		BOTH(a_changed_record_is_no_ticket),
		BOTH(a_record_in_the_place_of_another_is_no_ticket),
		BOTH(who_logs_in_too_often_must_wait),
		BOTH(when_the_store_fails_there_is_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
