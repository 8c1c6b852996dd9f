/*
 * eventstream: AWS's binary event streams (application/vnd.amazon.eventstream) cut
 * into their frames, and frames written.
 *
 *	u32 length of all, u32 length of the headers, u32 CRC of these eight bytes,
 *	headers (u8 length, name, u8 type, value), payload, u32 CRC of all before
 *
 * Numbers are big-endian. A frame is given as sse.h gives an event, so that whoever
 * reads streams needs not know which of the two it is: the name is that of the event
 * or the exception, the data the payload, raw the frame. A frame that lies whole in
 * the input is not copied; one that came in pieces is put together, up to a ceiling.
 * (Smithy specification of the AWS event stream, 2024.)
 */
#ifndef HTTP_EVENTSTREAM_H
#define HTTP_EVENTSTREAM_H

#include "http/sse.h"

#define EVENTSTREAM_TYPE "application/vnd.amazon.eventstream"

struct eventstream {
	struct buf partial; /* a frame that is not complete */
	struct buf words;   /* data of an error that has words and no payload */
	bool given;	    /* partial was given out; drop it at the next call */
};

/* A frame of more than max bytes is ERR_FULL. */
void eventstream_init(struct eventstream *s, size_t max);
void eventstream_done(struct eventstream *s);

/*
 * The next complete frame, taken off *in; its slices are valid until the next call
 * and as long as the input. False when there is none (yet): *in is then empty and
 * kept aside. ret_err: OK, NOMEM, FULL, or BAD_REPLY when the bytes are no frame;
 * nothing more can be read then.
 */
bool eventstream_next(struct eventstream *s, struct slice *in,
    struct sse_event *ret_event, enum err *ret_err);

/* Is part of a frame held back? At the stream's end it was cut then. */
bool eventstream_has_partial(const struct eventstream *s);

/*
 * Begins a frame of an event or an exception at the end of `to`, with a payload of
 * JSON: append it, beginning with buf_byte(to, '{') as json_open() would put a comma,
 * then call eventstream_end() with what this returned.
 */
size_t eventstream_begin(struct buf *to, bool is_exception, struct slice name);
void eventstream_end(struct buf *to, size_t begun);

#endif
