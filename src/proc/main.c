/* Finds out what is wanted: a worker, or one of the commands. */
#include "base/conf.h"
#include "base/log.h"
#include "command.h"
#include "exit_status.h"
#include "signals.h"
#include "web/cgi.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
	"benren " BENREN_VERSION
	": the back end of WeChat's face verification, as FastCGI workers\n"
	"\n"
	"usage: benren [-c FILE]            a worker, with the listening socket on fd 0\n"
	"       benren [-c FILE] check      reads the configuration and says what is wrong\n"
	"       benren [-c FILE] audit verify [FILE]\n"
	"                                  is an audit file whole and unchanged? else audit.file\n"
	"       benren [-c FILE] receipt verify\n"
	"                                   checks a receipt (from standard input) and prints it\n"
	"       benren receipt make-key HS256|ES256 [KID]\n"
	"                                   prints a new key for receipts: to be kept in a file\n"
	"                                   of mode 0600 or 0640, as receipt.key_files name it\n"
	"       benren [-c FILE] receipt public-keys\n"
	"                                   what ES256 receipts are checked with, as a JWK set\n"
	"       benren version | help\n"
	"\n"
	"  -c, --config FILE   the configuration; else $BENREN_CONF, else benren.json beside\n"
	"                      the binary, else /etc/benren/benren.json\n"
	"      --help-config   every configuration key, its default and meaning\n"
	"\n"
	"A worker is started by whatever gives it a listening socket, for example\n"
	"       spawn-fcgi -s /run/benren.sock -M 0660 -F 2 -- /usr/bin/benren -c benren.json\n"
	"It stops on TERM, INT, QUIT or USR1 after finishing what is in flight, and reopens\n"
	"its log and audit file on HUP.  Exit status: 0 fine, 1 failed, 2 usage, 78 "
	"configuration.\n";

/* A launcher may leave 0, 1 or 2 closed; the next open() must not become one of them. */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening != 0;
}

/* What works, but deserves a second thought: who can do what because of it. */
static void warn_of_app(const struct conf *c, const struct conf_app *a)
{
	bool anonymous = a->caller == CALLER_ANONYMOUS;
	const struct {
		bool when;
		const char *what;
	} rows[] = {
		{ a->protocol == PROTOCOL_1_0 && a->caller == CALLER_PARAM &&
			  a->openid_param[0] == '\0',
		  "without openid_param nobody notices when another WeChat user's phone does the "
		  "face check" },
		{ anonymous,
		  "caller \"anonymous\" does not protect a result against theft, only against "
		  "another identity" },
		{ anonymous && c->budgets.app.rate_nr == 0,
		  "with anonymous callers budgets.app is the only bound on what all of them "
		  "together may cost, and it is \"0\"" },
		{ a->protocol == PROTOCOL_1_0 && !c->sandbox,
		  "WeChat announced the end of protocol \"1.0\" for 2026-06-30: move to \"2.0\"" },
		{ a->reveal_codes, "reveal_codes tells clients whether an ID number is real" },
		{ a->receipt.keys == NULL && secret_empty(a->business_secret),
		  "your server cannot learn a verdict but from the phone, which can say "
		  "anything: set receipt.key_files, or business_secret_file for /result" },
		{ c->identity.lookup_url[0] != '\0' && secret_empty(a->business_secret),
		  "without business_secret_file identity.lookup_url is not asked for this app" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].when)
			printf("warning: %s: %s\n", a->appid, rows[i].what);
}

static void print_warnings(const struct conf *c)
{
	if (geteuid() == 0)
		puts("warning: checked as root: the workers' user may not read or write what root "
		     "may");
	if (c->accept_get)
		puts("warning: accept_get is on: names and ID numbers come in query strings, which "
		     "web servers write to access logs");
	if (c->wechat.allow_fields[0] != NULL)
		puts("warning: wechat.allow_fields does nothing, since new fields in WeChat's "
		     "answers are ignored: take it out, the next release will not know it");
	for (unsigned i = 0; i < c->app_nr; i++)
		warn_of_app(c, &c->apps[i]);
}

static int check(const char *file, char **words)
{
	struct conf *c;
	int status = EXIT_CONFIG;

	(void)words;
	if (conf_load(file, &c) != OK)
		conf_print_errors(c);
	else
		status = worker_check(c);
	if (status == EXIT_FINE) {
		printf("%s: fine, %u app%s\n", file, c->app_nr, c->app_nr == 1 ? "" : "s");
		print_warnings(c);
	}
	conf_destroy(c);
	return status;
}

static int worker(const char *file)
{
	struct conf *c;
	int status = EXIT_CONFIG;

	bool listening = is_listening(STDIN_FILENO), cgi = !listening && cgi_wanted();

	if (!listening && !cgi) {
		fprintf(stderr,
			"benren: standard input is not a listening socket: start a worker with "
			"spawn-fcgi, systemd or the like, or see 'benren help'\n");
		return EXIT_USAGE;
	}
	if (conf_load(file, &c) != OK)
		conf_print_errors(c);
	else if (log_open(c->log.file, (enum log_level)c->log.level, c->sandbox) != OK)
		fprintf(stderr, "benren: the log file %s cannot be opened: %s\n", c->log.file,
			strerror(errno));
	else
		status = cgi ? worker_cgi(c) : worker_run(c);
	if (cgi && status != EXIT_FINE)
		cgi_away();
	conf_destroy(c);
	return status;
}

static int version(const char *file, char **words)
{
	(void)file, (void)words;
	puts("benren " BENREN_VERSION);
	return EXIT_FINE;
}

static int help(const char *file, char **words)
{
	(void)file, (void)words;
	fputs(usage, stdout);
	return EXIT_FINE;
}

static const struct command commands[] = {
	{ "check", 0, check },     { "audit", 2, audit_command }, { "receipt", 3, receipt_command },
	{ "version", 0, version }, { "help", 0, help },           { NULL, 0, NULL },
};

/* A web server that starts us as a script may hand over words of a query string. */
static bool words_are_foreign(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL || getenv("QUERY_STRING") != NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "help-config", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	char file[CONF_PATH_MAX];
	const char *named = NULL;
	int option;

	signals_hold();
	if (!is_listening(STDIN_FILENO))
		signals_release();
	open_standard_fds();
	if (words_are_foreign())
		argc = 1;
	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			named = optarg;
			break;
		case 'h':
			return help(NULL, NULL);
		case 'V':
			return version(NULL, NULL);
		case 'k':
			conf_print_keys();
			return EXIT_FINE;
		default:
			return EXIT_USAGE;
		}
	}
	conf_find(named, file);
	if (optind == argc)
		return worker(file);
	signals_release();
	return command_run(commands, file, argv + optind);
}
