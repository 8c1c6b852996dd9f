/*
 * The OpenAPI document of the admin API, out of the table of routes, the fields that can
 * be set, and what the tables below say of each service. Nothing in it is written twice.
 */
#include "admin/admin.h"
#include "admin/level.h"
#include "core/version.h"
#include "store/accountdb_json.h"
#include "store/ledger.h"
#include "json/write.h"

#define DOCUMENT_BYTES (1u << 20)

/* What stands in a body or a reply. */
enum shape {
	SHAPE_NONE,
	SHAPE_ONE,     /* Key, Team, ... */
	SHAPE_LIST,    /* {"data": [...]} of them */
	SHAPE_MADE,    /* for keys with the secret, for others as ONE */
	SHAPE_CREATE,  /* what can be set, and the name */
	SHAPE_SET,     /* what can be set */
	SHAPE_OVERLAP, /* of a rotation */
	SHAPE_CREDITS,
	SHAPE_CREDIT, /* a new one */
	SHAPE_OWN_KEYS,
	SHAPE_OWN_KEY,
	SHAPE_USAGE,
	SHAPE_AUDIT,
	SHAPE_ANY
};

struct query {
	const char *name, *type, *help;
};

static const struct query usage_query[] = {
    {"by", "string",
	"Groups, apart by commas: day, key, provider, model, user, team, organisation, "
	"session, tags, ...; as `weir usage --by`."},
    {"since", "string", "From this day on (UTC), like 2026-01-31, or today."},
    {"until", "string", "Up to and with this day."}, {NULL, NULL, NULL}};

static const struct query own_query[] = {
    {"provider", "string", "For which provider."}, {NULL, NULL, NULL}};

static const struct query audit_query[] = {
    {"limit", "integer", "How many rows: 1 to 1000; 100 where nothing is said."},
    {"before", "integer", "Only rows with a smaller id: the next page."},
    {NULL, NULL, NULL}};

/* By enum serve, from SERVE_ADMIN_LIST on. */
static const struct service {
	const char *id, *summary; /* the id has the level's name behind it */
	bool of_level;
	enum shape body, reply;
	const struct query *query;
} services[SERVES] = {
    [SERVE_ADMIN_LIST] = {"list", "All of them", true, SHAPE_NONE, SHAPE_LIST, NULL},
    [SERVE_ADMIN_CREATE] = {"create", "Make one", true, SHAPE_CREATE, SHAPE_MADE, NULL},
    [SERVE_ADMIN_SHOW] = {"get", "One of them", true, SHAPE_NONE, SHAPE_ONE, NULL},
    [SERVE_ADMIN_SET] = {"set", "Change what the body names, leave the rest", true,
	SHAPE_SET, SHAPE_ONE, NULL},
    [SERVE_ADMIN_REMOVE] = {"remove", "Remove it, or revoke the key", true, SHAPE_NONE,
	SHAPE_ONE, NULL},
    [SERVE_ADMIN_ROTATE] = {"rotate",
	"A new key of the same name; the old one ends later", true, SHAPE_OVERLAP,
	SHAPE_MADE, NULL},
    [SERVE_ADMIN_BLOCK] = {"block", "Refuse it for now", true, SHAPE_NONE, SHAPE_ONE,
	NULL},
    [SERVE_ADMIN_UNBLOCK] = {"unblock", "Accept it again", true, SHAPE_NONE, SHAPE_ONE,
	NULL},
    [SERVE_ADMIN_CREDITS] = {"credits", "What was paid beforehand, and what is left",
	true, SHAPE_NONE, SHAPE_CREDITS, NULL},
    [SERVE_ADMIN_CREDIT] = {"credit", "Add a credit; once there is one, no more is spent",
	true, SHAPE_CREDIT, SHAPE_CREDITS, NULL},
    [SERVE_ADMIN_OWN_KEYS] = {"providerKeys", "For which providers it brought a key",
	true, SHAPE_NONE, SHAPE_OWN_KEYS, NULL},
    [SERVE_ADMIN_OWN_KEY] = {"setProviderKey",
	"Bring a key for a provider: requests of the team are sent with it", true,
	SHAPE_OWN_KEY, SHAPE_OWN_KEYS, NULL},
    [SERVE_ADMIN_OWN_REMOVE] = {"removeProviderKey", "Use weir's own key again", true,
	SHAPE_NONE, SHAPE_OWN_KEYS, own_query},
    [SERVE_ADMIN_USAGE] = {"usage", "What was used and what it cost", false, SHAPE_NONE,
	SHAPE_USAGE, usage_query},
    [SERVE_ADMIN_AUDIT] = {"audit", "Who changed what, newest first", false, SHAPE_NONE,
	SHAPE_AUDIT, audit_query},
    [SERVE_ADMIN_OPENAPI] = {"openapi", "This document", false, SHAPE_NONE, SHAPE_ANY,
	NULL},
};

