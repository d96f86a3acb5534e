/* Proves the structure of a pool's segment and prints what is in it, as JSON. */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct store_shm_conf conf = { 0 };
	struct store_stats stats;
	struct store *store;
	const char *why;

	if (argc != 3) {
		fprintf(stderr, "usage: check_segment FILE SESSIONS\n");
		return 2;
	}
	conf.segment = argv[1];
	conf.sessions = (unsigned)strtoul(argv[2], NULL, 10);
	if (store_open_shm(&conf, &store, &why) != OK) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	why = store_check(store);
	store_stats(store, &stats);
	store_close(store);
	if (why != NULL) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	printf("{\"sessions\":%" PRIu64 ",\"keys\":%" PRIu64 ",\"claims\":%" PRIu64
	       ",\"tokens\":%" PRIu64 ",\"owner_died\":%" PRIu64 ",\"undone\":%" PRIu64 "}\n",
	       stats.used[STORE_SESSION], stats.used[STORE_KEY], stats.used[STORE_CLAIM],
	       stats.used[STORE_TOKEN], stats.owner_died, stats.undone);
	return 0;
}
