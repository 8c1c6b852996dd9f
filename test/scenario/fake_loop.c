/*
 * The loop of the world: its time is what the scenario says, its tasks run when time
 * passes, mail from one loop to itself is a task.
 */
#include "world.h"

#include <stdlib.h>

#define WALL_MS 1790000000000u /* unix ms at the world's beginning */

struct loop {
	uint64_t now_ms, start_ms;
	struct wheel wheel;
	struct random random;
	struct link tasks;
	struct mail *mail;
};

struct loop *
fake_loop_new(uint64_t now_ms)
{
	struct loop *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->now_ms = l->start_ms = now_ms;
	wheel_init(&l->wheel, now_ms);
	random_seed(&l->random, 7);
	list_init(&l->tasks);
	return l;
}

void
fake_loop_free(struct loop *l)
{
	assert_true(list_empty(&l->tasks));
	free(l);
}

static void
run_tasks(struct loop *l)
{
	while (!list_empty(&l->tasks) || l->mail != NULL) {
		struct mail *m = l->mail;

		if (m != NULL) {
			l->mail = m->next;
			m->fn(m->arg);
		} else {
			struct task *t = CONTAINER_OF(l->tasks.next, struct task, link);

			list_remove(&t->link);
			t->fn(t->arg);
		}
	}
}

void
fake_loop_run_until(struct loop *l, uint64_t now_ms)
{
	run_tasks(l);
	while (l->now_ms < now_ms) {
		uint64_t next = wheel_next(&l->wheel);

		l->now_ms = next < now_ms ? next : now_ms;
		wheel_advance(&l->wheel, l->now_ms);
		run_tasks(l);
	}
}

uint64_t
loop_now(const struct loop *l)
{
	return l->now_ms;
}

uint64_t
loop_unix_ms(const struct loop *l)
{
	return WALL_MS + l->now_ms - l->start_ms;
}

struct wheel *
loop_wheel(struct loop *l)
{
	return &l->wheel;
}

struct random *
loop_random(struct loop *l)
{
	return &l->random;
}

void
task_init(struct task *t, task_fn *fn, void *arg)
{
	list_init(&t->link);
	t->fn = fn;
	t->arg = arg;
}

void
loop_defer(struct loop *l, struct task *t)
{
	if (list_empty(&t->link))
		list_push_back(&l->tasks, &t->link);
}

void
task_cancel(struct task *t)
{
	list_remove(&t->link);
}

void
loop_post(struct loop *l, struct mail *m)
{
	m->next = l->mail;
	l->mail = m;
}