static const char *const titles[LEVELS] = {"Key", "User", "Team", "Organisation"};

/* What is shown and cannot be set. */
static const struct shown {
	const char *name, *schema;
	bool keys, others;
} shown[] = {
    {"id", "{\"type\":\"integer\"}", true, false},
    {"hint", "{\"type\":\"string\",\"description\":\"The first and last characters.\"}",
	true, false},
    {"created_at", "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}", true,
	true},
    {"revoked_at", "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}", true,
	false},
    {"spent_pusd",
	"{\"type\":\"integer\",\"description\":\"Spent in the budget's period.\"}", false,
	true},
    {"model_budgets_spent_pusd",
	"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"},"
	"\"description\":\"Of model_budgets, where there are any: by pattern what was "
	"spent "
	"in its period.\"}",
	true, true},
};

static const char *const types[] = {
    [FIELD_LIMIT] = "\"type\":[\"integer\",\"null\"],\"minimum\":0",
    [FIELD_PERIOD] =
	"\"type\":\"string\",\"enum\":[\"day\",\"week\",\"month\",\"total\"]",
    [FIELD_ZONE] = "\"type\":\"string\",\"pattern\":\"^[+-][0-9]{2}:[0-9]{2}$\"",
    [FIELD_BASIS] = "\"type\":[\"integer\",\"null\"],\"minimum\":-10000",
    [FIELD_FLAG] = "\"type\":\"boolean\"",
    [FIELD_LIST] = "\"type\":[\"string\",\"null\"]",
    [FIELD_BUDGETS] = "\"type\":[\"string\",\"null\"]",
    [FIELD_NETWORKS] = "\"type\":[\"string\",\"null\"]",
    [FIELD_TIME] = "\"type\":[\"string\",\"null\"],\"format\":\"date-time\"",
};

static void
put_raw_member(struct buf *to, const char *name, const char *json)
{
	json_key(to, slice_str(name));
	json_put_raw(to, slice_str(json));
}

/* --- schemas --- */

static void
put_settable(struct buf *to, enum account_level level)
{
	enum account_level last = level == LEVEL_KEY ? LEVEL_TEAM : level + 1;
	const struct accountdb_field *f;

	for (enum account_level l = level + 1; l <= last && l < LEVELS; l++)
		put_raw_member(to, account_level_name(l),
		    "{\"type\":[\"string\",\"null\"],\"description\":\"Whom it is "
		    "under.\"}");
	for (unsigned i = 0; (f = accountdb_json_field(i)) != NULL; i++) {
		if (f->keys && level != LEVEL_KEY)
			continue;
		json_key(to, slice_str(f->name));
		json_open(to, '{');
		buf_add(to, slice_str(types[f->type]));
		json_member(to, S("description"), slice_str(f->help));
		json_close(to, '}');
	}
}

static void
open_schema(struct buf *to, const char *title, const char *suffix)
{
	char name[64];
	struct buf text;

	buf_init(&text, sizeof(name));
	buf_printf(&text, "%s%s", title, suffix);
	json_key(to, buf_slice(&text));
	buf_free(&text);
	json_open(to, '{');
	json_member(to, S("type"), S("object"));
	json_key(to, S("properties"));
	json_open(to, '{');
}

/* Behind the properties. */
static void
close_schema(struct buf *to, const char *required)
{
	json_close(to, '}');
	if (required[0] != '\0')
		put_raw_member(to, "required", required);
	json_close(to, '}');
}

static void
put_shown(struct buf *to, enum account_level level)
{
	put_raw_member(to, "name", "{\"type\":\"string\"}");
	for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (level == LEVEL_KEY ? shown[i].keys : shown[i].others)
			put_raw_member(to, shown[i].name, shown[i].schema);
	put_settable(to, level);
}

