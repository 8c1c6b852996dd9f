#include "shared/shared.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "shared/peers.h"
#include "shared/script.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MS	  50   /* how often leases of accounts in use are looked at */
#define IDLE_MS	  250  /* the same, when there are none */
#define TELL_MS	  1000 /* how often slots and what was learnt are told */
#define AGAIN_MS  100  /* after the server could not be reached; doubles */
#define AGAIN_MAX 2000
#define PARTS_MAX 64 /* scripts on their way at a time */
#define FORGET_MS 30000
#define HOLDINGS  1024 /* a power of two */

/* An account of which something is leased, or was lately. */
struct holding {
	struct account *account; /* with a reference */
	int64_t slots;		 /* as told last */
	uint64_t told_ms, used_ms;
	struct holding *next;
};

/* A script under way. */
struct part {
	struct holding *holding;
	struct account_draw draw;
};

struct shared {
	struct shared_options options;
	struct redis *redis;
	struct scripts scripts;
	struct peers peers;
	char name[SCRIPT_NAME_MAX]; /* this process's, by chance */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct lease_ask *asks; /* under lock; the newest first */
	bool closed;		/* under lock */
	atomic_bool well;
	/* The thread's. */
	struct holding *holdings[HOLDINGS]; /* by the account's place in memory */
	unsigned nholdings;
	struct part parts[PARTS_MAX];
	unsigned nparts;
	uint64_t again_ms, pause_ms, ticked_ms;
	struct note told; /* why it cannot be reached; empty: it can */
};

/* --- accounts --- */

static struct holding **
holdings_at(struct shared *s, const struct account *a)
{
	uint64_t place = (uint64_t)(uintptr_t)a * 0x9e3779b97f4a7c15u;

	return &s->holdings[place >> 54];
}

static struct holding *
holding_of(struct shared *s, struct account *a)
{
	struct holding **first = holdings_at(s, a), *h = *first;

	while (h != NULL && h->account != a)
		h = h->next;
	if (h != NULL)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->account = account_ref(a);
	h->next = *first;
	*first = h;
	s->nholdings++;
	return h;
}

static void
forget(struct shared *s, bool all)
{
	uint64_t now = clock_mono_ms();

	for (unsigned i = 0; i < HOLDINGS; i++) {
		struct holding **at = &s->holdings[i];

		while (*at != NULL) {
			struct holding *h = *at;

			if (!all &&
			    (account_holds(h->account) || now < h->used_ms + FORGET_MS)) {
				at = &h->next;
				continue;
			}
			*at = h->next;
			account_unref(h->account);
			free(h);
			s->nholdings--;
		}
	}
}

/* --- the server --- */

static void
tell_lost(struct shared *s, const struct note *why)
{
	account_alone(s->options.alone_permille);
	atomic_store(&s->well, false);
	s->again_ms = clock_mono_ms() + s->pause_ms;
	s->pause_ms = s->pause_ms * 2 < AGAIN_MAX ? s->pause_ms * 2 : AGAIN_MAX;
	if (slice_eq(note_slice(&s->told), note_slice(why)))
		return;
	s->told = *why;
	log_event(LOG_WARN,
	    "the shared state (shared.url) cannot be reached: %s; until it can, this "
	    "process has %u.%u%% of each shared limit to itself (shared.alone)",
	    note_slice(why).ptr, s->options.alone_permille / 10,
	    s->options.alone_permille % 10);
}

/* One that can be read but not written is none: a replica, a right that is missing. */
static enum err
begin(struct shared *s, struct note *why)
{
	enum err e = redis_connect(s->redis, why);

	peers_begin(&s->peers);
	if (e == ERR_OK)
		e = scripts_load(&s->scripts, s->redis, why);
	if (e == ERR_OK)
		e = peers_exchange(&s->peers, &s->scripts, s->redis, why);
	if (e != ERR_OK)
		redis_drop(s->redis);
	return e;
}

