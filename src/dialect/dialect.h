/*
 * dialect: the wire formats of requests and replies. A dialect is a constant
 * struct of pure functions between bytes and the types of chat/: no I/O, no
 * memory but the caller's, any thread. One file holds both directions.
 *
 * Where the caller and the provider speak the same dialect, the bytes go through
 * as they are: the functions of struct dialect then only look, and make the few
 * declared edits. Where they differ, request and reply go through the canonical form
 * of chat/ by struct translation: N dialects are 2N converters, never N squared.
 */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "chat/ask.h"
#include "chat/delta.h"
#include "chat/embedding.h"
#include "chat/loss.h"
#include "chat/usage.h"
#include "core/note.h"
#include "dialect/quirk.h"
#include "http/sse.h"
#include "json/edit.h"

/* Levels of an event's tape: what is deeper is of no interest to any reader. */
#define DIALECT_EVENT_KEEP 8

/* A fault as its dialect words it. Slices of the reply, or of static text. */
struct fault {
	struct slice message, type, code, param;
	unsigned status;	 /* to be sent with it */
	uint64_t retry_after_ms; /* the provider said so in the body; 0: it did not */
	struct slice id; /* of the request, for dialects that put it into the body */
};

/* What a whole reply says, as far as metering needs it. */
struct reply_facts {
	struct usage usage;
	struct slice model, tier; /* raw slices of the reply; may be empty */
	bool is_fault;		  /* an error object in spite of a good status */
	bool is_update;		  /* the usage is a later state of one told before */
};

/* What one event of a stream says. */
struct event_facts {
	bool readable;	       /* its data could be read, or it has none */
	bool has_token;	       /* text, reasoning, a tool call, a refusal */
	bool usage_only;       /* it carries usage and no answer */
	bool is_fault;	       /* an error object */
	unsigned fault_status; /* as which status it counts, where its name tells; or 0 */
	bool is_done;	       /* the stream's own end mark */
	unsigned finishes;     /* so many answers end with it */
	struct reply_facts reply;
};

/* How a request is sent: whom to, and what is asked along. */
struct edit_plan {
	struct slice model; /* the provider's id */
	bool ask_for_usage; /* in a stream, where the caller did not */
};

/* How a request is written in a dialect that is not its own. */
struct write_plan {
	struct slice model;	 /* the provider's id */
	const char *provider;	 /* its name: only its own reasoning goes back to it */
	unsigned quirks;	 /* enum quirk */
	uint64_t max_output_tok; /* of the model; 0: not known */
};

/* How an answer is written for a caller of another dialect. */
struct answer_plan {
	struct slice id;	     /* of the request: ids that are made begin with it */
	struct slice model;	     /* as the caller wrote it */
	const char *provider;	     /* who answers: signatures are told with its name */
	const struct prompt *prompt; /* what was asked */
	const struct embed_prompt *embed; /* or this */
	uint64_t unix_s;
	bool usage_asked; /* in a stream */
	bool as_array;	  /* a stream is told as one JSON array, not as events (Gemini) */
};

/*
 * A dialect's half of every translation. All texts borrow the bytes that were read;
 * what must outlive an event is kept in the state. States are zeroed memory of the
 * given sizes, at most some KB, plus buffers that grow with what must be kept.
 */
struct translation {
	uint32_t keep; /* levels of a request's tape that read_prompt looks at */

	/* A request into the canonical form. ERR_NOMEM; ERR_BAD_REQUEST with a note,
	 * *ret_param naming the member. */
	enum err (*read_prompt)(const struct json *j, struct arena *a,
	    struct prompt *ret_prompt, struct note *note, const char **ret_param);

	/* A body. What has no equivalent is named in `lost`, and left out. In the
	 * dialect that it was read from it loses nothing. ERR_NOMEM, ERR_FULL. */
	enum err (*write_prompt)(const struct prompt *p, const struct write_plan *plan,
	    struct buf *to, struct losses *lost);

	/* Must it have the bytes of this part, an image or a document that the caller
	 * named by an http(s) URL? NULL: it takes URLs, or has no place for bytes. */
	bool (*needs_bytes)(const struct part *p, const struct write_plan *plan);

