/*
 * openai_case: JSON texts for the tests of the dialect, written with ' for ".
 */
#ifndef UNIT_OPENAI_CASE_H
#define UNIT_OPENAI_CASE_H

#include "dialect/dialect.h"

#include "test.h"

#include <stdlib.h>

/* The text with quotes; freed by the caller. */
static inline char *
quoted(const char *text)
{
	char *copy = slice_dup(slice_str(text));

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

/* A text and its tape. */
struct parsed {
	char *text;
	struct json j;
};

static inline void
parse(struct parsed *p, const char *text, uint32_t keep)
{
	p->text = quoted(text);
	json_init(&p->j, 10000);
	if (json_parse(&p->j, slice_str(p->text), keep) != ERR_OK)
		fail_msg("%s: expected %s at %zu", p->text, p->j.why, p->j.error_at);
}

static inline void
parsed_done(struct parsed *p)
{
	json_free(&p->j);
	free(p->text);
}

#endif
