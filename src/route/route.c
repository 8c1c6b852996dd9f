#include "route/route.h"

#include "dialect/dialect.h"
#include "route/learn.h"

#include <limits.h>

static const struct {
	const char *name;
	enum err end;
	const char *text;
} outs[] = {
#define OUT(reason, end, text) [OUT_##reason] = {#reason, ERR_##end, text},
#include "route/outs.def"
};

const char *
route_out_name(enum route_out out)
{
	return outs[out].name;
}

const char *
route_out_text(const struct candidate *c)
{
	if (c->out != OUT_MISSING)
		return outs[c->out].text;
	return c->offer->missing != NULL ? c->offer->missing
					 : c->offer->provider->missing;
}

/* --- filters: the first that applies is the reason --- */

static bool
in_list(const struct provider *p, const struct provider *const *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == p)
			return true;
	return false;
}

/* Is the offer's dialect the caller's, or one that it can be translated to? */
static bool
is_spoken(const struct route_query *q, const struct offer *o)
{
	const struct dialect *d = dialect_find(catalog_offer_dialect(o, q->dialect->id));

	if (d == q->dialect)
		return true;
	if (d == NULL)
		return false;
	if (q->ask->op == OP_EMBEDDING)
		return d->embed != NULL && q->dialect->embed != NULL;
	return q->ask->op == OP_CHAT && d->chat != NULL && q->dialect->chat != NULL;
}

static enum route_out
unusable(const struct route_query *q, const struct offer *o, const struct secret *own)
{
	const struct provider *p = o->provider;

	if (!is_spoken(q, o))
		return OUT_DIALECT;
	if (own != NULL && own->len == 0)
		return OUT_TEAM_KEY; /* never by weir's instead */
	if (own != NULL && o->missing == NULL && own_would_do(p))
		return OUT_NOT;
	if (!provider_is_usable(p) || o->missing != NULL)
		return p->nkeys == 0 && p->base_url != NULL && o->missing == NULL
			   ? OUT_NO_KEY
			   : OUT_MISSING;
	return OUT_NOT;
}

/* Is it dearer than the wish allows, or does nobody know what it costs? */
static bool
too_dear(const struct route_query *q, const struct candidate *c)
{
	const struct wish *w = q->wish;
	const struct price *row =
	    price_at(c->own != NULL ? c->offer->list : c->offer->prices, q->unix_ms,
		q->ask->tier, c->guess.input_tok);

	if (w->max_input_pusd < 0 && w->max_output_pusd < 0 && w->max_request_pusd < 0)
		return false;
	if (c->guess.cost_pusd == PRICE_UNKNOWN)
		return true;
	return (w->max_input_pusd >= 0 && price_exceeds(&row->rate[USAGE_INPUT],
					      w->max_input_pusd, PRICE_TOKENS)) ||
	       (w->max_output_pusd >= 0 && price_exceeds(&row->rate[USAGE_OUTPUT],
					       w->max_output_pusd, PRICE_TOKENS)) ||
	       (w->max_request_pusd >= 0 &&
		   price_exceeds(&row->rate[USAGE_REQUESTS], w->max_request_pusd, 1));
}

static enum route_out
unwished(const struct route_plan *p, const struct candidate *c)
{
	const struct route_query *q = p->query;
	const struct wish *w = q->wish;
	const struct provider *provider = c->offer->provider;

	if (q->name->provider != NULL && provider != q->name->provider)
		return OUT_NOT_NAMED;
	if (q->name->offer != NULL && c->offer != q->name->offer)
		return OUT_NOT_NAMED;
	if (p->policy == POLICY_LOCAL && !provider->local)
		return OUT_NOT_LOCAL;
	if (w->has_only && !in_list(provider, w->only, w->nonly))
		return OUT_NOT_ONLY;
	if (in_list(provider, w->ignore, w->nignore))
		return OUT_IGNORED;
	if (w->keep_no_data && !provider->keeps_no_data && !provider->local)
		return OUT_DATA;
	if (too_dear(q, c))
		return OUT_DEAR;
	return OUT_NOT;
}

