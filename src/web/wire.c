/* A walk over FastCGI records, one byte or 64 KiB at a time. */
#include "web/wire.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* FastCGI 1.0, section 8 */
enum {
	VERSION = 1,
	BEGIN_REQUEST = 1,
	ABORT_REQUEST = 2,
	END_REQUEST = 3,
	PARAMS = 4,
	STDIN = 5,
	DATA = 8,
	GET_VALUES = 9,
	GET_VALUES_RESULT = 10,
	UNKNOWN_TYPE = 11,

	RESPONDER = 1,
	KEEP_CONN = 1,
	BODY_SIZE = 8, /* of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE */

	REQUEST_COMPLETE = 0,
	CANT_MPX_CONN = 1,
	UNKNOWN_ROLE = 3,
};

enum { FIRST_SIZE = 2048 };

void wire_init(struct wire *w, unsigned max_reqs)
{
	*w = (struct wire){ .max_reqs = max_reqs };
}

void wire_release(struct wire *w)
{
	mem_free(w->bytes);
	w->bytes = NULL;
	w->len = w->size = 0;
}

void wire_finish(struct wire *w)
{
	wire_release(w);
	explicit_bzero(w, sizeof *w);
}

static unsigned get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned type_of(const struct wire *w)
{
	return w->header[1];
}

static unsigned id_of(const struct wire *w)
{
	return get16(w->header + 2);
}

static size_t content_of(const struct wire *w)
{
	return get16(w->header + 4);
}

static void put_header(unsigned char *dst, unsigned type, unsigned id, size_t len)
{
	dst[0] = VERSION;
	dst[1] = (unsigned char)type;
	dst[2] = (unsigned char)(id >> 8);
	dst[3] = (unsigned char)id;
	dst[4] = (unsigned char)(len >> 8);
	dst[5] = (unsigned char)len;
	dst[6] = dst[7] = 0;
}

/* ---- the request in canonical form ---- */

static void append(struct wire *w, const void *src, size_t n)
{
	size_t size = w->size == 0 ? FIRST_SIZE : w->size;

	while (size < w->len + n)
		size *= 2;
	if (size != w->size)
		w->bytes = mem_realloc(w->bytes, size);
	w->size = size;
	memcpy(w->bytes + w->len, src, n);
	w->len += n;
}

static void append_header(struct wire *w, unsigned type, size_t len)
{
	unsigned char header[WIRE_HEADER];

	put_header(header, type, w->id, len);
	append(w, header, sizeof header);
}

/* Its header says "end of the stream", until end_stream() knows better. */
static void open_stream(struct wire *w, unsigned type)
{
	w->mark = w->len;
	append_header(w, type, 0);
}

static size_t stream_len(const struct wire *w)
{
	return w->len - w->mark - WIRE_HEADER;
}

static void drop_stream(struct wire *w, enum wire_fault fault)
{
	w->fault = fault;
	w->len = w->mark + WIRE_HEADER;
}

static void gather(struct wire *w, const void *src, size_t n)
{
	bool params = w->stage == STAGE_PARAMS;
	size_t max = params ? REQ_PARAMS_MAX : REQ_BODY_MAX;

	if (w->fault == WIRE_FINE && stream_len(w) + n > max)
		drop_stream(w, params ? WIRE_LARGE_PARAMS : WIRE_LARGE_BODY);
	if (w->fault == WIRE_FINE)
		append(w, src, n);
}

/* ---- names and values ---- */

static bool take_length(struct str *rest, size_t *ret_len)
{
	const unsigned char *p = (const unsigned char *)rest->p;
	size_t n = rest->len > 0 && p[0] >= 0x80 ? 4 : 1;

	if (rest->len < n)
		return false;
	*ret_len = n == 1 ? p[0] : (size_t)(get16(p) & 0x7FFF) << 16 | get16(p + 2);
	*rest = (struct str){ rest->p + n, rest->len - n };
	return true;
}

/* False when the lengths do not add up. */
static bool take_pair(struct str *rest, struct str *ret_name, struct str *ret_value)
{
	size_t name, value;

	if (!take_length(rest, &name) || !take_length(rest, &value))
		return false;
	if (name > rest->len || value > rest->len - name)
		return false;
	*ret_name = (struct str){ rest->p, name };
	*ret_value = (struct str){ rest->p + name, value };
	*rest = (struct str){ rest->p + name + value, rest->len - name - value };
	return true;
}

/*
 * libfcgi makes NAME=VALUE of a pair, ended by a NUL.  A pair that would read
 * differently there must not get through.
 */
