#include "proxy/attempt_reply.h"

#include "proxy/limits.h"
#include "proxy/worker.h"

#include <stdlib.h>

#define KEY_LEAST   8		/* shorter ones are no secret, and in many words */
#define TAIL_BYTES  (16u << 10) /* at the end of a long reply, where its usage stands */
#define INTERIM_MAX 20		/* announcements before a reply */

static const struct options *
options_of(const struct attempt *a)
{
	return &a->worker->config->options;
}

static unsigned
quirks_of(const struct attempt *a)
{
	return a->candidate->offer->provider->quirks;
}

static const struct dialect *
dialect_of(const struct attempt *a)
{
	return a->ask->dialect;
}

static struct slice
keep_text(char to[80], struct slice s)
{
	s = slice_head(s, 80);
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	return slice_of(to, s.len);
}

void
attempt_keep_facts(struct attempt *a, const struct reply_facts *f)
{
	/* Usage comes once, or several times and then as a whole each time. */
	if (f->usage.known && f->is_update)
		usage_update(&a->facts.usage, &f->usage);
	else if (f->usage.known)
		a->facts.usage = f->usage;
	if (f->model.len > 0)
		a->facts.model = keep_text(a->said[0], f->model);
	if (f->tier.len > 0)
		a->facts.tier = keep_text(a->said[1], f->tier);
}

/* --- faults --- */

/* The reply's bytes as text: decompressed when they are compressed. */
static bool
plain_body(struct attempt *a, struct slice *ret_text)
{
	*ret_text = buf_slice(&a->body);
	if (!a->compressed)
		return true;
	buf_clear(&a->plain);
	inflate_free(a->inflate);
	a->inflate = inflate_new(http_field(&a->head, S("content-encoding")));
	if (a->inflate == NULL ||
	    inflate_read(a->inflate, *ret_text, &a->plain) != ERR_OK)
		return false;
	*ret_text = buf_slice(&a->plain);
	return true;
}

struct slice
attempt_words(struct attempt *a, struct slice words)
{
	const struct provider *p = a->candidate->offer->provider;

	for (unsigned i = 0; i < p->nkeys; i++) {
		struct slice key = secret_reveal(&p->keys[i]);

		if (key.len >= KEY_LEAST && slice_search(words, key) < words.len)
			return S("");
	}
	if (a->candidate->own != NULL && a->candidate->own->len >= KEY_LEAST &&
	    slice_search(words, secret_reveal(a->candidate->own)) < words.len)
		return S("");
	if (a->token.token.len > 0 &&
	    slice_search(words, secret_reveal(&a->token.token)) < words.len)
		return S("");
	a->quotes = a->quotes || words.len > 0;
	return slice_head(words, 120);
}

/* Of an error that is no JSON: its first line, or what there is room for of it. */
static struct slice
first_line(struct slice text)
{
	while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ')
		text = slice_from(text, 1);
	text = slice_head(text, slice_find(text, '\n'));
	return slice_head(slice_trim(slice_head(text, slice_find(text, '\r'))), 100);
}

/* What an error is that broke off: its status says enough, unless it is the caller's
 * fault, of which he could not be told then. */
static enum err
kind_of_cut(enum err e)
{
	return err_kind(e) == KIND_CALLER || err_kind(e) == KIND_CONTEXT ? ERR_CUT_REPLY
									 : e;
}

