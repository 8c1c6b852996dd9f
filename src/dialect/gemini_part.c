/*
 * Gemini: parts of contents, of requests and of answers.
 */
#include "core/base64.h"
#include "dialect/gemini.h"
#include "dialect/tag.h"
#include "json/write.h"

#include <stdio.h>

#define N(names) (sizeof(names) / sizeof((names)[0]))

/* --- names --- */

bool
gemini_part_pick(const struct json *j, uint32_t object, const struct gemini_names *names,
    uint32_t *ret_values)
{
	uint32_t v[2 * GEMINI_NAMES_MAX];
	bool other = false;

	json_pick(j, object, names->all, names->n + names->both, v);
	for (unsigned i = 0; i < names->n; i++) {
		ret_values[i] = v[i];
		if (i >= names->both || v[names->n + i] == JSON_NONE)
			continue;
		ret_values[i] = v[names->n + i];
		other = true;
	}
	return other;
}

uint32_t
gemini_part_get(
    const struct json *j, uint32_t object, struct slice name, struct slice other)
{
	uint32_t v = json_get(j, object, name);

	return v != JSON_NONE ? v : json_get(j, object, other);
}

static const struct slice part_names[] = {[GEMINI_INLINE_DATA] = {"inlineData", 10},
    [GEMINI_FILE_DATA] = {"fileData", 8},
    [GEMINI_CALL] = {"functionCall", 12},
    [GEMINI_RESPONSE] = {"functionResponse", 16},
    [GEMINI_CODE] = {"executableCode", 14},
    [GEMINI_CODE_RESULT] = {"codeExecutionResult", 19},
    [GEMINI_SIGNATURE] = {"thoughtSignature", 16},
    [GEMINI_RESOLUTION] = {"mediaResolution", 15},
    [GEMINI_TEXT] = {"text", 4},
    [GEMINI_THOUGHT] = {"thought", 7},
    [GEMINI_PART_MEMBERS] = {"inline_data", 11},
    {"file_data", 9},
    {"function_call", 13},
    {"function_response", 17},
    {"executable_code", 15},
    {"code_execution_result", 21},
    {"thought_signature", 17},
    {"media_resolution", 16}};

const struct gemini_names gemini_part_names = {
    part_names, GEMINI_PART_MEMBERS, GEMINI_TEXT};

/* --- ids of calls --- */

/* Calls have ids in newer models only, all other dialects need them. */
#define MADE_ID "call_gm_"

struct slice
gemini_part_id(struct arena *a, struct slice seed, unsigned n)
{
	return arena_printf(a, MADE_ID "%.*s_%u", SLICE_ARGS(seed), n);
}

bool
gemini_part_id_is_made(struct slice id)
{
	return slice_starts(id, S(MADE_ID));
}

/* --- kinds --- */

enum part_kind
gemini_part_kind(struct slice mime_type)
{
	return slice_istarts(mime_type, S("image/"))   ? PART_IMAGE
	       : slice_istarts(mime_type, S("audio/")) ? PART_AUDIO
	       : slice_istarts(mime_type, S("video/")) ? PART_VIDEO
						       : PART_FILE;
}

/* --- signatures --- */

/* The tag in base64, as far as what follows does not matter. */
#define TAGGED "d2Vpci"

/* Is it text that may stand in a JSON string as it is? */
static bool
is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < ' ' || s.ptr[i] > '~' || s.ptr[i] == '"' ||
		    s.ptr[i] == '\\')
			return false;
	return true;
}

/* One that we told, of another provider, is given with its tag; what only looks like
 * one is none. */
static struct slice
read_signature(struct reader *r, uint32_t v)
{
	struct slice said = reader_text(r, v, "thoughtSignature"), plain;
	size_t n;
	char *to;

	if (!slice_starts(said, S(TAGGED)))
		return said;
	to = arena_alloc(r->arena, BASE64_BYTES(said.len));
	if (to == NULL) {
		(void)reader_nomem(r);
		return said;
	}
	if (!base64_decode(said, to, &n))
		return said;
	plain = slice_of(to, n);
	if (!tag_is(plain))
		return said;
	return is_plain(plain) ? plain : (struct slice){NULL, 0};
}