static enum wire_fault judge_pair(struct str name, struct str value)
{
	if (name.len > REQ_PARAM_NAME_MAX || value.len > REQ_PARAM_VALUE_MAX)
		return WIRE_LARGE_PARAMS;
	if (name.len == 0 || memchr(name.p, '=', name.len) != NULL ||
	    memchr(name.p, '\0', name.len) != NULL || memchr(value.p, '\0', value.len) != NULL)
		return WIRE_BAD_PARAMS;
	return WIRE_FINE;
}

static bool check_params(struct wire *w)
{
	struct str rest = { (const char *)w->bytes + w->mark + WIRE_HEADER, stream_len(w) };
	enum wire_fault fault = WIRE_FINE;
	struct str name, value;

	for (size_t nr = 0; rest.len > 0; nr++) {
		if (!take_pair(&rest, &name, &value))
			return false;
		if (fault == WIRE_FINE)
			fault = nr == REQ_PARAM_NR ? WIRE_LARGE_PARAMS : judge_pair(name, value);
	}
	if (fault != WIRE_FINE)
		drop_stream(w, fault);
	return true;
}

/* ---- what we answer by ourselves ---- */

static void answer_end(struct wire *w, unsigned id, unsigned char status)
{
	const unsigned char body[BODY_SIZE] = { [4] = status };

	put_header(w->answer, END_REQUEST, id, sizeof body);
	memcpy(w->answer + WIRE_HEADER, body, sizeof body);
	w->answer_len = WIRE_HEADER + sizeof body;
}

static void answer_unknown_type(struct wire *w)
{
	const unsigned char body[BODY_SIZE] = { [0] = (unsigned char)type_of(w) };

	put_header(w->answer, UNKNOWN_TYPE, 0, sizeof body);
	memcpy(w->answer + WIRE_HEADER, body, sizeof body);
	w->answer_len = WIRE_HEADER + sizeof body;
}

static void answer_value(struct wire *w, const char *name, unsigned value)
{
	char text[16];
	size_t name_len = strlen(name);
	size_t len = (size_t)snprintf(text, sizeof text, "%u", value);
	unsigned char *dst = w->answer + w->answer_len;

	dst[0] = (unsigned char)name_len;
	dst[1] = (unsigned char)len;
	memcpy(dst + 2, name, name_len);
	memcpy(dst + 2 + name_len, text, len);
	w->answer_len += 2 + name_len + len;
}

/* Each value at most once, however often it was asked for. */
static bool answer_values(struct wire *w)
{
	const struct {
		const char *name;
		unsigned value;
	} values[] = {
		{ "FCGI_MAX_CONNS", w->max_reqs },
		{ "FCGI_MAX_REQS", w->max_reqs },
		{ "FCGI_MPXS_CONNS", 0 },
	};
	bool asked[ARRAY_LEN(values)] = { false };
	struct str rest = { (const char *)w->small, w->small_len }, name, value;

	while (rest.len > 0) {
		if (!take_pair(&rest, &name, &value))
			return false;
		for (size_t i = 0; i < ARRAY_LEN(values); i++)
			asked[i] = asked[i] || str_is(name, values[i].name);
	}
	w->answer_len = WIRE_HEADER;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (asked[i])
			answer_value(w, values[i].name, values[i].value);
	put_header(w->answer, GET_VALUES_RESULT, 0, w->answer_len - WIRE_HEADER);
	return true;
}

/* ---- records ---- */

static bool is_open(const struct wire *w, unsigned id)
{
	return w->stage != STAGE_NONE && w->id == id;
}

static enum wire_verdict open_management(struct wire *w)
{
	if (type_of(w) == GET_VALUES) {
		w->sink = SINK_VALUES;
		return content_of(w) <= sizeof w->small ? WIRE_MORE : WIRE_CLOSE;
	}
	w->sink = SINK_UNKNOWN;
	return type_of(w) > DATA || type_of(w) == 0 ? WIRE_MORE : WIRE_CLOSE;
}

/* A record of one of the two streams; those of requests that are not open are ignored. */
static enum wire_verdict open_part(struct wire *w)
{
	unsigned due = w->stage == STAGE_PARAMS ? PARAMS : STDIN;

	if (!is_open(w, id_of(w)))
		return WIRE_MORE;
	w->sink = SINK_STREAM;
	return type_of(w) == due ? WIRE_MORE : WIRE_CLOSE;
}

/* Its header is there: where does the content go? */
static enum wire_verdict open_record(struct wire *w)
{
	w->content_left = content_of(w);
	w->padding_left = w->header[6];
	w->sink = SINK_NONE;
	w->small_len = 0;
	if (w->header[0] != VERSION)
		return WIRE_CLOSE;
	if (id_of(w) == 0)
		return open_management(w);

