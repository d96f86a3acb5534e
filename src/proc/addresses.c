/* Host names' addresses in the store, for workers that start while DNS is dead. */
#include "addresses.h"

#include "base/mem.h"

enum { WEEK_MS = 7 * 24 * 3600 * 1000 };

/* What nobody waits for; the memory of an operation that takes longer than the call. */
static void on_late(struct store_op *op)
{
	mem_free(op);
}

static struct store_op *op_create(const struct addresses_kept *kept, const char *host)
{
	struct store_op *op = mem_calloc(1, sizeof *op);
	struct str name = str_of(host);

	op->kind = STORE_HOST;
	op->key = crypt_hmac(kept->crypt, "host-addresses", &name, 1);
	return op;
}

/* False: there are none, or not at once.  op is the caller's, unless it is NULL then. */
static bool read_now(const struct addresses_kept *kept, struct store_op **op)
{
	if (store_get(kept->store, *op, on_late) == WAIT) {
		*op = NULL;
		return false;
	}
	return (*op)->err == OK;
}

static bool recall(void *arg, const char *host, char dst[HTTP_ADDRESSES_SIZE])
{
	struct addresses_kept *kept = arg;
	struct store_op *op = op_create(kept, host);
	bool found = read_now(kept, &op) && op->len < HTTP_ADDRESSES_SIZE;

	if (found) {
		memcpy(dst, op->value, op->len);
		dst[op->len] = '\0';
	}
	mem_free(op);
	return found;
}

/* Another worker may write at the same time, and what it writes is as good. */
static void keep(void *arg, const char *host, const char *addresses)
{
	struct addresses_kept *kept = arg;
	struct store_op *op = op_create(kept, host);

	if (!read_now(kept, &op)) {
		if (op == NULL || op->err != ERR_NOT_FOUND) {
			mem_free(op);
			return;
		}
		op->version = 0;
	}
	op->len = strlen(addresses);
	op->expires = store_now(kept->store) + WEEK_MS;
	memcpy(op->value, addresses, op->len);
	if (store_put(kept->store, op, on_late) == DONE)
		mem_free(op);
}

struct http_memory addresses_memory(struct addresses_kept *kept)
{
	return (struct http_memory){ .keep = keep, .recall = recall, .arg = kept };
}
