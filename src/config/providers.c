/*
 * Providers: the built-in rows, each with what an entry of `providers:` changes,
 * then the entries of other names. Keys come from an entry's api_key, else from
 * the row's variables.
 */
#include "config/aws.h"
#include "config/google.h"
#include "config/loading.h"

#include "dialect/dialect.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 64

enum field {
	FIELD_DIALECT,
	FIELD_BASE_URL,
	FIELD_API_KEY,
	FIELD_AUTH,
	FIELD_QUIRKS,
	FIELD_LIMITS,
	FIELD_ID_HEADER,
	FIELD_LOCAL,
	FIELD_DATA_COLLECTION,
	FIELD_TITLE,
	FIELD_DISCOUNT,
	FIELDS
};

static const char *const field_names[FIELDS] = {"dialect", "base_url", "api_key", "auth",
    "quirks", "limits", "id_header", "local", "data_collection", "title", "discount"};

/* A provider in the making. */
struct making {
	struct loading *l;
	struct provider *p;
	const struct provider_row *row; /* NULL: a new one */
	const struct yaml_node *key;	/* of its entry; NULL: none */
	const struct yaml_node *value[FIELDS];
	bool broken;		 /* the entry can't be read at all */
	const char *missing;	 /* the first reason why it can't be used */
	const char *missing_key; /* why a key of the entry can't */
};

static void
set_missing(struct making *m, const char *why)
{
	if (m->missing == NULL)
		m->missing = why;
}

/* Replaces a text of the provider. */
static void
set_text(struct making *m, char **field, struct slice text)
{
	char *copy = loading_dup(m->l, text);

	if (copy == NULL)
		return;
	free(*field);
	*field = copy;
}

/* --- keys --- */

static bool
is_key(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	return s.len > 0;
}

/* Without blanks and line ends around it: files that hold keys end with one. */
static struct slice
trim_key(struct slice s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.ptr[0]) != NULL)
		s = slice_from(s, 1);
	while (s.len > 0 && strchr(" \t\r\n", s.ptr[s.len - 1]) != NULL)
		s.len--;
	return s;
}

/* Adds the keys of a text, apart by commas. Returns what is wrong, or NULL. */
static const char *
add_keys(struct making *m, struct slice text)
{
	struct provider *p = m->p;

	while (text.ptr != NULL) {
		struct slice key = trim_key(slice_cut(&text, ','));

		if (key.len == 0)
			continue;
		if (!is_key(key))
			return "holds a character that no key has";
		if (p->nkeys == PROVIDER_KEYS_MAX)
			return "holds too many keys";
		p->keys[p->nkeys] = secret_new(key);
		if (p->keys[p->nkeys].bytes == NULL) {
			m->l->nomem = true;
			return NULL;
		}
		p->nkeys++;
	}
	return NULL;
}

static void
key_of_node(struct making *m, const struct yaml_node *n)
{
	struct loading *l = m->l;
	unsigned before = m->p->nkeys;
	struct expansion e;
	const char *wrong;

	if (!loading_expand(l, n, "a key, or a list of keys", &e))
		return;
	if (e.name.len > 0 && n == m->value[FIELD_API_KEY])
		set_text(m, &m->p->key_variable, e.name);
	wrong = add_keys(m, secret_reveal(&e.text));
	if (wrong != NULL) {
		report_error(&l->report, loading_place(l, n), "api_key %s", wrong);
	} else if (m->p->nkeys == before && e.unset.len > 0) {
		report_warning(&l->report, loading_place(l, n),
		    "%.*s %s: no key for provider \"%s\"", SLICE_ARGS(e.unset),
		    expand_fault(&e), m->p->name);
		m->missing_key =
		    loading_keep(l, "%.*s %s", SLICE_ARGS(e.unset), expand_fault(&e));
	} else if (m->p->nkeys == before) {
		report_error(&l->report, loading_place(l, n), "api_key is empty");
	}
	secret_free(&e.text);
}

