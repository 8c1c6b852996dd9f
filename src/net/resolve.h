/*
 * resolve: host names to addresses, by the system's resolver on libuv's
 * threads. Answers are kept for a moment, and longer when the resolver fails.
 * One cache a loop thread. For net/ only.
 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "loop/loop.h"
#include "net/address.h"

#define RESOLVE_MAX 8 /* addresses kept of one name */

struct resolver;

struct resolved {
	unsigned count;
	struct address at[RESOLVE_MAX]; /* port 0 */
};

/* Embedded in the asker. */
struct resolve_wait {
	struct link link;
	void (*fn)(void *arg, enum err why, const struct resolved *r);
	void *arg;
};

/* NULL when out of memory. */
struct resolver *resolver_new(struct loop *l);
void resolver_free(struct resolver *r);

/*
 * Calls wait->fn once, later, with the addresses (valid during the call) or
 * ERR_DNS. Borrows `name` for the call. ERR_NOMEM: fn does not run.
 */
enum err
resolve(struct resolver *r, const char *name, struct resolve_wait *wait) MUST_CHECK;

/* The same for a name that is not kept: it was given by a stranger, and of those there
 * is no end. */
enum err
resolve_once(struct resolver *r, const char *name, struct resolve_wait *wait) MUST_CHECK;

/* wait->fn does not run. */
void resolve_cancel(struct resolve_wait *wait);

/* The addresses, when they are known without asking. */
const struct resolved *resolve_known(struct resolver *r, const char *name);

#endif
