/*
 * ROUTE: what is asked, and who is to answer it.
 */
#include "proxy/request.h"
#include "json/write.h"

#include <stdio.h>

enum err
choose_tape(struct request *r)
{
	struct worker *w = r->worker;
	enum err e;

	if (w->tape_owner == r)
		return ERR_OK;
	w->tape_owner = NULL;
	e = json_parse(&w->tape, buf_slice(&r->body), r->surface->dialect->keep);
	if (e == ERR_OK)
		w->tape_owner = r;
	return e;
}

static enum err
read_body(struct request *r)
{
	struct worker *w = r->worker;
	enum err e = choose_tape(r);

	if (e == ERR_SYNTAX) {
		note_set(&r->note,
		    "We could not parse the JSON body of your request: expected %s at "
		    "byte %zu.",
		    w->tape.why, w->tape.error_at);
		return ERR_BAD_JSON;
	}
	if (e != ERR_OK)
		return e == ERR_FULL ? ERR_BODY_TOO_LARGE : e;
	e = r->surface->dialect->read_ask(
	    &w->tape, r->surface->op, &r->arena, &r->ask, &r->note, &r->param);
	if (e == ERR_OK && r->surface->model != MODEL_BODY) {
		r->ask.model = request_path_rest(r);
		r->ask.stream = r->surface->model == MODEL_STREAM;
	}
	/* The name is needed to the end, the body is not. */
	if (e == ERR_OK && !arena_copy(&r->arena, r->ask.model, &r->ask.model))
		e = ERR_NOMEM;
	return e;
}

static enum err
read_wish(struct request *r)
{
	const struct json *j = &r->worker->tape;
	uint32_t v = json_get(j, 0, S("provider"));
	static const struct wish none = {
	    .max_input_pusd = -1, .max_output_pusd = -1, .max_request_pusd = -1};

	r->route.wish = &none;
	if (v == JSON_NONE)
		return ERR_OK;
	r->wish = arena_alloc(&r->arena, sizeof(*r->wish));
	r->route.wish = r->wish;
	if (r->wish == NULL)
		return ERR_NOMEM;
	return wish_read(r->config->catalog, j, v, r->wish, &r->note, &r->param);
}

/* A model that nobody knows: the names nearest to it. */
static enum err
unknown_model(struct request *r)
{
	struct slice near[3];
	unsigned n = catalog_nearest(r->config->catalog, r->ask.model, near, 3);

	note_set(&r->note, "The model '%.*s' does not exist here.",
	    SLICE_ARGS(slice_head(r->ask.model, 100)));
	for (unsigned i = 0; i < n; i++)
		note_add(&r->note, "%s'%.*s'", i == 0 ? " Did you mean " : ", ",
		    SLICE_ARGS(near[i]));
	note_add(&r->note, n > 0 ? "?" : " GET /v1/models lists what does.");
	r->param = "model";
	return ERR_UNKNOWN_MODEL;
}

static enum err
make_plan(struct request *r)
{
	const struct options *o = &r->config->options;
	struct worker *w = r->worker;
	enum err e = read_body(r);

	if (e == ERR_OK)
		e = read_wish(r);
	if (e != ERR_OK)
		return e;
	if (route_name_parse(r->config->catalog, r->ask.model, o->policy, &r->name) !=
	    ERR_OK)
		return unknown_model(r);
	e = admit_model(r);
	if (e != ERR_OK)
		return e;
	r->route.catalog = r->config->catalog;
	r->route.limits = &w->route_limits;
	r->route.name = &r->name;
	r->route.ask = &r->ask;
	r->route.dialect = r->surface->dialect;
	r->route.key_id = r->key_id;
	r->route.own = r->key == NULL ? NULL : r->key->own;
	r->route.now_ms = loop_now(w->loop);
	r->route.unix_ms = r->start_unix_ms;
	r->route.random = loop_random(w->loop);
	r->planned = true;
	e = route_plan(&r->route, &r->arena, &r->plan);
	admit_providers(r);
	return e;
}

/* Has a candidate before this one the same provider? */
static bool
is_again(const struct route_plan *p, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (p->all[i].offer->provider == p->all[at].offer->provider)
			return true;
	return false;
}

/* The variables that would give a key to one of the candidates, as there is room. */
static void
name_variables(struct request *r)
{
	unsigned named = 0;

	for (unsigned i = 0; i < r->plan.count; i++) {
		const struct candidate *c = &r->plan.all[i];
		const char *variable = c->offer->provider->key_variable;
		struct slice first = slice_str(variable);

		if (c->out != OUT_NO_KEY || variable[0] == '\0' || is_again(&r->plan, i))
			continue;
		first = slice_cut(&first, '|');
		if (note_slice(&r->note).len + first.len + 20 > NOTE_MAX) {
			note_add(&r->note, ", ...");
			return;
		}
		note_add(&r->note, "%s%.*s", named++ == 0 ? " Set one of: " : ", ",
		    SLICE_ARGS(first));
	}
	note_add(&r->note, named > 0 ? "." : "");
}

