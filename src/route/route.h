/*
 * route: the list of candidates of a request, in the order in which they are to
 * be tried, each one that is out with its reason.
 *
 *	route_plan(&query, arena, &plan)	once, when the request is known
 *	route_next(&plan, now)			for each attempt
 *	route_failed(&plan, candidate, err)	in between
 *
 * A plan is one request's and lives in its arena; it borrows the configuration.
 */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "core/arena.h"
#include "core/random.h"
#include "dialect/dialect.h"
#include "provider/own.h"
#include "route/health.h"
#include "route/name.h"
#include "route/predict.h"
#include "route/wish.h"

enum route_out {
#define OUT(reason, end, text) OUT_##reason,
#include "route/outs.def"
	OUT_REASONS
};

struct candidate {
	const struct offer *offer;
	enum route_out out;
	enum err why; /* of LIMITED and REFUSED: what benched it; of TRIED: its error */
	/* When it may be tried again: of LIMITED, FULL, REFUSED, BROKEN, and of TRIED if
	 * it was the last key that failed. */
	uint64_t until_ms;
	unsigned key;		  /* which of the provider's keys; route_next chooses */
	const struct secret *own; /* the team's key, used in place of those; or NULL */
	struct prediction guess;
	int64_t score; /* less is better */
	unsigned rank; /* in provider.order; UINT_MAX when not named there */
	bool probe;    /* this attempt probes a half-open breaker */
	struct account_refusal full; /* of FULL: which limit */
	struct allowance_hold hold;  /* of the provider's own limits, by an attempt */
};

/* Knobs of a configuration. */
struct route_limits {
	struct breaker_limits breaker;
	unsigned explore_permille; /* of `fastest` requests that try a stale one */
	int64_t balance_pusd;	   /* of `balanced`: what a saved second is worth */
};

struct route_query {
	const struct catalog *catalog;
	const struct route_limits *limits;
	const struct route_name *name;
	const struct wish *wish;
	const struct ask *ask;
	const struct dialect *dialect; /* that the caller speaks */
	uint64_t key_id;	       /* whose answers were learnt from */
	const struct own_keys *own;    /* of the caller's team, or NULL */
	uint64_t now_ms;	       /* monotonic */
	uint64_t unix_ms;	       /* for prices */
	struct random *random;	       /* for exploration; NULL: never explores */
};

struct route_plan {
	const struct route_query *query;
	enum policy policy; /* that holds after all wishes */
	struct candidate *all;
	unsigned count;
	unsigned tried;		  /* candidates */
	uint64_t min_context_tok; /* after a context overflow: more than this */
	/* A model that only its provider knows; route_plan fills it in. */
	struct offer unknown;
	struct health *unknown_health;
};

/*
 * Lists and orders the candidates. The query and all it points to must outlive
 * the plan. ERR_NOMEM.
 */
enum err route_plan(const struct route_query *query, struct arena *a,
    struct route_plan *ret_plan) MUST_CHECK;

/*
 * The next candidate to try, with its key chosen, or NULL. What was benched
 * meanwhile is passed over. When all that is left has an open breaker, the one
 * that closes first is given all the same: a guess beats a refusal.
 */
struct candidate *route_next(struct route_plan *p, uint64_t now_ms);

/*
 * The candidate failed by e: it is out, and with it what would fail likewise. One
 * whose key was refused or limited stays in while it has another key; that one is
 * benched before (health_bench).
 */
void route_failed(struct route_plan *p, struct candidate *c, enum err e, uint64_t now_ms);

/*
 * Takes the attempt out of the limits that are set for the candidate's provider and its
 * model, and of those that the provider tells of. ret_grant is settled when the attempt
 * ends, with nothing in it where there are none; c->hold when its reply comes, or it
 * ends without one. False: the candidate is out (FULL, LIMITED), and nothing was taken.
 */
bool route_take(struct candidate *c, uint64_t now_ms, struct account_grant *ret_grant);

/* The accounts of limits for which candidates are out, each once, at most `max`; and the
 * most that one of them needs. Returns how many. */
unsigned route_full(const struct route_plan *p, struct account **ret_accounts,
    unsigned max, struct account_ask *ret_need);

/* Puts a candidate that was tried back in, to be tried again. */
void route_again(struct candidate *c);

/*
 * Nothing is left: the error that this ends in, by the strongest reason of all
 * candidates. *ret_until_ms: when the first limited or full one may be tried again.
 */
enum err route_end(const struct route_plan *p, uint64_t *ret_until_ms);

/* Why a candidate is out, for people. Static text, or the offer's own. */
const char *route_out_text(const struct candidate *c);
const char *route_out_name(enum route_out out);

#endif
