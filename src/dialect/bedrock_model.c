/*
 * Bedrock Converse: what is asked beside the conversation. Which model takes what is told
 * by its maker's name in its id.
 */
#include "dialect/anthropic.h"
#include "dialect/bedrock.h"
#include "dialect/schema.h"

#define USUAL_MAX_OUTPUT 8192 /* where the model's own is not known */

/* --- what a model takes --- */

static const struct {
	const char *part;
	unsigned makers;
} makers[] = {{"anthropic.", MAKER_CLAUDE}, {"claude", MAKER_CLAUDE},
    {"nova-2", MAKER_NOVA | MAKER_NOVA_2}, {"nova", MAKER_NOVA},
    {"mistral", MAKER_MISTRAL}, {"openai.", MAKER_OPENAI}, {"gpt-oss", MAKER_OPENAI},
    {"meta.", MAKER_OTHER}, {"cohere.", MAKER_OTHER}, {"ai21.", MAKER_OTHER},
    {"deepseek.", MAKER_OTHER}, {"amazon.titan", MAKER_OTHER}, {"qwen.", MAKER_OTHER}};

static unsigned
makers_of(struct slice model)
{
	for (unsigned i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (slice_search(model, slice_str(makers[i].part)) < model.len)
			return makers[i].makers;
	return MAKER_UNKNOWN;
}

/* --- what goes to the model as it is --- */

static void
put_effort(struct bedrock_making *m)
{
	const struct reasoning *r = &m->w->p->reasoning;
	enum effort e =
	    r->adaptive && r->effort == EFFORT_UNSAID ? EFFORT_MEDIUM : writer_effort(r);
	struct buf *b = m->w->to;

	if (e <= EFFORT_NONE)
		return;
	if (e < EFFORT_LOW)
		e = EFFORT_LOW;
	if (e > EFFORT_HIGH)
		e = EFFORT_HIGH;
	if (m->makers & MAKER_OPENAI) {
		json_member(b, S("reasoning_effort"), slice_str(effort_name(e)));
	} else if (m->makers & MAKER_NOVA_2) {
		json_key(b, S("reasoningConfig"));
		json_open(b, '{');
		json_member(b, S("type"), S("enabled"));
		json_member(b, S("maxReasoningEffort"), slice_str(effort_name(e)));
		json_close(b, '}');
	} else {
		writer_lose(m->w, MEANING_REASONING);
	}
}

static void
put_top_k(struct bedrock_making *m)
{
	struct slice k = prompt_value(m->w->p, MEANING_TOP_K);
	struct buf *b = m->w->to;

	if (meaning_is_neutral(MEANING_TOP_K, k))
		return;
	if (!anthropic_samples(m->w->p, m->traits, m->thinks, MEANING_TOP_K)) {
		writer_lose(m->w, MEANING_TOP_K);
	} else if (m->makers & MAKER_NOVA) {
		json_key(b, S("inferenceConfig"));
		json_open(b, '{');
		json_member_raw(b, S("topK"), k);
		json_close(b, '}');
	} else {
		json_member_raw(b, S("top_k"), k);
	}
}

/* One call at a time: Anthropic's own word for it, where no choice is told. */
static void
put_one_call(struct bedrock_making *m)
{
	const struct prompt *p = m->w->p;

	if (!p->one_call || p->tools == NULL || p->choice.mode == CHOICE_NONE)
		return;
	if ((m->makers & MAKER_CLAUDE) && p->choice.mode <= CHOICE_AUTO)
		json_member_raw(m->w->to, S("tool_choice"),
		    S("{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"));
	else
		writer_lose(m->w, p->by[MEANING_PARALLEL] != NULL ? MEANING_PARALLEL
								  : MEANING_TOOL_CHOICE);
}

static void
put_additional(struct bedrock_making *m)
{
	struct buf *b = m->w->to;
	size_t before = b->len, empty;

	json_key(b, S("additionalModelRequestFields"));
	json_open(b, '{');
	empty = b->len;
	if (m->makers & MAKER_CLAUDE)
		m->thinks =
		    anthropic_put_thinking(m->w, m->traits, &m->max_tok, &m->effort);
	else
		put_effort(m);
	/* A budget must be less than the largest answer, which is to be told then. */
	m->asks_max = m->asks_max || (m->thinks && (m->traits & TRAIT_ADAPTIVE) == 0);
	put_top_k(m);
	put_one_call(m);
	json_close(b, '}');
	if (b->len == empty + 1 && b->err == ERR_OK)
		b->len = before;
}

/* --- the rest --- */

/* Sampling where the model takes it: from 0 to 1 here, and not while it thinks. */
static void
put_sampling(struct bedrock_making *m)
{
	static const struct {
		enum meaning meaning;
		struct slice name;
	} members[] = {
	    {MEANING_TEMPERATURE, {"temperature", 11}}, {MEANING_TOP_P, {"topP", 4}}};

	for (unsigned i = 0; i < 2; i++) {
		struct slice value = prompt_value(m->w->p, members[i].meaning);
		bool one = slice_eq(value, S("1")) || slice_eq(value, S("1.0"));

		if (meaning_is_neutral(members[i].meaning, value) ||
		    (one && (m->traits & TRAIT_ONE_SAMPLING)))
			continue;
		if (anthropic_samples(m->w->p, m->traits, m->thinks, members[i].meaning))
			json_member_raw(m->w->to, members[i].name,
			    i == 0 ? writer_up_to_one(value) : value);
		else if (!one)
			writer_lose(m->w, members[i].meaning);
	}
}

static void
put_inference(struct bedrock_making *m)
{
	struct slice stop = prompt_value(m->w->p, MEANING_STOP);
	struct buf *b = m->w->to;
	size_t before = b->len, empty;

	json_key(b, S("inferenceConfig"));
	json_open(b, '{');
	empty = b->len;
	if (m->asks_max)
		json_member_u64(b, S("maxTokens"), m->max_tok);
	put_sampling(m);
	if (!meaning_is_neutral(MEANING_STOP, stop)) {
		json_key(b, S("stopSequences"));
		writer_stop(m->w, stop);
	}
	json_close(b, '}');
	if (b->len == empty + 1 && b->err == ERR_OK)
		b->len = before;
}

/* The schema is told as a text. */
static void
put_format(struct bedrock_making *m)
{
	const struct format *f = &m->w->p->format;
	struct buf *b = m->w->to, schema;

	buf_init(&schema, b->max);
	if (schema_cut(f->schema, SCHEMA_FOR_ANTHROPIC, &schema) != ERR_OK) {
		buf_clear(&schema);
		buf_add(&schema, f->schema);
	}
	json_key(b, S("textFormat"));
	json_open(b, '{');
	json_member(b, S("type"), S("json_schema"));
	json_key(b, S("structure"));
	json_open(b, '{');
	json_key(b, S("jsonSchema"));
	json_open(b, '{');
	json_member(b, S("schema"), buf_slice(&schema));
	if (f->name.len > 0)
		json_member_inner(b, S("name"), f->name);
	if (f->description.len > 0)
		json_member_inner(b, S("description"), f->description);
	json_close(b, '}');
	json_close(b, '}');
	json_close(b, '}');
	if (schema.err != ERR_OK && b->err == ERR_OK)
		b->err = schema.err;
	buf_free(&schema);
}

static void
put_output(struct bedrock_making *m)
{
	bool schema = m->w->p->format.kind == FORMAT_SCHEMA;
	struct buf *b = m->w->to;

	if (!schema && m->effort <= EFFORT_NONE)
		return;
	json_key(b, S("outputConfig"));
	json_open(b, '{');
	if (m->effort > EFFORT_NONE)
		json_member(b, S("effort"), anthropic_effort(m->effort));
	if (schema)
		put_format(m);
	json_close(b, '}');
}

static void
put_tier(struct bedrock_making *m)
{
	static const struct slice known[] = {
	    {"\"priority\"", 10}, {"\"flex\"", 6}, {"\"reserved\"", 10}};
	struct slice tier = prompt_value(m->w->p, MEANING_TIER);

	if (meaning_is_neutral(MEANING_TIER, tier))
		return;
	for (unsigned i = 0; i < 3; i++)
		if (slice_eq(tier, known[i])) {
			json_key(m->w->to, S("serviceTier"));
			json_open(m->w->to, '{');
			json_member_raw(m->w->to, S("type"), tier);
			json_close(m->w->to, '}');
			return;
		}
	writer_lose(m->w, MEANING_TIER);
}

void
bedrock_model_put(struct bedrock_making *m)
{
	const struct write_plan *plan = m->w->plan;
	struct slice max = prompt_value(m->w->p, MEANING_MAX_OUTPUT);

	m->makers = makers_of(plan->model);
	m->caches = (m->makers & (MAKER_CLAUDE | MAKER_NOVA | MAKER_UNKNOWN)) != 0;
	m->traits = m->makers & MAKER_CLAUDE ? anthropic_traits(plan->model) : 0;
	m->asks_max = json_text_u64(max, &m->max_tok) && m->max_tok > 0;
	if (!m->asks_max)
		m->max_tok =
		    plan->max_output_tok != 0 ? plan->max_output_tok : USUAL_MAX_OUTPUT;
	put_additional(m);
	put_inference(m);
	put_output(m);
	put_tier(m);
}
