/*
 * Event streams: held back until the first token, then handed on event by event.
 *
 * Bytes of one read that belong together are told as one: the worker's `out` gathers
 * slices of the input, joined where they touch, until the read is used up.
 */
#include "proxy/attempt_reply.h"
#include "proxy/worker.h"

void
attempt_flush(struct attempt *a)
{
	struct buf *told = &a->worker->told;
	unsigned n = a->nout;

	a->nout = 0;
	if (attempt_rewrites(a->ask) && a->begun && told->len > 0) {
		a->worker->out[0] = buf_slice(told);
		n = 1;
	}
	if (n > 0 && a->phase != PHASE_OVER)
		attempt_tell_bytes(a, a->worker->out, n);
	if (attempt_rewrites(a->ask))
		buf_clear(told);
}

static void
put(struct attempt *a, struct slice raw)
{
	struct slice *out = a->worker->out;

	if (a->nout > 0) {
		struct slice *last = &out[a->nout - 1];

		if (last->ptr + last->len == raw.ptr) {
			last->len += raw.len;
			return;
		}
	}
	if (a->nout == ATTEMPT_PARTS_MAX)
		attempt_flush(a);
	out[a->nout++] = raw;
}

/* The answer's first piece: what was held back goes out. */
static void
first_token(struct attempt *a)
{
	a->token_ms = loop_now(a->worker->loop);
	if (a->begun)
		return;
	attempt_begin(a);
	buf_free(&a->body);
}

void
attempt_hold(struct attempt *a, struct slice raw)
{
	if (a->body.len + raw.len > a->worker->config->options.hold_bytes) {
		attempt_begin(a);
		buf_free(&a->body);
		if (a->phase != PHASE_OVER)
			attempt_tell_bytes(a, &raw, 1);
		return;
	}
	buf_add(&a->body, raw);
	if (a->body.err != ERR_OK)
		attempt_fail(a, ERR_NOMEM, "out of memory");
}

static void
fail_by_event(struct attempt *a)
{
	const struct offer *o = a->candidate->offer;
	struct json *j = &a->worker->reply_tape;
	enum err e = a->ask->dialect->read_fault(200, j, &a->fault);

	/* An error that a status would have made the caller's is his here too. */
	if (err_kind(e) == KIND_PROVIDER)
		e = ERR_ERROR_EVENT;
	attempt_fail(a, e, "%s sent an error in its stream: %.*s", o->provider->name,
	    SLICE_ARGS(attempt_words(a, a->fault.message)));
}

static void
fail_unreadable(struct attempt *a)
{
	attempt_flush(a);
	if (a->phase == PHASE_OVER)
		return;
	attempt_fail(a, a->begun ? ERR_BAD_STREAM : ERR_BAD_REPLY,
	    "%s sent an event that is not JSON", a->candidate->offer->provider->name);
}

/* The caller has read a part of the answer: now he reads the error. */
static void
fault_goes_on(struct attempt *a)
{
	a->err = ERR_STREAM_ERROR;
	if (!attempt_rewrites(a->ask))
		return;
	(void)a->ask->dialect->read_fault(200, &a->worker->reply_tape, &a->fault);
	attempt_translate_fault(a);
}

/* Learns from an event; true when it is to be handed on. */
static bool
judge_event(struct attempt *a, const struct sse_event *e, bool whole)
{
	const struct offer *o = a->candidate->offer;
	struct event_facts f;

	a->ask->dialect->read_event(e, &a->worker->reply_tape, o->provider->quirks, &f);
	if (!f.readable) {
		/* The last event, without its end: cut, not malformed. */
		if (whole)
			fail_unreadable(a);
		return false;
	}
	attempt_keep_facts(a, &f.reply);
	a->finished += f.finishes;
	a->done_mark = a->done_mark || f.is_done;
	if (f.is_fault && !a->begun) {
		fail_by_event(a);
		return false;
	}
	if (f.is_fault) {
		fault_goes_on(a);
		if (attempt_rewrites(a->ask))
			return false;
	}
	a->token_events += f.has_token;
	/* An answer may be empty: then it begins with its end. */
	if (a->token_ms == 0 && (f.has_token || f.finishes > 0))
		first_token(a);
	if (f.usage_only && a->ask->withhold_usage)
		return false;
	if (f.is_done && a->begun && !a->compressed && !attempt_rewrites(a->ask)) {
		attempt_flush(a);
		if (a->phase != PHASE_OVER)
			attempt_tell_mark(a);
	}
	return a->phase != PHASE_OVER;
}

static void
tell(struct attempt *a, const struct sse_event *e, struct slice raw)
{
	if (a->ask->answer != NULL)
		attempt_translate_event(a, e);
	else if (a->ask->as_array)
		attempt_array_event(a, e);
	else if (a->begun)
		put(a, raw);
	else
		attempt_hold(a, raw);
}

