/*
 * records.h - FastCGI records as a web server would write them, also wrong ones.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	FCGI_BEGIN = 1,
	FCGI_ABORT = 2,
	FCGI_END = 3,
	FCGI_PARAMS = 4,
	FCGI_STDIN = 5,
	FCGI_STDOUT = 6,
	FCGI_DATA = 8,
	FCGI_GET_VALUES = 9,
	FCGI_GET_VALUES_RESULT = 10,
	FCGI_UNKNOWN_TYPE = 11,
	FCGI_RESPONDER = 1,
	FCGI_KEEP = 1,
};

struct records {
	unsigned char *p;
	size_t len, size;
};

static inline void records_free(struct records *r)
{
	free(r->p);
	*r = (struct records){ NULL, 0, 0 };
}

static inline void put_bytes(struct records *r, const void *p, size_t n)
{
	if (r->len + n > r->size) {
		r->size = (r->len + n) * 2;
		r->p = realloc(r->p, r->size);
	}
	if (n > 0)
		memcpy(r->p + r->len, p, n);
	r->len += n;
}

/* A record whose fields are what they are told to be, padding (of 0xEE) included. */
static inline void put_record(struct records *r, unsigned type, unsigned id, const void *content,
			      size_t len, unsigned padding)
{
	const unsigned char header[8] = { 1,
					  (unsigned char)type,
					  (unsigned char)(id >> 8),
					  (unsigned char)id,
					  (unsigned char)(len >> 8),
					  (unsigned char)len,
					  (unsigned char)padding,
					  0 };
	unsigned char fill[255];

	memset(fill, 0xEE, sizeof fill);
	put_bytes(r, header, sizeof header);
	put_bytes(r, content, len);
	put_bytes(r, fill, padding);
}

static inline void put_begin(struct records *r, unsigned id, unsigned role, unsigned flags)
{
	const unsigned char body[8] = { (unsigned char)(role >> 8), (unsigned char)role,
					(unsigned char)flags };

	put_record(r, FCGI_BEGIN, id, body, sizeof body, 0);
}

static inline void put_length(struct records *r, size_t n)
{
	const unsigned char four[4] = { (unsigned char)(n >> 24 | 0x80), (unsigned char)(n >> 16),
					(unsigned char)(n >> 8), (unsigned char)n };

	if (n < 128)
		put_bytes(r, four + 3, 1);
	else
		put_bytes(r, four, 4);
}

static inline void put_pair(struct records *r, const void *name, size_t name_len, const void *value,
			    size_t value_len)
{
	put_length(r, name_len);
	put_length(r, value_len);
	put_bytes(r, name, name_len);
	put_bytes(r, value, value_len);
}

static inline void put_text_pair(struct records *r, const char *name, const char *value)
{
	put_pair(r, name, strlen(name), value, strlen(value));
}

/* A stream in records of at most `piece` bytes, and its end. */
static inline void put_stream(struct records *r, unsigned type, unsigned id, const void *p,
			      size_t len, size_t piece, unsigned padding)
{
	for (size_t at = 0; at < len; at += piece)
		put_record(r, type, id, (const char *)p + at, len - at < piece ? len - at : piece,
			   padding);
	put_record(r, type, id, NULL, 0, 0);
}

/* A whole request; params are encoded pairs. */
static inline void put_request(struct records *r, unsigned id, bool keep,
			       const struct records *params, const void *body, size_t body_len)
{
	put_begin(r, id, FCGI_RESPONDER, keep ? FCGI_KEEP : 0);
	put_stream(r, FCGI_PARAMS, id, params->p, params->len, 65535, 0);
	put_stream(r, FCGI_STDIN, id, body, body_len, 65535, 0);
}

#endif
