/*
 * answer: a reply in the form that every dialect can be read into and written from.
 * As a prompt it borrows the reply's bytes; texts are raw (chat/prompt.h).
 */
#ifndef CHAT_ANSWER_H
#define CHAT_ANSWER_H

#include "chat/prompt.h"
#include "chat/usage.h"

enum finish {
	FINISH_UNSAID,
	FINISH_STOP,	 /* the model had said all, or a stop text came */
	FINISH_LENGTH,	 /* the limit of tokens, or of the context */
	FINISH_CALLS,	 /* tools are to be called */
	FINISH_FILTERED, /* refused, or held back by a filter */
	FINISH_ERROR	 /* the provider gave up */
};

struct alternative {
	unsigned index;
	struct turn turn; /* ASSISTANT */
	enum finish finish;
	struct slice finish_raw; /* the dialect's own word, raw; or empty */
	struct slice stop_text;	 /* that ended it, raw; ptr NULL: none */
	struct slice logprobs;	 /* JSON, in OpenAI's form; empty: none */
	struct slice citations;	 /* JSON of the dialect's own form; empty: none */
	struct member *members;	 /* of the dialect's own object, for writing it again */
	struct alternative *next;
};

struct answer {
	unsigned origin;
	struct slice id, model; /* raw; may be empty */
	uint64_t created_s;	/* unix; 0: not told */
	struct alternative *alternatives;
	struct usage usage;	 /* filled in by who metered the reply */
	struct slice tier;	 /* raw */
	struct member *members;	 /* of the dialect's own object, as above */
	struct unknown *unknown; /* further inside */
};

void answer_init(struct answer *a, unsigned origin);
struct alternative *answer_add(struct arena *a, struct alternative ***tail);

#endif
