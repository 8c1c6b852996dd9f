/*
 * accounts: the accounts that are being counted, by level and name: what the store's
 * thread makes out of accountdb's rows, again at each change, without losing what was
 * counted.
 */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include "store/accountdb.h"
#include "store/ownkeys.h"

struct accounts;

/* Reads them all. `old` (may be NULL) gives the accounts that go on to be counted, and
 * is freed, but on failure. In a transaction of the caller's, so that it is one state.
 * ERR_IO with a note, ERR_NOMEM. */
struct accounts_source {
	struct db *db;
	int64_t instance; /* whose requests count, where budgets are leased; 0: all do */
	const struct sealer *sealer;
};
enum err accounts_load(const struct accounts_source *from, uint64_t unix_ms,
    struct accounts *old, struct accounts **ret, struct note *note) MUST_CHECK;
void accounts_free(struct accounts *a);

/* The key's account and what it may do; NULL when it has no row. Borrowed. */
struct account *accounts_of_key(
    const struct accounts *a, struct slice name, const struct key_rules **ret_rules);

/* The keys that the team of that account brought for providers, with a reference; NULL:
 * none. */
struct own_keys *accounts_own(const struct accounts *a, struct account *account);

/* Leases more of the budgets of that account and of those above it (leases.h). ERR_IO
 * with a note. */
enum err accounts_lease(struct accounts *a, const struct accounts_source *from,
    struct account *account, const struct account_ask *need,
    struct note *note) MUST_CHECK;

/*
 * A budget that was set is counted once more when all loop threads know of it. True: some
 * are to be; then the journal is drained, and accounts_recount() called. ERR_IO with a
 * note: they stay to be done.
 */
bool accounts_mark(struct accounts *a);
enum err accounts_recount(
    struct accounts *a, const struct accounts_source *from, struct note *note) MUST_CHECK;

/* Did a credit that is shared expire since they were read? Then they are read again. */
bool accounts_expire(const struct accounts *a, uint64_t unix_ms);

/* Looks after all leases. ERR_IO with a note. */
enum err accounts_look(
    struct accounts *a, const struct accounts_source *from, struct note *note) MUST_CHECK;

/* Notes each threshold of a budget that was reached since the last call (notices.h).
 * ERR_IO with a note: the rest is noted by the next call. */
enum err accounts_notice(struct accounts *a, const struct accounts_source *from,
    uint64_t unix_ms, struct note *note) MUST_CHECK;

#endif
