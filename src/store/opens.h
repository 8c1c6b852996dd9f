/*
 * opens: the intents that are not settled yet, by their request's id.
 */
#ifndef STORE_OPENS_H
#define STORE_OPENS_H

#include "meter/row.h"

#include "core/err.h"

struct journal_segment;

struct open_intent {
	struct request_id id;		 /* rowid 0: an empty slot */
	struct journal_segment *segment; /* where it is; NULL: only in the store */
	size_t at;
	bool kept; /* it is in the store, perhaps an earlier state of it */
};

struct opens {
	struct open_intent *slots;
	size_t cap, count; /* slots (a power of two), entries */
};

void opens_init(struct opens *o);
void opens_free(struct opens *o);

/* Makes room for n more, so that the next n opens_put cannot fail. ERR_NOMEM. */
enum err opens_reserve(struct opens *o, size_t n) MUST_CHECK;

/* Puts it, or puts it anew; returns what it was before (rowid 0: it was not there).
 * What is kept stays so. There is room. */
struct open_intent opens_put(struct opens *o, struct open_intent entry);

/* The entry, until the next change, or NULL. */
struct open_intent *opens_find(const struct opens *o, struct request_id id);

/* Takes it out, if it is there; returns what it was. */
struct open_intent opens_take(struct opens *o, struct request_id id);

#endif
