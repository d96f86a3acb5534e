/*
 * Who is asking?
 *
 *   session named --> find it --> app --> caller --> (login) --> known
 *
 * Asleep while the session is looked up, and while WeChat says whose login code it is.
 */
#include "asking.h"
#include "answer.h"
#include "web/reply.h"

static enum progress choose_app(struct asking *a);

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

static void set_caller(struct asking *a, const char *kind, struct str name)
{
	a->caller = session_caller(wx_crypt(app_of(a->req)->wx), str_of(a->app->appid), kind, name);
}

static bool is_openid(struct str s)
{
	return s.len > 0 && s.len <= OPENID_MAX &&
	       str_only(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

/* --- the login code ----------------------------------------------------------- */

static enum progress take_login(struct asking *a)
{
	struct wx_login *l = &a->login;

	log_int(a->req->log, "login_ms", l->ms);
	if (l->err != OK) {
		log_word(a->req->log, "login", l->word);
		log_int(a->req->log, "login_errcode", l->errcode);
		if (l->class == CLASS_START_AGAIN)
			return refuse(
				a, answer_reason(ANSWER_NOT_LOGGED_IN),
				"the code is not valid (any more): call wx.login again and send "
				"the new code");
		return refuse(a, wx_class_reason(l->class), NULL);
	}
	a->openid = str_of(l->openid);
	if (a->app->caller == CALLER_LOGIN)
		set_caller(a, "openid", a->openid);
	return DONE;
}

static void on_login(struct wx_login *l)
{
	struct asking *a = container_of(l, struct asking, login);

	if (take_login(a) == DONE)
		a->done(a);
}

static enum progress log_in(struct asking *a, struct str code)
{
	wx_login(app_of(a->req)->wx, &a->login, &a->req->arena, a->app, code, on_login);
	return WAIT;
}

/* --- the caller ---------------------------------------------------------------- */

static enum progress by_param(struct asking *a)
{
	struct str name, openid = STR_NONE;

	if (req_param_once(a->req, a->app->caller_param, &name) != OK ||
	    (a->app->openid_param[0] != '\0' &&
	     req_param_once(a->req, a->app->openid_param, &openid) != OK))
		return refuse(a, web_reason(REASON_BAD_REQUEST),
			      "a parameter that says who is asking was sent twice: see the web "
			      "server's configuration");
	if (name.len == 0)
		return refuse(a, answer_reason(ANSWER_NOT_LOGGED_IN),
			      "the web server did not say who is asking");
	if (openid.len > 0 && !is_openid(openid))
		return refuse(a, web_reason(REASON_BAD_REQUEST),
			      "the web server's openid is not an openid");
	set_caller(a, "param", name);
	a->openid = openid;
	return DONE;
}

static enum progress find_caller(struct asking *a)
{
	struct str code;
	bool code_sent;

	if (!asking_text(a->req, "code", "code", &code))
		return refuse(a, answer_reason(ANSWER_BAD_FIELD),
			      "code must be a text, as wx.login gave it");
	code_sent = code.len > 0;
	switch ((enum conf_caller)a->app->caller) {
	case CALLER_LOGIN:
		if (!code_sent)
			return refuse(a, answer_reason(ANSWER_NOT_LOGGED_IN),
				      "call wx.login and send its code in the field code");
		return log_in(a, code);
	case CALLER_PARAM:
		if (by_param(a) == DONE && a->why != NULL)
			return DONE;
		break;
	case CALLER_ANONYMOUS:
		set_caller(a, "anonymous", STR_NONE);
		break;
	}
	if ((a->needs & ASKING_OPENID) == 0 || a->openid.len > 0)
		return DONE;
	if (code_sent)
		return log_in(a, code);
	if (a->app->protocol == PROTOCOL_2_0)
		return refuse(
			a, answer_reason(ANSWER_NOT_LOGGED_IN),
			"protocol 2.0 needs the user's openid: call wx.login and send its code "
			"in the field code");
	return DONE;
}

/* --- the app --------------------------------------------------------------------- */

static enum progress use_app(struct asking *a, struct str appid)
{
	a->app = wx_app(app_of(a->req)->wx, appid);
	if (a->app == NULL)
		return refuse(a, answer_reason(ANSWER_BAD_FIELD),
			      "no app with this appid is configured");
	return find_caller(a);
}

static enum progress choose_app(struct asking *a)
{
	const struct conf *conf = wx_conf(app_of(a->req)->wx);
	struct str field;

	if (a->session.len > 0 && a->find.err == ERR_NOT_FOUND)
		return refuse(a, answer_reason(ANSWER_NO_SESSION), NULL);
	if (a->session.len > 0 && a->find.err != OK)
		return refuse(a, wx_class_reason(CLASS_RETRY), NULL);
	if (a->session.len > 0)
		return use_app(a, str_of(a->find.s.rec.appid));
	if (conf->app_field) {
		if (!asking_text(a->req, "appid", "appId", &field))
			return refuse(a, answer_reason(ANSWER_BAD_FIELD), "appid must be a text");
		if (field.len > 0)
			return use_app(a, field);
	}
	a->app = &conf->apps[0];
	return find_caller(a);
}

static void on_find(struct wx_find *f)
{
	struct asking *a = container_of(f, struct asking, find);

	session_wipe(&f->s);
	if (choose_app(a) == DONE)
		a->done(a);
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
	struct str appid;

	a->req = r;
	a->needs = needs;
	a->done = done;
	if (!read_session(a))
		return refuse(a, answer_reason(ANSWER_NO_SESSION),
			      "session must be the text that /identify answered");
	if (req_param_once(r, "BENREN_APPID", &appid) != OK)
		return refuse(a, web_reason(REASON_BAD_REQUEST), "BENREN_APPID was sent twice");
	if (appid.len > 0)
		return use_app(a, appid);
	if (a->session.len == 0)
		return choose_app(a);
	a->find.id = a->session;
	if (wx_find(app_of(r)->wx, &a->find, on_find) == WAIT)
		return WAIT;
	session_wipe(&a->find.s);
	return choose_app(a);
}
