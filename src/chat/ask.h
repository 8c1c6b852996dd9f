/*
 * ask: what a request wants, as far as routing, metering and relaying need to
 * know. Filled by the dialect that the request is written in.
 */
#ifndef CHAT_ASK_H
#define CHAT_ASK_H

#include "chat/tier.h"

#include <stdint.h>

/* What a model must be able to do; bits of ask.needs and of what a model offers. */
enum capability {
	CAP_TOOLS = 1 << 0,
	CAP_VISION = 1 << 1,
	CAP_STRUCTURED = 1 << 2, /* output by a JSON schema */
	CAP_AUDIO = 1 << 3,	 /* audio input */
	CAP_REASONING = 1 << 4,
};

/* What kind of answer is wanted. */
enum operation {
	OP_NONE, /* not for a provider: answered by weir itself */
	OP_CHAT,
	OP_COMPLETION,
	OP_EMBEDDING,
	OP_EMBEDDINGS, /* of many texts, for Gemini, which has a path of its own for it */
	OP_COUNT,      /* how many tokens a chat's prompt has */
};

struct ask {
	enum operation op;
	struct slice model;	 /* as the caller wrote it, decoded */
	bool stream;		 /* events wanted */
	bool usage_asked;	 /* the caller wants the usage in its stream */
	unsigned needs;		 /* enum capability */
	uint64_t prompt_bytes;	 /* of text, without images and other binary parts */
	uint64_t longest_bytes;	 /* of one of several prompts; 0: there is one */
	uint64_t prompt_parts;	 /* images and the like */
	uint64_t media_bytes;	 /* of pictures and sound: none of them is a token */
	uint64_t media_tok;	 /* that these have at most */
	bool refers;		 /* to what is elsewhere, as long as the context may be */
	uint64_t max_output_tok; /* 0: not stated */
	uint64_t answers;	 /* alternatives wanted (n), 1 if not stated */
	bool tier_asked;	 /* for a service tier; false: the provider chooses */
	enum tier tier;		 /* then that one */
};

#endif