static bool
connect_again(struct shared *s)
{
	struct note why;

	if (atomic_load(&s->well))
		return true;
	if (clock_mono_ms() < s->again_ms)
		return false;
	if (begin(s, &why) != ERR_OK) {
		tell_lost(s, &why);
		return false;
	}
	account_alone(0);
	atomic_store(&s->well, true);
	s->pause_ms = AGAIN_MS;
	if (note_slice(&s->told).len > 0)
		log_event(LOG_WARN, "the shared state (shared.url) is reached again");
	note_set(&s->told, "%s", "");
	return true;
}

/* --- drawing --- */

static enum err
receive_parts(struct shared *s, struct note *why)
{
	enum err e = ERR_OK;

	for (unsigned i = 0; i < s->nparts; i++) {
		struct part *p = &s->parts[i];
		struct script_drawn got;

		if (e == ERR_OK)
			e = script_drawn(s->redis, &got, why);
		if (e != ERR_OK) {
			account_undraw(p->holding->account, &p->draw);
			continue;
		}
		account_drawn(
		    p->holding->account, &p->draw, got.granted, got.level, got.slots);
		p->holding->slots = got.slots;
		p->holding->told_ms = clock_mono_ms();
	}
	s->nparts = 0;
	return e;
}

/* Does the server know that much already? */
static bool
is_old_news(const struct holding *h, const struct account_draw *d)
{
	for (unsigned k = 0; k < RATES; k++)
		if (d->back[k] != 0 || d->want[k] != 0)
			return false;
	return d->slots == h->slots && clock_mono_ms() < h->told_ms + TELL_MS;
}

static enum err
draw(
    struct shared *s, struct account *a, const struct account_ask *need, struct note *why)
{
	struct holding *h = holding_of(s, a);
	struct part *p;
	enum err e = ERR_OK;

	if (h == NULL)
		return ERR_OK;
	if (need != NULL)
		h->used_ms = clock_mono_ms();
	if (s->nparts == PARTS_MAX)
		e = receive_parts(s, why);
	if (e != ERR_OK)
		return e;
	p = &s->parts[s->nparts];
	if (!account_draw(a, need, &p->draw) || is_old_news(h, &p->draw))
		return ERR_OK;
	p->holding = h;
	s->nparts++;
	e = script_draw(&s->scripts, s->redis, s->name, a, &p->draw);
	if (e != ERR_OK)
		note_set(why, "the connection is lost");
	return e;
}

static struct lease_ask *
take_asks(struct shared *s)
{
	struct lease_ask *first = NULL, *a;

	(void)pthread_mutex_lock(&s->lock);
	a = s->asks;
	s->asks = NULL;
	(void)pthread_mutex_unlock(&s->lock);
	while (a != NULL) {
		struct lease_ask *next = a->next;

		a->next = first;
		first = a;
		a = next;
	}
	return first;
}

static void
answer(struct lease_ask *asks)
{
	while (asks != NULL) {
		struct lease_ask *next = asks->next;

		lender_answer(asks);
		asks = next;
	}
}

static enum err
draw_chain(
    struct shared *s, struct account *a, const struct account_ask *need, struct note *why)
{
	enum err e = ERR_OK;

	a = account_ref(a);

	while (a != NULL) {
		if (e == ERR_OK)
			e = draw(s, a, need, why);
		a = account_next(a);
	}
	return e;
}

/* Those who ask come first; what of it they get, the accounts know. */
static enum err
draw_all(struct shared *s, const struct lease_ask *asks, bool tick, struct note *why)
{
	enum err e = ERR_OK, last;

	for (; e == ERR_OK && asks != NULL; asks = asks->next)
		for (unsigned i = 0; e == ERR_OK && i < asks->naccounts; i++)
			e = draw_chain(s, asks->accounts[i], &asks->need, why);
	for (unsigned i = 0; tick && i < HOLDINGS; i++)
		for (struct holding *h = s->holdings[i]; e == ERR_OK && h != NULL;
		     h = h->next)
			e = draw(s, h->account, NULL, why);
	last = e == ERR_OK ? receive_parts(s, why) : e;
	if (last != ERR_OK) { /* those whose answer does not come */
		redis_drop(s->redis);
		(void)receive_parts(s, &(struct note){0});
	}
	return last;
}

