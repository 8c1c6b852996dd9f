/*
 * What a process leases of limits that several share: the money of a budget, in sums that
 * only grow within a period, and parts of what is counted by the minute.
 */
#include "quota/account_parts.h"

#define SLACK_PARTS 16 /* of a shared limit a process keeps one part ahead of need */
#define GRACE_LOOKS 5  /* what was granted is not taken back before */
#define IDLE_LOOKS  20 /* then all goes back */

static bool
lacks_money(struct account *a, const struct account_ask *ask, uint64_t unix_ms)
{
	if (!account_shares(SHARE_MONEY) || a->limits.dry || ask->pusd == UNKNOWN)
		return false;
	account_turn(a, unix_ms);
	return a->limits.budget_pusd != QUOTA_NONE &&
	       a->granted < a->limits.budget_pusd && account_budget_left(a) < ask->pusd;
}

static bool
lacks_rate(struct account *a, const struct account_ask *ask, uint64_t now_ms)
{
	uint64_t wait;

	if (!account_is_leased() || a->limits.dry)
		return false;
	for (unsigned k = 0; k < RATES; k++)
		if (account_limit_of(&a->limits, k) > 0 &&
		    !account_fits(a, k, account_amount(ask, k), now_ms, &wait))
			return true;
	return !account_has_slot(a) && a->slots < a->limits.concurrent;
}

unsigned
account_lacks(
    struct account *a, const struct account_ask *ask, uint64_t now_ms, uint64_t unix_ms)
{
	struct account *all[ACCOUNT_GRANT_MAX];
	unsigned bits = 0;

	if (!account_shares(SHARE_MONEY) && !account_shares(SHARE_RATES))
		return 0;
	for (a = account_ref(a); a != NULL; a = account_next(a)) {
		unsigned n = account_with_parts(a, ask->model, all);

		for (unsigned i = 0; i < n; i++) {
			struct account *one = all[i];

			(void)pthread_mutex_lock(&one->lock);
			bits |= lacks_money(one, ask, unix_ms) ? SHARE_MONEY : 0;
			bits |= lacks_rate(one, ask, now_ms) ? SHARE_RATES : 0;
			(void)pthread_mutex_unlock(&one->lock);
			account_unref(one);
		}
	}
	return bits;
}

struct lease_state *
account_lease_state(struct account *a)
{
	return &a->lease;
}

struct notice_state *
account_notice_state(struct account *a)
{
	return &a->notice;
}

bool
account_lease(struct account *a, uint64_t unix_ms, struct account_lease *ret)
{
	bool has;

	(void)pthread_mutex_lock(&a->lock);
	account_turn(a, unix_ms);
	has = account_shares(SHARE_MONEY) && a->limits.budget_pusd != QUOTA_NONE;
	*ret = (struct account_lease){a->from_ms, a->until_ms, a->limits.budget_pusd,
	    a->spent + a->reserved, a->granted};
	(void)pthread_mutex_unlock(&a->lock);
	return has;
}

void
account_lend(struct account *a, uint64_t from_ms, int64_t granted_pusd, int64_t rest_pusd)
{
	(void)pthread_mutex_lock(&a->lock);
	if (a->from_ms == from_ms) {
		a->granted = granted_pusd;
		a->rest = rest_pusd;
	}
	(void)pthread_mutex_unlock(&a->lock);
}

int64_t
account_give_back(struct account *a, uint64_t from_ms, int64_t granted_pusd)
{
	int64_t used;

	(void)pthread_mutex_lock(&a->lock);
	used = a->spent + a->reserved;
	if (a->from_ms == from_ms && granted_pusd < a->granted)
		a->granted = granted_pusd > used ? granted_pusd : used;
	granted_pusd = a->granted;
	(void)pthread_mutex_unlock(&a->lock);
	return granted_pusd;
}

/* What is kept ahead of need. */
static int64_t
slack_of(int64_t limit)
{
	return limit / SLACK_PARTS;
}

static void
draw(struct account *a, enum account_rate k, int64_t need, bool idle,
    struct account_draw *d)
{
	struct bucket *b = &a->rate[k];
	int64_t limit = account_limit_of(&a->limits, k), slack, kept;

