/* Whom a request is for: WeChat, the phone and its controls, or a human with a browser. */
#include "call.h"
#include "control.h"
#include "wechat.h"

static const char welcome[] =
	"This is benren-sim " BENREN_VERSION ", a sandbox that plays WeChat's face verification.\n"
	"\n"
	"WeChat:  POST /cgi-bin/stable_token, GET /cgi-bin/token, GET /sns/jscode2session,\n"
	"         POST /cityservice/face/identify/getuseridkey, getinfo (1.0),\n"
	"         getverifyid, queryverifyinfo (2.0)\n"
	"phone:   POST /sim/scan, POST /sim/login\n"
	"tools:   GET /sim/catalogue, GET /sim/ledger, GET and POST /sim/fault,\n"
	"         POST /sim/ledger/reset, POST /sim/token, POST /sim/clock\n";

struct str call_text(const struct call *c, const char *key)
{
	const struct json *j = json_get_type(c->json, key, JSON_STRING);

	return j == NULL ? STR_NONE : j->str;
}

static void read_json(struct call *c)
{
	struct json *root = NULL;

	if (c->body.len > 0 && json_parse(&c->arena, c->body, 0, &root, &c->json_error) == OK)
		c->json = root;
}

void call_answer(struct call *c)
{
	c->reply = (struct reply){ .status = 200, .content_type = "application/json" };
	if (c->too_large) {
		c->reply =
			(struct reply){ 413, "text/plain", STR("body too large\n"), .delay_ms = 0 };
		return;
	}
	read_json(c);
	if (str_is(c->path, "/"))
		c->reply = (struct reply){ 200, "text/plain", str_of(welcome), .delay_ms = 0 };
	else if (str_starts(c->path, STR("/sim/")))
		control_answer(c);
	else
		wechat_answer(c);
}
