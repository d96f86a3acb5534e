/* Every configuration key: name, type, default, limits, meaning. */
#include "conf_keys.h"

#include <stdio.h>

static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const protocols[] = { "1.0", "2.0", NULL };
static const char *const callers[] = { "login", "param", "anonymous", NULL };

#define TOP(member) offsetof(struct conf, member)
#define APP(member) offsetof(struct conf_app, member)

/* clang-format off */
const struct conf_key conf_keys[] = {
	{ "sandbox", CONF_BOOL, TOP(sandbox), "false", 0, 0, NULL,
	  "the WeChat host is not WeChat's own; marks every answer and log line" },
	{ "segment", CONF_PATH, TOP(segment), "\"/dev/shm/benren\"", 0, 0, NULL,
	  "shared memory of the pool: a file, made at the first start; one per pool" },
	{ "key_file", CONF_PATH, TOP(key_file), "\"\"", 0, 0, NULL,
	  "32 random bytes that hashes and sealing rest on; made where missing; \"\": segment + \".key\"" },
	{ "sessions", CONF_INT, TOP(sessions), "4096", 64, 4194304, NULL,
	  "face checks at the same time, over all workers, for up to an hour each" },
	{ "prefix", CONF_TEXT, TOP(prefix), "\"\"", 0, 0, NULL,
	  "path that must stand before the endpoint; \"\": any" },
	{ "accept_get", CONF_BOOL, TOP(accept_get), "false", 0, 0, NULL,
	  "take names and ID numbers from query strings too; they end up in access logs" },
	{ "app_field", CONF_BOOL, TOP(app_field), "false", 0, 0, NULL,
	  "let a request choose its app by the field appid" },
	{ "trusted_proxies", CONF_NETWORKS, TOP(trusted_proxies), "[]", 0, 0, NULL,
	  "addresses and networks whose X-Forwarded-For is believed; \"unix:\": Unix sockets" },
	{ "in_flight", CONF_INT, TOP(in_flight), "4096", 1, 4096, NULL,
	  "requests at the same time in one worker; more are answered 503" },
	{ "request_ms", CONF_INT, TOP(request_ms), "10000", 100, 600000, NULL,
	  "for a request to arrive whole from the web server" },
	{ "idle_ms", CONF_INT, TOP(idle_ms), "0", 0, 86400000, NULL,
	  "an idle kept connection is closed after this; 0: leave it to the web server" },
	{ "login_lifetime", CONF_INT, TOP(login_lifetime), "7200", 60, 2592000, NULL,
	  "seconds that a token of /login is good for, however often it is used" },
	{ "log.file", CONF_PATH, TOP(log.file), "\"\"", 0, 0, NULL,
	  "JSON lines; \"\": standard error" },
	{ "log.level", CONF_CHOICE, TOP(log.level), "\"info\"", 0, 0, levels,
	  "least severe level that is written" },
	{ "wechat.host", CONF_TEXT, TOP(wechat.host), "\"https://api.weixin.qq.com\"", 0, 0, NULL,
	  "WeChat's API; another of its documented hosts, or a sandbox" },
	{ "wechat.ca_file", CONF_PATH, TOP(wechat.ca_file), "\"\"", 0, 0, NULL,
	  "PEM file of the CA certificates to believe; \"\": the system's" },
	{ "wechat.connect_ms", CONF_INT, TOP(wechat.connect_ms), "2000", 50, 60000, NULL,
	  "for a connection to WeChat, TLS included" },
	{ "wechat.total_ms", CONF_INT, TOP(wechat.total_ms), "8000", 100, 60000, NULL,
	  "for a whole call to WeChat" },
	{ "wechat.allow_fields", CONF_TEXTS, TOP(wechat.allow_fields), "[]", 0, 0, NULL,
	  "does nothing: fields that we do not know are ignored; goes with the next release" },
	{ "breaker.failures", CONF_INT, TOP(breaker.failures), "20", 0, 100000, NULL,
	  "calls without an answer in a row until WeChat is left alone; 0: never" },
	{ "breaker.open", CONF_INT, TOP(breaker.open), "10", 1, 3600, NULL,
	  "seconds to leave it alone" },
	{ "budgets.caller", CONF_BUDGET, TOP(budgets.caller), "\"20/day\"", 0, 0, NULL,
	  "face checks that one known caller may open; \"0\": any number" },
	{ "budgets.id", CONF_BUDGET, TOP(budgets.id), "\"15/minute 30/day\"", 0, 0, NULL,
	  "face checks of one ID number" },
	{ "budgets.address", CONF_BUDGET, TOP(budgets.address), "\"60/minute\"", 0, 0, NULL,
	  "face checks from one IPv4 address, or one IPv6 /64" },
	{ "budgets.app", CONF_BUDGET, TOP(budgets.app), "\"0\"", 0, 0, NULL,
	  "face checks of one app in all" },
	{ "identity.lookup_url", CONF_TEXT, TOP(identity.lookup_url), "\"\"", 0, 0, NULL,
	  "the business's server that is asked for name and ID number where the client sends none" },
	{ "identity.ca_file", CONF_PATH, TOP(identity.ca_file), "\"\"", 0, 0, NULL,
	  "PEM file of the CA certificates to believe there; \"\": the system's" },
	{ "identity.total_ms", CONF_INT, TOP(identity.total_ms), "3000", 100, 30000, NULL,
	  "for a whole call to it" },
	{ "audit.file", CONF_PATH, TOP(audit.file), "\"\"", 0, 0, NULL,
	  "every verdict, one chained JSON line each, without anything personal; \"\": none" },
	{ "audit.required", CONF_BOOL, TOP(audit.required), "false", 0, 0, NULL,
	  "nobody passes whose line could not be written" },
	{ NULL, CONF_BOOL, 0, NULL, 0, 0, NULL, NULL },
};

