/*
 * commands.h - what `benren WORD` runs, where it has a file of its own.
 *
 * argv[0] is the word, file the configuration; returns the exit status.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "base/conf.h"

#include <stdbool.h>

/* audit verify [FILE]: exit 0 only if the file is chained from its first line to its last. */
int command_audit(int argc, char **argv, const char *file);

/* More words than that?  Says which one. */
bool command_too_long(int argc, char **argv, int most);

/* What is wrong with a configuration, on standard error. */
void command_print_errors(const struct conf *c);

#endif
