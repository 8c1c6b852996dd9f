/*
 * OpenAI Responses: what items are made of, read alike in requests and in answers.
 */
#include "dialect/responses.h"
#include "dialect/tag.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

const struct slice responses_item_members[I_MEMBERS] = {
    [I_TYPE] = {"type", 4},
    [I_ID] = {"id", 2},
    [I_STATUS] = {"status", 6},
    [I_ROLE] = {"role", 4},
    [I_CONTENT] = {"content", 7},
    [I_PHASE] = {"phase", 5},
    [I_CALL_ID] = {"call_id", 7},
    [I_NAME] = {"name", 4},
    [I_ARGUMENTS] = {"arguments", 9},
    [I_OUTPUT] = {"output", 6},
    [I_SUMMARY] = {"summary", 7},
    [I_ENCRYPTED] = {"encrypted_content", 17},
};

bool
responses_has_null(const struct reader *r, uint32_t object)
{
	JSON_FOR_EACH_KEY (k, r->j, object)
		if (json_is(r->j, k + 1, JSON_NULL))
			return true;
	return false;
}

/* --- parts of messages and of results --- */

enum part_member {
	P_TYPE,
	P_TEXT,
	P_ANNOTATIONS,
	P_LOGPROBS,
	P_REFUSAL,
	P_IMAGE_URL,
	P_FILE_ID,
	P_FILE_URL,
	P_FILE_DATA,
	P_FILENAME,
	P_DETAIL,
	P_AUDIO,
	P_BREAKPOINT,
	P_MEMBERS
};

static const struct slice part_members[P_MEMBERS] = {
    [P_TYPE] = {"type", 4},
    [P_TEXT] = {"text", 4},
    [P_ANNOTATIONS] = {"annotations", 11},
    [P_LOGPROBS] = {"logprobs", 8},
    [P_REFUSAL] = {"refusal", 7},
    [P_IMAGE_URL] = {"image_url", 9},
    [P_FILE_ID] = {"file_id", 7},
    [P_FILE_URL] = {"file_url", 8},
    [P_FILE_DATA] = {"file_data", 9},
    [P_FILENAME] = {"filename", 8},
    [P_DETAIL] = {"detail", 6},
    [P_AUDIO] = {"input_audio", 11},
    [P_BREAKPOINT] = {"prompt_cache_breakpoint", 23},
};

/* The kinds of parts, and which members each may have: a bit for each. */
#define HAS(m) (1u << P_##m)
static const struct {
	struct slice type;
	enum part_kind kind;
	unsigned members;
} kinds[] = {
    {{"input_text", 10}, PART_TEXT, HAS(TEXT)},
    {{"output_text", 11}, PART_TEXT, HAS(TEXT) | HAS(ANNOTATIONS) | HAS(LOGPROBS)},
    {{"text", 4}, PART_TEXT, HAS(TEXT)}, /* as some clients have it */
    {{"refusal", 7}, PART_REFUSAL, HAS(REFUSAL)},
    {{"input_image", 11}, PART_IMAGE, HAS(IMAGE_URL) | HAS(FILE_ID) | HAS(DETAIL)},
    {{"input_file", 10}, PART_FILE,
	HAS(FILE_ID) | HAS(FILE_URL) | HAS(FILE_DATA) | HAS(FILENAME) | HAS(DETAIL)},
    {{"input_audio", 11}, PART_AUDIO, HAS(AUDIO)},
};
enum { KIND_INPUT_TEXT, KIND_OUTPUT_TEXT };

/* A URL; of data: it is whole if the same can be put together again. */
static void
read_url(struct reader *r, uint32_t v, struct part *p)
{
	struct slice url = json_inner(r->j, v);

	reader_url(r, v, "input.content", p);
	if (p->media.source == MEDIA_DATA && url.len != sizeof("data:;base64,") - 1 +
							    p->media.type.len +
							    p->media.data.len)
		p->whole = false;
}

static void
read_audio(struct reader *r, uint32_t v, struct part *p, const char *path)
{
	static const struct slice names[] = {{"data", 4}, {"format", 6}};
	char inner[112];

	p->media.source = MEDIA_DATA;
	p->media.data =
	    reader_text(r, json_get(r->j, v, names[0]), "input.content.input_audio.data");
	p->media.type = reader_text(
	    r, json_get(r->j, v, names[1]), "input.content.input_audio.format");
	(void)snprintf(inner, sizeof(inner), "%s.input_audio", path);
	reader_others(r, v, names, N(names), &p->whole, inner);
}

static void
read_media(struct reader *r, const uint32_t m[P_MEMBERS], struct part *p)
{

	p->media.name = reader_text(r, m[P_FILENAME], "input.content.filename");
	p->media.detail = reader_text(r, m[P_DETAIL], "input.content.detail");
	if (json_is(r->j, m[P_IMAGE_URL], JSON_STRING)) {
		read_url(r, m[P_IMAGE_URL], p);
	} else if (json_is(r->j, m[P_FILE_DATA], JSON_STRING)) {
		read_url(r, m[P_FILE_DATA], p);
		if (p->media.source != MEDIA_DATA) { /* the bare base64 */
			p->media.source = MEDIA_DATA;
			p->whole = false;
		}
	} else if (json_is(r->j, m[P_FILE_URL], JSON_STRING)) {
		p->media.source = MEDIA_URL;
		p->media.data = json_inner(r->j, m[P_FILE_URL]);
	} else {
		p->media.source = MEDIA_ID;
		p->media.data = reader_text(r, m[P_FILE_ID], "input.content.file_id");
	}
}

