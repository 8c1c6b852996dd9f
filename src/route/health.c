#include "route/health.h"

#include "provider/own.h"

#include <pthread.h>
#include <stdlib.h>

#define PROBE_MS 60000 /* a probe that never reports stops counting then */

/* All records there ever were: as many as offers were configured. */
static struct {
	pthread_mutex_t lock;
	struct map names;
	struct health *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct health *
new_health(struct slice name)
{
	struct health *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->name = slice_dup(name);
	if (h->name == NULL || map_put(&all.names, slice_str(h->name), h) != ERR_OK) {
		free(h->name);
		free(h);
		return NULL;
	}
	h->next = all.first;
	all.first = h;
	return h;
}

struct health *
health_of(struct slice name)
{
	struct health *h;

	(void)pthread_mutex_lock(&all.lock);
	h = map_get(&all.names, name);
	if (h == NULL)
		h = new_health(name);
	(void)pthread_mutex_unlock(&all.lock);
	return h;
}

enum err
health_adopt(struct health *h, const struct provider *p)
{
	bool joint = provider_limits_are_joint(p->limits);
	struct allowance_set *s = NULL;

	atomic_store(&h->keys, p->nkeys);
	if (p->limits != LIMITS_NONE) {
		s = allowance_set_of(slice_str(joint ? p->name : h->name));
		if (s == NULL)
			return ERR_NOMEM;
	}
	atomic_store(&h->allowed, s);
	return ERR_OK;
}

static bool
attach(enum account_level level, struct slice name, const struct account_limits *caps,
    struct account **ret)
{
	if (caps == NULL)
		return true;
	*ret = account_shared(level, name, caps);
	return *ret != NULL;
}

static enum err
attach_caps(struct catalog *c)
{
	bool ok = true;

	for (unsigned i = 0; i < c->nproviders; i++) {
		struct provider *p = c->providers[i];

		ok = ok &&
		     attach(LEVEL_PROVIDER, slice_str(p->name), p->caps, &p->account);
	}
	for (unsigned i = 0; i < c->nmodels; i++) {
		struct model *m = c->models[i];

		ok = ok && attach(LEVEL_MODEL, m->id, m->caps, &m->account);
	}
	return ok ? ERR_OK : ERR_NOMEM;
}

enum err
health_attach(struct catalog *c)
{
	for (unsigned i = 0; i < c->nmodels; i++) {
		for (struct offer *o = c->models[i]->offers; o != NULL; o = o->next) {
			struct slice name;

			/* What can't be asked needs no record: most of the catalog. */
			if (!provider_is_usable(o->provider) &&
			    !own_would_do(o->provider))
				continue;
			name = arena_printf(&c->arena, "%s/%.*s", o->provider->name,
			    SLICE_ARGS(o->upstream));
			o->health = name.len == 0 ? NULL : health_of(name);
			if (o->health == NULL)
				return ERR_NOMEM;
			if (health_adopt(o->health, o->provider) != ERR_OK)
				return ERR_NOMEM;
		}
	}
	return attach_caps(c);
}

void
health_each(void (*fn)(void *arg, const struct health *h), void *arg)
{
	const struct health *h;

	/* A record stays as it was linked, and for ever: only the first may change. What
	 * fn does may take long, and loop threads look for records meanwhile. */
	(void)pthread_mutex_lock(&all.lock);
	h = all.first;
	(void)pthread_mutex_unlock(&all.lock);
	for (; h != NULL; h = h->next)
		fn(arg, h);
}

enum breaker_state
health_breaker(const struct health *h, uint64_t now_ms)
{
	uint64_t until = atomic_load(&h->open_until_ms);

	if (until == 0)
		return BREAKER_CLOSED;
	return now_ms < until ? BREAKER_OPEN : BREAKER_HALF_OPEN;
}

bool
health_claim_probe(struct health *h, uint64_t now_ms)
{
	uint64_t probing = atomic_load(&h->probe_until_ms);

	if (probing > now_ms)
		return false;
	return atomic_compare_exchange_strong(
	    &h->probe_until_ms, &probing, now_ms + PROBE_MS);
}

/* Moves a learnt value a fifth of the way to the new one. */
static void
learn(atomic_uint_fast64_t *value, uint64_t sample)
{
	uint64_t old = atomic_load(value);

	if (sample == 0)
		sample = 1; /* 0 says that nothing is known */
	atomic_store(value, old == 0 ? sample : (old * 4 + sample) / 5);
}

/* Where the prompt counts many more tokens than its text has (a search's results,
 * a hidden preamble) or many fewer, the ratio says nothing about text. */
static void
learn_ratio(struct health *h, uint64_t bytes_per_ktok)
{
	if (bytes_per_ktok >= 500 && bytes_per_ktok <= 16000)
		learn(&h->bytes_per_ktok, bytes_per_ktok);
}

void
health_good(struct health *h, uint64_t now_ms, const struct health_sample *s)
{
	uint64_t telling = s->total_ms > s->ttft_ms ? s->total_ms - s->ttft_ms : 0;

	atomic_fetch_add(&h->answers, 1);
	atomic_store(&h->failures, 0);
	if (atomic_load(&h->open_until_ms) != 0) {
		atomic_store(&h->open_until_ms, 0);
		atomic_store(&h->probe_until_ms, 0);
		atomic_store(&h->opened, 0);
		atomic_store(&h->turned_ms, now_ms);
	}
	learn(&h->ttft_us, s->ttft_ms * 1000);
	/* A whole reply comes at once: its tokens took all of the time. */
	if (telling < 10)
		telling = s->total_ms > 0 ? s->total_ms : 1;
	if (s->out_tok > 0)
		learn(&h->tok_per_ks, s->out_tok * 1000000 / telling);
	if (s->prompt_tok > 0)
		learn_ratio(h, s->prompt_bytes * 1000 / s->prompt_tok);
	atomic_store(&h->sampled_ms, now_ms);
}

void
health_bad(struct health *h, uint64_t now_ms, const struct breaker_limits *l)
{
	unsigned failures = atomic_fetch_add(&h->failures, 1) + 1, opened;
	uint64_t span = l->open_ms;

	atomic_fetch_add(&h->faults, 1);
	atomic_store(&h->probe_until_ms, 0);
	if (failures < l->failures && atomic_load(&h->open_until_ms) == 0)
		return;
	/* One that is open already and fails again stays open for twice as long;
	 * what was sent before it opened does not count again. */
	if (health_breaker(h, now_ms) == BREAKER_OPEN)
		return;
	opened = atomic_fetch_add(&h->opened, 1);
	for (unsigned i = 0; i < opened && span < l->open_max_ms; i++)
		span *= 2;
	if (span > l->open_max_ms)
		span = l->open_max_ms;
	atomic_store(&h->open_until_ms, now_ms + span);
	atomic_store(&h->turned_ms, now_ms);
}

void
health_bench(struct health *h, unsigned key, uint64_t until_ms, enum err why)
{
	atomic_store(&h->bench_why[key], (unsigned)why);
	atomic_store(&h->bench_until_ms[key], until_ms);
}

uint64_t
health_benched(const struct health *h, unsigned key, uint64_t now_ms, enum err *ret_why)
{
	uint64_t until = atomic_load(&h->bench_until_ms[key]);

	*ret_why = (enum err)atomic_load(&h->bench_why[key]);
	return until > now_ms ? until : 0;
}

uint64_t
health_kept_until(
    const struct health *h, unsigned key, uint64_t now_ms, enum err *ret_why)
{
	static const struct allowance_ask one = {{1, 1, 1, 1}};
	uint64_t benched = atomic_load(&h->bench_until_ms[key]);
	uint64_t told = allowance_until(atomic_load(&h->allowed), key, &one, now_ms);

	*ret_why =
	    told > benched ? ERR_RATE_LIMITED : (enum err)atomic_load(&h->bench_why[key]);
	return told > benched ? told : benched;
}
