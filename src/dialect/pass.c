#include "dialect/pass.h"

#include "json/write.h"

/* At most, of any host: gpt-4o-mini has 37,000 for large ones. */
#define PICTURE_TOK 40960

/* Of base64 have a token at most: 32 tokens and 1,000 bytes a second. */
#define SOUND_BYTES 16

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

/* Or does it tell where they are? */
static bool
has_data(struct slice part)
{
	static const struct slice names[] = {
	    {"\"data\"", 6}, {"\"bytes\"", 7}, {"\"file_data\"", 11}};

	for (unsigned i = 0; part.len > 0 && i < sizeof(names) / sizeof(names[0]); i++)
		if (memmem(part.ptr, part.len, names[i].ptr, names[i].len) != NULL)
			return true;
	return false;
}

void
pass_media(const struct json *j, uint32_t v, enum media kind, struct ask *ask)
{
	size_t bytes = json_raw(j, v).len;

	ask->prompt_parts++;
	ask->prompt_bytes -= bytes;
	if (kind != MEDIA_PICTURE && !has_data(json_raw(j, v)))
		ask->refers = true;
	if (kind == MEDIA_OTHER)
		return; /* it may be text: each byte may be a token */
	ask->media_bytes += bytes;
	ask->media_tok += kind == MEDIA_PICTURE ? PICTURE_TOK : bytes / SOUND_BYTES + 1;
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
