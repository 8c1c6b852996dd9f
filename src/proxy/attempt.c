#include "proxy/attempt.h"

#include "proxy/attempt_reply.h"
#include "proxy/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLY_HEAD_BYTES (128u << 10)
#define SEND_MARK	 (256u << 10) /* more than this is not queued at once */
#define REPLY_ARENA	 (256u << 10)
#define TRANSLATED_MAX	 (32u << 20) /* a whole reply, which must be held then */
#define DONE_MS		 500	     /* for a stream's HTTP end after its own end mark */
#define FAULT_MS	 2000 /* for the body of an error: its status says enough */
#define FAULT_BYTES	 (64u << 10) /* of it, at least */

static void connect_up(struct attempt *a);

/* --- telling --- */

void
attempt_fail(struct attempt *a, enum err e, const char *format, ...)
{
	va_list ap;

	/* The provider said itself what is wrong, or that it has said all, and the
	 * caller has read it. */
	if (a->begun && (a->err == ERR_STREAM_ERROR || a->done_mark)) {
		attempt_over(a, ATTEMPT_ENDS, false);
		return;
	}
	a->err = e;
	if (format != NULL) {
		va_start(ap, format);
		(void)vsnprintf(a->wait.why, sizeof(a->wait.why), format, ap);
		va_end(ap);
	}
	a->phase = PHASE_OVER;
	timer_stop(&a->timer);
	token_cancel(&a->token);
	attempt_release(a, false);
	a->fn(a->arg, ATTEMPT_FAILS, NULL, 0);
}

void
attempt_release(struct attempt *a, bool reusable)
{
	if (a->up != NULL && reusable && a->sent && a->head.keep_alive)
		upstream_give(a->up);
	else if (a->up != NULL)
		upstream_drop(a->up);
	a->up = NULL;
}

void
attempt_over(struct attempt *a, enum attempt_event event, bool reusable)
{
	a->phase = PHASE_OVER;
	timer_stop(&a->timer);
	attempt_release(a, reusable);
	a->fn(a->arg, event, NULL, 0);
}

static void
free_head(struct attempt *a)
{
	arena_free(&a->arena);
	slab_give(&a->worker->head_slab, a->first);
	a->first = NULL;
}

void
attempt_begin(struct attempt *a)
{
	struct slice held = buf_slice(&a->body);

	a->begun = true;
	a->fn(a->arg, ATTEMPT_BEGINS, &held, 1);
	/* Streams are many and long: the head's memory is not needed any more. */
	free_head(a);
	a->head.nfields = 0;
}

void
attempt_tell_bytes(struct attempt *a, const struct slice *parts, unsigned n)
{
	a->fn(a->arg, ATTEMPT_BYTES, parts, n);
}

void
attempt_tell_mark(struct attempt *a)
{
	a->fn(a->arg, ATTEMPT_MARK, NULL, 0);
}

bool
attempt_may_be_billed(const struct attempt *a)
{
	/* Once the request is out, the provider may have begun to answer; a fault's
	 * status says that it did not. */
	return a->sent && a->status < 300;
}

/* --- limits --- */

static const struct options *
options_of(const struct attempt *a)
{
	return &a->worker->config->options;
}

/* Sets the timer for the nearest limit of this phase. */
static void
set_timer(struct attempt *a)
{
	const struct options *o = options_of(a);
	uint64_t at = a->ask->deadline_ms, limit = at;

	if (a->done_mark)
		limit = a->heard_ms + DONE_MS;
	else if (a->phase == PHASE_FAULT)
		limit = a->fault_ms + FAULT_MS;
	else if (a->ask->stream && a->sent && a->token_ms == 0)
		limit = a->sent_ms + o->first_token;
	else if (a->any_byte && !a->paused)
		limit = a->heard_ms + o->idle_time;
	timer_set(&a->timer, limit < at ? limit : at);
}

static void
on_time(void *arg)
{
	struct attempt *a = arg;
	const struct options *o = options_of(a);
	uint64_t now = loop_now(a->worker->loop);

	if (now >= a->ask->deadline_ms) {
		attempt_fail(a, a->begun ? ERR_STREAM_TIME : ERR_TOTAL_TIME,
		    "no complete answer within the total limit of %llu s",
		    (unsigned long long)o->total_time / 1000);
	} else if (a->done_mark) {
		attempt_events_end(a, false);
	} else if (a->phase == PHASE_FAULT) {
		attempt_read_fault(a, false, false);
	} else if (a->ask->stream && a->sent && a->token_ms == 0 &&
		   now >= a->sent_ms + o->first_token) {
		attempt_fail(a, a->begun ? ERR_STALLED : ERR_FIRST_TOKEN,
		    "no first token within %llu ms", (unsigned long long)o->first_token);
	} else if (a->any_byte && !a->paused && now >= a->heard_ms + o->idle_time) {
		attempt_fail(a, a->begun ? ERR_STALLED : ERR_IDLE,
		    "nothing more came for %llu ms", (unsigned long long)o->idle_time);
	} else {
		set_timer(a);
	}
}

