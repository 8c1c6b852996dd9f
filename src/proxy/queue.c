#include "proxy/queue.h"

#include "proxy/request.h"

#include <stdlib.h>

#define LOOK_MS 1000 /* a line is looked after so often: limits may be changed */

struct line {
	struct link link; /* worker->queue.lines */
	struct worker *worker;
	const void *what;
	bool in_turn;	   /* the first is let in before the next is tried */
	struct link turns; /* of keys; the first is next */
	unsigned nturns;
	struct timer timer;
	bool is_served;
};

/* The requests of one key. */
struct queue_turn {
	struct link link;
	struct line *line;
	uint64_t key_id;
	struct link waiting;
};

/* --- lines and turns: they are there while somebody waits in them --- */

static void serve(void *arg);

static struct line *
line_of(struct worker *w, const void *what, bool in_turn)
{
	struct line *l;

	LIST_FOR_EACH (it, &w->queue.lines)
		if (CONTAINER_OF(it, struct line, link)->what == what)
			return CONTAINER_OF(it, struct line, link);
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->worker = w;
	l->what = what;
	l->in_turn = in_turn;
	list_init(&l->turns);
	timer_init(&l->timer, loop_wheel(w->loop), serve, l);
	list_push_back(&w->queue.lines, &l->link);
	return l;
}

static struct queue_turn *
turn_of(struct line *l, uint64_t key_id)
{
	struct queue_turn *t;

	LIST_FOR_EACH (it, &l->turns)
		if (CONTAINER_OF(it, struct queue_turn, link)->key_id == key_id)
			return CONTAINER_OF(it, struct queue_turn, link);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->line = l;
	t->key_id = key_id;
	list_init(&t->waiting);
	list_push_back(&l->turns, &t->link);
	l->nturns++;
	return t;
}

static void
end_line(struct line *l)
{
	if (l->is_served || !list_empty(&l->turns))
		return;
	timer_stop(&l->timer);
	list_remove(&l->link);
	free(l);
}

static void
count(struct worker *w, int by)
{
	struct queue *q = &w->queue;

	if (by > 0) {
		q->count++;
		atomic_store(&q->anybody, true);
		stats_add(&w->stats.waiting, 1);
		return;
	}
	q->count--;
	stats_sub(&w->stats.waiting, 1);
	/* Who is tried and refused must hear of what ended meanwhile. */
	if (q->count == 0 && q->served == 0)
		atomic_store(&q->anybody, false);
}

/* Takes it out of its turn; the line stays. */
static struct line *
take_out(struct request *r)
{
	struct queue_turn *t = r->place.turn;
	struct line *l = t->line;

	list_remove(&r->place.link);
	r->place.turn = NULL;
	timer_stop(&r->timer);
	count(r->worker, -1);
	if (list_empty(&t->waiting)) {
		list_remove(&t->link);
		l->nturns--;
		free(t);
	}
	return l;
}

void
queue_leave(struct request *r)
{
	if (r->place.turn != NULL)
		end_line(take_out(r));
}

static void
post(struct worker *w)
{
	if (atomic_load(&w->queue.anybody) && !atomic_exchange(&w->queue.is_awake, true))
		loop_post(w->loop, &w->queue.mail);
}

/* --- waiting --- */

static bool
is_full(const struct worker *w)
{
	uint64_t most = w->config->options.queue_max;

	return w->queue.count >= (most + w->nworkers - 1) / w->nworkers;
}

static bool
may_wait(struct request *r, uint64_t now)
{
	const struct options *o = &r->config->options;

	if (o->queue == 0 || r->worker->stopping || r->client == NULL)
		return false;
	if (r->place.until_ms == 0) {
		if (is_full(r->worker))
			return false;
		r->place.until_ms =
		    now + o->queue < r->deadline_ms ? now + o->queue : r->deadline_ms;
	}
	return now < r->place.until_ms;
}

static void
put_in(struct request *r, struct queue_turn *t)
{
	struct line *l = t->line;

	if (r->place.was_first && l->in_turn) {
		/* It keeps its key's turn, too. */
		list_remove(&t->link);
		list_push_front(&l->turns, &t->link);
	}
	if (r->place.was_first)
		list_push_front(&t->waiting, &r->place.link);
	else
		list_push_back(&t->waiting, &r->place.link);
	r->place.was_first = false;
	r->place.turn = t;
	count(r->worker, 1);
	timer_set(&r->timer, r->place.until_ms);
}