static void
keys_of_entry(struct making *m)
{
	const struct yaml_node *n = m->value[FIELD_API_KEY];

	set_text(m, &m->p->key_variable, S("")); /* the row's does not count here */
	if (n->kind != YAML_LIST)
		key_of_node(m, n);
	else if (n->first == NULL)
		report_error(&m->l->report, loading_place(m->l, n), "api_key is empty");
	else
		for (const struct yaml_node *i = n->first; i != NULL; i = i->next)
			key_of_node(m, i);
	if (m->p->nkeys == 0) /* one of several is enough */
		set_missing(m, m->missing_key);
}

/* The first that is set of the row's variables ("A|B"). */
static void
keys_of_variables(struct making *m)
{
	struct slice names = slice_str(m->p->key_variable);

	while (names.ptr != NULL && m->p->nkeys == 0) {
		struct slice name = slice_cut(&names, '|');
		char text[NAME_BYTES_MAX];
		const char *wrong;

		if (name.len == 0 || name.len >= sizeof(text))
			continue;
		memcpy(text, name.ptr, name.len);
		text[name.len] = '\0';
		wrong = add_keys(m, slice_str(expand_variable(text)));
		if (wrong == NULL)
			continue;
		report_warning(&m->l->report, (struct place){text, 0, 0},
		    "%s; provider \"%s\" does without", wrong, m->p->name);
		if (m->p->nkeys == 0)
			set_missing(m, loading_keep(m->l, "%s %s", text, wrong));
	}
}

/* "no key: set A or B" */
static void
miss_key(struct making *m)
{
	struct slice names = slice_str(m->p->key_variable);
	struct note text;

	if (names.len == 0) {
		if (m->key != NULL)
			report_error(&m->l->report, loading_place(m->l, m->key),
			    "provider \"%s\" has no api_key; without need for one say "
			    "\"auth: none\"",
			    m->p->name);
		return;
	}
	note_set(&text, "no key: set ");
	for (bool first = true; names.ptr != NULL; first = false) {
		struct slice name = slice_cut(&names, '|');

		note_add(&text, "%s%.*s", first ? "" : " or ", SLICE_ARGS(name));
	}
	set_missing(m, loading_keep(m->l, "%s", text.text));
}

/* Where an access key of AWS is found, requests are signed with it. */
static void
sign_with_aws(struct making *m)
{
	struct slice region;
	struct note why;
	struct aws aws;
	enum err e = aws_find(&aws, &why);

	if (e == ERR_NOT_FOUND)
		set_missing(m, loading_keep(m->l, "%s", why.text));
	m->l->nomem = m->l->nomem || e == ERR_NOMEM;
	if (e != ERR_OK)
		return;
	m->p->auth = AUTH_AWS;
	m->p->aws = aws.key;
	aws.key = (struct sigv4_credentials){0};
	region =
	    m->p->host.name == NULL ? S("") : sigv4_region_of(slice_str(m->p->host.name));
	if (region.len == 0 && aws.region != NULL)
		region = slice_str(aws.region);
	m->p->aws_region = loading_dup(m->l, region.len > 0 ? region : S("us-east-1"));
	aws_done(&aws);
}

/* Where Google's own tools would use a service account, tokens that it is given are sent.
 * The row's address is then the account's project and a location. */
static void
sign_with_google(struct making *m)
{
	struct google g;
	struct note why;
	struct buf url;
	enum err e = google_find(&g, &why);

	if (e == ERR_NOT_FOUND)
		set_missing(m, loading_keep(m->l, "%s", why.text));
	m->l->nomem = m->l->nomem || e == ERR_NOMEM;
	if (e != ERR_OK)
		return;
	m->p->auth = AUTH_GOOGLE;
	m->p->google = g.account;
	g.account = (struct jwt_account){0};
	buf_init(&url, 4096);
	if (m->row != NULL && m->value[FIELD_BASE_URL] == NULL) {
		google_put_url(&g, &url);
		if (g.project[0] == '\0')
			set_missing(m, "GOOGLE_CLOUD_PROJECT is not set");
		else if (url.err != ERR_OK ||
			 provider_set_url(m->p, buf_slice(&url)) != ERR_OK)
			m->l->nomem = true;
	}
	buf_free(&url);
	google_done(&g);
}