/* A short prompt is let pass: the limit of its answer may just be generous. */
static bool
has_room(const struct offer *o, uint64_t prompt_tok, uint64_t answer_tok)
{
	uint64_t all = o->context_tok;

	return all == 0 || prompt_tok <= all / 2 ||
	       (prompt_tok <= all && answer_tok <= all - prompt_tok);
}

static enum route_out
unfit(const struct route_plan *p, const struct candidate *c)
{
	const struct offer *o = c->offer;
	const struct ask *ask = p->query->ask;
	uint64_t longest_tok = predict_longest_tok(&c->guess, ask);

	/* A host that the caller names himself knows better than the catalog. */
	if (p->query->name->provider != NULL && o->engine == NULL &&
	    !p->query->wish->require_parameters)
		return OUT_NOT;
	/* `require_parameters` wants what is known; else doubt is good enough. */
	if ((ask->needs & o->cannot) != 0 ||
	    (p->query->wish->require_parameters && (ask->needs & ~o->can) != 0))
		return OUT_CAPABILITY;
	if (o->model != NULL && o->model->op != ask->op &&
	    !(o->model->op == OP_CHAT &&
		(ask->op == OP_COMPLETION || ask->op == OP_COUNT)))
		return OUT_CAPABILITY;
	return has_room(o, longest_tok, ask->max_output_tok) ? OUT_NOT : OUT_SHORT;
}

static unsigned
keys_of(const struct candidate *c)
{
	unsigned n = c->offer->provider->nkeys;

	return n == 0 ? 1 : n;
}

static struct allowance_ask
asks_of(const struct candidate *c)
{
	int64_t input = (int64_t)c->guess.input_tok,
		output = (int64_t)c->guess.output_tok;

	return (struct allowance_ask){{1, input + output, input, output}};
}

/* When may the key be used, as far as is known; 0: now. *ret_why: what keeps it. */
static uint64_t
kept_until(const struct candidate *c, unsigned key, uint64_t now_ms, enum err *ret_why)
{
	struct health *h = c->offer->health;
	uint64_t until = health_benched(h, key, now_ms, ret_why), told;
	struct allowance_ask ask = asks_of(c);

	told = allowance_until(atomic_load(&h->allowed), key, &ask, now_ms);
	if (told <= until)
		return until;
	*ret_why = ERR_RATE_LIMITED;
	return told;
}

/* Puts it out when none of its keys may be used now, until the first one may. */
static void
check_keys(struct candidate *c, uint64_t now_ms)
{
	uint64_t earliest = UINT64_MAX;

	if (c->own != NULL)
		return; /* the benches are those of weir's keys */
	for (unsigned key = 0; key < keys_of(c); key++) {
		enum err why;
		uint64_t until = kept_until(c, key, now_ms, &why);

		if (until == 0)
			return;
		if (until < earliest) {
			earliest = until;
			c->why = why;
		}
	}
	c->until_ms = earliest;
	c->out = err_kind(c->why) == KIND_LIMIT ? OUT_LIMITED : OUT_REFUSED;
}

/* Chooses among the keys that may be used now; each request has the next one. */
static void
take_key(struct candidate *c, uint64_t now_ms)
{
	struct health *h = c->offer->health;
	unsigned n = keys_of(c), first = n == 1 ? 0 : atomic_fetch_add(&h->turn, 1);
	enum err why;

	for (unsigned i = 0; i < n; i++) {
		c->key = (first + i) % n;
		if (kept_until(c, c->key, now_ms, &why) == 0)
			return;
	}
}

static void
put_out_broken(struct candidate *c)
{
	c->out = OUT_BROKEN;
	c->until_ms = atomic_load(&c->offer->health->open_until_ms);
}

/* --- the limits that the configuration sets --- */

#define CAPS_MAX 2
#define FULL_MS	 1000 /* when may it be tried, where only the end of another tells */

/* Those that hold for it; a team's own key is another account at the provider. */
static unsigned
caps_of(const struct candidate *c, struct account *ret[CAPS_MAX])
{
	const struct offer *o = c->offer;
	unsigned n = 0;

	if (o->model != NULL && o->model->account != NULL)
		ret[n++] = o->model->account;
	if (c->own == NULL && o->provider->account != NULL)
		ret[n++] = o->provider->account;
	return n;
}

