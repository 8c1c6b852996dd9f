#include "loop/wheel.h"

#include <assert.h>

/*
 * Level 0 has a slot for each of the next 64 ms, level 1 for each 64 ms of the
 * next 4 s, and so on; level 4 reaches 12 days. When the time comes to a slot
 * of a higher level, its timers move down.
 */
#define SLOT_BITS   6
#define SPAN(level) ((uint64_t)1 << (SLOT_BITS * (level)))

void
wheel_init(struct wheel *w, uint64_t now_ms)
{
	w->now_ms = now_ms;
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		w->busy[l] = 0;
		for (unsigned s = 0; s < WHEEL_SLOTS; s++)
			list_init(&w->slots[l][s]);
	}
}

static void
place(struct timer *t)
{
	struct wheel *w = t->wheel;
	uint64_t at = t->deadline_ms <= w->now_ms ? w->now_ms + 1 : t->deadline_ms;
	unsigned level = 0;

	/* The highest level always takes it: what is farther comes by again. */
	if (at - w->now_ms >= SPAN(WHEEL_LEVELS))
		at = w->now_ms + SPAN(WHEEL_LEVELS) - 1;
	while (level < WHEEL_LEVELS - 1 && at - w->now_ms >= SPAN(level + 1))
		level++;
	t->placed_ms = at;
	t->level = (unsigned char)level;
	t->slot = (unsigned char)((at >> (SLOT_BITS * level)) & (WHEEL_SLOTS - 1));
	list_push_back(&w->slots[level][t->slot], &t->link);
	w->busy[level] |= (uint64_t)1 << t->slot;
}

static void
take_out(struct timer *t)
{
	struct wheel *w = t->wheel;

	list_remove(&t->link);
	if (list_empty(&w->slots[t->level][t->slot]))
		w->busy[t->level] &= ~((uint64_t)1 << t->slot);
}

/* Empties one slot: fires what is due, hangs the rest where it belongs now. */
static void
turn_slot(struct wheel *w, unsigned level, unsigned slot)
{
	struct link due;

	if ((w->busy[level] >> slot & 1) == 0)
		return;
	due = w->slots[level][slot];
	due.next->prev = due.prev->next = &due;
	list_init(&w->slots[level][slot]);
	w->busy[level] &= ~((uint64_t)1 << slot);
	while (!list_empty(&due)) {
		struct timer *t = CONTAINER_OF(due.next, struct timer, link);

		list_remove(&t->link);
		if (t->deadline_ms > w->now_ms) {
			place(t);
			continue;
		}
		t->deadline_ms = WHEEL_NEVER;
		t->fn(t->arg);
	}
}

/* The first busy slot of a level at or after `from`, in turning order; 64: none. */
static unsigned
slots_ahead(uint64_t busy, unsigned from)
{
	uint64_t turned = busy >> from | (from == 0 ? 0 : busy << (WHEEL_SLOTS - from));

	return turned == 0 ? WHEEL_SLOTS : (unsigned)__builtin_ctzll(turned);
}

uint64_t
wheel_next(const struct wheel *w)
{
	uint64_t next = WHEEL_NEVER;

	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		uint64_t tick = w->now_ms >> (SLOT_BITS * l);
		unsigned from = (unsigned)((tick + 1) & (WHEEL_SLOTS - 1));
		unsigned ahead = slots_ahead(w->busy[l], from);
		uint64_t at = (tick + 1 + ahead) << (SLOT_BITS * l);

		if (ahead < WHEEL_SLOTS && at < next)
			next = at;
	}
	return next;
}

void
wheel_advance(struct wheel *w, uint64_t now_ms)
{
	for (;;) {
		uint64_t next = wheel_next(w);

		if (next > now_ms) {
			if (now_ms > w->now_ms)
				w->now_ms = now_ms;
			return;
		}
		w->now_ms = next;
		for (unsigned l = WHEEL_LEVELS; l-- > 0;)
			if ((next & (SPAN(l) - 1)) == 0)
				turn_slot(w, l,
				    (unsigned)(next >> (SLOT_BITS * l)) &
					(WHEEL_SLOTS - 1));
	}
}

void
timer_init(struct timer *t, struct wheel *w, timer_fn *fn, void *arg)
{
	*t = (struct timer){.wheel = w, .deadline_ms = WHEEL_NEVER, .fn = fn, .arg = arg};
	list_init(&t->link);
}

void
timer_set(struct timer *t, uint64_t deadline_ms)
{
	assert(deadline_ms != WHEEL_NEVER);
	t->deadline_ms = deadline_ms;
	if (list_empty(&t->link))
		place(t);
	else if (deadline_ms < t->placed_ms) {
		take_out(t);
		place(t);
	}
}

void
timer_stop(struct timer *t)
{
	if (!list_empty(&t->link))
		take_out(t);
	t->deadline_ms = WHEEL_NEVER;
}
