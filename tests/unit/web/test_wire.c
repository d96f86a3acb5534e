/* The walk over records: what is taken, what is answered, what is closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "records.h"
#include "web/wire.h"

#include <stdio.h>

enum { EVENTS = 64 };

/* Everything a walk said: one letter a verdict, and the bytes that came with it. */
struct told {
	char verdicts[EVENTS + 1];
	size_t nr;
	struct records out;
	enum wire_fault fault; /* of the last request */
	bool keep;
};

static const char letters[] = {
	[WIRE_REQUEST] = 'R', [WIRE_ANSWER] = 'A', [WIRE_FAREWELL] = 'F', [WIRE_CLOSE] = 'C'
};

/* False when the connection would be closed. */
static bool tell(struct told *t, struct wire *w, enum wire_verdict verdict)
{
	assert_true(t->nr < EVENTS);
	t->verdicts[t->nr++] = letters[verdict];
	if (verdict == WIRE_REQUEST) {
		put_bytes(&t->out, w->bytes, w->len);
		t->fault = w->fault;
		t->keep = w->keep;
		wire_release(w);
	}
	if (verdict == WIRE_ANSWER || verdict == WIRE_FAREWELL)
		put_bytes(&t->out, w->answer, w->answer_len);
	return verdict != WIRE_CLOSE && verdict != WIRE_FAREWELL;
}

/* Each piece is a copy of its own, so that reading past it is seen. */
static bool walk_piece(struct told *t, struct wire *w, const unsigned char *p, size_t n)
{
	unsigned char *copy = malloc(n == 0 ? 1 : n);
	struct str bytes = { (const char *)copy, n };
	enum wire_verdict verdict;
	bool open = true;

	memcpy(copy, p, n);
	while (open && (verdict = wire_walk(w, &bytes)) != WIRE_MORE)
		open = tell(t, w, verdict);
	assert_true(!open || bytes.len == 0);
	free(copy);
	return open;
}

/* In two pieces, or, piece != 0, in many of that size. */
static struct told walk(const struct records *r, size_t split, size_t piece)
{
	struct told t = { .nr = 0 };
	struct wire w;
	bool open = true;

	wire_init(&w, 1000);
	if (piece == 0) {
		open = walk_piece(&t, &w, r->p, split) &&
		       walk_piece(&t, &w, r->p + split, r->len - split);
	} else {
		for (size_t at = 0; open && at < r->len; at += piece)
			open = walk_piece(&t, &w, r->p + at,
					  r->len - at < piece ? r->len - at : piece);
	}
	wire_finish(&w);
	return t;
}

static struct told walk_whole(const struct records *r)
{
	return walk(r, r->len, 0);
}

static void assert_told(const struct told *t, const char *verdicts, const struct records *out)
{
	assert_string_equal(t->verdicts, verdicts);
	assert_int_equal(t->out.len, out->len);
	if (out->len > 0)
		assert_memory_equal(t->out.p, out->p, out->len);
}

/* ---- requests ---- */

static void put_some_params(struct records *p, size_t value_len)
{
	char value[1024];

	memset(value, 'v', sizeof value);
	put_text_pair(p, "REQUEST_METHOD", "POST");
	put_text_pair(p, "SCRIPT_NAME", "/face/identify");
	put_pair(p, "HTTP_X", 6, value, value_len);
}

static void a_request_comes_out_in_canonical_form(void **state)
{
	struct records params = { 0 }, in = { 0 }, want = { 0 };
	static const char body[] = "name=x&id_card_number=y";

	(void)state;
	put_some_params(&params, 300);
	put_request(&want, 0xABCD, true, &params, body, sizeof body - 1);

	/* the same with padding, in small records, and with what belongs to others between */
	put_record(&in, FCGI_PARAMS, 9, "xxxx", 4, 4);
	put_record(&in, FCGI_ABORT, 9, NULL, 0, 0);
	put_begin(&in, 0xABCD, FCGI_RESPONDER, FCGI_KEEP);
	put_record(&in, FCGI_PARAMS, 0xABCD, params.p, 7, 1);
	put_record(&in, FCGI_STDIN, 3, "late", 4, 0);
	put_record(&in, FCGI_DATA, 3, "late", 4, 0);
	put_stream(&in, FCGI_PARAMS, 0xABCD, params.p + 7, params.len - 7, 50, 255);
	put_record(&in, FCGI_PARAMS, 0xABCE, "late", 4, 0);
	put_stream(&in, FCGI_STDIN, 0xABCD, body, sizeof body - 1, 1, 7);

	struct told t = walk_whole(&in);
	assert_told(&t, "R", &want);
	assert_int_equal(t.fault, WIRE_FINE);
	assert_true(t.keep);
	records_free(&t.out);
	records_free(&params);
	records_free(&in);
	records_free(&want);
}

