/*
 * SETTLE: what was used, what it cost, and where that is written.
 */
#include "core/log.h"
#include "meter/cost.h"
#include "meter/intent.h"
#include "proxy/pictures.h"
#include "proxy/request.h"
#include "route/learn.h"
#include "json/write.h"

#define TAPE_KEPT   16384 /* tokens that stay allocated between requests */
#define RETRY_SHARE 0.1	  /* of all requests may be retries of the same candidate */
#define RETRY_MAX   20.0  /* that may be saved up */

/* --- attempts --- */

/* Puts it behind those before it, in the list that the ledger keeps. Names of providers
 * and outcomes are plain words. */
static void
note_attempt(struct request *r, enum err outcome)
{
	static const struct slice none = {"[]", 2};
	const struct attempt *a = r->attempt;
	const struct offer *o = r->candidate->offer;
	bool first = r->history.len == 0;
	struct buf *h = &r->worker->scratch;
	bool good = outcome == ERR_OK;

	if (slice_eq(r->history, none))
		return; /* they were too much already */
	buf_clear(h);
	buf_add(h, slice_head(r->history, first ? 0 : r->history.len - 1));
	buf_add(h, first ? S("[{\"provider\":\"") : S(",{\"provider\":\""));
	buf_add(h, slice_str(o->provider->name));
	buf_add(h, S("\",\"model\":"));
	json_text(h, o->upstream);
	buf_add(h, S(",\"outcome\":\""));
	buf_add(h, slice_str(err_name(outcome)));
	buf_byte(h, '"');
	if (a->status != 0)
		json_member_u64(h, S("status"), a->status);
	json_member_u64(h, S("ms"), loop_now(r->worker->loop) - a->start_ms);
	if (r->candidate->own != NULL)
		buf_add(h, S(",\"key\":\"team\""));
	else if (o->provider->nkeys > 1)
		json_member_u64(h, S("key"), r->candidate->key);
	buf_add(h, good || a->token_ms != 0   ? S(",\"billed\":\"yes\"")
		   : attempt_may_be_billed(a) ? S(",\"billed\":\"maybe\"")
					      : S(",\"billed\":\"no\""));
	if (!good && a->wait.why[0] != '\0')
		json_member(h, S("why"), slice_str(a->wait.why));
	buf_add(h, S("}]"));
	/* Cut, it would be no JSON. */
	if (h->err != ERR_OK || h->len > METER_TEXT_MAX ||
	    !arena_copy(&r->arena, buf_slice(h), &r->history))
		r->history = none;
}

/* For the log: all attempts, if one failed. */
static void
remember_try(struct request *r, enum err outcome)
{
	const char *provider = r->candidate->offer->provider->name;
	unsigned status = r->attempt->status;
	struct slice so_far = r->tried;
	const char *comma = so_far.len > 0 ? "," : "";

	if (outcome == ERR_OK && so_far.len == 0)
		return;
	if (status == 0)
		r->tried = arena_printf(&r->arena, "%.*s%s%s:%s", SLICE_ARGS(so_far),
		    comma, provider, err_name(outcome));
	else
		r->tried = arena_printf(&r->arena, "%.*s%s%s:%s:%u", SLICE_ARGS(so_far),
		    comma, provider, err_name(outcome), status);
}

static void
learn_from(struct request *r)
{
	const struct attempt *a = r->attempt;
	const struct offer *o = r->candidate->offer;
	const struct usage *u = &r->facts.usage;
	uint64_t now = loop_now(r->worker->loop);
	struct health_sample s = {
	    .ttft_ms = (a->token_ms != 0 ? a->token_ms : now) - a->start_ms,
	    .total_ms = now - a->start_ms};

	if (r->ask.op == OP_COUNT)
		return; /* says nothing about how answers come */
	if (u->known && !r->estimated) {
		s.out_tok = usage_output_tok(u);
		s.prompt_tok = usage_input_tok(u);
		s.prompt_bytes = r->ask.prompt_parts == 0 ? r->ask.prompt_bytes : 0;
		learn_answer(
		    r->key_id, o->model == NULL ? o->upstream : o->model->id, s.out_tok);
	}
	health_good(o->health, now, &s);
}

/* At the candidate, by what the reply says; a tier of which it says nothing is the one
 * that was asked for. */
static int64_t
cost_of(
    const struct request *r, struct slice model, struct slice tier, const struct usage *u)
{
	struct cost_facts said = {.model = model,
	    .tier = tier,
	    .unix_ms = r->start_unix_ms,
	    .own_key = r->candidate->own != NULL};

	if (tier.len == 0 && r->ask.tier_asked)
		said.tier = slice_str(tier_name(r->ask.tier));
	return cost_pusd(r->config->catalog, r->candidate->offer, &said, u);
}

