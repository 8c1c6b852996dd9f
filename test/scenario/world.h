/*
 * world: the real request machine on a fake loop, a fake network and a fake clock.
 *
 * A scenario sets up hosts that play scripts, sends a request as a caller would,
 * lets time pass and looks at what the caller got, which attempts were made and
 * what the ledger says. No thread, no socket, no sleeping: a minute takes no time.
 * fake_loop.c and fake_net.c stand in for loop/loop.c and net/ at link time; all
 * else is the real thing.
 */
#ifndef SCENARIO_WORLD_H
#define SCENARIO_WORLD_H

#include "core/arena.h"
#include "loop/loop.h"
#include "test.h"

#define WORLD_HOSTS_MAX 4
#define WORLD_ACTS_MAX	80

/* What a host does, so many ms after the act before (the first: after the request). */
struct act {
	uint64_t after_ms;
	enum { ACT_SEND, ACT_CLOSE, ACT_RESET } what;
	struct slice bytes;
};

struct script {
	bool byte_by_byte;   /* what it sends comes so */
	bool refuses;	     /* the connection */
	bool unknown;	     /* the name is not known */
	uint64_t connect_ms; /* how long connecting takes */
	unsigned count;
	struct act act[WORLD_ACTS_MAX];
};

/* The uncached prompt, the cached one, the answer, in tokens. */
struct tokens {
	unsigned fresh, cached, out;
};

/* --- scripts --- */

/* Says nothing, ever. */
const struct script *silent(void);

/* Cannot be connected to; is not known to DNS. */
const struct script *refused(void);
const struct script *no_such_host(void);

/* A chat completion, or an error with that status; `field` is a header line or NULL. */
const struct script *answer(const char *text, struct tokens usage);
const struct script *fault(unsigned status, const char *field, const char *message);

/* Exactly these bytes after so many ms, then the connection is closed. */
const struct script *raw(uint64_t after_ms, const char *bytes);

/* These bytes, in two pieces of which the first ends at `split` (0 or the length: in
 * one), or byte by byte; then the connection is closed, if it is to be. Borrows them. */
const struct script *
pieces(struct slice bytes, size_t split, bool byte_by_byte, bool close);

/* A stream with an event for each letter of the text, gap_ms between two. */
const struct script *stream_of(const char *text, struct tokens usage, uint64_t gap_ms);

/* The same without its end: after n letters it is cut, or it stalls. */
const struct script *cut_stream(const char *text, unsigned n);
const struct script *stalled_stream(const char *text, unsigned n);

/* An answer that begins so many ms later. */
const struct script *after(uint64_t ms, const struct script *s);

/* --- the world --- */

struct world;

/* A world whose configuration has these lines more (options; may be ""). */
struct world *world_new(const char *options);

/* Fails the test when something is still open or held. */
void world_free(struct world *w);

/* A host of that name, in the order of preference, which plays the script for every
 * request; or the scripts in turn, the last for ever. Price 0.15, 0.075, 0.60. */
void world_host(struct world *w, const char *name, const struct script *s);
void world_then(struct world *w, const char *name, const struct script *s);

/* What the requests so far taught about the hosts is forgotten. */
void world_forget(struct world *w);

/* The context of a host's model; before the first request. */
void world_context(struct world *w, const char *name, unsigned tokens);

/* Further fields of the hosts' entries in the configuration: "dialect: openai"; before
 * the first request. */
void world_provider(struct world *w, const char *fields);

/* A request for the model, JSON or stream; `more` is JSON members with a comma before
 * them, or "". */
void world_ask(struct world *w, const char *model);
void world_ask_stream(struct world *w, const char *model, const char *more);

/* Makes the worker and connects the caller; the asking functions do it otherwise. */
void world_connect(struct world *w);

/* The same with a body of our own. */
void world_post(struct world *w, const char *body);

/* What the caller sends, on a connection of its own; the bytes in pieces as those of
 * pieces(). */
void world_say(struct world *w, struct slice bytes, size_t split, bool byte_by_byte);

/* Lets time pass up to so many ms after the start of the world; for so many ms. */
void world_run_until(struct world *w, uint64_t ms);
void world_run_for(struct world *w, uint64_t ms);

/* The caller closes his connection; stops and goes on reading. */
void world_hang_up(struct world *w);
void world_stop_reading(struct world *w);
void world_read_on(struct world *w);

/* The bytes of the request that a host got last; terminated. */
const char *world_sent(struct world *w, const char *name);

/* Connections made to the host so far, and requests sent to it. */
unsigned world_connections(struct world *w, const char *name);
unsigned world_requests(struct world *w, const char *name);

/* Is a connection to the host open and in use? */
bool world_is_asking(struct world *w, const char *name);

/* What the caller has so far: status (0: nothing), body without chunk framing. */
unsigned world_status(struct world *w);
const char *world_body(struct world *w);
bool world_ended(struct world *w); /* the message is complete, or the connection gone */
struct slice world_field(struct world *w, const char *name);
struct slice world_head(struct world *w);

/* The newest row of the ledger, which then has none any more; false: it had none. The
 * row's texts live until the next call. */
struct meter_row;
bool world_take_row(struct world *w, struct meter_row *ret_row);

/* Intents in the journal whose rows are not. */
unsigned world_open_intents(struct world *w);

/* From now on notes, whenever something is written to the caller, how many rows the
 * journal has by then; world_rows_before_end: when the last of it was. Call when the
 * caller is connected. */
void world_watch_writes(struct world *w);
unsigned world_rows_before_end(struct world *w);

/* Takes all room that is left in the journal; what was let in keeps its own. */
void world_fill_journal(struct world *w);

/* Requests that were answered without a row. */
uint64_t world_unrecorded(struct world *w);

/* --- what must hold --- */

/* The status, and a text that the body has. */
void assert_reply(struct world *w, unsigned status, const char *text);

/* "a:CONNECT b:OK": the attempts of the newest row of the ledger. */
void assert_attempts(struct world *w, const char *expected);

/* So many rows, and the cost of the newest in pico-USD (-1: unknown). */
void assert_ledger(struct world *w, unsigned rows, int64_t cost_pusd);

/* The newest row's outcome, and whether it is partial. */
void assert_outcome(struct world *w, const char *outcome, bool partial);

/* --- between the world and the fakes --- */

struct stream;
struct fake_host;

/* fake_loop.c */
struct loop *fake_loop_new(uint64_t now_ms);
void fake_loop_free(struct loop *l);
void fake_loop_run_until(struct loop *l, uint64_t now_ms);

/* fake_net.c: a connection of a caller, with what was written to it. */
struct stream *fake_stream_new(struct loop *l);
void fake_stream_say(struct stream *s, struct slice bytes);
void fake_stream_hang_up(struct stream *s);
void fake_stream_hold(struct stream *s, bool hold); /* the reader stops, goes on */
struct slice fake_stream_heard(const struct stream *s);

/* Calls fn before anything is written to it. */
typedef void fake_write_fn(void *arg, const struct slice *parts, unsigned n);
void fake_stream_before(struct stream *s, fake_write_fn *fn, void *arg);
bool fake_stream_is_closed(const struct stream *s);
void fake_stream_forget(struct stream *s); /* the world looks at it no more */

/* A host by its name; made when it is new. */
struct fake_host {
	char name[40];
	const struct script *scripts[8];
	unsigned nscripts, played;
	unsigned connections, requests, asking;
	struct buf *sent; /* of the last request */
};
struct fake_host *fake_host(const char *name);
void fake_hosts_clear(void);

#endif
