/*
 * fetch: one small thing over HTTP that is no answer of a provider: a picture that a
 * caller named by its URL, a token. Each on a connection of its own, which is not kept;
 * all on the loop's thread. What a reply means is for whoever asked.
 */
#ifndef PROXY_FETCH_H
#define PROXY_FETCH_H

#include "http/parser.h"
#include "net/upstream.h"

struct worker;
struct fetch;

/* Called once, later; may drop the fetch. */
typedef void fetch_fn(void *arg, struct fetch *f);

/* What is wrong with the head of a reply, as the end of a sentence; NULL: nothing. */
typedef const char *fetch_judge_fn(void *arg, const struct fetch *f);

struct fetch_ask {
	struct slice url;  /* http or https; copied */
	struct slice form; /* what is posted; ptr NULL: nothing, it is a GET. Borrowed */
	struct slice accept;
	bool public_only;   /* only from addresses of the open internet */
	unsigned redirects; /* so many are followed */
	size_t *room;	  /* bytes that may still come; borrowed, several may share it */
	uint64_t time_ms; /* for all of it */
	fetch_judge_fn *judge; /* NULL: any reply will do */
	fetch_fn *fn;
	void *arg;
};

#define FETCH_WHY_MAX 240

struct fetch {
	/* The reply; of the asker until the fetch is dropped. */
	enum err err;		 /* OK: a reply came, of whatever status */
	char why[FETCH_WHY_MAX]; /* else: a sentence, in which no path and no query is */
	unsigned status;
	struct slice type; /* its content type, as it came */
	struct buf body;

	struct fetch_ask ask;
	struct worker *worker;
	char *url; /* where it is now */
	struct slice target;
	struct host host;
	struct tls_context *tls; /* or NULL: there are no roots */
	struct upstream_wait wait;
	struct upstream *up;
	struct arena arena; /* of heads */
	struct http_parser parser;
	struct timer timer;
	struct task start, gone;
	unsigned followed;
};

/* NULL when out of memory. */
struct fetch *fetch_start(struct worker *w, const struct fetch_ask *ask);

/* Ends it, whatever it is doing; NULL does nothing. */
void fetch_drop(struct fetch *f);

#endif
