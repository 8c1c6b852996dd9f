#include "proxy/request.h"

#include "core/log.h"

#include <assert.h>

#define BIT(state) (1u << (state))

/*
 * The life of a request. A step returns MORE (run the next state now), WAIT (an
 * event runs us again) or DONE. Every edge there is stands in `next`: failover is
 * SEND -> ROUTE; RELAY has no way back, so nothing is sent twice once the caller
 * has seen a byte; ROUTE -> SETTLE is what weir answers itself.
 */
static const struct {
	const char *name;
	enum step (*step)(struct request *r);
	unsigned next; /* BIT() of the states it may go to */
} states[] = {
    [REQ_READ] = {"read", step_read, BIT(REQ_AUTH) | BIT(REQ_FAIL)},
    [REQ_AUTH] = {"auth", step_auth, BIT(REQ_ROUTE) | BIT(REQ_FAIL)},
    [REQ_ROUTE] = {"route", step_route, BIT(REQ_ADMIT) | BIT(REQ_SETTLE) | BIT(REQ_FAIL)},
    [REQ_ADMIT] = {"admit", step_admit, BIT(REQ_SEND) | BIT(REQ_ROUTE) | BIT(REQ_FAIL)},
    [REQ_SEND] = {"send", step_send, BIT(REQ_RELAY) | BIT(REQ_ROUTE) | BIT(REQ_FAIL)},
    [REQ_RELAY] = {"relay", step_relay, BIT(REQ_SETTLE)},
    [REQ_FAIL] = {"fail", step_fail, BIT(REQ_SETTLE)},
    [REQ_SETTLE] = {"settle", step_settle, 0},
};

void
req_goto(struct request *r, enum req_state to)
{
	assert(states[r->state].next & BIT(to));
	if (log_wants(LOG_DEBUG)) {
		char id[REQUEST_ID_LEN];

		request_id_write(r->id, id);
		log_event(LOG_DEBUG, "%.*s %s -> %s", REQUEST_ID_LEN, id,
		    states[r->state].name, states[to].name);
	}
	r->state = to;
}

enum step
req_fail(struct request *r, enum err e)
{
	r->err = e;
	req_goto(r, REQ_FAIL);
	return STEP_MORE;
}

void
request_run(struct request *r)
{
	/* An event that comes while a step runs is seen by the step itself. */
	if (r->running || r->settled)
		return;
	r->running = true;
	while (states[r->state].step(r) == STEP_MORE)
		;
	r->running = false;
}

/* --- from the connection --- */

static void
on_free(void *arg)
{
	struct request *r = arg;

	lease_drop(r);
	buf_free(&r->body);
	buf_free(&r->outgoing);
	key_set_unref(r->keys);
	arena_free(&r->arena);
	config_unref(r->config);
	slab_give(&r->worker->request_slab, r);
}

/* The pause before the next try is over, or the stream was silent for long. */
static void
on_time(void *arg)
{
	struct request *r = arg;

	if (r->state == REQ_RELAY)
		relay_time(r);
	else
		request_run(r);
}

static struct request *
on_begin(struct client *c, struct arena **ret_arena)
{
	struct worker *w = c->worker;
	struct request *r = slab_take(&w->request_slab);

	if (r == NULL)
		return NULL;
	/* The rest need not be: the arena hands it out as it is. */
	memset(r, 0, offsetof(struct request, note));
	r->note.text[0] = '\0';
	r->worker = w;
	r->client = c;
	r->config = config_ref(w->config);
	r->start_ms = loop_now(w->loop);
	r->start_unix_ms = loop_unix_ms(w->loop);
	r->deadline_ms = r->start_ms + r->config->options.total_time;
	r->id = request_ids_next(&w->ids, r->start_unix_ms);
	r->cost_pusd = PRICE_UNKNOWN;
	arena_init(&r->arena, r->first, sizeof(r->first), REQUEST_ARENA_MAX);
	buf_init(&r->body, r->config->options.body_bytes);
	buf_init(&r->outgoing,
	    2 * (r->config->options.body_bytes + r->config->options.fetch_bytes));
	timer_init(&r->timer, loop_wheel(w->loop), on_time, r);
	task_init(&r->gone, on_free, r);
	list_push_back(&w->requests, &r->link);
	stats_add(&w->stats.in_flight, 1);
	*ret_arena = &r->arena;
	return r;
}

static void
on_head(struct request *r, const struct http_head *head)
{
	r->head = *head;
	r->head_read = true;
	r->keep_alive = head->keep_alive;
	/* Without a body the end comes at once; one that is refused before it could not
	 * keep its connection. */
	if (head->chunked || head->length > 0)
		request_run(r);
}

static void
on_body(struct request *r, struct slice part)
{
	/* A request that was refused reads nothing more; its connection ends. */
	if (!r->authorized || r->state > REQ_ROUTE)
		return;
	if (r->body.cap == 0)
		buf_take(&r->body, r->head.has_length ? r->head.length : 0,
		    &r->worker->block_slab);
	buf_add(&r->body, part);
	if (r->body.err == ERR_OK)
		return;
	note_set(&r->note, "The body is larger than %llu bytes (limits.body_bytes).",
	    (unsigned long long)r->config->options.body_bytes);
	(void)req_fail(r, r->body.err == ERR_NOMEM ? ERR_NOMEM : ERR_BODY_TOO_LARGE);
	request_run(r);
}

static void
on_end(struct request *r)
{
	r->body_read = true;
	if (r->state <= REQ_ROUTE)
		request_run(r);
}

static void
on_bad(struct request *r, enum err e, const char *why)
{
	/* After its reply began there is nothing left to say. */
	if (r->state > REQ_ROUTE) {
		client_close(r->client);
		return;
	}
	r->keep_alive = false;
	note_set(&r->note, "%s", why);
	(void)req_fail(r, e);
	request_run(r);
}

static void
on_gone(struct request *r)
{
	r->client = NULL;
	if (r->state == REQ_SETTLE)
		return;
	if (r->err == ERR_OK)
		r->err = ERR_CLIENT_GONE;
	if (r->attempt != NULL) {
		settle_facts(r);
		settle_attempt(r, ERR_CLIENT_GONE);
	}
	if (r->state != REQ_FAIL)
		req_goto(r, r->state == REQ_RELAY ? REQ_SETTLE : REQ_FAIL);
	request_run(r);
}

static void
on_drained(struct request *r)
{
	if (r->attempt != NULL)
		attempt_resume(r->attempt);
}

const struct client_events request_events = {
    .begin = on_begin,
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .bad = on_bad,
    .gone = on_gone,
    .drained = on_drained,
};
