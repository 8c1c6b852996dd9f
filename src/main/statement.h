/*
 * statement: what a provider says that was used or paid, read from its export. Pure.
 *
 *	openai     GET /v1/organization/usage/completions (or embeddings) and
 *	           /v1/organization/costs: pages of buckets
 *	anthropic  GET /v1/organizations/usage_report/messages and cost_report
 *	csv        columns by name: date, model, input_tokens, output_tokens, cost_usd
 *
 * A file is one page, a list of pages, or a list of buckets.
 */
#ifndef MAIN_STATEMENT_H
#define MAIN_STATEMENT_H

#include "core/arena.h"
#include "core/err.h"
#include "core/note.h"

enum statement_format {
	STATEMENT_ANY, /* by what it looks like */
	STATEMENT_OPENAI,
	STATEMENT_ANTHROPIC,
	STATEMENT_CSV
};

struct statement_line {
	struct slice day;   /* "2026-01-31" */
	struct slice model; /* empty: all of that day */
	bool has_tokens, has_cost;
	uint64_t input_tok, output_tok; /* input: cached ones included */
	int64_t cost_pusd;
};

/* The word of --format. False for others. */
bool statement_format(struct slice word, enum statement_format *ret);

/*
 * Calls fn for each line; its slices live as long as the text and the arena. Returns the
 * format that it was. ERR_SYNTAX with a note, ERR_NOMEM.
 */
enum err statement_read(struct slice text, struct arena *a,
    void (*fn)(void *arg, const struct statement_line *line), void *arg,
    enum statement_format *format, struct note *note) MUST_CHECK;

#endif
