/*
 * RELAY: the answer on its way to the caller. A whole reply goes out with its cost
 * in the head; a stream event by event as it comes, slowed by a slow reader.
 */
#include "core/text.h"
#include "http/write.h"
#include "proxy/headers.h"
#include "proxy/request.h"

#include <stdio.h>

#define HIGH_MARK (64u << 10) /* more than this is not queued for a slow reader */

static const struct slice comment = {": keep-alive\n\n", 14};

/* --- heads --- */

static void
put_upstream_fields(struct request *r, struct buf *to)
{
	const struct attempt *a = r->attempt;
	const char *id = r->candidate->offer->provider->id_header;
	bool rewritten = r->whole ? a->ask->answer != NULL : attempt_rewrites(a->ask);
	struct slice value;

	for (unsigned i = 0; i < a->head.nfields; i++) {
		if (rewritten && headers_of_body(a->head.fields[i].name))
			continue;
		if (!reply_hides(r, a->head.fields[i].name) &&
		    headers_to_caller(&a->head, a->head.fields[i].name))
			http_copy_field(to, &a->head.fields[i]);
	}
	value = id[0] == '\0' ? S("") : http_field(&a->head, slice_str(id));
	if (value.len > 0 &&
	    arena_copy(&r->arena, slice_head(value, 200), &r->upstream_id))
		http_put_field(to, S("x-upstream-request-id"), r->upstream_id);
}

static void
put_cost(struct request *r, struct buf *to)
{
	char text[TEXT_PUSD_MAX];

	if (r->cost_pusd == PRICE_UNKNOWN)
		http_put_field(to, S("x-weir-cost-usd"), S("unknown"));
	else
		http_put_plain(to, S("x-weir-cost-usd"),
		    slice_of(text, text_pusd(text, r->cost_pusd)));
}

/* Sends it, or takes the caller for gone. */
static void
put(struct request *r, const struct slice *parts, unsigned n)
{
	if (r->client != NULL && client_write(r->client, parts, n) != ERR_OK)
		client_close(r->client); /* on_gone runs in this */
}

/* --- whole replies --- */

static enum step
relay_whole(struct request *r)
{
	struct attempt *a = r->attempt;
	struct buf *head = &r->worker->head;
	struct slice parts[2];

	r->status = a->status;
	r->head_sent = true;
	settle_facts(r);
	buf_clear(head);
	http_put_status(head, a->status);
	reply_common(r, head);
	put_upstream_fields(r, head);
	if (a->ask->answer != NULL)
		http_put_plain(head, S("content-type"), S("application/json"));
	put_cost(r, head);
	http_put_number(head, S("content-length"), a->body.len);
	http_put_end(head);
	parts[0] = buf_slice(head);
	parts[1] = buf_slice(&a->body); /* it stays to the end of the turn */
	settle_attempt(r, ERR_OK);
	settle_row(r, r->status);
	if (head->err != ERR_OK || client_write(r->client, parts, 2) != ERR_OK)
		r->keep_alive = false;
	req_goto(r, REQ_SETTLE);
	return STEP_MORE;
}

/* --- streams --- */

static void
put_stream_head(struct request *r)
{
	struct attempt *a = r->attempt;
	const struct dialect *d = r->surface->dialect;
	struct buf *head = &r->worker->head;
	bool sized = a->raw && a->head.has_length;
	struct slice part;

	r->status = a->begun ? a->status : 200;
	r->head_sent = true;
	r->chunked = !sized && r->head.minor > 0;
	r->events = !a->raw && !a->compressed;
	r->comments = r->events && !d->is_framed && !a->ask->as_array;
	if (!sized && !r->chunked)
		r->keep_alive = false;
	buf_clear(head);
	http_put_status(head, r->status);
	reply_common(r, head);
	put_upstream_fields(r, head);
	/* The head went out before the provider's: it says what can be said. */
	if (!a->begun || attempt_rewrites(a->ask)) {
		http_put_field(head, S("content-type"),
		    a->ask->as_array ? S("application/json")
		    : d->is_framed   ? S(EVENTSTREAM_TYPE)
				     : S("text/event-stream"));
		http_put_field(head, S("cache-control"), S("no-cache"));
	}
	r->body_left = sized ? a->head.length : 0;
	if (sized)
		http_put_number(head, S("content-length"), a->head.length);
	else if (r->chunked)
		buf_add(head, S("transfer-encoding: chunked\r\n"));
	http_put_end(head);
	part = buf_slice(head);
	r->wrote_ms = loop_now(r->worker->loop);
	timer_set(&r->timer, r->wrote_ms + r->config->options.comment_time);
	r->streaming = true;
	stats_add(&r->worker->stats.streams, 1);
	put(r, &part, 1);
}

/* Keeps the last byte of a body of known length back: the row is written before it. */
static void
hold_last(struct request *r, struct slice *parts, unsigned n, size_t total)
{
	if (r->body_left == 0)
		return;
	r->body_left -= total < r->body_left ? total : r->body_left;
	if (r->body_left > 0)
		return;
	while (n > 0 && !r->last_held) {
		struct slice *part = &parts[--n];

		if (part->len == 0)
			continue;
		r->last_byte = part->ptr[--part->len];
		r->last_held = true;
	}
}

