#include "route/allowance.h"

#include "core/map.h"

#include <pthread.h>
#include <stdlib.h>

struct part {
	atomic_int_fast64_t left;      /* as far as is known */
	atomic_int_fast64_t limit;     /* 0: not told */
	atomic_int_fast64_t under_way; /* taken by requests that have no reply yet */
	atomic_uint_fast64_t until_ms; /* monotonic: full again; 0: nothing known */
};

struct allowance {
	struct part of[ALLOWANCE_KINDS];
};

/* All that there ever were. */
static struct {
	pthread_mutex_t lock;
	struct map names;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct allowance_set *
new_set(struct slice name)
{
	struct allowance_set *s = calloc(1, sizeof(*s));
	char *kept = slice_dup(name);

	if (s != NULL && kept != NULL &&
	    map_put(&all.names, slice_str(kept), s) == ERR_OK)
		return s;
	free(kept);
	free(s);
	return NULL;
}

struct allowance_set *
allowance_set_of(struct slice name)
{
	struct allowance_set *s;

	(void)pthread_mutex_lock(&all.lock);
	s = map_get(&all.names, name);
	if (s == NULL)
		s = new_set(name);
	(void)pthread_mutex_unlock(&all.lock);
	return s;
}

/* That of the key, made by whoever needs it first. */
static struct allowance *
of_key(struct allowance_set *s, unsigned key)
{
	struct allowance *a = atomic_load(&s->of[key]), *made;

	if (a != NULL)
		return a;
	made = calloc(1, sizeof(*made));
	if (made != NULL && !atomic_compare_exchange_strong(&s->of[key], &a, made)) {
		free(made);
		return a;
	}
	return made;
}

/* When there is room for n besides what is under way; 0: now. */
static uint64_t
wait_for(struct part *p, int64_t n, int64_t under_way, uint64_t now_ms)
{
	uint64_t until = atomic_load(&p->until_ms);
	int64_t left = atomic_load(&p->left) - under_way, limit = atomic_load(&p->limit);

	if (until <= now_ms || n <= 0)
		return 0;
	/* What is guessed of tokens may be too much: it counts up to what there can be,
	 * and where nobody knows that, as one. */
	if (n > limit)
		n = limit > 0 ? limit : 1;
	return left >= n ? 0 : until;
}

uint64_t
allowance_until(struct allowance_set *s, unsigned key, const struct allowance_ask *ask,
    uint64_t now_ms)
{
	struct allowance *a = s == NULL ? NULL : atomic_load(&s->of[key]);
	uint64_t latest = 0;

	for (unsigned k = 0; a != NULL && k < ALLOWANCE_KINDS; k++) {
		struct part *p = &a->of[k];
		uint64_t until =
		    wait_for(p, ask->of[k], atomic_load(&p->under_way), now_ms);

		latest = until > latest ? until : latest;
	}
	return latest;
}

static void
put_back(struct allowance_hold *h)
{
	for (unsigned k = 0; k < ALLOWANCE_KINDS; k++)
		atomic_fetch_sub(&h->from->of[k].under_way, h->took.of[k]);
}

bool
allowance_take(struct allowance_set *s, unsigned key, const struct allowance_ask *ask,
    uint64_t now_ms, struct allowance_hold *ret_hold)
{
	bool room = true;

	*ret_hold = (struct allowance_hold){.took = *ask};
	ret_hold->from = s == NULL ? NULL : of_key(s, key);
	if (ret_hold->from == NULL)
		return true;
	for (unsigned k = 0; k < ALLOWANCE_KINDS; k++) {
		struct part *p = &ret_hold->from->of[k];
		int64_t before = atomic_fetch_add(&p->under_way, ask->of[k]);

		room = room && wait_for(p, ask->of[k], before, now_ms) == 0;
	}
	if (room)
		return true;
	put_back(ret_hold);
	ret_hold->from = NULL;
	return false;
}

static void
learn(struct part *p, const struct allowance_told *told, uint64_t now_ms)
{
	uint64_t ms =
	    told->reset_ms < ALLOWANCE_MAX_MS ? told->reset_ms : ALLOWANCE_MAX_MS;

	atomic_store(&p->left, told->left);
	atomic_store(&p->limit, told->limit);
	atomic_store(&p->until_ms, now_ms + ms);
}

void
allowance_learn(struct allowance_hold *h,
    const struct allowance_told told[ALLOWANCE_KINDS], uint64_t now_ms)
{
	if (h->from == NULL)
		return;
	put_back(h);
	for (unsigned k = 0; k < ALLOWANCE_KINDS; k++) {
		if (told[k].known)
			learn(&h->from->of[k], &told[k], now_ms);
		else
			atomic_fetch_sub(&h->from->of[k].left, h->took.of[k]);
	}
	h->from = NULL;
}

void
allowance_give(struct allowance_hold *h, bool sent)
{
	if (h->from == NULL)
		return;
	put_back(h);
	for (unsigned k = 0; k < ALLOWANCE_KINDS && sent; k++)
		atomic_fetch_sub(&h->from->of[k].left, h->took.of[k]);
	h->from = NULL;
}
