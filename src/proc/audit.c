/* benren audit verify: is an audit file as it was written? */
#include "base/audit.h"
#include "base/conf.h"
#include "command.h"
#include "exit_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The pool's own key: a new one, as a worker would make, fits no line. */
static struct crypt *open_key(const struct conf *c)
{
	unsigned char key[CRYPT_KEY_SIZE];
	const char *why;

	if (access(c->key_file, F_OK) != 0) {
		fprintf(stderr,
			"benren: the key_file %s does not exist: lines can only be verified with "
			"the key that they were written with\n",
			c->key_file);
		return NULL;
	}
	if (conf_pool_key(c, key, &why) != OK) {
		fprintf(stderr, "benren: %s\n", why);
		return NULL;
	}
	struct crypt *crypt = crypt_create(key);
	explicit_bzero(key, sizeof key);
	return crypt;
}

static void print_repeats(const char *file, const struct audit_report *r)
{
	for (size_t i = 0; i < r->repeat_nr; i++)
		printf("%s: line %" PRIu64 " does not count, line %" PRIu64
		       " does: a verdict of the same session, given again after a worker was "
		       "killed before it settled the first\n",
		       file, r->repeats[i].line, r->repeats[i].counts);
}

static int print_report(const char *file, const struct audit_report *r)
{
	if (r->torn > 0)
		printf("%s: line %" PRIu64 " is torn: a write was cut off, or its end was changed "
		       "(%" PRIu64 " such lines)\n",
		       file, r->first_torn, r->torn);
	if (r->wrong > 0)
		printf("%s: line %" PRIu64 " %s\n", file, r->wrong, r->what);
	else if (r->torn > 0)
		printf("%s: the other lines are chained, %" PRIu64 " in all\n", file, r->lines);
	else
		printf("%s: %" PRIu64 " line%s, chained\n", file, r->lines,
		       r->lines == 1 ? "" : "s");
	if (r->wrong == 0)
		print_repeats(file, r);
	return r->wrong > 0 || r->torn > 0 ? EXIT_FAILED : EXIT_FINE;
}

static int verify(const char *path, const struct conf *c)
{
	struct audit_report report;

	if (path[0] == '\0') {
		fprintf(stderr, "benren: %s names no audit.file: say which file to verify\n",
			c->file);
		return EXIT_CONFIG;
	}
	struct crypt *crypt = open_key(c);
	if (crypt == NULL)
		return EXIT_CONFIG;
	enum err err = audit_verify(path, crypt, &report);
	crypt_destroy(crypt);
	if (err == OK)
		return print_report(path, &report);
	fprintf(stderr, "benren: %s cannot be read: %s\n", path,
		err == ERR_NOT_FOUND ? "it does not exist"
				     : "see whether it is a file, and who may read it");
	return EXIT_FAILED;
}

static int verify_file(const char *file, char **words)
{
	struct conf *c;
	int status = EXIT_CONFIG;

	if (conf_load(file, &c) != OK)
		conf_print_errors(c);
	else
		status = verify(words[0] == NULL ? c->audit.file : words[0], c);
	conf_destroy(c);
	return status;
}

int audit_command(const char *file, char **words)
{
	static const struct command commands[] = {
		{ "verify", 1, verify_file },
		{ NULL, 0, NULL },
	};

	return command_run(commands, file, words);
}