static bool
next_event(
    struct attempt *a, struct slice *in, struct sse_event *ret_event, enum err *ret_err)
{
	return a->frames != NULL ? eventstream_next(a->frames, in, ret_event, ret_err)
				 : sse_next(&a->sse, in, ret_event, ret_err);
}

static void
read_plain(struct attempt *a, struct slice part)
{
	struct sse_event e;
	enum err err;

	while (a->phase == PHASE_EVENTS && next_event(a, &part, &e, &err)) {
		if (judge_event(a, &e, true))
			tell(a, &e, e.raw);
		/* One that was put together lives until the next call only. */
		if (a->frames != NULL ? a->frames->given : a->sse.given)
			attempt_flush(a);
	}
	if (a->phase == PHASE_EVENTS && err != ERR_OK) {
		attempt_flush(a);
		attempt_fail(a, a->begun ? ERR_BAD_STREAM : ERR_BAD_REPLY,
		    err == ERR_FULL ? "an event is longer than upstream.event_bytes"
		    : err == ERR_BAD_REPLY ? "the stream is none of AWS's frames"
					   : "out of memory");
	}
}

/*
 * A compressed stream goes on as the bytes that came; the events are read out of a
 * decompressed copy. Their bounds are not those of the bytes, so nothing can be
 * withheld.
 */
static void
read_compressed(struct attempt *a, struct slice part)
{
	struct sse_event e;
	struct slice plain;
	enum err err = ERR_OK;

	buf_clear(&a->plain);
	if (a->inflate != NULL)
		err = inflate_read(a->inflate, part, &a->plain);
	plain = buf_slice(&a->plain);
	while (
	    err == ERR_OK && a->phase == PHASE_EVENTS && next_event(a, &plain, &e, &err))
		(void)judge_event(a, &e, true);
	buf_free(&a->plain);
	if (a->phase != PHASE_EVENTS)
		return;
	if (err != ERR_OK) {
		attempt_fail(a, a->begun ? ERR_BAD_STREAM : ERR_BAD_REPLY,
		    "the compressed stream cannot be read");
		return;
	}
	/* What we cannot look into begins with its first byte. */
	if (a->inflate == NULL && a->token_ms == 0)
		first_token(a);
	if (a->begun)
		attempt_tell_bytes(a, &part, 1);
	else
		attempt_hold(a, part);
}

/* A compressed stream that is translated anyway. */
static void
read_decompressed(struct attempt *a, struct slice part)
{
	struct buf plain;
	enum err e = ERR_BAD_ENCODING;

	buf_init(&plain, a->plain.max);
	if (a->inflate != NULL)
		e = inflate_read(a->inflate, part, &plain);
	if (e == ERR_OK)
		read_plain(a, buf_slice(&plain));
	else
		attempt_fail(a, a->begun ? ERR_BAD_STREAM : ERR_BAD_REPLY,
		    "the compressed stream cannot be read");
	buf_free(&plain);
}

void
attempt_events(struct attempt *a, struct slice part)
{
	if (!a->compressed)
		read_plain(a, part);
	else if (attempt_rewrites(a->ask))
		read_decompressed(a, part);
	else
		read_compressed(a, part);
}

/* An event whose last line's end, or empty line, is missing at the stream's end. */
static void
take_rest(struct attempt *a)
{
	struct sse_event e;

	if (a->frames != NULL || !sse_rest(&a->sse, &e))
		return;
	if (!judge_event(a, &e, false) || (a->compressed && !attempt_rewrites(a->ask)))
		return;
	/* Completed, so that the caller's reader takes it for an event as well. */
	tell(a, &e, e.raw);
	if (a->phase == PHASE_EVENTS && !attempt_rewrites(a->ask))
		tell(a, &e, slice_ends(e.raw, S("\n")) ? S("\n") : S("\n\n"));
}

void
attempt_events_end(struct attempt *a, bool reusable)
{
	take_rest(a);
	attempt_flush(a);
	if (a->phase != PHASE_EVENTS)
		return;
	/* Of a stream that we cannot look into, HTTP's end is all there is. */
	if (a->err == ERR_OK && !a->done_mark && a->finished < a->ask->answers &&
	    (!a->compressed || a->inflate != NULL)) {
		attempt_fail(a, a->begun ? ERR_CUT_STREAM : ERR_CUT_REPLY,
		    "%s ended the stream before the answer was complete",
		    a->candidate->offer->provider->name);
		return;
	}
	if (a->err == ERR_OK && a->ask->answer != NULL)
		attempt_translate_end(a);
	else if (a->err == ERR_OK && a->ask->as_array)
		attempt_array_end(a);
	attempt_flush(a);
	if (a->phase == PHASE_EVENTS && !a->begun) {
		attempt_begin(a);
		buf_free(&a->body);
	}
	buf_free(&a->body);
	if (a->phase == PHASE_EVENTS)
		attempt_over(a, ATTEMPT_ENDS, reusable);
}
