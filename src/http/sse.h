/*
 * sse: an event stream (WHATWG "Server-sent events") cut into its events.
 *
 * An event is given as the raw bytes that came, its end included, so that it
 * can be forwarded as it is, and as its data. Lines may end with LF, CR LF or
 * CR. An event that lies whole in the input is not copied; one that came in
 * pieces is put together, up to a ceiling.
 */
#ifndef HTTP_SSE_H
#define HTTP_SSE_H

#include "core/buf.h"

struct sse {
	struct buf partial; /* an event that is not complete */
	struct buf joined;  /* data of several lines */
	size_t line;	    /* where in partial the last line begins */
	size_t scanned;	    /* bytes of partial known to hold no end of a line */
	bool given;	    /* partial was given out; drop it at the next call */
};

struct sse_event {
	struct slice raw;  /* all bytes, with the empty line that ends it */
	struct slice data; /* joined by LF; ptr NULL when it has none (comments) */
	struct slice name; /* of the `event:` line; len 0 when there is none */
	bool is_exception; /* of eventstream.h: an error with which the stream ends */
};

/* An event of more than max bytes is ERR_FULL. */
void sse_init(struct sse *s, size_t max);
void sse_done(struct sse *s);

/*
 * The next complete event, taken off *in; its slices are valid until the next
 * call and as long as the input. False when there is none (yet): *in is then
 * empty and kept aside. ret_err: OK, NOMEM or FULL.
 */
bool
sse_next(struct sse *s, struct slice *in, struct sse_event *ret_event, enum err *ret_err);

/* What is left when the stream ends without an empty line; false when nothing. */
bool sse_rest(struct sse *s, struct sse_event *ret_event);

/* Reads one event's lines out of raw bytes. `joined` is used for several lines. */
enum err sse_read(struct slice raw, struct buf *joined, struct sse_event *ret_event);

/* Is part of an event held back? */
bool sse_has_partial(const struct sse *s);

#endif