static void a_request_without_parameters_or_body_is_whole(void **state)
{
	struct records none = { 0 }, in = { 0 };

	(void)state;
	put_request(&in, 1, false, &none, "", 0);
	struct told t = walk_whole(&in);
	assert_told(&t, "R", &in);
	assert_false(t.keep);
	records_free(&t.out);
	records_free(&in);
}

/* One of many shapes, by its number. */
static void put_recorded(struct records *in, unsigned nr)
{
	struct records params = { 0 };
	char body[400];
	unsigned id = 1 + nr % 3;

	memset(body, 'b', sizeof body);
	put_some_params(&params, nr * 7 % 500);
	put_begin(in, id, FCGI_RESPONDER, nr & 1);
	if (nr % 5 == 1)
		put_record(in, FCGI_GET_VALUES, 0, "\x0E\0FCGI_MAX_CONNS", 16, 3);
	put_stream(in, FCGI_PARAMS, id, params.p, params.len, 20 + nr * 13 % 700, nr % 9);
	if (nr % 7 == 3)
		put_begin(in, id + 1, FCGI_RESPONDER, 0);
	if (nr % 11 == 4)
		put_record(in, FCGI_ABORT, id, NULL, 0, 0);
	put_stream(in, FCGI_STDIN, id, body, nr * 17 % sizeof body, 16 + nr % 300, nr % 4);
	if (nr % 3 == 0)
		put_record(in, 77, 0, "?", 1, 7);
	records_free(&params);
}

static void no_split_point_changes_what_is_told(void **state)
{
	size_t splits = 0;

	(void)state;
	for (unsigned nr = 0; nr < 200; nr++) {
		struct records in = { 0 };
		put_recorded(&in, nr);
		struct told whole = walk_whole(&in);
		assert_true(whole.nr > 0);
		for (size_t at = 0; at <= in.len; at++, splits++) {
			struct told t = walk(&in, at, 0);
			assert_told(&t, whole.verdicts, &whole.out);
			records_free(&t.out);
		}
		for (size_t piece = 1; piece < 20; piece++) {
			struct told t = walk(&in, 0, piece);
			assert_told(&t, whole.verdicts, &whole.out);
			records_free(&t.out);
		}
		records_free(&whole.out);
		records_free(&in);
	}
	assert_true(splits > 100000);
}

static void two_requests_in_one_write_come_out_as_two(void **state)
{
	struct records params = { 0 }, in = { 0 };

	(void)state;
	put_some_params(&params, 10);
	put_request(&in, 1, true, &params, "a", 1);
	put_request(&in, 1, true, &params, "b", 1);
	struct told t = walk_whole(&in);
	assert_told(&t, "RR", &in);
	records_free(&t.out);
	records_free(&params);
	records_free(&in);
}

static void half_a_request_says_nothing(void **state)
{
	struct records params = { 0 }, in = { 0 };

	(void)state;
	put_some_params(&params, 10);
	put_request(&in, 1, true, &params, "abc", 3);
	in.len--;
	struct told t = walk_whole(&in);
	assert_int_equal(t.nr, 0);
	records_free(&params);
	records_free(&in);
}

static void a_request_waits_for_the_padding_of_its_last_record(void **state)
{
	struct records none = { 0 }, in = { 0 };

	(void)state;
	put_begin(&in, 1, FCGI_RESPONDER, 0);
	put_stream(&in, FCGI_PARAMS, 1, none.p, 0, 1, 0);
	put_record(&in, FCGI_STDIN, 1, NULL, 0, 8);
	in.len--;
	struct told t = walk_whole(&in);
	assert_int_equal(t.nr, 0);
	in.len++;
	t = walk_whole(&in);
	assert_string_equal(t.verdicts, "R");
	records_free(&t.out);
	records_free(&in);
}

/* ---- limits ---- */

static struct told walk_params(const struct records *params)
{
	struct records in = { 0 };

	put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP);
	put_stream(&in, FCGI_PARAMS, 1, params->p, params->len, 65535, 3);
	put_stream(&in, FCGI_STDIN, 1, "body", 4, 4, 0);
	struct told t = walk_whole(&in);
	records_free(&in);
	return t;
}

