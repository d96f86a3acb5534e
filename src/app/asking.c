/*
 * Who is asking?
 *
 *   (token: find it) --> (session: find it) --> app --> caller --> (code: log in) --> known
 *
 * Asleep while token and session are looked up, and while WeChat says whose code it is.
 */
#include "asking.h"
#include "answer.h"
#include "web/reply.h"

/* Looked up only by some: so not a part of every request's struct asking. */
struct session_of {
	struct wx_find find;
	struct asking *asking;
};

struct ticket_of {
	struct wx_ticket ticket;
	struct asking *asking;
};

static enum progress refuse(struct asking *a, const struct reason *why, const char *hint)
{
	a->why = why;
	a->hint = hint;
	return DONE;
}

bool asking_text(struct req *r, const char *snake, const char *camel, struct str *ret_value)
{
	const struct field *f = req_field(r, snake, camel);

	*ret_value = STR_NONE;
	if (f == NULL)
		return true;
	if (f->type != JSON_STRING)
		return false;
	*ret_value = f->value;
	return true;
}

bool asking_source(struct req *r, int32_t *ret_source)
{
	const struct field *f = req_field(r, "source", "source");
	int64_t n;

	*ret_source = -1;
	if (f == NULL)
		return true;
	if ((f->type != JSON_INT && f->type != JSON_STRING) || str_int(f->value, &n) != OK ||
	    n < 0 || n > 255)
		return false;
	*ret_source = (int32_t)n;
	return true;
}

static void set_caller(struct asking *a, const char *kind, struct str name)
{
	a->known = name.len > 0;
	a->name = name;
	a->caller = session_caller(wx_crypt(app_of(a->req)->wx), str_of(a->app->appid), kind, name);
}

