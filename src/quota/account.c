#include "quota/account_parts.h"

#include "core/text.h"
#include "core/wide.h"
#include "quota/rule.h"

#include <pthread.h>
#include <stdatomic.h>

#define MINUTE_MS 60000

static atomic_uint shares; /* bits of enum account_share */

/* Thousandths of shared limits that this process has to itself; 0: they are lent. */
static atomic_uint alone;

/* Under the lock. */
static bool
is_other_budget(const struct account *a, const struct account_limits *limits)
{
	return a->limits.period != limits->period ||
	       a->limits.offset_min != limits->offset_min ||
	       a->limits.budget_pusd == QUOTA_NONE;
}

bool
account_begins_anew(struct account *a, const struct account_limits *limits)
{
	bool anew;

	(void)pthread_mutex_lock(&a->lock);
	anew = limits->budget_pusd != QUOTA_NONE && is_other_budget(a, limits);
	(void)pthread_mutex_unlock(&a->lock);
	return anew;
}

bool
account_set_limits(struct account *a, const struct account_limits *limits)
{
	bool anew;

	(void)pthread_mutex_lock(&a->lock);
	anew = is_other_budget(a, limits);
	if (anew) {
		a->from_ms = a->until_ms = 0; /* until the first turn */
		a->spent = a->granted = 0;
	}
	a->limits = *limits;
	(void)pthread_mutex_unlock(&a->lock);
	return anew && limits->budget_pusd != QUOTA_NONE;
}

void
account_set_parent(struct account *a, struct account *parent)
{
	struct account *before;

	if (parent != NULL)
		(void)account_ref(parent);
	(void)pthread_mutex_lock(&a->lock);
	before = a->parent;
	a->parent = parent;
	(void)pthread_mutex_unlock(&a->lock);
	account_unref(before);
}

/* --- under the lock --- */

/* The period of now; what was spent in one that is over does not count. */
void
account_turn(struct account *a, uint64_t unix_ms)
{
	bool first = a->until_ms == 0;

	if (unix_ms < a->until_ms)
		return;
	period_bounds(
	    a->limits.period, a->limits.offset_min, unix_ms, &a->from_ms, &a->until_ms);
	if (!first)
		a->spent = a->granted = 0;
	a->rest = a->limits.budget_pusd;
}

int64_t
account_budget_left(const struct account *a)
{
	if (a->limits.budget_pusd == QUOTA_NONE || a->limits.dry)
		return INT64_MAX;
	/* A budget that was lowered may be less than what is leased of the old one. */
	if (account_shares(SHARE_MONEY) && a->granted < a->limits.budget_pusd)
		return a->granted - a->spent - a->reserved;
	return a->limits.budget_pusd - a->spent - a->reserved;
}

static int64_t
credit_left(const struct account *a, uint64_t unix_ms)
{
	wide left = -(wide)a->debt - a->reserved;

	if (a->nlots == 0 || a->limits.dry)
		return INT64_MAX;
	for (unsigned i = 0; i < a->nlots; i++)
		if (unix_ms < a->lots[i].until_ms)
			left += a->lots[i].left_pusd;
	return left > INT64_MAX - 1 ? INT64_MAX - 1 : (int64_t)left;
}

static int64_t
left_of(const struct account *a, uint64_t unix_ms)
{
	int64_t budget = account_budget_left(a), credit = credit_left(a, unix_ms);

	return budget < credit ? budget : credit;
}

/* Does it come by leases, which do not fill by themselves? */
bool
account_is_leased(void)
{
	return account_shares(SHARE_RATES) && atomic_load(&alone) == 0;
}

/* The share of a limit that this process has to itself while nobody lends. */
static int64_t
own_part(int64_t limit)
{
	unsigned permille = atomic_load(&alone);
	wide part = (wide)limit * permille / 1000;

	if (!account_shares(SHARE_RATES) || permille == 0 || limit <= 0)
		return limit;
	return part < 1 ? 1 : (int64_t)part;
}

