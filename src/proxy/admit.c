/*
 * ADMIT: is there room for the request in the books and in what its key may spend. The
 * worst that it can cost is taken out of all budgets above the key before anything is
 * sent, and given back to the exact cost when it is settled.
 */
#include "core/text.h"
#include "meter/cost.h"
#include "proxy/request.h"
#include "quota/rule.h"
#include "json/edit.h"

#include <stdio.h>

#define UNLIMITED_TOK  131072 /* of an answer whose model's limit is not known */
#define LEAST_CAP_TOK  16     /* an answer that is cut shorter is of no use */
#define LIMIT_BYTES    64     /* of the member that says how long an answer may be */
#define SAID_BYTES     200    /* of session and tags */
#define LEASE_AGAIN_MS 2000
#define RACES	       4 /* others may take what was left meanwhile */

/* --- the worst case --- */

/* A token is at least a byte of the body, but for pictures and sound; what it refers to
 * is at most as long as the model's context. */
static uint64_t
most_input(const struct request *r, const struct offer *o)
{
	uint64_t most = r->body.len + r->ask.media_tok, context = offer_context_tok(o);

	/* A limit of the answer that is put into the body makes it longer. */
	most += r->capped_tok == 0 ? LIMIT_BYTES : 0;
	most -= r->ask.media_bytes < r->body.len ? r->ask.media_bytes : r->body.len;
	if (!r->ask.refers)
		return most;
	return most + (context == 0 ? UNLIMITED_TOK : context);
}

static uint64_t
most_output(const struct ask *ask, const struct offer *o)
{
	uint64_t most = ask->max_output_tok;

	if (ask->op == OP_EMBEDDING || ask->op == OP_COUNT)
		return 0;
	if (most == 0)
		most = offer_max_output_tok(o);
	if (most == 0)
		most = o->context_tok;
	return most == 0 ? UNLIMITED_TOK : most;
}

/* The service tier that may be charged: a request in other words may ask for another. */
static enum tier
most_tier(const struct request *r, const struct offer *o)
{
	enum dialect_id said = r->surface->dialect->id;

	return r->ask.tier_asked && catalog_offer_dialect(o, said) == said ? r->ask.tier
									   : TIERS;
}

/* Of all answers; a caller may ask for as many as he likes. */
static uint64_t
times(uint64_t tok, uint64_t answers)
{
	uint64_t all;

	return __builtin_mul_overflow(tok, answers, &all) ? UINT64_MAX : all;
}

/* With so many answers of at most so many tokens each. */
static int64_t
worst_of(const struct request *r, const struct candidate *c, uint64_t answers,
    uint64_t output_tok)
{
	struct cost_bounds most = {.input_tok = most_input(r, c->offer),
	    .output_tok = times(output_tok, answers),
	    .units = {[USAGE_REQUESTS] = 1},
	    .unix_ms = r->start_unix_ms,
	    .own_key = c->own != NULL};

	if (r->ask.op == OP_COUNT)
		return 0;
	most.tier = most_tier(r, c->offer);
	return cost_worst_pusd(c->offer, &most);
}

/* With as many answers as are asked for. */
static int64_t
worst_with(const struct request *r, const struct candidate *c, uint64_t output_tok)
{
	return worst_of(r, c, r->ask.answers, output_tok);
}

static int64_t
worst_pusd(const struct request *r, const struct candidate *c)
{
	return worst_with(r, c, most_output(&r->ask, c->offer));
}

/* May it still be tried, now or later? */
static bool
may_come(const struct candidate *c)
{
	return c->out == OUT_NOT || c->out == OUT_LIMITED || c->out == OUT_FULL ||
	       c->out == OUT_BROKEN || c->out == OUT_REFUSED;
}

/* The dearest of all who may be tried, or what it went out for; PRICE_UNKNOWN when nobody
 * knows it of one. */
static int64_t
most_worst(const struct request *r)
{
	int64_t most = r->outgoing_pusd > 0 ? r->outgoing_pusd : PRICE_UNKNOWN;

	for (unsigned i = 0; i < r->plan.count; i++) {
		const struct candidate *c = &r->plan.all[i];
		int64_t worst;

		if (!may_come(c))
			continue;
		worst = worst_pusd(r, c);
		if (worst == PRICE_UNKNOWN)
			return PRICE_UNKNOWN;
		most = worst > most ? worst : most;
	}
	return most;
}

