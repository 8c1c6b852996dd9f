#include "dialect/pass.h"

#include "json/write.h"

enum err
pass_refuse(
    struct note *note, const char **ret_param, const char *param, const char *text)
{
	*ret_param = param;
	note_set(note, "%s", text);
	return ERR_BAD_REQUEST;
}

void
pass_tier(const struct json *j, uint32_t v, struct ask *ask)
{
	enum tier t = tier_of(json_inner(j, v));

	ask->tier_asked = t != TIERS;
	ask->tier = ask->tier_asked ? t : TIER_STANDARD;
}

uint64_t
pass_answers(const struct json *j, uint32_t v)
{
	uint64_t n;

	if (v == JSON_NONE || json_is(j, v, JSON_NULL))
		return 1;
	if (!json_u64(j, v, &n) && !slice_u64(json_inner(j, v), &n))
		return UINT64_MAX;
	return n == 0 ? 1 : n;
}

enum err
pass_edit(const struct json *j, const struct ask *ask, struct slice model,
    struct arena *a, struct json_edits *edits)
{
	struct slice text = {NULL, 0};

	JSON_FOR_EACH_KEY (k, j, 0) {
		enum err e;

		if (!json_equals(j, k, S("model")))
			continue;
		if (slice_eq(ask->model, model) && json_equals(j, k + 1, model))
			continue;
		if (text.ptr == NULL && !json_quoted(a, model, &text))
			return ERR_NOMEM;
		e = json_replace(edits, j, k + 1, text);
		if (e != ERR_OK)
			return e;
	}
	return json_remove(edits, j, 0, S("provider"));
}

void
pass_path(struct buf *to, struct slice name, const char *also)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    (c != '\0' && (strchr("-._~", c) != NULL || strchr(also, c) != NULL)))
			buf_byte(to, (char)c);
		else
			buf_printf(to, "%%%02X", c);
	}
}