/* a * b / c of numbers above zero. Nearly every product fits into 64 bits, where one
 * instruction divides; 128 take a call. */
static wide
scale(wide a, int64_t b, int64_t c)
{
	wide product = a * b;

	return product <= INT64_MAX ? (int64_t)product / c : product / c;
}

static void
fill(struct bucket *b, int64_t limit, uint64_t now_ms)
{
	int64_t passed = (int64_t)(now_ms - b->at_ms);
	wide gained;

	if (b->at_ms != 0 && passed <= 0)
		return; /* as other threads have it, it is later already */
	gained = limit <= 0 ? 0 : scale(limit, passed, MINUTE_MS);
	if (b->at_ms == 0 || limit <= 0 || b->left + gained >= limit) {
		b->left = limit;
		b->at_ms = now_ms == 0 ? 1 : now_ms;
	} else {
		/* What makes no whole one yet stays for later. */
		b->left += (int64_t)gained;
		b->at_ms += (uint64_t)scale(gained, MINUTE_MS, limit);
	}
}

/* How long it takes to fill up by n. */
static uint64_t
time_for(wide n, int64_t limit)
{
	return limit <= 0 || n <= 0 ? 0 : (uint64_t)scale(n, MINUTE_MS, limit) + 1;
}

/* Is there room for n? One that is larger than all there is may come alone. */
bool
account_fits(struct account *a, enum account_rate k, int64_t n, uint64_t now_ms,
    uint64_t *ret_wait_ms)
{
	struct bucket *b = &a->rate[k];
	int64_t limit = account_limit_of(&a->limits, k), want, level = 0;

	if (limit == QUOTA_NONE)
		return true;
	limit = own_part(limit);
	want = n > limit ? limit : n;
	if (limit <= 0)
		return n <= 0;
	if (account_is_leased())
		level = b->level;
	else
		fill(b, limit, now_ms);
	if (b->left >= want)
		return true;
	*ret_wait_ms = time_for((wide)want - b->left - level, limit);
	return false;
}

bool
account_has_slot(const struct account *a)
{
	int64_t limit = own_part(a->limits.concurrent);

	if (limit == QUOTA_NONE)
		return true;
	if (account_is_leased() || (account_shares(SHARE_RATES) && a->slots > limit))
		limit = a->slots;
	return a->running < limit;
}

static bool
refuse(const struct account *a, enum quota_kind kind, int64_t limit,
    struct account_refusal *ret)
{
	ret->of = a;
	ret->kind = kind;
	ret->level = a->level;
	ret->name = slice_str(a->name);
	ret->models = account_models(a);
	if (slice_eq(ret->models, S(ACCOUNT_CREDIT))) {
		ret->models = S("");
		ret->credit = true;
	}
	ret->limit = limit;
	return false;
}

/* Of a budget of which so much is left here: with what is granted to nobody. */
static int64_t
left_for_all(const struct account *a, int64_t left)
{
	wide all = (wide)left + (account_shares(SHARE_MONEY) ? a->rest : 0);

	return all < 0			     ? 0
	       : all > a->limits.budget_pusd ? a->limits.budget_pusd
					     : (int64_t)all;
}

/* Is there so much money? */
static bool
may_spend(struct account *a, const struct account_ask *ask, uint64_t unix_ms,
    struct account_refusal *ret)
{
	const struct account_limits *l = &a->limits;
	int64_t left;

	*ret = (struct account_refusal){0};
	account_turn(a, unix_ms);
	if (l->dry)
		return true;
	left = credit_left(a, unix_ms);
	if (a->nlots > 0 && (ask->pusd == UNKNOWN || ask->pusd > left)) {
		ret->credit = true;
		ret->left_pusd = left < 0 ? 0 : left;
		return refuse(a, QUOTA_BUDGET, QUOTA_NONE, ret);
	}
	left = account_budget_left(a);
	if (l->budget_pusd != QUOTA_NONE && (ask->pusd == UNKNOWN || ask->pusd > left)) {
		ret->left_pusd = left_for_all(a, left);
		ret->renews_ms = a->until_ms == UINT64_MAX ? 0 : a->until_ms;
		ret->lease = account_shares(SHARE_MONEY) && ask->pusd != UNKNOWN &&
			     ask->pusd - left <= a->rest;
		return refuse(a, QUOTA_BUDGET, l->budget_pusd, ret);
	}
	return true;
}