static void
read_part(struct reader *r, uint32_t v, struct part ***tail, enum role role,
    const char *path, unsigned index)
{
	uint32_t m[P_MEMBERS];
	unsigned k = 0, known;
	struct part *p;

	json_pick(r->j, v, part_members, P_MEMBERS, m);
	while (k < N(kinds) && !json_equals(r->j, m[P_TYPE], kinds[k].type))
		k++;
	p = reader_part(r, tail, k == N(kinds) ? PART_OTHER : kinds[k].kind, v, index);
	if (p == NULL)
		return;
	if (k == N(kinds)) {
		reader_unknown(r, v, &p->whole, "%s", path);
		return;
	}
	if (p->kind == PART_TEXT)
		p->text = reader_text(r, m[P_TEXT], "input.content.text");
	else if (p->kind == PART_REFUSAL)
		p->text = reader_text(r, m[P_REFUSAL], "input.content.refusal");
	else if (p->kind == PART_AUDIO)
		read_audio(r, m[P_AUDIO], p, path);
	else
		read_media(r, m, p);
	if (json_is(r->j, m[P_BREAKPOINT], JSON_OBJECT))
		p->cache = CACHE_DEFAULT;
	/* What is said of a text in answers says nothing in a prompt, sources apart. */
	if (json_first(r->j, m[P_ANNOTATIONS]) != JSON_NONE)
		reader_unknown(r, m[P_ANNOTATIONS], &p->whole, "%s.annotations", path);
	if (p->kind == PART_TEXT &&
	    k != (role == ROLE_ASSISTANT ? KIND_OUTPUT_TEXT : KIND_INPUT_TEXT))
		p->whole = false;
	if (m[P_ANNOTATIONS] != JSON_NONE || m[P_LOGPROBS] != JSON_NONE ||
	    m[P_BREAKPOINT] != JSON_NONE || responses_has_null(r, v))
		p->whole = false;
	known = kinds[k].members | HAS(TYPE) | HAS(BREAKPOINT);
	JSON_FOR_EACH_KEY (key, r->j, v) {
		unsigned which = reader_which(r, key, part_members, P_MEMBERS);

		if (which == P_MEMBERS || (known >> which & 1) == 0)
			reader_unknown(r, key + 1, &p->whole, "%s.%.*s", path,
			    SLICE_ARGS(reader_key(r, key)));
	}
}

bool
responses_read_parts(struct reader *r, uint32_t list, struct part ***tail, enum role role,
    const char *path)
{
	bool whole = true;
	char inner[96];
	unsigned i = 0;

	JSON_FOR_EACH (v, r->j, list) {
		struct part **at = *tail;

		(void)snprintf(inner, sizeof(inner), "%s[%u]", path, i);
		read_part(r, v, tail, role, inner, i++);
		whole = whole && *at != NULL && (*at)->whole;
	}
	return whole;
}

/* --- what was thought, and calls --- */

/* The texts of a list of parts, with an empty line between them. */
static struct slice
join_texts(struct reader *r, uint32_t list)
{
	struct slice joined = {NULL, 0};

	if (!json_is(r->j, list, JSON_ARRAY))
		return joined;
	JSON_FOR_EACH (v, r->j, list) {
		struct slice text = json_inner(r->j, json_get(r->j, v, S("text")));

		if (text.len == 0)
			continue;
		if (joined.ptr == NULL) {
			joined = text;
			continue;
		}
		joined = arena_printf(
		    r->arena, "%.*s\\n\\n%.*s", SLICE_ARGS(joined), SLICE_ARGS(text));
		if (joined.len == 0)
			(void)reader_nomem(r);
	}
	return joined;
}

bool
responses_read_reasoning(struct reader *r, uint32_t item, struct part *p)
{
	uint32_t m[I_MEMBERS];
	struct slice secret;

	json_pick(r->j, item, responses_item_members, I_MEMBERS, m);
	p->whole = false; /* in its own dialect it is not touched */
	p->reasoning.id = json_inner(r->j, m[I_ID]);
	p->text = join_texts(r, m[I_CONTENT]);
	if (p->text.ptr == NULL) {
		p->text = join_texts(r, m[I_SUMMARY]);
		p->reasoning.summary = p->text.ptr != NULL;
	}
	secret = json_inner(r->j, m[I_ENCRYPTED]);
	if (tag_is(secret) && slice_ends(secret, RESPONSES_OF_TEXT))
		p->reasoning.signature =
		    slice_head(secret, secret.len - RESPONSES_OF_TEXT.len);
	else if (secret.len > 0 && p->text.ptr != NULL && !tag_is(secret))
		p->reasoning.signature = secret;
	else if (secret.len > 0)
		p->reasoning.sealed = secret;
	return p->text.ptr != NULL || secret.len > 0;
}

void
responses_read_call(struct reader *r, uint32_t item, struct part *p)
{
	uint32_t m[I_MEMBERS];

	json_pick(r->j, item, responses_item_members, I_MEMBERS, m);
	p->call.id = reader_text(
	    r, m[I_CALL_ID] != JSON_NONE ? m[I_CALL_ID] : m[I_ID], "input.call_id");
	p->call.name = reader_text(r, m[I_NAME], "input.name");
	p->call.arguments = reader_decoded(r, m[I_ARGUMENTS], "input.arguments");
}
