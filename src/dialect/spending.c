/*
 * What a request says of what it may cost, in whichever dialect: each member is said
 * once, and the limit of an answer can be put in.
 */
#include "dialect/dialect.h"

/* One for each member; two spellings of it have the same. */
enum meaning_of_cost {
	COST_MODEL,
	COST_MESSAGES,
	COST_INPUT,
	COST_INPUTS,
	COST_PROMPT,
	COST_CONTENT,
	COST_CONTENTS,
	COST_TEXTS,
	COST_IMAGES,
	COST_REQUESTS,
	COST_DOCUMENTS,
	COST_TOOLS,
	COST_SYSTEM,
	COST_INSTRUCTIONS,
	COST_SYSTEM_INSTRUCTION,
	COST_MAX_TOKENS,
	COST_MAX_COMPLETION,
	COST_MAX_OUTPUT,
	COST_MAX_TOKENS_CONVERSE,
	COST_N,
	COST_BEST_OF,
	COST_CANDIDATES,
	COST_TIER,
	COST_STREAM,
	/* These hold others of them. */
	COST_GENERATION_CONFIG,
	COST_INFERENCE_CONFIG,
	COST_INSIDE
};

/* The shortest first, as json_twice() wants them. */
static const struct json_name names[] = {{{"n", 1}, COST_N}, {{"model", 5}, COST_MODEL},
    {{"input", 5}, COST_INPUT}, {{"texts", 5}, COST_TEXTS}, {{"tools", 5}, COST_TOOLS},
    {{"inputs", 6}, COST_INPUTS}, {{"prompt", 6}, COST_PROMPT},
    {{"images", 6}, COST_IMAGES}, {{"system", 6}, COST_SYSTEM},
    {{"stream", 6}, COST_STREAM}, {{"content", 7}, COST_CONTENT},
    {{"best_of", 7}, COST_BEST_OF}, {{"messages", 8}, COST_MESSAGES},
    {{"contents", 8}, COST_CONTENTS}, {{"requests", 8}, COST_REQUESTS},
    {{"documents", 9}, COST_DOCUMENTS}, {{"maxTokens", 9}, COST_MAX_TOKENS_CONVERSE},
    {{"max_tokens", 10}, COST_MAX_TOKENS}, {{"serviceTier", 11}, COST_TIER},
    {{"instructions", 12}, COST_INSTRUCTIONS}, {{"service_tier", 12}, COST_TIER},
    {{"candidateCount", 14}, COST_CANDIDATES}, {{"maxOutputTokens", 15}, COST_MAX_OUTPUT},
    {{"candidate_count", 15}, COST_CANDIDATES},
    {{"inferenceConfig", 15}, COST_INFERENCE_CONFIG},
    {{"generationConfig", 16}, COST_GENERATION_CONFIG},
    {{"systemInstruction", 17}, COST_SYSTEM_INSTRUCTION},
    {{"max_output_tokens", 17}, COST_MAX_OUTPUT},
    {{"generation_config", 17}, COST_GENERATION_CONFIG},
    {{"system_instruction", 18}, COST_SYSTEM_INSTRUCTION},
    {{"max_completion_tokens", 21}, COST_MAX_COMPLETION},
    {{"generateContentRequest", 22}, COST_INSIDE},
    {{"generate_content_request", 24}, COST_INSIDE}};

#define NAMES (sizeof(names) / sizeof(names[0]))

static bool
is_limit(const struct json_name *n)
{
	return n->means >= COST_MAX_TOKENS && n->means <= COST_MAX_TOKENS_CONVERSE;
}

/* May a limit stand in it? */
static bool
is_config(const struct json_name *n)
{
	return n->means == COST_GENERATION_CONFIG || n->means == COST_INFERENCE_CONFIG;
}

static bool
holds_others(const struct json_name *n)
{
	return n->means >= COST_GENERATION_CONFIG;
}

/* Is the key a name of that kind? */
static bool
is_one(const struct json *j, uint32_t key, bool (*is)(const struct json_name *n))
{
	for (unsigned i = 0; i < NAMES; i++)
		if (is(&names[i]) && json_equals(j, key, names[i].key))
			return true;
	return false;
}

uint32_t
dialect_repeats(const struct json *j)
{
	uint32_t twice = json_twice(j, 0, names, NAMES);

	if (twice != JSON_NONE)
		return twice;
	JSON_FOR_EACH_KEY (k, j, 0) {
		if (!json_is(j, k + 1, JSON_OBJECT) || !is_one(j, k, holds_others))
			continue;
		twice = json_twice(j, k + 1, names, NAMES);
		if (twice != JSON_NONE)
			return twice;
	}
	return JSON_NONE;
}

/* --- a limit that is put in --- */

static enum err
remove_all(struct json_edits *edits, const struct json *j, uint32_t object,
    bool (*is)(const struct json_name *n))
{
	enum err e = ERR_OK;

	for (unsigned i = 0; i < NAMES && e == ERR_OK; i++)
		if (is(&names[i]))
			e = json_remove(edits, j, object, names[i].key);
	return e;
}

/* Is nothing left when they are removed? */
static bool
has_limits_alone(const struct json *j, uint32_t object)
{
	bool any = false;

	JSON_FOR_EACH_KEY (k, j, object) {
		if (!is_one(j, k, is_limit))
			return false;
		any = true;
	}
	return any;
}

static uint32_t
find_config(const struct json *j)
{
	JSON_FOR_EACH_KEY (k, j, 0)
		if (json_is(j, k + 1, JSON_OBJECT) && is_one(j, k, is_config))
			return k + 1;
	return JSON_NONE;
}

enum err
dialect_put_limit(const struct dialect *d, const struct json *j, uint64_t tok,
    struct arena *a, struct json_edits *edits)
{
	struct slice path = slice_str(d->max_output), outer = S(""), member;
	size_t dot = slice_find(path, '.');
	uint32_t object = 0;
	enum err e;

	if (dot < path.len) {
		outer = slice_head(path, dot);
		path = slice_from(path, dot + 1);
		object = find_config(j);
	}
	if (object == JSON_NONE) {
		member = arena_printf(a, "\"%.*s\":{\"%.*s\":%llu}", SLICE_ARGS(outer),
		    SLICE_ARGS(path), (unsigned long long)tok);
		e = remove_all(edits, j, 0, is_config);
		return e != ERR_OK ? e : json_append(edits, j, 0, member, false);
	}
	member =
	    arena_printf(a, "\"%.*s\":%llu", SLICE_ARGS(path), (unsigned long long)tok);
	e = remove_all(edits, j, object, is_limit);
	return e != ERR_OK
		   ? e
		   : json_append(edits, j, object, member, has_limits_alone(j, object));
}