static bool is_openid(struct str s)
{
	return s.len > 0 && s.len <= OPENID_MAX &&
	       str_only(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

/* --- the login code ----------------------------------------------------------- */

static void take_login(struct asking *a)
{
	struct wx_login *l = &a->login;

	log_int(a->req->log, "login_ms", l->ms);
	if (l->err == OK) {
		a->openid = str_of(l->openid);
		if (a->app->caller == CALLER_LOGIN)
			set_caller(a, "openid", a->openid);
		return;
	}
	log_word(a->req->log, "login", l->word);
	log_int(a->req->log, "login_errcode", l->errcode);
	if (l->class == CLASS_START_AGAIN)
		refuse(a, answer_reason(ANSWER_NOT_LOGGED_IN),
		       "the code is not valid (any more): call wx.login again and send the new "
		       "code");
	else
		refuse(a, wx_class_reason(l->class), NULL);
}

static void on_login(struct wx_login *l)
{
	struct asking *a = container_of(l, struct asking, login);

	take_login(a);
	a->done(a);
}

static enum progress log_in(struct asking *a, struct str code)
{
	wx_login(app_of(a->req)->wx, &a->login, &a->req->arena, a->app, code, on_login);
	return WAIT;
}

/* --- the caller ---------------------------------------------------------------- */

static void by_param(struct asking *a)
{
	struct str name, openid = STR_NONE;

	if (req_param_once(a->req, a->app->caller_param, &name) != OK ||
	    (a->app->openid_param[0] != '\0' &&
	     req_param_once(a->req, a->app->openid_param, &openid) != OK)) {
		refuse(a, web_reason(REASON_BAD_REQUEST),
		       "a parameter that says who is asking was sent twice: see the web "
		       "server's configuration");
	} else if (name.len == 0) {
		refuse(a, answer_reason(ANSWER_NOT_LOGGED_IN),
		       "the web server did not say who is asking");
	} else if (openid.len > 0 && !is_openid(openid)) {
		refuse(a, web_reason(REASON_BAD_REQUEST),
		       "the web server's openid is not an openid");
	} else {
		set_caller(a, "param", name);
		a->openid = openid;
	}
}

static enum progress by_login(struct asking *a, struct str code)
{
	if (a->ticket != NULL && a->ticket->app == a->app) {
		a->openid = str_of(a->ticket->openid);
		set_caller(a, "openid", a->openid);
		return DONE;
	}
	if (code.len > 0)
		return log_in(a, code);
	if (a->token_sent)
		return refuse(a, answer_reason(ANSWER_NOT_LOGGED_IN),
			      "the token is not valid (any more): POST /login for a new one");
	if ((a->needs & ASKING_LOGIN) != 0)
		return refuse(a, answer_reason(ANSWER_NOT_LOGGED_IN),
			      "call wx.login and send its code in the field code");
	return refuse(a, answer_reason(ANSWER_NOT_LOGGED_IN),
		      "POST /login and send its token as Authorization: Bearer, or call wx.login "
		      "and send its code in the field code");
}

/* A check of 2.0 needs the openid, and one of 1.0 is the better for it. */
static enum progress find_openid(struct asking *a, struct str code)
{
	if ((a->needs & ASKING_OPENID) == 0 || a->openid.len > 0)
		return DONE;
	if (code.len > 0)
		return log_in(a, code);
	if (a->app->protocol == PROTOCOL_2_0)
		return refuse(
			a, answer_reason(ANSWER_NOT_LOGGED_IN),
			"protocol 2.0 needs the user's openid: call wx.login and send its code "
			"in the field code");
	return DONE;
}

static enum progress find_caller(struct asking *a)
{
	struct str code;

	if (!asking_text(a->req, "code", "code", &code))
		return refuse(a, answer_reason(ANSWER_BAD_FIELD),
			      "code must be a text, as wx.login gave it");
	if ((a->needs & ASKING_LOGIN) != 0 && a->app->caller != CALLER_LOGIN)
		return refuse(a, web_reason(REASON_NOT_FOUND),
			      "this app has \"caller\" other than \"login\": there is no /login");
	switch ((enum conf_caller)a->app->caller) {
	case CALLER_LOGIN:
		return by_login(a, code);
	case CALLER_PARAM:
		by_param(a);
		break;
	case CALLER_ANONYMOUS:
		set_caller(a, "anonymous", STR_NONE);
		break;
	}
	return a->why != NULL ? DONE : find_openid(a, code);
}

/* --- the app --------------------------------------------------------------------- */

static enum progress use_app(struct asking *a, const struct conf_app *app)
{
	a->app = app;
	return find_caller(a);
}

/* An app that the client chose, by a session or a field. */
static enum progress use_chosen(struct asking *a, const struct conf_app *app,
				const struct reason *otherwise, const char *hint)
{
	const struct conf_app *first = wx_conf(app_of(a->req)->wx)->apps;

	if (app == NULL || (app->caller == CALLER_ANONYMOUS && app != first))
		return refuse(a, otherwise, hint);
	return use_app(a, app);
}

static enum progress by_field(struct asking *a)
{
	struct wx *wx = app_of(a->req)->wx;
	struct str field = STR_NONE;

	if (wx_conf(wx)->app_field && !asking_text(a->req, "appid", "appId", &field))
		return refuse(a, answer_reason(ANSWER_BAD_FIELD), "appid must be a text");
	if (field.len > 0)
		return use_chosen(a, wx_app(wx, field), answer_reason(ANSWER_BAD_FIELD),
				  "no app that a request may choose has this appid");
	return use_app(a, wx_conf(wx)->apps);
}

static enum progress by_session(struct asking *a, struct wx_find *f)
{
	session_wipe(&f->s);
	if (f->err == OK)
		return use_chosen(a, wx_app(app_of(a->req)->wx, str_of(f->s.rec.appid)),
				  answer_reason(ANSWER_NO_SESSION), NULL);
	return refuse(a,
		      f->err == ERR_NOT_FOUND ? answer_reason(ANSWER_NO_SESSION)
					      : wx_class_reason(CLASS_RETRY),
		      NULL);
}

static void on_find(struct wx_find *f)
{
	struct asking *a = container_of(f, struct session_of, find)->asking;

	if (by_session(a, f) == DONE)
		a->done(a);
}

static enum progress find_session(struct asking *a)
{
	struct session_of *s = arena_alloc(&a->req->arena, sizeof *s);

	if (s == NULL)
		return refuse(a, web_reason(REASON_BODY_TOO_LARGE), NULL);
	s->asking = a;
	s->find.id = a->session;
	if (wx_find(app_of(a->req)->wx, &s->find, on_find) == WAIT)
		return WAIT;
	return by_session(a, &s->find);
}

static enum progress choose_app(struct asking *a)
{
	struct wx *wx = app_of(a->req)->wx;
	struct str appid;

	if (req_param_once(a->req, "BENREN_APPID", &appid) != OK)
		return refuse(a, web_reason(REASON_BAD_REQUEST), "BENREN_APPID was sent twice");
	if (appid.len > 0 && wx_app(wx, appid) == NULL)
		return refuse(
			a, answer_reason(ANSWER_BAD_FIELD),
			"the app that the web server names in BENREN_APPID is not configured");
	if (appid.len > 0)
		return use_app(a, wx_app(wx, appid));
	if (a->ticket != NULL)
		return use_app(a, a->ticket->app);
	return a->session.len == 0 ? by_field(a) : find_session(a);
}

/* --- the token ------------------------------------------------------------------ */

/* Authorization may be the web server's own business: what is no token of ours is none. */
static struct str read_token(const struct asking *a)
{
	struct str own = req_param(a->req, "HTTP_X_BENREN_TOKEN");
	struct str header = req_param(a->req, "HTTP_AUTHORIZATION");
	const struct str bearer = STR("bearer ");

	if ((a->needs & ASKING_LOGIN) != 0)
		return STR_NONE;
	if (own.len > 0)
		return own;
	if (header.len <= bearer.len || !str_ieq((struct str){ header.p, bearer.len }, bearer))
		return STR_NONE;
	return str_trim((struct str){ header.p + bearer.len, header.len - bearer.len });
}

static enum progress by_ticket(struct asking *a, const struct wx_ticket *t)
{
	if (t->err == OK)
		a->ticket = t;
	else if (t->err != ERR_NOT_FOUND)
		return refuse(a, wx_class_reason(CLASS_RETRY), NULL);
	return choose_app(a);
}

static void on_ticket(struct wx_ticket *t)
{
	struct asking *a = container_of(t, struct ticket_of, ticket)->asking;

	if (by_ticket(a, t) == DONE)
		a->done(a);
}

static enum progress find_ticket(struct asking *a, struct str token)
{
	struct ticket_of *t = arena_alloc(&a->req->arena, sizeof *t);

	if (t == NULL)
		return refuse(a, web_reason(REASON_BODY_TOO_LARGE), NULL);
	t->asking = a;
	memcpy(t->ticket.token, token.p, token.len);
	if (wx_ticket_find(app_of(a->req)->wx, &t->ticket, on_ticket) == WAIT)
		return WAIT;
	return by_ticket(a, &t->ticket);
}

static bool read_session(struct asking *a)
{
	struct str header = req_param(a->req, "HTTP_X_BENREN_SESSION");

	if ((a->needs & ASKING_SESSION) == 0)
		return true;
	if (!asking_text(a->req, "session", "session", &a->session))
		return false;
	if (a->session.len == 0)
		a->session = header;
	return a->session.len == 0 || session_id_plausible(a->session);
}

enum progress asking_start(struct asking *a, struct req *r, unsigned needs,
			   void (*done)(struct asking *))
{
	a->req = r;
	a->needs = needs;
	a->done = done;
	if (!read_session(a))
		return refuse(a, answer_reason(ANSWER_NO_SESSION),
			      "session must be the text that /identify answered");
	if (req_client(r, &wx_conf(app_of(r)->wx)->trusted_proxies, &a->client) != OK)
		return refuse(
			a, web_reason(REASON_BAD_REQUEST),
			"X-Forwarded-For came as two parameters: the web server must make one list "
			"of them, and drop headers with an underscore");
	struct str token = read_token(a);
	a->token_sent = token.len > 0;
	return a->token_sent && wx_ticket_plausible(token) ? find_ticket(a, token) : choose_app(a);
}