static void
take_keys(struct making *m)
{
	const struct yaml_node *auth = m->value[FIELD_AUTH],
			       *key = m->value[FIELD_API_KEY];
	bool none = auth != NULL && m->p->auth == AUTH_OPTIONAL;

	if (m->p->auth == AUTH_ENGINE)
		return;
	if (m->p->auth == AUTH_AWS) {
		sign_with_aws(m);
		return;
	}
	if (m->p->auth == AUTH_GOOGLE) {
		sign_with_google(m);
		return;
	}
	if (none && key != NULL)
		report_error(&m->l->report, loading_place(m->l, key),
		    "an api_key and \"auth: none\": one of them is too much");
	else if (key != NULL)
		keys_of_entry(m);
	else if (!none)
		keys_of_variables(m);
	if (m->p->nkeys == 0 && m->p->dialect == DIALECT_BEDROCK && auth == NULL &&
	    key == NULL && m->row != NULL) {
		sign_with_aws(m);
		return;
	}
	if (m->p->nkeys == 0 && m->p->dialect == DIALECT_GEMINI && auth == NULL &&
	    key == NULL && m->row != NULL) {
		sign_with_google(m);
		return;
	}
	if (m->p->nkeys == 0 && m->p->auth != AUTH_OPTIONAL && m->missing == NULL &&
	    key == NULL)
		miss_key(m);
}

/* --- the address --- */

/* "//" behind a variable's own slash; the one of "https://" stays. */
static struct slice
squeeze_slashes(struct secret *url)
{
	char *from = url->bytes, *to = url->bytes, *scheme = strstr(from, "://");

	for (; *from != '\0'; from++)
		if (*from != '/' || from[1] != '/' ||
		    (scheme != NULL && from <= scheme + 2))
			*to++ = *from;
	*to = '\0';
	url->len = (size_t)(to - url->bytes);
	return secret_reveal(url);
}

/* What is wrong with a URL, for people; NULL: nothing. */
static const char *
set_url(struct making *m, struct slice url)
{
	enum err e;

	if (slice_find(url, '@') < url.len)
		return "a user name in a URL is not supported; give the key as api_key";
	if (slice_ends(url, S("/chat/completions")))
		return "the URL without \"/chat/completions\" is wanted";
	e = provider_set_url(m->p, url);
	if (e == ERR_NOMEM)
		m->l->nomem = true;
	return e == ERR_SYNTAX ? "bad URL; expected https://HOST/PATH or "
				 "http://HOST:PORT/PATH"
			       : NULL;
}

/* As it stands in the file, but for a password. */
static const char *
quote_url(struct quote *q, struct slice s)
{
	size_t at = slice_rfind(s, '@');

	return report_quote(q, at == s.len ? s : slice_from(s, at));
}

static void
url_of_entry(struct making *m)
{
	const struct yaml_node *n = m->value[FIELD_BASE_URL];
	struct loading *l = m->l;
	struct expansion e;
	struct quote q;
	const char *wrong;

	if (!loading_expand(l, n, "a URL", &e))
		return;
	if (e.unset.len > 0) {
		report_warning(&l->report, loading_place(l, n),
		    "%.*s %s: provider \"%s\" is left out", SLICE_ARGS(e.unset),
		    expand_fault(&e), m->p->name);
		set_missing(
		    m, loading_keep(l, "%.*s %s", SLICE_ARGS(e.unset), expand_fault(&e)));
	} else {
		wrong = set_url(m, squeeze_slashes(&e.text));
		if (wrong != NULL)
			report_error(&l->report, loading_place(l, n),
			    "base_url \"%s\": %s", quote_url(&q, n->text), wrong);
	}
	secret_free(&e.text);
}

