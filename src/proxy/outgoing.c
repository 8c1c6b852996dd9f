/*
 * What is sent to a candidate: the caller's own bytes with the declared edits where it
 * speaks the caller's dialect, else the request written anew in its own.
 */
#include "proxy/pictures.h"
#include "proxy/request.h"

#define DROPPED_MAX 1000 /* bytes of the list of what was left out */

static bool
asks_for_usage(const struct request *r)
{
	return (r->candidate->offer->provider->quirks & Q_USAGE_UNASKED) == 0;
}

/* Does the caller read a stream as one JSON array? */
static bool
is_array(struct request *r)
{
	return r->ask.stream && r->surface->dialect->has_arrays &&
	       !slice_ieq(request_param(r, S("alt")), S("sse"));
}

/* What of the caller's query goes on: neither a key nor what put_target() says. */
static bool
passes(const struct request *r, struct slice pair)
{
	bool says_form = r->ask.stream && r->surface->dialect->has_arrays;

	return !slice_starts(pair, S("key=")) &&
	       !(says_form && slice_starts(pair, S("alt=")));
}

/* The caller's query without his key. */
static struct slice
passing_query(struct request *r)
{
	struct slice rest = slice_from(r->query, 1), kept;
	struct buf query;

	if (slice_search(r->query, S("key=")) == r->query.len &&
	    !r->surface->dialect->has_arrays)
		return r->query;
	buf_init(&query, r->query.len + 1);
	while (rest.ptr != NULL && rest.len > 0) {
		struct slice pair = slice_cut(&rest, '&');

		if (!passes(r, pair))
			continue;
		buf_byte(&query, query.len == 0 ? '?' : '&');
		buf_add(&query, pair);
	}
	/* Rather none than one with the key. */
	if (query.err != ERR_OK || !arena_copy(&r->arena, buf_slice(&query), &kept))
		kept = S("");
	buf_free(&query);
	return kept;
}

static enum err
edit_body(struct request *r)
{
	const struct offer *o = r->candidate->offer;
	struct json_edits edits;
	struct slice parts[JSON_PARTS_MAX], *kept;
	struct edit_plan plan = {
	    .model = o->upstream, .ask_for_usage = asks_for_usage(r)};
	enum err e = choose_tape(r);
	unsigned n;

	if (e == ERR_OK)
		e = r->surface->dialect->edit(
		    &r->worker->tape, &r->ask, &plan, &r->arena, &edits);
	if (e != ERR_OK)
		return e;
	n = json_parts(&edits, buf_slice(&r->body), parts);
	kept = arena_alloc(&r->arena, n * sizeof(parts[0]));
	if (kept == NULL)
		return ERR_NOMEM;
	memcpy(kept, parts, n * sizeof(parts[0]));
	r->sending.parts = kept;
	r->sending.nparts = n;
	r->sending.body_len = json_parts_length(&edits, r->body.len);
	return ERR_OK;
}

/* Onto the worker's tape, with as many levels as a translation looks at. */
static enum err
read_tape(struct request *r, uint32_t keep)
{
	struct worker *w = r->worker;
	enum err e;

	w->tape_owner = NULL;
	e = json_parse(&w->tape, buf_slice(&r->body), keep);
	if (e == ERR_OK)
		w->tape_owner = r;
	return e;
}

/* The canonical form of the request; read once, for whichever dialects follow. */
static enum err
read_prompt(struct request *r)
{
	const struct translation *chat = r->surface->dialect->chat;
	struct worker *w = r->worker;
	enum err e;

	if (r->prompt != NULL)
		return ERR_OK;
	e = read_tape(r, chat->keep);
	if (e != ERR_OK)
		return e;
	r->prompt = arena_alloc(&r->arena, sizeof(*r->prompt));
	if (r->prompt == NULL)
		return ERR_NOMEM;
	e = chat->read_prompt(&w->tape, &r->arena, r->prompt, &r->note, &r->param);
	r->prompt->stream = r->ask.stream;
	if (e != ERR_OK)
		r->prompt = NULL;
	return e;
}

/* May what has no equivalent be left out? */
static bool
may_drop(const struct request *r)
{
	struct slice said = http_field(&r->head, S("x-weir-drop"));

	return said.ptr == NULL ? r->config->options.translate_drop
				: slice_ieq(said, S("allow"));
}

/* The names, between commas. */
static void
list_losses(const struct losses *lost, struct buf *to)
{
	for (unsigned i = 0; i < lost->count; i++) {
		if (to->len + lost->path[i].len + 8 > DROPPED_MAX)
			break;
		buf_add(to, i == 0 ? S("") : S(", "));
		buf_add(to, lost->path[i]);
	}
	if (lost->more)
		buf_add(to, S(", ..."));
}

