#include "http/inflate.h"

#include "test.h"
#include "torture.h"

#include <zlib.h>

#define GZIP (15 + 16)
#define ZLIB 15
#define RAW  (-15)

static struct slice
deflate_all(struct slice text, int frame, char *to, size_t cap)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, frame, 8, 0), Z_OK);
	memcpy(&z.next_in, &text.ptr, sizeof(text.ptr));
	z.avail_in = (unsigned)text.len;
	z.next_out = (unsigned char *)to;
	z.avail_out = (unsigned)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&z), Z_OK);
	return slice_of(to, cap - z.avail_out);
}

static char text[50000], packed[50000];

static void
make_text(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + (i * i / 7) % 26);
}

/* Decompresses in pieces of `piece` bytes. */
static enum err
inflate_all(const char *encoding, struct slice in, size_t piece, struct buf *to)
{
	struct inflate *z = inflate_new(slice_str(encoding));
	enum err e = ERR_OK;

	assert_non_null(z);
	for (size_t at = 0; at < in.len && e == ERR_OK; at += piece)
		e = inflate_read(z, slice_head(slice_from(in, at), piece), to);
	inflate_free(z);
	return e;
}

TEST(every_frame_in_every_piece)
{
	static const struct {
		const char *encoding;
		int frame;
	} cases[] = {
	    {"gzip", GZIP}, {"X-GZip", GZIP}, {"deflate", ZLIB}, {"deflate", RAW}};
	static const size_t pieces[] = {1, 2, 7, 1000, sizeof(packed)};

	make_text();
	for (size_t i = 0; i < COUNT(cases) * COUNT(pieces); i++) {
		size_t c = i / COUNT(pieces);
		struct slice in = deflate_all(
		    slice_of(text, sizeof(text)), cases[c].frame, packed, sizeof(packed));
		struct buf to;

		buf_init(&to, 1u << 20);
		assert_int_equal(
		    inflate_all(cases[c].encoding, in, pieces[i % COUNT(pieces)], &to),
		    ERR_OK);
		assert_slice(buf_slice(&to), slice_of(text, sizeof(text)));
		buf_free(&to);
	}
}

TEST(other_encodings_are_not_read)
{
	assert_null(inflate_new(S("br")));
	assert_null(inflate_new(S("identity")));
	assert_null(inflate_new(S("")));
	assert_null(inflate_new(S("gzip, gzip")));
	inflate_free(NULL);
}

TEST(what_is_broken_is_a_syntax_error)
{
	struct buf to;

	buf_init(&to, 1u << 20);
	assert_int_equal(inflate_all("gzip", S("plain text"), 100, &to), ERR_SYNTAX);
	assert_int_equal(inflate_all("gzip", S("\x1f\x8b\x07\x00"), 100, &to), ERR_SYNTAX);
	buf_free(&to);
}

TEST(what_follows_the_end_is_dropped)
{
	struct slice in = deflate_all(S("hello"), GZIP, packed, sizeof(packed));
	struct buf to;

	memcpy(packed + in.len, "junk", 4);
	buf_init(&to, 1u << 20);
	assert_int_equal(
	    inflate_all("gzip", slice_of(packed, in.len + 4), 3, &to), ERR_OK);
	assert_slice(buf_slice(&to), S("hello"));
	buf_free(&to);
}

/* A small reply that unpacks to much is stopped at the buffer's ceiling. */
TEST(the_ceiling_bounds_it)
{
	struct slice in;
	struct buf to;

	memset(text, 'x', sizeof(text));
	in = deflate_all(slice_of(text, sizeof(text)), GZIP, packed, sizeof(packed));
	assert_true(in.len < 200);
	buf_init(&to, sizeof(text) - 1);
	assert_int_equal(inflate_all("gzip", in, 1000, &to), ERR_FULL);
	assert_true(to.len < sizeof(text));
	buf_free(&to);
}

TEST(the_ceiling_may_be_reached)
{
	struct slice in;
	struct buf to;

	make_text();
	in = deflate_all(slice_of(text, 1000), GZIP, packed, sizeof(packed));
	buf_init(&to, 1000);
	assert_int_equal(inflate_all("gzip", in, 10, &to), ERR_OK);
	assert_slice(buf_slice(&to), slice_of(text, 1000));
	buf_free(&to);
}

static enum err
unpack(void *arg)
{
	struct inflate *z = inflate_new(S("gzip"));
	enum err e = z == NULL ? ERR_NOMEM : ERR_OK;
	struct buf to;

	buf_init(&to, 1u << 20);
	if (e == ERR_OK)
		e = inflate_read(z, *(struct slice *)arg, &to);
	if (e == ERR_OK)
		assert_slice(buf_slice(&to), slice_of(text, sizeof(text)));
	inflate_free(z);
	buf_free(&to);
	return e;
}

TEST(survives_torture)
{
	struct slice in;

	make_text();
	in = deflate_all(slice_of(text, sizeof(text)), GZIP, packed, sizeof(packed));
	assert_true(torture(unpack, &in) >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_frame_in_every_piece),
	    cmocka_unit_test(other_encodings_are_not_read),
	    cmocka_unit_test(what_is_broken_is_a_syntax_error),
	    cmocka_unit_test(what_follows_the_end_is_dropped),
	    cmocka_unit_test(the_ceiling_bounds_it),
	    cmocka_unit_test(the_ceiling_may_be_reached),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("inflate", tests, NULL, NULL);
}
