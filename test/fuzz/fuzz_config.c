/*
 * Any bytes as a configuration: read or refused with a line, nothing else. The
 * catalog is left out, which would take most of the time.
 */
#include "config/loading.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
load(struct loading *l)
{
	static void (*const parts[])(struct loading * l) = {options_load, keys_load,
	    providers_load, local_load, models_load, local_offer, check_load};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !l->nomem; i++)
		parts[i](l);
	if (!l->nomem && catalog_seal(l->c->catalog) != ERR_OK)
		l->nomem = true;
}

static struct config *
new_config(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->catalog = catalog_new()) == NULL)
		abort();
	atomic_init(&c->refs, 1);
	buf_init(&c->warnings, 1u << 20);
	return c;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loading l = {.c = new_config(), .source = "fuzz"};
	struct buf lines;
	enum err e;

	buf_init(&lines, 1u << 20);
	report_init(&l.report);
	arena_init(&l.arena, NULL, 0, 64u << 20);
	l.c->file = slice_dup(S("fuzz"));
	e = yaml_read(
	    slice_of((const char *)data, size), "fuzz", &l.arena, &l.report, &l.root);
	if (e == ERR_OK)
		load(&l);
	if (l.nomem || (e != ERR_OK && l.report.nerrors == 0))
		abort();
	if (report_write(&l.report, &lines) != ERR_OK ||
	    (l.report.nerrors > 0) > (lines.len > 0))
		abort();
	if (l.report.nerrors == 0)
		config_print(l.c, &lines);
	if (lines.err != ERR_OK)
		abort();
	report_done(&l.report);
	yaml_wipe(l.root);
	arena_free(&l.arena);
	buf_free(&lines);
	config_unref(l.c);
	return 0;
}