static void
put_level(struct buf *to, enum account_level level)
{
	open_schema(to, titles[level], "");
	put_shown(to, level);
	close_schema(to, "[\"name\"]");
	open_schema(to, titles[level], "Set");
	put_settable(to, level);
	json_close(to, '}');
	put_raw_member(to, "additionalProperties", "false");
	json_close(to, '}');
	open_schema(to, titles[level], "Create");
	put_raw_member(
	    to, "name", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":100}");
	if (level == LEVEL_KEY)
		put_raw_member(to, "aws",
		    "{\"type\":\"boolean\",\"description\":\"An access key for clients "
		    "of "
		    "AWS, too.\"}");
	put_settable(to, level);
	close_schema(to, "[\"name\"]");
}

static void
put_usage_schema(struct buf *to)
{
	static const char *const counts[] = {
	    "requests", "failed_requests", "partial_requests", "unpriced_requests"};

	open_schema(to, "Usage", "");
	for (unsigned g = 0; g < GROUPS; g++)
		put_raw_member(to, ledger_group_name((enum usage_group)g),
		    "{\"type\":\"string\",\"description\":\"Where it is asked for.\"}");
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		put_raw_member(to, counts[i], "{\"type\":\"integer\"}");
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		put_raw_member(
		    to, usage_name((enum usage_class)c), "{\"type\":\"integer\"}");
	put_raw_member(to, "cost_pusd", "{\"type\":[\"integer\",\"null\"]}");
	put_raw_member(to, "cost_usd", "{\"type\":[\"string\",\"null\"]}");
	close_schema(to, "[\"requests\",\"cost_pusd\"]");
}

static void
put_credit_schemas(struct buf *to)
{
	static const char amount[] = "{\"type\":\"integer\"}";
	static const char time[] =
	    "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}";

	open_schema(to, "Credit", "");
	put_raw_member(to, "id", "{\"type\":\"integer\"}");
	put_raw_member(to, "amount_pusd", amount);
	put_raw_member(to, "left_pusd", amount);
	put_raw_member(to, "created_at", time);
	put_raw_member(to, "expires_at", time);
	close_schema(to, "[\"id\",\"amount_pusd\",\"left_pusd\"]");
	open_schema(to, "Credits", "");
	put_raw_member(to, "left_pusd", amount);
	put_raw_member(to, "data",
	    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Credit\"}}");
	close_schema(to, "[\"left_pusd\",\"data\"]");
	open_schema(to, "CreditAdd", "");
	put_raw_member(to, "amount_pusd", "{\"type\":\"integer\",\"minimum\":1}");
	put_raw_member(to, "expires_at", time);
	close_schema(to, "[\"amount_pusd\"]");
}

static void
put_schemas(struct buf *to)
{
	json_key(to, S("schemas"));
	json_open(to, '{');
	for (enum account_level l = LEVEL_KEY; l < LEVELS; l++)
		put_level(to, l);
	open_schema(to, "KeyMade", "");
	put_shown(to, LEVEL_KEY);
	put_raw_member(to, "key",
	    "{\"type\":\"string\",\"description\":\"The key itself, here and never "
	    "again.\"}");
	put_raw_member(to, "aws_access_key_id", "{\"type\":\"string\"}");
	put_raw_member(to, "aws_secret_access_key", "{\"type\":\"string\"}");
	close_schema(to, "[\"name\",\"key\"]");
	open_schema(to, "KeyRotate", "");
	put_raw_member(to, "overlap",
	    "{\"type\":\"string\",\"description\":\"How long the old key goes on: 1h, "
	    "0.\",\"default\":\"1h\"}");
	close_schema(to, "");
	put_credit_schemas(to);
	open_schema(to, "ProviderKey", "");
	put_raw_member(to, "provider", "{\"type\":\"string\"}");
	put_raw_member(to, "hint", "{\"type\":\"string\"}");
	put_raw_member(
	    to, "created_at", "{\"type\":\"string\",\"format\":\"date-time\"}");
	close_schema(to, "[\"provider\"]");
	open_schema(to, "ProviderKeySet", "");
	put_raw_member(to, "provider", "{\"type\":\"string\"}");
	put_raw_member(to, "key", "{\"type\":\"string\"}");
	close_schema(to, "[\"provider\",\"key\"]");
	put_usage_schema(to);
	open_schema(to, "Audit", "");
	put_raw_member(to, "id", "{\"type\":\"integer\"}");
	put_raw_member(to, "at", "{\"type\":\"string\",\"format\":\"date-time\"}");
	put_raw_member(
	    to, "via", "{\"type\":\"string\",\"enum\":[\"command\",\"admin\"]}");
	put_raw_member(to, "who",
	    "{\"type\":\"string\",\"description\":\"A login name, or an address.\"}");
	put_raw_member(to, "action", "{\"type\":\"string\"}");
	put_raw_member(to, "kind", "{\"type\":\"string\"}");
	put_raw_member(to, "name", "{\"type\":\"string\"}");
	put_raw_member(to, "before", "{\"type\":[\"object\",\"null\"]}");
	put_raw_member(to, "after", "{\"type\":[\"object\",\"null\"]}");
	close_schema(to, "[\"id\",\"at\",\"via\",\"who\",\"action\",\"kind\",\"name\"]");
	open_schema(to, "Error", "");
	put_raw_member(to, "error",
	    "{\"type\":\"object\",\"properties\":{\"message\":{\"type\":\"string\"},"
	    "\"type\":{\"type\":\"string\"},\"code\":{\"type\":[\"string\",\"null\"]}}}");
	close_schema(to, "[\"error\"]");
	json_close(to, '}');
}

