/*
 * outbox: bytes from many threads to one that does slow things with them (the
 * log, the ledger). Producers append whole records under a short lock and never
 * wait; the consumer takes all there is at once. A ceiling bounds what is held.
 *
 * A record becomes visible to the consumer at the latest `linger_ms` after it
 * was put: the consumer sleeps that long on purpose, so that it wakes a few
 * times a second and not once a record.
 */
#ifndef CORE_OUTBOX_H
#define CORE_OUTBOX_H

#include "core/buf.h"

#include <pthread.h>

struct outbox {
	pthread_mutex_t lock;
	pthread_cond_t some; /* the consumer waits on it */
	struct buf fill;     /* producers append here; under `lock` */
	struct buf drain;    /* the consumer's */
	size_t max;	     /* ceiling of `fill`, bytes */
	unsigned linger_ms;
	bool *first;	    /* set by the first record, while the consumer waits for it */
	bool hurry, closed; /* do not linger; no more records */
};

/* ERR_NOMEM when the system has no lock to give. */
enum err outbox_init(struct outbox *o, size_t max, unsigned linger_ms) MUST_CHECK;
void outbox_done(struct outbox *o);

/* Appends n parts as one record, or nothing. False when it is full or closed. */
bool outbox_put(struct outbox *o, const struct slice *parts, unsigned n);

/* Is there room for `bytes` more? For those who can hold back beforehand. */
bool outbox_has_room(struct outbox *o, size_t bytes);

/*
 * Waits for records, at most wait_ms, and takes all: *ret is valid until the
 * next call, empty when the time ran out. False when the outbox was closed and
 * everything was taken. One consumer.
 */
bool outbox_take(struct outbox *o, unsigned wait_ms, struct slice *ret);

/* No more records; wakes the consumer, which still gets what there is. */
void outbox_close(struct outbox *o);

/* Was it closed? */
bool outbox_is_closed(struct outbox *o);

/* Lets the consumer take at once what there is, without lingering. */
void outbox_hurry(struct outbox *o);

#endif
