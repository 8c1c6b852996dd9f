#include "route/wish.h"

void
wish_init(struct wish *w)
{
	*w = (struct wish){
	    .max_input_pusd = -1, .max_output_pusd = -1, .max_request_pusd = -1};
}

struct reading {
	const struct catalog *c;
	const struct json *j;
	struct wish *w;
	struct note *note;
	const char **param;
};

static enum err
refuse(struct reading *r, const char *param, const char *expected)
{
	*r->param = param;
	note_set(r->note, "'%s' must be %s.", param, expected);
	return ERR_BAD_REQUEST;
}

static enum err
read_names(struct reading *r, uint32_t v, const char *param,
    const struct provider *list[WISH_NAMES_MAX], unsigned *ret_count)
{
	if (!json_is(r->j, v, JSON_ARRAY))
		return refuse(r, param, "an array of provider names");
	*ret_count = 0; /* of a member that stands there twice the last one counts */
	JSON_FOR_EACH (name, r->j, v) {
		struct slice s = json_inner(r->j, name);
		const struct provider *p = catalog_provider(r->c, s);

		if (p == NULL) {
			*r->param = param;
			note_set(r->note, "'%s' names \"%.*s\", which is no provider.",
			    param, SLICE_ARGS(s.ptr == NULL ? S("") : s));
			return ERR_BAD_REQUEST;
		}
		if (*ret_count == WISH_NAMES_MAX)
			return refuse(r, param, "an array of at most 16 names");
		list[(*ret_count)++] = p;
	}
	return ERR_OK;
}

static enum err
read_bool(struct reading *r, uint32_t v, const char *param, bool *ret_value)
{
	if (!json_is(r->j, v, JSON_TRUE) && !json_is(r->j, v, JSON_FALSE))
		return refuse(r, param, "true or false");
	*ret_value = json_is(r->j, v, JSON_TRUE);
	return ERR_OK;
}

static enum err
read_sort(struct reading *r, uint32_t v)
{
	static const struct {
		struct slice name;
		enum policy policy;
	} sorts[] = {{{"price", 5}, POLICY_CHEAPEST},
	    {{"throughput", 10}, POLICY_FASTEST}, {{"latency", 7}, POLICY_FASTEST}};

	r->w->has_sort = true;
	for (unsigned i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (json_equals(r->j, v, sorts[i].name)) {
			r->w->sort = sorts[i].policy;
			return ERR_OK;
		}
	if (policy_parse(json_inner(r->j, v), &r->w->sort))
		return ERR_OK;
	return refuse(r, "provider.sort",
	    "\"price\", \"throughput\", \"latency\" or the name of a policy");
}

/* USD, as a number or as text, as OpenRouter takes both. */
static bool
read_usd(const struct json *j, uint32_t v, int64_t *ret_pusd)
{
	struct json text;
	bool good;

	if (json_scaled(j, v, 12, ret_pusd))
		return *ret_pusd >= 0;
	json_init(&text, 4);
	good = json_is(j, v, JSON_STRING) &&
	       json_parse(&text, json_inner(j, v), 0) == ERR_OK &&
	       json_scaled(&text, 0, 12, ret_pusd) && *ret_pusd >= 0;
	json_free(&text);
	return good;
}

static enum err
read_max_price(struct reading *r, uint32_t v)
{
	const struct json *j = r->j;
	const char *expected = "an object of USD amounts: prompt, completion, request";

	if (!json_is(j, v, JSON_OBJECT))
		return refuse(r, "provider.max_price", expected);
	JSON_FOR_EACH_KEY (k, j, v) {
		int64_t *to = NULL;

		if (json_equals(j, k, S("prompt")))
			to = &r->w->max_input_pusd;
		else if (json_equals(j, k, S("completion")))
			to = &r->w->max_output_pusd;
		else if (json_equals(j, k, S("request")))
			to = &r->w->max_request_pusd;
		if (to == NULL || !read_usd(j, k + 1, to))
			return refuse(r, "provider.max_price", expected);
	}
	return ERR_OK;
}

static enum err
read_data(struct reading *r, uint32_t v)
{
	if (json_equals(r->j, v, S("deny")))
		r->w->keep_no_data = true;
	else if (!json_equals(r->j, v, S("allow")))
		return refuse(r, "provider.data_collection", "\"allow\" or \"deny\"");
	return ERR_OK;
}

static enum err
read_member(struct reading *r, uint32_t key)
{
	struct wish *w = r->w;
	uint32_t v = key + 1;
	bool fallbacks = true;
	enum err e;

	if (json_equals(r->j, key, S("order")))
		return read_names(r, v, "provider.order", w->order, &w->norder);
	if (json_equals(r->j, key, S("only"))) {
		w->has_only = true;
		return read_names(r, v, "provider.only", w->only, &w->nonly);
	}
	if (json_equals(r->j, key, S("ignore")))
		return read_names(r, v, "provider.ignore", w->ignore, &w->nignore);
	if (json_equals(r->j, key, S("sort")))
		return read_sort(r, v);
	if (json_equals(r->j, key, S("max_price")))
		return read_max_price(r, v);
	if (json_equals(r->j, key, S("require_parameters")))
		return read_bool(
		    r, v, "provider.require_parameters", &w->require_parameters);
	if (json_equals(r->j, key, S("data_collection")))
		return read_data(r, v);
	if (json_equals(r->j, key, S("allow_fallbacks"))) {
		e = read_bool(r, v, "provider.allow_fallbacks", &fallbacks);
		w->no_fallbacks = !fallbacks;
		return e;
	}
	*r->param = "provider";
	note_set(r->note,
	    "'provider.%.*s' is not understood here; known are order, only, ignore, "
	    "sort, "
	    "max_price, allow_fallbacks, require_parameters, data_collection.",
	    SLICE_ARGS(json_inner(r->j, key)));
	return ERR_BAD_REQUEST;
}

enum err
wish_read(const struct catalog *c, const struct json *j, uint32_t v,
    struct wish *ret_wish, struct note *note, const char **ret_param)
{
	struct reading r = {c, j, ret_wish, note, ret_param};

	wish_init(ret_wish);
	if (v == JSON_NONE || json_is(j, v, JSON_NULL))
		return ERR_OK;
	if (!json_is(j, v, JSON_OBJECT))
		return refuse(&r, "provider", "an object");
	JSON_FOR_EACH_KEY (k, j, v) {
		enum err e = json_is(j, k + 1, JSON_NULL) ? ERR_OK : read_member(&r, k);

		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}
