/*
 * client: one connection of a caller: requests in, replies out, one at a time.
 * What a caller sends ahead (pipelining) waits, bounded, until its turn.
 */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include "http/parser.h"
#include "net/address.h"
#include "net/stream.h"

struct client;
struct request; /* whatever the events' owner makes of one */
struct worker;

/* What happens to requests. All but `begin` get what that returned. */
struct client_events {
	/* A caller began to send. The head will go to *ret_arena. NULL when out of
	 * memory: the connection is then closed. */
	struct request *(*begin)(struct client *c, struct arena **ret_arena);
	void (*head)(struct request *r, const struct http_head *head);
	void (*body)(struct request *r, struct slice part);
	void (*end)(struct request *r); /* of the message */
	/* It can't be read any further; `why` is static text. */
	void (*bad)(struct request *r, enum err e, const char *why);
	/* The caller is gone; nothing more comes, and c must not be used. */
	void (*gone)(struct request *r);
	/* He took all that was queued for him. */
	void (*drained)(struct request *r);
};

struct client {
	const struct client_events *events;
	struct link link; /* worker->clients */
	struct worker *worker;
	struct stream *stream;
	struct http_parser parser;
	struct request *request; /* being read or answered; NULL: idle */
	struct buf ahead;	 /* came behind the current request */
	struct timer timer;	 /* the limit of what it is doing */
	struct task next;	 /* takes what came ahead */
	struct task gone;	 /* frees it */
	struct address from;
	uint64_t since_ms;	      /* of the phase that the timer watches */
	bool head_read, message_read; /* of the current request */
	bool fresh;		      /* no request yet */
	bool closed;
};

/* For a new connection; takes the stream, and closes it when out of memory. */
void client_open(struct worker *w, struct stream *s, const struct address *from,
    const struct client_events *events);

/*
 * Sends parts to the caller. ERR_RESET when he is gone (`gone` is told
 * later), ERR_NOMEM.
 */
enum err client_write(struct client *c, const struct slice *parts, unsigned n) MUST_CHECK;

/* Bytes that he has not taken yet. */
size_t client_queued(const struct client *c);

/* The request is answered. Another may follow, or the connection ends. */
void client_answered(struct client *c, bool keep_alive);

/* Closes at once. */
void client_close(struct client *c);

/* Closes if it is between requests. */
void client_close_idle(struct client *c);

#endif
