/*
 * stream: one TCP connection, plain or TLS, as bytes in and bytes out.
 *
 * Reading: data arrives by callback, in a space that every stream of the
 * thread shares; what is to be kept is copied. Writing: what the kernel does
 * not take at once is copied and queued; stream_queued() tells how much, and
 * the one who reads from the other side pauses it above a mark of his own
 * until `drain` comes. A stream that is closed says nothing more.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "core/err.h"
#include "core/slice.h"
#include "loop/loop.h"

struct stream;

struct stream_events {
	/* Bytes came; valid during the call. May close the stream. */
	void (*data)(void *arg, struct slice bytes);
	/* No more bytes will come. ERR_EOF (an orderly end), ERR_RESET, ERR_TLS.
	 * Once; but after ERR_EOF a failing write may still bring ERR_RESET. */
	void (*end)(void *arg, enum err why);
	/* The queue is empty again after it was not. */
	void (*drain)(void *arg);
};

/* The parts of one stream_write(). */
#define STREAM_PARTS_MAX 16

/*
 * Reports to `events` (static) with arg from now on, and reads. Nothing is
 * called before this returns. May be called again to hand it to another owner.
 */
void stream_attend(struct stream *s, const struct stream_events *events, void *arg);

/* Stops and goes on reading. What was read already is still delivered. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/*
 * Sends n parts (at most STREAM_PARTS_MAX) in order. Borrows them for the call
 * only. ERR_NOMEM; ERR_RESET when the peer is gone (`end` comes too).
 */
enum err stream_write(struct stream *s, const struct slice *parts, unsigned n) MUST_CHECK;

/* Bytes that were written to the stream and not yet taken by the kernel. */
size_t stream_queued(const struct stream *s);

/* Closes at once; what is queued is lost. Takes the stream. */
void stream_close(struct stream *s);

/*
 * Sends what is queued, then closes; reads and drops for a moment what the
 * peer still sends, so that it can read our last words. Takes the stream.
 */
void stream_finish(struct stream *s);

struct loop *stream_loop(const struct stream *s);

#endif
