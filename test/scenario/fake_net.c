/*
 * The network of the world: connections are pairs of buffers, hosts play scripts.
 */
#include "core/buf.h"
#include "local/engine.h"
#include "net/listener.h"
#include "net/upstream.h"
#include "world.h"

#include <stdlib.h>

struct stream {
	struct loop *loop;
	const struct stream_events *events;
	void *arg;
	struct buf heard; /* what was written to it */
	fake_write_fn *before;
	void *before_arg;
	bool closed, held, forgotten, paused;
	size_t unread;	     /* of heard, while the reader holds */
	struct upstream *up; /* of a connection to a host */
	struct timer timer;  /* the next act */
	struct task freeing;
	const struct script *script;
	unsigned next_act;
	size_t said; /* bytes of the act, where it goes byte by byte */
	bool waits;  /* the next act is due, but reading is paused */
};

struct upstream {
	struct link link; /* idle */
	struct stream *stream;
	struct fake_host *host;
	struct upstream_wait *wait; /* while connecting */
	struct timer connecting;
	struct loop *loop;
	struct upstream_pool *pool;
	bool reused, answering;
};

struct upstream_pool {
	struct loop *loop;
	struct link idle;
};

static struct fake_host hosts[WORLD_HOSTS_MAX];
static unsigned nhosts;

/* --- hosts --- */

struct fake_host *
fake_host(const char *name)
{
	for (unsigned i = 0; i < nhosts; i++)
		if (strcmp(hosts[i].name, name) == 0)
			return &hosts[i];
	assert_true(nhosts < WORLD_HOSTS_MAX);
	(void)snprintf(hosts[nhosts].name, sizeof(hosts[nhosts].name), "%s", name);
	hosts[nhosts].sent = calloc(1, sizeof(struct buf));
	buf_init(hosts[nhosts].sent, 1u << 20);
	return &hosts[nhosts++];
}

void
fake_hosts_clear(void)
{
	for (unsigned i = 0; i < nhosts; i++) {
		assert_int_equal(hosts[i].asking, 0);
		buf_free(hosts[i].sent);
		free(hosts[i].sent);
	}
	memset(hosts, 0, sizeof(hosts));
	nhosts = 0;
}

static const struct script *
next_script(struct fake_host *h)
{
	assert_true(h->nscripts > 0);
	return h->scripts[h->played < h->nscripts ? h->played++ : h->nscripts - 1];
}

/* --- streams --- */

static void
on_freeing(void *arg)
{
	struct stream *s = arg;

	if (!s->forgotten)
		return;
	buf_free(&s->heard);
	free(s);
}

static void on_act(void *arg);

struct stream *
fake_stream_new(struct loop *l)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = l;
	buf_init(&s->heard, 64u << 20);
	timer_init(&s->timer, loop_wheel(l), on_act, s);
	task_init(&s->freeing, on_freeing, s);
	return s;
}

void
fake_stream_say(struct stream *s, struct slice bytes)
{
	if (!s->closed)
		s->events->data(s->arg, bytes);
}

void
fake_stream_hang_up(struct stream *s)
{
	if (!s->closed)
		s->events->end(s->arg, ERR_EOF);
}

void
fake_stream_hold(struct stream *s, bool hold)
{
	bool had = s->unread > 0;

	s->held = hold;
	if (hold)
		return;
	s->unread = 0;
	if (had && !s->closed)
		s->events->drain(s->arg);
}

void
fake_stream_before(struct stream *s, fake_write_fn *fn, void *arg)
{
	s->before = fn;
	s->before_arg = arg;
}

struct slice
fake_stream_heard(const struct stream *s)
{
	return buf_slice(&s->heard);
}

bool
fake_stream_is_closed(const struct stream *s)
{
	return s->closed;
}

void
fake_stream_forget(struct stream *s)
{
	s->forgotten = true;
	if (!s->closed) {
		fake_stream_hang_up(s);
		return;
	}
	loop_defer(s->loop, &s->freeing);
}

void
stream_attend(struct stream *s, const struct stream_events *events, void *arg)
{
	s->events = events;
	s->arg = arg;
	s->paused = false;
}

void
stream_pause(struct stream *s)
{
	s->paused = true;
}