static enum err
judge_losses(struct request *r, const struct losses *lost)
{
	const struct offer *o = r->candidate->offer;
	struct buf list;
	enum err e = ERR_OK;

	r->dropped = S("");
	if (lost->count == 0 && !lost->more)
		return ERR_OK;
	if (lost->needed.len > 0) {
		note_set(&r->note,
		    "'%.*s' names something that its provider keeps, and %s has not. "
		    "Send what it stands for instead: the whole conversation.",
		    SLICE_ARGS(slice_head(lost->needed, 60)), o->provider->name);
		return ERR_NO_EQUIVALENT;
	}
	buf_init(&list, DROPPED_MAX + 16);
	list_losses(lost, &list);
	if (!may_drop(r)) {
		note_set(&r->note,
		    "%s has no equivalent for %.*s. Send x-weir-drop: allow (or set "
		    "translate.drop) to leave it out.",
		    o->provider->name, SLICE_ARGS(buf_slice(&list)));
		e = ERR_NO_EQUIVALENT;
	} else if (!arena_copy(&r->arena, buf_slice(&list), &r->dropped)) {
		e = ERR_NOMEM;
	}
	buf_free(&list);
	return e;
}

static void
send_outgoing(struct request *r)
{
	r->outgoing_part = buf_slice(&r->outgoing);
	r->sending.parts = &r->outgoing_part;
	r->sending.nparts = 1;
	r->sending.body_len = r->outgoing.len;
}

static enum err
translate_texts(struct request *r)
{
	const struct embedding_translation *from = r->surface->dialect->embed;
	struct embed_prompt *p = arena_alloc(&r->arena, sizeof(*p));
	struct losses lost;
	enum err e = p == NULL ? ERR_NOMEM : read_tape(r, from->keep);

	if (e == ERR_OK)
		e = from->read_prompt(
		    &r->worker->tape, &r->arena, p, &r->note, &r->param);
	if (e != ERR_OK)
		return e;
	lost = p->own;
	buf_clear(&r->outgoing);
	r->sending.dialect->embed->write_prompt(
	    p, r->candidate->offer->upstream, &r->outgoing, &lost);
	e = r->outgoing.err != ERR_OK ? r->outgoing.err : judge_losses(r, &lost);
	if (e != ERR_OK)
		return e;
	send_outgoing(r);
	r->answer_plan =
	    (struct answer_plan){.id = r->id_text, .model = r->ask.model, .embed = p};
	return ERR_OK;
}

static enum err
translate_body(struct request *r, bool *ret_wait)
{
	const struct translation *chat = r->sending.dialect->chat;
	const struct offer *o = r->candidate->offer;
	struct losses lost = {.arena = &r->arena};
	struct write_plan plan = {.model = o->upstream,
	    .provider = o->provider->name,
	    .quirks = o->provider->quirks,
	    .max_output_tok = offer_max_output_tok(o)};
	enum err e = read_prompt(r);

	if (e == ERR_OK)
		e = pictures_put(r, chat, &plan, ret_wait);
	if (e != ERR_OK || *ret_wait)
		return e;
	buf_clear(&r->outgoing);
	e = chat->write_prompt(r->prompt, &plan, &r->outgoing, &lost);
	if (e == ERR_OK)
		e = judge_losses(r, &lost);
	if (e != ERR_OK)
		return e;
	send_outgoing(r);
	e = admit_outgoing(r);
	if (e != ERR_OK)
		return e;
	r->answer_plan = (struct answer_plan){.id = r->id_text,
	    .model = r->ask.model,
	    .provider = o->provider->name,
	    .prompt = r->prompt,
	    .unix_s = r->start_unix_ms / 1000,
	    .usage_asked = r->ask.usage_asked,
	    .as_array = r->sending.as_array};
	return ERR_OK;
}

static enum err
write_id(struct request *r)
{
	char id[REQUEST_ID_LEN];

	request_id_write(r->id, id);
	return arena_copy(&r->arena, slice_of(id, sizeof(id)), &r->id_text) ? ERR_OK
									    : ERR_NOMEM;
}

enum err
outgoing_make(struct request *r, bool *ret_wait)
{
	const struct dialect *own = r->surface->dialect;
	struct attempt_ask *s = &r->sending;
	enum err e;

	*ret_wait = false;
	s->surface = r->surface;
	s->dialect = dialect_find(catalog_offer_dialect(r->candidate->offer, own->id));
	s->head = &r->head;
	s->query = passing_query(r);
	s->stream = r->ask.stream;
	s->as_array = is_array(r);
	s->withhold_usage = !r->ask.usage_asked && asks_for_usage(r);
	s->answers = r->ask.answers;
	s->answer = s->dialect == own ? NULL : &r->answer_plan;
	s->deadline_ms = r->deadline_ms;
	if (s->answer == NULL) {
		r->dropped = S("");
		return edit_body(r);
	}
	e = r->id_text.len > 0 ? ERR_OK : write_id(r);
	if (e != ERR_OK)
		return e;
	return r->ask.op == OP_EMBEDDING ? translate_texts(r)
					 : translate_body(r, ret_wait);
}
