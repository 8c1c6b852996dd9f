#include "dialect/dialect.h"

/* Two with the same number are two spellings; those from HOLDS on hold others of them. */
#define HOLDS 24

static const struct json_name names[] = {{{"model", 5}, 0}, {{"messages", 8}, 1},
    {{"input", 5}, 2}, {{"inputs", 6}, 3}, {{"prompt", 6}, 4}, {{"content", 7}, 5},
    {{"contents", 8}, 6}, {{"texts", 5}, 7}, {{"images", 6}, 8}, {{"requests", 8}, 9},
    {{"documents", 9}, 10}, {{"tools", 5}, 11}, {{"system", 6}, 12},
    {{"instructions", 12}, 13}, {{"systemInstruction", 17}, 14},
    {{"system_instruction", 18}, 14}, {{"max_tokens", 10}, 15},
    {{"max_completion_tokens", 21}, 16}, {{"maxOutputTokens", 15}, 17},
    {{"max_output_tokens", 17}, 17}, {{"maxTokens", 9}, 18}, {{"n", 1}, 19},
    {{"best_of", 7}, 20}, {{"candidateCount", 14}, 21}, {{"candidate_count", 15}, 21},
    {{"serviceTier", 11}, 22}, {{"service_tier", 12}, 22}, {{"stream", 6}, 23},
    {{"generationConfig", 16}, 24}, {{"generation_config", 17}, 24},
    {{"inferenceConfig", 15}, 25}, {{"generateContentRequest", 22}, 26},
    {{"generate_content_request", 24}, 26}};

#define NAMES (sizeof(names) / sizeof(names[0]))

static bool
holds_others(const struct json *j, uint32_t key)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (names[i].means >= HOLDS && json_equals(j, key, names[i].key))
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
		if (!json_is(j, k + 1, JSON_OBJECT) || !holds_others(j, k))
			continue;
		twice = json_twice(j, k + 1, names, NAMES);
		if (twice != JSON_NONE)
			return twice;
	}
	return JSON_NONE;
}
