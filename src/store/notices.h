/*
 * notices: what is to be told by webhook: that so much of a budget is used. Each budget's
 * threshold is noted once a period, and kept until it was delivered. For the store's
 * thread.
 */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include "core/buf.h"
#include "quota/account.h"
#include "store/db.h"

/* The percentages, from the lowest. */
#define NOTICES_STEPS 3
extern const unsigned notices_percent[NOTICES_STEPS];

/* How many of the thresholds that use has reached: 0 to NOTICES_STEPS. */
unsigned notices_reached(const struct account_used *used);

/* Notes the first `steps` thresholds of the account's period, unless they were noted
 * before. ERR_IO with a note. */
enum err
notices_add(struct db *db, const struct account *a, const struct account_used *used,
    unsigned steps, uint64_t unix_ms, struct note *note) MUST_CHECK;

/* The notice that is due for longest: its id, and its body into `body`; id 0: none,
 * or another server tells them. ERR_IO. */
enum err notices_due(struct db *db, uint64_t unix_ms, uint64_t *ret_id, struct buf *body,
    struct note *note) MUST_CHECK;

/* It was delivered; or it was not, and is due again later, after ever longer spans, or is
 * given up after the last one (*ret_given_up). ERR_IO. */
enum err notices_told(struct db *db, uint64_t id, bool delivered, uint64_t unix_ms,
    bool *ret_given_up, struct note *note) MUST_CHECK;

#endif
