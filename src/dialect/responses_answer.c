/*
 * OpenAI Responses: answers, in and out.
 */
#include "dialect/responses.h"
#include "json/write.h"

/* --- in --- */

enum finish
responses_finish_of(const struct json *j, uint32_t response, bool calls)
{
	struct slice status = json_inner(j, json_get(j, response, S("status")));
	struct slice reason =
	    json_inner(j, json_path(j, response, "incomplete_details", "reason", NULL));

	if (slice_eq(status, S("incomplete")))
		return slice_eq(reason, S("content_filter")) ? FINISH_FILTERED
							     : FINISH_LENGTH;
	if (slice_eq(status, S("failed")) || slice_eq(status, S("cancelled")))
		return FINISH_ERROR;
	if (slice_eq(status, S("in_progress")) || slice_eq(status, S("queued")))
		return FINISH_UNSAID;
	return calls ? FINISH_CALLS : FINISH_STOP;
}

/* What is told of the texts: its tokens' probabilities as OpenAI's chat has them, and
 * its sources. */
static void
read_about(struct reader *r, uint32_t content, struct alternative *n)
{
	JSON_FOR_EACH (part, r->j, content) {
		uint32_t logprobs = json_get(r->j, part, S("logprobs"));
		uint32_t sources = json_get(r->j, part, S("annotations"));

		if (json_first(r->j, logprobs) != JSON_NONE && n->logprobs.len == 0) {
			n->logprobs =
			    arena_printf(r->arena, "{\"content\":%.*s,\"refusal\":null}",
				SLICE_ARGS(json_raw(r->j, logprobs)));
			if (n->logprobs.len == 0)
				(void)reader_nomem(r);
		}
		if (json_first(r->j, sources) != JSON_NONE && n->citations.len == 0)
			n->citations = json_raw(r->j, sources);
	}
}

static void
read_image(struct reader *r, uint32_t v, struct part ***tail, unsigned index)
{
	struct slice result = json_inner(r->j, json_get(r->j, v, S("result")));
	struct slice format = json_inner(r->j, json_get(r->j, v, S("output_format")));
	struct part *p;

	if (result.len == 0)
		return;
	p = reader_part(r, tail, PART_IMAGE, v, index);
	if (p == NULL)
		return;
	p->media.source = MEDIA_DATA;
	p->media.data = result;
	p->media.type = slice_eq(format, S("jpeg"))   ? S("image/jpeg")
			: slice_eq(format, S("webp")) ? S("image/webp")
						      : S("image/png");
}

static void
read_item(struct reader *r, uint32_t v, struct alternative *n, struct part ***tail,
    unsigned index)
{
	uint32_t type = json_get(r->j, v, S("type"));
	uint32_t content = json_get(r->j, v, S("content"));
	struct part *p, thought = {.kind = PART_REASONING};

	if (json_equals(r->j, type, S("message"))) {
		(void)responses_read_parts(r, content, tail, ROLE_ASSISTANT, "output");
		read_about(r, content, n);
	} else if (json_equals(r->j, type, S("function_call"))) {
		p = reader_part(r, tail, PART_CALL, v, index);
		if (p != NULL)
			responses_read_call(r, v, p);
	} else if (json_equals(r->j, type, S("reasoning"))) {
		if (!responses_read_reasoning(r, v, &thought))
			return;
		p = reader_part(r, tail, PART_REASONING, v, index);
		if (p == NULL)
			return;
		p->text = thought.text;
		p->reasoning = thought.reasoning;
	} else if (json_equals(r->j, type, S("image_generation_call"))) {
		read_image(r, v, tail, index);
	} else {
		(void)reader_part(r, tail, PART_OTHER, v, index);
	}
}

/* Some hosts have all that was thought as one text beside the output. */
static void
read_thought(struct reader *r, uint32_t v, struct part ***tail)
{
	struct part *p;

	if (json_inner(r->j, v).len == 0)
		return;
	p = reader_part(r, tail, PART_REASONING, v, 0);
	if (p != NULL)
		p->text = json_inner(r->j, v);
}

static bool
has_call(const struct part *p)
{
	while (p != NULL && p->kind != PART_CALL)
		p = p->next;
	return p != NULL;
}

enum err
responses_read_answer(const struct json *j, struct arena *a, struct answer *ret)
{
	struct unknown **unknown = &ret->unknown;
	struct alternative **tail = &ret->alternatives, *n;
	struct note note;
	struct reader r = {.j = j, .arena = a, .unknown = &unknown, .note = &note};
	uint32_t output = json_get(j, 0, S("output"));
	struct part **parts;
	unsigned i = 0;

	answer_init(ret, DIALECT_RESPONSES);
	if (!json_is(j, output, JSON_ARRAY))
		return ERR_BAD_REPLY;
	n = answer_add(a, &tail);
	if (n == NULL)
		return ERR_NOMEM;
	ret->id = json_inner(j, json_get(j, 0, S("id")));
	ret->model = json_inner(j, json_get(j, 0, S("model")));
	ret->tier = json_inner(j, json_get(j, 0, S("service_tier")));
	(void)json_u64(j, json_get(j, 0, S("created_at")), &ret->created_s);
	n->turn.raw = json_raw(j, output);
	parts = &n->turn.parts;
	read_thought(&r, json_get(j, 0, S("reasoning")), &parts);
	JSON_FOR_EACH (item, j, output)
		read_item(&r, item, n, &parts, i++);
	n->finish = responses_finish_of(j, 0, has_call(n->turn.parts));
	n->finish_raw = json_inner(j, json_get(j, 0, S("status")));
	ret->members = reader_plain_members(&r, 0);
	return r.err == ERR_BAD_REQUEST ? ERR_BAD_REPLY : r.err;
}

