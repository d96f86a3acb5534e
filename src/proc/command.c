/* Finds a command by its word. */
#include "command.h"
#include "exit_status.h"

#include <stdio.h>
#include <string.h>

static const struct command *find(const struct command *c, const char *word)
{
	while (c->word != NULL && strcmp(c->word, word) != 0)
		c++;
	return c->word == NULL ? NULL : c;
}

int command_run(const struct command *table, const char *file, char **words)
{
	unsigned nr = 0;

	if (words[0] == NULL) {
		fprintf(stderr, "benren: a word is missing: see 'benren help'\n");
		return EXIT_USAGE;
	}
	const struct command *c = find(table, words[0]);
	if (c == NULL) {
		fprintf(stderr, "benren: there is no command '%s': see 'benren help'\n", words[0]);
		return EXIT_USAGE;
	}
	while (words[1 + nr] != NULL)
		nr++;
	if (nr > c->more) {
		/* not shown: it may be a receipt, or a secret */
		fprintf(stderr,
			"benren: %u word%s too many after '%s': a configuration is named with -c "
			"FILE; see 'benren help'\n",
			nr - c->more, nr - c->more == 1 ? "" : "s", c->word);
		return EXIT_USAGE;
	}
	return c->run(file, words + 1);
}
