/*
 * account_parts: what an account is made of, for the files that do its arithmetic. What
 * stands here is called under the account's lock. For quota/ only.
 */
#ifndef QUOTA_ACCOUNT_PARTS_H
#define QUOTA_ACCOUNT_PARTS_H

#include "quota/account.h"

#include <pthread.h>
#include <stdatomic.h>

#define UNKNOWN INT64_MIN /* PRICE_UNKNOWN */

/* What is left of a limit for each minute; it fills steadily. May be below zero: what a
 * request took is known after it was let in. */
struct bucket {
	int64_t left;	/* of a shared one: what is leased */
	uint64_t at_ms; /* monotonic; 0: was never used, and is full */
	/* Of a shared one. */
	int64_t before; /* left, when it was last looked at */
	int64_t level;	/* what there was for all at the last answer */
	int64_t asked;	/* for requests, since the last look */
};

struct account {
	atomic_uint refs;
	uint64_t id;
	enum account_level level;
	char *name;
	struct account *parent;

	pthread_mutex_t lock; /* all that follows */
	struct account_limits limits;
	uint64_t from_ms, until_ms; /* the budget's period */
	int64_t spent, reserved;    /* pico-USD; reserved also by requests of before */
	int64_t since;		    /* what was spent since account_mark() */
	int64_t running;
	struct bucket rate[RATES];
	int64_t rest;	 /* of a shared budget: granted to nobody, as seen last */
	int64_t granted; /* of a shared budget, in the period */
	int64_t slots;	 /* of shared concurrent requests */
	struct account_lot *lots; /* paid beforehand */
	unsigned nlots;
	int64_t debt;		/* what requests cost beyond them */
	struct account **parts; /* budgets for some models alone */
	unsigned nparts;
	struct lease_state lease;
	struct notice_state notice;
	/* Of shared rates: looks in a row at which nothing had been taken, and since a
	 * request asked. */
	unsigned still, quiet;
	int64_t slots_asked; /* of shared concurrent requests, in all */
	char *models;	     /* of a part: for which; does not change */
};

/* The period of now; what was spent in one that is over does not count. */
void account_turn(struct account *a, uint64_t unix_ms);

/* What this process may still spend of the budget; INT64_MAX: there is none. */
int64_t account_budget_left(const struct account *a);

/* QUOTA_NONE: there is none. */
static inline int64_t
account_limit_of(const struct account_limits *l, enum account_rate k)
{
	switch (k) {
	case RATE_REQUESTS: return l->requests_min;
	case RATE_TOKENS: return l->tokens_min;
	case RATE_MONEY: return l->pusd_min;
	case RATE_INPUT: return l->input_min;
	case RATE_OUTPUT: return l->output_min;
	default: return QUOTA_NONE;
	}
}

/* Is that shared? */
bool account_shares(enum account_share what);

/* Do its limits by the minute come by leases, which do not fill by themselves? */
bool account_is_leased(void);

/* Is there room for n? One that is larger than all there is may come alone. */
bool account_fits(struct account *a, enum account_rate k, int64_t n, uint64_t now_ms,
    uint64_t *ret_wait_ms);
bool account_has_slot(const struct account *a);

/* What a request takes out of a bucket; no request has more than that holds. */
static inline int64_t
account_amount(const struct account_ask *ask, enum account_rate k)
{
	uint64_t n;

	switch (k) {
	case RATE_REQUESTS: return 1;
	case RATE_TOKENS: n = ask->input_tok + ask->output_tok; break;
	case RATE_INPUT: n = ask->input_tok; break;
	case RATE_OUTPUT: n = ask->output_tok; break;
	default: return ask->pusd == UNKNOWN ? 0 : ask->pusd;
	}
	return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

#endif