static bool
may(struct account *a, const struct account_ask *ask, uint64_t now_ms, uint64_t unix_ms,
    struct account_refusal *ret)
{
	const struct account_limits *l = &a->limits;

	if (!may_spend(a, ask, unix_ms, ret))
		return false;
	if (l->dry)
		return true;
	if (!account_has_slot(a))
		return refuse(a, QUOTA_CONCURRENT, l->concurrent, ret);
	for (unsigned k = 0; k < RATES; k++)
		if (account_limit_of(l, k) != QUOTA_NONE &&
		    !account_fits(a, k, account_amount(ask, k), now_ms, &ret->retry_ms))
			return refuse(a, (enum quota_kind)k, account_limit_of(l, k), ret);
	return true;
}

static void
take(struct account *a, const struct account_ask *ask)
{
	int64_t pusd = ask->pusd == UNKNOWN ? 0 : ask->pusd;

	a->reserved += pusd;
	a->running++;
	for (unsigned k = 0; k < RATES; k++)
		if (account_limit_of(&a->limits, k) != QUOTA_NONE)
			a->rate[k].left -= account_amount(ask, k);
}

/* The bucket's share that was taken and not used comes back; what was used beyond it is
 * a debt. */
static void
correct(struct account *a, enum account_rate k, int64_t taken, int64_t used)
{
	int64_t limit = account_limit_of(&a->limits, k);

	if (limit == QUOTA_NONE)
		return;
	a->rate[k].left += taken - used;
	if (a->rate[k].left > limit)
		a->rate[k].left = limit;
}

static void
spend(struct account *a, uint64_t unix_ms, int64_t pusd)
{
	if (a->nlots > 0)
		a->debt += account_run_down(a->lots, a->nlots, unix_ms, pusd);
	/* What began in a period that is over belongs to that one. The period may be
	 * another than when it was admitted, as the budget is. */
	if (unix_ms < a->from_ms)
		return;
	a->spent += pusd;
	a->since += pusd;
}

static void
give(struct account *a, const struct account_grant *g, const struct account_ask *used)
{
	const struct account_ask taken = {
	    .pusd = g->pusd, .input_tok = g->input_tok, .output_tok = g->output_tok};

	a->reserved -= g->pusd;
	a->running--;
	spend(a, g->unix_ms, used->pusd);
	for (unsigned k = RATE_TOKENS; k < RATES; k++)
		correct(a, k, account_amount(&taken, k), account_amount(used, k));
}

/* --- from outside --- */

void
account_set_spent(struct account *a, uint64_t unix_ms, int64_t pusd)
{
	(void)pthread_mutex_lock(&a->lock);
	account_turn(a, unix_ms);
	a->spent += pusd; /* what ended since the budget was set is there already */
	(void)pthread_mutex_unlock(&a->lock);
}

void
account_mark(struct account *a)
{
	(void)pthread_mutex_lock(&a->lock);
	a->since = 0;
	(void)pthread_mutex_unlock(&a->lock);
}

bool
account_recount(struct account *a, uint64_t from_ms, int64_t pusd)
{
	bool same;

	(void)pthread_mutex_lock(&a->lock);
	same = a->from_ms == from_ms;
	if (same)
		a->spent = pusd + a->since;
	(void)pthread_mutex_unlock(&a->lock);
	return same;
}

void
account_correct(struct account *a, uint64_t period_ms, int64_t pusd)
{
	wide sum;

	(void)pthread_mutex_lock(&a->lock);
	sum = (wide)a->spent + pusd;
	if (a->from_ms == period_ms)
		a->spent = sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
	(void)pthread_mutex_unlock(&a->lock);
}

/* --- all of them at once --- */