/* Sends parts (up to ATTEMPT_PARTS_MAX) of the body, in a chunk of their own. */
static void
put_parts(struct request *r, const struct slice *parts, unsigned n)
{
	char line[18];
	struct slice out[STREAM_PARTS_MAX];
	unsigned count = 0;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += parts[i].len;
	if (total == 0 || r->client == NULL)
		return;
	if (r->chunked)
		out[count++] = slice_of(line, http_chunk_head(line, total));
	for (unsigned i = 0; i < n; i++)
		out[count++] = parts[i];
	hold_last(r, out, count, total);
	if (r->chunked)
		out[count++] = S("\r\n");
	r->wrote_ms = loop_now(r->worker->loop);
	put(r, out, count);
	if (r->client != NULL && r->attempt != NULL &&
	    client_queued(r->client) > HIGH_MARK)
		attempt_pause(r->attempt);
}

static void
put_bytes(struct request *r, struct slice bytes)
{
	put_parts(r, &bytes, 1);
}

/* What it cost, as a comment that readers of events pass over. */
static void
put_cost_comment(struct request *r)
{
	char text[TEXT_PUSD_MAX], id[REQUEST_ID_LEN];
	struct slice cost = S("unknown"), line;

	if (!r->cost_comment || r->cost_told || !r->comments)
		return;
	r->cost_told = true;
	settle_facts(r);
	if (r->cost_pusd != PRICE_UNKNOWN)
		cost = slice_of(text, text_pusd(text, r->cost_pusd));
	request_id_write(r->id, id);
	line = arena_printf(&r->arena, ": x-weir-cost-usd=%.*s x-request-id=%.*s\n\n",
	    SLICE_ARGS(cost), REQUEST_ID_LEN, id);
	put_bytes(r, line);
}

/* The end of the message, if it is one that tells its end. */
static void
put_end(struct request *r)
{
	static const struct slice last = {"0\r\n\r\n", 5};
	const struct slice held = slice_of(&r->last_byte, 1);

	if (r->chunked)
		put(r, &last, 1);
	else if (r->last_held)
		put(r, &held, 1);
}

/* told: a part of the stream was, before it. */
static void
put_error_event(struct request *r, bool told)
{
	struct buf event;
	struct fault f = {.message = note_slice(&r->note),
	    .status = err_status(r->err),
	    .type = slice_str(err_type(r->err)),
	    .code = slice_str(err_code(r->err))};

	buf_init(&event, 16u << 10);
	attempt_put_fault(&r->sending, &f, told, &event);
	put_bytes(r, buf_slice(&event));
	buf_free(&event);
}

static void
relay_ends(struct request *r)
{
	enum err e = r->attempt->err; /* STREAM_ERROR, when an event said so */

	put_cost_comment(r);
	if (r->client == NULL)
		return;
	settle_facts(r);
	r->err = e;
	if (e != ERR_OK)
		note_set(&r->note, "%s sent an error in its stream",
		    r->candidate->offer->provider->name);
	settle_attempt(r, e);
	settle_row(r, r->status);
	put_end(r);
	r->ended = true;
	request_run(r);
}

/* It broke off: the caller is told in the stream, and it never looks complete. */
static void
relay_fails(struct request *r, enum err e, bool told)
{
	r->quotes = r->attempt->quotes;
	note_set(&r->note, "%s: %s", r->candidate->offer->provider->name,
	    r->attempt->wait.why);
	settle_facts(r);
	r->err = e;
	settle_attempt(r, e);
	settle_row(r, r->status);
	if (r->events) {
		put_error_event(r, told);
		put_end(r);
	} else {
		r->keep_alive = false; /* cut, as what we got was cut */
		r->chunked = false;
	}
	r->ended = true;
	request_run(r);
}

/* Our head said "events" before the provider's said otherwise. */
static void
relay_misfit(struct request *r, const char *what)
{
	(void)snprintf(r->attempt->wait.why, sizeof(r->attempt->wait.why),
	    "answered with %s where a stream was asked for, and too late", what);
	relay_fails(r, ERR_BAD_STREAM, false);
}

void
relay_event(
    struct request *r, enum attempt_event event, const struct slice *parts, unsigned n)
{
	switch (event) {
	case ATTEMPT_SENDS: break;
	case ATTEMPT_BEGINS:
		if (r->events && r->attempt->raw)
			relay_misfit(r, "JSON");
		else if (r->events && r->attempt->compressed)
			relay_misfit(r, "compressed text");
		else
			put_parts(r, parts, n);
		break;
	case ATTEMPT_BYTES: put_parts(r, parts, n); break;
	case ATTEMPT_MARK: put_cost_comment(r); break;
	case ATTEMPT_ENDS: relay_ends(r); break;
	case ATTEMPT_FAILS: relay_fails(r, r->attempt->err, r->attempt->begun); break;
	case ATTEMPT_WHOLE: relay_misfit(r, "JSON"); break;
	}
}

void
relay_time(struct request *r)
{
	uint64_t now = loop_now(r->worker->loop);
	uint64_t silence = r->config->options.comment_time;

	if (r->client == NULL || r->attempt == NULL || !r->comments)
		return;
	if (now - r->wrote_ms >= silence && client_queued(r->client) == 0)
		put_bytes(r, comment);
	if (r->client != NULL)
		timer_set(&r->timer,
		    (now - r->wrote_ms >= silence ? now : r->wrote_ms) + silence);
}

enum step
step_relay(struct request *r)
{
	if (r->whole && !r->head_sent)
		return relay_whole(r);
	if (!r->head_sent) {
		/* What a failover could need is not needed any more. */
		r->worker->tape_owner = NULL;
		if (r->attempt->ask->answer == NULL || !r->surface->dialect->chat->echoes)
			buf_free(&r->body);
		put_stream_head(r);
		/* That may have found the caller gone. */
		return r->state == REQ_RELAY ? STEP_WAIT : STEP_MORE;
	}
	if (!r->ended)
		return STEP_WAIT;
	req_goto(r, REQ_SETTLE);
	return STEP_MORE;
}
