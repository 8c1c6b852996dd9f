/*
 * attempt_reply: reading what comes back. For the files of the attempt only:
 * attempt.c owns the connection, attempt_head.c writes what is asked, attempt_reply.c
 * reads replies, attempt_events.c streams, attempt_translate.c makes of both what the
 * caller's dialect has.
 */
#ifndef PROXY_ATTEMPT_REPLY_H
#define PROXY_ATTEMPT_REPLY_H

#include "proxy/attempt.h"

/* Reads the bytes; the attempt may be over afterwards. */
void attempt_read(struct attempt *a, struct slice bytes);

/* The connection ended: true when that completed the reply. */
bool attempt_read_eof(struct attempt *a);

/*
 * The first of the provider's words for wait.why; none when they repeat a key of ours.
 * Callers may read them, the log must not: they may repeat the prompt.
 */
struct slice attempt_words(struct attempt *a, struct slice words);

/*
 * Judges an error by what came of it: all of it, or not, and then it is none that
 * the caller could be told.
 */
void attempt_read_fault(struct attempt *a, bool whole, bool reusable);

/* --- of attempt_events.c --- */

/* The next part of an event stream. */
void attempt_events(struct attempt *a, struct slice part);

/* The stream's HTTP message is complete. `reusable`: so is the connection. */
void attempt_events_end(struct attempt *a, bool reusable);

/* Tells the gathered bytes. */
void attempt_flush(struct attempt *a);

/* Holds bytes back until the first token; what becomes too much goes out without. */
void attempt_hold(struct attempt *a, struct slice raw);

/* --- of attempt_translate.c --- */

/* The event that is on the reply tape, as the caller's dialect tells it. */
void attempt_translate_event(struct attempt *a, const struct sse_event *e);

/* The event of the caller's own dialect as an element of an array, and its end. */
void attempt_array_event(struct attempt *a, const struct sse_event *e);
void attempt_array_end(struct attempt *a);

/* The stream is complete though it had no end mark. */
void attempt_translate_end(struct attempt *a);

/* The provider's error (a->fault) as the caller's dialect tells it. */
void attempt_translate_fault(struct attempt *a);

/* Puts the reply, whose text it is, into a->body as the caller's dialect has it. */
enum err attempt_translate_whole(struct attempt *a, struct slice text) MUST_CHECK;

/* Frees what the translation of a stream holds. */
void attempt_translate_done(struct attempt *a);

/* --- of attempt_head.c --- */

/* Appends the request's head, with the credential: wipe the buffer afterwards. */
void attempt_put_head(struct attempt *a, struct buf *to);

/* --- of attempt.c --- */

/* It failed: closes the connection and tells FAILS. A format may be NULL when `why`
 * is set already. */
SELDOM void attempt_fail(struct attempt *a, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Parts with the connection: gives it back if it can be used again. */
void attempt_release(struct attempt *a, bool reusable);

/* It is over: gives the connection back, or drops it, and tells the event. */
void attempt_over(struct attempt *a, enum attempt_event event, bool reusable);

/* The answer begins: tells what was held back. */
void attempt_begin(struct attempt *a);

void attempt_tell_bytes(struct attempt *a, const struct slice *parts, unsigned n);
void attempt_tell_mark(struct attempt *a);

/* Keeps what a reply said, and lets its slices point there. */
void attempt_keep_facts(struct attempt *a, const struct reply_facts *f);

#endif
