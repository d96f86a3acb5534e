/*
 * conf_keys.h - the table of configuration keys, shared by conf.c and its tests.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "base/conf.h"

enum conf_type {
	CONF_BOOL,     /* bool */
	CONF_INT,      /* int, min..max */
	CONF_TEXT,     /* const char * */
	CONF_PATH,     /* const char *; relative paths are beside the configuration file */
	CONF_CHOICE,   /* int: index in choices */
	CONF_TEXTS,    /* const char *const *: an array of texts */
	CONF_PATHS,    /* the same, of paths */
	CONF_BUDGET,   /* struct conf_budget */
	CONF_NETWORKS, /* struct net_list: an array of texts; "unix:" stands for Unix sockets */
};

struct conf_key {
	const char *name; /* "wechat.total_ms" */
	enum conf_type type;
	size_t offset;              /* in struct conf or struct conf_app */
	const char *def;            /* JSON; NULL: must be given */
	int min, max;               /* CONF_INT */
	const char *const *choices; /* CONF_CHOICE; NULL-terminated */
	const char *help;
};

extern const struct conf_key conf_keys[]; /* both end with a row without name */
extern const struct conf_key conf_app_keys[];

#endif
