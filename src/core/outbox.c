#include "core/outbox.h"

#include <time.h>

/* Memory kept between two takes; what a burst needed beyond is given back. */
#define KEEP_BYTES (256u << 10)

enum err
outbox_init(struct outbox *o, size_t max, unsigned linger_ms)
{
	pthread_condattr_t attr;

	*o = (struct outbox){.max = max, .linger_ms = linger_ms};
	buf_init(&o->fill, max);
	buf_init(&o->drain, max);
	if (pthread_condattr_init(&attr) != 0)
		return ERR_NOMEM;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (pthread_cond_init(&o->some, &attr) != 0 ||
	    pthread_mutex_init(&o->lock, NULL) != 0) {
		(void)pthread_condattr_destroy(&attr);
		return ERR_NOMEM;
	}
	(void)pthread_condattr_destroy(&attr);
	return ERR_OK;
}

void
outbox_done(struct outbox *o)
{
	(void)pthread_mutex_destroy(&o->lock);
	(void)pthread_cond_destroy(&o->some);
	buf_free(&o->fill);
	buf_free(&o->drain);
}

static void
wake(struct outbox *o)
{
	if (o->first != NULL)
		*o->first = true;
	o->first = NULL;
	(void)pthread_cond_signal(&o->some);
}

bool
outbox_put(struct outbox *o, const struct slice *parts, unsigned n)
{
	size_t bytes = 0;
	bool fits;

	for (unsigned i = 0; i < n; i++)
		bytes += parts[i].len;
	(void)pthread_mutex_lock(&o->lock);
	fits = !o->closed && (bytes == 0 || buf_room(&o->fill, bytes) != NULL);
	if (fits) {
		for (unsigned i = 0; i < n; i++)
			buf_add(&o->fill, parts[i]);
		/* Only the first record after a take wakes the consumer, and a
		 * buffer that fills up while it lingers. */
		if (!o->hurry && o->fill.len > o->max / 2) {
			o->hurry = true;
			wake(o);
		} else if (o->first != NULL) {
			wake(o);
		}
	}
	o->fill.err = ERR_OK;
	(void)pthread_mutex_unlock(&o->lock);
	return fits;
}

bool
outbox_has_room(struct outbox *o, size_t bytes)
{
	bool room;

	(void)pthread_mutex_lock(&o->lock);
	room = !o->closed && bytes <= o->max - o->fill.len;
	(void)pthread_mutex_unlock(&o->lock);
	return room;
}

static struct timespec
after_ms(unsigned ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Waits for the first record, or, when there are some, for more to gather. */
static void
wait_for(struct outbox *o, unsigned ms, const bool *stop_waiting)
{
	struct timespec until = after_ms(ms);
	int why = 0;

	while (why == 0 && !o->closed && !*stop_waiting)
		why = pthread_cond_timedwait(&o->some, &o->lock, &until);
}

bool
outbox_take(struct outbox *o, unsigned wait_ms, struct slice *ret)
{
	struct buf taken;
	bool more, woken = false;

	if (o->drain.cap > KEEP_BYTES)
		buf_free(&o->drain);
	buf_clear(&o->drain);
	(void)pthread_mutex_lock(&o->lock);
	if (o->fill.len == 0 && !o->hurry) {
		o->first = &woken;
		wait_for(o, wait_ms, &woken);
		o->first = NULL;
	}
	if (o->fill.len > 0)
		wait_for(o, o->linger_ms, &o->hurry);
	o->hurry = false;
	taken = o->fill;
	o->fill = o->drain;
	o->drain = taken;
	more = taken.len > 0 || !o->closed;
	(void)pthread_mutex_unlock(&o->lock);
	*ret = buf_slice(&o->drain);
	return more;
}

void
outbox_hurry(struct outbox *o)
{
	(void)pthread_mutex_lock(&o->lock);
	o->hurry = true;
	wake(o);
	(void)pthread_mutex_unlock(&o->lock);
}

void
outbox_close(struct outbox *o)
{
	(void)pthread_mutex_lock(&o->lock);
	o->closed = true;
	(void)pthread_cond_broadcast(&o->some);
	(void)pthread_mutex_unlock(&o->lock);
}

bool
outbox_is_closed(struct outbox *o)
{
	bool closed;

	(void)pthread_mutex_lock(&o->lock);
	closed = o->closed;
	(void)pthread_mutex_unlock(&o->lock);
	return closed;
}