const struct conf_key conf_app_keys[] = {
	{ "appid", CONF_TEXT, APP(appid), NULL, 0, 0, NULL,
	  "the mini program's AppID" },
	{ "secret_file", CONF_PATH, APP(secret_file), NULL, 0, 0, NULL,
	  "file with its AppSecret, mode 0600 or 0640" },
	{ "protocol", CONF_CHOICE, APP(protocol), "\"2.0\"", 0, 0, protocols,
	  "which generation of face verification" },
	{ "caller", CONF_CHOICE, APP(caller), "\"login\"", 0, 0, callers,
	  "how a client proves who it is" },
	{ "caller_param", CONF_TEXT, APP(caller_param), "\"\"", 0, 0, NULL,
	  "caller \"param\": the FastCGI parameter with the user, set by the web server" },
	{ "caller_verified", CONF_BOOL, APP(caller_verified), "false", 0, 0, NULL,
	  "you made sure that REMOTE_USER is set only after a check" },
	{ "openid_param", CONF_TEXT, APP(openid_param), "\"\"", 0, 0, NULL,
	  "caller \"param\": the FastCGI parameter with the user's openid, if it is known" },
	{ "reveal_codes", CONF_BOOL, APP(reveal_codes), "false", 0, 0, NULL,
	  "give WeChat's numbers to the client; they tell whether an ID number is real" },
	{ "in_flight", CONF_INT, APP(in_flight), "0", 0, 4096, NULL,
	  "calls to WeChat under way for this app in one worker; more are answered 503; 0: any number" },
	{ "business_secret_file", CONF_PATH, APP(business_secret_file), "\"\"", 0, 0, NULL,
	  "secret shared with the business's own server, for identity.lookup_url and /result" },
	{ "receipt.key_files", CONF_PATHS, APP(receipt.key_files), "[]", 0, 0, NULL,
	  "keys that sign the receipt of a passed check, as JWK; the first signs, all verify" },
	{ "receipt.lifetime", CONF_INT, APP(receipt.lifetime), "300", 30, 86400, NULL,
	  "seconds that a receipt is good for" },
	{ NULL, CONF_BOOL, 0, NULL, 0, 0, NULL, NULL },
};
/* clang-format on */

static void print_table(const char *before, const struct conf_key *k)
{
	for (; k->name != NULL; k++)
		printf("  %s%-20s %s\n  %*s default: %s\n", before, k->name, k->help,
		       (int)strlen(before) + 20, "",
		       k->def == NULL ? "none, must be given" : k->def);
}

void conf_print_keys(void)
{
	print_table("", conf_keys);
	print_table("apps[].", conf_app_keys);
}
