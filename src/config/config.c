#include "config/config.h"

#include "config/loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TREE_BYTES_MAX	   (32u << 20)
#define WARNINGS_BYTES_MAX (256u << 10)

/* --- the file --- */

/* Reads the file at that path; false when there is none and none was asked for. */
static bool
read_file(struct loading *l, const char *path, bool wanted)
{
	struct buf text;
	int error;
	bool found;

	buf_init(&text, YAML_BYTES_MAX + 1);
	error = loading_file(path, &text);
	found = wanted || (error != ENOENT && error != ENOTDIR);
	if (found) {
		l->c->file = loading_dup(l, slice_str(path));
		l->source = l->c->file;
	}
	if (error == ENOMEM || (found && l->source == NULL))
		l->nomem = true;
	else if (error == EFBIG)
		report_error(&l->report, (struct place){path, 0, 0},
		    "more than %u bytes; a configuration is smaller", YAML_BYTES_MAX);
	else if (found && error != 0)
		report_error(&l->report, (struct place){path, 0, 0}, "cannot read: %s",
		    strerror(error));
	else if (found && yaml_read(buf_slice(&text), l->source, &l->arena, &l->report,
			      &l->root) == ERR_NOMEM)
		l->nomem = true;
	if (text.len > 0)
		secret_wipe(text.ptr, text.len);
	buf_free(&text);
	return found;
}

/* The user's own: $XDG_CONFIG_HOME/weir/weir.yaml, else ~/.config/weir/weir.yaml. */
static bool
read_user_file(struct loading *l)
{
	const char *xdg = expand_variable("XDG_CONFIG_HOME"),
		   *home = expand_variable("HOME");
	char path[4096];
	int n;

	if (xdg != NULL && xdg[0] == '/')
		n = snprintf(path, sizeof(path), "%s/weir/weir.yaml", xdg);
	else if (home != NULL)
		n = snprintf(path, sizeof(path), "%s/.config/weir/weir.yaml", home);
	else
		return false;
	return n > 0 && (size_t)n < sizeof(path) && read_file(l, path, false);
}

static void
find_file(struct loading *l, const char *file)
{
	if (file != NULL)
		(void)read_file(l, file, true);
	else if (!read_file(l, "weir.yaml", false) && !read_user_file(l))
		(void)read_file(l, "/etc/weir/weir.yaml", false);
}

/* --- loading --- */

static struct config *
new_config(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	buf_init(&c->warnings, WARNINGS_BYTES_MAX);
	c->catalog = catalog_new();
	if (c->catalog == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

/* The order matters: each part needs those before it. */
static void
load_parts(struct loading *l)
{
	static void (*const parts[])(struct loading * l) = {options_load, keys_load,
	    providers_load, models_read_catalog, local_load, models_load, local_offer,
	    check_load};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !l->nomem; i++)
		parts[i](l);
	if (!l->nomem && catalog_seal(l->c->catalog) != ERR_OK)
		l->nomem = true;
}

enum err
config_load(const char *file, struct config **ret_config, struct buf *errors)
{
	return config_load_prices(file, NULL, ret_config, errors);
}

enum err
config_load_prices(
    const char *file, const char *prices, struct config **ret_config, struct buf *errors)
{
	struct loading l = {.c = new_config(), .prices = prices};
	bool good;

	if (l.c == NULL)
		return ERR_NOMEM;
	report_init(&l.report);
	arena_init(&l.arena, NULL, 0, TREE_BYTES_MAX);
	find_file(&l, file);
	if (!l.nomem)
		load_parts(&l);
	good = !l.nomem && l.report.nerrors == 0;
	if (report_write(&l.report, good ? &l.c->warnings : errors) != ERR_OK)
		l.nomem = true;
	report_done(&l.report);
	yaml_wipe(l.root);
	arena_free(&l.arena);
	if (good && !l.nomem) {
		*ret_config = l.c;
		return ERR_OK;
	}
	config_unref(l.c);
	return l.nomem ? ERR_NOMEM : ERR_SYNTAX;
}

/* --- life --- */

struct config *
config_ref(struct config *c)
{
	(void)atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
config_unref(struct config *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	option_done(&c->options);
	catalog_free(c->catalog);
	for (unsigned i = 0; i < c->nkeys; i++)
		free(c->keys[i].name);
	for (unsigned i = 0; i < c->nengines; i++) {
		free(c->engines[i].name);
		free(c->engines[i].file);
		free(c->engines[i].mmproj);
	}
	free(c->keys);
	free(c->engines);
	free(c->models);
	free(c->provider_lines);
	free(c->file);
	tls_context_unref(c->tls_client);
	tls_context_unref(c->tls_server);
	free(c->webhook_host.name);
	free(c->webhook_path);
	buf_free(&c->warnings);
	free(c);
}
