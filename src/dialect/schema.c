#include "dialect/schema.h"

#include "dialect/schema_type.h"
#include "json/write.h"

#define TOKENS_MAX (1u << 20)
#define DEPTH_MAX  64
#define WORK_MAX   4000000 /* visits of tokens: some 20 ms */
#define HINT_BYTES 120	   /* a longer limit is not told */

static const struct {
	const char *name, *text;
} rule_texts[] = {
#define RULE(bit, text) {#bit, text},
#include "dialect/schema.def"
};

const char *
schema_rule_name(unsigned i)
{
	return rule_texts[i].name;
}

const char *
schema_rule_text(unsigned i)
{
	return rule_texts[i].text;
}

enum use {
	USE_NOTE,
	USE_LIMIT,
	USE_COUNT,   /* a limit that OpenAPI has as a string */
	USE_OPENAPI, /* a word that JSON Schema has not */
	USE_TEXT,
	USE_TYPE,
	USE_FORMAT,
	USE_ENUM,
	USE_CONST,
	USE_REF,
	USE_DEFS,
	USE_PROPERTIES,
	USE_REQUIRED,
	USE_ADDITIONAL,
	USE_ITEMS,
	USE_PREFIX,
	USE_SCHEMAS,
	USE_ONE_OF,
	USE_ALL_OF
};

struct word {
	struct slice word;
	enum use use;
	unsigned lists;
};

static const struct word words[] = {
#define WORD(word, use, lists) {{word, sizeof(word) - 1}, USE_##use, lists},
#include "dialect/schema.def"
};

#define NWORDS (sizeof(words) / sizeof(words[0]))

static const struct word *
find_word(struct slice key)
{
	for (unsigned i = 0; i < NWORDS && words[i].word.len <= key.len; i++)
		if (words[i].word.len == key.len && slice_eq(words[i].word, key))
			return &words[i];
	return NULL;
}

static void put_schema(struct cutter *c, uint32_t v, bool or_null);

/* Too much work fails the whole. */
static bool
spend(struct cutter *c, uint32_t work)
{
	c->work += work < WORK_MAX ? work : WORK_MAX;
	if (c->work > WORK_MAX && c->to->err == ERR_OK)
		c->to->err = ERR_FULL;
	return c->to->err == ERR_OK;
}

static uint32_t
size_of(const struct cutter *c, uint32_t v)
{
	return v == JSON_NONE ? 0 : c->j->tokens[v].next - v;
}

/* Does the target know the word? */
static bool
knows(const struct cutter *c, const struct word *w, uint32_t v)
{
	struct slice value = json_raw(c->j, v);

	if ((c->rules & WORDS) == 0 || (w->lists & c->rules) != 0)
		return true;
	/* Anthropic's lists may be said to hold one at least, but no more. */
	return (c->rules & SCHEMA_WORDS_ANTHROPIC) && slice_eq(w->word, S("minItems")) &&
	       (slice_eq(value, S("0")) || slice_eq(value, S("1")));
}

/* --- what a schema is made of --- */

/* A segment of a pointer, with ~0 and ~1 undone. */
static struct slice
unescaped(struct slice segment, char *to, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < segment.len && n < cap; i++) {
		char ch = segment.ptr[i];

		if (ch == '~' && i + 1 < segment.len)
			ch = segment.ptr[++i] == '1' ? '/' : '~';
		to[n++] = ch;
	}
	return slice_of(to, n);
}

#define POINTER_MAX 512

/* A pointer without JSON's escapes, of which "\/" is one; empty when it is too long. */
static struct slice
pointer_of(const struct cutter *c, uint32_t ref, char to[POINTER_MAX])
{
	struct slice inner = json_inner(c->j, ref);

	return inner.len > POINTER_MAX ? S("") : slice_of(to, json_decode(inner, to));
}

/* What "#/$defs/Name" points to. */
static uint32_t
resolve(struct cutter *c, uint32_t ref)
{
	char text[POINTER_MAX], name[256];
	struct slice rest = pointer_of(c, ref, text);
	uint32_t v = 0;

	if (rest.len == 0 || rest.ptr[0] != '#')
		return JSON_NONE;
	rest = slice_from(rest, 1);
	if (rest.len == 0)
		return 0;
	(void)slice_cut(&rest, '/');
	while (rest.ptr != NULL && v != JSON_NONE && spend(c, size_of(c, v) / 4 + 1)) {
		struct slice segment =
		    unescaped(slice_cut(&rest, '/'), name, sizeof(name));
		uint64_t n;

		if (json_is(c->j, v, JSON_ARRAY))
			v = slice_u64(segment, &n) && n < UINT32_MAX
				? json_at(c->j, v, (uint32_t)n)
				: JSON_NONE;
		else
			v = json_get(c->j, v, segment);
	}
	return v;
}

