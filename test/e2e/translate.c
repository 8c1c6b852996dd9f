/*
 * translate: the translations between dialects at the end of a pipe, for tests that
 * are written in Python. Reads lines "<what> <from> <to> <plan in hex> <bytes in hex>",
 * the plan a JSON object {"model", "provider", "quirks", "max_output", "usage_asked",
 * "prompt": a request in the dialect `to`, "array"}, and answers each with a line of
 * JSON:
 *
 *	prompt		{"body": hex, "lost": [...]} or {"error", "note", "param"}
 *	answer		{"body": hex, "usage": {...}, "model"} or {"error"}
 *	stream		the same, of an event stream; "pieces": so many bytes at a time,
 *			"cuts": any number of them, by this seed
 *
 * `from` and `to` may be the same: the round trip through the canonical form.
 */
#include "core/buf.h"
#include "dialect/dialect.h"
#include "http/eventstream.h"
#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES (128u << 20)

struct job {
	const struct dialect *from, *to;
	bool binary; /* the stream in is AWS's */
	struct json plan, tape;
	struct arena arena;
	struct write_plan write;
	struct answer_plan answer;
	struct prompt prompt;
	struct buf *out;
};

static struct slice
plan_text(struct job *job, struct slice name)
{
	struct slice s = S("");

	(void)json_string(&job->plan, json_get(&job->plan, 0, name), &job->arena, &s);
	return s;
}

static uint64_t
plan_number(struct job *job, struct slice name)
{
	uint64_t n = 0;

	(void)json_u64(&job->plan, json_get(&job->plan, 0, name), &n);
	return n;
}

static const struct dialect *
find(struct slice name, enum dialect_id *ret_id)
{
	for (unsigned d = 0; d < DIALECTS; d++)
		if (slice_eq(name, slice_str(dialect_name((enum dialect_id)d)))) {
			*ret_id = (enum dialect_id)d;
			return dialect_find((enum dialect_id)d);
		}
	return NULL;
}

static void
put_hex(struct buf *out, struct slice name, struct slice bytes)
{
	static const char digits[] = "0123456789abcdef";

	json_key(out, name);
	buf_byte(out, '"');
	for (size_t i = 0; i < bytes.len; i++) {
		buf_byte(out, digits[(unsigned char)bytes.ptr[i] >> 4]);
		buf_byte(out, digits[(unsigned char)bytes.ptr[i] & 15]);
	}
	buf_byte(out, '"');
}

static void
put_error(struct job *job, enum err e, struct note *note, const char *param)
{
	json_open(job->out, '{');
	json_member(job->out, S("error"), slice_str(err_name(e)));
	json_member(job->out, S("note"), note == NULL ? S("") : note_slice(note));
	json_member(job->out, S("param"), slice_str(param));
	json_close(job->out, '}');
}

static void
put_usage(struct buf *out, const struct usage *u)
{
	json_key(out, S("usage"));
	json_open(out, '{');
	for (unsigned c = 0; u->known && c < USAGE_CLASSES; c++)
		json_member_u64(
		    out, slice_str(usage_key((enum usage_class)c)), u->count[c]);
	json_close(out, '}');
}

/* --- requests --- */

static void
do_prompt(struct job *job, struct slice bytes)
{
	struct losses lost = {.arena = &job->arena};
	struct note note = {""};
	const char *param = NULL;
	struct buf body;
	enum err e = json_parse(&job->tape, bytes, job->from->chat->keep);

	buf_init(&body, LINE_MAX_BYTES);
	if (e == ERR_OK)
		e = job->from->chat->read_prompt(
		    &job->tape, &job->arena, &job->prompt, &note, &param);
	if (e == ERR_OK)
		e = job->to->chat->write_prompt(&job->prompt, &job->write, &body, &lost);
	if (e != ERR_OK) {
		put_error(job, e, &note, param);
	} else {
		json_open(job->out, '{');
		put_hex(job->out, S("body"), buf_slice(&body));
		json_key(job->out, S("lost"));
		json_open(job->out, '[');
		for (unsigned i = 0; i < lost.count; i++)
			json_quote(job->out, lost.path[i]);
		json_close(job->out, ']');
		json_close(job->out, '}');
	}
	buf_free(&body);
}