/* The body stays in a->body, as the caller may get it. */
void
attempt_read_fault(struct attempt *a, bool whole, bool reusable)
{
	struct json *j = &a->worker->reply_tape;
	const struct provider *p = a->candidate->offer->provider;
	struct slice text, words;
	enum err e;
	bool plain;

	a->is_fault = whole;
	attempt_release(a, reusable);
	plain = plain_body(a, &text);
	if (!plain || json_parse(j, text, 4) != ERR_OK)
		j->count = 0;
	e = dialect_of(a)->read_fault(a->status, j, &a->fault);
	/* A token may be out of date before its time: with the next one it works. */
	if (a->status == 401 && p->auth == AUTH_GOOGLE &&
	    token_refused(a->worker, p, attempt_key(a)))
		e = ERR_UP_5XX;
	words = a->fault.message;
	if (words.ptr == NULL && plain && j->count == 0)
		words = first_line(text);
	words = attempt_words(a, words);
	attempt_fail(a, whole ? e : kind_of_cut(e), "%s answered %u%s%.*s", p->name,
	    a->status, words.len > 0 ? ": " : "", SLICE_ARGS(words));
}

/* --- whole replies --- */

static bool
is_embedding(const struct attempt *a)
{
	enum operation op = a->ask->surface->op;

	return op == OP_EMBEDDING || op == OP_EMBEDDINGS;
}

static void
judge_whole(struct attempt *a, bool reusable)
{
	struct json *j = &a->worker->reply_tape;
	struct reply_facts facts = {0};
	struct slice text;
	enum err e = ERR_OK;

	/* What can't be decompressed can't be judged: it passes, of unknown cost. */
	if (!plain_body(a, &text) && a->ask->answer == NULL) {
		attempt_over(a, ATTEMPT_WHOLE, reusable);
		return;
	}
	if (json_parse(j, text, is_embedding(a) ? 3 : 4) != ERR_OK) {
		attempt_fail(a, ERR_BAD_REPLY,
		    "%s answered %u with a body that is not JSON (expected %s at byte "
		    "%zu)",
		    a->candidate->offer->provider->name, a->status, j->why, j->error_at);
		return;
	}
	dialect_of(a)->read_reply(j, quirks_of(a), &facts);
	if (facts.is_fault) {
		attempt_read_fault(a, true, reusable);
		return;
	}
	if (a->ask->surface->op == OP_COUNT) /* costs nothing, and says no usage */
		facts.usage = (struct usage){.known = true};
	attempt_keep_facts(a, &facts);
	if (a->ask->answer != NULL)
		e = attempt_translate_whole(a, text);
	if (e != ERR_OK)
		attempt_fail(a, e == ERR_NOMEM ? e : ERR_BAD_REPLY,
		    "%s answered %u with something that cannot be translated",
		    a->candidate->offer->provider->name, a->status);
	else
		attempt_over(a, ATTEMPT_WHOLE, reusable);
}

/* --- long replies --- */

/* The object that begins with '{' somewhere behind `from`, read as the usage. */
static bool
read_usage(struct attempt *a, struct slice text)
{
	struct json *j = &a->worker->reply_tape;
	struct reply_facts facts = {0};
	struct buf object;

	/* As far as it is complete: cut at each closing brace, shortest first. */
	buf_init(&object, TAIL_BYTES);
	for (size_t end = 0; end < text.len && end < TAIL_BYTES / 2; end++) {
		if (text.ptr[end] != '}')
			continue;
		buf_clear(&object);
		buf_byte(&object, '{');
		buf_add(&object, slice_head(text, end + 1));
		buf_byte(&object, '}');
		if (object.err != ERR_OK ||
		    json_parse(j, buf_slice(&object), 4) != ERR_OK)
			continue;
		dialect_of(a)->read_reply(j, quirks_of(a), &facts);
		attempt_keep_facts(a, &facts);
		break;
	}
	buf_free(&object);
	return facts.usage.known;
}

/*
 * A reply that is too long to be held goes out as it comes. Its usage is an object
 * of its own, before the long part or behind it: looked for by its key, which
 * cannot stand so inside a string, as its quotes would be escaped there. As a string
 * of its own it can; then no object follows.
 */