/* --- paths --- */

static void
put_reference(struct buf *to, const char *title, const char *suffix)
{
	json_put_raw(to, S("{\"$ref\":\"#/components/schemas/"));
	buf_printf(to, "%s%s\"}", title, suffix);
}

static void
put_list_of(struct buf *to, const char *title)
{
	json_put_raw(to, S("{\"type\":\"object\",\"required\":[\"data\"],\"properties\":"
			   "{\"data\":{\"type\":\"array\",\"items\":"));
	buf_printf(to, "{\"$ref\":\"#/components/schemas/%s\"}}}}", title);
}

static void
put_shape(struct buf *to, enum shape shape, enum account_level level)
{
	json_key(to, S("content"));
	json_open(to, '{');
	json_key(to, S("application/json"));
	json_open(to, '{');
	json_key(to, S("schema"));
	switch (shape) {
	case SHAPE_ONE: put_reference(to, titles[level], ""); break;
	case SHAPE_LIST: put_list_of(to, titles[level]); break;
	case SHAPE_MADE:
		put_reference(to, titles[level], level == LEVEL_KEY ? "Made" : "");
		break;
	case SHAPE_CREATE: put_reference(to, titles[level], "Create"); break;
	case SHAPE_SET: put_reference(to, titles[level], "Set"); break;
	case SHAPE_OVERLAP: put_reference(to, "KeyRotate", ""); break;
	case SHAPE_CREDITS: put_reference(to, "Credits", ""); break;
	case SHAPE_CREDIT: put_reference(to, "CreditAdd", ""); break;
	case SHAPE_OWN_KEYS: put_list_of(to, "ProviderKey"); break;
	case SHAPE_OWN_KEY: put_reference(to, "ProviderKeySet", ""); break;
	case SHAPE_USAGE: put_list_of(to, "Usage"); break;
	case SHAPE_AUDIT: put_list_of(to, "Audit"); break;
	case SHAPE_ANY:
	case SHAPE_NONE: json_put_raw(to, S("{\"type\":\"object\"}")); break;
	}
	json_close(to, '}');
	json_close(to, '}');
}

static void
put_parameter(struct buf *to, const char *in, const struct query *q)
{
	json_open(to, '{');
	json_member(to, S("name"), slice_str(q->name));
	json_member(to, S("in"), slice_str(in));
	if (in[0] == 'p')
		put_raw_member(to, "required", "true");
	json_member(to, S("description"), slice_str(q->help));
	json_key(to, S("schema"));
	json_open(to, '{');
	json_member(to, S("type"), slice_str(q->type));
	json_close(to, '}');
	json_close(to, '}');
}

static void
put_parameters(struct buf *to, const struct surface *row, const struct service *s)
{
	static const struct query name = {"name", "string", "Its name."};

	json_key(to, S("parameters"));
	json_open(to, '[');
	if (row->star)
		put_parameter(to, "path", &name);
	for (const struct query *q = s->query; q != NULL && q->name != NULL; q++)
		put_parameter(to, "query", q);
	json_close(to, ']');
}