/* Gives back to the limits of provider and model what it did not use. */
static void
settle_taken(struct request *r)
{
	const struct attempt *a = r->attempt;
	const struct usage *u = r->estimated ? &r->facts.usage : &a->facts.usage;
	int64_t pusd = 0;

	allowance_give(&r->candidate->hold, a->told);
	if (r->taken.count == 0)
		return;
	if (u->known) {
		pusd = cost_of(r, a->facts.model, a->facts.tier, u);
		account_settle(&r->taken, pusd, usage_input_tok(u), usage_output_tok(u));
	} else if (attempt_may_be_billed(a)) {
		account_settle(
		    &r->taken, PRICE_UNKNOWN, r->taken.input_tok, r->taken.output_tok);
	} else {
		account_settle(&r->taken, 0, 0, 0);
	}
	queue_wake(r->worker);
}

void
settle_attempt(struct request *r, enum err outcome)
{
	struct attempt *a = r->attempt;

	settle_taken(r);
	note_attempt(r, outcome);
	remember_try(r, outcome);
	if (outcome == ERR_OK)
		learn_from(r);
	else if (r->candidate->probe && outcome == ERR_CLIENT_GONE)
		atomic_store(&r->candidate->offer->health->probe_until_ms, 0);
	else if (r->head_sent && err_breaker(outcome) == BREAKER_COUNT)
		health_bad(r->candidate->offer->health, loop_now(r->worker->loop),
		    &r->worker->route_limits.breaker);
	r->attempt = NULL;
	attempt_drop(a);
}

/* A stream that told no usage: a token an event, and the prompt by the ratio. */
static void
estimate(struct request *r)
{
	struct usage *u = &r->facts.usage;

	if (u->known || (r->token_events == 0 && r->attempt->finished == 0))
		return;
	u->known = r->estimated = true;
	u->count[USAGE_INPUT] = predict_input_tok(r->candidate->offer, &r->ask);
	u->count[USAGE_OUTPUT] = r->token_events;
	u->count[USAGE_REQUESTS] = 1;
}

/* A text that outlives the attempt; it seldom changes. */
static void
keep_said(struct request *r, struct slice *kept, struct slice s)
{
	if (!slice_eq(*kept, s) && !arena_copy(&r->arena, s, kept))
		*kept = S("");
}

void
settle_facts(struct request *r)
{
	const struct attempt *a = r->attempt;

	if (a == NULL)
		return;
	r->facts.usage = a->facts.usage;
	keep_said(r, &r->facts.model, a->facts.model);
	keep_said(r, &r->facts.tier, a->facts.tier);
	r->token_ms = a->token_ms;
	r->token_events = a->token_events;
	r->estimated = false;
	estimate(r);
	if (r->facts.tier.len == 0 && r->ask.tier_asked)
		r->facts.tier = slice_str(tier_name(r->ask.tier));
	r->cost_pusd = cost_of(r, r->facts.model, r->facts.tier, &r->facts.usage);
}

/* --- the row --- */

static bool
is_partial(const struct request *r)
{
	return err_kind(r->err) == KIND_PARTIAL || err_kind(r->err) == KIND_GONE;
}

void
settle_intent(struct request *r)
{
	const struct candidate *c = r->candidate;
	const struct offer *o = c->offer;
	struct meter_intent intent = {.id = r->id,
	    .start_ms = r->start_unix_ms,
	    .key_id = r->key_id,
	    .reserved_pusd = r->grant.count > 0 ? r->grant.pusd : c->guess.cost_pusd,
	    .input_tok = c->guess.input_tok,
	    .output_tok = c->guess.output_tok,
	    .attempts = (uint8_t)r->attempts,
	    .stream = r->ask.stream};

	intent.text[INTENT_KEY] = r->key_name;
	intent.text[INTENT_ASKED] = r->ask.model;
	intent.text[INTENT_MODEL] = o->model == NULL ? S("") : o->model->id;
	intent.text[INTENT_PROVIDER] = slice_str(o->provider->name);
	intent.text[INTENT_UPSTREAM] = o->upstream;
	intent.text[INTENT_OPERATION] = slice_str(surface_operation(r->ask.op));
	intent.text[INTENT_USER] = admit_name(r, LEVEL_USER);
	intent.text[INTENT_TEAM] = admit_name(r, LEVEL_TEAM);
	intent.text[INTENT_ORGANISATION] = admit_name(r, LEVEL_ORG);
	intent.text[INTENT_SESSION] = admit_session(r);
	intent.text[INTENT_TAGS] = admit_tags(r);
	intent.text[INTENT_ATTEMPTS] = r->history;
	/* Without room for it the row, for which there is room if it was admitted, is
	 * all there is; of a further attempt the first one's intent is left. */
	(void)journal_intent(r->worker->journal, &intent, &r->promised);
}

/* Only where journal.on_full says that it is to go on. */
static void
note_unrecorded(struct request *r)
{
	char id[REQUEST_ID_LEN];

	stats_add(&r->worker->stats.unrecorded, 1);
	if (r->worker->unrecorded)
		return;
	r->worker->unrecorded = true;
	request_id_write(r->id, id);
	log_event(LOG_ERROR,
	    "the journal is full: the ledger has no row of %.*s (%s, %lld pico-USD), nor "
	    "of those that weir_unrecorded_total counts from here on",
	    REQUEST_ID_LEN, id, r->candidate->offer->provider->name,
	    (long long)r->cost_pusd);
}

