/* Writing JSON: all of yajl's generating side. */
#include "base/json_out.h"
#include "base/mem.h"

#include <yajl/yajl_gen.h>

static void *on_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return mem_alloc(size);
}

static void *on_realloc(void *ctx, void *p, size_t size)
{
	(void)ctx;
	return mem_realloc(p, size);
}

static void on_free(void *ctx, void *p)
{
	(void)ctx;
	mem_free(p);
}

void json_out_init(struct json_out *o)
{
	yajl_alloc_funcs funcs = { on_alloc, on_realloc, on_free, NULL };

	*o = (struct json_out){ .gen = yajl_gen_alloc(&funcs) };
	yajl_gen_config(o->gen, yajl_gen_validate_utf8, 1);
}

void json_out_finish(struct json_out *o)
{
	if (o->gen != NULL)
		yajl_gen_free(o->gen);
	o->gen = NULL;
}

static void check(struct json_out *o, yajl_gen_status status)
{
	if (status != yajl_gen_status_ok)
		o->failed = true;
}

static void put_text(struct json_out *o, const char *p, size_t len)
{
	check(o, yajl_gen_string(o->gen, (const unsigned char *)(p == NULL ? "" : p), len));
}

static void put_key(struct json_out *o, const char *key)
{
	if (key != NULL)
		put_text(o, key, strlen(key));
}

void json_open_object(struct json_out *o, const char *key)
{
	put_key(o, key);
	check(o, yajl_gen_map_open(o->gen));
}

void json_close_object(struct json_out *o)
{
	check(o, yajl_gen_map_close(o->gen));
}

void json_open_array(struct json_out *o, const char *key)
{
	put_key(o, key);
	check(o, yajl_gen_array_open(o->gen));
}

void json_close_array(struct json_out *o)
{
	check(o, yajl_gen_array_close(o->gen));
}

void json_put_str(struct json_out *o, const char *key, struct str value)
{
	put_key(o, key);
	put_text(o, value.p, value.len);
}

void json_put_int(struct json_out *o, const char *key, int64_t value)
{
	put_key(o, key);
	check(o, yajl_gen_integer(o->gen, value));
}

void json_put_bool(struct json_out *o, const char *key, bool value)
{
	put_key(o, key);
	check(o, yajl_gen_bool(o->gen, value));
}

void json_put_digest(struct json_out *o, const char *key, const struct digest *value)
{
	char hex[2 * DIGEST_SIZE + 1];

	str_hex(hex, value->b, sizeof value->b);
	json_put_str(o, key, str_of(hex));
}

void json_put_secret(struct json_out *o, const char *key, struct secret value)
{
	put_key(o, key);
	put_text(o, value.bytes_, value.len_);
}

enum err json_out_text(struct json_out *o, struct str *ret_text)
{
	const unsigned char *p;
	size_t len;

	if (o->failed || yajl_gen_get_buf(o->gen, &p, &len) != yajl_gen_status_ok)
		return ERR_SYNTAX;
	*ret_text = (struct str){ (const char *)p, len };
	return OK;
}