static struct account_ask
taken_by(const struct candidate *c)
{
	return (struct account_ask){.pusd = c->guess.cost_pusd,
	    .input_tok = c->guess.input_tok,
	    .output_tok = c->guess.output_tok};
}

static void
put_out_full(struct candidate *c, uint64_t now_ms)
{
	c->out = OUT_FULL;
	c->until_ms = now_ms + (c->full.retry_ms > 0 ? c->full.retry_ms : FULL_MS);
}

static void
check_caps(struct candidate *c, uint64_t now_ms)
{
	struct account *all[CAPS_MAX];
	unsigned n = caps_of(c, all);
	struct account_ask ask = taken_by(c);

	for (unsigned i = 0; i < n && c->out == OUT_NOT; i++)
		if (!account_has_room(all[i], &ask, now_ms, &c->full))
			put_out_full(c, now_ms);
}

static bool
is_listed(struct account *const *all, unsigned n, const struct account *a)
{
	for (unsigned i = 0; i < n; i++)
		if (all[i] == a)
			return true;
	return false;
}

unsigned
route_full(const struct route_plan *p, struct account **ret_accounts, unsigned max,
    struct account_ask *ret_need)
{
	unsigned count = 0;

	*ret_need = (struct account_ask){0};
	for (unsigned i = 0; i < p->count; i++) {
		struct account *caps[CAPS_MAX];
		unsigned n = p->all[i].out == OUT_FULL ? caps_of(&p->all[i], caps) : 0;
		struct account_ask ask = taken_by(&p->all[i]);

		for (unsigned k = 0; k < n; k++)
			if (count < max && !is_listed(ret_accounts, count, caps[k]))
				ret_accounts[count++] = caps[k];
		if (n == 0)
			continue;
		if (ask.pusd > ret_need->pusd)
			ret_need->pusd = ask.pusd;
		if (ask.input_tok > ret_need->input_tok)
			ret_need->input_tok = ask.input_tok;
		if (ask.output_tok > ret_need->output_tok)
			ret_need->output_tok = ask.output_tok;
	}
	return count;
}

bool
route_take(struct candidate *c, uint64_t now_ms, struct account_grant *ret_grant)
{
	struct account *all[CAPS_MAX];
	unsigned n = caps_of(c, all);
	struct account_ask ask = taken_by(c);
	struct allowance_ask told = asks_of(c);

	if (account_admit_all(all, n, &ask, now_ms, ret_grant, &c->full) != ERR_OK) {
		put_out_full(c, now_ms);
		return false;
	}
	c->hold.from = NULL;
	/* The one that is tried all the same when its limit's end was waited for. */
	if (c->own != NULL || c->offer->health == NULL ||
	    allowance_take(
		atomic_load(&c->offer->health->allowed), c->key, &told, now_ms, &c->hold))
		return true;
	account_settle(ret_grant, 0, 0, 0);
	check_keys(c, now_ms);
	return false;
}

/* What changes from moment to moment: benches, limits and the breaker. */
static void
check_health(struct candidate *c, uint64_t now_ms)
{
	struct health *h = c->offer->health;

	if (c->out == OUT_LIMITED || c->out == OUT_FULL || c->out == OUT_REFUSED ||
	    c->out == OUT_BROKEN)
		c->out = OUT_NOT; /* it may have passed */
	if (c->out != OUT_NOT || h == NULL)
		return;
	check_keys(c, now_ms);
	check_caps(c, now_ms);
	if (c->out != OUT_NOT || health_breaker(h, now_ms) == BREAKER_CLOSED)
		return;
	if (health_breaker(h, now_ms) == BREAKER_OPEN ||
	    atomic_load(&h->probe_until_ms) > now_ms)
		put_out_broken(c);
}

/* --- scores --- */

static int64_t
score(const struct route_plan *p, const struct candidate *c, unsigned place)
{
	const struct prediction *g = &c->guess;
	int64_t cost = g->cost_pusd == PRICE_UNKNOWN ? INT64_MAX / 2 : g->cost_pusd;
	int64_t time = (int64_t)g->total_ms, worth;

	switch (p->policy) {
	case POLICY_CHEAPEST: return cost;
	case POLICY_PREFERRED: return (int64_t)place;
	case POLICY_BALANCED:
		worth = p->query->limits->balance_pusd / 1000;
		if (worth > 0 && time > (INT64_MAX / 2 - 1) / worth)
			return INT64_MAX;
		return cost / 2 + time * worth / 2;
	default: return time;
	}
}