/* --- the connection --- */

/*
 * The connection broke. One that had been kept may have been closed by the peer
 * while our request was on its way: if not a byte came back, it is sent again on
 * a fresh one, once.
 */
static void
broke(struct attempt *a, enum err why)
{
	bool stale = upstream_is_reused(a->up) && !a->any_byte && !a->again;

	upstream_drop(a->up);
	a->up = NULL;
	if (stale) {
		a->again = true;
		a->sent = a->deaf = false;
		a->part = 0;
		a->part_at = 0;
		stats_add(&a->worker->stats.stale, 1);
		connect_up(a);
		return;
	}
	if (a->phase == PHASE_FAULT) {
		attempt_read_fault(a, false, false);
		return;
	}
	if (a->use != NULL)
		engine_suspect(a->candidate->offer->engine);
	if (a->begun || a->phase == PHASE_EVENTS || a->phase == PHASE_RAW)
		attempt_fail(a, a->begun ? ERR_CUT_STREAM : ERR_CUT_REPLY,
		    "the connection was cut in the middle of the answer");
	else if (a->any_byte)
		attempt_fail(a, ERR_CUT_REPLY,
		    "the connection was cut in the middle of the reply");
	else
		attempt_fail(a, why, "the connection was %s before a reply came",
		    why == ERR_EOF ? "closed" : "reset");
}

static void
on_data(void *arg, struct slice bytes)
{
	struct attempt *a = arg;

	a->any_byte = true;
	a->heard_ms = loop_now(a->worker->loop);
	attempt_read(a, bytes);
	if (a->phase != PHASE_OVER)
		set_timer(a);
}

static void
on_end(void *arg, enum err why)
{
	struct attempt *a = arg;

	if (why == ERR_EOF && a->any_byte && attempt_read_eof(a))
		return;
	broke(a, why);
}

/* Puts on the wire what it takes now of the body. */
static void
send_on(struct attempt *a)
{
	struct stream *s = upstream_stream(a->up);

	while (a->part < a->ask->nparts && stream_queued(s) < SEND_MARK) {
		struct slice rest = slice_from(a->ask->parts[a->part], a->part_at);
		struct slice piece = slice_head(rest, SEND_MARK);

		/* It takes no more, but it may have said why: reading goes on, up to
		 * the end that it brings. */
		if (a->deaf || stream_write(s, &piece, 1) != ERR_OK) {
			a->deaf = true;
			return;
		}
		a->part_at += piece.len;
		if (a->part_at == a->ask->parts[a->part].len) {
			a->part++;
			a->part_at = 0;
		}
	}
	if (a->part == a->ask->nparts && !a->sent) {
		a->sent = true;
		a->sent_ms = loop_now(a->worker->loop);
		set_timer(a);
	}
}

static void
on_drain(void *arg)
{
	struct attempt *a = arg;

	if (!a->sent)
		send_on(a);
}

static const struct stream_events up_events = {on_data, on_end, on_drain};

struct slice
attempt_key(const struct attempt *a)
{
	const struct provider *p = a->candidate->offer->provider;

	if (a->use != NULL)
		return slice_str(a->use->key);
	if (a->token.token.bytes != NULL)
		return secret_reveal(&a->token.token);
	if (a->candidate->own != NULL)
		return secret_reveal(a->candidate->own);
	return a->candidate->key < p->nkeys ? secret_reveal(&p->keys[a->candidate->key])
					    : S("");
}

/* Sends the head, and with it what fits of the body. */
static void
send_request(struct attempt *a)
{
	struct stream *s = upstream_stream(a->up);
	struct buf *head = &a->worker->head;
	struct slice parts[STREAM_PARTS_MAX];
	unsigned n = 1;
	bool whole = a->ask->body_len <= SEND_MARK && a->ask->nparts < STREAM_PARTS_MAX;

	a->phase = PHASE_HEAD;
	http_parser_init(&a->parser, HTTP_REPLIES, &a->arena, REPLY_HEAD_BYTES);
	stream_attend(s, &up_events, a);
	buf_clear(head);
	attempt_put_head(a, head);
	if (head->err != ERR_OK) {
		attempt_fail(a, ERR_NOMEM, "out of memory");
		return;
	}
	parts[0] = buf_slice(head);
	for (unsigned i = 0; whole && i < a->ask->nparts; i++)
		parts[n++] = a->ask->parts[i];
	stats_add(&a->worker->stats.attempts, 1);
	if (!a->told)
		a->fn(a->arg, ATTEMPT_SENDS, NULL, 0);
	a->told = true;
	if (stream_write(s, parts, n) != ERR_OK) {
		broke(a, ERR_RESET);
		return;
	}
	secret_wipe(head->ptr, head->len);
	if (whole)
		a->part = a->ask->nparts;
	send_on(a);
}

static void
on_connected(void *arg, struct upstream *up, enum err why)
{
	struct attempt *a = arg;

	if (why != ERR_OK) {
		if (a->use != NULL)
			engine_suspect(a->candidate->offer->engine);
		attempt_fail(a, why, NULL);
		return;
	}
	stats_add(&a->worker->stats.connects, 1);
	a->up = up;
	send_request(a);
}

