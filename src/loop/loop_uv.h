/*
 * loop_uv: the libuv loop under a loop, for the modules that talk to libuv
 * themselves (net/, local/). Nobody else includes this.
 */
#ifndef LOOP_LOOP_UV_H
#define LOOP_LOOP_UV_H

#include "loop/loop.h"

#include <uv.h>

uv_loop_t *loop_uv(struct loop *l);

/* The bytes into which this thread reads from sockets; valid within one callback. */
#define LOOP_READ_BYTES (64u << 10)
char *loop_read_space(struct loop *l);

#endif
