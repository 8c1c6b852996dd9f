/*
 * SEND: an attempt at the candidate, and what follows when it fails: the next
 * candidate, the same one again, or the end.
 */
#include "proxy/limits.h"
#include "proxy/request.h"
#include "proxy/worker.h"
#include "route/learn.h"

#define BENCH_LIMIT_MS	 5000	/* after a 429 that says nothing */
#define BENCH_KEY_MS	 60000	/* after a refused key */
#define BENCH_MISSING_MS 300000 /* after "no such model" */
#define PAUSE_MS	 150	/* before the same candidate again; doubles */
#define SAME_MS		 20000	/* a Retry-After up to this is waited for by one try */

/* --- sending --- */

static enum err
start_attempt(struct request *r)
{
	bool wait;
	enum err e = outgoing_make(r, &wait);

	if (e != ERR_OK || wait)
		return e;
	if (!route_take(r->candidate, loop_now(r->worker->loop), &r->taken))
		return ERR_QUOTA;
	r->whole = r->ended = false;
	r->attempt = attempt_start(r->worker, &r->sending, r->candidate, send_event, r);
	if (r->attempt == NULL) {
		account_settle(&r->taken, 0, 0, 0);
		return ERR_NOMEM;
	}
	r->attempts++;
	if (r->ask.stream)
		timer_set(
		    &r->timer, loop_now(r->worker->loop) + r->config->options.hold_time);
	return ERR_OK;
}

/* --- what a failure means for the candidate --- */

static void
judge_candidate(struct request *r, enum err e)
{
	struct candidate *c = r->candidate;
	struct health *h = c->offer->health;
	const struct attempt *a = r->attempt;
	uint64_t now = loop_now(r->worker->loop), ms = 0;

	if (c->probe && err_breaker(e) != BREAKER_COUNT)
		atomic_store(&h->probe_until_ms, 0);
	if (err_breaker(e) == BREAKER_COUNT)
		health_bad(h, now, &r->worker->route_limits.breaker);
	if (err_breaker(e) != BREAKER_BENCH)
		return;
	if (a->head.nfields > 0)
		ms = limits_retry_after(
		    &a->head, c->offer->provider->limits, loop_unix_ms(r->worker->loop));
	if (ms == 0)
		ms = err_kind(e) == KIND_LIMIT	      ? BENCH_LIMIT_MS
		     : err_kind(e) == KIND_CREDENTIAL ? BENCH_KEY_MS
						      : BENCH_MISSING_MS;
	/* A team's key says nothing of those that others are served with. */
	if (c->own != NULL)
		c->until_ms = now + ms;
	else
		health_bench(h, c->key, now + ms, e);
}

/* A retry costs one; every request brings a tenth. */
static bool
spend_retry(struct worker *w)
{
	if (w->retry_budget < 1)
		return false;
	w->retry_budget -= 1;
	return true;
}

/*
 * No other candidate is left: may the same one be tried again, and when? After a
 * rate limit at the time that it stated, else after a pause that grows and is not
 * the same for all.
 */
static bool
plan_again(struct request *r, enum err e)
{
	struct worker *w = r->worker;
	struct candidate *c = r->candidate;
	uint64_t now = loop_now(w->loop), at;

	if (!err_try_again(e))
		return false;
	if (err_kind(e) == KIND_LIMIT) {
		at = c->until_ms > now ? c->until_ms : now;
		if (at - now > r->config->options.retry_wait)
			return false;
	} else {
		uint64_t pause = (uint64_t)PAUSE_MS
				 << (r->attempts < 8 ? r->attempts - 1 : 7);

		at = now + pause / 2 + random_below(loop_random(w->loop), pause);
	}
	if (at + 1 >= r->deadline_ms || !spend_retry(w))
		return false;
	route_again(c);
	r->pause_until_ms = at + 1;
	timer_set(&r->timer, r->pause_until_ms);
	stats_add(&w->stats.retries, 1);
	return true;
}

/* Keeps what a provider says is the caller's fault: he gets it as it is. */
static void
keep_fault(struct request *r)
{
	struct attempt *a = r->attempt;
	struct http_head *head;
	struct http_field *fields;
	struct slice body = buf_slice(&a->body), key = attempt_key(a);

	if (!a->is_fault || r->fault_head != NULL)
		return;
	if (key.len > 0 && slice_search(body, key) < body.len)
		return; /* it repeats our credential */
	head = arena_alloc(&r->arena, sizeof(*head));
	fields = arena_alloc(&r->arena, a->head.nfields * sizeof(*fields));
	if (head == NULL || fields == NULL ||
	    !arena_copy(&r->arena, body, &r->fault_body) ||
	    !arena_copy(&r->arena, a->fault.message, &r->fault_words.message) ||
	    !arena_copy(&r->arena, a->fault.type, &r->fault_words.type) ||
	    !arena_copy(&r->arena, a->fault.code, &r->fault_words.code))
		return;
	r->fault_translated = a->ask->answer != NULL;
	*head = a->head;
	if (head->status < 400) /* it only said so in the body */
		head->status = err_status(ERR_UP_CALLER);
	for (unsigned i = 0; i < head->nfields; i++)
		if (!arena_copy(&r->arena, a->head.fields[i].name, &fields[i].name) ||
		    !arena_copy(&r->arena, a->head.fields[i].value, &fields[i].value))
			return;
	head->fields = fields;
	r->fault_head = head;
}

/* The sentence about this failure; those before it stay, as far as there is room. */
static void
add_note(struct request *r)
{
	const struct attempt *a = r->attempt;

	r->quotes = r->quotes || a->quotes;
	if (r->attempts == 1)
		note_set(
		    &r->note, "%s: %s", r->candidate->offer->provider->name, a->wait.why);
	else
		note_add(&r->note, "; %s: %s", r->candidate->offer->provider->name,
		    a->wait.why);
}