void
stream_resume(struct stream *s)
{
	s->paused = false;
	if (s->waits) {
		s->waits = false;
		timer_set(&s->timer, loop_now(s->loop));
	}
}

size_t
stream_queued(const struct stream *s)
{
	return s->unread;
}

struct loop *
stream_loop(const struct stream *s)
{
	return s->loop;
}

void
stream_close(struct stream *s)
{
	if (s->closed)
		return;
	s->closed = true;
	timer_stop(&s->timer);
	if (s->up != NULL)
		s->forgotten = true;
	loop_defer(s->loop, &s->freeing);
}

void
stream_finish(struct stream *s)
{
	stream_close(s);
}

/* Does the buffer hold a whole request? */
static bool
is_complete(const struct buf *b)
{
	struct slice all = buf_slice(b), field = S("content-length: ");
	size_t end = slice_search(all, S("\r\n\r\n")), at = slice_search(all, field);
	uint64_t length = 0;
	struct slice number = slice_from(all, at + field.len);

	if (end == all.len)
		return false;
	number = slice_head(number, slice_find(number, '\r'));
	assert_true(slice_u64(number, &length));
	return all.len == end + 4 + length;
}

static void
begin_script(struct stream *s)
{
	struct fake_host *h = s->up->host;

	h->requests++;
	buf_clear(h->sent);
	buf_add(h->sent, buf_slice(&s->heard));
	buf_byte(h->sent, '\0');
	buf_clear(&s->heard);
	s->up->answering = true;
	h->asking++;
	s->next_act = 0;
	s->said = 0;
	if (s->script->count > 0)
		timer_set(&s->timer, loop_now(s->loop) + s->script->act[0].after_ms);
}

static void
end_answering(struct upstream *up)
{
	if (up->answering)
		up->host->asking--;
	up->answering = false;
}

enum err
stream_write(struct stream *s, const struct slice *parts, unsigned n)
{
	if (s->closed)
		return ERR_RESET;
	if (s->before != NULL)
		s->before(s->before_arg, parts, n);
	for (unsigned i = 0; i < n; i++) {
		buf_add(&s->heard, parts[i]);
		if (s->held)
			s->unread += parts[i].len;
	}
	if (s->heard.err != ERR_OK)
		return ERR_NOMEM;
	if (s->up != NULL && !s->up->answering && is_complete(&s->heard))
		begin_script(s);
	return ERR_OK;
}

static void
next_act(struct stream *s)
{
	s->next_act++;
	s->said = 0;
	if (s->next_act < s->script->count)
		timer_set(
		    &s->timer, loop_now(s->loop) + s->script->act[s->next_act].after_ms);
}

static void
say_byte(struct stream *s, struct slice bytes)
{
	struct slice byte = slice_of(bytes.ptr + s->said, 1);

	if (++s->said < bytes.len)
		timer_set(&s->timer, loop_now(s->loop));
	else
		next_act(s);
	s->events->data(s->arg, byte);
}

/* Plays the act that is due, and sets the time of the next. */
static void
on_act(void *arg)
{
	struct stream *s = arg;
	const struct act *a = &s->script->act[s->next_act];

	if (s->paused) {
		s->waits = true;
		return;
	}
	if (a->what == ACT_SEND && s->script->byte_by_byte) {
		say_byte(s, a->bytes);
		return;
	}
	next_act(s);
	if (a->what == ACT_SEND)
		s->events->data(s->arg, a->bytes);
	else
		s->events->end(s->arg, a->what == ACT_CLOSE ? ERR_EOF : ERR_RESET);
}

/* --- the pool --- */

struct upstream_pool *
upstream_pool_new(struct loop *l, const struct upstream_limits *limits)
{
	struct upstream_pool *p = calloc(1, sizeof(*p));

	(void)limits;
	if (p == NULL)
		return NULL;
	p->loop = l;
	list_init(&p->idle);
	return p;
}

void
upstream_pool_free(struct upstream_pool *p)
{
	if (p == NULL)
		return;
	LIST_FOR_EACH_SAFE (l, &p->idle)
		upstream_drop(CONTAINER_OF(l, struct upstream, link));
	free(p);
}

