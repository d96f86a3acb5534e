/* The 1.0 protocol: getuseridkey before the face check, getinfo after it. */
#include "base/clock.h"
#include "base/crypt.h"
#include "wechat.h"

enum { VERIFY_RESULT_BYTES = VERIFY_RESULT_LEN / 4 * 3 };

void face10_md5(char dst[MD5_HEX + 1], struct str s)
{
	unsigned char md5[MD5_SIZE];

	crypt_md5(md5, secret_of(s));
	str_hex(dst, md5, sizeof md5);
}

struct result *face10_add_result(struct sim *s, struct app *app)
{
	char value[STR_BASE64_SIZE(VERIFY_RESULT_BYTES)];

	random_base64(value, VERIFY_RESULT_BYTES);
	struct result *r =
		table_put(&s->results, str_of(value), sizeof *r, RESULT_LIFE_MS + KEPT_AFTER_MS);
	r->app = app;
	r->expires = clock_boot_ms() + RESULT_LIFE_MS;
	r->time = clock_wall_ms() / SECOND_MS;
	return r;
}

/* Name and ID are not compared with each other here: that only a scan does. */
int face10_getuseridkey(struct api *a)
{
	const struct json *name = json_get(a->call->json, "name");
	const struct json *id = json_get(a->call->json, "id_card_number");
	char key[USER_ID_KEY_LEN + 1];

	if ((name != NULL && name->type != JSON_STRING) || (id != NULL && id->type != JSON_STRING))
		return 47001;
	if (name == NULL || id == NULL || name->str.len == 0 || id->str.len == 0)
		return 84006;
	struct magic magic = magic_of(id->str);
	a->call->reply.delay_ms += magic.delay_ms;
	if (magic.open_errcode != 0)
		return magic.open_errcode;
	random_hex(key, USER_ID_KEY_LEN / 2);
	struct check *check = sim_add_check(a->sim, a->app, str_of(key), magic);
	face10_md5(check->name_md5, name->str);
	face10_md5(check->id_md5, id->str);
	answer_str(&a->answer, "user_id_key", check->kept.name);
	answer_int(&a->answer, "expires_in", sim_key_life_s(a->sim, magic));
	return 0;
}

int face10_getinfo(struct api *a)
{
	struct result *r = table_get(&a->sim->results, call_text(a->call, "verify_result"));

	if (r == NULL || r->app != a->app || r->expires <= clock_boot_ms())
		return 84001;
	a->call->reply.delay_ms += r->magic.delay_ms;
	if (r->magic.query_errcode != 0)
		return r->magic.query_errcode;
	answer_int(&a->answer, "identify_ret", r->identify_ret);
	answer_int(&a->answer, "identify_time", r->time);
	answer_str(&a->answer, "validate_data", STR(""));
	answer_str(&a->answer, "openid", str_of(r->openid));
	answer_str(&a->answer, "user_id_key", str_of(r->user_id_key));
	answer_int(&a->answer, "finish_time", r->time);
	answer_str(&a->answer, "id_card_number_md5", str_of(r->id_md5));
	answer_str(&a->answer, "name_utf8_md5", str_of(r->name_md5));
	return 0;
}
