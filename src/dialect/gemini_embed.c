/*
 * Embeddings in Gemini's dialect: one text by embedContent, many by batchEmbedContents
 * (API reference, 2026-08).
 */
#include "dialect/gemini.h"

#include "json/write.h"

static const struct slice known[] = {{"model", 5}, {"content", 7}, {"taskType", 8},
    {"outputDimensionality", 20}, {"provider", 8}};

static const struct {
	enum embed_task task;
	struct slice word;
} tasks[] = {{EMBED_QUERY, {"RETRIEVAL_QUERY", 15}},
    {EMBED_DOCUMENT, {"RETRIEVAL_DOCUMENT", 18}},
    {EMBED_CLASSIFICATION, {"CLASSIFICATION", 14}},
    {EMBED_CLUSTERING, {"CLUSTERING", 10}}};

#define TASKS (sizeof(tasks) / sizeof(tasks[0]))

/* One text: its parts are one behind the other. */
static enum err
read_content(
    const struct json *j, uint32_t content, struct arena *a, struct embed_prompt *p)
{
	uint32_t parts = json_get(j, content, S("parts"));
	struct slice all = S("");

	if (json_is(j, content, JSON_STRING)) {
		p->texts[p->ntexts++] = json_inner(j, content);
		return ERR_OK;
	}
	if (json_is(j, parts, JSON_OBJECT)) {
		all = json_inner(j, json_get(j, parts, S("text")));
	} else if (json_is(j, parts, JSON_ARRAY)) {
		JSON_FOR_EACH (part, j, parts) {
			struct slice text = json_inner(j, json_get(j, part, S("text")));

			if (text.ptr == NULL)
				return ERR_NO_EQUIVALENT;
			all = all.len == 0 ? text
					   : arena_printf(a, "%.*s%.*s", SLICE_ARGS(all),
						 SLICE_ARGS(text));
		}
	}
	if (all.ptr == NULL)
		return ERR_NO_EQUIVALENT;
	p->texts[p->ntexts++] = all;
	return ERR_OK;
}

static enum err
read_one(const struct json *j, uint32_t v, struct arena *a, struct embed_prompt *p)
{
	uint32_t type = json_get(j, v, S("taskType"));
	enum embed_task task = EMBED_UNSAID;

	embedding_note(j, v, known, sizeof(known) / sizeof(known[0]), &p->own);
	for (unsigned i = 0; i < TASKS; i++)
		if (json_equals(j, type, tasks[i].word))
			task = tasks[i].task;
	/* Only one can be said for all. */
	if ((type != JSON_NONE && task == EMBED_UNSAID &&
		!json_equals(j, type, S("TASK_TYPE_UNSPECIFIED"))) ||
	    (p->ntexts > 0 && task != p->task))
		losses_add(&p->own, S("taskType"));
	p->task = task;
	(void)json_u64(j, json_get(j, v, S("outputDimensionality")), &p->dimensions);
	return read_content(j, json_get(j, v, S("content")), a, p);
}

static enum err
read_prompt(const struct json *j, struct arena *a, struct embed_prompt *ret,
    struct note *note, const char **ret_param)
{
	uint32_t requests = json_get(j, 0, S("requests"));
	enum err e = ERR_OK;
	unsigned n = 1;

	*ret = (struct embed_prompt){.own.arena = a, .task_path = S("taskType")};
	ret->one = !json_is(j, requests, JSON_ARRAY);
	if (!ret->one)
		JSON_FOR_EACH (one, j, requests)
			n++;
	ret->texts = arena_alloc(a, n * sizeof(ret->texts[0]));
	if (ret->texts == NULL)
		return ERR_NOMEM;
	if (ret->one)
		e = read_one(j, 0, a, ret);
	else
		JSON_FOR_EACH (one, j, requests)
			e = e == ERR_OK ? read_one(j, one, a, ret) : e;
	if (e == ERR_NO_EQUIVALENT) {
		*ret_param = "content";
		note_set(note, "'content' must be text to be asked elsewhere.");
	}
	return e;
}

/* Always as many: of one text the list has one. */
static void
write_prompt(
    const struct embed_prompt *p, struct slice model, struct buf *to, struct losses *lost)
{
	(void)lost;
	json_open(to, '{');
	json_key(to, S("requests"));
	json_open(to, '[');
	for (unsigned i = 0; i < p->ntexts; i++) {
		json_open(to, '{');
		json_key(to, S("model"));
		buf_printf(to, "\"%s%.*s\"",
		    slice_find(model, '/') < model.len ? "" : "models/",
		    SLICE_ARGS(model));
		json_key(to, S("content"));
		buf_add(to, S("{\"parts\":[{\"text\":\""));
		buf_add(to, p->texts[i]);
		buf_add(to, S("\"}]}"));
		for (unsigned t = 0; t < TASKS; t++)
			if (tasks[t].task == p->task)
				json_member(to, S("taskType"), tasks[t].word);
		if (p->dimensions > 0)
			json_member_u64(to, S("outputDimensionality"), p->dimensions);
		json_close(to, '}');
	}
	json_close(to, ']');
	json_close(to, '}');
}

static enum err
read_answer(const struct json *j, struct arena *a, struct embed_answer *ret)
{
	uint32_t list = json_get(j, 0, S("embeddings"));
	unsigned n = 1;

	*ret = (struct embed_answer){0};
	if (json_is(j, list, JSON_ARRAY))
		JSON_FOR_EACH (one, j, list)
			n++;
	ret->vectors = arena_alloc(a, n * sizeof(ret->vectors[0]));
	if (ret->vectors == NULL)
		return ERR_NOMEM;
	if (json_is(j, list, JSON_ARRAY)) {
		JSON_FOR_EACH (one, j, list)
			ret->vectors[ret->nvectors++] =
			    json_raw(j, json_get(j, one, S("values")));
		return ERR_OK;
	}
	ret->vectors[0] = json_raw(j, json_path(j, 0, "embedding", "values", NULL));
	ret->nvectors = 1;
	return ret->vectors[0].ptr == NULL ? ERR_BAD_REPLY : ERR_OK;
}

static void
write_answer(const struct embed_answer *n, const struct embed_prompt *p,
    const struct answer_plan *plan, const struct usage *u, struct buf *to)
{
	(void)plan;
	json_open(to, '{');
	json_key(to, p->one ? S("embedding") : S("embeddings"));
	if (!p->one)
		json_open(to, '[');
	for (unsigned i = 0; i < n->nvectors && (i == 0 || !p->one); i++) {
		json_open(to, '{');
		json_key(to, S("values"));
		embedding_put_array(to, n->vectors[i], n->base64);
		json_close(to, '}');
	}
	if (!p->one)
		json_close(to, ']');
	json_key(to, S("usageMetadata"));
	json_open(to, '{');
	json_member_u64(to, S("promptTokenCount"), u->count[USAGE_INPUT]);
	json_close(to, '}');
	json_close(to, '}');
}

const struct embedding_translation gemini_embed = {
    8, read_prompt, write_prompt, read_answer, write_answer};
