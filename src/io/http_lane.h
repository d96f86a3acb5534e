/*
 * http_lane.h - many transfers at once on libcurl's multi handles.
 *
 * A lane is one multi handle with its connections.  libcurl looks for a connection
 * by walking all of a multi's, so there are several of few transfers each; they
 * come with load and go once their connections are too old to be used again.
 */
#ifndef HTTP_LANE_H
#define HTTP_LANE_H

#include "io/loop.h"

#include <curl/curl.h>

enum {
	LANE_JOBS = 32,
	LANE_IDLE_SECONDS = 15, /* WeChat closes an idle connection after 20 */
};

struct lanes;
struct lane;

/* One transfer, embedded in what it is for.  libcurl's "private" pointer is this. */
struct lane_job {
	CURL *easy;
	void (*ended)(struct lane_job *, CURLcode result);
	struct lane *lane; /* NULL: not under way */
	int fd;            /* with opened: the connection's */
	bool opened;       /* a connection was made for it, none reused */
	bool no_room;      /* none could be made: the system has no descriptor or memory left */
	bool sealed;       /* set by the owner: no connection must be made any more */
};

struct lanes *lanes_create(struct loop *l);

/* Closes all connections.  No job may be under way. */
void lanes_destroy(struct lanes *all);

/* ended() is called once, later, outside of libcurl; the job may then be added again. */
void lanes_add(struct lanes *all, struct lane_job *job);

/* Closes lanes not used for LANE_IDLE_SECONDS; done by itself every 10 seconds. */
void lanes_tidy(struct lanes *all);

/* Breaks it off; ended() is not called. */
void lanes_remove(struct lane_job *job);

/*
 * Something came on a connection that nothing was asked on.  Counts it, and says so in
 * the log, once a minute at most: some gateway has sent one answer too many.
 */
void lanes_out_of_turn(struct lanes *all);

#endif
