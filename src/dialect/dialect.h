/*
 * dialect: the wire formats of requests and replies. A dialect is a constant
 * struct of pure functions between bytes and the types of chat/: no I/O, no
 * memory but the caller's, any thread. One file holds both directions.
 *
 * Where the caller and the provider speak the same dialect, the bytes go through
 * as they are: the functions here then only look, and make the few declared
 * edits. Where they differ, the reply is translated (not yet: see find).
 */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "chat/ask.h"
#include "chat/usage.h"
#include "core/note.h"
#include "dialect/quirk.h"
#include "http/sse.h"
#include "json/edit.h"

/* A fault as its dialect words it. Slices of the reply, or of static text. */
struct fault {
	struct slice message, type, code, param;
};

/* What a whole reply says, as far as metering needs it. */
struct reply_facts {
	struct usage usage;
	struct slice model, tier; /* raw slices of the reply; may be empty */
	bool is_fault;		  /* an error object in spite of a good status */
};

/* What one event of a stream says. */
struct event_facts {
	bool readable;	   /* its data could be read, or it has none */
	bool has_token;	   /* text, reasoning, a tool call, a refusal */
	bool usage_only;   /* it carries usage and no answer */
	bool is_fault;	   /* an error object */
	bool is_done;	   /* the stream's own end mark */
	unsigned finishes; /* so many answers end with it */
	struct reply_facts reply;
};

/* How a request is sent: whom to, and what is asked along. */
struct edit_plan {
	struct slice model; /* the provider's id */
	bool ask_for_usage; /* in a stream, where the caller did not */
};

struct dialect {
	const char *name;

	/*
	 * Reads the request (its tape holds at least dialect->keep levels). Texts
	 * are copied to the arena where they are escaped. ERR_BAD_REQUEST with a
	 * note, and *ret_param (static text) naming the member at fault.
	 */
	enum err (*read_ask)(const struct json *j, enum operation op, struct arena *a,
	    struct ask *ret_ask, struct note *note, const char **ret_param);

	/* The declared edits of a request in the same dialect. ERR_FULL, ERR_NOMEM.
	 * Texts of the edits live in the arena. */
	enum err (*edit)(const struct json *j, const struct ask *ask,
	    const struct edit_plan *plan, struct arena *a, struct json_edits *ret_edits);

	/* Reads a whole reply, or what can be read of it. */
	void (*read_reply)(
	    const struct json *j, unsigned quirks, struct reply_facts *ret_facts);

	/* Reads an event; j is the caller's scratch tape, which then holds it. */
	void (*read_event)(const struct sse_event *e, struct json *j, unsigned quirks,
	    struct event_facts *ret_facts);

	/* Which error a provider's reply of that status (400 and above) is; j may be
	 * empty. Fills what the body says. */
	enum err (*read_fault)(
	    unsigned status, const struct json *j, struct fault *ret_fault);

	/* Writes an error body. */
	void (*write_fault)(const struct fault *f, struct buf *b);

	/* Writes an error event, with which a stream ends. */
	void (*write_fault_event)(const struct fault *f, struct buf *b);

	uint32_t keep; /* levels of a request's tape that it looks at */
};

extern const struct dialect dialect_openai;

/* The dialect of that id, or NULL when it is not spoken yet. */
const struct dialect *dialect_find(enum dialect_id id);

#endif
