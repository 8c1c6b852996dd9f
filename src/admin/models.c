/*
 * The models that can be asked here, as OpenAI's clients read them, and each one's
 * providers, as Hugging Face's router tells them; or as Anthropic's or Google's clients
 * read them, who ask under the same path with fields of their own.
 */
#include "admin/admin.h"
#include "core/text.h"
#include "json/write.h"

#define LIST_BYTES (16u << 20)

/* An offer that can be asked in no dialect that weir speaks can't be asked at all. */
static bool
is_usable(const struct offer *o)
{
	return provider_is_usable(o->provider) && o->missing == NULL &&
	       dialect_find(catalog_offer_dialect(o, DIALECT_OPENAI)) != NULL;
}

static bool
has_usable(const struct model *m)
{
	for (const struct offer *o = m->offers; o != NULL; o = o->next)
		if (is_usable(o))
			return true;
	return false;
}

/* Who made it: what stands before the slash. */
static struct slice
owner_of(struct slice id)
{
	size_t slash = slice_find(id, '/');

	return slash == id.len ? S("local") : slice_head(id, slash);
}

/* A rate in USD per million tokens, as a JSON number. */
static void
put_rate(struct buf *to, struct slice key, const struct rate *rate)
{
	char text[TEXT_PUSD_MAX];

	if (rate->per != PRICE_TOKENS)
		return;
	json_key(to, key);
	json_put_raw(to, slice_of(text, text_pusd(text, rate->pusd)));
}

static void
put_flag(struct buf *to, struct slice key, const struct offer *o, unsigned bit)
{
	if (((o->can | o->cannot) & bit) == 0)
		return;
	json_key(to, key);
	json_put_bool(to, (o->can & bit) != 0);
}

static void
put_offer(struct buf *to, const struct offer *o, uint64_t unix_ms)
{
	const struct price *p = price_at(o->prices, unix_ms, TIER_STANDARD, 0);

	json_open(to, '{');
	json_member(to, S("provider"), slice_str(o->provider->name));
	json_member(to, S("status"), S("live"));
	if (o->context_tok > 0)
		json_member_u64(to, S("context_length"), o->context_tok);
	if (p != NULL) {
		json_key(to, S("pricing"));
		json_open(to, '{');
		put_rate(to, S("input"), &p->rate[USAGE_INPUT]);
		put_rate(to, S("output"), &p->rate[USAGE_OUTPUT]);
		json_close(to, '}');
	}
	put_flag(to, S("supports_tools"), o, CAP_TOOLS);
	put_flag(to, S("supports_structured_output"), o, CAP_STRUCTURED);
	if (o->health != NULL && atomic_load(&o->health->sampled_ms) != 0) {
		json_member_u64(to, S("first_token_latency_ms"),
		    atomic_load(&o->health->ttft_us) / 1000);
		json_member_u64(
		    to, S("throughput"), atomic_load(&o->health->tok_per_ks) / 1000);
	}
	json_close(to, '}');
}

/* In whose form are they wanted? */
static enum dialect_id
form_of(const struct request *r)
{
	if (http_field(&r->head, S("anthropic-version")).len > 0)
		return DIALECT_ANTHROPIC;
	if (http_field(&r->head, S("x-goog-api-key")).len > 0)
		return DIALECT_GEMINI;
	return r->surface->dialect->id;
}

static void
put_for_anthropic(struct buf *to, const struct model *m)
{
	json_open(to, '{');
	json_member(to, S("type"), S("model"));
	json_member(to, S("id"), m->id);
	json_member(to, S("display_name"), m->id);
	json_member(to, S("created_at"), S("1970-01-01T00:00:00Z"));
	json_close(to, '}');
}

static void
put_for_gemini(struct buf *to, const struct model *m)
{
	json_open(to, '{');
	json_key(to, S("name"));
	buf_add(to, S("\"models/"));
	buf_add(to, m->id); /* without anything to escape */
	buf_byte(to, '"');
	json_member(to, S("version"), S(""));
	json_member(to, S("displayName"), m->id);
	if (m->context_tok > 0)
		json_member_u64(to, S("inputTokenLimit"), m->context_tok);
	if (m->max_output_tok > 0)
		json_member_u64(to, S("outputTokenLimit"), m->max_output_tok);
	json_key(to, S("supportedGenerationMethods"));
	json_put_raw(to, m->op == OP_EMBEDDING
			     ? S("[\"embedContent\",\"batchEmbedContents\"]")
			     : S("[\"generateContent\",\"countTokens\"]"));
	json_close(to, '}');
}

static void
put_for_openai(struct buf *to, const struct model *m, uint64_t unix_ms)
{
	json_open(to, '{');
	json_member(to, S("id"), m->id);
	json_member(to, S("object"), S("model"));
	json_member_u64(to, S("created"), 0);
	json_member(to, S("owned_by"), owner_of(m->id));
	if (m->context_tok > 0)
		json_member_u64(to, S("context_length"), m->context_tok);
	json_key(to, S("providers"));
	json_open(to, '[');
	for (const struct offer *o = m->offers; o != NULL; o = o->next)
		if (is_usable(o))
			put_offer(to, o, unix_ms);
	json_close(to, ']');
	json_close(to, '}');
}

static void
put_model(struct buf *to, enum dialect_id form, const struct model *m, uint64_t unix_ms)
{
	if (form == DIALECT_ANTHROPIC)
		put_for_anthropic(to, m);
	else if (form == DIALECT_GEMINI)
		put_for_gemini(to, m);
	else
		put_for_openai(to, m, unix_ms);
}

void
admin_models(struct request *r)
{
	const struct catalog *c = r->config->catalog;
	enum dialect_id form = form_of(r);
	struct slice first = S(""), last = S("");
	struct buf list;

	buf_init(&list, LIST_BYTES);
	json_open(&list, '{');
	if (form == DIALECT_OPENAI)
		json_member(&list, S("object"), S("list"));
	json_key(&list, form == DIALECT_GEMINI ? S("models") : S("data"));
	json_open(&list, '[');
	for (unsigned i = 0; i < c->nmodels; i++) {
		if (!has_usable(c->models[i]))
			continue;
		put_model(&list, form, c->models[i], r->start_unix_ms);
		last = c->models[i]->id;
		first = first.len == 0 ? last : first;
	}
	json_close(&list, ']');
	if (form == DIALECT_ANTHROPIC) {
		json_key(&list, S("has_more"));
		json_put_bool(&list, false);
		json_member(&list, S("first_id"), first);
		json_member(&list, S("last_id"), last);
	}
	json_close(&list, '}');
	request_reply(r, list.err, 200, S("application/json"), buf_slice(&list));
	buf_free(&list);
}

void
admin_model(struct request *r)
{
	struct slice id = request_path_rest(r);
	const struct model *m = catalog_find(r->config->catalog, id);
	struct buf one;

	if (m == NULL || !has_usable(m)) {
		note_set(&r->note,
		    m == NULL
			? "The model '%.*s' does not exist here."
			: "The model '%.*s' is known, but none of its providers can "
			  "be used here.",
		    SLICE_ARGS(slice_head(id, 100)));
		r->param = "model";
		request_reply(r, ERR_UNKNOWN_MODEL, 0, S(""), S(""));
		return;
	}
	buf_init(&one, LIST_BYTES);
	put_model(&one, form_of(r), m, r->start_unix_ms);
	request_reply(r, one.err, 200, S("application/json"), buf_slice(&one));
	buf_free(&one);
}