static void gather(struct cutter *c, struct view *view, uint32_t v);

/* What a $ref points to comes in its place, unless we are inside it already. */
static void
gather_ref(struct cutter *c, struct view *view, uint32_t ref)
{
	uint32_t v = resolve(c, ref);

	for (unsigned i = 0; i < c->nrefs; i++)
		view->endless = view->endless || c->refs[i] == v;
	if (v == JSON_NONE || view->endless)
		return;
	if (c->nrefs == REFS_MAX) {
		view->endless = true;
		return;
	}
	c->refs[c->nrefs++] = v;
	gather(c, view, v);
}

/* Is a $ref followed, instead of told? The root holds $defs beside its own: that one
 * is always, and what it leads to, if it leads somewhere. */
static bool
follows(struct cutter *c, const struct view *view, uint32_t v, uint32_t ref)
{
	if (!json_is(c->j, ref, JSON_STRING))
		return false;
	if (c->rules & SCHEMA_INLINE_REFS)
		return true;
	return (v == 0 || view->inlined) && (c->rules & SCHEMA_LONE_REF) &&
	       resolve(c, ref) != JSON_NONE;
}

static void
gather(struct cutter *c, struct view *view, uint32_t v)
{
	uint32_t ref = json_get(c->j, v, S("$ref")), all, only;

	if (view->count == VIEW_MAX || !json_is(c->j, v, JSON_OBJECT))
		return;
	view->from[view->count++] = v;
	if (follows(c, view, v, ref)) {
		view->inlined = true;
		gather_ref(c, view, ref);
	}
	all = json_get(c->j, v, S("allOf"));
	if ((c->rules & SCHEMA_MERGE_ALL_OF) == 0 || !json_is(c->j, all, JSON_ARRAY))
		return;
	only = json_first(c->j, all);
	if (only != JSON_NONE && json_after(c->j, all, only) != JSON_NONE)
		only = JSON_NONE;
	JSON_FOR_EACH (e, c->j, all) {
		ref = json_get(c->j, e, S("$ref"));
		if (ref == JSON_NONE || (c->rules & SCHEMA_INLINE_REFS))
			gather(c, view, e);
		else if (only != JSON_NONE &&
			 json_get(c->j, v, S("properties")) == JSON_NONE)
			view->ref = ref; /* a $ref dressed up */
		else
			gather_ref(c, view, ref);
	}
}

/* --- hints --- */

/* Is the word told in the description, as it goes? */
static bool
is_hint(const struct cutter *c, const struct word *w, uint32_t v)
{
	if (w == NULL || json_raw(c->j, v).len > HINT_BYTES ||
	    (c->rules & SCHEMA_HINTS) == 0)
		return false;
	return (w->use == USE_LIMIT || w->use == USE_COUNT) && !knows(c, w, v);
}

/* JSON inside a string. */
static void
put_inside(struct buf *b, struct slice json)
{
	for (size_t i = 0; i < json.len; i++) {
		char ch = json.ptr[i];

		if (ch == '"' || ch == '\\')
			buf_byte(b, '\\');
		buf_byte(b, (unsigned char)ch < ' ' ? ' ' : ch);
	}
}

/* The description, with what else is to be told in it. */
static void
put_text(struct cutter *c, struct view *view)
{
	struct slice text =
	    json_inner(c->j, schema_type_lookup(c, view, S("description")));
	unsigned hints = 0;

	view->has_text = true;
	for (unsigned s = 0; s < view->count; s++)
		JSON_FOR_EACH_KEY (k, c->j, view->from[s]) {
			struct slice key = json_inner(c->j, k);
			const struct word *w = find_word(key);

			if (!is_hint(c, w, k + 1))
				continue;
			if (hints++ == 0) {
				json_key(c->to, S("description"));
				json_put_inner(c->to, text);
				if (c->to->err != ERR_OK)
					return;
				c->to->len--; /* the closing quote comes again */
				buf_add(c->to, text.len > 0 ? S(" (") : S("("));
			} else {
				buf_add(c->to, S(", "));
			}
			buf_add(c->to, key);
			buf_add(c->to, S(": "));
			put_inside(c->to, json_raw(c->j, k + 1));
		}
	if (hints > 0)
		buf_add(c->to, S(")\""));
	else if (text.ptr != NULL)
		json_member_inner(c->to, S("description"), text);
}

/* --- objects --- */

