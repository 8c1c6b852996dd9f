/*
 * inflate: reading a compressed reply (gzip, deflate) as it comes. The compressed
 * bytes go on to the caller as they are; this is only to look into them.
 */
#ifndef HTTP_INFLATE_H
#define HTTP_INFLATE_H

#include "core/buf.h"

struct inflate;

/* For the value of a Content-Encoding field. NULL: not one that can be read, or out
 * of memory. */
struct inflate *inflate_new(struct slice encoding);
void inflate_free(struct inflate *z);

/*
 * Decompresses the next bytes and appends them to `to`, whose ceiling bounds them.
 * ERR_SYNTAX: they are not what they claim to be; ERR_FULL, ERR_NOMEM.
 */
enum err inflate_read(struct inflate *z, struct slice bytes, struct buf *to) MUST_CHECK;

#endif
