/*
 * Embeddings in Cohere's dialect, v2 (API reference, 2026-08).
 */
#include "dialect/cohere.h"

#include "json/write.h"

static const struct slice known[] = {{"model", 5}, {"texts", 5}, {"input_type", 10},
    {"embedding_types", 15}, {"output_dimension", 16}, {"provider", 8}};

static const struct {
	enum embed_task task;
	struct slice word;
} tasks[] = {{EMBED_QUERY, {"search_query", 12}},
    {EMBED_DOCUMENT, {"search_document", 15}},
    {EMBED_CLASSIFICATION, {"classification", 14}},
    {EMBED_CLUSTERING, {"clustering", 10}}};

#define TASKS (sizeof(tasks) / sizeof(tasks[0]))

static void
read_types(const struct json *j, uint32_t list, struct embed_prompt *p)
{
	unsigned n = 0;

	if (!json_is(j, list, JSON_ARRAY))
		return;
	JSON_FOR_EACH (v, j, list) {
		p->base64 = json_equals(j, v, S("base64"));
		if (n++ > 0 || (!p->base64 && !json_equals(j, v, S("float"))))
			losses_add(&p->own, S("embedding_types"));
	}
}

static enum err
read_prompt(const struct json *j, struct arena *a, struct embed_prompt *ret,
    struct note *note, const char **ret_param)
{
	uint32_t type = json_get(j, 0, S("input_type"));
	enum err e;

	*ret = (struct embed_prompt){.own.arena = a, .task_path = S("input_type")};
	(void)json_u64(j, json_get(j, 0, S("output_dimension")), &ret->dimensions);
	embedding_note(j, 0, known, sizeof(known) / sizeof(known[0]), &ret->own);
	read_types(j, json_get(j, 0, S("embedding_types")), ret);
	for (unsigned i = 0; i < TASKS; i++)
		if (json_equals(j, type, tasks[i].word))
			ret->task = tasks[i].task;
	if (type != JSON_NONE && ret->task == EMBED_UNSAID)
		losses_add(&ret->own, S("input_type"));
	e = embedding_texts(j, json_get(j, 0, S("texts")), a, ret);
	if (e == ERR_NO_EQUIVALENT) {
		*ret_param = "texts";
		note_set(note, "'texts' must be there to be asked elsewhere; images have "
			       "no equivalent.");
	}
	return e;
}

static void
write_prompt(
    const struct embed_prompt *p, struct slice model, struct buf *to, struct losses *lost)
{
	struct slice word = S("search_document"); /* one must be said */

	(void)lost;
	for (unsigned i = 0; i < TASKS; i++)
		if (tasks[i].task == p->task)
			word = tasks[i].word;
	json_open(to, '{');
	json_member(to, S("model"), model);
	json_member(to, S("input_type"), word);
	json_member_raw(
	    to, S("embedding_types"), p->base64 ? S("[\"base64\"]") : S("[\"float\"]"));
	if (p->dimensions > 0)
		json_member_u64(to, S("output_dimension"), p->dimensions);
	json_key(to, S("texts"));
	json_open(to, '[');
	for (unsigned i = 0; i < p->ntexts; i++)
		json_put_inner(to, p->texts[i]);
	json_close(to, ']');
	json_close(to, '}');
}

static enum err
read_answer(const struct json *j, struct arena *a, struct embed_answer *ret)
{
	uint32_t all = json_get(j, 0, S("embeddings")),
		 list = json_get(j, all, S("float"));
	unsigned n = 0;

	*ret = (struct embed_answer){0};
	if (list == JSON_NONE) {
		list = json_get(j, all, S("base64"));
		ret->base64 = list != JSON_NONE;
	}
	if (json_is(j, all, JSON_ARRAY)) /* embeddings_floats, as v1 tells them */
		list = all;
	if (!json_is(j, list, JSON_ARRAY))
		return ERR_BAD_REPLY;
	JSON_FOR_EACH (one, j, list)
		n++;
	ret->vectors = arena_alloc(a, (n + 1) * sizeof(ret->vectors[0]));
	if (ret->vectors == NULL)
		return ERR_NOMEM;
	JSON_FOR_EACH (one, j, list)
		ret->vectors[ret->nvectors++] =
		    ret->base64 ? json_inner(j, one) : json_raw(j, one);
	return ERR_OK;
}

static void
write_answer(const struct embed_answer *n, const struct embed_prompt *p,
    const struct answer_plan *plan, const struct usage *u, struct buf *to)
{
	json_open(to, '{');
	json_member(to, S("id"), plan->id);
	json_key(to, S("embeddings"));
	json_open(to, '{');
	json_key(to, p->base64 ? S("base64") : S("float"));
	json_open(to, '[');
	for (unsigned i = 0; i < n->nvectors; i++) {
		if (p->base64)
			embedding_put_base64(to, n->vectors[i], n->base64);
		else
			embedding_put_array(to, n->vectors[i], n->base64);
	}
	json_close(to, ']');
	json_close(to, '}');
	json_key(to, S("texts"));
	json_open(to, '[');
	for (unsigned i = 0; i < p->ntexts; i++)
		json_put_inner(to, p->texts[i]);
	json_close(to, ']');
	json_key(to, S("meta"));
	json_open(to, '{');
	json_member_raw(to, S("api_version"), S("{\"version\":\"2\"}"));
	json_key(to, S("billed_units"));
	json_open(to, '{');
	json_member_u64(to, S("input_tokens"), u->count[USAGE_INPUT]);
	json_close(to, '}');
	json_close(to, '}');
	json_member(to, S("response_type"), S("embeddings_by_type"));
	json_close(to, '}');
}

const struct embedding_translation cohere_embed = {
    4, read_prompt, write_prompt, read_answer, write_answer};
