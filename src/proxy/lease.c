/*
 * A request that finds the lease of a shared limit used up waits here until whoever lends
 * has answered, a few times at most; then it is admitted or refused by what there is.
 */
#include "proxy/request.h"

#include <stdlib.h>

#define WAIT_MS	 3000
#define ASKS_MAX 3 /* others may take what came for it */

struct lease_wait {
	struct lease_ask ask;
	struct request *request; /* NULL: it is gone */
	struct worker *worker;
	unsigned bits;	   /* of what is still to be asked */
	uint64_t until_ms; /* monotonic: it goes on without */
};

static void on_answer(struct lease_ask *ask);

/* Asks the next one; false when nobody is left. */
static bool
ask_next(struct lease_wait *w)
{
	const struct lenders *all = w->worker->lenders;
	struct lender l = {NULL, NULL};

	if ((w->bits & SHARE_MONEY) != 0)
		l = all->money;
	if (l.fn == NULL && (w->bits & SHARE_RATES) != 0)
		l = all->rates;
	w->bits = l.fn == all->money.fn ? w->bits & ~(unsigned)SHARE_MONEY : 0;
	if (l.fn != NULL)
		l.fn(l.arg, &w->ask);
	return l.fn != NULL;
}

static void
done(struct lease_wait *w)
{
	struct request *r = w->request;

	for (unsigned i = 0; i < w->ask.naccounts; i++)
		account_unref(w->ask.accounts[i]);
	free(w);
	if (r == NULL)
		return;
	r->lease = NULL;
	timer_stop(&r->timer);
	request_run(r);
}

static void
on_answer(struct lease_ask *ask)
{
	struct lease_wait *w = ask->arg;

	if (w->request == NULL || !ask_next(w))
		done(w);
}

/* What those accounts lack; the others are taken out of the list. */
static unsigned
lacking(struct request *r, struct account **accounts, unsigned *n,
    const struct account_ask *need)
{
	unsigned all = 0, count = 0;

	for (unsigned i = 0; i < *n; i++) {
		unsigned bits = account_lacks(
		    accounts[i], need, loop_now(r->worker->loop), r->start_unix_ms);

		if (bits != 0)
			accounts[count++] = accounts[i];
		all |= bits;
	}
	*n = count;
	return all;
}

/* Waits for a lease of what those accounts lack. */
static bool
ask_for(struct request *r, struct account **accounts, unsigned n,
    const struct account_ask *need)
{
	unsigned bits = lacking(r, accounts, &n, need);
	struct lease_wait *w = bits == 0 ? NULL : calloc(1, sizeof(*w));

	if (w == NULL)
		return false;
	*w = (struct lease_wait){
	    .ask = {.need = *need, .loop = r->worker->loop, .fn = on_answer, .arg = w},
	    .worker = r->worker,
	    .bits = bits};
	for (unsigned i = 0; i < n; i++)
		w->ask.accounts[w->ask.naccounts++] = account_ref(accounts[i]);
	r->leases++;
	if (!ask_next(w)) {
		done(w);
		return false;
	}
	w->request = r;
	w->until_ms = loop_now(r->worker->loop) + WAIT_MS;
	r->lease = w;
	timer_set(&r->timer, w->until_ms);
	return true;
}

/* Does it wait still? Not for ever: whoever lends may be stuck. */
static bool
is_waiting(struct request *r)
{
	if (r->lease != NULL && loop_now(r->worker->loop) >= r->lease->until_ms) {
		lease_drop(r);
		r->leases = ASKS_MAX;
	}
	return r->lease != NULL;
}

bool
lease_wait(struct request *r, const struct account_ask *need)
{
	if (is_waiting(r))
		return true;
	/* Others may have taken what came for it. */
	return r->worker->lenders != NULL && r->leases < ASKS_MAX &&
	       ask_for(r, (struct account *[]){r->key->account}, 1, need);
}

bool
lease_wait_route(struct request *r)
{
	struct account *all[LEASE_ACCOUNTS_MAX];
	struct account_ask need;
	unsigned n;

	if (is_waiting(r))
		return true;
	if (r->leased_route || r->worker->lenders == NULL)
		return false;
	r->leased_route = true;
	n = route_full(&r->plan, all, LEASE_ACCOUNTS_MAX, &need);
	return n > 0 && ask_for(r, all, n, &need);
}

void
lease_drop(struct request *r)
{
	if (r->lease != NULL)
		r->lease->request = NULL;
	r->lease = NULL;
}
