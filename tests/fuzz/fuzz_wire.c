/*
 * Fuzzing of web/wire.c: whatever comes, and however it is cut, the same is told;
 * a request that is told is canonical, and small.
 */
#include "base/defs.h"
#include "web/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that was told, as one number. */
struct told {
	uint64_t hash;
	unsigned verdicts;
	bool closed;
};

static void note(struct told *t, const void *p, size_t n)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < n; i++)
		t->hash = (t->hash ^ bytes[i]) * 1099511628211u;
}

/* Walking what came out must say the same request again. */
static void check_canonical(const struct wire *w)
{
	struct wire again;
	struct str bytes = { (const char *)w->bytes, w->len };

	ensure(w->len <= WIRE_REQUEST_MAX);
	wire_init(&again, 1);
	ensure(wire_walk(&again, &bytes) == WIRE_REQUEST);
	ensure(bytes.len == 0 && wire_idle(&again));
	ensure(again.fault == WIRE_FINE && again.id == w->id && again.body_len == w->body_len);
	ensure(again.len == w->len && memcmp(again.bytes, w->bytes, w->len) == 0);
	wire_finish(&again);
}

static void tell(struct told *t, struct wire *w, enum wire_verdict verdict)
{
	t->verdicts++;
	note(t, &verdict, sizeof verdict);
	if (verdict == WIRE_REQUEST) {
		check_canonical(w);
		note(t, &w->fault, sizeof w->fault);
		note(t, w->bytes, w->len);
		wire_release(w);
	} else if (verdict != WIRE_CLOSE) {
		ensure(w->answer_len <= sizeof w->answer);
		note(t, w->answer, w->answer_len);
	}
	t->closed = verdict == WIRE_CLOSE || verdict == WIRE_FAREWELL;
}

static void walk_piece(struct told *t, struct wire *w, const uint8_t *p, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n); /* of its own, so that a read behind it is seen */
	struct str bytes = { copy, n };
	enum wire_verdict verdict;

	ensure(copy != NULL);
	memcpy(copy, p, n);
	while (!t->closed && (verdict = wire_walk(w, &bytes)) != WIRE_MORE)
		tell(t, w, verdict);
	ensure(t->closed || bytes.len == 0);
	ensure(w->size <= 2 * WIRE_REQUEST_MAX);
	free(copy);
}

/* seed 0: in one piece. */
static struct told walk(const uint8_t *data, size_t size, unsigned seed)
{
	struct told t = { .hash = 14695981039346656037u };
	struct wire w;

	wire_init(&w, 1000);
	for (size_t at = 0; at < size && !t.closed;) {
		size_t n = seed == 0 ? size : 1 + (seed >> 16) % 40;
		seed *= 1103515245; /* odd, so it never becomes 0 */
		if (n > size - at)
			n = size - at;
		walk_piece(&t, &w, data + at, n);
		at += n;
	}
	wire_finish(&w);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told whole = walk(data, size, 0);

	for (unsigned i = 0; i < 3; i++) {
		struct told cut = walk(data, size, (unsigned)size * 6 + 2 * i + 1);
		ensure(cut.hash == whole.hash && cut.verdicts == whole.verdicts);
		ensure(cut.closed == whole.closed);
	}
	return 0;
}