/* The request that the answer answers, for those who repeat it. */
static void
read_asked(struct job *job)
{
	struct slice text = plan_text(job, S("prompt"));
	struct json j;
	struct note note;
	const char *param;

	json_init(&j, 1u << 22);
	prompt_init(&job->prompt, DIALECT_OPENAI);
	if (text.len == 0 || json_parse(&j, text, JSON_KEEP_ALL) != ERR_OK ||
	    job->to->chat->read_prompt(&j, &job->arena, &job->prompt, &note, &param) !=
		ERR_OK)
		prompt_init(&job->prompt, DIALECT_OPENAI);
	json_free(&j);
}

/* --- answers --- */

static void
do_answer(struct job *job, struct slice bytes)
{
	struct reply_facts facts;
	struct answer answer;
	struct buf body;
	enum err e = json_parse(&job->tape, bytes, JSON_KEEP_ALL);

	read_asked(job);
	buf_init(&body, LINE_MAX_BYTES);
	if (e == ERR_OK)
		e = job->from->chat->read_answer(&job->tape, &job->arena, &answer);
	if (e != ERR_OK) {
		put_error(job, e, NULL, NULL);
	} else {
		job->from->read_reply(&job->tape, job->write.quirks, &facts);
		answer.usage = facts.usage;
		job->to->chat->write_answer(&answer, &job->answer, &body);
		json_open(job->out, '{');
		put_hex(job->out, S("body"), buf_slice(&body));
		put_usage(job->out, &facts.usage);
		json_member(job->out, S("model"), facts.model);
		json_close(job->out, '}');
	}
	buf_free(&body);
}

/* --- streams --- */

struct streaming {
	struct job *job;
	void *in, *out;
	struct buf body;
	struct usage usage;
	struct event_facts last;
	bool ended, started;
	unsigned finishes, tokens;
	bool fault;
	bool done;
};

static void
on_delta(void *arg, const struct delta *d)
{
	struct streaming *s = arg;
	const struct translation *to = s->job->to->chat;
	struct delta usage = {.kind = DELTA_USAGE, .usage = &s->usage};
	static const struct delta unsaid = {.kind = DELTA_START};

	if (!s->started && d->kind != DELTA_START)
		to->out_delta(s->out, &s->job->answer, &unsaid, &s->body);
	s->started = true;
	if (d->kind == DELTA_END && s->ended)
		return;
	if (d->kind == DELTA_END && s->usage.known)
		to->out_delta(s->out, &s->job->answer, &usage, &s->body);
	s->ended = s->ended || d->kind == DELTA_END;
	to->out_delta(s->out, &s->job->answer, d, &s->body);
}

static void
take_event(struct streaming *s, const struct sse_event *e)
{
	struct job *job = s->job;
	struct event_facts f;

	job->from->read_event(e, &job->tape, job->write.quirks, &f);
	if (!f.readable) {
		s->fault = true;
		return;
	}
	if (f.reply.usage.known && f.reply.is_update)
		usage_update(&s->usage, &f.reply.usage);
	else if (f.reply.usage.known)
		s->usage = f.reply.usage;
	s->finishes += f.finishes;
	s->tokens += f.has_token;
	s->fault = s->fault || f.is_fault;
	s->done = s->done || f.is_done;
	if (e->data.len > 0 && !f.is_fault)
		job->from->chat->in_event(s->in, e, &job->tape, on_delta, s);
}

/* How many bytes come next: few or many, the same for the same seed. */
static size_t
next_piece(uint64_t *seed, size_t step)
{
	if (*seed == 0)
		return step;
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return 1 + (*seed >> 8) % (*seed & 3 ? 24 : 1500);
}

static void
feed(struct streaming *s, struct slice bytes, size_t step, uint64_t seed)
{
	struct eventstream frames;
	struct sse sse;
	struct sse_event e;
	enum err err = ERR_OK;

	sse_init(&sse, LINE_MAX_BYTES);
	eventstream_init(&frames, LINE_MAX_BYTES);
	while (bytes.len > 0) {
		struct slice piece = slice_head(bytes, next_piece(&seed, step));

		bytes = slice_from(bytes, piece.len);
		if (s->job->binary)
			while (eventstream_next(&frames, &piece, &e, &err))
				take_event(s, &e);
		else
			while (sse_next(&sse, &piece, &e, &err))
				take_event(s, &e);
		if (err != ERR_OK)
			break;
	}
	if (!s->job->binary && sse_rest(&sse, &e))
		take_event(s, &e);
	sse_done(&sse);
	eventstream_done(&frames);
}

