/*
 * leases: the parts of budgets that this process may spend, where several processes share
 * one database. What all of them have been granted of a budget in a period, and what each
 * has, only grows, by guarded sums; so together they never pass it, whoever dies when. A
 * process that ends keeps what it had and finds it again when it is back.
 *
 * For the store's thread.
 */
#ifndef STORE_LEASES_H
#define STORE_LEASES_H

#include "quota/lender.h"
#include "store/db.h"

/*
 * Leases what is needed for the account, and something ahead of it, as far as there is
 * something left; nothing when that is less than the least that would do. NULL: what is
 * used already. ERR_IO with a note: nothing is known to have changed.
 */
enum err leases_draw(struct db *db, int64_t instance, struct account *a,
    const struct account_ask *need, struct note *note) MUST_CHECK;

/* Once a turn: asks for more where it soon is used up, gives back what nobody uses. */
enum err leases_look(
    struct db *db, int64_t instance, struct account *a, struct note *note) MUST_CHECK;

#endif
