/*
 * route_case: what the tests of the route share: a catalog, hosts about which
 * nothing is learnt, one request, and the plan for it.
 */
#ifndef UNIT_ROUTE_CASE_H
#define UNIT_ROUTE_CASE_H

#include "route/route.h"

#include "catalog_case.h"

#define NOW_MS 1000000

struct route_case {
	struct catalog *c;
	struct route_limits limits;
	struct route_name name;
	struct wish wish;
	struct ask ask;
	struct route_query query;
	struct route_plan plan;
	struct arena arena;
};

/* Records outlive a case: what an earlier one taught is forgotten. */
static inline void
forget(void *arg, const struct health *h)
{
	struct health *known = health_of(slice_str(h->name));

	(void)arg;
	atomic_store(&known->open_until_ms, 0);
	atomic_store(&known->probe_until_ms, 0);
	atomic_store(&known->failures, 0);
	atomic_store(&known->opened, 0);
	atomic_store(&known->turn, 0);
	atomic_store(&known->ttft_us, 0);
	atomic_store(&known->tok_per_ks, 0);
	atomic_store(&known->bytes_per_ktok, 0);
	atomic_store(&known->sampled_ms, 0);
	for (unsigned k = 0; k < PROVIDER_KEYS_MAX; k++)
		atomic_store(&known->bench_until_ms[k], 0);
}

/* A chat of 1,000 tokens for the model, whose answer may have 100. */
static inline void
case_init(struct route_case *r, const char *providers, const char *models)
{
	memset(r, 0, sizeof(*r));
	r->c = make_catalog(providers, models);
	assert_int_equal(health_attach(r->c), ERR_OK);
	health_each(forget, NULL);
	r->limits.breaker = (struct breaker_limits){3, 1000, 60000};
	wish_init(&r->wish);
	r->ask = (struct ask){
	    .op = OP_CHAT, .prompt_bytes = 4000, .max_output_tok = 100, .answers = 1};
	r->query = (struct route_query){.catalog = r->c,
	    .limits = &r->limits,
	    .name = &r->name,
	    .wish = &r->wish,
	    .ask = &r->ask,
	    .dialect = &dialect_openai,
	    .key_id = 1,
	    .now_ms = NOW_MS,
	    .unix_ms = 1790000000000};
	arena_init(&r->arena, NULL, 0, 1u << 20);
}

/* Another request beside it, which asks the same; its arena is the caller's to free. */
static inline void
case_beside(struct route_case *other, const struct route_case *r)
{
	*other = *r;
	other->query.name = &other->name;
	other->query.wish = &other->wish;
	other->query.ask = &other->ask;
	other->query.limits = &other->limits;
	arena_init(&other->arena, NULL, 0, 1u << 20);
}

static inline void
case_done(struct route_case *r)
{
	arena_free(&r->arena);
	catalog_free(r->c);
}

static inline void
plan(struct route_case *r, const char *model)
{
	assert_int_equal(
	    route_name_parse(r->c, slice_str(model), POLICY_PREFERRED, &r->name), ERR_OK);
	assert_int_equal(route_plan(&r->query, &r->arena, &r->plan), ERR_OK);
}

static inline struct health *
health_at(struct route_case *r, const char *model, unsigned n)
{
	return offer_at(r->c, model, n)->health;
}

/* The plan as "a b:LIMITED c": the order, and why one is out. */
static inline void
assert_plan(const struct route_case *r, const char *want)
{
	char got[1000] = "";
	size_t n = 0;

	for (unsigned i = 0; i < r->plan.count; i++) {
		const struct candidate *c = &r->plan.all[i];

		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s%s%s",
		    i == 0 ? "" : " ", c->offer->provider->name,
		    c->out == OUT_NOT ? "" : ":",
		    c->out == OUT_NOT ? "" : route_out_name(c->out));
		assert_true(n < sizeof(got));
	}
	assert_string_equal(got, want);
}

/* The next candidate, of that provider; "" for none. */
static inline struct candidate *
assert_next(struct route_case *r, uint64_t now_ms, const char *want)
{
	struct candidate *c = route_next(&r->plan, now_ms);

	assert_string_equal(c == NULL ? "" : c->offer->provider->name, want);
	return c;
}

static inline void
assert_end(const struct route_case *r, enum err want, uint64_t until_ms)
{
	uint64_t until;

	assert_int_equal(route_end(&r->plan, &until), want);
	assert_int_equal(until, until_ms);
}

#endif
