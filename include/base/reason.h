/*
 * reason.h - how an answer turned out, for the user and for programs.
 *
 * Rows of this type stand in web/reply.h (what is wrong with a request) and in
 * wx/codes.h (what became of a face check).
 */
#ifndef BASE_REASON_H
#define BASE_REASON_H

struct reason {
	int status;          /* HTTP status, and `ec` */
	const char *word;    /* stable, for programs */
	const char *zh, *en; /* for the user */
};

#endif