static struct meter_row
make_row(const struct request *r, const struct offer *o, unsigned status)
{
	uint64_t now = loop_now(r->worker->loop);
	struct meter_row row = {.n = {.id = r->id,
				    .start_ms = r->start_unix_ms,
				    .key_id = r->key_id,
				    .total_ms = (uint32_t)(now - r->start_ms),
				    .status = (uint16_t)status,
				    .attempts = (uint8_t)r->attempts,
				    .stream = r->ask.stream,
				    .partial = is_partial(r),
				    .estimated = r->estimated,
				    .usage = r->facts.usage,
				    .cost_pusd = r->cost_pusd}};

	if (r->token_ms != 0)
		row.n.ttft_ms =
		    (uint32_t)(r->token_ms - r->start_ms) + (r->token_ms == r->start_ms);
	row.text[TEXT_KEY] = r->key_name;
	row.text[TEXT_ASKED] = r->ask.model;
	row.text[TEXT_MODEL] = o->model == NULL ? S("") : o->model->id;
	row.text[TEXT_PROVIDER] = slice_str(o->provider->name);
	row.text[TEXT_UPSTREAM] = o->upstream;
	row.text[TEXT_SAID] = r->facts.model;
	row.text[TEXT_TIER] = r->facts.tier;
	row.text[TEXT_UPSTREAM_ID] = r->upstream_id;
	row.text[TEXT_OPERATION] = slice_str(surface_operation(r->ask.op));
	row.text[TEXT_OUTCOME] = slice_str(err_name(r->err));
	row.text[TEXT_USER] = admit_name(r, LEVEL_USER);
	row.text[TEXT_TEAM] = admit_name(r, LEVEL_TEAM);
	row.text[TEXT_ORGANISATION] = admit_name(r, LEVEL_ORG);
	row.text[TEXT_SESSION] = admit_session(r);
	row.text[TEXT_TAGS] = admit_tags(r);
	row.text[TEXT_ATTEMPTS] = r->history;
	return row;
}

void
settle_row(struct request *r, unsigned status)
{
	struct meter_row row;

	if (r->attempts == 0 || r->candidate == NULL || r->recorded)
		return;
	r->recorded = true;
	row = make_row(r, r->candidate->offer, status);
	if (journal_settle(r->worker->journal, &row, &r->promised))
		r->worker->unrecorded = false;
	else
		note_unrecorded(r);
	/* Before the answer's end: whoever has read it finds its slot free, and the rest
	 * of what was reserved. */
	admit_settle(r);
}

static void
count(struct request *r, uint64_t now)
{
	struct stats *s = &r->worker->stats;

	stats_sub(&s->in_flight, 1);
	if (r->streaming)
		stats_sub(&s->streams, 1);
	stats_add(&s->status[r->status < 600 ? r->status : 500], 1);
	if (r->attempts == 0)
		return;
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (r->facts.usage.count[c] > 0)
			stats_add(&s->usage[c], r->facts.usage.count[c]);
	stats_span(&s->total, now - r->start_ms);
	if (r->token_ms != 0)
		stats_span(&s->ttft, r->token_ms - r->start_ms);
	if (is_partial(r))
		stats_add(&s->partial, 1);
	if (r->cost_pusd == PRICE_UNKNOWN)
		stats_add(&s->unpriced, 1);
	else
		stats_add(&s->cost_pusd, (uint64_t)r->cost_pusd);
	r->worker->retry_budget += RETRY_SHARE;
	if (r->worker->retry_budget > RETRY_MAX)
		r->worker->retry_budget = RETRY_MAX;
}

/* --- the step --- */

enum step
step_settle(struct request *r)
{
	uint64_t now = loop_now(r->worker->loop);
	struct client *c = r->client;

	r->settled = true;
	queue_leave(r);
	timer_stop(&r->timer);
	if (r->service_gone != NULL)
		r->service_gone(r);
	if (r->attempt != NULL)
		settle_attempt(r, r->err == ERR_OK ? ERR_CANCELLED : r->err);
	pictures_drop(r);
	settle_row(r, r->status);
	if (!r->recorded)
		admit_settle(r);
	journal_release(r->worker->journal, r->promised);
	r->promised = 0;
	count(r, now);
	access_log(r, now);
	list_remove(&r->link);
	if (r->worker->tape_owner == r)
		r->worker->tape_owner = NULL;
	if (r->worker->tape_owner == NULL)
		json_trim(&r->worker->tape, TAPE_KEPT);
	json_trim(&r->worker->reply_tape, TAPE_KEPT);
	r->client = NULL;
	loop_defer(r->worker->loop, &r->gone);
	if (c != NULL)
		client_answered(c, r->keep_alive);
	return STEP_DONE;
}
