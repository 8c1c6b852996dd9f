#include "dialect/schema_type.h"

#include "json/write.h"

uint32_t
schema_type_lookup(const struct cutter *c, const struct view *view, struct slice word)
{
	uint32_t v = JSON_NONE;

	for (unsigned i = 0; v == JSON_NONE && i < view->count; i++)
		v = json_get(c->j, view->from[i], word);
	return v;
}

#define TYPES_MAX 8

/* "object" of "OBJECT" and of 6, as protocol buffers number them. */
static struct slice
type_name(const struct cutter *c, uint32_t v)
{
	static const struct slice names[] = {{"", 0}, {"string", 6}, {"number", 6},
	    {"integer", 7}, {"boolean", 7}, {"array", 5}, {"object", 6}, {"null", 4}};
	struct slice said = json_inner(c->j, v);
	uint64_t n;

	if ((c->rules & SCHEMA_FROM_OPENAPI) == 0)
		return said;
	if (json_u64(c->j, v, &n))
		return names[n < 8 ? n : 0];
	for (unsigned i = 1; i < 8; i++)
		if (slice_ieq(said, names[i]))
			return names[i];
	return S("");
}

static unsigned
read_types(
    const struct cutter *c, uint32_t v, struct slice types[TYPES_MAX], bool *ret_null)
{
	unsigned n = 0;

	if (!json_is(c->j, v, JSON_ARRAY)) {
		types[0] = type_name(c, v);
		return types[0].len > 0;
	}
	JSON_FOR_EACH (e, c->j, v) {
		struct slice name = type_name(c, e);

		if (slice_eq(name, S("null")))
			*ret_null = true;
		else if (name.len > 0 && n < TYPES_MAX)
			types[n++] = name;
	}
	return n;
}

static void
put_types(struct cutter *c, const struct slice *types, unsigned n, bool null)
{
	json_open(c->to, '[');
	for (unsigned i = 0; i < n; i++)
		json_put_inner(c->to, types[i]);
	if (null)
		json_quote(c->to, S("null"));
	json_close(c->to, ']');
}

void
schema_type_put(struct cutter *c, struct view *view, uint32_t v)
{
	struct slice types[TYPES_MAX];
	bool null = false, list = json_is(c->j, v, JSON_ARRAY);
	unsigned n = read_types(c, v, types, &null);

	if (n == 0 && !null)
		return;
	if (c->rules & SCHEMA_NULLABLE) {
		view->null = view->null || null;
		if (n == 1) {
			json_member_inner(c->to, S("type"), types[0]);
		} else if (n > 1 &&
			   schema_type_lookup(c, view, S("anyOf")) == JSON_NONE) {
			json_key(c->to, S("anyOf"));
			json_open(c->to, '[');
			for (unsigned i = 0; i < n; i++) {
				json_open(c->to, '{');
				json_member_inner(c->to, S("type"), types[i]);
				json_close(c->to, '}');
			}
			json_close(c->to, ']');
		}
		return;
	}
	json_key(c->to, S("type"));
	if (list || view->or_null)
		put_types(c, types, n,
		    null || (view->or_null && !slice_eq(types[0], S("null"))));
	else
		json_put_inner(c->to, types[0]);
}

/* Does the list hold strings only, but for null? */
static bool
holds_texts(const struct cutter *c, uint32_t list, bool *ret_null)
{
	JSON_FOR_EACH (e, c->j, list) {
		if (json_is(c->j, e, JSON_NULL))
			*ret_null = true;
		else if (!json_is(c->j, e, JSON_STRING))
			return false;
	}
	return true;
}

void
schema_type_put_enum(struct cutter *c, struct view *view, uint32_t list)
{
	bool null = false, texts;

	if ((c->rules & SCHEMA_CONST_ENUM) &&
	    schema_type_lookup(c, view, S("const")) != JSON_NONE)
		return; /* says the same, and more exactly */
	texts = holds_texts(c, list, &null);
	if (c->rules & SCHEMA_TEXT_ENUMS) {
		if (!texts)
			return;
		view->null = view->null || null;
	} else if (!view->or_null || null) {
		json_member_raw(c->to, S("enum"), json_raw(c->j, list));
		return;
	}
	json_key(c->to, S("enum"));
	json_open(c->to, '[');
	JSON_FOR_EACH (e, c->j, list)
		if ((c->rules & SCHEMA_TEXT_ENUMS) == 0 || json_is(c->j, e, JSON_STRING))
			json_put_raw(c->to, json_raw(c->j, e));
	if (view->or_null && (c->rules & SCHEMA_TEXT_ENUMS) == 0)
		json_put_null(c->to);
	json_close(c->to, ']');
}

void
schema_type_put_const(struct cutter *c, uint32_t v)
{
	if ((c->rules & SCHEMA_CONST_ENUM) == 0) {
		json_member_raw(c->to, S("const"), json_raw(c->j, v));
		return;
	}
	if ((c->rules & SCHEMA_TEXT_ENUMS) && !json_is(c->j, v, JSON_STRING))
		return;
	json_key(c->to, S("enum"));
	json_open(c->to, '[');
	json_put_raw(c->to, json_raw(c->j, v));
	json_close(c->to, ']');
}

bool
schema_type_is_format(const struct cutter *c, struct slice format)
{
	static const char *const texts[] = {"date-time", "time", "date", "duration",
	    "email", "hostname", "uri", "ipv4", "ipv6", "uuid", NULL};
	static const char *const openapi[] = {
	    "date-time", "enum", "int32", "int64", "float", "double", NULL};
	const char *const *names = texts;

	if ((c->rules & SCHEMA_FROM_OPENAPI) && slice_eq(format, S("enum")))
		return false;
	if (c->rules & SCHEMA_FORMATS_OPENAPI)
		names = openapi;
	else if ((c->rules & SCHEMA_FORMATS_TEXT) == 0)
		return true;
	for (; *names != NULL; names++)
		if (slice_eq(format, slice_str(*names)))
			return true;
	return false;
}
