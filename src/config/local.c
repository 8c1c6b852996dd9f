/*
 * Local models: `local.models`, and smollm2, which `make engine` fetches. An
 * engine that cannot run stays in the lists, with the reason.
 */
#include "config/loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SMOLLM2_FILE	"SmolLM2-135M-Instruct.Q4_1.gguf"
#define SMOLLM2_CONTEXT 8192

enum field { FIELD_FILE, FIELD_MMPROJ, FIELD_CONTEXT, FIELD_EMBEDDING, FIELDS };

static const char *const field_names[FIELDS] = {"file", "mmproj", "context", "embedding"};

/* Why a file can't be a model's; NULL: it can. */
static const char *
file_fault(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return strerror(errno);
	return S_ISREG(st.st_mode) ? NULL : "not a file";
}

/* Why the model is out: with the path for the operator, without it for callers. */
static void
set_missing(struct loading *l, const struct yaml_node *n, struct config_engine *engine,
    const char *what, const char *fault)
{
	report_warning(&l->report, loading_place(l, n),
	    "%s: %s; the local model \"%s\" is left out", what, fault, engine->name);
	if (engine->missing == NULL)
		engine->missing = loading_keep(l, "its file: %s", fault);
}

/* A path out of the entry; NULL where there is none. */
static char *
take_path(struct loading *l, const struct yaml_node *n, struct config_engine *engine)
{
	struct expansion e;
	const char *fault;
	char *path = NULL;

	if (!loading_expand(l, n, "a path", &e))
		return NULL;
	if (e.unset.len > 0) {
		report_warning(&l->report, loading_place(l, n),
		    "%.*s %s: the local model \"%s\" is left out", SLICE_ARGS(e.unset),
		    expand_fault(&e), engine->name);
		engine->missing =
		    loading_keep(l, "%.*s %s", SLICE_ARGS(e.unset), expand_fault(&e));
	} else {
		path = option_path(secret_reveal(&e.text));
		l->nomem = l->nomem || path == NULL;
		fault = path == NULL ? NULL : file_fault(path);
		if (fault != NULL)
			set_missing(l, n, engine, path, fault);
	}
	secret_free(&e.text);
	return path;
}

/* Takes over what the engine holds. */
static void
add_engine(struct loading *l, struct config_engine *engine)
{
	struct config *c = l->c;
	struct config_engine *more =
	    loading_more(l, c->engines, c->nengines, sizeof(*more));

	if (more != NULL)
		c->engines = more;
	if (more == NULL || engine->name == NULL) {
		l->nomem = true;
		free(engine->name);
		free(engine->file);
		free(engine->mmproj);
		return;
	}
	c->engines[c->nengines++] = *engine;
}

static void
read_engine(struct loading *l, const struct yaml_node *key)
{
	struct config_engine engine = {.name = loading_dup(l, key->text),
	    .context_tok = l->c->options.local_context,
	    .line = key->line};
	const struct yaml_node *v[FIELDS];
	char where[192];

	if (engine.name == NULL)
		return;
	(void)snprintf(where, sizeof(where), "local.models.%s", QUOTE(key->text));
	if (!loading_members(l, key->value, slice_str(where), field_names, FIELDS, v)) {
		add_engine(l, &engine); /* known, so that `models:` may name it */
		return;
	}
	if (v[FIELD_FILE] != NULL)
		engine.file = take_path(l, v[FIELD_FILE], &engine);
	else
		report_error(&l->report, loading_place(l, key),
		    "the local model \"%s\" has no file", QUOTE(key->text));
	if (engine.file == NULL)
		engine.file = loading_dup(l, S(""));
	if (v[FIELD_MMPROJ] != NULL)
		engine.mmproj = take_path(l, v[FIELD_MMPROJ], &engine);
	if (v[FIELD_CONTEXT] != NULL)
		(void)loading_count(
		    l, v[FIELD_CONTEXT], 128, 1u << 24, &engine.context_tok);
	if (v[FIELD_EMBEDDING] != NULL)
		(void)loading_bool(l, v[FIELD_EMBEDDING], &engine.embedding);
	add_engine(l, &engine);
}

static void
add_smollm2(struct loading *l)
{
	const char *cache = expand_variable("XDG_CACHE_HOME"),
		   *home = expand_variable("HOME");
	struct config_engine engine = {.context_tok = SMOLLM2_CONTEXT};
	char path[4096];
	int n;

	if (cache != NULL && cache[0] == '/')
		n = snprintf(path, sizeof(path), "%s/weir/models/" SMOLLM2_FILE, cache);
	else
		n = snprintf(path, sizeof(path), "%s/.cache/weir/models/" SMOLLM2_FILE,
		    home == NULL ? "" : home);
	if (n < 0 || (size_t)n >= sizeof(path))
		return;
	engine.name = loading_dup(l, S("smollm2"));
	engine.file = loading_dup(l, slice_str(path));
	if (engine.file != NULL && file_fault(path) != NULL)
		engine.missing = "not fetched: run `make engine`";
	add_engine(l, &engine);
}

void
local_load(struct loading *l)
{
	const struct yaml_node *map =
	    yaml_get(yaml_get(l->root, S("local")), S("models"));

	if (map != NULL && map->kind == YAML_MAP)
		for (const struct yaml_node *k = map->first; k != NULL; k = k->next)
			if (loading_model_name(l, k, k->text))
				read_engine(l, k);
	if (map != NULL && map->kind != YAML_MAP && !yaml_is_null(map))
		loading_unexpected(l, map, "a mapping of names to models");
	if (!l->nomem && local_named(l->c, S("smollm2")) == NULL)
		add_smollm2(l);
}

const struct config_engine *
local_named(const struct config *c, struct slice name)
{
	for (unsigned i = 0; i < c->nengines; i++)
		if (slice_eq(slice_str(c->engines[i].name), name))
			return &c->engines[i];
	return NULL;
}

void
local_fill(struct loading *l, struct offer *o, const struct config_engine *e)
{
	struct price *price = catalog_add_price(l->c->catalog, o);

	if (price == NULL) {
		l->nomem = true;
		return;
	}
	/* Known to be nothing, which is not the same as not known. */
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		price->rate[c].per = PRICE_TOKENS;
	o->context_tok = e->context_tok;
	o->missing = e->missing;
	if (e->mmproj != NULL)
		o->can |= CAP_VISION;
	else
		o->cannot |= CAP_VISION | CAP_AUDIO;
}

void
local_offer(struct loading *l)
{
	struct catalog *c = l->c->catalog;
	struct provider *local = catalog_provider(c, S("local"));

	for (unsigned i = 0; i < l->c->nengines && !l->nomem; i++) {
		const struct config_engine *e = &l->c->engines[i];
		struct slice name = slice_str(e->name);
		struct model *m = catalog_model(c, name);
		struct offer *o;

		if (m != NULL && m->configured)
			continue;
		o = m == NULL ? NULL : catalog_offer(c, m, local, name);
		if (o == NULL) {
			l->nomem = true;
			return;
		}
		if (m->noffers == 1)
			m->op = e->embedding ? OP_EMBEDDING : OP_CHAT;
		local_fill(l, o, e);
	}
}
