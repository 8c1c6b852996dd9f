/*
 * shared: what several weir processes know and count together, through one Redis or
 * Valkey: limits by the minute, requests at a time, breakers, and what was learnt of
 * providers. A thread of its own talks to the server; no request waits for it but one
 * that finds the lease of a limit used up, and that no longer than shared.timeout.
 *
 *	requests --- lease_ask ---> shared.c --- one script for each account ---> Redis
 *	         <------ mail -----
 *
 * Money is not here: what is leased of budgets is in the database (store/), which keeps
 * it over the end of everything.
 *
 * When the server cannot be reached, each process has a share of each limit to itself
 * (shared.alone), and asks again soon. Nothing in the server is wanted after it was
 * emptied: buckets begin full, and slots are told anew within a second.
 */
#ifndef SHARED_SHARED_H
#define SHARED_SHARED_H

#include "quota/lender.h"
#include "shared/redis.h"

struct shared;

struct shared_options {
	struct redis_place place;
	uint64_t timeout_ms;	 /* of the server's answers */
	unsigned alone_permille; /* of a limit, while it cannot be reached */
};

/* Starts the thread; the server need not be there. ERR_NOMEM. */
enum err
shared_start(const struct shared_options *o, struct shared **ret_shared) MUST_CHECK;

/* Gives back what is leased, answers those who still ask, ends the thread. */
void shared_stop(struct shared *s);

/* Who lends what is counted by the minute. */
struct lender shared_lender(struct shared *s);

/* Can the server be reached? Any thread. */
bool shared_is_well(const struct shared *s);

#endif
