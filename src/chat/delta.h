/*
 * delta: a stream of an answer as a small set of typed events. A reader of a
 * dialect's stream gives them, a writer of another's takes them:
 *
 *	START
 *	( OPEN (TEXT | ARGUMENTS | SIGNATURE | DATA)* CLOSE | FINISH )*
 *	USAGE? END | FAULT
 *
 * Parts of one alternative never overlap: OPEN comes after the CLOSE of the one
 * before. FINISH comes once for each alternative, END once. Texts are raw (chat/prompt.h)
 *and valid during the call, as are all slices.
 */
#ifndef CHAT_DELTA_H
#define CHAT_DELTA_H

#include "chat/answer.h"

enum delta_kind {
	DELTA_START,	 /* id, model, created_s: as far as told */
	DELTA_OPEN,	 /* a part begins: part, and for a CALL id, name, signature */
	DELTA_TEXT,	 /* more of TEXT, REASONING or REFUSAL */
	DELTA_ARGUMENTS, /* more of a CALL's arguments: text, raw as of a string */
	DELTA_SIGNATURE, /* of the open REASONING: text; `sealed`: its sealed form */
	DELTA_DATA,	 /* of an open IMAGE or AUDIO: text is base64, type its type */
	DELTA_CLOSE,	 /* the open part is complete */
	DELTA_FINISH,	 /* finish, finish_raw, stop_text */
	DELTA_USAGE,	 /* usage, tier; from who meters the stream, not from readers */
	DELTA_END,	 /* the stream is complete */
	DELTA_FAULT	 /* message, type, code: it ends with an error */
};

struct delta {
	enum delta_kind kind;
	unsigned alternative;
	enum part_kind part; /* of OPEN */
	struct slice text;
	struct slice id, name, signature, type;
	bool sealed;
	struct slice logprobs; /* of TEXT: JSON in OpenAI's form, or empty */
	enum finish finish;
	struct slice finish_raw, stop_text;
	const struct usage *usage;
	struct slice model, tier;
	uint64_t created_s;
	struct slice message, code; /* of FAULT; text its type */
};

/* Takes one; called any number of times while an event is read. */
typedef void delta_fn(void *arg, const struct delta *d);

#endif
