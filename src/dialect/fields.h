/*
 * fields: which members a request has in each dialect (fields.def).
 */
#ifndef DIALECT_FIELDS_H
#define DIALECT_FIELDS_H

#include "chat/prompt.h"
#include "dialect/quirk.h"

struct field {
	struct slice path; /* "generationConfig.topP" */
	enum meaning meaning;
	const char *example; /* JSON with ' for "; see fields.def */
};

/* The i-th row of the table and its dialect; NULL behind the last. */
const struct field *fields_at(unsigned i, enum dialect_id *ret_dialect);

/* The row of that path; NULL when the dialect has none. */
const struct field *fields_find(enum dialect_id d, struct slice path);

/* What is written for a meaning; NULL when the dialect has none. */
const struct field *fields_for(enum dialect_id d, enum meaning m);

#endif
