/*
 * benren receipt: verify checks a receipt as a business would, make-key makes a key that
 * signs them, public-keys shows what to check them with.
 */
#include "wx/receipt.h"
#include "base/clock.h"
#include "base/jwt.h"
#include "command.h"
#include "exit_status.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	ARENA_MAX = 1024 * 1024,
	PUBLIC_MAX = CONF_APPS_MAX * JWT_KEYS_MAX,
	DATE_SIZE = sizeof "2026-11-25",
	KID_RANDOM = 3, /* bytes: two keys of one day should not meet */
};

static enum err load(const char *file, struct conf **ret_conf)
{
	enum err err = conf_load(file, ret_conf);

	if (err != OK)
		conf_print_errors(*ret_conf);
	return err;
}

/* --- verify ------------------------------------------------------------------------ */

/* Standard input whole, but for blanks around it; empty if it is longer than a receipt. */
static struct str read_receipt(struct arena *a)
{
	const size_t most = JWT_MAX + 16;
	char *text = arena_alloc(a, most);
	size_t len = 0;
	ssize_t n;

	while (text != NULL && len < most && (n = read(STDIN_FILENO, text + len, most - len)) > 0)
		len += (size_t)n;
	return len == most ? STR_NONE : str_trim((struct str){ text, len });
}

static int verify(const char *file, char **words)
{
	struct arena a;
	struct conf *c;
	struct str text;
	int status = EXIT_CONFIG;

	(void)words;
	arena_init(&a, ARENA_MAX);
	if (load(file, &c) == OK) {
		enum err err =
			receipt_check(c, &a, read_receipt(&a), clock_wall_ms() / 1000, &text);
		status = err == OK ? EXIT_FINE : EXIT_FAILED;
		fprintf(err == OK ? stdout : stderr, "%s%.*s\n",
			err == OK ? "" : "benren: not a good receipt: ", (int)text.len, text.p);
	}
	conf_destroy(c);
	arena_finish(&a);
	return status;
}

/* --- make-key ---------------------------------------------------------------------- */

/* The day and something random, as 2026-11-25-a1b2c3: says which key is the older one. */
static struct str new_kid(struct arena *a)
{
	unsigned char random[KID_RANDOM];
	char day[DATE_SIZE], hex[2 * sizeof random + 1];
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	crypt_random(random, sizeof random);
	str_hex(hex, random, sizeof random);
	ensure(gmtime_r(&now, &tm) != NULL && strftime(day, sizeof day, "%F", &tm) > 0);
	return arena_printf(a, "%s-%s", day, hex);
}

static int print_key(struct arena *a, enum jwt_alg alg, struct str kid)
{
	struct secret jwk;

	if (jwt_make_key(a, alg, kid, &jwk) != OK) {
		fprintf(stderr, "benren: no key could be made\n");
		return EXIT_FAILED;
	}
	printf("%.*s\n", (int)jwk.len_, jwk.bytes_);
	if (fflush(stdout) == 0)
		return EXIT_FINE;
	fprintf(stderr, "benren: the key could not be written\n");
	return EXIT_FAILED;
}

static int make_key(const char *file, char **words)
{
	enum jwt_alg alg = jwt_alg_of(str_of(words[0]));
	struct arena a;

	(void)file;
	if (alg == JWT_ALG_NR) {
		fprintf(stderr, "benren: say for which algorithm: HS256 (the business holds the "
				"same key) or ES256 (it holds the public half)\n");
		return EXIT_USAGE;
	}
	arena_init(&a, ARENA_MAX);
	struct str kid = words[1] == NULL ? new_kid(&a) : str_of(words[1]);
	int status = EXIT_USAGE;
	if (jwt_kid_ok(kid))
		status = print_key(&a, alg, kid);
	else
		fprintf(stderr, "benren: a kid is 1 to %d letters, digits, dots, - and _\n",
			JWT_KID_MAX);
	arena_finish(&a);
	return status;
}

/* --- public-keys ------------------------------------------------------------------- */

static bool is_among(const struct str *keys, unsigned nr, struct str key)
{
	for (unsigned i = 0; i < nr; i++)
		if (str_eq(keys[i], key))
			return true;
	return false;
}

/* The public keys of all apps, each once, as two apps may share a file. */
static unsigned collect(const struct conf *c, struct arena *a, struct str *keys)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < c->app_nr; i++) {
		const struct jwt_keys *k = c->apps[i].receipt.keys;
		for (unsigned n = 0; k != NULL && n < jwt_keys_nr(k); n++) {
			struct str key = jwt_keys_public(k, n, a);
			if (key.len > 0 && !is_among(keys, nr, key))
				keys[nr++] = key;
		}
	}
	return nr;
}

static int public_keys(const char *file, char **words)
{
	static struct str keys[PUBLIC_MAX];
	struct arena a;
	struct conf *c;
	int status = EXIT_CONFIG;

	(void)words;
	arena_init(&a, (size_t)PUBLIC_MAX * JWT_KEY_FILE);
	if (load(file, &c) == OK) {
		unsigned nr = collect(c, &a, keys);
		fputs("{\"keys\":[", stdout);
		for (unsigned i = 0; i < nr; i++)
			printf("%s%.*s", i == 0 ? "" : ",", (int)keys[i].len, keys[i].p);
		puts("]}");
		status = EXIT_FINE;
	}
	conf_destroy(c);
	arena_finish(&a);
	return status;
}

int receipt_command(const char *file, char **words)
{
	static const struct command commands[] = {
		{ "verify", 0, verify },
		{ "make-key", 2, make_key },
		{ "public-keys", 0, public_keys },
		{ NULL, 0, NULL },
	};

	return command_run(commands, file, words);
}
