/*
 * proxy: the main path: callers' requests, the machine that takes each through
 * its states, attempts at providers, and the way of the reply back.
 *
 * The life of one streamed request:
 *	client.c   reads the head and makes a request             READ
 *	door.c     who is it, may it come in                      AUTH
 *	choose.c   reads the body, asks route/ for a candidate    ROUTE, ADMIT
 *	attempt.c  connects and sends; reply.c and events.c judge
 *	           what comes back                                SEND
 *	relay.c    the head and each event go to the caller       RELAY
 *	settle.c   usage, cost, ledger row, log line              SETTLE
 * machine.c holds the table of states. All of a request happens on the thread
 * that accepted it.
 *
 * Not here: which candidate is best (route/), what a reply means (dialect/), what
 * weir answers itself (admin/, bound to it by struct services).
 *
 * worker: what one loop thread owns.
 */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "config/config.h"
#include "core/slab.h"
#include "meter/row.h"
#include "meter/stats.h"
#include "net/listener.h"
#include "net/upstream.h"
#include "proxy/queue.h"
#include "quota/lender.h"
#include "route/route.h"
#include "store/journal.h"
#include "store/keys.h"
#include "json/tape.h"

struct request;

/* What weir answers itself. A service replies now, or later with request_reply(). */
typedef void service_fn(struct request *r);

/* Indexed by enum serve; SERVE_FORWARD has none. */
struct services {
	service_fn *serve[32];
};

#define WORKER_LISTENERS_MAX 16

struct worker {
	struct loop *loop;
	unsigned index, nworkers; /* nworkers: how many share the limits */
	struct config *config;	  /* new requests get this one */
	struct key_set *keys;
	const struct services *services;
	void *hub;		       /* of the services' owner */
	struct journal *journal;       /* intents and rows go here */
	const struct lenders *lenders; /* of shared limits; NULL: none are shared */
	bool unrecorded;	       /* the last one found no room, and that was told */

	struct upstream_pool *pool;
	struct upstream_limits pool_limits;
	struct route_limits route_limits;
	struct listener *listeners[WORKER_LISTENERS_MAX];
	unsigned nlisteners;
	struct link clients;  /* open connections of callers */
	struct link requests; /* being answered */
	struct link tokens;   /* of service accounts; see token.h */
	unsigned nclients;
	bool full; /* limits.connections is reached: more wait in the kernel */
	struct slab client_slab, request_slab, attempt_slab;
	struct slab block_slab; /* of bodies of a usual length */
	struct slab head_slab;	/* of replies' heads likewise */

	struct json tape;	/* scratch; whose body it holds: */
	const void *tape_owner; /* a request, or NULL */
	struct json reply_tape; /* scratch for replies and events */
	struct buf head;	/* scratch for heads */
	struct buf told;	/* what it translated, of this read */
	struct buf scratch;	/* for other texts */
	/* Of the attempt that is reading: what it gathered to be told as one. */
	struct slice out[STREAM_PARTS_MAX];
	struct request_ids ids;
	struct stats stats;
	double retry_budget;	     /* retries that may be made now */
	struct queue queue;	     /* who waits for room in a limit */
	struct worker *const *peers; /* nworkers, itself among them; NULL: it is alone */
	unsigned next_peer;	     /* that is woken first */
	bool stopping;
};

/* Takes references to the configuration and the keys. ERR_NOMEM. */
enum err worker_init(struct worker *w, unsigned index, struct loop *l, struct config *c,
    struct key_set *keys) MUST_CHECK;
/* After worker_stop and worker_abort; the last of it. */
void worker_done(struct worker *w);

/*
 * Listens on every address. addresses[i] gets the one bound, so that the other
 * threads share a port that the kernel picked. ERR_IO with a sentence in why (at
 * least 128 bytes).
 */
enum err worker_listen(
    struct worker *w, struct address *addresses, unsigned n, char *why) MUST_CHECK;

/* New requests get these; takes the references. */
void worker_set_config(struct worker *w, struct config *c);
void worker_set_keys(struct worker *w, struct key_set *keys);

/* Accepts no more, closes idle connections; the others close after their reply. */
void worker_stop(struct worker *w);

/* A connection came or went: takes more of them, or none for now. */
void worker_admit(struct worker *w);

/* Is there anything left to do? */
bool worker_is_idle(const struct worker *w);

/* Closes the kept connections to providers. */
void worker_close_pool(struct worker *w);

/* Ends what is left at once. The loop must turn once more before worker_done. */
void worker_abort(struct worker *w);

#endif
