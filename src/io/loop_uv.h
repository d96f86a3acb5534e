/*
 * loop_uv.h - libuv's loop behind ours, for the rest of io/.
 */
#ifndef LOOP_UV_H
#define LOOP_UV_H

#include "io/loop.h"

#include <uv.h>

uv_loop_t *loop_uv(struct loop *l);

/* Another number in each turn of the loop; deferred tasks are the end of a turn. */
uint64_t loop_turn(const struct loop *l);

#endif
