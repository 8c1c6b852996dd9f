#include "loop/signals.h"

#include "loop/loop_uv.h"

#include <stdlib.h>

struct signal_watch {
	uv_signal_t uv;
	task_fn *fn;
	void *arg;
};

static void
on_signal(uv_signal_t *uv, int number)
{
	struct signal_watch *s = uv->data;

	(void)number;
	s->fn(s->arg);
}

static void
on_closed(uv_handle_t *uv)
{
	free(uv->data);
}

struct signal_watch *
signal_start(struct loop *l, int number, task_fn *fn, void *arg)
{
	struct signal_watch *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fn = fn;
	s->arg = arg;
	s->uv.data = s;
	if (uv_signal_init(loop_uv(l), &s->uv) != 0) {
		free(s);
		return NULL;
	}
	if (uv_signal_start(&s->uv, on_signal, number) != 0) {
		signal_stop(s);
		return NULL;
	}
	return s;
}

void
signal_stop(struct signal_watch *s)
{
	if (s != NULL)
		uv_close((uv_handle_t *)&s->uv, on_closed);
}
