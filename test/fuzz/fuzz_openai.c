/*
 * Any bytes as what the OpenAI dialect reads: a request, whose edits leave what they
 * do not declare; a reply, an event, an error, whose figures can be believed.
 */
#include "fuzz.h"

#include "dialect/dialect.h"

#define TOKENS_MAX 1000000000u /* no request has more of a class */

/* --- requests --- */

static bool
is_edited(const struct json *j, uint32_t key)
{
	return json_equals(j, key, S("model")) || json_equals(j, key, S("provider")) ||
	       json_equals(j, key, S("stream_options"));
}

/* The members that no edit names, in a row of raw texts. */
static void
tell_others(const struct json *j, struct buf *to)
{
	JSON_FOR_EACH_KEY (k, j, 0) {
		if (is_edited(j, k))
			continue;
		buf_add(to, json_raw(j, k));
		buf_byte(to, ':');
		buf_add(to, json_raw(j, k + 1));
		buf_byte(to, '\n');
	}
}

static void
check_sent(const struct json *j, const struct ask *ask, const struct edit_plan *plan,
    struct slice sent)
{
	struct buf before, after;
	struct json k;

	json_init(&k, UINT32_MAX);
	buf_init(&before, 64u << 20);
	buf_init(&after, 64u << 20);
	HOLDS(json_parse(&k, sent, JSON_KEEP_ALL) == ERR_OK);
	JSON_FOR_EACH_KEY (m, &k, 0)
		if (json_equals(&k, m, S("model")))
			HOLDS(json_equals(&k, m + 1, plan->model));
	HOLDS(json_get(&k, 0, S("provider")) == JSON_NONE);
	if (ask->stream && plan->ask_for_usage)
		HOLDS(
		    json_is(&k, json_path(&k, 0, "stream_options", "include_usage", NULL),
			JSON_TRUE));
	tell_others(j, &before);
	tell_others(&k, &after);
	HOLDS(slice_eq(buf_slice(&before), buf_slice(&after)));
	buf_free(&before);
	buf_free(&after);
	json_free(&k);
}

static void
check_edits(const struct json *j, const struct ask *ask, struct arena *a)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct edit_plan plan = {
		    i & 1 ? ask->model : S("up/\"quoted\""), (i & 2) != 0};
		struct slice parts[JSON_PARTS_MAX];
		struct json_edits edits;
		enum err e = dialect_openai.edit(j, ask, &plan, a, &edits);
		struct buf b;

		HOLDS(e == ERR_OK || e == ERR_FULL);
		if (e != ERR_OK)
			continue;
		buf_init(&b, 64u << 20);
		for (unsigned p = 0, n = json_parts(&edits, j->text, parts); p < n; p++)
			buf_add(&b, parts[p]);
		HOLDS(b.len == json_parts_length(&edits, j->text.len));
		check_sent(j, ask, &plan, buf_slice(&b));
		buf_free(&b);
	}
}

static void
check_request(struct slice text)
{
	struct arena a;
	struct json j;

	json_init(&j, UINT32_MAX);
	arena_init(&a, NULL, 0, 64u << 20);
	if (json_parse(&j, text, dialect_openai.keep) != ERR_OK)
		goto out;
	for (enum operation op = OP_CHAT; op <= OP_EMBEDDING; op++) {
		const char *param = NULL;
		struct note note = {""};
		struct ask ask;
		enum err e = dialect_openai.read_ask(&j, op, &a, &ask, &note, &param);

		HOLDS(e == ERR_OK || (e == ERR_BAD_REQUEST && note.text[0] != '\0'));
		if (e != ERR_OK)
			continue;
		HOLDS(ask.op == op && ask.model.len > 0 && ask.answers > 0);
		HOLDS(ask.prompt_bytes <= 4 * text.len &&
		      ask.longest_bytes <= ask.prompt_bytes);
		HOLDS(!ask.stream || op != OP_EMBEDDING);
		check_edits(&j, &ask, &a);
	}
out:
	arena_free(&a);
	json_free(&j);
}

/* --- replies --- */

static void
check_usage(const struct usage *u)
{
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		HOLDS(u->count[c] <= (u->known ? TOKENS_MAX : 0));
	HOLDS(!u->known || u->count[USAGE_REQUESTS] == 1);
	HOLDS(u->known || !u->has_stated);
}

static void
check_inside(struct slice part, struct slice text)
{
	HOLDS(part.len == 0 ||
	      (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len));
}

static void
check_reply(struct slice text, unsigned quirks)
{
	struct reply_facts f;
	struct json j;

	json_init(&j, UINT32_MAX);
	if (json_parse(&j, text, 4) == ERR_OK) {
		dialect_openai.read_reply(&j, quirks, &f);
		check_usage(&f.usage);
		check_inside(f.model, text);
		check_inside(f.tier, text);
	}
	json_free(&j);
}

static void
check_event(struct slice text, unsigned quirks, struct slice name)
{
	const struct sse_event e = {.raw = text, .name = name, .data = text};
	struct event_facts f;
	struct json j;

	json_init(&j, UINT32_MAX);
	dialect_openai.read_event(&e, &j, quirks, &f);
	check_usage(&f.reply.usage);
	HOLDS(f.readable || (!f.has_token && !f.is_done && f.finishes == 0));
	HOLDS(!f.is_done || (!f.has_token && !f.is_fault));
	HOLDS(!f.usage_only || (f.reply.usage.known && f.finishes == 0 && !f.has_token));
	json_free(&j);
}

/* --- errors --- */

/* What we say of it can be read, and says the same. */
static void
check_written(const struct fault *f)
{
	struct fault back;
	struct json j;
	struct buf b;

	json_init(&j, UINT32_MAX);
	buf_init(&b, 64u << 20);
	dialect_openai.write_fault_event(f, &b);
	HOLDS(b.err == ERR_OK);
	HOLDS(slice_find(buf_slice(&b), '\n') == b.len - 2);
	HOLDS(slice_find(buf_slice(&b), '\r') == b.len);
	HOLDS(json_parse(&j, slice_from(buf_slice(&b), 6), JSON_KEEP_ALL) == ERR_OK);
	(void)dialect_openai.read_fault(400, &j, &back);
	HOLDS((back.message.len > 0) == (f->message.len > 0));
	HOLDS((back.code.len > 0) == (f->code.len > 0));
	buf_free(&b);
	json_free(&j);
}

static void
check_fault(struct slice text, unsigned status)
{
	struct fault f;
	struct json j;
	enum err e;

	json_init(&j, UINT32_MAX);
	if (json_parse(&j, text, 4) != ERR_OK)
		j.count = 0;
	e = dialect_openai.read_fault(status, &j, &f);
	HOLDS(err_kind(e) != KIND_NOTHING && err_kind(e) != KIND_OURS);
	/* Only a status or the host's own code, never a message, benches a key. */
	if (err_breaker(e) == BREAKER_BENCH && (status == 400 || status == 422))
		HOLDS(f.code.len > 0 || f.type.len > 0 ||
		      slice_istarts(f.message, S("API key not valid")));
	check_inside(f.message, text);
	check_inside(f.code, text);
	check_written(&f);
	json_free(&j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = {200, 400, 401, 403, 413, 422, 429, 500};
	struct slice text = slice_of((const char *)data, size);

	check_request(text);
	for (unsigned quirks = 0; quirks < 1u << QUIRKS; quirks += 5) {
		check_reply(text, quirks);
		check_event(text, quirks, quirks % 2 == 0 ? S("") : S("error"));
	}
	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		check_fault(text, statuses[i]);
	return 0;
}