/* Is the name in a list of strings? */
static bool
is_listed(struct cutter *c, uint32_t list, struct slice name)
{
	if (!spend(c, size_of(c, list)) || !json_is(c->j, list, JSON_ARRAY))
		return false;
	JSON_FOR_EACH (e, c->j, list)
		if (slice_eq(json_inner(c->j, e), name))
			return true;
	return false;
}

static bool
is_required(struct cutter *c, const struct view *view, struct slice name)
{
	for (unsigned s = 0; s < view->count; s++)
		if (is_listed(c, json_get(c->j, view->from[s], S("required")), name))
			return true;
	return false;
}

/* Was the member said by one of the objects before the s-th, under `word` if it is
 * not empty? */
static bool
was_said(struct cutter *c, const struct view *view, unsigned s, struct slice word,
    struct slice name)
{
	for (unsigned i = 0; i < s; i++) {
		uint32_t v = view->from[i];

		if (word.len > 0)
			v = json_get(c->j, v, word);
		if (!spend(c, size_of(c, v)) || json_get(c->j, v, name) != JSON_NONE)
			return true;
	}
	return false;
}

static void
put_properties(struct cutter *c, const struct view *view)
{
	json_key(c->to, S("properties"));
	json_open(c->to, '{');
	for (unsigned s = 0; s < view->count; s++) {
		uint32_t all = json_get(c->j, view->from[s], S("properties"));

		JSON_FOR_EACH_KEY (k, c->j, all) {
			struct slice name = json_inner(c->j, k);

			if (was_said(c, view, s, S("properties"), name))
				continue;
			json_key_inner(c->to, name);
			put_schema(c, k + 1,
			    (c->rules & SCHEMA_ALL_REQUIRED) &&
				!is_required(c, view, name));
		}
	}
	json_close(c->to, '}');
}

static void
put_required(struct cutter *c, struct view *view)
{
	bool all = (c->rules & SCHEMA_ALL_REQUIRED) != 0;

	if (view->has_required)
		return;
	view->has_required = true;
	json_key(c->to, S("required"));
	json_open(c->to, '[');
	for (unsigned s = 0; s < view->count; s++) {
		if (all) {
			uint32_t p = json_get(c->j, view->from[s], S("properties"));

			JSON_FOR_EACH_KEY (k, c->j, p)
				if (!was_said(
					c, view, s, S("properties"), json_inner(c->j, k)))
					json_put_inner(c->to, json_inner(c->j, k));
			continue;
		}
		JSON_FOR_EACH (e, c->j, json_get(c->j, view->from[s], S("required"))) {
			bool said = false;

			for (unsigned i = 0; i < s && !said; i++)
				said = is_listed(c,
				    json_get(c->j, view->from[i], S("required")),
				    json_inner(c->j, e));
			if (!said)
				json_put_raw(c->to, json_raw(c->j, e));
		}
	}
	json_close(c->to, ']');
}

static bool
is_object(const struct cutter *c, const struct view *view)
{
	uint32_t type = schema_type_lookup(c, view, S("type"));

	if (json_is(c->j, type, JSON_ARRAY)) {
		JSON_FOR_EACH (e, c->j, type)
			if (json_equals(c->j, e, S("object")))
				return true;
		return false;
	}
	return json_equals(c->j, type, S("object")) ||
	       schema_type_lookup(c, view, S("properties")) != JSON_NONE;
}

/* --- schemas inside --- */

static bool
is_null_schema(const struct cutter *c, uint32_t v)
{
	return json_equals(c->j, json_get(c->j, v, S("type")), S("null"));
}

static void
put_schemas(struct cutter *c, struct view *view, struct slice word, uint32_t list)
{
	bool null = false;

	if (!json_is(c->j, list, JSON_ARRAY))
		return;
	json_key(c->to, word);
	json_open(c->to, '[');
	JSON_FOR_EACH (e, c->j, list) {
		bool is_null = is_null_schema(c, e);

		null = null || is_null;
		if (!is_null || (c->rules & SCHEMA_NULLABLE) == 0)
			put_schema(c, e, false);
	}
	if (c->rules & SCHEMA_NULLABLE)
		view->null = view->null || null;
	else if (view->or_null && !null && slice_eq(word, S("anyOf")))
		json_put_raw(c->to, S("{\"type\":\"null\"}"));
	json_close(c->to, ']');
}

static void
put_map(struct cutter *c, struct slice word, uint32_t object)
{
	json_key(c->to, word);
	json_open(c->to, '{');
	JSON_FOR_EACH_KEY (k, c->j, object) {
		json_key_inner(c->to, json_inner(c->j, k));
		put_schema(c, k + 1, false);
	}
	json_close(c->to, '}');
}

