/*
 * request: one request of a caller and where it stands.
 *
 * machine.c has the table of states and the only function that changes one; each
 * state's step is in the file that the table names. The connection (client.c) and
 * the attempt (attempt.c) report here what happens; a step never waits, it
 * returns WAIT and is called again.
 */
#ifndef PROXY_REQUEST_H
#define PROXY_REQUEST_H

#include "proxy/attempt.h"
#include "proxy/client.h"
#include "proxy/surface.h"
#include "proxy/worker.h"

enum req_state {
	REQ_READ,
	REQ_AUTH,
	REQ_ROUTE,
	REQ_ADMIT,
	REQ_SEND,
	REQ_RELAY,
	REQ_FAIL,
	REQ_SETTLE
};

enum step { STEP_MORE, STEP_WAIT, STEP_DONE };

#define REQUEST_FIRST_BYTES 1200
#define REQUEST_ARENA_MAX   (4u << 20)

struct request {
	struct link link; /* worker->requests */
	struct worker *worker;
	struct client *client; /* NULL once the caller is gone */
	struct config *config; /* the generation that it began with */
	enum req_state state;
	bool running; /* in the driver */
	bool settled; /* nothing is left but to free it */

	/* What was asked. */
	struct arena arena;
	struct http_head head;
	const struct surface *surface;
	struct slice path, query; /* query with its "?" */
	struct slice host;	  /* that is asked */
	struct buf body;
	bool head_read, body_read;
	bool authorized; /* the body may be read */
	bool is_signed;	 /* and must be, before the signature can be checked */
	struct request_id id;
	uint64_t start_ms, start_unix_ms, deadline_ms;
	uint64_t key_id;
	struct slice key_name;
	struct key_set *keys;  /* with a reference, where a key is found in it */
	const struct key *key; /* of these; NULL: of the configuration, or none */
	struct slice origin;   /* of a page that may read the reply; else empty */

	/* Where it goes. */
	struct ask ask;
	struct route_name name;
	struct wish *wish;
	struct route_query route;
	struct route_plan plan;
	struct candidate *candidate;
	bool planned;
	struct account_grant grant; /* what it may spend; settled at its end */
	int64_t outgoing_pusd; /* that it may cost as it goes out; 0: no more than that */
	bool admit_again;      /* for so much */
	struct account_grant taken; /* by the attempt, of its provider and model */
	struct queue_place place;   /* while there is no room */
	struct lease_wait *lease;   /* it waits for one; see lease.c */
	unsigned leases;	    /* so many times it did, for its key */
	bool leased_route;	    /* likewise, for candidates */
	uint64_t capped_tok;	    /* put into the body, as the rest did not fit */
	uint64_t pause_until_ms;    /* before the same candidate is tried again */
	struct timer timer;	    /* of the pause, of holding back, of comments */

	/* Where it is translated. */
	struct prompt *prompt;	    /* what it says; NULL: not read yet */
	struct pictures *pictures;  /* that were fetched for it; NULL: none */
	struct buf outgoing;	    /* the body in the candidate's dialect */
	struct slice outgoing_part; /* all of it */
	struct answer_plan answer_plan;
	struct slice id_text; /* of `id`, once it is needed */
	struct slice dropped; /* names of what was left out */

	/* Attempts. */
	struct attempt *attempt;
	struct attempt_ask sending;
	unsigned attempts;
	struct slice history; /* JSON, an array with an object for each */
	struct slice tried;   /* for the log, once one failed: "groq:RATE_LIMITED:429" */
	bool quotes;	      /* the note has a provider's words: not for the log */
	bool whole;	      /* the attempt has a complete reply */
	bool ended;	      /* the stream is complete */

	/* The reply. */
	struct http_head *fault_head; /* a provider's error that passes, or NULL */
	struct slice fault_body;
	struct fault fault_words; /* of it, for callers of another dialect */
	bool fault_translated;
	unsigned status; /* sent, or to be sent */
	bool head_sent, streaming, chunked, keep_alive;
	bool events;   /* our head says: a stream of events */
	bool comments; /* that may have comments between them */
	bool cost_comment, cost_told;
	/* Of a body of known length: what is to come, and its last byte, which goes out
	 * when the row is written. */
	uint64_t body_left;
	char last_byte;
	bool last_held;
	bool replied; /* by weir itself, with all of it sent */
	uint64_t retry_after_ms;
	uint64_t wrote_ms; /* the last byte to the caller of a stream */
	uint64_t token_ms; /* of the first token; 0: none */
	uint64_t token_events;

	/* How it ended. */
	enum err err;
	const char *param; /* the member at fault; static text, or NULL */
	struct reply_facts facts;
	bool estimated;
	int64_t cost_pusd;
	bool admitted;		  /* the journal has room for it, or need not */
	bool recorded;		  /* its row is written */
	size_t promised;	  /* room in the journal that is left for it */
	struct slice upstream_id; /* the provider's request id */
	struct task gone;	  /* frees it */
	/* Of what weir answers itself, later: its state, and what is called when the
	 * request ends before it answered. */
	void *service;
	void (*service_gone)(struct request *r);
	struct note note; /* from here on not cleared at first */
	_Alignas(16) char first[REQUEST_FIRST_BYTES]; /* of the arena */
};

