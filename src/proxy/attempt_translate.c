/*
 * Answers in a dialect that is not the caller's: read into the canonical form and
 * written as the caller speaks. A stream's events become bytes in the worker's `told`,
 * which goes out at the end of each read, as one.
 */
#include "proxy/attempt_reply.h"
#include "proxy/worker.h"

#include <stdlib.h>

#define ANSWER_ARENA (32u << 20)

/* The two halves of a stream's translation, in a block with their states. */
struct translating {
	const struct translation *from, *to;
	void *in, *out;
	bool started, ended;
};

static const struct translation *
from_of(const struct attempt *a)
{
	return a->ask->dialect->chat;
}

static const struct translation *
to_of(const struct attempt *a)
{
	return a->ask->surface->dialect->chat;
}

/* --- streams --- */

static bool
start(struct attempt *a)
{
	const struct translation *from = from_of(a), *to = to_of(a);
	size_t head = (sizeof(struct translating) + 15) & ~(size_t)15;
	size_t in = (from->in_bytes + 15) & ~(size_t)15;
	char *block = calloc(1, head + in + to->out_bytes);

	if (block == NULL)
		return false;
	a->translating = (struct translating *)(void *)block;
	*a->translating = (struct translating){
	    .from = from, .to = to, .in = block + head, .out = block + head + in};
	return true;
}

void
attempt_translate_done(struct attempt *a)
{
	struct translating *t = a->translating;

	if (t == NULL)
		return;
	if (t->from->in_done != NULL)
		t->from->in_done(t->in);
	if (t->to->out_done != NULL)
		t->to->out_done(t->out);
	free(t);
	a->translating = NULL;
}

static void
write_delta(struct attempt *a, const struct delta *d)
{
	struct translating *t = a->translating;

	t->to->out_delta(t->out, a->ask->answer, d, &a->worker->told);
}

/* The last place for what weir has to say itself, then the end with what was used. */
static void
write_end(struct attempt *a, const struct delta *end)
{
	struct delta usage = {
	    .kind = DELTA_USAGE, .usage = &a->facts.usage, .tier = a->facts.tier};

	if (a->translating->ended)
		return;
	a->translating->ended = true;
	if (a->begun) {
		attempt_flush(a);
		if (a->phase != PHASE_OVER)
			attempt_tell_mark(a);
	}
	if (a->phase == PHASE_OVER)
		return;
	if (usage.usage->known)
		write_delta(a, &usage);
	write_delta(a, end);
}

static void
on_delta(void *arg, const struct delta *d)
{
	struct attempt *a = arg;
	struct translating *t = a->translating;

	if (t == NULL || a->phase == PHASE_OVER)
		return;
	if (!t->started && d->kind != DELTA_START) {
		static const struct delta unsaid = {.kind = DELTA_START};

		write_delta(a, &unsaid);
	}
	t->started = true;
	if (d->kind == DELTA_END)
		write_end(a, d);
	else
		write_delta(a, d);
}

/* What was written goes out with the read, or is held back with the rest. */
static void
told(struct attempt *a)
{
	struct buf *b = &a->worker->told;

	if (a->phase == PHASE_OVER)
		return;
	if (b->err != ERR_OK) {
		attempt_fail(a, a->begun ? ERR_BAD_STREAM : ERR_BAD_REPLY,
		    "its stream cannot be translated: an event is too long");
		return;
	}
	if (a->begun || b->len == 0)
		return;
	attempt_hold(a, buf_slice(b));
	buf_clear(b);
}

void
attempt_translate_event(struct attempt *a, const struct sse_event *e)
{
	struct json *j = &a->worker->reply_tape;

	if (a->translating == NULL && !start(a)) {
		attempt_fail(a, ERR_NOMEM, "out of memory");
		return;
	}
	if (e->data.len == 0)
		return;
	if (!a->begun)
		buf_clear(&a->worker->told);
	a->translating->from->in_event(a->translating->in, e, j, on_delta, a);
	told(a);
}

void
attempt_translate_end(struct attempt *a)
{
	if (a->translating == NULL || a->translating->ended)
		return;
	if (!a->begun)
		buf_clear(&a->worker->told);
	a->translating->from->in_end(a->translating->in, on_delta, a);
	told(a);
}

void
attempt_translate_fault(struct attempt *a)
{
	struct fault f = a->fault;

	f.status = err_status(ERR_STREAM_ERROR);
	attempt_put_fault(a->ask, &f, true, &a->worker->told);
}

void
attempt_put_fault(
    const struct attempt_ask *ask, const struct fault *f, bool told, struct buf *to)
{
	const struct dialect *d = ask->surface->dialect;

	if (!ask->as_array) {
		d->write_fault_event(f, to);
		return;
	}
	buf_add(to, told ? S(",\r\n") : S("["));
	d->write_fault(f, to);
	buf_byte(to, ']');
}

/* --- the caller's own dialect --- */

void
attempt_array_event(struct attempt *a, const struct sse_event *e)
{
	struct buf *to = &a->worker->told;

	if (e->data.len == 0)
		return;
	if (!a->begun)
		buf_clear(to);
	buf_add(to, a->in_array ? S(",\r\n") : S("["));
	buf_add(to, e->data);
	a->in_array = true;
	told(a);
}

void
attempt_array_end(struct attempt *a)
{
	struct buf *to = &a->worker->told;

	if (!a->begun)
		buf_clear(to);
	buf_add(to, a->in_array ? S("]") : S("[]"));
	told(a);
}

/* --- whole replies --- */

static enum err
translate_answer(
    struct attempt *a, const struct json *j, struct arena *arena, struct buf *to)
{
	struct answer answer;
	enum err e = from_of(a)->read_answer(j, arena, &answer);

	if (e != ERR_OK)
		return e;
	answer.usage = a->facts.usage;
	to_of(a)->write_answer(&answer, a->ask->answer, to);
	return to->err;
}

static enum err
translate_vectors(
    struct attempt *a, const struct json *j, struct arena *arena, struct buf *to)
{
	const struct answer_plan *plan = a->ask->answer;
	struct embed_answer answer;
	enum err e = a->ask->dialect->embed->read_answer(j, arena, &answer);

	if (e != ERR_OK)
		return e;
	a->ask->surface->dialect->embed->write_answer(
	    &answer, plan->embed, plan, &a->facts.usage, to);
	return to->err;
}

enum err
attempt_translate_whole(struct attempt *a, struct slice text)
{
	struct json *j = &a->worker->reply_tape;
	struct buf *to = &a->worker->told;
	bool vectors = a->ask->answer->embed != NULL;
	struct arena arena;
	enum err e;

	arena_init(&arena, NULL, 0, ANSWER_ARENA);
	buf_clear(to);
	e = json_parse(j, text, vectors ? 4 : JSON_KEEP_ALL);
	if (e == ERR_OK)
		e = vectors ? translate_vectors(a, j, &arena, to)
			    : translate_answer(a, j, &arena, to);
	arena_free(&arena);
	if (e == ERR_OK) {
		a->compressed = false;
		buf_clear(&a->body);
		buf_add(&a->body, buf_slice(to));
		e = a->body.err;
	}
	buf_clear(to);
	return e;
}
