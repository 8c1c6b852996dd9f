/*
 * write: the heads of messages.
 */
#ifndef HTTP_WRITE_H
#define HTTP_WRITE_H

#include "core/buf.h"
#include "http/parser.h"

/* "HTTP/1.1 200 OK" and the line's end. */
void http_put_status(struct buf *to, unsigned status);

/* "name: value" and the line's end. Bytes that would end the line or are no text are
 * dropped, so that no value can make a second field. */
void http_put_field(struct buf *to, struct slice name, struct slice value);
void http_put_number(struct buf *to, struct slice name, uint64_t value);

/* The same with a value that weir made itself, of which all is text. */
void http_put_plain(struct buf *to, struct slice name, struct slice value);

/* A field of a head that was parsed, which holds nothing of that kind. */
void http_copy_field(struct buf *to, const struct http_field *field);

/* The empty line that ends a head. */
void http_put_end(struct buf *to);

/* "Sun, 06 Nov 1994 08:49:37 GMT"; made once a second and thread. Valid until the
 * next call. */
struct slice http_date(uint64_t unix_ms);

/* The first line of a chunk of n bytes, into `to` (18 bytes); returns its length. */
size_t http_chunk_head(char *to, size_t n);

#endif
