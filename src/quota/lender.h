/*
 * lender: whom a process asks for more of a limit that it shares with others. The store
 * lends money, shared/ what is counted by the minute.
 */
#ifndef QUOTA_LENDER_H
#define QUOTA_LENDER_H

#include "loop/loop.h"
#include "quota/account.h"

/* What a request wants leased; heap memory of the asker. */
#define LEASE_ACCOUNTS_MAX 8
struct lease_ask {
	struct account
	    *accounts[LEASE_ACCOUNTS_MAX]; /* each with those above; references */
	unsigned naccounts;
	struct account_ask need;
	struct loop *loop;
	void (*fn)(struct lease_ask *a); /* then, on the loop's thread, whatever came */
	void *arg;
	struct mail mail;
	struct lease_ask *next; /* of the lender's */
};

/* Posts the mail: what could be had, the accounts have. */
void lender_answer(struct lease_ask *a);

/* Tries to lease it, and answers soon, also when it cannot. Any thread. */
typedef void lender_fn(void *lender, struct lease_ask *a);

struct lender {
	lender_fn *fn; /* NULL: there is none */
	void *arg;
};

/* Who lends what; the same for all threads. */
struct lenders {
	struct lender money, rates;
};

#endif
