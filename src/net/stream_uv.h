/*
 * stream_uv: how the listener and the pool make streams. For net/ only.
 */
#ifndef NET_STREAM_UV_H
#define NET_STREAM_UV_H

#include "net/address.h"
#include "net/stream.h"
#include "net/tls.h"

#include <uv.h>

/* Called once; why is OK, or what went wrong. */
typedef void stream_ready_fn(void *arg, enum err why);

/* A stream without a connection; NULL when out of memory. */
struct stream *stream_new(struct loop *l);

/* Takes a waiting connection off the listening handle. ERR_IO. */
enum err stream_accept(struct stream *s, uv_stream_t *listening) MUST_CHECK;

/*
 * Connects; ready runs once, later, or never when the stream is closed first.
 * ERR_CONNECT when it cannot even begin; ready does not run then.
 */
enum err stream_connect(struct stream *s, const struct address *to,
    stream_ready_fn *ready, void *arg) MUST_CHECK;

/*
 * Begins TLS on it (takes t); ready as above, at the handshake's end. Streams
 * of clients may leave ready NULL: data then just begins after the handshake.
 */
enum err stream_start_tls(
    struct stream *s, struct tls *t, stream_ready_fn *ready, void *arg) MUST_CHECK;

/* The peer's address; untouched when it is gone. */
void stream_peer(const struct stream *s, struct address *ret_from);

/* The system's word for the last failure: "connection refused". Static or s's own. */
const char *stream_why(const struct stream *s);

#endif
