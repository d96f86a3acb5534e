/*
 * command.h - the words of a command line: `benren check`, `benren receipt verify`.
 */
#ifndef COMMAND_H
#define COMMAND_H

struct command {
	const char *word; /* NULL ends the table */
	unsigned more;    /* words that may follow it */

	/* file: the configuration; words: those that follow, NULL behind.  Gives the exit status.
	 */
	int (*run)(const char *file, char **words);
};

/* Runs the command that words[0] names, or says what is wrong with the words. */
int command_run(const struct command *table, const char *file, char **words);

/* Those with a file of their own: their `run`. */
int audit_command(const char *file, char **words);   /* verify [FILE] */
int receipt_command(const char *file, char **words); /* verify | make-key ALG [KID] | public-keys */

#endif
