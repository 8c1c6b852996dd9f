/*
 * attempt: one try of a request at one candidate: connect, send, read the reply.
 *
 * An attempt knows nothing of the request that made it but what it was given,
 * and tells what happens by events; so a request may drop one and make another,
 * and could have two. It judges the reply: it reports a failure as long as the
 * answer can still be had elsewhere, and from its first token on hands the bytes
 * over as they come.
 *
 *	SENDS? (WHOLE | BEGINS (BYTES | MARK)* (ENDS | FAILS) | FAILS)
 */
#ifndef PROXY_ATTEMPT_H
#define PROXY_ATTEMPT_H

#include "dialect/dialect.h"
#include "http/eventstream.h"
#include "http/inflate.h"
#include "http/parser.h"
#include "local/engine.h"
#include "net/upstream.h"
#include "proxy/surface.h"
#include "proxy/token.h"
#include "route/route.h"

struct worker;

enum attempt_event {
	ATTEMPT_SENDS,	/* its first byte goes out after this call; may not be dropped in
			   it */
	ATTEMPT_WHOLE,	/* a complete reply: a->head and a->body */
	ATTEMPT_BEGINS, /* the answer began: a->head; the part is what was held back */
	ATTEMPT_BYTES,	/* more of it, in up to ATTEMPT_PARTS_MAX parts */
	ATTEMPT_MARK,	/* a stream's own end mark follows: the last place to say more */
	ATTEMPT_ENDS,	/* it is complete; a->err may still be STREAM_ERROR */
	ATTEMPT_FAILS	/* a->err and a->wait.why; after BEGINS: it broke off */
};

#define ATTEMPT_PARTS_MAX (STREAM_PARTS_MAX - 2) /* a chunk's frame goes around */

/* Called on the attempt's thread, never from within attempt_start. The n parts are
 * valid during the call. After WHOLE, ENDS and FAILS nothing more comes. May call
 * attempt_drop. */
typedef void
attempt_fn(void *arg, enum attempt_event event, const struct slice *parts, unsigned n);

/* What is sent, and how. Borrowed until the attempt is dropped. */
struct attempt_ask {
	const struct surface *surface;
	const struct dialect *dialect; /* that is spoken to the provider */
	const struct http_head *head;  /* the caller's, for the fields that pass */
	struct slice query;	       /* with its "?", or empty */
	const struct slice *parts;     /* the body */
	unsigned nparts;
	size_t body_len;
	bool stream;	     /* events are wanted: the first token has a limit */
	bool as_array;	     /* the caller reads a stream's events as one JSON array */
	bool withhold_usage; /* weir asked for the usage event, the caller did not */
	uint64_t answers;    /* so many finish reasons make a stream complete */
	/* How the answer is written for a caller of another dialect; NULL: it speaks the
	 * provider's own, and the bytes go through. */
	const struct answer_plan *answer;
	uint64_t deadline_ms; /* of the whole request */
};

/* Does the caller get other bytes of a stream than the provider sends? */
static inline bool
attempt_rewrites(const struct attempt_ask *ask)
{
	return ask->answer != NULL || ask->as_array;
}

/* Appends the fault with which the caller's stream ends; told: a part of it went out. */
void attempt_put_fault(
    const struct attempt_ask *ask, const struct fault *f, bool told, struct buf *to);

enum attempt_phase {
	PHASE_ENGINE,
	PHASE_TOKEN,
	PHASE_CONNECT,
	PHASE_HEAD,
	PHASE_WHOLE,
	PHASE_EVENTS,
	PHASE_RAW,
	PHASE_FAULT,
	PHASE_OVER
};

struct attempt {
	struct worker *worker;
	const struct attempt_ask *ask;
	struct candidate *candidate;
	attempt_fn *fn;
	void *arg;
	enum attempt_phase phase;

	struct upstream *up;	 /* once connected */
	struct engine_use *use;	 /* of a local model; else NULL */
	struct token_wait token; /* of a service account */
	struct timer timer;	 /* the next limit */
	struct task gone;	 /* frees it at the end of the turn */
	struct task start;	 /* goes on after attempt_start returned */
	struct arena arena;	 /* of the reply's head */
	void *first;		 /* its first block, or NULL */
	struct http_parser parser;
	struct http_head head; /* of the reply */
	unsigned part;	       /* sent so far: whole parts, and bytes of the next */
	size_t part_at;
	bool told;	/* SENDS */
	bool sent;	/* the request is out */
	bool deaf;	/* the provider takes no more of it */
	bool again;	/* sent again on a fresh connection already */
	bool any_byte;	/* something of the reply came */
	bool begun;	/* BEGINS was told */
	bool done_mark; /* the stream's end mark came */
	bool paused;
	bool in_array;	  /* its first element was told */
	bool raw, looked; /* a JSON reply too long to be held; its beginning was read */
	bool compressed;  /* the reply's body is */
	uint64_t start_ms, sent_ms, token_ms; /* token_ms 0: none yet */
	uint64_t heard_ms;		      /* the last byte */
	uint64_t fault_ms;		      /* the head of an error */
	unsigned interim;		      /* replies that announce another */

	struct sse sse;
	struct eventstream *frames;	 /* in its place, where the stream has frames */
	struct translating *translating; /* of a stream; see attempt_translate.c */
	struct inflate *inflate;
	struct buf body;  /* a whole reply, or what is held back, or a fault */
	struct buf plain; /* of compressed bytes; or a long reply's tail */
	unsigned nout;	  /* slices in worker->out */

	struct reply_facts facts; /* newest; its slices point into said */
	uint64_t token_events;	  /* events that carried a piece of an answer */
	uint64_t finished;	  /* answers that have their finish reason */
	enum err err;
	bool is_fault;	    /* the body is an error, as a whole */
	struct fault fault; /* as the provider words it; slices of body */
	unsigned status;    /* of the reply; 0: none came */
	bool quotes; /* wait.why has the provider's words, and so perhaps the caller's */

	/* From here on not cleared at first. */
	struct upstream_wait wait; /* its `why` holds what any failure says */
	char said[2][80];	   /* model and tier that the reply names */
};

/*
 * Begins an attempt at the candidate. Borrows ask and candidate. NULL when out of
 * memory.
 */
struct attempt *attempt_start(struct worker *w, const struct attempt_ask *ask,
    struct candidate *candidate, attempt_fn *fn, void *arg);

/* Ends it, whatever it is doing; a connection that is not clean is closed. */
void attempt_drop(struct attempt *a);

/* Stops reading from the provider, and goes on. */
void attempt_pause(struct attempt *a);
void attempt_resume(struct attempt *a);

/* The credential that it sends; empty when there is none. Never to be shown. */
struct slice attempt_key(const struct attempt *a);

/* May the provider bill it, though we have no answer of it? */
bool attempt_may_be_billed(const struct attempt *a);

#endif