/* The dearest of those who fit into what is left; the others are out. PRICE_UNKNOWN:
 * nobody fits. */
static int64_t
keep_fitting(struct request *r, int64_t left)
{
	int64_t most = PRICE_UNKNOWN;

	for (unsigned i = 0; i < r->plan.count; i++) {
		struct candidate *c = &r->plan.all[i];
		int64_t worst;

		if (!may_come(c))
			continue;
		worst = worst_pusd(r, c);
		if (left != INT64_MAX && (worst == PRICE_UNKNOWN || worst > left))
			c->out = OUT_BUDGET;
		else if (worst > most)
			most = worst;
	}
	return most;
}

/* --- a shorter answer --- */

/* The longest answer that the candidate gives for the money; 0: none. */
static uint64_t
longest_for(const struct request *r, const struct candidate *c, int64_t left)
{
	uint64_t low = 0, high = most_output(&r->ask, c->offer);

	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;
		int64_t worst = worst_with(r, c, middle);

		if (worst != PRICE_UNKNOWN && worst <= left)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* The limit of the answer, put into the body. */
static enum err
say_limit(struct request *r, uint64_t tok)
{
	struct slice parts[JSON_PARTS_MAX];
	struct json_edits edits = {0};
	struct buf body;
	enum err e;
	unsigned n;

	if (r->surface->dialect->max_output[0] == '\0')
		return ERR_BUDGET;
	e = choose_tape(r);
	if (e == ERR_OK)
		e = dialect_put_limit(
		    r->surface->dialect, &r->worker->tape, tok, &r->arena, &edits);
	if (e != ERR_OK)
		return e;
	buf_init(&body, r->config->options.body_bytes + LIMIT_BYTES);
	n = json_parts(&edits, buf_slice(&r->body), parts);
	for (unsigned i = 0; i < n; i++)
		buf_add(&body, parts[i]);
	if (body.err != ERR_OK) {
		buf_free(&body);
		return ERR_NOMEM;
	}
	r->worker->tape_owner = NULL;
	buf_free(&r->body);
	r->body = body;
	r->ask.max_output_tok = r->capped_tok = tok;
	return ERR_OK;
}

/* The caller did not say how long the answer is to be. */
static bool
may_shorten(const struct request *r)
{
	return r->ask.max_output_tok == 0 && r->ask.op != OP_EMBEDDING;
}

/* Nobody's longest answer fits. */
static enum err
shorten(struct request *r, int64_t left)
{
	uint64_t most = 0;

	if (!may_shorten(r))
		return ERR_BUDGET;
	for (unsigned i = 0; i < r->plan.count; i++) {
		struct candidate *c = &r->plan.all[i];
		uint64_t tok;

		if (c->out != OUT_BUDGET)
			continue;
		c->out = OUT_NOT;
		tok = longest_for(r, c, left);
		most = tok > most ? tok : most;
	}
	return most < LEAST_CAP_TOK ? ERR_BUDGET : say_limit(r, most);
}

/* --- what the caller is told --- */

static void
note_money(struct request *r, int64_t pusd)
{
	char text[TEXT_PUSD_MAX];

	note_add(&r->note, "%.*s USD", (int)text_pusd(text, pusd), text);
}

static void
tell_refusal(struct request *r, enum err e, const struct account_refusal *why)
{
	char time[TEXT_TIME_MAX];

	if (e == ERR_BUDGET && why->lease) {
		note_set(&r->note,
		    "What this server has leased of the budget of %s '%.*s' is used up, "
		    "and no more can be leased now. Try again soon.",
		    account_level_name(why->level), SLICE_ARGS(why->name));
		r->retry_after_ms = LEASE_AGAIN_MS;
	} else if (e == ERR_BUDGET) {
		note_set(&r->note, "The %s of %s '%.*s'%s%.*s%s is used up: ",
		    why->credit ? "credit" : "budget", account_level_name(why->level),
		    SLICE_ARGS(why->name), why->models.len > 0 ? " for '" : "",
		    SLICE_ARGS(why->models), why->models.len > 0 ? "'" : "");
		note_money(r, why->left_pusd);
		if (!why->credit) {
			note_add(&r->note, " of ");
			note_money(r, why->limit);
		}
		note_add(&r->note, " are left, which this request could exceed.");
		if (why->renews_ms != 0)
			note_add(&r->note, " It renews at %.*s.",
			    (int)text_time(time, why->renews_ms), time);
		if (why->renews_ms > r->start_unix_ms)
			r->retry_after_ms = why->renews_ms - r->start_unix_ms;
	} else {
		note_set(&r->note,
		    "The limit of %s '%.*s' is reached: ", account_level_name(why->level),
		    SLICE_ARGS(why->name));
		account_put_limit(why, &r->note);
		note_add(&r->note, ".");
		r->retry_after_ms = why->retry_ms == 0 ? 1000 : why->retry_ms;
	}
}

static enum step
refuse(struct request *r, enum err e, const struct account_refusal *why)
{
	tell_refusal(r, e, why);
	return req_fail(r, e);
}

/* The model by the name by which rules and budgets know it. */
static struct slice
admitted_model(const struct request *r)
{
	return r->name.model != NULL ? r->name.model->id : r->ask.model;
}

/* --- the step --- */

/* The least that it can cost with answers of at most so many tokens (0: as long as they
 * may be); PRICE_UNKNOWN: nobody knows. */
static int64_t
least_worst(const struct request *r, uint64_t answer_tok)
{
	int64_t least = PRICE_UNKNOWN;

	for (unsigned i = 0; i < r->plan.count; i++) {
		const struct candidate *c = &r->plan.all[i];
		int64_t worst;

		if (c->out != OUT_BUDGET && !may_come(c))
			continue;
		worst = answer_tok == 0 ? worst_pusd(r, c) : worst_with(r, c, answer_tok);
		if (worst != PRICE_UNKNOWN && (least == PRICE_UNKNOWN || worst < least))
			least = worst;
	}
	return least;
}

/* With less money than that it is refused. */
static int64_t
least_use(const struct request *r)
{
	int64_t least = least_worst(r, may_shorten(r) ? LEAST_CAP_TOK : 0);

	return least == PRICE_UNKNOWN ? 0 : least;
}

/* Nobody fits: tells which budget it is that has too little left. */
static enum err
blame(struct request *r, struct account_ask *ask, struct account_refusal *ret_why)
{
	struct account *a = r->key->account;
	uint64_t now = loop_now(r->worker->loop);
	enum err e;

	ask->pusd = least_worst(r, 0);
	e = account_admit(a, ask, now, r->start_unix_ms, &r->grant, ret_why);
	if (e != ERR_OK)
		return e;
	/* It came back meanwhile, which is too late. */
	account_cancel(&r->grant);
	ask->pusd = PRICE_UNKNOWN;
	return account_admit(a, ask, now, r->start_unix_ms, &r->grant, ret_why);
}

/* The dearest of all costs so much. Mostly that is there; else those who do not fit are
 * out. */
static enum err
reserve(struct request *r, int64_t pusd, struct account_refusal *ret_why)
{
	struct account *a = r->key->account;
	const struct prediction *p = &r->candidate->guess;
	struct account_ask ask = {.pusd = pusd,
	    .input_tok = p->input_tok,
	    .output_tok = p->output_tok,
	    .model = admitted_model(r)};
	enum err e = ERR_BUDGET;

	if (pusd != PRICE_UNKNOWN)
		e = account_admit(a, &ask, loop_now(r->worker->loop), r->start_unix_ms,
		    &r->grant, ret_why);
	for (unsigned i = 0; e == ERR_BUDGET && i < RACES; i++) {
		int64_t left = account_left(a, ask.model, r->start_unix_ms);

		ask.pusd = keep_fitting(r, left);
		if (ask.pusd == PRICE_UNKNOWN && left != INT64_MAX &&
		    shorten(r, left) == ERR_OK)
			ask.pusd = keep_fitting(r, left);
		/* Nobody fits, whatever others give back. */
		if (ask.pusd == PRICE_UNKNOWN && left != INT64_MAX)
			return blame(r, &ask, ret_why);
		e = account_admit(a, &ask, loop_now(r->worker->loop), r->start_unix_ms,
		    &r->grant, ret_why);
		if (ask.pusd == PRICE_UNKNOWN)
			break;
	}
	return e;
}

/*
 * Another thread's request may have begun the next period meanwhile, or this one waited:
 * then it is counted there, and begins with it for the ledger and the price as well.
 * What was taken is given back, as the price may be another.
 */
static bool
begins_later(struct request *r)
{
	if (r->grant.from_ms <= r->start_unix_ms)
		return false;
	r->start_unix_ms = r->grant.from_ms;
	account_cancel(&r->grant);
	return true;
}

/* Is it to wait for a lease of what the dearest of those who may be asked could take? */
static bool
wants_lease(struct request *r, int64_t pusd)
{
	const struct prediction *p = &r->candidate->guess;
	struct account_ask need = {.pusd = pusd,
	    .model = admitted_model(r),
	    .input_tok = p->input_tok,
	    .output_tok = p->output_tok};

	if (r->worker->lenders == NULL)
		return false;
	/* Of those whose price is known. */
	if (pusd == PRICE_UNKNOWN)
		need.pusd = keep_fitting(r, INT64_MAX);
	need.least_pusd = least_use(r);
	return lease_wait(r, &need);
}

/* Would it wait in vain? What was taken of other limits than that one may come back. */
static bool
is_in_vain(const struct request *r, const struct account_refusal *why)
{
	return why->kind == QUOTA_REQUESTS && why->retry_ms > r->config->options.queue;
}

/* A body that says twice what it may cost has no worst case. */
static enum err
check_body(struct request *r)
{
	const struct json *j = &r->worker->tape;
	enum err e = choose_tape(r);
	uint32_t key;

	if (e != ERR_OK)
		return e;
	key = dialect_repeats(j);
	if (key == JSON_NONE)
		return ERR_OK;
	note_set(&r->note,
	    "The member '%.*s' is in the body more than once. A key with limits may "
	    "say it once only.",
	    SLICE_ARGS(json_inner(j, key)));
	return ERR_BAD_REQUEST;
}

static enum step
admit_key(struct request *r)
{
	struct account_refusal why;
	int64_t most = most_worst(r);
	enum err e;

	if (wants_lease(r, most) || queue_holds(r))
		return STEP_WAIT;
	while ((e = reserve(r, most, &why)) == ERR_OK && begins_later(r))
		most = most_worst(r); /* by the prices of then */
	if (e == ERR_QUOTA && !is_in_vain(r, &why) &&
	    queue_wait(r, why.of, true, why.retry_ms))
		return STEP_WAIT;
	if (e != ERR_OK)
		return refuse(r, e, &why);
	/* The first choice may not fit; somebody does. */
	if (r->candidate->out != OUT_NOT)
		r->candidate = route_next(&r->plan, loop_now(r->worker->loop));
	if (r->candidate == NULL) {
		req_goto(r, REQ_ROUTE);
		return STEP_MORE;
	}
	return STEP_DONE;
}

/* Whoever is let in will be recorded: the journal keeps room for it. */
static enum err
admit_journal(struct request *r)
{
	size_t bytes = journal_promise(slice_head(r->ask.model, METER_TEXT_MAX).len +
				       admit_session(r).len + admit_tags(r).len);

	if (r->admitted)
		return ERR_OK;
	if (journal_admit(r->worker->journal, bytes)) {
		r->promised = bytes;
	} else if (r->config->options.on_full == FULL_REFUSE) {
		stats_add(&r->worker->stats.ledger_full, 1);
		r->retry_after_ms = 1000;
		note_set(&r->note,
		    "The journal is full, and no request is answered that could not be "
		    "recorded. Try again in a second.");
		return ERR_LEDGER_FULL;
	}
	r->admitted = true;
	return ERR_OK;
}

enum step
step_admit(struct request *r)
{
	bool limited = r->key != NULL && r->key->account != NULL;
	enum err e = limited && !r->admitted ? check_body(r) : ERR_OK;

	if (e == ERR_OK)
		e = admit_journal(r);
	if (e != ERR_OK)
		return req_fail(r, e);
	if (limited && r->grant.count == 0) {
		enum step s = admit_key(r);

		if (s != STEP_DONE)
			return s;
	}
	req_goto(r, REQ_SEND);
	return STEP_MORE;
}

enum err
admit_outgoing(struct request *r)
{
	const struct dialect *d = r->sending.dialect;
	struct json *j = &r->worker->reply_tape;
	struct account_refusal why;
	const char *param;
	struct note note;
	const struct candidate *c = r->candidate;
	struct ask out = r->ask;
	int64_t worst;
	enum err e;

	if (r->grant.count == 0)
		return ERR_OK;
	e = json_parse(j, r->outgoing_part, d->keep);
	if (e == ERR_OK)
		e = d->read_ask(j, r->ask.op, &r->arena, &out, &note, &param);
	if (e == ERR_NOMEM)
		return e;
	if (e != ERR_OK)
		out.max_output_tok = 0;
	if (out.answers < r->ask.answers)
		out.answers = r->ask.answers;
	worst = worst_of(r, c, out.answers, most_output(&out, c->offer));
	if (worst == PRICE_UNKNOWN || worst <= r->grant.pusd)
		return ERR_OK;
	e = account_raise(&r->grant, worst - r->grant.pusd, &why);
	if (e != ERR_BUDGET)
		return e;
	tell_refusal(r, e, &why);
	r->admit_again = why.lease && r->outgoing_pusd < worst;
	r->outgoing_pusd = worst;
	return e;
}

bool
admit_again(struct request *r)
{
	if (!r->admit_again)
		return false;
	r->admit_again = false;
	account_cancel(&r->grant);
	return true;
}

/* The key may have got its first limits meanwhile, or budgets for models: then what it
 * cost counts there, too. */
static void
charge_late(const struct request *r, int64_t cost)
{
	const struct key_set *now = r->worker->keys;
	const struct key *key = NULL;

	if (r->key == NULL || r->keys == now || cost == PRICE_UNKNOWN)
		return;
	if (r->grant.count == 0)
		key = key_set_find(now, r->key->hash);
	account_charge(key == NULL ? NULL : key->account, &r->grant, admitted_model(r),
	    r->start_unix_ms, cost);
}

void
admit_settle(struct request *r)
{
	const struct usage *u = &r->facts.usage;
	int64_t cost = r->cost_pusd;

	/* What failed before it began to be answered is not paid for; what the caller
	 * left may be. */
	if (!u->known && r->err != ERR_OK && !r->streaming &&
	    (r->attempts == 0 || err_kind(r->err) != KIND_GONE))
		cost = 0;
	charge_late(r, cost);
	if (r->grant.count == 0)
		return;
	account_settle(&r->grant, cost, usage_input_tok(u), usage_output_tok(u));
	queue_wake(r->worker);
}

struct slice
admit_session(const struct request *r)
{
	return slice_head(http_field(&r->head, S("x-session-id")), SAID_BYTES);
}

struct slice
admit_tags(const struct request *r)
{
	return slice_head(http_field(&r->head, S("x-weir-tags")), SAID_BYTES);
}

struct slice
admit_name(const struct request *r, enum account_level level)
{
	for (unsigned i = 0; i < r->grant.count; i++)
		if (account_level(r->grant.chain[i]) == level)
			return account_name(r->grant.chain[i]);
	return S("");
}

/* --- before the plan --- */

enum err
admit_model(struct request *r)
{
	struct slice name = admitted_model(r);

	if (r->key == NULL || rule_allows(r->key->rules.models, name))
		return ERR_OK;
	note_set(&r->note, "The key '%.*s' may not use the model '%.*s'.",
	    SLICE_ARGS(r->key_name), SLICE_ARGS(slice_head(name, 100)));
	r->param = "model";
	return ERR_NOT_ALLOWED;
}

void
admit_providers(struct request *r)
{
	if (r->key == NULL || r->key->rules.providers == NULL)
		return;
	for (unsigned i = 0; i < r->plan.count; i++) {
		struct candidate *c = &r->plan.all[i];

		if (c->out == OUT_NOT && !rule_allows(r->key->rules.providers,
					     slice_str(c->offer->provider->name)))
			c->out = OUT_KEY;
	}
}