static void
connect_up(struct attempt *a)
{
	const struct host *host =
	    a->use != NULL ? &a->use->host : &a->candidate->offer->provider->host;

	a->phase = PHASE_CONNECT;
	a->wait.fn = on_connected;
	a->wait.arg = a;
	if (!a->again)
		a->up = upstream_take(a->worker->pool, host);
	if (a->up != NULL)
		send_request(a);
	else if (upstream_connect(a->worker->pool, host, &a->wait) != ERR_OK)
		attempt_fail(a, ERR_NOMEM, "out of memory");
}

static void
on_engine(void *arg, enum err why)
{
	struct attempt *a = arg;

	if (why != ERR_OK)
		attempt_fail(a, why, "%s", a->use->why);
	else
		connect_up(a);
}

static void
start_engine(struct attempt *a)
{
	a->phase = PHASE_ENGINE;
	a->use = calloc(1, sizeof(*a->use));
	if (a->use == NULL || a->candidate->offer->engine == NULL) {
		free(a->use);
		a->use = NULL;
		attempt_fail(a, ERR_ENGINE, "no engine for this model");
		return;
	}
	a->use->loop = a->worker->loop;
	a->use->fn = on_engine;
	a->use->arg = a;
	engine_use_start(a->candidate->offer->engine, a->use);
}

static void
on_token(void *arg, enum err why, const char *words)
{
	struct attempt *a = arg;

	if (why != ERR_OK)
		attempt_fail(a, why, "%s", words);
	else
		connect_up(a);
}

/* At the end of the turn in which it was started: nothing calls back before. */
static void
on_start(void *arg)
{
	struct attempt *a = arg;
	const struct provider *p = a->candidate->offer->provider;

	if (p->auth == AUTH_ENGINE) {
		start_engine(a);
	} else if (p->auth == AUTH_GOOGLE) {
		a->phase = PHASE_TOKEN;
		a->token.fn = on_token;
		a->token.arg = a;
		token_get(a->worker, p, &a->token);
	} else {
		connect_up(a);
	}
}

/* At the end of the turn: what called us may stand on the attempt. */
static void
on_free(void *arg)
{
	struct attempt *a = arg;

	free(a->use);
	secret_free(&a->token.token);
	http_parser_done(&a->parser);
	sse_done(&a->sse);
	if (a->frames != NULL)
		eventstream_done(a->frames);
	free(a->frames);
	attempt_translate_done(a);
	inflate_free(a->inflate);
	buf_free(&a->body);
	buf_free(&a->plain);
	free_head(a);
	slab_give(&a->worker->attempt_slab, a);
}

struct attempt *
attempt_start(struct worker *w, const struct attempt_ask *ask,
    struct candidate *candidate, attempt_fn *fn, void *arg)
{
	struct attempt *a = slab_take(&w->attempt_slab);
	const struct options *o = &w->config->options;

	if (a == NULL)
		return NULL;
	memset(a, 0, offsetof(struct attempt, wait));
	a->wait.up = NULL;
	a->wait.why[0] = '\0';
	a->worker = w;
	a->ask = ask;
	a->candidate = candidate;
	a->fn = fn;
	a->arg = arg;
	a->start_ms = a->heard_ms = loop_now(w->loop);
	a->first = slab_take(&w->head_slab);
	arena_init(
	    &a->arena, a->first, a->first == NULL ? 0 : w->head_slab.size, REPLY_ARENA);
	sse_init(&a->sse, o->event_bytes);
	buf_init(&a->body, (ask->answer != NULL ? TRANSLATED_MAX : 0) + o->reply_bytes +
			       o->hold_bytes + FAULT_BYTES);
	buf_init(&a->plain, 8 * a->body.max);
	timer_init(&a->timer, loop_wheel(w->loop), on_time, a);
	timer_set(&a->timer, ask->deadline_ms);
	task_init(&a->start, on_start, a);
	task_init(&a->gone, on_free, a);
	loop_defer(w->loop, &a->start);
	return a;
}

void
attempt_drop(struct attempt *a)
{
	if (a == NULL)
		return;
	a->phase = PHASE_OVER;
	task_cancel(&a->start);
	timer_stop(&a->timer);
	upstream_cancel(&a->wait);
	token_cancel(&a->token);
	if (a->up != NULL)
		upstream_drop(a->up);
	a->up = NULL;
	if (a->use != NULL)
		engine_use_stop(a->use);
	loop_defer(a->worker->loop, &a->gone);
}

void
attempt_pause(struct attempt *a)
{
	if (a->up == NULL || a->paused)
		return;
	a->paused = true;
	stream_pause(upstream_stream(a->up));
	set_timer(a);
}

void
attempt_resume(struct attempt *a)
{
	if (a->up == NULL || !a->paused)
		return;
	a->paused = false;
	a->heard_ms = loop_now(a->worker->loop);
	stream_resume(upstream_stream(a->up));
	set_timer(a);
}