/* Did every candidate that was asked, or could not be, say that it is limited? Then
 * *ret_until_ms is when the first may be asked again. */
static bool
all_limited(const struct request *r, uint64_t *ret_until_ms)
{
	uint64_t first = UINT64_MAX;
	bool any = false;

	for (unsigned i = 0; i < r->plan.count; i++) {
		const struct candidate *c = &r->plan.all[i];
		/* It may have another key, for which no attempt is left. */
		bool again = c == r->candidate && c->out == OUT_NOT;
		uint64_t until = again ? 0 : c->until_ms;

		if (!again && c->out != OUT_TRIED && c->out != OUT_LIMITED &&
		    c->out != OUT_FULL)
			continue;
		if (c->out != OUT_FULL && err_kind(c->why) != KIND_LIMIT)
			return false;
		any = true;
		if (until < first)
			first = until;
	}
	*ret_until_ms = first;
	return any;
}

static enum step
give_up(struct request *r, enum err e)
{
	uint64_t until, now = loop_now(r->worker->loop);

	/* What the caller did wrong is his, whoever else was tried. */
	if (r->fault_head != NULL)
		return req_fail(r, ERR_UP_CALLER);
	if (now >= r->deadline_ms)
		return req_fail(r, ERR_TOTAL_TIME);
	if (all_limited(r, &until)) {
		r->retry_after_ms = until > now ? until - now : 0;
		return req_fail(r, ERR_RATE_LIMITED);
	}
	return req_fail(r, err_kind(e) == KIND_LIMIT ? ERR_UP_5XX : e);
}

static enum step
failed(struct request *r, enum err e)
{
	const struct options *o = &r->config->options;
	struct candidate *c = r->candidate, *next = NULL;

	/* Who names a model that only its provider can know is told what that says. */
	if (e == ERR_UP_MISSING && c->offer->model == NULL)
		e = ERR_UP_CALLER;
	add_note(r);
	judge_candidate(r, e);
	if (err_kind(e) == KIND_CALLER || err_kind(e) == KIND_CONTEXT)
		keep_fault(r);
	settle_attempt(r, e);
	route_failed(&r->plan, c, e, loop_now(r->worker->loop));
	if (!err_try_another(e))
		return req_fail(r, e);
	if (r->attempts < o->attempts && loop_now(r->worker->loop) < r->deadline_ms)
		next = route_next(&r->plan, loop_now(r->worker->loop));
	if (next != NULL) {
		stats_add(&r->worker->stats.failovers, 1);
		r->candidate = next;
	} else if (r->attempts >= o->attempts || !plan_again(r, e)) {
		return give_up(r, e);
	}
	timer_stop(&r->timer);
	if (next == NULL)
		timer_set(&r->timer, r->pause_until_ms);
	req_goto(r, REQ_ROUTE);
	return STEP_MORE;
}

/* To the next one, or nobody is left. Nothing was sent, so it is no attempt. */
static enum step
pass_over(struct request *r, enum err e)
{
	struct candidate *next = route_next(&r->plan, loop_now(r->worker->loop));

	if (next == NULL)
		return req_fail(r, e);
	r->candidate = next;
	req_goto(r, REQ_ROUTE);
	return STEP_MORE;
}

/* What is asked cannot be said in the candidate's dialect: another may speak a better
 * one. */
static enum step
cannot_say(struct request *r)
{
	route_failed(
	    &r->plan, r->candidate, ERR_NO_EQUIVALENT, loop_now(r->worker->loop));
	return pass_over(r, ERR_NO_EQUIVALENT);
}

/* What it is asked for in its dialect is more than is left of a budget. */
static enum step
too_dear(struct request *r)
{
	if (admit_again(r)) {
		req_goto(r, REQ_ROUTE);
		return STEP_MORE;
	}
	r->candidate->out = OUT_BUDGET;
	return pass_over(r, ERR_BUDGET);
}

/* Others took what was left of a limit since it was chosen. */
static enum step
no_room(struct request *r)
{
	r->candidate = NULL;
	req_goto(r, REQ_ROUTE);
	return STEP_MORE;
}

/* --- the step --- */

enum step
step_send(struct request *r)
{
	uint64_t now = loop_now(r->worker->loop);
	enum err e;

	if (r->attempt == NULL) {
		e = start_attempt(r);
		if (e == ERR_NO_EQUIVALENT)
			return cannot_say(r);
		if (e == ERR_BUDGET)
			return too_dear(r);
		if (e == ERR_QUOTA)
			return no_room(r);
		return e == ERR_OK ? STEP_WAIT : req_fail(r, e);
	}
	if (r->attempt->err != ERR_OK && r->attempt->phase == PHASE_OVER && !r->whole &&
	    !r->attempt->begun)
		return failed(r, r->attempt->err);
	if (r->whole || r->attempt->begun ||
	    (r->ask.stream &&
		now >= r->attempt->start_ms + r->config->options.hold_time)) {
		req_goto(r, REQ_RELAY);
		return STEP_MORE;
	}
	return STEP_WAIT;
}

void
send_event(void *arg, enum attempt_event event, const struct slice *parts, unsigned n)
{
	struct request *r = arg;

	if (event == ATTEMPT_SENDS) {
		settle_intent(r);
		return;
	}
	if (r->state == REQ_RELAY) {
		relay_event(r, event, parts, n);
		return;
	}
	r->whole = event == ATTEMPT_WHOLE;
	request_run(r);
	/* The step to RELAY has written the head; what was held back follows it. */
	if (r->state == REQ_RELAY && event == ATTEMPT_BEGINS)
		relay_event(r, event, parts, n);
}