void
gemini_part_put_signature(struct buf *b, const char *provider, struct slice signature)
{
	struct buf tagged;

	buf_init(&tagged, signature.len + strlen(provider) + 16);
	tag_put(&tagged, provider, signature);
	if (tagged.err != ERR_OK) {
		b->err = tagged.err;
	} else {
		json_member_inner(b, S("thoughtSignature"), S(""));
		if (b->err == ERR_OK) {
			b->len--; /* the closing quote comes again */
			base64_put(b, slice_of(tagged.ptr + 1, tagged.len - 2));
			buf_byte(b, '"');
		}
	}
	buf_free(&tagged);
}

/* --- media --- */

static bool
is_base64(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= '0' && c <= '9') &&
		    !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    (c == '\0' || strchr("+/-_=", c) == NULL))
			return false;
	}
	return true;
}

/* Standard base64 of what may be in the other alphabet, and without padding. */
static struct slice
standard(struct reader *r, struct slice data, bool *ret_whole)
{
	size_t pad = (4 - data.len % 4) % 4;
	char *to;

	if (!is_base64(data) || (pad == 0 && slice_find(data, '-') == data.len &&
				    slice_find(data, '_') == data.len))
		return data;
	*ret_whole = false;
	to = arena_alloc(r->arena, data.len + pad);
	if (to == NULL) {
		(void)reader_nomem(r);
		return data;
	}
	for (size_t i = 0; i < data.len; i++)
		to[i] = data.ptr[i] == '-' ? '+' : data.ptr[i] == '_' ? '/' : data.ptr[i];
	memset(to + data.len, '=', pad);
	return slice_of(to, data.len + pad);
}

enum media_member { M_MIME_TYPE, M_FILE_URI, M_DISPLAY_NAME, M_DATA, M_MEMBERS };

static const struct slice media_all[] = {[M_MIME_TYPE] = {"mimeType", 8},
    [M_FILE_URI] = {"fileUri", 7},
    [M_DISPLAY_NAME] = {"displayName", 11},
    [M_DATA] = {"data", 4},
    [M_MEMBERS] = {"mime_type", 9},
    {"file_uri", 8},
    {"display_name", 12}};

static const struct gemini_names media_names = {media_all, M_MEMBERS, M_DATA};

/* A file that only Google's own services can read is known by its id alone. */
static bool
is_id(struct slice uri)
{
	return slice_starts(uri, S("files/")) || writer_is_googles(uri);
}

/* {"mimeType": ..., "data": ...} or {"mimeType": ..., "fileUri": ...} */
static struct part *
read_media(struct reader *r, uint32_t part, uint32_t v, unsigned index, const char *path,
    struct part ***tail)
{
	uint32_t m[M_MEMBERS];
	bool other = gemini_part_pick(r->j, v, &media_names, m);
	struct slice type = reader_mime(r, m[M_MIME_TYPE], "mimeType");
	struct part *p = reader_part(r, tail, gemini_part_kind(type), part, index);

	if (p == NULL)
		return NULL;
	p->whole = !other && m[M_DISPLAY_NAME] == JSON_NONE;
	p->media.type = type;
	p->media.name = json_inner(r->j, m[M_DISPLAY_NAME]);
	if (m[M_FILE_URI] != JSON_NONE) {
		p->media.data = reader_text(r, m[M_FILE_URI], "fileData.fileUri");
		p->media.source = is_id(p->media.data) ? MEDIA_ID : MEDIA_URL;
	} else {
		p->media.source = MEDIA_DATA;
		p->media.data =
		    standard(r, reader_text(r, m[M_DATA], "inlineData.data"), &p->whole);
	}
	reader_others(r, v, media_all, N(media_all), &p->whole, path);
	return p;
}