static void assert_fault(const struct records *params, enum wire_fault fault)
{
	struct told t = walk_params(params);
	struct records none = { 0 }, want = { 0 };

	assert_string_equal(t.verdicts, "R");
	assert_int_equal(t.fault, fault);
	assert_true(t.keep);
	if (fault != WIRE_FINE) {
		put_request(&want, 1, true, &none, "", 0);
		assert_told(&t, "R", &want); /* nothing of them gets through */
	}
	records_free(&want);
	records_free(&t.out);
}

static void names_values_and_their_number_have_limits(void **state)
{
	static char long_text[REQ_PARAM_VALUE_MAX + 1];
	static const struct {
		size_t name, value, nr;
		enum wire_fault fault;
	} rows[] = {
		{ REQ_PARAM_NAME_MAX, 1, 1, WIRE_FINE },
		{ REQ_PARAM_NAME_MAX + 1, 1, 1, WIRE_LARGE_PARAMS },
		{ 1, REQ_PARAM_VALUE_MAX - 1, 1, WIRE_FINE },
		{ 1, REQ_PARAM_VALUE_MAX, 1, WIRE_FINE },
		{ 1, REQ_PARAM_VALUE_MAX + 1, 1, WIRE_LARGE_PARAMS },
		{ 1, 0, REQ_PARAM_NR - 1, WIRE_FINE },
		{ 1, 0, REQ_PARAM_NR, WIRE_FINE },
		{ 1, 0, REQ_PARAM_NR + 1, WIRE_LARGE_PARAMS },
		{ 127, 127, 2, WIRE_FINE },
		{ 128, 128, 2, WIRE_FINE },
		{ 0, 1, 1, WIRE_BAD_PARAMS },
		{ 0, 0, 1, WIRE_BAD_PARAMS },
	};

	(void)state;
	memset(long_text, 'x', sizeof long_text);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct records params = { 0 };
		for (size_t k = 0; k < rows[i].nr; k++)
			put_pair(&params, long_text, rows[i].name, long_text, rows[i].value);
		assert_fault(&params, rows[i].fault);
		records_free(&params);
	}
}

/* Exactly n bytes of pairs. */
static void put_params_of(struct records *params, size_t n)
{
	static char value[8000];

	memset(value, 'v', sizeof value);
	while (n > 8000) {
		put_pair(params, "N", 1, value, 7000);
		n -= 7000 + 6;
	}
	put_pair(params, "N", 1, value, n - 6);
}

static void all_parameters_together_have_a_limit(void **state)
{
	(void)state;
	for (size_t n = REQ_PARAMS_MAX - 1; n <= REQ_PARAMS_MAX + 1; n++) {
		struct records params = { 0 };
		put_params_of(&params, n);
		assert_int_equal(params.len, n);
		assert_fault(&params, n <= REQ_PARAMS_MAX ? WIRE_FINE : WIRE_LARGE_PARAMS);
		records_free(&params);
	}
}

