#include "http/inflate.h"

#include <stdlib.h>
#include <zlib.h>

#define STEP_BYTES 16384

struct inflate {
	z_stream z;
	bool first, ended;
};

struct inflate *
inflate_new(struct slice encoding)
{
	struct inflate *z;

	if (!slice_ieq(encoding, S("gzip")) && !slice_ieq(encoding, S("x-gzip")) &&
	    !slice_ieq(encoding, S("deflate")))
		return NULL;
	z = calloc(1, sizeof(*z));
	/* 15 + 32: gzip or zlib, whichever it turns out to be. */
	if (z == NULL || inflateInit2(&z->z, 15 + 32) != Z_OK) {
		free(z);
		return NULL;
	}
	z->first = true;
	return z;
}

void
inflate_free(struct inflate *z)
{
	if (z == NULL)
		return;
	(void)inflateEnd(&z->z);
	free(z);
}

/* "deflate" is often sent without zlib's frame: then the first byte shows it. */
static int
begin(struct inflate *z, struct slice bytes)
{
	unsigned char byte = (unsigned char)bytes.ptr[0];

	z->first = false;
	if (byte != 0x1f && (byte & 0x0f) != 8)
		return inflateReset2(&z->z, -15);
	return Z_OK;
}

/*
 * One step of zlib's into the buffer, as far as its ceiling allows. When there is
 * no room any more, a spare byte tells the text's end from more text.
 */
static int
step(struct inflate *z, struct buf *to)
{
	size_t left = to->max - to->len, n = left < STEP_BYTES ? left : STEP_BYTES;
	char spare = 0, *room = n == 0 ? &spare : buf_room(to, n);
	int e;

	if (room == NULL)
		return Z_OK; /* to->err tells */
	z->z.next_out = (unsigned char *)room;
	z->z.avail_out = n == 0 ? 1 : (unsigned)n;
	e = inflate(&z->z, Z_NO_FLUSH);
	if (n > 0)
		buf_wrote(to, n - z->z.avail_out);
	else if (z->z.avail_out == 0)
		to->err = ERR_FULL;
	return e;
}

enum err
inflate_read(struct inflate *z, struct slice bytes, struct buf *to)
{
	int e = Z_OK;

	if (bytes.len == 0 || z->ended)
		return ERR_OK;
	if (z->first && begin(z, bytes) != Z_OK)
		return ERR_SYNTAX;
	memcpy(&z->z.next_in, &bytes.ptr, sizeof(bytes.ptr)); /* its type has no const */
	z->z.avail_in = (unsigned)bytes.len;
	do {
		e = step(z, to);
		if (to->err != ERR_OK)
			return to->err;
	} while (e == Z_OK && (z->z.avail_in > 0 || z->z.avail_out == 0));
	z->ended = e == Z_STREAM_END;
	return e == Z_OK || e == Z_STREAM_END || e == Z_BUF_ERROR ? ERR_OK : ERR_SYNTAX;
}
