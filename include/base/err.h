/*
 * err.h - why a call of ours did not work.
 *
 * One list for all layers.  What the world should be told about it is decided
 * further up: wx/codes.h and web/reply.h hold the rows for clients.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*        id              text for logs */
#define ERR_LIST(X)                                                          \
	X(OK, "ok")                                                          \
	X(ERR_NOMEM, "out of memory, or over a limit of ours")               \
	X(ERR_SYNTAX, "malformed")                                           \
	X(ERR_TOO_LARGE, "larger than the limit")                            \
	X(ERR_NOT_FOUND, "not there")                                        \
	X(ERR_CONFLICT, "changed by somebody else meanwhile")                \
	X(ERR_FULL, "no room left")                                          \
	X(ERR_BUSY, "lock not had in time")                                  \
	X(ERR_TIMEOUT, "no answer in time")                                  \
	X(ERR_CONNECT, "no connection, nothing was sent")                    \
	X(ERR_LOST, "connection lost after sending: may have been executed") \
	X(ERR_TLS, "the server's certificate or TLS is not acceptable")      \
	X(ERR_REFUSED, "refused")                                            \
	X(ERR_SYSTEM, "the system refused a call")                           \
	X(ERR_VERSION, "made by another version")                            \
	X(ERR_MOVED, "carried over to another place")

#define ERR_ENUM_ROW(id, text) id,
enum err { ERR_LIST(ERR_ENUM_ROW) ERR_NR };
#undef ERR_ENUM_ROW

const char *err_text(enum err err);

#endif
