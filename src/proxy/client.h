/*
 * client: one connection of a caller: requests in, replies out, one at a time.
 * What a caller sends ahead (pipelining) waits, bounded, until its turn.
 */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include "http/parser.h"
#include "net/address.h"
#include "net/stream.h"

struct request;
struct worker;

struct client {
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
void client_open(struct worker *w, struct stream *s, const struct address *from);

/*
 * Sends parts to the caller. ERR_RESET when he is gone (request_gone is called
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
