/*
 * drain: from the journal to the ledger. For the store's thread, and before it starts.
 *
 * Rows go to the ledger in the same transaction in which it is noted how far the
 * segment is drained; so each goes there once, whenever weir is killed. An intent that
 * outlives its segment by much moves into the store, so that long streams do not hold
 * up the removal of segments.
 */
#ifndef STORE_DRAIN_H
#define STORE_DRAIN_H

#include "store/journal.h"
#include "store/ledger.h"
#include "store/opens.h"

struct drain {
	struct ledger *ledger; /* with its database */
	struct journals *set;  /* NULL while recovering */
	struct opens opens;
	struct db_stmt *note, *forget, *keep,
	    *drop;	 /* on the tables journal and intent */
	struct buf text; /* scratch */
	size_t coming;	 /* intents of the batch under way */
};

/* Borrows the ledger. ERR_IO with a note. */
enum err drain_open(struct drain *d, struct ledger *ledger, struct note *note) MUST_CHECK;
void drain_close(struct drain *d);

/* What was found in the folder by drain_recover. */
struct drain_found {
	uint64_t rows, interrupted; /* that went to the ledger */
	uint64_t sequence;	    /* the first that is free */
};

/*
 * Takes over what an earlier run left in the folder of segments: rows that are not in
 * the ledger yet, and for each intent without one a row as INTERRUPTED; then removes
 * the files. ERR_IO or ERR_NOMEM with a note: all is as it was, or is gone on with by
 * the next call.
 */
enum err drain_recover(struct drain *d, const char *folder, struct drain_found *ret_found,
    struct note *note) MUST_CHECK;

/*
 * Takes what was appended up to now. ERR_IO or ERR_NOMEM with a note: what could not
 * be taken is there the next time.
 */
enum err drain_all(struct drain *d, struct note *note) MUST_CHECK;

/* Is all of it in the ledger? */
bool drain_is_dry(struct drain *d);

#endif
