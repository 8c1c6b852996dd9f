/*
 * quirk: which dialects there are, and where a host that speaks one deviates from
 * it. Rows of providers name them; dialects act on them.
 */
#ifndef DIALECT_QUIRK_H
#define DIALECT_QUIRK_H

enum dialect_id {
	DIALECT_OPENAI,
	DIALECT_RESPONSES,
	DIALECT_ANTHROPIC,
	DIALECT_GEMINI,
	DIALECT_COHERE,
	DIALECT_BEDROCK,
	DIALECT_NATIVE, /* a host's own, for what is no chat */
	DIALECTS
};

enum quirk_index {
#define QUIRK(bit, what) bit##_INDEX,
#include "dialect/quirks.def"
	QUIRKS
};

enum quirk {
#define QUIRK(bit, what) bit = 1 << bit##_INDEX,
#include "dialect/quirks.def"
};

/* The name of a quirk, and what it means; i below QUIRKS. Static text. */
const char *quirk_name(unsigned i);
const char *quirk_text(unsigned i);

/* "openai", "anthropic", ... Static text. */
const char *dialect_name(enum dialect_id d);

#endif