/* "audio/wav" of "audio/wav" and "wav"; what is likely, where it is not told. */
static void
put_type(struct buf *b, const struct part *p)
{
	static const struct slice likely[] = {[PART_IMAGE] = {"image/jpeg", 10},
	    [PART_AUDIO] = {"audio/wav", 9},
	    [PART_FILE] = {"application/pdf", 15},
	    [PART_VIDEO] = {"video/mp4", 9}};
	static const struct {
		const char *suffix;
		struct slice type;
	} suffixes[] = {{".png", {"image/png", 9}}, {".gif", {"image/gif", 9}},
	    {".webp", {"image/webp", 10}}, {".heic", {"image/heic", 10}},
	    {".jpg", {"image/jpeg", 10}}, {".jpeg", {"image/jpeg", 10}},
	    {".pdf", {"application/pdf", 15}}, {".txt", {"text/plain", 10}},
	    {".csv", {"text/csv", 8}}, {".md", {"text/markdown", 13}},
	    {".html", {"text/html", 9}}, {".mp3", {"audio/mp3", 9}},
	    {".wav", {"audio/wav", 9}}, {".flac", {"audio/flac", 10}},
	    {".ogg", {"audio/ogg", 9}}, {".mp4", {"video/mp4", 9}},
	    {".webm", {"video/webm", 10}}, {".mov", {"video/quicktime", 15}}};
	struct slice type = p->media.type, path = p->media.data;

	json_key(b, S("mimeType"));
	if (type.len > 0 && slice_find(type, '/') < type.len) {
		json_put_inner(b, type);
		return;
	}
	if (type.len > 0 && p->kind == PART_AUDIO) {
		json_put_inner(b, S("audio/"));
		if (b->err != ERR_OK)
			return;
		b->len--; /* the closing quote comes again */
		buf_add(b, type);
		buf_byte(b, '"');
		return;
	}
	if (p->media.source == MEDIA_URL) {
		path = slice_head(path, slice_find(path, '?'));
		for (unsigned i = 0; i < N(suffixes); i++)
			if (slice_ends(path, slice_str(suffixes[i].suffix))) {
				json_quote(b, suffixes[i].type);
				return;
			}
	}
	json_quote(b, likely[p->kind]);
}

bool
gemini_part_put_media(struct buf *b, const struct part *p)
{
	if (p->media.source == MEDIA_ID && !is_id(p->media.data))
		return false; /* of somebody else's store */
	json_key(b, p->media.source == MEDIA_DATA ? S("inlineData") : S("fileData"));
	json_open(b, '{');
	put_type(b, p);
	json_member_inner(
	    b, p->media.source == MEDIA_DATA ? S("data") : S("fileUri"), p->media.data);
	json_close(b, '}');
	return true;
}

/* --- calls and responses --- */

static struct part *
read_call(struct reader *r, uint32_t part, uint32_t v, const struct gemini_place *at,
    const char *path, struct part ***tail)
{
	static const struct slice names[] = {{"id", 2}, {"name", 4}, {"args", 4}};
	struct part *p = reader_part(r, tail, PART_CALL, part, at->part);
	uint32_t args = json_get(r->j, v, S("args"));
	unsigned n = *at->calls;

	if (p == NULL)
		return NULL;
	*at->calls += 1;
	p->call.name = reader_text(r, json_get(r->j, v, S("name")), "functionCall.name");
	p->call.id = reader_text(r, json_get(r->j, v, S("id")), "functionCall.id");
	if (p->call.id.len == 0) {
		p->whole = json_get(r->j, v, S("id")) == JSON_NONE;
		p->call.id = gemini_part_id(r->arena, at->seed, n);
		if (p->call.id.len == 0)
			return reader_nomem(r);
	}
	if (json_is(r->j, args, JSON_OBJECT))
		p->call.arguments = json_raw(r->j, args);
	else if (args != JSON_NONE)
		p->whole = false;
	reader_others(r, v, names, N(names), &p->whole, path);
	return p;
}

/* What a function gave stands under one of these names by convention (the first two by
 * Google's reference); the text of a response is then that alone. */
static uint32_t
given(const struct json *j, uint32_t v, bool *ret_failed)
{
	static const struct slice names[] = {
	    {"output", 6}, {"error", 5}, {"result", 6}, {"content", 7}};
	uint32_t key = json_first(j, v);

	if (!json_is(j, v, JSON_OBJECT) || key == JSON_NONE ||
	    json_after(j, v, key + 1) != JSON_NONE)
		return v;
	for (unsigned i = 0; i < N(names); i++)
		if (json_equals(j, key, names[i])) {
			*ret_failed = i == 1;
			return key + 1;
		}
	return v;
}

