/*
 * upstream: kept-alive connections to providers.
 *
 * A proxy first asks for a warm connection with upstream_take(), which gives it
 * at once or not at all, else for a new one with upstream_connect(): DNS, TCP to
 * one address after the other, TLS. It reads and writes through
 * upstream_stream(), then gives the connection back once the reply was read to
 * its end, or drops it. One pool a loop thread; nothing is shared between
 * threads.
 *
 * Not here: HTTP (http/), retries and the choice of the host (route/, proxy/).
 */
#ifndef NET_UPSTREAM_H
#define NET_UPSTREAM_H

#include "net/stream.h"
#include "net/tls.h"

struct upstream;      /* one connection */
struct upstream_pool; /* of one thread */

/* Where to connect. Belongs to a configuration; immutable. */
struct host {
	char *name; /* DNS name or address, terminated */
	uint16_t port;
	struct tls_context *tls; /* NULL: plain */
};

struct upstream_limits {
	uint64_t connect_ms, tls_ms; /* spans */
	uint64_t idle_ms;	     /* how long a given-back connection is kept */
	unsigned idle_max;	     /* and how many a host */
};

#define UPSTREAM_WHY_MAX 192

/* Embedded in the asker while a connection is being made. */
struct upstream_wait {
	void (*fn)(void *arg, struct upstream *up, enum err why);
	void *arg;
	struct upstream *up;	    /* the one being made; the pool's */
	char why[UPSTREAM_WHY_MAX]; /* on failure, a sentence for people */
};

/* NULL when out of memory. Borrows the limits (may change between calls). */
struct upstream_pool *
upstream_pool_new(struct loop *l, const struct upstream_limits *limits);

/* Closes what is idle; the rest must have been given back or dropped. */
void upstream_pool_free(struct upstream_pool *p);

/* An idle connection to the host, which the caller now owns, or NULL. */
struct upstream *upstream_take(struct upstream_pool *p, const struct host *host);

/*
 * Makes a new connection; calls wait->fn(wait->arg, ...) once, later: with a
 * connection that the caller now owns, or NULL and why. Borrows host until then.
 * upstream_cancel() is legal until fn ran, and fn then does not run.
 * Errors to fn: ERR_DNS, ERR_CONNECT, ERR_CONNECT_TIMEOUT, ERR_TLS.
 * Returns ERR_NOMEM when fn will not run.
 */
enum err upstream_connect(struct upstream_pool *p, const struct host *host,
    struct upstream_wait *wait) MUST_CHECK;
void upstream_cancel(struct upstream_wait *wait);

/*
 * The same to a host that a stranger named: nothing of it is kept, neither connection nor
 * name nor session. With public_only no other address is connected to than one that is
 * public (address.h): it is looked at last of all, so that no answer of a name server can
 * be exchanged behind it. Dropped, never given back.
 */
enum err upstream_connect_once(struct upstream_pool *p, const struct host *host,
    bool public_only, struct upstream_wait *wait) MUST_CHECK;

/* Its bytes; the caller attends it. Never closed by the caller. */
struct stream *upstream_stream(struct upstream *up);

/* Was it used before? A failure on its first write may be staleness. */
bool upstream_is_reused(const struct upstream *up);

/* Keeps it for the next request. Nothing may be under way on it. */
void upstream_give(struct upstream *up);

/* Closes it. */
void upstream_drop(struct upstream *up);

/* Idle connections now, over all hosts. */
unsigned upstream_idle_count(const struct upstream_pool *p);

#endif