/* Its lock is held from here on. */
static bool
ask_one(struct account *a, const struct account_ask *ask, uint64_t now_ms,
    struct account_grant *g, struct account_refusal *ret_refusal)
{
	/* What could not be held is no wall any more: then it is refused. */
	if (g->count == ACCOUNT_GRANT_MAX) {
		*ret_refusal = (struct account_refusal){0};
		return refuse(a, QUOTA_BUDGET, a->limits.budget_pusd, ret_refusal);
	}
	(void)pthread_mutex_lock(&a->lock);
	g->chain[g->count++] = a;
	return may(a, ask, now_ms, g->unix_ms, ret_refusal);
}

/* The account, which is locked then, and its budgets for the model. */
static bool
ask_with_parts(struct account *a, const struct account_ask *ask, uint64_t now_ms,
    struct account_grant *g, struct account_refusal *ret_refusal)
{
	bool granted = ask_one(a, ask, now_ms, g, ret_refusal);

	for (unsigned i = 0; granted && i < a->nparts; i++)
		if (rule_allows(a->parts[i]->models, ask->model))
			granted = ask_one(a->parts[i], ask, now_ms, g, ret_refusal);
	return granted;
}

/* Takes of all or of none; gives up the locks. */
static enum err
conclude(struct account_grant *g, const struct account_ask *ask, bool granted,
    const struct account_refusal *why, struct account_grant *ret_grant)
{
	for (unsigned i = 0; i < g->count; i++) {
		if (granted) {
			take(g->chain[i], ask);
			if (g->chain[i]->from_ms > g->from_ms)
				g->from_ms = g->chain[i]->from_ms;
			(void)account_ref(g->chain[i]);
		}
		(void)pthread_mutex_unlock(&g->chain[i]->lock);
	}
	if (!granted)
		g->count = 0;
	*ret_grant = *g;
	return granted ? ERR_OK : why->kind == QUOTA_BUDGET ? ERR_BUDGET : ERR_QUOTA;
}

static struct account_grant
grant_of(const struct account_ask *ask, uint64_t unix_ms)
{
	return (struct account_grant){.pusd = ask->pusd == UNKNOWN ? 0 : ask->pusd,
	    .input_tok = ask->input_tok,
	    .output_tok = ask->output_tok,
	    .unix_ms = unix_ms};
}

enum err
account_admit(struct account *a, const struct account_ask *ask, uint64_t now_ms,
    uint64_t unix_ms, struct account_grant *ret_grant,
    struct account_refusal *ret_refusal)
{
	struct account_grant g = grant_of(ask, unix_ms);
	bool granted = true;

	/* All locks are held until all have said yes; always from below, so nobody waits
	 * in a circle. */
	for (unsigned i = 0; a != NULL && granted && i < ACCOUNT_CHAIN_MAX; i++) {
		granted = ask_with_parts(a, ask, now_ms, &g, ret_refusal);
		a = a->parent;
	}
	return conclude(&g, ask, granted, ret_refusal, ret_grant);
}

enum err
account_admit_all(struct account *const *all, unsigned n, const struct account_ask *ask,
    uint64_t now_ms, struct account_grant *ret_grant, struct account_refusal *ret_refusal)
{
	struct account_grant g = grant_of(ask, 0);
	bool granted = true;

	for (unsigned i = 0; i < n && granted; i++)
		if (all[i] != NULL)
			granted = ask_one(all[i], ask, now_ms, &g, ret_refusal);
	return conclude(&g, ask, granted, ret_refusal, ret_grant);
}