/* Another thread may have given something back since it was refused, and before it was
 * seen to wait: it is tried once more. */
static void
look_again(struct worker *w)
{
	if (w->nworkers > 1)
		post(w);
}

bool
queue_wait(struct request *r, const void *what, bool in_turn, uint64_t retry_ms)
{
	uint64_t now = loop_now(r->worker->loop), at;
	struct queue_turn *t = NULL;
	bool again = r->place.was_first;
	struct line *l;

	if (!may_wait(r, now))
		return false;
	l = line_of(r->worker, what, in_turn);
	if (l != NULL)
		t = turn_of(l, r->key_id);
	if (t == NULL) {
		if (l != NULL)
			end_line(l);
		return false;
	}
	put_in(r, t);
	at = now + (retry_ms > 0 && retry_ms < LOOK_MS ? retry_ms : LOOK_MS);
	if (!timer_is_set(&l->timer) || at < l->timer.deadline_ms)
		timer_set(&l->timer, at);
	if (!again)
		look_again(r->worker);
	return true;
}

/* The turn of its key that others wait in. */
static struct queue_turn *
turn_before(const struct request *r)
{
	LIST_FOR_EACH (l, &r->worker->queue.lines)
		LIST_FOR_EACH (t, &CONTAINER_OF(l, struct line, link)->turns)
			if (CONTAINER_OF(t, struct queue_turn, link)->key_id == r->key_id)
				return CONTAINER_OF(t, struct queue_turn, link);
	return NULL;
}

/* Of the same line: it would be refused as they are. */
static bool
waits_for(const struct request *r, const struct queue_turn *t)
{
	return t->line->in_turn || t->line->what == r->name.model;
}

bool
queue_holds(struct request *r)
{
	struct queue_turn *t;

	if (r->place.turn != NULL) {
		if (loop_now(r->worker->loop) < r->place.until_ms)
			return true;
		queue_leave(r); /* and is tried for the last time */
		return false;
	}
	if (r->place.until_ms != 0 || r->worker->queue.count == 0)
		return false;
	t = turn_before(r);
	return t != NULL && waits_for(r, t) &&
	       queue_wait(r, t->line->what, t->line->in_turn, 0);
}

/* --- trying again --- */

/* The first of the turn; true: it waits no more in this line. */
static bool
try_first(struct line *l, struct queue_turn *t)
{
	struct request *r = CONTAINER_OF(t->waiting.next, struct request, place.link);

	/* The next time it is another key's turn. */
	list_remove(&t->link);
	list_push_back(&l->turns, &t->link);
	(void)take_out(r);
	r->place.was_first = true;
	request_run(r);
	r->place.was_first = false;
	return r->place.turn == NULL || r->place.turn->line != l;
}

static void
serve(void *arg)
{
	struct line *l = arg;
	struct queue *q = &l->worker->queue;
	unsigned refused = 0;

	timer_stop(&l->timer);
	l->is_served = true;
	q->served++;
	while (refused < l->nturns) {
		struct link *first = l->turns.next;

		if (try_first(l, CONTAINER_OF(first, struct queue_turn, link)))
			refused = 0;
		else if (l->in_turn)
			break;
		else
			refused++;
	}
	l->is_served = false;
	end_line(l);
	if (--q->served == 0 && q->count == 0)
		atomic_store(&q->anybody, false);
}

static void
serve_all(struct worker *w)
{
	LIST_FOR_EACH_SAFE (it, &w->queue.lines)
		serve(CONTAINER_OF(it, struct line, link));
}

static void
on_mail(void *arg)
{
	struct worker *w = arg;

	atomic_store(&w->queue.is_awake, false);
	serve_all(w);
}

void
queue_wake(struct worker *w)
{
	if (w->peers == NULL)
		post(w);
	/* Another one is the first to hear of it each time. */
	for (unsigned i = 0; w->peers != NULL && i < w->nworkers; i++)
		post(w->peers[(w->next_peer + i) % w->nworkers]);
	w->next_peer++;
}

void
queue_stop(struct worker *w)
{
	serve_all(w);
}

void
queue_init(struct worker *w)
{
	list_init(&w->queue.lines);
	atomic_init(&w->queue.anybody, false);
	atomic_init(&w->queue.is_awake, false);
	w->queue.mail.fn = on_mail;
	w->queue.mail.arg = w;
}
