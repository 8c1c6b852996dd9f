#include "local/probe.h"

#include <string.h>

static void
finish(struct probe *p, bool healthy)
{
	probe_stop(p);
	p->fn(p->arg, healthy);
}

static void
on_data(void *arg, struct slice bytes)
{
	struct probe *p = arg;
	struct slice part = slice_head(bytes, sizeof(p->head) - p->len);

	memcpy(p->head + p->len, part.ptr, part.len);
	p->len += part.len;
	if (p->len == sizeof(p->head))
		finish(p, memcmp(p->head, "HTTP/1.", 7) == 0 &&
			      memcmp(p->head + 8, " 200", 4) == 0);
}

static void
on_end(void *arg, enum err why)
{
	(void)why;
	finish(arg, false);
}

static void
on_drain(void *arg)
{
	(void)arg;
}

static const struct stream_events events = {on_data, on_end, on_drain};

static void
on_connected(void *arg, struct upstream *up, enum err why)
{
	struct probe *p = arg;
	struct slice request = S("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
				 "Connection: close\r\n\r\n");

	p->up = up;
	if (why != ERR_OK) {
		finish(p, false);
		return;
	}
	stream_attend(upstream_stream(up), &events, p);
	if (stream_write(upstream_stream(up), &request, 1) != ERR_OK)
		finish(p, false);
}

static void
on_time(void *arg)
{
	finish(arg, false);
}

void
probe_init(struct probe *p, struct loop *l, struct upstream_pool *pool,
    void (*fn)(void *arg, bool healthy), void *arg)
{
	*p = (struct probe){.pool = pool, .loop = l, .fn = fn, .arg = arg};
	memcpy(p->name, "127.0.0.1", sizeof("127.0.0.1"));
	p->wait.fn = on_connected;
	p->wait.arg = p;
	timer_init(&p->timer, loop_wheel(l), on_time, p);
}

void
probe_start(struct probe *p, uint16_t port, uint64_t limit_ms)
{
	probe_stop(p);
	p->len = 0;
	p->host = (struct host){.name = p->name, .port = port};
	if (upstream_connect(p->pool, &p->host, &p->wait) != ERR_OK)
		limit_ms = 0;
	timer_set(&p->timer, loop_now(p->loop) + limit_ms);
}

void
probe_stop(struct probe *p)
{
	timer_stop(&p->timer);
	upstream_cancel(&p->wait);
	if (p->up != NULL)
		upstream_drop(p->up);
	p->up = NULL;
}