enum err
account_raise(struct account_grant *g, int64_t pusd, struct account_refusal *ret_refusal)
{
	const struct account_ask more = {.pusd = pusd};
	bool granted = true;
	unsigned n = 0;

	for (; n < g->count && granted; n++) {
		(void)pthread_mutex_lock(&g->chain[n]->lock);
		granted = may_spend(g->chain[n], &more, g->unix_ms, ret_refusal);
	}
	for (unsigned i = 0; i < n; i++) {
		struct account *a = g->chain[i];

		if (granted) {
			a->reserved += pusd;
			if (a->limits.pusd_min != QUOTA_NONE)
				a->rate[RATE_MONEY].left -= pusd;
		}
		(void)pthread_mutex_unlock(&a->lock);
	}
	if (granted)
		g->pusd += pusd;
	else
		ret_refusal->left_pusd += g->pusd; /* to this request it is left */
	return granted ? ERR_OK : ERR_BUDGET;
}

bool
account_has_room(struct account *a, const struct account_ask *ask, uint64_t now_ms,
    struct account_refusal *ret_refusal)
{
	bool has;

	(void)pthread_mutex_lock(&a->lock);
	has = may(a, ask, now_ms, 0, ret_refusal);
	(void)pthread_mutex_unlock(&a->lock);
	return has;
}

void
account_cancel(struct account_grant *g)
{
	for (unsigned i = 0; i < g->count; i++) {
		struct account *a = g->chain[i];

		(void)pthread_mutex_lock(&a->lock);
		correct(a, RATE_REQUESTS, 1, 0);
		(void)pthread_mutex_unlock(&a->lock);
	}
	account_settle(g, 0, 0, 0);
}

void
account_settle(
    struct account_grant *g, int64_t pusd, uint64_t input_tok, uint64_t output_tok)
{
	const struct account_ask used = {.pusd = pusd == UNKNOWN ? g->pusd : pusd,
	    .input_tok = input_tok,
	    .output_tok = output_tok};

	for (unsigned i = 0; i < g->count; i++) {
		struct account *a = g->chain[i];

		(void)pthread_mutex_lock(&a->lock);
		give(a, g, &used);
		(void)pthread_mutex_unlock(&a->lock);
		account_unref(a);
	}
	g->count = 0;
}

static bool
is_granted(const struct account_grant *g, const struct account *a)
{
	for (unsigned i = 0; i < g->count; i++)
		if (g->chain[i] == a)
			return true;
	return false;
}

/* The account and its budgets for the model, but for those that were asked. */
static void
charge_one(struct account *a, const struct account_grant *g, struct slice model,
    uint64_t unix_ms, int64_t pusd)
{
	struct account *all[ACCOUNT_GRANT_MAX];
	unsigned n = account_with_parts(a, model, all);

	for (unsigned i = 0; i < n; i++) {
		if (!is_granted(g, all[i])) {
			(void)pthread_mutex_lock(&all[i]->lock);
			account_turn(all[i], unix_ms);
			spend(all[i], unix_ms, pusd);
			(void)pthread_mutex_unlock(&all[i]->lock);
		}
		account_unref(all[i]);
	}
}

void
account_charge(struct account *a, const struct account_grant *g, struct slice model,
    uint64_t unix_ms, int64_t pusd)
{
	for (a = account_ref(a); a != NULL; a = account_next(a))
		charge_one(a, g, model, unix_ms, pusd);
	for (unsigned i = 0; i < g->count; i++)
		if (account_models(g->chain[i]).len == 0)
			charge_one(g->chain[i], g, model, unix_ms, pusd);
}

void
account_put_limit(const struct account_refusal *why, struct note *to)
{
	static const char *const kinds[QUOTA_KINDS] = {[QUOTA_BUDGET] = "USD",
	    [QUOTA_REQUESTS] = "requests a minute",
	    [QUOTA_TOKENS] = "tokens a minute",
	    [QUOTA_INPUT] = "input tokens a minute",
	    [QUOTA_OUTPUT] = "output tokens a minute",
	    [QUOTA_MONEY] = "USD a minute",
	    [QUOTA_CONCURRENT] = "requests at a time"};
	bool money = why->kind == QUOTA_BUDGET || why->kind == QUOTA_MONEY;
	char text[TEXT_PUSD_MAX];

	if (money)
		note_add(to, "%.*s", (int)text_pusd(text, why->limit), text);
	else
		note_add(to, "%lld", (long long)why->limit);
	note_add(to, " %s", kinds[why->kind]);
}

