/* The command line: what may be given, and what is wrong with it. */
#include "options.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>

enum { EXIT_USAGE = 2, GO_ON = -1 };

static const char usage[] =
	"Usage: benren-sim --listen 127.0.0.1:8443 --ca-out FILE [options]\n"
	"\n"
	"Plays WeChat's face verification (1.0 and 2.0), tokens and login over HTTPS,\n"
	"and the user's phone, so that everything can be tried without a permission.\n"
	"\n"
	"  --listen HOST:PORT    where to listen; port 0 takes a free one and says which\n"
	"  --ca-out FILE         where to put the certificate that clients must trust\n"
	"  --ca-keep FILE        keep the CA and its key there, so that a restart has the\n"
	"                        same; otherwise each start makes a new one\n"
	"  --appid ID --secret S an app to know, up to 16 times; otherwise two are known:\n"
	"                        wx0000000000000001 with sandbox-secret-0001,\n"
	"                        wx0000000000000002 with sandbox-secret-0002\n"
	"  --delay-ms N          answer every call of the WeChat side N ms late\n"
	"  --key-lifetime S      how long a user_id_key or verify_id lives (3600)\n"
	"  --token-lifetime S    how long an access token lives (7200)\n"
	"  --any-address         allow a --listen that other machines can reach\n"
	"  --verbose             say every call on standard error\n"
	"  --version, --help\n"
	"\n"
	"Then, with curl --cacert FILE https://127.0.0.1:8443/...\n"
	"  POST /sim/scan        be the phone: {\"key\": \"...\", \"outcome\": \"pass\"}\n"
	"  POST /sim/login       be wx.login: {\"openid\": \"...\"} gives a code\n"
	"  GET  /sim/catalogue   ID numbers that lead to each documented code\n"
	"  GET  /sim/ledger      what was called how often\n"
	"  POST /sim/fault       be slow, dead or wrong: {\"path\": \"getinfo\", \"kind\": "
	"\"close\"}\n";

enum {
	LISTEN,
	CA_OUT,
	CA_KEEP,
	APPID,
	SECRET,
	DELAY,
	KEY_LIFETIME,
	TOKEN_LIFETIME,
	ANY,
	VERBOSE,
	VERSION,
	HELP
};

static const struct option known[] = {
	{ "listen", required_argument, NULL, LISTEN },
	{ "ca-out", required_argument, NULL, CA_OUT },
	{ "ca-keep", required_argument, NULL, CA_KEEP },
	{ "appid", required_argument, NULL, APPID },
	{ "secret", required_argument, NULL, SECRET },
	{ "delay-ms", required_argument, NULL, DELAY },
	{ "key-lifetime", required_argument, NULL, KEY_LIFETIME },
	{ "token-lifetime", required_argument, NULL, TOKEN_LIFETIME },
	{ "any-address", no_argument, NULL, ANY },
	{ "verbose", no_argument, NULL, VERBOSE },
	{ "version", no_argument, NULL, VERSION },
	{ "help", no_argument, NULL, HELP },
	{ 0 },
};

static int wrong(const char *what, const char *detail)
{
	fprintf(stderr, "benren-sim: %s%s; see benren-sim --help\n", what, detail);
	return EXIT_USAGE;
}

static int take_number(int64_t *ret_n, const char *text, int64_t least)
{
	int64_t n;

	if (str_int(str_of(text), &n) != OK || n < least || n > INT32_MAX)
		return wrong("not a number that makes sense here: ", text);
	*ret_n = n;
	return GO_ON;
}

/* --appid opens a pair, --secret closes it. */
static int take_appid(struct options *o, const char *appid)
{
	if (o->app_count > 0 && o->apps[o->app_count - 1].secret == NULL)
		return wrong("--secret missing behind --appid ", o->apps[o->app_count - 1].appid);
	if (o->app_count == OPTIONS_APPS)
		return wrong("too many apps at --appid ", appid);
	if (*appid == '\0' || !str_utf8(str_of(appid)))
		return wrong("--appid is empty or not UTF-8", "");
	for (unsigned i = 0; i < o->app_count; i++)
		if (strcmp(o->apps[i].appid, appid) == 0)
			return wrong("twice the same --appid ", appid);
	o->apps[o->app_count++].appid = appid;
	return GO_ON;
}

static int take_secret(struct options *o, const char *secret)
{
	if (o->app_count == 0 || o->apps[o->app_count - 1].secret != NULL)
		return wrong("--secret without an --appid before it", "");
	o->apps[o->app_count - 1].secret = secret;
	return GO_ON;
}

static int take(struct options *o, int option)
{
	switch (option) {
	case LISTEN:
		o->listen = optarg;
		return GO_ON;
	case CA_OUT:
		o->ca_out = optarg;
		return GO_ON;
	case CA_KEEP:
		o->ca_keep = optarg;
		return GO_ON;
	case APPID:
		return take_appid(o, optarg);
	case SECRET:
		return take_secret(o, optarg);
	case DELAY:
		return take_number(&o->delay_ms, optarg, 0);
	case KEY_LIFETIME:
		return take_number(&o->key_lifetime_s, optarg, 1);
	case TOKEN_LIFETIME:
		return take_number(&o->token_lifetime_s, optarg, 1);
	case ANY:
		o->any_address = true;
		return GO_ON;
	case VERBOSE:
		o->verbose = true;
		return GO_ON;
	case VERSION:
		puts("benren-sim " BENREN_VERSION);
		return 0;
	case HELP:
		fputs(usage, stdout);
		return 0;
	default:
		return wrong("unknown option, or one without its value", "");
	}
}

static int complete(struct options *o)
{
	if (o->listen == NULL || o->ca_out == NULL)
		return wrong("--listen and --ca-out are needed", "");
	if (o->app_count > 0 && o->apps[o->app_count - 1].secret == NULL)
		return wrong("--secret missing behind --appid ", o->apps[o->app_count - 1].appid);
	if (o->app_count > 0)
		return GO_ON;
	o->apps[0] = (struct credentials){ "wx0000000000000001", "sandbox-secret-0001" };
	o->apps[1] = (struct credentials){ "wx0000000000000002", "sandbox-secret-0002" };
	o->app_count = 2;
	return GO_ON;
}

int options_parse(struct options *ret_o, int argc, char **argv)
{
	int option;

	*ret_o = (struct options){ .key_lifetime_s = 3600, .token_lifetime_s = 7200 };
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		int end = take(ret_o, option);
		if (end != GO_ON)
			return end;
	}
	if (optind < argc)
		return wrong("not an option: ", argv[optind]);
	return complete(ret_o);
}