/* "a.test" is host a. */
static struct fake_host *
host_of(const struct host *h)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(h->name, "."), h->name);
	return fake_host(name);
}

struct upstream *
upstream_take(struct upstream_pool *p, const struct host *host)
{
	LIST_FOR_EACH (l, &p->idle) {
		struct upstream *up = CONTAINER_OF(l, struct upstream, link);

		if (up->host != host_of(host))
			continue;
		list_remove(&up->link);
		up->reused = true;
		up->stream->script = next_script(up->host);
		return up;
	}
	return NULL;
}

static void
on_connecting(void *arg)
{
	struct upstream *up = arg;
	struct upstream_wait *wait = up->wait;
	const struct script *s = up->stream->script;
	enum err why = s->unknown ? ERR_DNS : s->refuses ? ERR_CONNECT : ERR_OK;

	up->wait = NULL;
	wait->up = NULL;
	if (why == ERR_OK) {
		wait->fn(wait->arg, up, ERR_OK);
		return;
	}
	(void)snprintf(wait->why, sizeof(wait->why), "connect to %s: %s", up->host->name,
	    s->unknown ? "no such host" : "connection refused");
	upstream_drop(up);
	wait->fn(wait->arg, NULL, why);
}

enum err
upstream_connect(
    struct upstream_pool *p, const struct host *host, struct upstream_wait *wait)
{
	struct upstream *up = calloc(1, sizeof(*up));
	struct stream *s = up == NULL ? NULL : fake_stream_new(p->loop);

	if (s == NULL) {
		free(up);
		return ERR_NOMEM;
	}
	list_init(&up->link);
	up->loop = p->loop;
	up->pool = p;
	up->host = host_of(host);
	up->host->connections++;
	up->stream = s;
	s->up = up;
	s->script = next_script(up->host);
	up->wait = wait;
	wait->up = up;
	timer_init(&up->connecting, loop_wheel(p->loop), on_connecting, up);
	timer_set(&up->connecting, loop_now(p->loop) + s->script->connect_ms);
	return ERR_OK;
}

enum err
upstream_connect_once(struct upstream_pool *p, const struct host *host, bool public_only,
    struct upstream_wait *wait)
{
	(void)public_only;
	return upstream_connect(p, host, wait);
}

void
upstream_cancel(struct upstream_wait *wait)
{
	if (wait->up != NULL)
		upstream_drop(wait->up);
	wait->up = NULL;
}

struct stream *
upstream_stream(struct upstream *up)
{
	return up->stream;
}

bool
upstream_is_reused(const struct upstream *up)
{
	return up->reused;
}

void
upstream_give(struct upstream *up)
{
	struct upstream_pool *p = up->pool;

	/* Acts left over are of an answer that is complete without them. */
	timer_stop(&up->stream->timer);
	end_answering(up);

	list_push_front(&p->idle, &up->link);
}

void
upstream_drop(struct upstream *up)
{
	timer_stop(&up->connecting);
	end_answering(up);
	list_remove(&up->link);
	stream_close(up->stream);
	free(up);
}

unsigned
upstream_idle_count(const struct upstream_pool *p)
{
	unsigned n = 0;

	LIST_FOR_EACH (l, &p->idle)
		n++;
	return n;
}

/* --- what no scenario uses --- */

void
engine_use_start(struct engine *engine, struct engine_use *u)
{
	(void)engine;
	(void)u;
	fail();
}

void
engine_use_stop(struct engine_use *u)
{
	(void)u;
}

void
engine_suspect(struct engine *engine)
{
	(void)engine;
}

enum err
listener_open(struct loop *l, const struct address *at, listener_fn *fn, void *arg,
    struct listener **ret_listener, char *why)
{
	(void)l;
	(void)at;
	(void)fn;
	(void)arg;
	(void)ret_listener;
	(void)why;
	return ERR_IO;
}

void
listener_set_tls(struct listener *li, struct tls_context *c)
{
	(void)li;
	(void)c;
}

void
listener_pause(struct listener *li)
{
	(void)li;
}

void
listener_resume(struct listener *li)
{
	(void)li;
}

struct address
listener_address(const struct listener *li)
{
	struct address a = {0};

	(void)li;
	return a;
}

void
listener_close(struct listener *li)
{
	(void)li;
}