static void
find_usage(struct attempt *a, struct slice text)
{
	struct slice key = S("\"usage\"");

	for (;;) {
		struct slice rest;

		text = slice_from(text, slice_search(text, key));
		if (text.len == 0)
			return;
		rest = slice_from(text, key.len);
		while (rest.len > 0 && strchr(" \t\r\n:", *rest.ptr) != NULL)
			rest = slice_from(rest, 1);
		if (slice_starts(rest, S("{")) && read_usage(a, text))
			return;
		text = slice_from(text, key.len);
	}
}

/* Keeps the last bytes of a long reply's text; looks into the first. */
static void
keep_tail(struct attempt *a, struct slice text)
{
	if (a->looked && text.len > TAIL_BYTES)
		text = slice_from(text, text.len - TAIL_BYTES);
	while (text.len > 0) {
		struct slice piece = slice_head(text, TAIL_BYTES);

		if (a->plain.len + piece.len > 2 * TAIL_BYTES) {
			if (!a->looked)
				find_usage(a, buf_slice(&a->plain));
			a->looked = true;
			buf_drop(&a->plain, a->plain.len - TAIL_BYTES);
		}
		buf_add(&a->plain, piece);
		text = slice_from(text, piece.len);
	}
}

/* Looks for the usage in the next bytes of a long reply, decompressed if need be. */
static void
look_into(struct attempt *a, struct slice bytes)
{
	struct buf text;

	if (!a->compressed) {
		keep_tail(a, bytes);
		return;
	}
	if (a->inflate == NULL)
		return;
	buf_init(&text, a->plain.max);
	if (inflate_read(a->inflate, bytes, &text) == ERR_OK) {
		keep_tail(a, buf_slice(&text));
	} else { /* what it cost is unknown, then */
		inflate_free(a->inflate);
		a->inflate = NULL;
		buf_clear(&a->plain);
	}
	buf_free(&text);
}

/* Up to this a reply is read whole: one that is translated must be. */
static size_t
longest_reply(const struct attempt *a)
{
	return a->ask->answer != NULL ? a->body.max : options_of(a)->reply_bytes;
}

static void
start_raw(struct attempt *a)
{
	if (a->ask->answer != NULL) {
		attempt_fail(a, ERR_BAD_REPLY, "its reply is too long to be translated");
		return;
	}
	a->phase = PHASE_RAW;
	a->raw = true;
	if (a->compressed)
		a->inflate = inflate_new(http_field(&a->head, S("content-encoding")));
	look_into(a, buf_slice(&a->body));
	attempt_begin(a);
	buf_free(&a->body);
}

/* --- by phase --- */

static bool
expect_frames(struct attempt *a)
{
	a->frames = calloc(1, sizeof(*a->frames));
	if (a->frames != NULL)
		eventstream_init(a->frames, options_of(a)->event_bytes);
	return a->frames != NULL;
}

/* What the head says of the provider's limits; that of an error benches the key. */
static void
learn_limits(struct attempt *a)
{
	const struct http_head *h = &a->head;
	struct allowance_told told[ALLOWANCE_KINDS];
	struct loop *l = a->worker->loop;

	if (a->candidate->hold.from == NULL || h->status > 299)
		return;
	limits_told(h, a->candidate->offer->provider->limits, loop_unix_ms(l), told);
	allowance_learn(&a->candidate->hold, told, loop_now(l));
}

static void
start_reply(struct attempt *a)
{
	const struct http_head *h = &a->parser.head;
	struct slice type = http_field(h, S("content-type"));
	struct slice encoding = http_field(h, S("content-encoding"));

	a->head = *h;
	a->status = h->status;
	a->compressed = encoding.len > 0 && !slice_ieq(encoding, S("identity"));
	learn_limits(a);
	if (h->status < 300 && a->candidate->offer->provider->auth == AUTH_GOOGLE)
		token_took(a->worker, a->candidate->offer->provider);
	if (h->status < 200 || h->status > 299) {
		a->phase = PHASE_FAULT;
		a->fault_ms = a->heard_ms;
		return;
	}
	if (slice_istarts(type, S("text/event-stream")) ||
	    slice_istarts(type, S(EVENTSTREAM_TYPE))) {
		a->phase = PHASE_EVENTS;
		if (slice_istarts(type, S(EVENTSTREAM_TYPE)) && !expect_frames(a))
			attempt_fail(a, ERR_NOMEM, "out of memory");
		else if (a->compressed)
			a->inflate = inflate_new(encoding);
		return;
	}
	a->phase = PHASE_WHOLE;
	if (h->has_length && h->length > longest_reply(a))
		start_raw(a);
	else
		buf_take(&a->body, h->has_length ? h->length : 0, &a->worker->block_slab);
}