static void a_pair_that_libfcgi_would_read_differently_is_refused(void **state)
{
	static const struct {
		struct str name, value;
	} rows[] = {
		{ { "A=B", 3 }, { "c", 1 } },  { { "=", 1 }, { "c", 1 } },
		{ { "A\0B", 3 }, { "c", 1 } }, { { "A", 1 }, { "c\0d", 3 } },
		{ { "A", 1 }, { "\0", 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct records params = { 0 };
		put_text_pair(&params, "REQUEST_METHOD", "GET");
		put_pair(&params, rows[i].name.p, rows[i].name.len, rows[i].value.p,
			 rows[i].value.len);
		put_text_pair(&params, "REQUEST_METHOD", "GET"); /* the good ones do not help */
		assert_fault(&params, WIRE_BAD_PARAMS);
		records_free(&params);
	}
}

static void a_body_over_the_limit_is_read_to_its_end_and_dropped(void **state)
{
	static char body[200000];
	struct records params = { 0 }, want = { 0 };

	(void)state;
	put_some_params(&params, 10);
	for (size_t n = REQ_BODY_MAX - 1; n<sizeof body; n = n> REQ_BODY_MAX ? n * 3 : n + 1) {
		struct records in = { 0 };
		bool large = n > REQ_BODY_MAX;
		put_request(&in, 1, true, &params, body, n);
		put_request(&in, 2, true, &params, "next", 4);
		struct told t = walk_whole(&in);
		put_request(&want, 1, true, &params, body, large ? 0 : n);
		put_request(&want, 2, true, &params, "next", 4);
		assert_told(&t, "RR", &want);
		records_free(&t.out);
		records_free(&in);
		records_free(&want);
	}
	records_free(&params);
}

static void the_fault_of_a_large_body_is_told(void **state)
{
	static char body[REQ_BODY_MAX + 1];
	struct records params = { 0 }, in = { 0 };

	(void)state;
	put_some_params(&params, 10);
	put_request(&in, 1, true, &params, body, sizeof body);
	struct told t = walk_whole(&in);
	assert_int_equal(t.fault, WIRE_LARGE_BODY);
	assert_true(t.keep);
	records_free(&t.out);
	records_free(&params);
	records_free(&in);
}

static void what_is_gathered_stays_small_whatever_comes(void **state)
{
	struct wire w;
	unsigned char piece[8 + 60000] = { 1, FCGI_STDIN, 0, 1, 60000 >> 8, 60000 & 255 };
	struct records in = { 0 };

	(void)state;
	put_begin(&in, 1, FCGI_RESPONDER, 0);
	put_record(&in, FCGI_PARAMS, 1, NULL, 0, 0);
	struct str bytes = { (const char *)in.p, in.len };
	wire_init(&w, 1);
	assert_int_equal(wire_walk(&w, &bytes), WIRE_MORE);
	for (int i = 0; i < 100; i++) {
		bytes = (struct str){ (const char *)piece, sizeof piece };
		assert_int_equal(wire_walk(&w, &bytes), WIRE_MORE);
		assert_true(w.size <= 2 * WIRE_REQUEST_MAX);
	}
	wire_finish(&w);
	records_free(&in);
}

/* ---- answered by the walk itself ---- */

static void assert_answer(const struct records *in, const char *verdicts, const void *want,
			  size_t n)
{
	struct told t = walk_whole(in);

	assert_string_equal(t.verdicts, verdicts);
	assert_int_equal(t.out.len, n);
	assert_memory_equal(t.out.p, want, n);
	records_free(&t.out);
}

#define ASSERT_ANSWER(in, verdicts, literal) \
	assert_answer(in, verdicts, literal, sizeof(literal) - 1)

static void the_values_are_told_once_each(void **state)
{
	struct records names = { 0 }, in = { 0 };

	(void)state;
	put_text_pair(&names, "FCGI_MPXS_CONNS", "");
	put_text_pair(&names, "FCGI_MAX_CONNS", "");
	put_text_pair(&names, "FCGI_MAX_REQS", "");
	put_text_pair(&names, "FCGI_MAX_CONNS", "with a value");
	put_text_pair(&names, "FCGI_NO_SUCH", "");
	put_record(&in, FCGI_GET_VALUES, 0, names.p, names.len, 5);
	ASSERT_ANSWER(&in, "A",
		      "\x01\x0A\0\0\0\x39\0\0"
		      "\x0E\x04"
		      "FCGI_MAX_CONNS"
		      "1000"
		      "\x0D\x04"
		      "FCGI_MAX_REQS"
		      "1000"
		      "\x0F\x01"
		      "FCGI_MPXS_CONNS"
		      "0");
	records_free(&names);
	records_free(&in);
}

static void an_empty_question_gets_an_empty_answer(void **state)
{
	struct records in = { 0 };

	(void)state;
	put_record(&in, FCGI_GET_VALUES, 0, NULL, 0, 0);
	ASSERT_ANSWER(&in, "A", "\x01\x0A\0\0\0\0\0\0");
	records_free(&in);
}

static void an_unknown_type_is_told_so(void **state)
{
	static const unsigned types[] = { 0, 10, 11, 12, 77, 255 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct records in = { 0 };
		unsigned char want[16] = { 1, 11, 0, 0, 0, 8, 0, 0, (unsigned char)types[i] };
		put_record(&in, types[i], 0, "whatever", 8, 2);
		assert_answer(&in, "A", want, sizeof want);
		records_free(&in);
	}
}

static void ten_thousand_management_records_leave_nothing_behind(void **state)
{
	struct records in = { 0 };
	struct wire w;

	(void)state;
	for (int i = 0; i < 10000; i++)
		put_record(&in, i % 2 == 0 ? FCGI_GET_VALUES : 99, 0, NULL, 0, 0);
	struct str bytes = { (const char *)in.p, in.len };
	wire_init(&w, 1);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(wire_walk(&w, &bytes), WIRE_ANSWER);
	assert_int_equal(wire_walk(&w, &bytes), WIRE_MORE);
	assert_true(wire_idle(&w));
	assert_null(w.bytes);
	wire_finish(&w);
	records_free(&in);
}

static void an_aborted_half_request_is_ended_and_forgotten(void **state)
{
	struct records in = { 0 };

	(void)state;
	put_begin(&in, 7, FCGI_RESPONDER, FCGI_KEEP);
	put_record(&in, FCGI_PARAMS, 7, "\x01\x01xy", 4, 0);
	put_record(&in, FCGI_ABORT, 7, NULL, 0, 0);
	put_record(&in, FCGI_PARAMS, 7, NULL, 0, 0);
	put_record(&in, FCGI_STDIN, 7, NULL, 0, 0);
	ASSERT_ANSWER(&in, "A",
		      "\x01\x03\0\x07\0\x08\0\0"
		      "\0\0\0\0\0\0\0\0");
	records_free(&in);

	put_begin(&in, 7, FCGI_RESPONDER, 0);
	put_record(&in, FCGI_ABORT, 7, NULL, 0, 0);
	ASSERT_ANSWER(&in, "F",
		      "\x01\x03\0\x07\0\x08\0\0"
		      "\0\0\0\0\0\0\0\0");
	records_free(&in);
}

static void a_second_request_on_the_connection_is_told_cant_mpx_conn(void **state)
{
	struct records none = { 0 }, in = { 0 }, want = { 0 };

	(void)state;
	put_begin(&in, 1, FCGI_RESPONDER, FCGI_KEEP);
	put_begin(&in, 2, FCGI_RESPONDER, 0);
	put_record(&in, FCGI_PARAMS, 2, "\x01\x01xy", 4, 0);
	put_record(&in, FCGI_PARAMS, 1, NULL, 0, 0);
	put_record(&in, FCGI_PARAMS, 2, NULL, 0, 0);
	put_record(&in, FCGI_STDIN, 2, NULL, 0, 0);
	put_record(&in, FCGI_STDIN, 1, NULL, 0, 0);
	put_bytes(&want,
		  "\x01\x03\0\x02\0\x08\0\0"
		  "\0\0\0\0\x01\0\0\0",
		  16);
	put_request(&want, 1, true, &none, "", 0);
	struct told t = walk_whole(&in);
	assert_told(&t, "AR", &want);
	records_free(&t.out);
	records_free(&in);
	records_free(&want);
}

static void another_role_is_told_unknown_role(void **state)
{
	static const unsigned roles[] = { 0, 2, 3, 0x0101, 0xFFFF };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct records in = { 0 };
		put_begin(&in, 1, roles[i], FCGI_KEEP);
		put_record(&in, FCGI_PARAMS, 1, NULL, 0, 0);
		put_record(&in, FCGI_STDIN, 1, NULL, 0, 0);
		ASSERT_ANSWER(&in, "A",
			      "\x01\x03\0\x01\0\x08\0\0"
			      "\0\0\0\0\x03\0\0\0");
		records_free(&in);
		put_begin(&in, 1, roles[i], 0);
		ASSERT_ANSWER(&in, "F",
			      "\x01\x03\0\x01\0\x08\0\0"
			      "\0\0\0\0\x03\0\0\0");
		records_free(&in);
	}
}

/* ---- closed ---- */

#define BEGIN1                     \
	"\x01\x01\0\x01\0\x08\0\0" \
	"\0\x01\x01\0\0\0\0\0"
#define PARAMS1_END "\x01\x04\0\x01\0\0\0\0"

static void what_is_malformed_is_closed(void **state)
{
#define ROW(literal)                         \
	{                                    \
		literal, sizeof(literal) - 1 \
	}
	static const struct str rows[] = {
		ROW("\x02\x01\0\x01\0\x08\0\0"), /* version */
		ROW("\0\0\0\0\0\0\0\0"),
		ROW("GET / HT"),
		ROW("\x01\x01\0\0\0\x08\0\0"),   /* BEGIN of id 0 */
		ROW("\x01\x01\0\x01\0\x07\0\0"), /* BEGIN of 7 bytes */
		ROW("\x01\x01\0\x01\0\x09\0\0"),
		ROW("\x01\x01\0\x01\0\0\0\0"),
		ROW(BEGIN1 "\x01\x01\0\x01\0\x08\0\0"), /* BEGIN twice */
		ROW(BEGIN1 PARAMS1_END "\x01\x01\0\x01\0\x08\0\0"),
		ROW(BEGIN1 "\x01\x05\0\x01\0\0\0\0"), /* STDIN before its time */
		ROW(BEGIN1 PARAMS1_END PARAMS1_END),  /* PARAMS after their end */
		ROW(BEGIN1 PARAMS1_END "\x01\x04\0\x01\0\x01\0\0x"),
		ROW(BEGIN1 "\x01\x08\0\x01\0\0\0\0"), /* DATA to a responder */
		ROW(BEGIN1 PARAMS1_END "\x01\x08\0\x01\0\0\0\0"),
		ROW("\x01\x03\0\x01\0\x08\0\0"), /* END_REQUEST to us */
		ROW("\x01\x06\0\x01\0\0\0\0"),   /* STDOUT to us */
		ROW("\x01\x07\0\x01\0\0\0\0"),
		ROW("\x01\x09\0\x01\0\0\0\0"), /* GET_VALUES with an id */
		ROW("\x01\x0C\0\x01\0\0\0\0"),
		ROW("\x01\0\0\x01\0\0\0\0"),
		ROW("\x01\x04\0\0\0\0\0\0"), /* streams of id 0 */
		ROW("\x01\x05\0\0\0\0\0\0"),
		ROW("\x01\x02\0\0\0\0\0\0"),
		ROW("\x01\x09\0\0\x01\x01\0\0"),     /* GET_VALUES of 257 bytes */
		ROW("\x01\x09\0\0\0\x02\0\0\x05\0"), /* its lengths past the end */
		ROW("\x01\x09\0\0\0\x01\0\0\x05"),
		ROW("\x01\x09\0\0\0\x02\0\0\xFF\xFF"),
		/* parameters: lengths past the end, INT_MAX, sums past INT_MAX, cut lengths */
		ROW(BEGIN1 "\x01\x04\0\x01\0\x04\0\0\x01\x02xy" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x04\0\0\x03\0xy" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x01\0\0\x01" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x02\0\0\x01\xFF" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x03\0\0\x80\0\0" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x08\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x08\0\0\xFF\xFF\xFF\xFF\x80\0\0\x03" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x08\0\0\xC0\0\0\0\xC0\0\0\0" PARAMS1_END),
		ROW(BEGIN1 "\x01\x04\0\x01\0\x05\0\0\xFF\xFF\xFF\xFF\0" PARAMS1_END),
	};
#undef ROW

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct records in = { 0 };
		put_bytes(&in, rows[i].p, rows[i].len);
		for (size_t at = 0; at <= in.len; at++) {
			struct told t = walk(&in, at, 0);
			if (strcmp(t.verdicts, "C") != 0)
				fail_msg("row %zu split at %zu: '%s'", i, at, t.verdicts);
			records_free(&t.out);
		}
		records_free(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_out_in_canonical_form),
		cmocka_unit_test(a_request_without_parameters_or_body_is_whole),
		cmocka_unit_test(no_split_point_changes_what_is_told),
		cmocka_unit_test(two_requests_in_one_write_come_out_as_two),
		cmocka_unit_test(half_a_request_says_nothing),
		cmocka_unit_test(a_request_waits_for_the_padding_of_its_last_record),
		cmocka_unit_test(names_values_and_their_number_have_limits),
		cmocka_unit_test(all_parameters_together_have_a_limit),
		cmocka_unit_test(a_pair_that_libfcgi_would_read_differently_is_refused),
		cmocka_unit_test(a_body_over_the_limit_is_read_to_its_end_and_dropped),
		cmocka_unit_test(the_fault_of_a_large_body_is_told),
		cmocka_unit_test(what_is_gathered_stays_small_whatever_comes),
		cmocka_unit_test(the_values_are_told_once_each),
		cmocka_unit_test(an_empty_question_gets_an_empty_answer),
		cmocka_unit_test(an_unknown_type_is_told_so),
		cmocka_unit_test(ten_thousand_management_records_leave_nothing_behind),
		cmocka_unit_test(an_aborted_half_request_is_ended_and_forgotten),
		cmocka_unit_test(a_second_request_on_the_connection_is_told_cant_mpx_conn),
		cmocka_unit_test(another_role_is_told_unknown_role),
		cmocka_unit_test(what_is_malformed_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
