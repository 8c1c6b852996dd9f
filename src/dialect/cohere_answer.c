/*
 * Cohere v2 chat: answers, in and out.
 */
#include "dialect/cohere.h"
#include "dialect/tag.h"
#include "json/write.h"

/* --- why an answer ended --- */

static const struct {
	struct slice word;
	enum finish finish;
} finishes[] = {{{"COMPLETE", 8}, FINISH_STOP}, {{"MAX_TOKENS", 10}, FINISH_LENGTH},
    {{"TOOL_CALL", 9}, FINISH_CALLS}, {{"ERROR", 5}, FINISH_ERROR},
    {{"STOP_SEQUENCE", 13}, FINISH_STOP}, {{"TIMEOUT", 7}, FINISH_ERROR},
    {{"ERROR_TOXIC", 11}, FINISH_FILTERED}, {{"ERROR_LIMIT", 11}, FINISH_LENGTH}};

enum finish
cohere_finish_of(struct slice word)
{
	for (unsigned i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
		if (slice_eq(word, finishes[i].word))
			return finishes[i].finish;
	return word.len == 0 ? FINISH_UNSAID : FINISH_STOP;
}

struct slice
cohere_finish_word(enum finish f, bool stop_text)
{
	if (f == FINISH_STOP && stop_text)
		return S("STOP_SEQUENCE");
	/* It has no word for what is held back: all that there is was said. */
	for (unsigned i = 0; f != FINISH_FILTERED && i < 4; i++)
		if (finishes[i].finish == f)
			return finishes[i].word;
	return S("COMPLETE");
}

/* --- log probabilities --- */

/* [{"text", "token_ids", "logprobs": [...]}]: of several tokens of one text the first
 * has it. */
void
cohere_take_logprobs(const struct json *j, uint32_t list, struct buf *to)
{
	uint32_t item = json_is(j, list, JSON_ARRAY) ? json_first(j, list) : list;
	struct slice none = S("");

	json_open(to, '{');
	json_key(to, S("content"));
	json_open(to, '[');
	for (; item != JSON_NONE;
	     item = item == list ? JSON_NONE : json_after(j, list, item)) {
		uint32_t values = json_get(j, item, S("logprobs"));
		struct slice text = json_inner(j, json_get(j, item, S("text")));

		if (!json_is(j, values, JSON_ARRAY))
			continue;
		JSON_FOR_EACH (v, j, values) {
			json_open(to, '{');
			json_member_inner(to, S("token"), text);
			json_member_raw(to, S("logprob"), json_raw(j, v));
			buf_add(to, S(",\"bytes\":null,\"top_logprobs\":[]}"));
			text = none;
		}
	}
	json_close(to, ']');
	json_close(to, '}');
}

/* --- in --- */

static enum err
keep_logprobs(struct reader *r, uint32_t list, struct slice *ret)
{
	struct buf b;
	enum err e;

	if (json_first(r->j, list) == JSON_NONE)
		return ERR_OK;
	buf_init(&b, 16u << 20);
	cohere_take_logprobs(r->j, list, &b);
	e = b.err;
	if (e == ERR_OK && !arena_copy(r->arena, buf_slice(&b), ret))
		e = ERR_NOMEM;
	buf_free(&b);
	return e;
}

enum err
cohere_read_answer(const struct json *j, struct arena *a, struct answer *ret)
{
	struct unknown **unknown = &ret->unknown;
	struct alternative **tail = &ret->alternatives, *n;
	struct note note;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = &note};
	uint32_t message = json_get(j, 0, S("message")), citations;

	note_set(&note, "%s", "");
	answer_init(ret, DIALECT_COHERE);
	if (!json_is(j, message, JSON_OBJECT))
		return ERR_BAD_REPLY;
	n = answer_add(a, &tail);
	if (n == NULL)
		return ERR_NOMEM;
	ret->id = json_inner(j, json_get(j, 0, S("id")));
	n->turn.raw = json_raw(j, message);
	cohere_read_said(&r, message, &n->turn);
	n->finish_raw = json_inner(j, json_get(j, 0, S("finish_reason")));
	n->finish = cohere_finish_of(n->finish_raw);
	citations = json_get(j, message, S("citations"));
	if (json_first(j, citations) != JSON_NONE)
		n->citations = json_raw(j, citations);
	if (r.err == ERR_OK)
		r.err = keep_logprobs(&r, json_get(j, 0, S("logprobs")), &n->logprobs);
	ret->members = reader_plain_members(&r, 0);
	return r.err == ERR_BAD_REQUEST ? ERR_BAD_REPLY : r.err;
}

/* --- out --- */