	d->limit[k] = limit;
	if (limit == QUOTA_NONE)
		return;
	slack = limit > 0 && !idle ? slack_of(limit) : 0;
	b->asked = a->quiet < GRACE_LOOKS ? b->asked + need : 0;
	if (b->asked > limit)
		b->asked = limit;
	kept = b->asked;
	if (b->left < 0 || b->left > kept + 2 * slack) {
		d->back[k] = b->left - (b->left < 0 ? 0 : kept + slack);
		b->left -= d->back[k];
	}
	if (b->left < kept || b->left < slack / 2)
		d->want[k] = kept + slack - b->left;
	b->before = b->left;
}

/* Was nothing taken since the last look? */
static bool
is_still(const struct account *a)
{
	for (unsigned k = 0; k < RATES; k++)
		if (account_limit_of(&a->limits, k) != QUOTA_NONE &&
		    a->rate[k].left != a->rate[k].before)
			return false;
	return a->running == 0;
}

/* Several may ask before the first one takes what it asked for; and that may take a
 * while. */
static int64_t
slots_for(struct account *a, bool need, bool idle)
{
	int64_t had = a->slots > a->running ? a->slots : a->running;

	if (a->quiet >= GRACE_LOOKS) {
		a->slots_asked = 0;
		return idle ? 0 : a->running + slack_of(a->limits.concurrent);
	}
	if (had > a->slots_asked)
		a->slots_asked = had;
	a->slots_asked += need;
	if (a->slots_asked > a->limits.concurrent)
		a->slots_asked = a->limits.concurrent;
	return a->slots_asked > a->running ? a->slots_asked : a->running;
}

bool
account_draw(struct account *a, const struct account_ask *need, struct account_draw *ret)
{
	int64_t had;
	bool some = false, idle;

	*ret = (struct account_draw){.concurrent = QUOTA_NONE};
	(void)pthread_mutex_lock(&a->lock);
	if (account_shares(SHARE_RATES)) {
		a->still = need == NULL && is_still(a) ? a->still + 1 : 0;
		a->quiet = need == NULL ? a->quiet + 1 : 0;
		idle = a->still >= IDLE_LOOKS;
		for (unsigned k = 0; k < RATES; k++) {
			draw(a, k, need == NULL ? 0 : account_amount(need, k), idle, ret);
			some = some || ret->back[k] != 0 || ret->want[k] != 0;
		}
		ret->concurrent = a->limits.concurrent;
		had = a->slots;
		if (ret->concurrent != QUOTA_NONE) {
			ret->running = a->running;
			ret->slots = slots_for(a, need != NULL, idle);
			/* What is told to be free may be somebody else's at once. */
			if (ret->slots < a->slots)
				a->slots = ret->slots;
			/* Also to say that those who run are still there. */
			some = some || ret->slots != 0 || had != 0;
		}
	}
	(void)pthread_mutex_unlock(&a->lock);
	return some;
}

void
account_drawn(struct account *a, const struct account_draw *d,
    const int64_t granted[RATES], const int64_t level[RATES], int64_t slots)
{
	(void)pthread_mutex_lock(&a->lock);
	for (unsigned k = 0; k < RATES; k++) {
		if (d->limit[k] == QUOTA_NONE)
			continue;
		a->rate[k].left += granted[k];
		a->rate[k].before += granted[k];
		a->rate[k].level = level[k];
	}
	a->slots = slots;
	(void)pthread_mutex_unlock(&a->lock);
}

void
account_undraw(struct account *a, const struct account_draw *d)
{
	(void)pthread_mutex_lock(&a->lock);
	for (unsigned k = 0; k < RATES; k++) {
		if (d->back[k] >= 0)
			continue;
		a->rate[k].left += d->back[k];
		a->rate[k].before += d->back[k];
	}
	(void)pthread_mutex_unlock(&a->lock);
}

bool
account_holds(struct account *a)
{
	bool holds = false;

	(void)pthread_mutex_lock(&a->lock);
	for (unsigned k = 0; k < RATES; k++)
		holds = holds || a->rate[k].left != 0;
	holds = holds || a->running != 0 || a->slots != 0;
	(void)pthread_mutex_unlock(&a->lock);
	return holds;
}