/* --- the thread --- */

static void
wait_for_asks(struct shared *s)
{
	uint64_t until = clock_mono_ms() + (s->nholdings == 0 ? IDLE_MS : TICK_MS);
	struct timespec at = {
	    .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000};
	int why = 0;

	(void)pthread_mutex_lock(&s->lock);
	while (why == 0 && !s->closed && s->asks == NULL)
		why = pthread_cond_clockwait(&s->some, &s->lock, CLOCK_MONOTONIC, &at);
	(void)pthread_mutex_unlock(&s->lock);
}

static bool
is_closed(struct shared *s)
{
	bool closed;

	(void)pthread_mutex_lock(&s->lock);
	closed = s->closed;
	(void)pthread_mutex_unlock(&s->lock);
	return closed;
}

static void
turn(struct shared *s)
{
	struct lease_ask *asks = take_asks(s);
	uint64_t now = clock_mono_ms();
	bool tick = now >= s->ticked_ms + TICK_MS;
	struct note why;
	enum err e;

	if (connect_again(s)) {
		e = draw_all(s, asks, tick, &why);
		/* It may have been emptied, or started anew: then at once once more. */
		if (e != ERR_OK && begin(s, &why) == ERR_OK)
			e = draw_all(s, asks, tick, &why);
		if (e == ERR_OK && tick)
			e = peers_exchange(&s->peers, &s->scripts, s->redis, &why);
		if (e != ERR_OK)
			tell_lost(s, &why);
	}
	if (tick) {
		s->ticked_ms = now;
		forget(s, false);
	}
	answer(asks);
}

static void *
run(void *arg)
{
	struct shared *s = arg;

	while (!is_closed(s)) {
		turn(s);
		wait_for_asks(s);
	}
	/* Twice idle: all goes back. */
	s->ticked_ms = 0;
	turn(s);
	s->ticked_ms = 0;
	turn(s);
	return NULL;
}

/* --- from outside --- */

static void
free_shared(struct shared *s)
{
	forget(s, true);
	peers_free(&s->peers);
	redis_free(s->redis);
	(void)pthread_cond_destroy(&s->some);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static void
make_lock(struct shared *s)
{
	(void)pthread_cond_init(&s->some, NULL);
	(void)pthread_mutex_init(&s->lock, NULL);
}

enum err
shared_start(const struct shared_options *o, struct shared **ret_shared)
{
	struct shared *s = calloc(1, sizeof(*s));
	uint64_t chance;

	if (s == NULL)
		return ERR_NOMEM;
	s->options = *o;
	s->pause_ms = AGAIN_MS;
	make_lock(s);
	peers_init(&s->peers);
	random_bytes(&chance, sizeof(chance));
	(void)snprintf(s->name, sizeof(s->name), "%016llx", (unsigned long long)chance);
	account_alone(o->alone_permille);
	s->redis = redis_new(&o->place, o->timeout_ms);
	if (s->redis == NULL || pthread_create(&s->thread, NULL, run, s) != 0) {
		free_shared(s);
		return ERR_NOMEM;
	}
	*ret_shared = s;
	return ERR_OK;
}

void
shared_stop(struct shared *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->closed = true;
	(void)pthread_cond_signal(&s->some);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	free_shared(s);
}

static void
lend(void *arg, struct lease_ask *a)
{
	struct shared *s = arg;

	(void)pthread_mutex_lock(&s->lock);
	a->next = s->asks;
	s->asks = a;
	(void)pthread_cond_signal(&s->some);
	(void)pthread_mutex_unlock(&s->lock);
}

struct lender
shared_lender(struct shared *s)
{
	return (struct lender){lend, s};
}

bool
shared_is_well(const struct shared *s)
{
	return atomic_load(&s->well);
}
