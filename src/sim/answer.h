/*
 * answer.h - an answer of WeChat's: a flat object whose members can still be changed.
 *
 * Values are kept as JSON text, because a fault may put any JSON in their place
 * (0.0, "0", null), also what our own writer would not write.
 */
#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include "base/arena.h"
#include "base/json_in.h"

struct member;

struct answer {
	struct arena *arena;
	struct member *first, *last;
};

/* Each puts a member in, or replaces the one of that name where it stands. */
void answer_int(struct answer *a, const char *key, int64_t n);
void answer_str(struct answer *a, const char *key, struct str value);
void answer_json(struct answer *a, struct str key, const struct json *value);

void answer_unset(struct answer *a, struct str key);

/* The whole object, in the arena. */
struct str answer_text(const struct answer *a);

#endif
