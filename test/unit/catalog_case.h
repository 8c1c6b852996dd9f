/*
 * catalog_case: small catalogs for the tests of what stands on them: providers by
 * name, models out of a text in the catalog's own format.
 */
#ifndef UNIT_CATALOG_CASE_H
#define UNIT_CATALOG_CASE_H

#include "provider/catalog.h"

#include "test.h"

#include <stdlib.h>

static inline void
set_text(char **to, struct slice text)
{
	free(*to);
	*to = slice_dup(text);
	assert_non_null(*to);
}

/* A provider with one key at http://NAME.test/v1. */
static inline struct provider *
new_provider(struct slice name)
{
	struct provider *p = calloc(1, sizeof(*p));
	char url[100];

	assert_non_null(p);
	set_text(&p->name, name);
	set_text(&p->alias, S(""));
	set_text(&p->title, name);
	set_text(&p->key_variable, S("A_KEY|B_KEY"));
	set_text(&p->id_header, S(""));
	(void)snprintf(url, sizeof(url), "http://%.*s.test/v1", SLICE_ARGS(name));
	assert_int_equal(provider_set_url(p, slice_str(url)), ERR_OK);
	p->keys[0] = secret_new(S("k0"));
	p->nkeys = 1;
	return p;
}

/* An unsealed catalog with the providers of these names, which blanks part. */
static inline struct catalog *
new_catalog(const char *providers)
{
	struct catalog *c = catalog_new();
	struct slice names = slice_str(providers);

	assert_non_null(c);
	while (names.ptr != NULL) {
		struct slice name = slice_cut(&names, ' ');

		if (name.len > 0)
			assert_int_equal(
			    catalog_add_provider(c, new_provider(name)), ERR_OK);
	}
	return c;
}

/* Reads the members of "models", written with ' for ". */
static inline enum err
read_models(struct catalog *c, const char *models, struct note *note)
{
	size_t n = strlen(models);
	char *text = malloc(n + 20);
	size_t at;
	enum err e;

	assert_non_null(text);
	n = (size_t)snprintf(text, n + 20, "{\"models\": {%s}}", models);
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\'')
			text[i] = '"';
	e = catalog_read(c, slice_of(text, n), &at, note);
	free(text);
	return e;
}

/* The sealed catalog of these providers and models. */
static inline struct catalog *
make_catalog(const char *providers, const char *models)
{
	struct catalog *c = new_catalog(providers);
	struct note note = {""};

	if (read_models(c, models, &note) != ERR_OK)
		fail_msg("%s", note.text);
	assert_int_equal(catalog_seal(c), ERR_OK);
	return c;
}

/* The built-in catalog with all built-in providers, each with a key. */
static inline struct catalog *
builtin_catalog(void)
{
	struct catalog *c = catalog_new();
	unsigned n;
	const struct provider_row *rows = provider_rows(&n);
	struct note note = {""};
	size_t at;

	assert_non_null(c);
	for (unsigned i = 0; i < n; i++) {
		struct provider *p = new_provider(slice_str(rows[i].name));

		set_text(&p->alias, slice_str(rows[i].alias));
		p->dialect = rows[i].dialect;
		assert_int_equal(catalog_add_provider(c, p), ERR_OK);
	}
	if (catalog_read(c, catalog_builtin(), &at, &note) != ERR_OK)
		fail_msg("%s", note.text);
	assert_int_equal(catalog_seal(c), ERR_OK);
	return c;
}

/* The n-th offer of the model, which must be there. */
static inline struct offer *
offer_at(const struct catalog *c, const char *model, unsigned n)
{
	const struct model *m = catalog_find(c, slice_str(model));
	struct offer *o;

	assert_non_null(m);
	for (o = m->offers; n > 0 && o != NULL; n--)
		o = o->next;
	assert_non_null(o);
	return o;
}

#endif
