#include "proxy/client.h"

#include "proxy/worker.h"

#define AHEAD_BYTES (64u << 10)

static void feed(struct client *c, struct slice bytes);

static const struct options *
options_of(const struct client *c)
{
	return &c->worker->config->options;
}

/* --- limits --- */

static uint64_t
limit_ms(const struct client *c)
{
	const struct options *o = options_of(c);

	if (c->request == NULL)
		return c->fresh ? o->header_time : o->keep_alive;
	if (!c->head_read)
		return o->header_time;
	return c->message_read ? o->write_time : o->body_time;
}

/* A new phase begins, whose time is counted from now. */
static void
begin_phase(struct client *c)
{
	c->since_ms = loop_now(c->worker->loop);
	timer_set(&c->timer, c->since_ms + limit_ms(c));
}

static void
on_time(void *arg)
{
	struct client *c = arg;
	uint64_t now = loop_now(c->worker->loop);

	if (c->message_read && stream_queued(c->stream) == 0)
		c->since_ms = now; /* he waits for us, not we for him */
	if (now < c->since_ms + limit_ms(c)) {
		timer_set(&c->timer, c->since_ms + limit_ms(c));
		return;
	}
	if (c->request == NULL || c->message_read)
		client_close(c);
	else
		c->events->bad(c->request,
		    c->head_read ? ERR_BODY_TIMEOUT : ERR_HEADER_TIMEOUT,
		    c->head_read
			? "the body did not arrive in time (limits.body_time)"
			: "the head did not arrive in time (limits.header_time)");
}

/* --- ending --- */

static void
on_free(void *arg)
{
	struct client *c = arg;

	http_parser_done(&c->parser);
	buf_free(&c->ahead);
	slab_give(&c->worker->client_slab, c);
}

/* Leaves the worker; the memory stays to the end of the turn. */
static void
leave(struct client *c)
{
	struct request *r = c->request;

	c->closed = true;
	c->request = NULL;
	timer_stop(&c->timer);
	task_cancel(&c->next);
	list_remove(&c->link);
	c->worker->nclients--;
	stats_sub(&c->worker->stats.connections, 1);
	loop_defer(c->worker->loop, &c->gone);
	if (r != NULL)
		c->events->gone(r);
	worker_admit(c->worker);
}

void
client_close(struct client *c)
{
	if (c->closed)
		return;
	stream_close(c->stream);
	leave(c);
}

void
client_close_idle(struct client *c)
{
	if (c->request == NULL)
		client_close(c);
}

void
client_answered(struct client *c, bool keep_alive)
{
	c->request = NULL;
	if (!keep_alive || !c->message_read || c->worker->stopping) {
		stream_finish(c->stream);
		leave(c);
		return;
	}
	c->head_read = c->message_read = c->fresh = false;
	begin_phase(c);
	if (c->ahead.len > 0)
		loop_defer(c->worker->loop, &c->next);
}

/* --- bytes --- */

enum err
client_write(struct client *c, const struct slice *parts, unsigned n)
{
	bool idle = stream_queued(c->stream) == 0;
	enum err e = stream_write(c->stream, parts, n);

	/* From here on he must take something within limits.write_time. */
	if (idle && stream_queued(c->stream) > 0)
		begin_phase(c);
	return e;
}

size_t
client_queued(const struct client *c)
{
	return stream_queued(c->stream);
}

static void
on_drain(void *arg)
{
	struct client *c = arg;

	c->since_ms = loop_now(c->worker->loop);
	if (c->request != NULL)
		c->events->drained(c->request);
}

static void
on_end(void *arg, enum err why)
{
	(void)why;
	client_close(arg);
}

static void
keep_ahead(struct client *c, struct slice bytes)
{
	buf_add(&c->ahead, bytes);
	/* One who sends so much ahead is read no further until it is his turn. */
	if (c->ahead.err != ERR_OK)
		client_close(c);
	else if (c->ahead.len > AHEAD_BYTES)
		stream_pause(c->stream);
}

static void
on_data(void *arg, struct slice bytes)
{
	struct client *c = arg;

	if (c->message_read || c->ahead.len > 0)
		keep_ahead(c, bytes);
	else
		feed(c, bytes);
}

static void
on_next(void *arg)
{
	struct client *c = arg;
	struct buf ahead = c->ahead;

	buf_init(&c->ahead, ahead.max);
	stream_resume(c->stream);
	feed(c, buf_slice(&ahead));
	buf_free(&ahead);
}

static const struct stream_events stream_events = {on_data, on_end, on_drain};

/* The first byte of a request came. */
static bool
begin_request(struct client *c)
{
	struct arena *arena;

	c->request = c->events->begin(c, &arena);
	if (c->request == NULL) {
		client_close(c);
		return false;
	}
	http_parser_arena(&c->parser, arena);
	begin_phase(c);
	return true;
}

/* Takes one piece of the input; false when there is no more to be done with it. */
static bool
take(struct client *c, struct slice *bytes)
{
	struct slice part;

	switch (http_parse(&c->parser, bytes, &part)) {
	case HTTP_GOT_MORE: return false;
	case HTTP_GOT_HEAD:
		c->head_read = true;
		begin_phase(c);
		c->events->head(c->request, &c->parser.head);
		return true;
	case HTTP_GOT_BODY: c->events->body(c->request, part); return true;
	case HTTP_GOT_END:
		c->message_read = true;
		begin_phase(c);
		c->events->end(c->request);
		return true;
	case HTTP_GOT_BAD:
		c->events->bad(c->request, c->parser.err, c->parser.why);
		return false;
	}
	return false;
}

static void
feed(struct client *c, struct slice bytes)
{
	while (!c->closed) {
		if (c->request == NULL && bytes.len == 0)
			return;
		if (c->request == NULL && !begin_request(c))
			return;
		if (!take(c, &bytes))
			return;
		/* A request that was refused leaves, and the connection with it. */
		if (c->closed)
			return;
		if (c->request != NULL && c->message_read) {
			if (bytes.len > 0)
				keep_ahead(c, bytes);
			return;
		}
	}
}

void
client_open(struct worker *w, struct stream *s, const struct address *from,
    const struct client_events *events)
{
	struct client *c = slab_take(&w->client_slab);

	if (c == NULL) {
		stream_close(s);
		return;
	}
	memset(c, 0, sizeof(*c));
	c->worker = w;
	c->events = events;
	c->stream = s;
	c->from = *from;
	c->fresh = true;
	buf_init(&c->ahead, AHEAD_BYTES + (128u << 10));
	http_parser_init(
	    &c->parser, HTTP_REQUESTS, NULL, w->config->options.header_bytes);
	timer_init(&c->timer, loop_wheel(w->loop), on_time, c);
	task_init(&c->next, on_next, c);
	task_init(&c->gone, on_free, c);
	list_push_back(&w->clients, &c->link);
	w->nclients++;
	stats_add(&w->stats.connections, 1);
	stats_add(&w->stats.accepted, 1);
	stream_attend(s, &stream_events, c);
	begin_phase(c);
}