static void
do_stream(struct job *job, struct slice bytes)
{
	const struct translation *from = job->from->chat, *to = job->to->chat;
	struct streaming s = {.job = job,
	    .in = calloc(1, from->in_bytes + 1),
	    .out = calloc(1, to->out_bytes + 1)};
	uint64_t step = plan_number(job, S("pieces"));

	read_asked(job);
	buf_init(&s.body, LINE_MAX_BYTES);
	feed(&s, bytes, step == 0 ? bytes.len : step, plan_number(job, S("cuts")));
	if (!s.ended && s.finishes > 0)
		from->in_end(s.in, on_delta, &s);
	json_open(job->out, '{');
	put_hex(job->out, S("body"), buf_slice(&s.body));
	put_usage(job->out, &s.usage);
	json_member_u64(job->out, S("finishes"), s.finishes);
	json_member_u64(job->out, S("tokens"), s.tokens);
	json_key(job->out, S("fault"));
	json_put_bool(job->out, s.fault);
	json_key(job->out, S("done"));
	json_put_bool(job->out, s.done);
	json_close(job->out, '}');
	if (from->in_done != NULL)
		from->in_done(s.in);
	if (to->out_done != NULL)
		to->out_done(s.out);
	free(s.in);
	free(s.out);
	buf_free(&s.body);
}

/* --- the pipe --- */

static size_t
unhex(struct slice hex, char *to)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i + 1 < hex.len; i += 2)
		to[n++] = (char)((strchr(digits, hex.ptr[i]) - digits) << 4 |
				 (strchr(digits, hex.ptr[i + 1]) - digits));
	return n;
}

static void
answer_line(struct slice line, struct buf *out)
{
	struct slice what = slice_cut(&line, ' '), from = slice_cut(&line, ' ');
	struct slice to = slice_cut(&line, ' '), plan = slice_cut(&line, ' ');
	char *plan_bytes = malloc(plan.len + 1), *bytes = malloc(line.len + 1);
	struct slice text;
	enum dialect_id id = DIALECT_OPENAI, other;
	struct job job = {.out = out};

	if (plan_bytes == NULL || bytes == NULL)
		abort();
	job.from = find(from, &id);
	job.to = find(to, &other);
	job.binary = id == DIALECT_BEDROCK;
	json_init(&job.plan, 1u << 16);
	json_init(&job.tape, 1u << 22);
	arena_init(&job.arena, NULL, 0, LINE_MAX_BYTES);
	text = slice_of(plan_bytes, unhex(plan, plan_bytes));
	if (json_parse(&job.plan, text, 2) != ERR_OK)
		abort();
	if (job.from == NULL || job.to == NULL || job.from->chat == NULL ||
	    job.to->chat == NULL) {
		put_error(&job, ERR_NOT_FOUND, NULL, NULL);
	} else {
		job.write = (struct write_plan){.model = plan_text(&job, S("model")),
		    .provider = slice_dup(plan_text(&job, S("provider"))),
		    .quirks = (unsigned)plan_number(&job, S("quirks")),
		    .max_output_tok = plan_number(&job, S("max_output"))};
		job.answer = (struct answer_plan){.id = S("req_1"),
		    .model = job.write.model,
		    .provider = job.write.provider,
		    .prompt = &job.prompt,
		    .unix_s = 1764000000,
		    .usage_asked = true};
		text = slice_of(bytes, unhex(line, bytes));
		if (slice_eq(what, S("prompt")))
			do_prompt(&job, text);
		else if (slice_eq(what, S("answer")))
			do_answer(&job, text);
		else
			do_stream(&job, text);
		free((char *)(uintptr_t)job.write.provider);
	}
	json_free(&job.plan);
	json_free(&job.tape);
	arena_free(&job.arena);
	free(plan_bytes);
	free(bytes);
}

int
main(void)
{
	struct buf out;
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	buf_init(&out, LINE_MAX_BYTES * 2);
	while ((n = getline(&line, &room, stdin)) > 0) {
		buf_clear(&out);
		answer_line(slice_of(line, (size_t)n - (line[n - 1] == '\n')), &out);
		if (out.err != ERR_OK)
			abort();
		(void)fwrite(out.ptr, 1, out.len, stdout);
		(void)fputc('\n', stdout);
		(void)fflush(stdout);
	}
	free(line);
	buf_free(&out);
	return 0;
}
