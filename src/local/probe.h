/*
 * probe: one GET /health of an engine. For local/ only; one loop thread.
 */
#ifndef LOCAL_PROBE_H
#define LOCAL_PROBE_H

#include "net/upstream.h"

/* Embedded in its owner. */
struct probe {
	struct upstream_pool *pool;
	struct loop *loop;
	void (*fn)(void *arg, bool healthy);
	void *arg;
	struct upstream_wait wait;
	struct upstream *up; /* NULL: connecting, or not at work */
	struct host host;
	char name[16];
	struct timer timer; /* its time limit */
	char head[12];	    /* the reply's first bytes: "HTTP/1.1 200" */
	size_t len;
};

/* Makes one that is not at work. */
void probe_init(struct probe *p, struct loop *l, struct upstream_pool *pool,
    void (*fn)(void *arg, bool healthy), void *arg);

/* Asks 127.0.0.1:port and calls fn once, later: did it answer 200 within limit_ms? */
void probe_start(struct probe *p, uint16_t port, uint64_t limit_ms);

/* fn does not run any more. Legal at any time. */
void probe_stop(struct probe *p);

#endif
