/*
 * spent: what the ledger says that an account spent, corrections included. For the
 * store's thread and for commands.
 */
#ifndef STORE_SPENT_H
#define STORE_SPENT_H

#include "quota/account.h"
#include "store/db.h"

/* Whose requests are summed. */
struct spent_scope {
	enum account_level level;
	struct slice name;
	struct slice models; /* of a pattern (quota/rule.h) alone; empty: all */
	uint64_t from_ms;    /* begun since then */
	int64_t instance;    /* answered by that server; 0: by any */
	bool corrected;	     /* only what corrections behind `after` add */
	int64_t after;
};

/* The sum in pico-USD. ERR_IO with a note, ERR_NOMEM. */
enum err spent_sum(struct db *db, const struct spent_scope *scope, int64_t *ret_pusd,
    struct note *note) MUST_CHECK;

/* The sums of each server, in any order; of one there may be several. ERR_IO with a note,
 * ERR_NOMEM. */
typedef void spent_fn(void *arg, int64_t instance, int64_t pusd);
enum err spent_each(struct db *db, const struct spent_scope *scope, spent_fn *fn,
    void *arg, struct note *note) MUST_CHECK;

/* The newest correction's id; 0 when there is none. ERR_IO with a note. */
enum err
spent_last_correction(struct db *db, int64_t *ret_id, struct note *note) MUST_CHECK;

#endif