/* --- out --- */

struct writing {
	const struct answer_plan *plan;
	struct buf *to;
	const struct alternative *n;
	unsigned items;
};

static bool
is_said(const struct part *p)
{
	return p->kind == PART_TEXT || p->kind == PART_REFUSAL;
}

/* A message of all that is said from p on; returns what comes behind it. */
static const struct part *
put_message(struct writing *w, const struct part *p)
{
	const struct part *last = p;
	struct slice logprobs = responses_logprobs(w->n->logprobs);

	while (last->next != NULL && is_said(last->next))
		last = last->next;
	responses_open_item(w->to, w->plan, RESPONSES_MESSAGE, w->items++,
	    last->next == NULL ? responses_item_status(w->n->finish) : S("completed"));
	json_key(w->to, S("content"));
	json_open(w->to, '[');
	for (; p != last->next; p = p->next) {
		responses_put_content(
		    w->to, p->kind, p->text, p->kind == PART_TEXT ? logprobs : S(""));
		logprobs = p->kind == PART_TEXT ? S("") : logprobs;
	}
	json_close(w->to, ']');
	json_close(w->to, '}');
	return last->next;
}

static void
put_thought(struct writing *w, struct slice text, struct slice secret, struct slice mark)
{
	responses_open_item(
	    w->to, w->plan, RESPONSES_REASONING, w->items++, S("completed"));
	responses_put_thought(w->to, w->plan, text, secret, mark);
	json_close(w->to, '}');
}

static void
put_call(struct writing *w, const struct part *p)
{
	if (p->call.signature.len > 0)
		put_thought(w, S(""), p->call.signature, RESPONSES_OF_CALL);
	responses_open_item(w->to, w->plan, RESPONSES_CALL, w->items++, S("completed"));
	json_member_inner(w->to, S("call_id"), p->call.id);
	json_member_inner(w->to, S("name"), p->call.name);
	json_member(w->to, S("arguments"),
	    p->call.arguments.len == 0 ? S("{}") : p->call.arguments);
	json_close(w->to, '}');
}

/* One that is somewhere else is told as a text. */
static void
put_image(struct writing *w, const struct part *p)
{
	if (p->media.source != MEDIA_DATA) {
		responses_open_item(
		    w->to, w->plan, RESPONSES_MESSAGE, w->items++, S("completed"));
		json_key(w->to, S("content"));
		json_open(w->to, '[');
		responses_put_content(w->to, PART_TEXT, p->media.data, S(""));
		json_close(w->to, ']');
	} else {
		responses_open_item(
		    w->to, w->plan, RESPONSES_IMAGE, w->items++, S("completed"));
		json_member_inner(w->to, S("result"), p->media.data);
	}
	json_close(w->to, '}');
}

static void
put_parts(struct writing *w)
{
	const struct part *p = w->n->turn.parts;

	while (p != NULL) {
		if (is_said(p)) {
			p = put_message(w, p);
			continue;
		}
		if (p->kind == PART_REASONING && p->reasoning.sealed.ptr != NULL)
			put_thought(w, p->text, p->reasoning.sealed, S(""));
		else if (p->kind == PART_REASONING)
			put_thought(
			    w, p->text, p->reasoning.signature, RESPONSES_OF_TEXT);
		else if (p->kind == PART_CALL)
			put_call(w, p);
		else if (p->kind == PART_IMAGE)
			put_image(w, p);
		p = p->next;
	}
}

/* In its own dialect it is told as it was. */
static void
put_same(const struct answer *n, struct buf *b)
{
	json_open(b, '{');
	for (const struct member *m = n->members; m != NULL; m = m->next) {
		json_key_inner(b, m->key);
		json_put_raw(b, m->value);
	}
	json_close(b, '}');
}

void
responses_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b)
{
	struct writing w = {.plan = plan, .to = b, .n = n->alternatives};
	struct responses_object o = {.plan = plan,
	    .id = n->id,
	    .model = n->model,
	    .tier = n->tier,
	    .created_s = n->created_s,
	    .ended = true,
	    .finish = w.n == NULL ? FINISH_STOP : w.n->finish,
	    .usage = &n->usage};

	if (n->origin == DIALECT_RESPONSES) {
		put_same(n, b);
		return;
	}
	responses_open(&o, b);
	if (w.n != NULL)
		put_parts(&w);
	responses_close(b);
}
