/*
 * Any bytes as a compressed reply: what comes out does not depend on the pieces in
 * which it comes, and no more comes out than there is room for.
 */
#include "fuzz.h"

#include "http/inflate.h"

#define ROOM (1u << 20)

static enum err
read_all(
    struct slice encoding, struct slice text, size_t room, enum cut cut, struct buf *to)
{
	struct inflate *z = inflate_new(encoding);
	struct random r;
	enum err e = ERR_OK;

	HOLDS(z != NULL);
	random_seed(&r, slice_hash(text));
	buf_init(to, room);
	for (size_t at = 0, end; at < text.len && e == ERR_OK; at = end) {
		end = piece_end(cut, at, text.len, &r);
		e = inflate_read(z, slice_of(text.ptr + at, end - at), to);
	}
	inflate_free(z);
	HOLDS(to->len <= room);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice encodings[] = {{"gzip", 4}, {"deflate", 7}};
	struct slice text = slice_of((const char *)data, size);

	for (unsigned i = 0; i < 2; i++)
		for (size_t room = ROOM; room > 100; room /= 100) {
			struct buf first, other;
			enum err e =
			    read_all(encodings[i], text, room, CUT_NEVER, &first);

			HOLDS(e == ERR_OK || e == ERR_SYNTAX || e == ERR_FULL);
			for (enum cut cut = CUT_ALWAYS; cut < CUTS; cut++) {
				HOLDS(
				    read_all(encodings[i], text, room, cut, &other) == e);
				/* Before an error the pieces may have given more. */
				HOLDS(e != ERR_OK ||
				      slice_eq(buf_slice(&first), buf_slice(&other)));
				buf_free(&other);
			}
			buf_free(&first);
		}
	return 0;
}