static int
compare(const struct candidate *x, const struct candidate *y)
{
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->offer->deprecated != y->offer->deprecated)
		return x->offer->deprecated ? 1 : -1;
	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	/* Equal by the policy: by the other measure, then by names, so that the
	 * order does not depend on the sort. */
	if (x->guess.cost_pusd != y->guess.cost_pusd)
		return (uint64_t)x->guess.cost_pusd < (uint64_t)y->guess.cost_pusd ? -1
										   : 1;
	if (x->guess.total_ms != y->guess.total_ms)
		return x->guess.total_ms < y->guess.total_ms ? -1 : 1;
	if (x->offer->provider != y->offer->provider)
		return strcmp(x->offer->provider->name, y->offer->provider->name);
	return slice_cmp(x->offer->upstream, y->offer->upstream);
}

/* There are few, and each request sorts them: qsort() would take longer to begin. */
static void
sort(struct route_plan *p)
{
	for (unsigned i = 1; i < p->count; i++) {
		struct candidate c = p->all[i];
		unsigned at = i;

		for (; at > 0 && compare(&c, &p->all[at - 1]) < 0; at--)
			p->all[at] = p->all[at - 1];
		p->all[at] = c;
	}
}

/* --- the plan --- */

static unsigned
rank_of(const struct wish *w, const struct provider *p)
{
	for (unsigned i = 0; i < w->norder; i++)
		if (w->order[i] == p)
			return i;
	return UINT_MAX;
}

static void
add(struct route_plan *p, const struct offer *o)
{
	const struct route_query *q = p->query;
	struct slice model = o->model == NULL ? o->upstream : o->model->id;
	struct candidate *c = &p->all[p->count];

	*c = (struct candidate){.offer = o, .rank = rank_of(q->wish, o->provider)};
	if (own_is_possible(o->provider))
		c->own = own_find(q->own, o->provider);
	c->guess =
	    predict(o, q->ask, learn_expected(q->key_id, model), q->now_ms, q->unix_ms);
	if (c->own != NULL && o->list != o->prices)
		c->guess.cost_pusd =
		    predict_cost_pusd(&c->guess, o->list, q->ask, q->unix_ms);
	c->score = score(p, c, p->count);
	p->count++;
	c->out = unwished(p, c);
	if (c->out == OUT_NOT)
		c->out = unusable(q, o, c->own);
	if (c->out == OUT_NOT)
		c->out = unfit(p, c);
	check_health(c, q->now_ms);
}

/* The offer for a model that the catalog does not know at the named provider. */
static enum err
make_unknown(struct route_plan *p, struct arena *a)
{
	const struct route_name *n = p->query->name;
	struct provider *provider;
	struct slice name;

	provider = catalog_provider(p->query->catalog, slice_str(n->provider->name));
	/* One record for all such models: their number is the callers', not ours. */
	name = arena_printf(a, "%s/*", n->provider->name);
	p->unknown = (struct offer){.provider = provider, .upstream = n->upstream};
	p->unknown.health = name.len == 0 ? NULL : health_of(name);
	if (p->unknown.health == NULL)
		return ERR_NOMEM;
	return health_adopt(p->unknown.health, provider);
}

/* Now and then the candidate that was not heard of for longest goes first. */
static void
explore(struct route_plan *p)
{
	const struct route_query *q = p->query;
	struct candidate *stale = NULL;
	uint64_t oldest = UINT64_MAX;

	if (q->random == NULL || p->policy != POLICY_FASTEST || q->wish->norder > 0 ||
	    random_below(q->random, 1000) >= q->limits->explore_permille)
		return;
	for (unsigned i = 0; i < p->count; i++) {
		struct candidate *c = &p->all[i];
		uint64_t sampled;

		if (c->out != OUT_NOT || c->offer->deprecated)
			continue;
		sampled = atomic_load(&c->offer->health->sampled_ms);
		if (sampled < oldest) {
			oldest = sampled;
			stale = c;
		}
	}
	if (stale != NULL) {
		stale->score = -1;
		sort(p);
	}
}