/* Tuples are prefixItems now, and were a list in items. */
static void
put_items(struct cutter *c, struct view *view, const struct word *w, uint32_t v)
{
	bool tuple = json_is(c->j, v, JSON_ARRAY);
	bool takes = (c->rules & WORDS) == 0 || (c->rules & SCHEMA_WORDS_GEMINI);

	if (!tuple || (c->rules & WORDS) == 0) {
		json_key(c->to, w->word);
		if (tuple)
			json_put_raw(c->to, json_raw(c->j, v));
		else
			put_schema(c, v, false);
	} else if (takes) {
		put_schemas(c, view, S("prefixItems"), v);
	} else if (w->use == USE_ITEMS ||
		   schema_type_lookup(c, view, S("items")) == JSON_NONE) {
		json_member_raw(c->to, S("items"), S("{}"));
	}
}

/* The old name of $defs, in a $ref. */
static void
put_ref(struct cutter *c, uint32_t ref)
{
	char to[POINTER_MAX];
	struct slice text = pointer_of(c, ref, to), old = S("#/definitions/");
	size_t at;

	json_key(c->to, S("$ref"));
	if ((c->rules & WORDS) == 0 || !slice_starts(text, old)) {
		json_put_raw(c->to, json_raw(c->j, ref));
		return;
	}
	json_put_inner(c->to, S("#/$defs/"));
	if (c->to->err != ERR_OK)
		return;
	at = c->to->len - 1; /* both quotes between them go */
	json_text(c->to, slice_from(text, old.len));
	if (c->to->err == ERR_OK) {
		memmove(c->to->ptr + at, c->to->ptr + at + 2, c->to->len - at - 2);
		c->to->len -= 2;
	}
}

/* --- words --- */

static void
put_count(struct cutter *c, const struct word *w, uint32_t v)
{
	struct slice text = json_inner(c->j, v);
	uint64_t n;

	if ((c->rules & SCHEMA_FROM_OPENAPI) && slice_u64(text, &n))
		json_member_u64(c->to, w->word, n);
	else
		json_member_raw(c->to, w->word, json_raw(c->j, v));
}

static void
put_additional(struct cutter *c, const struct word *w, uint32_t v)
{
	if (c->rules & SCHEMA_CLOSED)
		return; /* comes at the end */
	json_key(c->to, w->word);
	if (json_is(c->j, v, JSON_OBJECT))
		put_schema(c, v, false);
	else
		json_put_raw(c->to, json_raw(c->j, v));
}

static void
put_one_of(struct cutter *c, struct view *view, uint32_t v)
{
	if ((c->rules & SCHEMA_ANY_OF) == 0)
		put_schemas(c, view, S("oneOf"), v);
	else if (schema_type_lookup(c, view, S("anyOf")) == JSON_NONE)
		put_schemas(c, view, S("anyOf"), v);
}

/* A word whose rules are its own; the others stay or go by the lists. */
static bool
put_special(struct cutter *c, struct view *view, const struct word *w, uint32_t v)
{
	switch (w->use) {
	case USE_TEXT:
		if (!view->has_text)
			put_text(c, view);
		return true;
	case USE_CONST:
		if ((c->rules & SCHEMA_CONST_ENUM) == 0)
			return false;
		schema_type_put_const(c, v);
		return true;
	case USE_ONE_OF:
		if (knows(c, w, v) || (c->rules & SCHEMA_ANY_OF))
			put_one_of(c, view, v);
		return true;
	case USE_ALL_OF:
		if ((c->rules & SCHEMA_MERGE_ALL_OF) == 0 && knows(c, w, v))
			put_schemas(c, view, w->word, v);
		return true;
	case USE_PREFIX: put_items(c, view, w, v); return true;
	case USE_REF:
		if (!view->inlined && knows(c, w, v))
			put_ref(c, v);
		return true;
	case USE_OPENAPI:
		return (c->rules & SCHEMA_FROM_OPENAPI) != 0 ||
		       slice_eq(w->word, S("nullable")); /* read beforehand */
	default: return false;
	}
}

