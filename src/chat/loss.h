/*
 * loss: what of a request has no equivalent where it goes. Writers name each such
 * thing; whoever asked them to write decides whether that is refused or told.
 */
#ifndef CHAT_LOSS_H
#define CHAT_LOSS_H

#include "core/arena.h"
#include "core/slice.h"

#define LOSSES_MAX 32

struct losses {
	struct arena *arena; /* of the names */
	unsigned count;
	struct slice path[LOSSES_MAX]; /* as the caller wrote it */
	bool more;		       /* than could be kept */
	struct slice needed; /* one of them: without it the rest means something else */
};

/* Notes a path (borrowed), once. */
void losses_add(struct losses *l, struct slice path);

/* The same, formatted. */
void losses_addf(struct losses *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