static void
put_replies(
    struct buf *to, const struct service *s, enum serve serve, enum account_level level)
{
	bool made = serve == SERVE_ADMIN_CREATE || serve == SERVE_ADMIN_CREDIT ||
		    serve == SERVE_ADMIN_OWN_KEY;

	json_key(to, S("responses"));
	json_open(to, '{');
	json_key(to, made ? S("201") : S("200"));
	json_open(to, '{');
	json_member(to, S("description"), S("Done."));
	put_shape(to, s->reply, level);
	json_close(to, '}');
	json_key(to, S("default"));
	json_put_raw(to, S("{\"description\":\"Refused: the status and the message say "
			   "why.\",\"content\":"
			   "{\"application/json\":{\"schema\":{\"$ref\":\"#/components/"
			   "schemas/Error\"}}}}"));
	json_close(to, '}');
}

static void
put_operation(struct buf *to, const struct surface *row)
{
	const struct service *s = &services[row->serve];
	enum account_level level = level_of_path(row->path);
	struct buf id;

	buf_init(&id, 128);
	for (size_t i = 0; i < row->method.len; i++)
		buf_byte(&id, (char)(row->method.ptr[i] | 0x20));
	json_key(to, buf_slice(&id));
	buf_clear(&id);
	buf_printf(&id, "%s%s", s->id, s->of_level ? titles[level] : "");
	json_open(to, '{');
	json_member(to, S("operationId"), buf_slice(&id));
	buf_free(&id);
	json_member(to, S("summary"), slice_str(s->summary));
	json_key(to, S("tags"));
	json_open(to, '[');
	json_quote(to, s->of_level ? level_word(level) : slice_str(s->id));
	json_close(to, ']');
	put_parameters(to, row, s);
	if (s->body != SHAPE_NONE) {
		json_key(to, S("requestBody"));
		json_open(to, '{');
		if (s->body != SHAPE_OVERLAP)
			put_raw_member(to, "required", "true");
		put_shape(to, s->body, level);
		json_close(to, '}');
	}
	put_replies(to, s, row->serve, level);
	json_close(to, '}');
}

static bool
same_path(const struct surface *a, const struct surface *b)
{
	return a->star == b->star && slice_eq(a->path, b->path) &&
	       slice_eq(a->behind, b->behind);
}

/* The path of row i with all its methods, unless an earlier row had it. */
static void
put_path(struct buf *to, unsigned i)
{
	const struct surface *row = surface_at(i), *other;
	struct buf path;

	for (unsigned k = 0; k < i; k++)
		if (same_path(surface_at(k), row))
			return;
	buf_init(&path, 512);
	buf_add(&path, row->path);
	buf_add(&path, row->star ? S("{name}") : S(""));
	buf_add(&path, row->behind);
	json_key(to, buf_slice(&path));
	buf_free(&path);
	json_open(to, '{');
	for (unsigned k = i; (other = surface_at(k)) != NULL; k++)
		if (same_path(other, row))
			put_operation(to, other);
	json_close(to, '}');
}

void
admin_openapi(struct request *r)
{
	const struct surface *row;
	struct buf to;

	buf_init(&to, DOCUMENT_BYTES);
	json_open(&to, '{');
	json_member(&to, S("openapi"), S("3.1.0"));
	json_key(&to, S("info"));
	json_open(&to, '{');
	json_member(&to, S("title"), S("weir's admin API"));
	json_member(&to, S("version"), S(WEIR_VERSION));
	json_close(&to, '}');
	put_raw_member(&to, "security", "[{\"adminKey\":[]}]");
	json_key(&to, S("paths"));
	json_open(&to, '{');
	for (unsigned i = 0; (row = surface_at(i)) != NULL; i++)
		if (row->door == DOOR_ADMIN)
			put_path(&to, i);
	json_close(&to, '}');
	json_key(&to, S("components"));
	json_open(&to, '{');
	put_raw_member(&to, "securitySchemes",
	    "{\"adminKey\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
	put_schemas(&to);
	json_close(&to, '}');
	json_close(&to, '}');
	request_reply(r, to.err, 200, S("application/json"), buf_slice(&to));
	buf_free(&to);
}