	switch (type_of(w)) {
	case BEGIN_REQUEST:
		w->sink = SINK_BEGIN;
		return content_of(w) == BODY_SIZE && !is_open(w, id_of(w)) ? WIRE_MORE : WIRE_CLOSE;
	case ABORT_REQUEST:
		w->sink = SINK_ABORT;
		return WIRE_MORE;
	case PARAMS:
	case STDIN:
	case DATA:
		return open_part(w);
	default:
		return WIRE_CLOSE;
	}
}

/* Where the web server asked us to close after a request, a refused one counts as well. */
static enum wire_verdict after_answer(bool keep)
{
	return keep ? WIRE_ANSWER : WIRE_FAREWELL;
}

static enum wire_verdict begin_request(struct wire *w)
{
	bool keep = (w->small[2] & KEEP_CONN) != 0;

	if (w->stage != STAGE_NONE) {
		answer_end(w, id_of(w), CANT_MPX_CONN);
		return WIRE_ANSWER;
	}
	if (get16(w->small) != RESPONDER) {
		answer_end(w, id_of(w), UNKNOWN_ROLE);
		return after_answer(keep);
	}
	w->id = (uint16_t)id_of(w);
	w->keep = keep;
	w->fault = WIRE_FINE;
	w->len = 0;
	append_header(w, BEGIN_REQUEST, BODY_SIZE);
	append(w, w->small, BODY_SIZE);
	open_stream(w, PARAMS);
	w->stage = STAGE_PARAMS;
	return WIRE_MORE;
}

static enum wire_verdict abort_request(struct wire *w)
{
	if (!is_open(w, id_of(w)))
		return WIRE_MORE;
	w->stage = STAGE_NONE;
	wire_release(w);
	answer_end(w, w->id, REQUEST_COMPLETE);
	return after_answer(w->keep);
}

static enum wire_verdict end_stream(struct wire *w)
{
	if (w->stage == STAGE_PARAMS && w->fault == WIRE_FINE && !check_params(w))
		return WIRE_CLOSE;
	size_t len = stream_len(w);
	if (len > 0) {
		put_header(w->bytes + w->mark, type_of(w), w->id, len);
		append_header(w, type_of(w), 0);
	}
	if (w->stage == STAGE_PARAMS) {
		open_stream(w, STDIN);
		w->stage = STAGE_STDIN;
		return WIRE_MORE;
	}
	w->body_len = len;
	w->stage = STAGE_NONE;
	return WIRE_REQUEST;
}

/* All of it has come. */
static enum wire_verdict close_record(struct wire *w)
{
	w->header_len = 0;
	switch (w->sink) {
	case SINK_UNKNOWN:
		answer_unknown_type(w);
		return WIRE_ANSWER;
	case SINK_VALUES:
		return answer_values(w) ? WIRE_ANSWER : WIRE_CLOSE;
	case SINK_BEGIN:
		return begin_request(w);
	case SINK_ABORT:
		return abort_request(w);
	case SINK_STREAM:
		return content_of(w) == 0 ? end_stream(w) : WIRE_MORE;
	default:
		return WIRE_MORE;
	}
}

/* ---- bytes ---- */

static const char *take(struct str *bytes, size_t n)
{
	const char *p = bytes->p;

	*bytes = (struct str){ p + n, bytes->len - n };
	return p;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* False while the header is not whole. */
static bool take_header(struct wire *w, struct str *bytes)
{
	size_t n = least(WIRE_HEADER - w->header_len, bytes->len);

	memcpy(w->header + w->header_len, take(bytes, n), n);
	w->header_len += n;
	return w->header_len == WIRE_HEADER;
}

static void take_content(struct wire *w, struct str *bytes)
{
	size_t n = least(w->content_left, bytes->len);
	const char *p = take(bytes, n);

	w->content_left -= n;
	if (w->sink == SINK_STREAM)
		gather(w, p, n);
	if (w->sink == SINK_BEGIN || w->sink == SINK_VALUES) {
		memcpy(w->small + w->small_len, p, n);
		w->small_len += n;
	}
}

enum wire_verdict wire_walk(struct wire *w, struct str *bytes)
{
	enum wire_verdict verdict = WIRE_MORE;

	while (verdict == WIRE_MORE && bytes->len > 0) {
		if (w->header_len < WIRE_HEADER) {
			if (!take_header(w, bytes))
				break;
			verdict = open_record(w);
			if (verdict != WIRE_MORE)
				break;
		}
		take_content(w, bytes);
		size_t n = least(w->padding_left, bytes->len);
		take(bytes, n);
		w->padding_left -= n;
		if (w->content_left == 0 && w->padding_left == 0)
			verdict = close_record(w);
	}
	return verdict;
}