	/* A whole reply. ERR_NOMEM; ERR_BAD_REPLY when it is none. */
	enum err (*read_answer)(
	    const struct json *j, struct arena *a, struct answer *ret_answer);
	void (*write_answer)(
	    const struct answer *n, const struct answer_plan *plan, struct buf *to);

	/* A stream in. j is the event's data, read whole; empty for one without. */
	size_t in_bytes;
	void (*in_event)(void *state, const struct sse_event *e, const struct json *j,
	    delta_fn *fn, void *arg);
	/* The stream ended without its own mark, but complete. */
	void (*in_end)(void *state, delta_fn *fn, void *arg);
	void (*in_done)(void *state); /* frees buffers; NULL: has none */

	/* Streams out tell what was asked, to their end: so long live the plan's prompt
	 * and the bytes that it borrows. */
	bool echoes;

	/* A stream out: appends the bytes that tell d, if any. */
	size_t out_bytes;
	void (*out_delta)(void *state, const struct answer_plan *plan,
	    const struct delta *d, struct buf *to);
	void (*out_done)(void *state);
};

/* A dialect's half of the translation of embeddings; errors as above. */
struct embedding_translation {
	uint32_t keep;
	/* Also ERR_NO_EQUIVALENT, with a note: what is to be embedded is no text. */
	enum err (*read_prompt)(const struct json *j, struct arena *a,
	    struct embed_prompt *ret_prompt, struct note *note, const char **ret_param);
	/* For the provider's id of the model. A buffer that is full has the error. */
	void (*write_prompt)(const struct embed_prompt *p, struct slice model,
	    struct buf *to, struct losses *lost);
	enum err (*read_answer)(
	    const struct json *j, struct arena *a, struct embed_answer *ret_answer);
	void (*write_answer)(const struct embed_answer *n, const struct embed_prompt *p,
	    const struct answer_plan *plan, const struct usage *u, struct buf *to);
};

struct dialect {
	enum dialect_id id;
	const char *name;
	const struct translation *chat;		   /* NULL: not translated */
	const struct embedding_translation *embed; /* the same */
	bool is_framed;	 /* its streams are http/eventstream.h's, not http/sse.h's */
	bool has_arrays; /* its streams are told as an array, but where ?alt=sse asks */

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

	/* The path of a request behind the provider's base URL, with what of its query
	 * is part of it. */
	void (*put_target)(
	    enum operation op, struct slice model, bool stream, struct buf *to);

	/* A count of tokens as the reply to OP_COUNT; NULL: the dialect has none. */
	void (*write_count)(uint64_t tokens, struct buf *to);

	/* The path of the member that says how long an answer may be; "" or with one
	 * dot. */
	const char *max_output;

	/* A field that every request must have; sent where the caller did not. */
	struct slice field_name, field_value;

	/* Writes an error body. */
	void (*write_fault)(const struct fault *f, struct buf *b);

	/* Writes an error event, with which a stream ends. */
	void (*write_fault_event)(const struct fault *f, struct buf *b);

	uint32_t keep; /* levels of a request's tape that it looks at */
};

extern const struct dialect dialect_openai, dialect_responses, dialect_anthropic,
    dialect_gemini, dialect_cohere, dialect_bedrock;

/* The dialect of that id; NULL for DIALECT_NATIVE. */
const struct dialect *dialect_find(enum dialect_id id);

/*
 * Of a request in whichever dialect: the key of a member that says what the request may
 * cost and stands there a second time, in either spelling. Which of the two a provider
 * takes is not known. JSON_NONE: there is none.
 */
uint32_t dialect_repeats(const struct json *j);

/*
 * The edits that put a limit of the answer into a request of that dialect, which has a
 * place for it (max_output): where one stands that is none, in any spelling, in its
 * place. Their texts are in the arena. ERR_FULL, ERR_NOMEM.
 */
enum err dialect_put_limit(const struct dialect *d, const struct json *j, uint64_t tok,
    struct arena *a, struct json_edits *edits) MUST_CHECK;

#endif
