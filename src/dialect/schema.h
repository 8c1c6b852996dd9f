/*
 * schema: cuts a JSON schema to what a target accepts, by named rules and by nothing
 * else (schema.def). The order of what stays is kept, so that the same schema gives
 * the same bytes. For dialect/ only.
 */
#ifndef DIALECT_SCHEMA_H
#define DIALECT_SCHEMA_H

#include "core/buf.h"

enum schema_rule_index {
#define RULE(bit, text) SCHEMA_##bit##_INDEX,
#include "dialect/schema.def"
	SCHEMA_RULES
};

enum schema_rule {
#define RULE(bit, text) SCHEMA_##bit = 1 << SCHEMA_##bit##_INDEX,
#include "dialect/schema.def"
};

/* The rules for what takes schemas. */
#define SCHEMA_FOR_GEMINI                                                                \
	(SCHEMA_WORDS_GEMINI | SCHEMA_HINTS | SCHEMA_LONE_REF | SCHEMA_MERGE_ALL_OF |    \
	    SCHEMA_CONST_ENUM)
#define SCHEMA_FOR_GEMINI_OPENAPI                                                        \
	(SCHEMA_WORDS_OPENAPI | SCHEMA_HINTS | SCHEMA_INLINE_REFS |                      \
	    SCHEMA_MERGE_ALL_OF | SCHEMA_ANY_OF | SCHEMA_CONST_ENUM |                    \
	    SCHEMA_TEXT_ENUMS | SCHEMA_NULLABLE | SCHEMA_FORMATS_OPENAPI)
#define SCHEMA_FOR_ANTHROPIC                                                             \
	(SCHEMA_WORDS_ANTHROPIC | SCHEMA_HINTS | SCHEMA_LONE_REF | SCHEMA_ANY_OF |       \
	    SCHEMA_FORMATS_TEXT | SCHEMA_CLOSED)
#define SCHEMA_FOR_STRICT                                                                \
	(SCHEMA_WORDS_STRICT | SCHEMA_HINTS | SCHEMA_LONE_REF | SCHEMA_MERGE_ALL_OF |    \
	    SCHEMA_ANY_OF | SCHEMA_FORMATS_TEXT | SCHEMA_CLOSED | SCHEMA_ALL_REQUIRED)
#define SCHEMA_FOR_COHERE                                                                \
	(SCHEMA_WORDS_COHERE | SCHEMA_HINTS | SCHEMA_MERGE_ALL_OF | SCHEMA_ANY_OF)

/* The name and the text of a rule; i below SCHEMA_RULES. Static text. */
const char *schema_rule_name(unsigned i);
const char *schema_rule_text(unsigned i);

/*
 * Puts the schema (JSON, borrowed) as the next value, cut by these rules; without any,
 * as it is. Nothing is cut below 64 levels: what stands there takes anything.
 * ERR_NOMEM; ERR_SYNTAX when it is no JSON; ERR_FULL when it would take too long or
 * the buffer is full.
 */
enum err schema_cut(struct slice schema, unsigned rules, struct buf *to) MUST_CHECK;

#endif
