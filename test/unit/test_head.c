#include "http/write.h"

#include "http/parser.h"
#include "test.h"

static struct buf b;

static int
start(void **state)
{
	(void)state;
	buf_init(&b, 10000);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	buf_free(&b);
	return 0;
}

TEST(heads_are_written)
{
	http_put_status(&b, 200);
	http_put_field(&b, S("x-a"), S("1, 2\t3 \xc3\xbc"));
	http_put_field(&b, S("x-b"), S(""));
	http_put_number(&b, S("content-length"), UINT64_MAX);
	http_put_end(&b);
	assert_slice(
	    buf_slice(&b), S("HTTP/1.1 200 OK\r\nx-a: 1, 2\t3 \xc3\xbc\r\nx-b: \r\n"
			     "content-length: 18446744073709551615\r\n\r\n"));
}

TEST(every_status_has_a_reason)
{
	for (unsigned status = 100; status < 600; status++) {
		struct slice line;

		buf_clear(&b);
		http_put_status(&b, status);
		line = buf_slice(&b);
		assert_true(slice_ends(line, S("\r\n")));
		assert_true(line.len > sizeof("HTTP/1.1 200 \r\n") - 1);
	}
	buf_clear(&b);
	http_put_status(&b, 429);
	assert_slice(buf_slice(&b), S("HTTP/1.1 429 Too Many Requests\r\n"));
}

/* Whatever a value holds, the parser sees one field. */
TEST(no_value_makes_a_second_field)
{
	static const char *const values[] = {"a\r\nSet-Cookie: x", "a\nb", "a\rb",
	    "a\r\n\r\nHTTP/1.1 200 OK", "\r\n", "a\x01\x1f\177b"};

	for (size_t i = 0; i < COUNT(values); i++) {
		struct http_parser p;
		struct slice in, part;
		struct arena a;

		buf_clear(&b);
		http_put_status(&b, 204);
		http_put_field(&b, S("x"), slice_str(values[i]));
		http_put_end(&b);
		arena_init(&a, NULL, 0, 10000);
		http_parser_init(&p, HTTP_REPLIES, &a, 1000);
		in = buf_slice(&b);
		assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_HEAD);
		assert_int_equal(p.head.nfields, 1);
		assert_int_equal(http_parse(&p, &in, &part), HTTP_GOT_END);
		assert_int_equal(in.len, 0);
		http_parser_done(&p);
		arena_free(&a);
	}
}

TEST(dates)
{
	assert_slice(http_date(784111777000), S("Sun, 06 Nov 1994 08:49:37 GMT"));
	assert_slice(http_date(784111777999), S("Sun, 06 Nov 1994 08:49:37 GMT"));
	assert_slice(http_date(784111778000), S("Sun, 06 Nov 1994 08:49:38 GMT"));
	assert_slice(http_date(0), S("Thu, 01 Jan 1970 00:00:00 GMT"));
	assert_slice(http_date(1735689599000), S("Tue, 31 Dec 2024 23:59:59 GMT"));
}

TEST(chunk_heads)
{
	static const struct {
		size_t n;
		const char *head;
	} cases[] = {
	    {0, "0\r\n"},
	    {9, "9\r\n"},
	    {10, "a\r\n"},
	    {4096, "1000\r\n"},
	    {SIZE_MAX, "ffffffffffffffff\r\n"},
	};
	char head[18];

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_slice(slice_of(head, http_chunk_head(head, cases[i].n)),
		    slice_str(cases[i].head));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(heads_are_written),
	    CASE(every_status_has_a_reason),
	    CASE(no_value_makes_a_second_field),
	    CASE(dates),
	    CASE(chunk_heads),
	};

	return cmocka_run_group_tests_name("write (http)", tests, NULL, NULL);
}