/* The row's address, in which a ${NAME} may stand. */
static void
url_of_row(struct making *m)
{
	struct slice raw = slice_str(m->row->base_url);
	struct slice name = slice_from(raw, slice_search(raw, S("${")) + 2);
	struct loading *l = m->l;
	struct expansion e;
	const char *wrong;

	name = slice_head(name, slice_find(name, '}'));
	if (expand(raw, &e) != ERR_OK) {
		l->nomem = true; /* our rows are well written */
		return;
	}
	if (e.unset.len > 0) {
		set_missing(
		    m, loading_keep(l, "%.*s %s", SLICE_ARGS(e.unset), expand_fault(&e)));
	} else {
		wrong = set_url(m, squeeze_slashes(&e.text));
		if (wrong != NULL) {
			report_warning(&l->report,
			    (struct place){
				loading_keep(l, "%.*s", SLICE_ARGS(name)), 0, 0},
			    "%s; provider \"%s\" is left out", wrong, m->p->name);
			set_missing(
			    m, loading_keep(l, "%.*s gives no URL", SLICE_ARGS(name)));
		}
	}
	secret_free(&e.text);
}

/* Another provider that a name without address may have meant. */
static void
want_url(struct making *m)
{
	struct nearest nearest;
	struct note hint;
	unsigned n;
	const struct provider_row *rows = provider_rows(&n);

	nearest_init(&nearest, slice_str(m->p->name));
	for (unsigned i = 0; i < n; i++)
		nearest_try(&nearest, slice_str(rows[i].name));
	nearest_tell(&nearest, "", &hint);
	report_error(&m->l->report, loading_place(m->l, m->key),
	    "provider \"%s\" is not built in and has no base_url%s", m->p->name,
	    hint.text);
}

static void
take_url(struct making *m)
{
	const struct yaml_node *local = m->value[FIELD_LOCAL];

	if (m->value[FIELD_BASE_URL] != NULL)
		url_of_entry(m);
	else if (m->row == NULL && !m->broken)
		want_url(m);
	else if (m->row != NULL && m->row->base_url[0] != '\0')
		url_of_row(m);
	if (local != NULL)
		(void)loading_bool(m->l, local, &m->p->local);
}

/* --- the plain fields --- */

static void
take_dialect(struct making *m)
{
	const char *words[DIALECT_NATIVE]; /* which is no configuration's */
	const struct yaml_node *n = m->value[FIELD_DIALECT];
	unsigned i;

	for (i = 0; i < DIALECT_NATIVE; i++)
		words[i] = dialect_name((enum dialect_id)i);
	if (n == NULL || !loading_word(m->l, n, words, DIALECT_NATIVE, &i))
		return;
	m->p->dialect = (enum dialect_id)i;
}

static void
take_auth(struct making *m)
{
	static const char *const words[] = {
	    "bearer", "api-key", "x-api-key", "none", "x-goog-api-key", "aws", "google"};
	const struct yaml_node *n = m->value[FIELD_AUTH];
	unsigned i;

	if (n != NULL && loading_word(m->l, n, words, 7, &i))
		m->p->auth = (enum auth)i;
	else if (m->row == NULL)
		m->p->auth = m->value[FIELD_API_KEY] == NULL	  ? AUTH_OPTIONAL
			     : m->p->dialect == DIALECT_ANTHROPIC ? AUTH_X_API_KEY
			     : m->p->dialect == DIALECT_GEMINI	  ? AUTH_X_GOOG_API_KEY
								  : AUTH_BEARER;
}

/* A built-in host speaks its further dialects, those on other paths only where its
 * base URL is the built-in one. */
static void
take_faces(struct making *m)
{
	unsigned n;
	const struct face *all = provider_faces(&n);

	if (m->row == NULL || m->value[FIELD_DIALECT] != NULL)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(all[i].provider, m->p->name) != 0 ||
		    (all[i].path[0] != '\0' && m->value[FIELD_BASE_URL] != NULL))
			continue;
		if (m->p->nfaces < PROVIDER_FACES_MAX)
			m->p->faces[m->p->nfaces++] = &all[i];
	}
}

static void
take_quirks(struct making *m)
{
	const struct yaml_node *n = m->value[FIELD_QUIRKS];
	const char *names[QUIRKS];
	unsigned quirks = 0, bit;

	if (n == NULL)
		return;
	if (n->kind != YAML_LIST) {
		loading_unexpected(m->l, n, "a list of quirks");
		return;
	}
	for (unsigned i = 0; i < QUIRKS; i++)
		names[i] = quirk_name(i);
	for (const struct yaml_node *i = n->first; i != NULL; i = i->next)
		if (loading_word(m->l, i, names, QUIRKS, &bit))
			quirks |= 1u << bit;
	m->p->quirks = quirks;
}

