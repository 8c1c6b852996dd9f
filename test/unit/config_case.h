/*
 * config_case: what the tests of the configuration share: a folder of their own,
 * an environment without surprises, and a load that keeps what was reported.
 */
#ifndef UNIT_CONFIG_CASE_H
#define UNIT_CONFIG_CASE_H

#include "config/config.h"

#include "test.h"

#include <stdlib.h>
#include <unistd.h>

extern char **environ;

static char case_home[] = "/tmp/weir-config-XXXXXX"; /* the tests' working folder */
static char *case_root;				     /* where they were started */
static char *case_environ[64];			     /* the whole environment */
static unsigned case_variables;

/* The one configuration of the running test, and its lines. */
static struct config *loaded;
static struct buf case_errors;

static inline void
set(const char *name, const char *value)
{
	size_t n = strlen(name) + strlen(value) + 2;
	char *text = malloc(n);

	assert_non_null(text);
	assert_true(case_variables < COUNT(case_environ) - 1);
	(void)snprintf(text, n, "%s=%s", name, value);
	case_environ[case_variables++] = text;
	case_environ[case_variables] = NULL;
}

static inline void
write_file(const char *name, struct slice text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
	assert_int_equal(fclose(f), 0);
}

static inline void
drop_loaded(void)
{
	config_unref(loaded);
	loaded = NULL;
	buf_free(&case_errors);
}

static inline enum err
try_load(const char *file)
{
	drop_loaded();
	buf_init(&case_errors, 1u << 20);
	return config_load(file, &loaded, &case_errors);
}

static inline const char *
lines_of(struct buf *b)
{
	buf_byte(b, '\0');
	b->len--;
	return b->ptr == NULL ? "" : b->ptr;
}

/* What the text in ./weir.yaml gives must be good, with just these warnings. */
static inline const struct config *
load_warned(const char *text, const char *warnings)
{
	enum err e;

	write_file("weir.yaml", slice_str(text));
	e = try_load(NULL);
	if (e != ERR_OK)
		fail_msg("%s: %s", err_name(e), lines_of(&case_errors));
	assert_string_equal(lines_of(&loaded->warnings), warnings);
	return loaded;
}

static inline const struct config *
load(const char *text)
{
	return load_warned(text, "");
}

/* The text must be refused with exactly these lines. */
static inline void
refuse(const char *text, const char *lines)
{
	write_file("weir.yaml", slice_str(text));
	assert_int_equal(try_load(NULL), ERR_SYNTAX);
	assert_string_equal(lines_of(&case_errors), lines);
}

/* The same, where only part of what is said matters. */
static inline void
refuse_like(const char *text, const char *part)
{
	write_file("weir.yaml", slice_str(text));
	assert_int_equal(try_load(NULL), ERR_SYNTAX);
	if (strstr(lines_of(&case_errors), part) == NULL)
		fail_msg("\"%s\" is not in: %s", part, lines_of(&case_errors));
}

static inline struct provider *
provider(const char *name)
{
	struct provider *p = catalog_provider(loaded->catalog, slice_str(name));

	assert_non_null(p);
	return p;
}

static inline const struct model *
model(const char *id)
{
	const struct model *m = catalog_find(loaded->catalog, slice_str(id));

	assert_non_null(m);
	return m;
}

/* The n-th offer of a model, which must be of that provider and upstream id. */
static inline const struct offer *
offer(const char *id, unsigned n, const char *of, const char *upstream)
{
	const struct offer *o = model(id)->offers;

	while (n-- > 0 && o != NULL)
		o = o->next;
	assert_non_null(o);
	assert_string_equal(o->provider->name, of);
	assert_int_equal(o->upstream.len, strlen(upstream));
	assert_memory_equal(o->upstream.ptr, upstream, o->upstream.len);
	return o;
}

static inline int
case_setup(void **state __attribute__((unused)))
{
	environ = case_environ;
	case_variables = 0;
	case_environ[0] = NULL;
	set("HOME", case_home);
	(void)unlink("weir.yaml");
	return 0;
}

static inline int
case_teardown(void **state __attribute__((unused)))
{
	drop_loaded();
	while (case_variables > 0)
		free(case_environ[--case_variables]);
	case_environ[0] = NULL;
	return 0;
}

static inline int
group_setup(void **state __attribute__((unused)))
{
	case_root = getcwd(NULL, 0);
	return case_root == NULL || mkdtemp(case_home) == NULL || chdir(case_home) != 0;
}

static inline int
group_teardown(void **state __attribute__((unused)))
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf %s", case_home);
	free(case_root);
	return chdir("/") != 0 || system(command) != 0;
}

#define RUN(case) cmocka_unit_test_setup_teardown(case, case_setup, case_teardown)

#endif
