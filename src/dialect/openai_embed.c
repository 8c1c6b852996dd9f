/*
 * Embeddings in OpenAI's dialect (API reference, 2026-08).
 */
#include "dialect/openai.h"

#include "json/write.h"

static const struct slice known[] = {{"model", 5}, {"input", 5}, {"dimensions", 10},
    {"encoding_format", 15}, {"user", 4}, {"provider", 8}};

static enum err
read_prompt(const struct json *j, struct arena *a, struct embed_prompt *ret,
    struct note *note, const char **ret_param)
{
	uint32_t input = json_get(j, 0, S("input"));
	enum err e;

	*ret = (struct embed_prompt){.own.arena = a};
	ret->base64 = json_equals(j, json_get(j, 0, S("encoding_format")), S("base64"));
	(void)json_u64(j, json_get(j, 0, S("dimensions")), &ret->dimensions);
	embedding_note(j, 0, known, sizeof(known) / sizeof(known[0]), &ret->own);
	e = embedding_texts(j, input, a, ret);
	if (e == ERR_NO_EQUIVALENT) {
		*ret_param = "input";
		note_set(note, "'input' must be text to be asked elsewhere, not tokens.");
	}
	return e;
}

static void
write_prompt(
    const struct embed_prompt *p, struct slice model, struct buf *to, struct losses *lost)
{
	json_open(to, '{');
	json_member(to, S("model"), model);
	json_key(to, S("input"));
	json_open(to, '[');
	for (unsigned i = 0; i < p->ntexts; i++)
		json_put_inner(to, p->texts[i]);
	json_close(to, ']');
	if (p->dimensions > 0)
		json_member_u64(to, S("dimensions"), p->dimensions);
	if (p->base64)
		json_member(to, S("encoding_format"), S("base64"));
	json_close(to, '}');
	if (p->task != EMBED_UNSAID)
		losses_add(lost, p->task_path);
}

static enum err
read_answer(const struct json *j, struct arena *a, struct embed_answer *ret)
{
	uint32_t data = json_get(j, 0, S("data"));
	unsigned n = 0;

	if (!json_is(j, data, JSON_ARRAY))
		return ERR_BAD_REPLY;
	JSON_FOR_EACH (one, j, data)
		n++;
	*ret = (struct embed_answer){
	    .vectors = arena_zalloc(a, (n + 1) * sizeof(ret->vectors[0])), .nvectors = n};
	if (ret->vectors == NULL)
		return ERR_NOMEM;
	n = 0;
	JSON_FOR_EACH (one, j, data) {
		uint32_t v = json_get(j, one, S("embedding"));
		uint64_t at = n++;

		(void)json_u64(j, json_get(j, one, S("index")), &at);
		if (at >= ret->nvectors)
			return ERR_BAD_REPLY;
		ret->base64 = json_is(j, v, JSON_STRING);
		ret->vectors[at] = ret->base64 ? json_inner(j, v) : json_raw(j, v);
	}
	return ERR_OK;
}

static void
write_answer(const struct embed_answer *n, const struct embed_prompt *p,
    const struct answer_plan *plan, const struct usage *u, struct buf *to)
{
	json_open(to, '{');
	json_member(to, S("object"), S("list"));
	json_key(to, S("data"));
	json_open(to, '[');
	for (unsigned i = 0; i < n->nvectors; i++) {
		json_open(to, '{');
		json_member(to, S("object"), S("embedding"));
		json_member_u64(to, S("index"), i);
		json_key(to, S("embedding"));
		if (p->base64)
			embedding_put_base64(to, n->vectors[i], n->base64);
		else
			embedding_put_array(to, n->vectors[i], n->base64);
		json_close(to, '}');
	}
	json_close(to, ']');
	json_member(to, S("model"), plan->model);
	json_key(to, S("usage"));
	json_open(to, '{');
	json_member_u64(to, S("prompt_tokens"), u->count[USAGE_INPUT]);
	json_member_u64(to, S("total_tokens"), u->count[USAGE_INPUT]);
	json_close(to, '}');
	json_close(to, '}');
}

const struct embedding_translation openai_embed = {
    4, read_prompt, write_prompt, read_answer, write_answer};