static void
read_part(struct attempt *a, struct slice part)
{
	switch (a->phase) {
	case PHASE_FAULT:
		buf_add(&a->body, slice_head(part, a->body.max - a->body.len));
		if (a->body.len == a->body.max || a->body.err != ERR_OK)
			attempt_read_fault(a, false, false);
		break;
	case PHASE_WHOLE:
		if (a->body.len + part.len > longest_reply(a)) {
			start_raw(a);
			read_part(a, part); /* in the phase that it has now */
			break;
		}
		buf_add(&a->body, part);
		if (a->body.err != ERR_OK)
			attempt_fail(a, ERR_NOMEM, "out of memory");
		break;
	case PHASE_RAW:
		look_into(a, part);
		attempt_tell_bytes(a, &part, 1);
		break;
	case PHASE_EVENTS: attempt_events(a, part); break;
	default: break;
	}
}

static void
read_end(struct attempt *a, bool reusable)
{
	switch (a->phase) {
	case PHASE_FAULT: attempt_read_fault(a, true, reusable); break;
	case PHASE_WHOLE: judge_whole(a, reusable); break;
	case PHASE_RAW:
		if (!a->facts.usage.known)
			find_usage(a, buf_slice(&a->plain));
		buf_free(&a->body);
		attempt_over(a, ATTEMPT_ENDS, reusable);
		break;
	case PHASE_EVENTS: attempt_events_end(a, reusable); break;
	default: break;
	}
}

static void
bad_reply(struct attempt *a)
{
	attempt_flush(a);
	if (a->phase == PHASE_OVER)
		return;
	attempt_fail(a,
	    a->begun			 ? ERR_CUT_STREAM
	    : a->parser.err == ERR_NOMEM ? ERR_NOMEM
					 : ERR_BAD_REPLY,
	    "%s sent no valid HTTP: %s", a->candidate->offer->provider->name,
	    a->parser.why);
}

/* 1xx: the final head follows (RFC 9110, 15.2), but neither after a flood of them
 * nor in another protocol, as we asked for none. */
static void
take_interim(struct attempt *a)
{
	arena_free(&a->arena);
	if (a->parser.head.status == 101 || ++a->interim > INTERIM_MAX)
		attempt_fail(a, ERR_BAD_REPLY, "%s answered %u, and no reply",
		    a->candidate->offer->provider->name, a->parser.head.status);
}

void
attempt_read(struct attempt *a, struct slice bytes)
{
	struct slice part;

	while (a->phase != PHASE_OVER) {
		switch (http_parse(&a->parser, &bytes, &part)) {
		case HTTP_GOT_MORE: attempt_flush(a); return;
		case HTTP_GOT_HEAD:
			if (a->parser.head.status >= 200)
				start_reply(a);
			else
				take_interim(a);
			break;
		case HTTP_GOT_BODY: read_part(a, part); break;
		case HTTP_GOT_END:
			if (a->parser.head.status >= 200)
				read_end(a, bytes.len == 0);
			break;
		case HTTP_GOT_BAD: bad_reply(a); return;
		}
	}
}

bool
attempt_read_eof(struct attempt *a)
{
	if (a->phase == PHASE_HEAD || a->phase == PHASE_OVER ||
	    http_parse_eof(&a->parser) != HTTP_GOT_END)
		return false;
	read_end(a, false);
	return true;
}
