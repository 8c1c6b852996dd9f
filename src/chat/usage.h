/*
 * chat: what requests and replies mean, whatever dialect they are written in.
 * Dialects read into these types and write from them; routing and metering see
 * nothing else. Plain data, no functions of consequence, any thread.
 *
 * usage: what one request used, in the disjoint classes of usage.def.
 */
#ifndef CHAT_USAGE_H
#define CHAT_USAGE_H

#include <stdbool.h>
#include <stdint.h>

enum usage_class {
#define USAGE(class, name, key, instead) USAGE_##class,
#include "chat/usage.def"
	USAGE_CLASSES
};

struct usage {
	bool known;		       /* the provider stated it */
	uint64_t count[USAGE_CLASSES]; /* tokens, requests, seconds, characters */
	bool has_stated;
	int64_t stated_pusd; /* the provider's own figure of the cost */
};

/*
 * Takes over a later state of the same usage: what was used for the answer is the
 * later one's; what was used for the prompt too, unless it tells less than was known,
 * as later states may leave it out or tell it less finely.
 */
void usage_update(struct usage *u, const struct usage *later);

/* Its name in the ledger and in reports: "input_tokens". Static text. */
const char *usage_name(enum usage_class c);

/* Its key in a price row: "input". Static text. */
const char *usage_key(enum usage_class c);

/* Whose price holds where a row has none for this class; itself at the end. */
enum usage_class usage_instead(enum usage_class c);

/* Is it a class of tokens of the prompt? */
bool usage_is_input(enum usage_class c);

/* Is it counted in tokens? */
bool usage_is_tokens(enum usage_class c);

/* Tokens of the prompt, cached ones included; and of the answer. */
uint64_t usage_input_tok(const struct usage *u);
uint64_t usage_output_tok(const struct usage *u);

#endif