struct account *
account_next(struct account *a)
{
	struct account *parent;

	(void)pthread_mutex_lock(&a->lock);
	parent = account_ref(a->parent);
	(void)pthread_mutex_unlock(&a->lock);
	account_unref(a);
	return parent;
}

/* Of the account alone, and of its budgets for the model; and the one above, with a
 * reference. */
static int64_t
left_at(
    struct account *a, struct slice model, uint64_t unix_ms, struct account **ret_above)
{
	int64_t least, left;

	(void)pthread_mutex_lock(&a->lock);
	account_turn(a, unix_ms);
	least = left_of(a, unix_ms);
	for (unsigned i = 0; i < a->nparts; i++) {
		struct account *part = a->parts[i];

		if (!rule_allows(part->models, model))
			continue;
		(void)pthread_mutex_lock(&part->lock);
		account_turn(part, unix_ms);
		left = left_of(part, unix_ms);
		(void)pthread_mutex_unlock(&part->lock);
		least = left < least ? left : least;
	}
	*ret_above = account_ref(a->parent);
	(void)pthread_mutex_unlock(&a->lock);
	return least;
}

int64_t
account_left(struct account *a, struct slice model, uint64_t unix_ms)
{
	int64_t least = INT64_MAX;
	struct account *above;

	for (a = account_ref(a); a != NULL; a = above) {
		int64_t left = left_at(a, model, unix_ms, &above);

		account_unref(a);
		least = left < least ? left : least;
	}
	return least < 0 ? 0 : least;
}

bool
account_use(struct account *a, uint64_t unix_ms, struct account_used *ret)
{
	bool has;

	(void)pthread_mutex_lock(&a->lock);
	account_turn(a, unix_ms);
	has = a->limits.budget_pusd != QUOTA_NONE;
	*ret = (struct account_used){
	    a->limits.budget_pusd, a->spent, a->limits.period, a->from_ms, a->until_ms};
	(void)pthread_mutex_unlock(&a->lock);
	return has;
}

static void
tighten(struct account *a, enum account_rate k, uint64_t now_ms, struct account_rates *to)
{
	struct bucket *b = &a->rate[k];
	int64_t limit = account_limit_of(&a->limits, k), left;

	if (limit == QUOTA_NONE)
		return;
	limit = own_part(limit);
	if (!account_is_leased())
		fill(b, limit, now_ms);
	left = b->left + (account_is_leased() ? b->level : 0);
	left = left < 0 ? 0 : left > limit ? limit : left;
	if (to->of[k].limit != QUOTA_NONE && left >= to->of[k].left)
		return;
	to->of[k].limit = limit;
	to->of[k].left = left;
	to->of[k].reset_ms = time_for((wide)limit - left, limit);
}

/* Returns the one above, with a reference. */
static struct account *
add_rates(struct account *a, uint64_t now_ms, struct account_rates *to)
{
	struct account *above;

	(void)pthread_mutex_lock(&a->lock);
	for (unsigned k = 0; k < RATES; k++)
		tighten(a, k, now_ms, to);
	above = account_ref(a->parent);
	(void)pthread_mutex_unlock(&a->lock);
	return above;
}

void
account_rates_add(struct account *a, uint64_t now_ms, struct account_rates *to)
{
	account_unref(add_rates(a, now_ms, to));
}

void
account_rates(struct account *a, uint64_t now_ms, struct account_rates *ret)
{
	struct account *above;

	for (unsigned k = 0; k < RATES; k++)
		ret->of[k].limit = QUOTA_NONE;
	for (a = account_ref(a); a != NULL; a = above) {
		above = add_rates(a, now_ms, ret);
		account_unref(a);
	}
}

void
account_share(unsigned bits)
{
	atomic_store(&shares, bits);
}

bool
account_shares(enum account_share what)
{
	return (atomic_load_explicit(&shares, memory_order_relaxed) & what) != 0;
}

void
account_alone(unsigned permille)
{
	atomic_store(&alone, permille);
}
