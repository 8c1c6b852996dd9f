/*
 * route: which candidate a request goes to, and which next when that fails.
 *
 * name.h reads the model string, wish.h the body's `provider` object; route.h
 * makes the list of candidates, each with the reason why it is out or with its
 * score; health.h remembers how each is doing, predict.h guesses what a request
 * will cost and take. route/ decides and never does: the request machine asks.
 *
 * health: what live traffic taught about an offer: its breaker, its rate limits,
 * its speed. The one thing that loop threads share: every field is atomic, and a
 * race loses at most one sample. Outlives configurations, so that a reload does
 * not forget; kept by (provider, model id).
 */
#ifndef ROUTE_HEALTH_H
#define ROUTE_HEALTH_H

#include "core/err.h"
#include "provider/catalog.h"
#include "route/allowance.h"

#include <stdatomic.h>

struct health {
	atomic_uint_fast64_t open_until_ms;  /* breaker: monotonic; 0: closed */
	atomic_uint_fast64_t turned_ms;	     /* when it opened or closed last */
	atomic_uint_fast64_t probe_until_ms; /* half open: another one is probing */
	atomic_uint failures;		     /* in a row */
	atomic_uint opened;		     /* times in a row; doubles the span */
	atomic_uint keys; /* of the provider; 0: none, or nobody said yet */
	atomic_uint turn; /* counts on; which of the keys is next */
	/* A key's bench: monotonic ms, and why (enum err). */
	atomic_uint_fast64_t bench_until_ms[PROVIDER_KEYS_MAX];
	atomic_uint bench_why[PROVIDER_KEYS_MAX];
	/* Learnt, in thousandths; 0: nothing learnt yet. */
	atomic_uint_fast64_t ttft_us;	      /* time to the first token */
	atomic_uint_fast64_t tok_per_ks;      /* answer tokens in 1000 seconds */
	atomic_uint_fast64_t bytes_per_ktok;  /* prompt bytes in 1000 tokens */
	atomic_uint_fast64_t sampled_ms;      /* monotonic time of the last sample */
	atomic_uint_fast64_t answers, faults; /* since the start */
	/* Of the provider's own limits; NULL: it does not tell. */
	_Atomic(struct allowance_set *) allowed;
	char *name; /* "groq/openai/gpt-oss-120b" */
	struct health *next;
};

/* When the breaker opens and for how long. */
struct breaker_limits {
	unsigned failures;	       /* in a row */
	uint64_t open_ms, open_max_ms; /* the first span, and the longest */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* The record of that name, made when it is new. Any thread. NULL: no memory. */
struct health *health_of(struct slice name);

/* Says which provider the record is of: how many keys it has, and how it tells of its
 * limits. ERR_NOMEM. */
enum err health_adopt(struct health *h, const struct provider *p) MUST_CHECK;

/* Gives every offer of the catalog its record; and providers and models with limits the
 * accounts that count for them, with these limits from now on. ERR_NOMEM. */
enum err health_attach(struct catalog *c) MUST_CHECK;

/* Calls fn for every record, holding no lock meanwhile. Any thread. */
void health_each(void (*fn)(void *arg, const struct health *h), void *arg);

enum breaker_state health_breaker(const struct health *h, uint64_t now_ms);

/* For a half-open breaker: may this request be the probe? Then it must report. */
bool health_claim_probe(struct health *h, uint64_t now_ms);

/* It answered. ttft_ms and total_ms are spans; out_tok 0: not known. */
struct health_sample {
	uint64_t ttft_ms, total_ms, out_tok, prompt_bytes, prompt_tok;
};
void health_good(struct health *h, uint64_t now_ms, const struct health_sample *s);

/* It failed by an error whose kind counts. */
void health_bad(struct health *h, uint64_t now_ms, const struct breaker_limits *l);

/* That key is not to be used there until then. */
void health_bench(struct health *h, unsigned key, uint64_t until_ms, enum err why);

/* When may the key be used; 0: now. *ret_why: what benched it. */
uint64_t
health_benched(const struct health *h, unsigned key, uint64_t now_ms, enum err *ret_why);

/* The time up to which it is or was benched, or has no room by what the provider says,
 * whichever is later. */
uint64_t health_kept_until(
    const struct health *h, unsigned key, uint64_t now_ms, enum err *ret_why);

#endif