/* The reasons of the candidates; where one was named, of that one. */
static void
name_reasons(struct request *r)
{
	unsigned named = 0, others = 0;

	for (unsigned i = 0; i < r->plan.count; i++)
		others += r->plan.all[i].out == OUT_NOT_NAMED;

	for (unsigned i = 0; i < r->plan.count && named < 4; i++) {
		const struct candidate *c = &r->plan.all[i];

		if (c->out == OUT_NOT ||
		    (c->out == OUT_NOT_NAMED && others < r->plan.count))
			continue;
		note_add(&r->note, "%s%s: %s", named++ == 0 ? " " : "; ",
		    c->offer->provider->name, route_out_text(c));
	}
	note_add(&r->note, named > 0 ? "." : "");
}

/* The limits that are reached, each once. */
static void
name_limits(struct request *r, struct slice model)
{
	const void *last = NULL;

	note_set(&r->note,
	    "There is no room for another request to '%.*s' now:", SLICE_ARGS(model));
	for (unsigned i = 0; i < r->plan.count; i++) {
		const struct candidate *c = &r->plan.all[i];

		if (c->out != OUT_FULL || c->full.of == last)
			continue;
		note_add(&r->note, "%s the limit of %s '%.*s' is reached (",
		    last == NULL ? "" : ",", account_level_name(c->full.level),
		    SLICE_ARGS(slice_head(c->full.name, 60)));
		account_put_limit(&c->full, &r->note);
		note_add(&r->note, ")");
		last = c->full.of;
	}
	note_add(&r->note, ".");
}

/* Is one of them at a limit that is set for it here? */
static bool
has_full(const struct route_plan *p)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].out == OUT_FULL)
			return true;
	return false;
}

/* Nothing could even be tried. */
static enum step
nobody(struct request *r)
{
	uint64_t until;
	enum err e = route_end(&r->plan, &until);
	uint64_t now = loop_now(r->worker->loop);
	struct slice model = slice_head(r->ask.model, 100);

	if ((e == ERR_RATE_LIMITED || e == ERR_QUOTA) && has_full(&r->plan) &&
	    queue_wait(r, r->name.model, false, until > now ? until - now : 0))
		return STEP_WAIT;
	r->param = "model";
	if (e == ERR_NO_PROVIDER_KEY) {
		note_set(
		    &r->note, "No provider of '%.*s' can be used.", SLICE_ARGS(model));
		name_variables(r);
		if (r->plan.count > 0 && r->plan.all[0].out != OUT_NO_KEY)
			name_reasons(r);
	} else if (e == ERR_RATE_LIMITED || e == ERR_QUOTA) {
		if (e == ERR_QUOTA)
			name_limits(r, model);
		else
			note_set(&r->note, "Every provider of '%.*s' is rate limited.",
			    SLICE_ARGS(model));
		if (until > now)
			r->retry_after_ms = until - now;
	} else {
		note_set(&r->note, "No provider of '%.*s' fits the request.",
		    SLICE_ARGS(model));
		name_reasons(r);
	}
	return req_fail(r, e);
}

/* Nobody counts in the caller's dialect: what is learnt of the model says about it. */
static enum step
estimate_count(struct request *r)
{
	struct buf body;

	r->replied = r->estimated = true;
	buf_init(&body, 256);
	r->surface->dialect->write_count(r->plan.all[0].guess.input_tok, &body);
	reply_whole(r, 200, S("application/json"), buf_slice(&body));
	buf_free(&body);
	req_goto(r, REQ_SETTLE);
	return STEP_MORE;
}

enum step
step_route(struct request *r)
{
	uint64_t now = loop_now(r->worker->loop);

	if (!r->body_read || r->replied)
		return STEP_WAIT;
	if (r->is_signed) {
		enum err e = signed_check(r);

		if (e != ERR_OK)
			return req_fail(r, e);
	}
	if (r->surface->serve != SERVE_FORWARD) {
		r->replied = true; /* it is called once */
		r->worker->services->serve[r->surface->serve](r);
		return r->state == REQ_ROUTE ? STEP_WAIT : STEP_MORE;
	}
	if (now < r->pause_until_ms)
		return STEP_WAIT;
	if (!r->planned) {
		enum err e = make_plan(r);

		if (e != ERR_OK)
			return req_fail(r, e);
	}
	if (r->candidate == NULL && (lease_wait_route(r) || queue_holds(r)))
		return STEP_WAIT;
	if (r->candidate == NULL)
		r->candidate = route_next(&r->plan, now);
	if (r->candidate == NULL && r->fault_head != NULL)
		return req_fail(r, ERR_UP_CALLER);
	if (r->candidate == NULL && r->surface->op == OP_COUNT && r->plan.count > 0)
		return estimate_count(r);
	if (r->candidate == NULL)
		return nobody(r);
	req_goto(r, REQ_ADMIT);
	return STEP_MORE;
}