void
cohere_put_usage(const struct usage *u, struct buf *b)
{
	uint64_t in = usage_input_tok(u), out = usage_output_tok(u);

	json_key(b, S("usage"));
	json_open(b, '{');
	json_key(b, S("billed_units"));
	json_open(b, '{');
	json_member_u64(b, S("input_tokens"), in);
	json_member_u64(b, S("output_tokens"), out);
	json_close(b, '}');
	json_key(b, S("tokens"));
	json_open(b, '{');
	json_member_u64(b, S("input_tokens"), in);
	json_member_u64(b, S("output_tokens"), out);
	if (u->count[USAGE_REASONING] > 0)
		json_member_u64(b, S("reasoning_tokens"), u->count[USAGE_REASONING]);
	json_close(b, '}');
	json_member_u64(b, S("cached_tokens"), u->count[USAGE_CACHED]);
	json_close(b, '}');
}

static void
put_part(struct buf *b, const struct answer_plan *plan, const struct part *p)
{
	json_open(b, '{');
	if (p->kind != PART_REASONING) {
		json_member(b, S("type"), S("text"));
		json_member_inner(b, S("text"), p->text);
	} else {
		json_member(b, S("type"), S("thinking"));
		json_member_inner(b, S("thinking"), p->text);
		json_key(b, p->reasoning.sealed.ptr != NULL ? S("data") : S("signature"));
		tag_put(b, plan->provider,
		    p->reasoning.sealed.ptr != NULL ? p->reasoning.sealed
						    : p->reasoning.signature);
	}
	json_close(b, '}');
}

static bool
has_part(const struct part *p)
{
	return p->kind == PART_REASONING ||
	       ((p->kind == PART_TEXT || p->kind == PART_REFUSAL) && p->text.len > 0);
}

static void
put_message(struct buf *b, const struct answer_plan *plan, const struct turn *t)
{
	bool calls = false;

	json_open(b, '{');
	json_member(b, S("role"), S("assistant"));
	json_key(b, S("content"));
	json_open(b, '[');
	for (const struct part *p = t->parts; p != NULL; p = p->next) {
		calls = calls || p->kind == PART_CALL;
		if (has_part(p))
			put_part(b, plan, p);
	}
	json_close(b, ']');
	if (calls) {
		json_key(b, S("tool_calls"));
		json_open(b, '[');
		for (const struct part *p = t->parts; p != NULL; p = p->next)
			if (p->kind == PART_CALL)
				cohere_put_call(b, p, plan->provider);
		json_close(b, ']');
	}
	json_close(b, '}');
}

/* [{"token", "logprob", ...}] of OpenAI's form. */
static void
put_logprobs(struct buf *b, struct slice logprobs)
{
	struct json j;
	uint32_t list;

	json_init(&j, 1u << 20);
	if (json_parse(&j, logprobs, 4) != ERR_OK) {
		json_free(&j);
		return;
	}
	list = json_get(&j, 0, S("content"));
	if (json_is(&j, list, JSON_ARRAY)) {
		json_key(b, S("logprobs"));
		json_open(b, '[');
		JSON_FOR_EACH (item, &j, list) {
			json_open(b, '{');
			json_member_inner(
			    b, S("text"), json_inner(&j, json_get(&j, item, S("token"))));
			buf_add(b, S(",\"token_ids\":[],\"logprobs\":["));
			json_put_raw(b, json_raw(&j, json_get(&j, item, S("logprob"))));
			buf_add(b, S("]}"));
		}
		json_close(b, ']');
	}
	json_free(&j);
}

/* An answer of its own dialect, as it was read. */
static void
put_same(const struct answer *n, struct buf *b)
{
	json_open(b, '{');
	for (const struct member *m = n->members; m != NULL; m = m->next) {
		json_key_inner(b, m->key);
		if (slice_eq(m->key, S("message")) && n->alternatives != NULL)
			cohere_put_same(b, &n->alternatives->turn);
		else
			json_put_raw(b, m->value);
	}
	json_close(b, '}');
}

void
cohere_write_answer(const struct answer *n, const struct answer_plan *plan, struct buf *b)
{
	const struct alternative *c = n->alternatives;
	static const struct turn nothing = {.role = ROLE_ASSISTANT};

	if (n->origin == DIALECT_COHERE) {
		put_same(n, b);
		return;
	}
	json_open(b, '{');
	json_member_inner(b, S("id"), n->id.len > 0 ? n->id : plan->id);
	json_key(b, S("message"));
	put_message(b, plan, c == NULL ? &nothing : &c->turn);
	json_member(b, S("finish_reason"),
	    cohere_finish_word(c == NULL ? FINISH_STOP : c->finish,
		c != NULL && c->stop_text.ptr != NULL));
	if (n->usage.known)
		cohere_put_usage(&n->usage, b);
	if (c != NULL && c->logprobs.len > 0)
		put_logprobs(b, c->logprobs);
	json_close(b, '}');
}