/* What a connection reports: makes requests and drives them. */
extern const struct client_events request_events;

/* --- for the steps (machine.c) --- */

/* Changes the state; the edge must be in the table. */
void req_goto(struct request *r, enum req_state to);

/* Ends it with the error, by way of FAIL. The note is set already. */
SELDOM enum step req_fail(struct request *r, enum err e);

/* Runs steps until one waits. Not from within a step. */
void request_run(struct request *r);

/* --- for services (admin/) --- */

/*
 * Replies with a body of that content type, now or later. With err other than OK
 * the reply is the error's, and body and type are not used.
 */
void request_reply(
    struct request *r, enum err e, unsigned status, struct slice type, struct slice body);

/* The value of a query parameter, decoded into the arena; ptr NULL: not there. */
struct slice request_param(struct request *r, struct slice name);

/* What stands in the path for its row's "*", decoded; lives as long as the request. */
struct slice request_path_rest(struct request *r);

/* --- of door.c --- */

/* The key is the caller's: keeps it, and looks whether it may be used now and from
 * there. With a note. */
enum err door_take_key(struct request *r, const struct key *k) MUST_CHECK;

/* --- of admit.c --- */

/* May the key use the model, once its name is read? With a note. */
enum err admit_model(struct request *r) MUST_CHECK;

/* Puts the providers out that the key may not use. */
void admit_providers(struct request *r);

/*
 * Asks the dialect in which the candidate's request is written what it may cost, as it
 * may say more than the caller's: thinking has a length of its own there. More is
 * reserved then. ERR_BUDGET with a note: there is not so much left.
 */
enum err admit_outgoing(struct request *r) MUST_CHECK;

/* Is it to be admitted once more, as there may be so much where budgets are leased? Then
 * what was reserved is given back. */
bool admit_again(struct request *r);

/* Gives back what was reserved and not spent. Once, with the row if there is one. */
void admit_settle(struct request *r);

/* What the caller says that the request belongs to; empty: nothing. */
struct slice admit_session(const struct request *r);
struct slice admit_tags(const struct request *r);

/* Whose budget of that level it spends; empty: nobody's. */
struct slice admit_name(const struct request *r, enum account_level level);

/* --- of lease.c --- */

/* Is it to wait until more of a shared limit is leased? Then request_run() follows. */
bool lease_wait(struct request *r, const struct account_ask *need);

/* The same for the limits of candidates that are out for them. */
bool lease_wait_route(struct request *r);

/* It waits no more. */
void lease_drop(struct request *r);

/* --- of signed.c --- */

/* Whose key the signature names; it is to be checked once the body is there. */
enum err signed_claim(struct request *r) MUST_CHECK;
enum err signed_check(struct request *r) MUST_CHECK;

/* --- the steps, by file --- */

enum step step_read(struct request *r);	  /* door.c */
enum step step_auth(struct request *r);	  /* door.c */
enum step step_route(struct request *r);  /* choose.c */
enum step step_admit(struct request *r);  /* admit.c */
enum step step_send(struct request *r);	  /* send.c */
enum step step_relay(struct request *r);  /* relay.c */
enum step step_fail(struct request *r);	  /* reply.c */
enum step step_settle(struct request *r); /* settle.c */

/* --- between them --- */

/* outgoing.c: makes r->sending for the candidate. NO_EQUIVALENT with a note. With
 * *ret_wait it is not made yet: request_run() follows. */
enum err outgoing_make(struct request *r, bool *ret_wait) MUST_CHECK;

/* choose.c: the request's body on the worker's tape; read again when another one was
 * on it since. */
enum err choose_tape(struct request *r) MUST_CHECK;

/* send.c: the attempt's events. */
void
send_event(void *arg, enum attempt_event event, const struct slice *parts, unsigned n);

/* relay.c: what an attempt tells once the answer is on its way to the caller. */
void relay_event(
    struct request *r, enum attempt_event event, const struct slice *parts, unsigned n);

/* relay.c: the timer while a stream is relayed. */
void relay_time(struct request *r);

/* reply.c: puts the fields of every reply that weir makes. */
void reply_common(struct request *r, struct buf *to);

/* reply.c: is the provider's field one of its limits, where the caller is told of such
 * here? */
bool reply_hides(const struct request *r, struct slice name);

/* reply.c: writes a complete reply and notes its status. */
void
reply_whole(struct request *r, unsigned status, struct slice type, struct slice body);

/* settle.c: notes how the current attempt ended, and drops it. */
void settle_attempt(struct request *r, enum err outcome);

/* access.c: the line in the log. now_ms is monotonic. */
void access_log(struct request *r, uint64_t now_ms);

/* settle.c: writes into the journal that an attempt goes to the candidate now. */
void settle_intent(struct request *r);

/* settle.c: writes the row, once; before the last byte of the reply goes out, when
 * r->err and the status are what they will be. */
void settle_row(struct request *r, unsigned status);

/* settle.c: takes over what the attempt's reply said; computes the cost. */
void settle_facts(struct request *r);

#endif