static void
take_data_collection(struct making *m)
{
	static const char *const words[] = {"allow", "deny"};
	unsigned i;

	if (m->value[FIELD_DATA_COLLECTION] != NULL &&
	    loading_word(m->l, m->value[FIELD_DATA_COLLECTION], words, 2, &i))
		m->p->keeps_no_data = i == 1;
}

static void
take_text(struct making *m, enum field field, char **to)
{
	const struct yaml_node *n = m->value[field];
	struct secret text;

	if (n == NULL || !loading_text(m->l, n, "a text", &text))
		return;
	set_text(m, to, secret_reveal(&text));
	secret_free(&text);
}

static void
take_id_header(struct making *m)
{
	take_text(m, FIELD_ID_HEADER, &m->p->id_header);
	if (!m->l->nomem && m->p->id_header[0] != '\0' &&
	    !loading_is_header(slice_str(m->p->id_header)))
		report_error(&m->l->report,
		    loading_place(m->l, m->value[FIELD_ID_HEADER]),
		    "expected the name of a header, found \"%s\"",
		    QUOTE(slice_str(m->p->id_header)));
}

/* --- one provider --- */

static struct provider *
new_provider(struct loading *l, const struct provider_row *row, struct slice name)
{
	static const struct provider_row usual = {.alias = "",
	    .title = "",
	    .key_variable = "",
	    .base_url = "",
	    .auth = AUTH_BEARER,
	    .id_header = "x-request-id"};
	struct provider *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		l->nomem = true;
		return NULL;
	}
	if (row == NULL)
		row = &usual;
	p->name = loading_dup(l, name);
	p->alias = loading_dup(l, slice_str(row->alias));
	p->title = loading_dup(l, row == &usual ? name : slice_str(row->title));
	p->key_variable = loading_dup(l, slice_str(row->key_variable));
	p->id_header = loading_dup(l, slice_str(row->id_header));
	p->dialect = row->dialect;
	p->auth = row->auth;
	p->limits = row->limits;
	p->quirks = row->quirks;
	if (row->auth == AUTH_ENGINE) {
		p->local = true;
		p->path = loading_dup(l, S("/v1"));
		p->host_header = loading_dup(l, S("127.0.0.1"));
	}
	return p;
}

/* Gives the provider to the catalog, or frees it. */
static void
add_provider(struct making *m)
{
	struct config *c = m->l->c;
	unsigned n = c->catalog->nproviders,
		 *lines = loading_more(m->l, c->provider_lines, n, sizeof(*lines));

	if (lines != NULL)
		c->provider_lines = lines;
	/* Two of a name don't get here. */
	if (m->l->nomem || catalog_add_provider(c->catalog, m->p) != ERR_OK) {
		m->l->nomem = true;
		provider_done(m->p);
		free(m->p);
		return;
	}
	m->p->configured = m->key != NULL;
	c->provider_lines[n] = m->key == NULL ? 0 : m->key->line;
}

static void
make_provider(struct loading *l, const struct provider_row *row, struct slice name,
    const struct yaml_node *key)
{
	struct making m = {.l = l, .row = row, .key = key};

	m.p = new_provider(l, row, name);
	if (m.p == NULL)
		return;
	if (l->nomem) {
		add_provider(&m);
		return;
	}
	if (key != NULL && !yaml_is_null(key->value)) {
		char where[NAME_BYTES_MAX + 16];

		(void)snprintf(where, sizeof(where), "providers.%s", m.p->name);
		m.broken = !loading_members(
		    l, key->value, slice_str(where), field_names, FIELDS, m.value);
	}
	take_dialect(&m);
	take_auth(&m);
	take_faces(&m);
	take_quirks(&m);
	caps_of_provider(l, m.value[FIELD_LIMITS], row == NULL, m.p);
	take_data_collection(&m);
	if (m.value[FIELD_DISCOUNT] != NULL)
		(void)loading_percent(l, m.value[FIELD_DISCOUNT], &m.p->discount_bp);
	take_text(&m, FIELD_TITLE, &m.p->title);
	take_id_header(&m);
	take_url(&m);
	take_keys(&m);
	if (row != NULL && row->auth == AUTH_ENGINE &&
	    strcmp(l->c->options.local_engine, "off") == 0)
		set_missing(&m, "local.engine is off");
	m.p->missing = m.missing;
	add_provider(&m);
}