/* Would this text be written as the response that it was read from? */
static bool
is_given_back(
    const struct json *j, uint32_t response, uint32_t inner, const struct part *p)
{
	struct slice text = slice_trim(json_inner(j, inner));

	if (inner == response)
		return json_is(j, response, JSON_OBJECT);
	if (!json_is(j, inner, JSON_STRING))
		return false;
	if (p->result.failed)
		return true;
	/* An object in a string would be written as one. */
	return json_equals(j, json_first(j, response), S("output")) &&
	       !slice_starts(text, S("{")) && !slice_starts(text, S("\\"));
}

static void
read_response_text(struct reader *r, uint32_t v, struct part *p, struct part ***tail)
{
	uint32_t inner = given(r->j, v, &p->result.failed);
	struct part *text = reader_part(r, tail, PART_TEXT, v, 0);
	struct slice quoted;

	if (text == NULL)
		return;
	p->whole = p->whole && is_given_back(r->j, v, inner, p);
	if (json_is(r->j, inner, JSON_STRING))
		text->text = json_inner(r->j, inner);
	else if (json_quoted(r->arena, json_raw(r->j, inner), &quoted))
		text->text = slice_of(quoted.ptr + 1, quoted.len - 2);
	else
		(void)reader_nomem(r);
}

static struct part *
read_response(struct reader *r, uint32_t part, uint32_t v, const struct gemini_place *at,
    const char *path, struct part ***tail)
{
	static const struct slice names[] = {
	    {"id", 2}, {"name", 4}, {"response", 8}, {"parts", 5}};
	struct part *p = reader_part(r, tail, PART_RESULT, part, at->part), **inner;
	uint32_t response = json_get(r->j, v, S("response"));
	uint32_t parts = json_get(r->j, v, S("parts"));
	char of_part[128];
	unsigned i = 0;

	if (p == NULL)
		return NULL;
	p->result.name =
	    reader_text(r, json_get(r->j, v, S("name")), "functionResponse.name");
	p->result.id = reader_text(r, json_get(r->j, v, S("id")), "functionResponse.id");
	p->result.is_text = parts == JSON_NONE;
	inner = &p->result.parts;
	if (response == JSON_NONE || json_is(r->j, response, JSON_NULL))
		p->whole = false;
	else
		read_response_text(r, response, p, &inner);
	if (json_is(r->j, parts, JSON_ARRAY))
		JSON_FOR_EACH (e, r->j, parts) {
			uint32_t held =
			    gemini_part_get(r->j, e, S("inlineData"), S("inline_data"));
			struct part *m;

			if (held == JSON_NONE)
				held = gemini_part_get(
				    r->j, e, S("fileData"), S("file_data"));
			(void)snprintf(of_part, sizeof(of_part), "%s.parts[%u]", path, i);
			if (held == JSON_NONE) {
				reader_unknown(r, e, &p->whole, "%s", of_part);
				continue;
			}
			m = read_media(r, e, held, i++, of_part, &inner);
			p->whole = p->whole && m != NULL && m->whole;
		}
	reader_others(r, v, names, N(names), &p->whole, path);
	return p;
}

/* --- a part --- */

/* {"level": "MEDIA_RESOLUTION_LOW"} */
static bool
read_resolution(const struct json *j, uint32_t v, struct part *p)
{
	struct slice level = json_inner(j, json_get(j, v, S("level")));

	if (p->kind != PART_IMAGE)
		return false;
	if (slice_eq(level, S("MEDIA_RESOLUTION_LOW")))
		p->media.detail = S("low");
	else if (slice_eq(level, S("MEDIA_RESOLUTION_HIGH")))
		p->media.detail = S("high");
	return p->media.detail.len > 0;
}

static struct part *
read_text(struct reader *r, uint32_t v, const uint32_t m[GEMINI_PART_MEMBERS],
    const struct gemini_place *at, struct part ***tail)
{
	bool thought = json_is(r->j, m[GEMINI_THOUGHT], JSON_TRUE);
	struct slice text = reader_text(r, m[GEMINI_TEXT], "text");
	struct part *p;

	/* Without text it is the signature that counts. */
	if (!thought && text.len == 0 && m[GEMINI_SIGNATURE] != JSON_NONE)
		return NULL;
	p = reader_part(r, tail, thought ? PART_REASONING : PART_TEXT, v, at->part);
	if (p == NULL)
		return NULL;
	p->text = text;
	if (thought)
		p->reasoning.summary = true;
	return p;
}

