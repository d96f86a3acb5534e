/*
 * options.h - the command line of benren-sim.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { OPTIONS_APPS = 16 };

struct credentials {
	const char *appid, *secret;
};

struct options {
	const char *listen; /* HOST:PORT or [HOST]:PORT */
	const char *ca_out;
	const char *ca_keep; /* NULL: a new CA each time */
	int64_t delay_ms, key_lifetime_s, token_lifetime_s;
	bool any_address, verbose;
	struct credentials apps[OPTIONS_APPS];
	unsigned app_count;
};

/*
 * The texts stay where argv has them.  -1: go on.  Otherwise the exit code, and
 * everything there is to say has been said.
 */
int options_parse(struct options *ret_o, int argc, char **argv);

#endif
