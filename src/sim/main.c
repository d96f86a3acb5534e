/* benren-sim: WeChat's face verification, played on this machine. */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_why(enum err err, const char *keep)
{
	if (err == ERR_SYSTEM)
		fprintf(stderr, "benren-sim: cannot keep a CA in %s: %s\n", keep, strerror(errno));
	else if (err == ERR_SYNTAX)
		fprintf(stderr,
			"benren-sim: %s is no CA with its key: remove it, and a new one is made; "
			"then restart who trusts the old one\n",
			keep);
	else
		fputs("benren-sim: OpenSSL could not make a certificate\n", stderr);
}

static bool make_tls(struct tls_files *ret_tls, const char *keep, const char *ca_out)
{
	enum err err = tls_create(ret_tls, keep);

	if (err != OK) {
		say_why(err, keep);
		return false;
	}
	if (tls_write_ca(ret_tls, ca_out) == OK)
		return true;
	fprintf(stderr, "benren-sim: cannot write %s: %s\n", ca_out, strerror(errno));
	tls_destroy(ret_tls);
	return false;
}

int main(int argc, char **argv)
{
	static struct sim sim;
	struct options options;
	struct listening listening;
	struct tls_files tls;
	int end = options_parse(&options, argc, argv);

	if (end >= 0)
		return end;
	/* First, so that a second start does not spoil the CA file of the running one. */
	if (!listen_open(&listening, options.listen, options.any_address))
		return EXIT_FAILURE;
	if (!make_tls(&tls, options.ca_keep, options.ca_out))
		return EXIT_FAILURE;
	sim_init(&sim, &options);
	bool served = server_run(&sim, &tls, &listening);
	sim_finish(&sim);
	tls_destroy(&tls);
	return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