/* The signature, where it belongs: to the call, to the thought, else it is a thought
 * by itself, which shows nothing. */
static void
sign(struct reader *r, uint32_t v, const uint32_t m[GEMINI_PART_MEMBERS],
    const struct gemini_place *at, struct part *p, struct part ***tail)
{
	struct slice signature = read_signature(r, m[GEMINI_SIGNATURE]);

	if (signature.ptr == NULL)
		return;
	if (p != NULL && p->kind == PART_CALL) {
		p->call.signature = signature;
	} else if (p != NULL && p->kind == PART_REASONING) {
		p->reasoning.signature = signature;
	} else {
		struct part *s = reader_part(r, tail, PART_REASONING, v, at->part);

		if (s == NULL)
			return;
		s->reasoning.sealed = signature;
		s->whole = p != NULL ? p->whole : m[GEMINI_TEXT] != JSON_NONE;
	}
}

/* Which of the members that say what the part is stands there; null is none. */
static unsigned
which(const struct json *j, const uint32_t m[GEMINI_PART_MEMBERS])
{
	static const unsigned order[] = {GEMINI_CALL, GEMINI_RESPONSE, GEMINI_INLINE_DATA,
	    GEMINI_FILE_DATA, GEMINI_CODE, GEMINI_CODE_RESULT, GEMINI_TEXT};

	for (unsigned i = 0; i < N(order); i++)
		if (m[order[i]] != JSON_NONE && !json_is(j, m[order[i]], JSON_NULL))
			return order[i];
	return m[GEMINI_SIGNATURE] != JSON_NONE ? GEMINI_TEXT : GEMINI_PART_MEMBERS;
}

void
gemini_part_read(
    struct reader *r, uint32_t v, const struct gemini_place *at, struct part ***tail)
{
	uint32_t m[GEMINI_PART_MEMBERS];
	bool other = gemini_part_pick(r->j, v, &gemini_part_names, m), whole = !other;
	unsigned kind = which(r->j, m);
	struct part *p = NULL, **first = *tail;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s[%u].%s[%u]", at->turns, at->turn,
	    at->between, at->part);
	/* A picture that was only thought of is no answer. */
	if (json_is(r->j, m[GEMINI_THOUGHT], JSON_TRUE) && kind != GEMINI_TEXT)
		kind = GEMINI_PART_MEMBERS;
	switch (kind) {
	case GEMINI_CALL: p = read_call(r, v, m[kind], at, path, tail); break;
	case GEMINI_RESPONSE: p = read_response(r, v, m[kind], at, path, tail); break;
	case GEMINI_INLINE_DATA:
	case GEMINI_FILE_DATA: p = read_media(r, v, m[kind], at->part, path, tail); break;
	case GEMINI_TEXT: p = read_text(r, v, m, at, tail); break;
	default:
		p = reader_part(r, tail, PART_OTHER, v, at->part);
		if (p != NULL)
			reader_unknown(r, v, &p->whole, "%s", path);
		return;
	}
	sign(r, v, m, at, p, tail);
	if (m[GEMINI_RESOLUTION] != JSON_NONE &&
	    (p == NULL || !read_resolution(r->j, m[GEMINI_RESOLUTION], p)))
		reader_unknown(
		    r, m[GEMINI_RESOLUTION], &whole, "%s.mediaResolution", path);
	reader_others(r, v, part_names, N(part_names), &whole, path);
	/* `thought` beside what is none, and members that are null, say nothing. */
	if (m[GEMINI_THOUGHT] != JSON_NONE &&
	    !json_is(r->j, m[GEMINI_THOUGHT], JSON_TRUE))
		whole = false;
	for (unsigned i = 0; i < GEMINI_PART_MEMBERS; i++)
		whole = whole && !json_is(r->j, m[i], JSON_NULL) &&
			(i == kind || i >= GEMINI_THOUGHT || i == GEMINI_SIGNATURE ||
			    i == GEMINI_RESOLUTION || m[i] == JSON_NONE);
	for (p = *first; p != NULL; p = p->next)
		p->whole = p->whole && whole;
}
