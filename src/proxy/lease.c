/*
 * A request that finds the lease of a shared limit used up waits here until whoever lends
 * has answered, once; then it is admitted or refused by what there is.
 */
#include "proxy/request.h"

#include <stdlib.h>

struct lease_wait {
	struct lease_ask ask;
	struct request *request; /* NULL: it is gone */
	struct worker *worker;
	unsigned bits; /* of what is still to be asked */
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

	account_unref(w->ask.account);
	free(w);
	if (r == NULL)
		return;
	r->lease = NULL;
	r->leased = true;
	request_run(r);
}

static void
on_answer(struct lease_ask *ask)
{
	struct lease_wait *w = ask->arg;

	if (w->request == NULL || !ask_next(w))
		done(w);
}

bool
lease_wait(struct request *r, const struct account_ask *need)
{
	struct account *a = r->key->account;
	struct lease_wait *w;
	unsigned bits;

	if (r->lease != NULL)
		return true;
	if (r->leased || r->worker->lenders == NULL)
		return false;
	bits = account_lacks(a, need, loop_now(r->worker->loop), r->start_unix_ms);
	w = bits == 0 ? NULL : calloc(1, sizeof(*w));
	if (w == NULL)
		return false;
	*w = (struct lease_wait){.ask = {.account = account_ref(a),
				     .need = *need,
				     .loop = r->worker->loop,
				     .fn = on_answer,
				     .arg = w},
	    .request = r,
	    .worker = r->worker,
	    .bits = bits};
	if (!ask_next(w)) {
		w->request = NULL;
		done(w);
		return false;
	}
	r->lease = w;
	return true;
}

void
lease_drop(struct request *r)
{
	if (r->lease != NULL)
		r->lease->request = NULL;
	r->lease = NULL;
}
