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
		char *room = buf_room(to, STEP_BYTES);

		if (room == NULL)
			return to->err;
		z->z.next_out = (unsigned char *)room;
		z->z.avail_out = STEP_BYTES;
		e = inflate(&z->z, Z_NO_FLUSH);
		buf_wrote(to, STEP_BYTES - z->z.avail_out);
	} while (e == Z_OK && (z->z.avail_in > 0 || z->z.avail_out == 0));
	z->ended = e == Z_STREAM_END;
	return e == Z_OK || e == Z_STREAM_END || e == Z_BUF_ERROR ? ERR_OK : ERR_SYNTAX;
}