enum err
route_plan(const struct route_query *query, struct arena *a, struct route_plan *ret_plan)
{
	const struct model *m = query->name->model;
	struct route_plan *p = ret_plan;

	*p = (struct route_plan){.query = query, .policy = query->name->policy};
	if (query->wish->has_sort && !query->name->policy_stated)
		p->policy = query->wish->sort;
	p->all = arena_alloc(a, (m == NULL ? 1 : m->noffers) * sizeof(p->all[0]));
	if (p->all == NULL)
		return ERR_NOMEM;
	if (m == NULL) {
		if (make_unknown(p, a) != ERR_OK)
			return ERR_NOMEM;
		add(p, &p->unknown);
	} else {
		for (const struct offer *o = m->offers; o != NULL; o = o->next)
			add(p, o);
	}
	sort(p);
	explore(p);
	return ERR_OK;
}

/* The one whose breaker closes first, when nothing else is left. */
static struct candidate *
least_broken(struct route_plan *p)
{
	struct candidate *best = NULL;

	for (unsigned i = 0; i < p->count; i++) {
		struct candidate *c = &p->all[i];

		if (c->out == OUT_BROKEN &&
		    (best == NULL || c->until_ms < best->until_ms))
			best = c;
	}
	if (best != NULL)
		best->out = OUT_NOT;
	return best;
}

/* The first that is in; where its breaker is half open, as the probe of it. */
static struct candidate *
first_in(struct route_plan *p, uint64_t now_ms)
{
	for (unsigned i = 0; i < p->count; i++) {
		struct candidate *c = &p->all[i];

		check_health(c, now_ms);
		c->probe = false;
		if (c->out != OUT_NOT)
			continue;
		if (health_breaker(c->offer->health, now_ms) == BREAKER_CLOSED)
			return c;
		c->probe = health_claim_probe(c->offer->health, now_ms);
		if (c->probe)
			return c;
		put_out_broken(c); /* another request probes it since just now */
	}
	return NULL;
}

struct candidate *
route_next(struct route_plan *p, uint64_t now_ms)
{
	struct candidate *c;

	if (p->tried > 0 && p->query->wish->no_fallbacks)
		return NULL;
	c = first_in(p, now_ms);
	if (c == NULL)
		c = least_broken(p);
	if (c != NULL)
		take_key(c, now_ms);
	return c;
}

void
route_failed(struct route_plan *p, struct candidate *c, enum err e, uint64_t now_ms)
{
	/* It was the key's fault, not the provider's: another one may do. */
	if (c->own == NULL &&
	    (err_kind(e) == KIND_LIMIT || err_kind(e) == KIND_CREDENTIAL)) {
		check_keys(c, now_ms);
		c->why = e;
		if (c->out == OUT_NOT)
			return;
	}
	p->tried++;
	c->out = OUT_TRIED;
	c->why = e;
	if (err_kind(e) != KIND_CONTEXT)
		return;
	if (c->offer->context_tok > p->min_context_tok)
		p->min_context_tok = c->offer->context_tok;
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].out < OUT_TRIED &&
		    p->all[i].offer->context_tok <= p->min_context_tok)
			p->all[i].out = OUT_SHORT;
}

void
route_again(struct candidate *c)
{
	c->out = OUT_NOT;
}

enum err
route_end(const struct route_plan *p, uint64_t *ret_until_ms)
{
	enum route_out strongest = OUT_REASONS;
	enum err why = ERR_UP_5XX;

	*ret_until_ms = 0;
	for (unsigned i = 0; i < p->count; i++) {
		const struct candidate *c = &p->all[i];

		if (c->out < strongest) {
			strongest = c->out;
			why = c->why;
		}
		if ((c->out == OUT_LIMITED || c->out == OUT_FULL) &&
		    (*ret_until_ms == 0 || c->until_ms < *ret_until_ms))
			*ret_until_ms = c->until_ms;
	}
	if (strongest == OUT_REASONS)
		return ERR_UNKNOWN_MODEL;
	if (strongest == OUT_TRIED || strongest == OUT_REFUSED)
		return why;
	return strongest == OUT_NOT ? ERR_UP_5XX : outs[strongest].end;
}