static void
put_word(struct cutter *c, struct view *view, const struct word *w, uint32_t k)
{
	uint32_t v = k + 1;

	if (w == NULL) { /* not of any JSON schema */
		if ((c->rules & WORDS) == 0) {
			json_key_inner(c->to, json_inner(c->j, k));
			json_put_raw(c->to, json_raw(c->j, v));
		}
		return;
	}
	if (put_special(c, view, w, v) || !knows(c, w, v))
		return;
	switch (w->use) {
	case USE_TYPE: schema_type_put(c, view, v); return;
	case USE_ENUM: schema_type_put_enum(c, view, v); return;
	case USE_COUNT: put_count(c, w, v); return;
	case USE_PROPERTIES: put_properties(c, view); return;
	case USE_REQUIRED: put_required(c, view); return;
	case USE_ITEMS: put_items(c, view, w, v); return;
	case USE_ADDITIONAL: put_additional(c, w, v); return;
	case USE_SCHEMAS: put_schemas(c, view, w->word, v); return;
	case USE_DEFS:
		if ((c->rules & SCHEMA_INLINE_REFS) == 0)
			put_map(c, c->rules & WORDS ? S("$defs") : w->word, v);
		return;
	case USE_FORMAT:
		if (!schema_type_is_format(c, json_inner(c->j, v)))
			return;
		break;
	default: break;
	}
	json_member_raw(c->to, w->word, json_raw(c->j, v));
}

/* What a rule adds, whatever was said. */
static void
put_added(struct cutter *c, struct view *view)
{
	if (!view->has_text && (c->rules & SCHEMA_HINTS))
		put_text(c, view);
	if ((c->rules & SCHEMA_ALL_REQUIRED) &&
	    schema_type_lookup(c, view, S("properties")) != JSON_NONE)
		put_required(c, view);
	if ((c->rules & SCHEMA_CLOSED) && is_object(c, view))
		json_member_raw(c->to, S("additionalProperties"), S("false"));
	if (view->null)
		json_member_raw(c->to, S("nullable"), S("true"));
}

static void
put_view(struct cutter *c, struct view *view)
{
	if (json_is(c->j, schema_type_lookup(c, view, S("nullable")), JSON_TRUE)) {
		if (c->rules & SCHEMA_NULLABLE)
			view->null = true;
		else
			view->or_null = true;
	}
	json_open(c->to, '{');
	for (unsigned s = 0; s < view->count; s++)
		JSON_FOR_EACH_KEY (k, c->j, view->from[s]) {
			struct slice key = json_inner(c->j, k);

			if (!spend(c, 1) || was_said(c, view, s, S(""), key))
				continue;
			put_word(c, view, find_word(key), k);
		}
	put_added(c, view);
	json_close(c->to, '}');
}

/* A schema that is another one's; beside null, if need be. */
static void
put_lone_ref(struct cutter *c, uint32_t ref, bool or_null)
{
	json_open(c->to, '{');
	if (or_null) {
		json_key(c->to, S("anyOf"));
		json_open(c->to, '[');
		json_open(c->to, '{');
	}
	put_ref(c, ref);
	if (or_null) {
		json_close(c->to, '}');
		json_put_raw(c->to, S("{\"type\":\"null\"}"));
		json_close(c->to, ']');
	}
	json_close(c->to, '}');
}

static void
put_schema(struct cutter *c, uint32_t v, bool or_null)
{
	struct view view = {.ref = JSON_NONE, .or_null = or_null};
	unsigned nrefs = c->nrefs;

	if (!spend(c, 1))
		return;
	if (!json_is(c->j, v, JSON_OBJECT) || c->depth == DEPTH_MAX) {
		/* `true` takes anything, as the empty schema does. */
		json_put_raw(c->to, (c->rules & WORDS) == 0 && c->depth < DEPTH_MAX
					? json_raw(c->j, v)
					: S("{}"));
		return;
	}
	c->depth++;
	if (v != 0 && (c->rules & SCHEMA_LONE_REF))
		view.ref = json_get(c->j, v, S("$ref"));
	if (view.ref == JSON_NONE)
		gather(c, &view, v);
	if (view.endless)
		json_put_raw(c->to, S("{\"type\":\"object\"}"));
	else if (json_is(c->j, view.ref, JSON_STRING))
		put_lone_ref(c, view.ref, or_null);
	else
		put_view(c, &view);
	c->nrefs = nrefs;
	c->depth--;
}

enum err
schema_cut(struct slice schema, unsigned rules, struct buf *to)
{
	struct cutter c = {.rules = rules, .to = to};
	struct json j;
	enum err e;

	if (rules == 0) {
		json_put_raw(to, schema);
		return to->err;
	}
	json_init(&j, TOKENS_MAX);
	c.j = &j;
	e = json_parse(&j, schema, JSON_KEEP_ALL);
	if (e == ERR_OK) {
		put_schema(&c, 0, false);
		e = to->err;
	}
	json_free(&j);
	return e;
}
