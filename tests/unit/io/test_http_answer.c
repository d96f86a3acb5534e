/* Tests of what an answer's header lines may say about its length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_answer.h"

#include <stdio.h>
#include <stdlib.h>

/* Line by line from memory of its own, as libcurl would; OK, or why it was broken off. */
static enum err read_head(const char *text)
{
	struct http_answer a = { .err = OK };
	struct str rest = str_of(text);

	while (rest.len > 0 && a.err == OK) {
		const char *end = memchr(rest.p, '\n', rest.len);
		size_t n = end == NULL ? rest.len : (size_t)(end - rest.p) + 1;
		char *line = malloc(n);
		ensure(line != NULL);
		memcpy(line, rest.p, n);
		size_t taken = answer_header(line, 1, n, &a);
		free(line);
		assert_int_equal(taken, a.err == OK ? n : 0);
		rest = (struct str){ rest.p + n, rest.len - n };
	}
	enum err err = a.err;
	answer_finish(&a);
	return err;
}

static void assert_heads(const char *const *heads, size_t nr, enum err wanted)
{
	for (size_t i = 0; i < nr; i++) {
		char text[500];
		snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nServer: x\r\n%s\r\n", heads[i]);
		if (read_head(text) != wanted)
			print_error("%s\n", heads[i]);
		assert_int_equal(read_head(text), wanted);
	}
}

static void one_length_is_taken(void **state)
{
	static const char *const heads[] = {
		"",
		"Content-Length: 5\r\n",
		"content-length:5\r\n",
		"CONTENT-LENGTH: \t5 \r\n",
		"Content-Length: 0\r\n",
		"Content-Length: 5\n",
		"Transfer-Encoding: chunked\r\n",
		"transfer-encoding:CHUNKED\r\n",
		"Content-Lengths: 5\r\nX-Content-Length: 6\r\nContent-Type: 7\r\n",
		"Content: Content-Length: 6\r\nContent-Length: 5\r\n",
		"X: HTTP/1.1 200 OK\r\n",
	};

	(void)state;
	assert_heads(heads, ARRAY_LEN(heads), OK);
}

static void the_same_length_again_is_the_same(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 5\r\nContent-Length: 5\r\n",
		"Content-Length: 5\r\nServer: y\r\ncontent-length:  5 \r\nContent-Length: 5\r\n",
	};

	(void)state;
	assert_heads(heads, ARRAY_LEN(heads), OK);
}

static void what_can_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 5\r\nContent-Length: 6\r\n",
		"Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 50\r\n",
		"Content-Length: 5\r\nContent-Length: 05\r\n",
		"Content-Length: 5\r\nContent-Length:\r\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: chunked, chunked\r\n",
		"Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding:\r\n",
		"Content-Length: 5, 5\r\n",
		"Content-Length: 5,6\r\n",
		"Content-Length: 05\r\n",
		"Content-Length: +5\r\n",
		"Content-Length: -5\r\n",
		"Content-Length: -0\r\n",
		"Content-Length: 5x\r\n",
		"Content-Length: 5 6\r\n",
		"Content-Length: 0x5\r\n",
		"Content-Length: 5.0\r\n",
		"Content-Length: 5\v\r\n",
		"Content-Length: \"5\"\r\n",
		"Content-Length: 99999999999999999999\r\n",
		"Content-Length: 18446744073709551621\r\n",
		"Content-Length:\r\n",
		"Content-Length : 5\r\nContent-Length: 6\r\n",
		"Content-Length: 5\r\nContent-Length\t: 6\r\n",
		"Content-Length: 5\r\nTransfer-Encoding : chunked\r\n",
		"Content-Length: 5\r\n 6\r\n",
		"X: y\r\n\tContent-Length: 5\r\n",
		"X: y\rContent-Length: 6\r\nContent-Length: 5\r\n",
		"Content-Length: 5\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n",
		"Content-Length: 5\r\nHTTP/X: y\r\nTransfer-Encoding: chunked\r\n",
		"Content-Length: 5\r\n\r\nTransfer-Encoding: chunked\r\n", /* as a trailer */
		"Transfer-Encoding: chunked\r\n\r\nContent-Length: 5\r\n",
	};

	(void)state;
	assert_heads(heads, ARRAY_LEN(heads), ERR_SYNTAX);
}

/* Each of several answers speaks for itself: 100 Continue, 103 Early Hints. */
static void an_answer_on_the_way_has_a_length_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(read_head("HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n"
				   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
			 OK);
	assert_int_equal(read_head("HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n"
				   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
			 OK);
	assert_int_equal(read_head("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
				   "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
			 ERR_SYNTAX);
}

static void a_head_is_of_bounded_length(void **state)
{
	char line[1000];
	struct http_answer a = { .err = OK };

	(void)state;
	memset(line, 'x', sizeof line);
	for (int i = 0; i < 16; i++)
		assert_int_equal(answer_header(line, 1, sizeof line, &a), sizeof line);
	assert_int_equal(answer_header(line, 1, sizeof line, &a), 0);
	assert_int_equal(a.err, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_length_is_taken),
		cmocka_unit_test(the_same_length_again_is_the_same),
		cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
		cmocka_unit_test(an_answer_on_the_way_has_a_length_of_its_own),
		cmocka_unit_test(a_head_is_of_bounded_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
