/*
 * queue: requests that a limit by the minute or of requests at a time refuses wait here
 * until there is room, up to a deadline (limits.queue).
 *
 * What waits for the same is a line: for a limit above a key, or for any provider of a
 * model. In a line the keys take turns, and each key's requests keep their order. The
 * first ones are tried again whenever something that was counted has ended, on whichever
 * thread, and when the limit said that it would have room. Trying is running the
 * request's step again, which comes back here if it is refused again.
 *
 * A queue a thread: what ends wakes those of all threads that have somebody waiting.
 * Not here: why a request is refused, and what it is told then.
 */
#ifndef PROXY_QUEUE_H
#define PROXY_QUEUE_H

#include "core/list.h"
#include "loop/loop.h"

#include <stdatomic.h>

struct request;
struct worker;
struct queue_turn;

/* Of a thread. */
struct queue {
	struct link lines;
	unsigned count;	      /* who waits */
	unsigned served;      /* lines that are being tried */
	atomic_bool anybody;  /* waits, or is tried: for other threads */
	struct mail mail;     /* that wakes it */
	atomic_bool is_awake; /* the mail is under way */
};

/* Of a request; zero at first. */
struct queue_place {
	struct link link;
	struct queue_turn *turn; /* NULL: it does not wait */
	uint64_t until_ms;	 /* the deadline; 0: it never waited */
	bool was_first;		 /* it was tried again: and keeps its place */
};

void queue_init(struct worker *w);

/*
 * It was refused. `what` names the line: a limit above its key, or with in_turn false a
 * model. It may have room in retry_ms (0: nobody knows). True: it waits, and its step
 * runs again. False: it is to be refused.
 */
bool queue_wait(struct request *r, const void *what, bool in_turn, uint64_t retry_ms);

/* For a step that may run while it waits: is there nothing to do? Behind others of its
 * key one waits without a try. */
bool queue_holds(struct request *r);

/* It waits no more; does nothing when it does not. */
void queue_leave(struct request *r);

/* Something that was counted has ended on the worker's thread. */
void queue_wake(struct worker *w);

/* Tries all for the last time: who is still refused is told so. */
void queue_stop(struct worker *w);

#endif