/* --- all of them --- */

/* The entry of a built-in provider, under its name or its alias. */
static const struct yaml_node *
entry_of(struct loading *l, const struct yaml_node *map, const struct provider_row *row)
{
	const struct yaml_node *found = NULL;

	if (map == NULL)
		return NULL;
	for (const struct yaml_node *k = map->first; k != NULL; k = k->next) {
		if (!slice_eq(k->text, slice_str(row->name)) &&
		    (row->alias[0] == '\0' || !slice_eq(k->text, slice_str(row->alias))))
			continue;
		if (row->auth == AUTH_ENGINE)
			report_error(&l->report, loading_place(l, k),
			    "\"local\" is weir's own engine; its models are in "
			    "local.models");
		else if (found != NULL)
			report_error(&l->report, loading_place(l, k),
			    "\"%s\" is another name of \"%s\" in line %u", QUOTE(k->text),
			    QUOTE(found->text), found->line);
		else
			found = k;
	}
	return found;
}

static bool
is_built_in(struct slice name)
{
	unsigned n;
	const struct provider_row *rows = provider_rows(&n);

	for (unsigned i = 0; i < n; i++)
		if (slice_eq(name, slice_str(rows[i].name)) ||
		    (name.len > 0 && slice_eq(name, slice_str(rows[i].alias))))
			return true;
	return false;
}

/* A name can stand in a model string: `model:NAME`, `NAME/model`. */
static bool
check_name(struct loading *l, const struct yaml_node *key)
{
	struct slice s = key->text;
	enum policy policy;
	bool good = s.len > 0 && s.len <= NAME_BYTES_MAX && s.ptr[0] != '.';

	for (size_t i = 0; i < s.len && good; i++)
		good = (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') ||
		       (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') ||
		       (s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '-' ||
		       s.ptr[i] == '_' || s.ptr[i] == '.';
	if (!good)
		report_error(&l->report, loading_place(l, key),
		    "a provider's name is letters, digits, \"-\", \"_\" and \".\", "
		    "found \"%s\"",
		    QUOTE(s));
	else if (policy_parse(s, &policy))
		report_error(&l->report, loading_place(l, key),
		    "\"%s\" is a policy and cannot be a provider's name", QUOTE(s));
	else
		return true;
	return false;
}

void
providers_load(struct loading *l)
{
	const struct yaml_node *map = yaml_get(l->root, S("providers"));
	unsigned n;
	const struct provider_row *rows = provider_rows(&n);

	if (map != NULL && map->kind != YAML_MAP) {
		if (!yaml_is_null(map))
			loading_unexpected(l, map, "a mapping of providers");
		map = NULL;
	}
	for (unsigned i = 0; i < n && !l->nomem; i++)
		make_provider(
		    l, &rows[i], slice_str(rows[i].name), entry_of(l, map, &rows[i]));
	for (const struct yaml_node *k = map == NULL ? NULL : map->first;
	     k != NULL && !l->nomem; k = k->next)
		if (!is_built_in(k->text) && check_name(l, k))
			make_provider(l, NULL, k->text, k);
}

struct provider *
providers_named(struct loading *l, struct slice name, struct place at)
{
	struct catalog *c = l->c->catalog;
	struct provider *p = catalog_provider(c, name);
	struct nearest nearest;
	struct note hint;

	if (p != NULL)
		return p;
	nearest_init(&nearest, name);
	for (unsigned i = 0; i < c->nproviders; i++)
		nearest_try(&nearest, slice_str(c->providers[i]->name));
	nearest_tell(&nearest, "", &hint);
	report_error(&l->report, at, "unknown provider \"%s\"%s", QUOTE(name), hint.text);
	return NULL;
}
