#include "loop/loop.h"

#include "core/clock.h"
#include "loop/loop_uv.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct loop {
	uv_loop_t uv;
	uv_timer_t timer;   /* armed for the wheel's next time */
	uv_prepare_t turn;  /* the end of a turn: before the loop waits again */
	uv_async_t async;   /* mail, or the wish to stop */
	uint64_t armed_ms;  /* for when `timer` is armed */
	uint64_t unix_base; /* unix ms at monotonic 0, renewed each second */
	uint64_t unix_read_ms;
	struct wheel wheel;
	struct random random;
	struct link tasks;
	pthread_mutex_t mail_lock;
	struct mail *mail, **mail_end; /* first in, first out; under mail_lock */
	atomic_bool stop;
	char read_space[LOOP_READ_BYTES];
};

uint64_t
loop_now(const struct loop *l)
{
	return uv_now(&l->uv);
}

uint64_t
loop_unix_ms(const struct loop *l)
{
	return l->unix_base + uv_now(&l->uv);
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

uv_loop_t *
loop_uv(struct loop *l)
{
	return &l->uv;
}

char *
loop_read_space(struct loop *l)
{
	return l->read_space;
}

/* The wall clock may be set while we run: compare the two once a second. */
static void
read_unix(struct loop *l)
{
	uint64_t now = uv_now(&l->uv);

	if (l->unix_base != 0 && now - l->unix_read_ms < 1000)
		return;
	l->unix_base = clock_unix_ms() - now;
	l->unix_read_ms = now;
}

static void
run_tasks(struct loop *l)
{
	/* Tasks put off by tasks run too: a turn ends with none left. */
	while (!list_empty(&l->tasks)) {
		struct task *t = CONTAINER_OF(l->tasks.next, struct task, link);

		list_remove(&t->link);
		t->fn(t->arg);
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct loop *l = timer->data;

	l->armed_ms = WHEEL_NEVER;
}

static void
arm(struct loop *l)
{
	uint64_t next = wheel_next(&l->wheel), now = uv_now(&l->uv);

	/* Armed too early is harmless: it is looked at again then. */
	if (next >= l->armed_ms)
		return;
	l->armed_ms = next;
	(void)uv_timer_start(&l->timer, on_timer, next > now ? next - now : 0, 0);
}

static void
on_turn_end(uv_prepare_t *turn)
{
	struct loop *l = turn->data;

	read_unix(l);
	wheel_advance(&l->wheel, uv_now(&l->uv));
	run_tasks(l);
	if (atomic_load_explicit(&l->stop, memory_order_relaxed))
		uv_stop(&l->uv);
	arm(l);
}

static void
on_async(uv_async_t *async)
{
	struct loop *l = async->data;
	struct mail *m;

	(void)pthread_mutex_lock(&l->mail_lock);
	m = l->mail;
	l->mail = NULL;
	l->mail_end = &l->mail;
	(void)pthread_mutex_unlock(&l->mail_lock);
	while (m != NULL) {
		struct mail *next = m->next;

		m->fn(m->arg);
		m = next;
	}
}

/* The handles that every loop has; they do not keep it from ending. */
static int
init_handles(struct loop *l)
{
	if (uv_timer_init(&l->uv, &l->timer) != 0 ||
	    uv_prepare_init(&l->uv, &l->turn) != 0 ||
	    uv_async_init(&l->uv, &l->async, on_async) != 0)
		return -1;
	l->timer.data = l->turn.data = l->async.data = l;
	return uv_prepare_start(&l->turn, on_turn_end);
}

enum err
loop_new(struct loop **ret_loop)
{
	struct loop *l = calloc(1, sizeof(*l));
	uint64_t seed;

	if (l == NULL)
		return ERR_NOMEM;
	if (uv_loop_init(&l->uv) != 0) {
		free(l);
		return ERR_IO;
	}
	if (init_handles(l) != 0) {
		(void)uv_loop_close(&l->uv);
		free(l);
		return ERR_IO;
	}
	(void)pthread_mutex_init(&l->mail_lock, NULL);
	l->mail_end = &l->mail;
	l->armed_ms = WHEEL_NEVER;
	list_init(&l->tasks);
	wheel_init(&l->wheel, uv_now(&l->uv));
	random_bytes(&seed, sizeof(seed));
	random_seed(&l->random, seed);
	read_unix(l);
	*ret_loop = l;
	return ERR_OK;
}

void
loop_run(struct loop *l)
{
	while (!atomic_load(&l->stop))
		(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	atomic_store(&l->stop, false); /* it may run again */
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	(void)uv_async_send(&l->async);
}

void
loop_read_mail(struct loop *l)
{
	on_async(&l->async);
}

void
loop_drain(struct loop *l)
{
	on_async(&l->async);
	run_tasks(l);
	/* Timers go on meanwhile: they end what waits for a silent peer. */
	uv_unref((uv_handle_t *)&l->timer);
	uv_unref((uv_handle_t *)&l->turn);
	uv_unref((uv_handle_t *)&l->async);
	while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0)
		;
	uv_close((uv_handle_t *)&l->timer, NULL);
	uv_close((uv_handle_t *)&l->turn, NULL);
	uv_close((uv_handle_t *)&l->async, NULL);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	run_tasks(l);
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	(void)uv_loop_close(&l->uv);
	(void)pthread_mutex_destroy(&l->mail_lock);
	free(l);
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
	m->next = NULL;
	(void)pthread_mutex_lock(&l->mail_lock);
	*l->mail_end = m;
	l->mail_end = &m->next;
	(void)pthread_mutex_unlock(&l->mail_lock);
	(void)uv_async_send(&l->async);
}
