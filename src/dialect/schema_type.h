/*
 * schema_type: what a schema says of the kinds and values that it takes, and the
 * state of a cut. For schema.c only.
 */
#ifndef DIALECT_SCHEMA_TYPE_H
#define DIALECT_SCHEMA_TYPE_H

#include "dialect/schema.h"
#include "json/tape.h"

#define WORDS                                                                            \
	(SCHEMA_WORDS_GEMINI | SCHEMA_WORDS_OPENAPI | SCHEMA_WORDS_ANTHROPIC |           \
	    SCHEMA_WORDS_STRICT | SCHEMA_WORDS_COHERE)

#define VIEW_MAX 16
#define REFS_MAX 16

struct cutter {
	const struct json *j;
	unsigned rules;
	struct buf *to;
	unsigned depth, work;
	uint32_t refs[REFS_MAX]; /* what is being put in place of a $ref */
	unsigned nrefs;
};

/* A schema as the objects that it is made of: itself, and what its $ref and its allOf
 * bring in. Of several with the same word the first counts. */
struct view {
	uint32_t from[VIEW_MAX];
	unsigned count;
	uint32_t ref; /* the one $ref that says all; or JSON_NONE */
	bool inlined; /* its own $ref was followed */
	bool endless; /* it holds itself */
	bool or_null; /* null is to be allowed too */
	bool null;    /* a null was taken out of its types */
	bool has_text, has_required;
};

/* The value of a word, in the first object that has it; JSON_NONE. */
uint32_t
schema_type_lookup(const struct cutter *c, const struct view *view, struct slice word);

/* The words `type`, `enum`, `const` with their values, as far as the rules let them. */
void schema_type_put(struct cutter *c, struct view *view, uint32_t v);
void schema_type_put_enum(struct cutter *c, struct view *view, uint32_t list);
void schema_type_put_const(struct cutter *c, uint32_t v);

/* Does a format stay? */
bool schema_type_is_format(const struct cutter *c, struct slice format);

#endif
