#include "store/pg_sql.h"

#include "test.h"

static void
assert_sql(const char *sql, const char *want, unsigned count)
{
	struct pg_sql_places places;
	struct buf b;

	buf_init(&b, 4096);
	pg_sql_translate(sql, &b, &places);
	assert_int_equal(b.err, ERR_OK);
	assert_string_equal(b.ptr, want);
	assert_int_equal(places.count, count);
	buf_free(&b);
}

TEST(places_are_numbered)
{
	assert_sql("SELECT 1", "SELECT 1", 0);
	assert_sql("a = ? AND b = ?", "a = $1 AND b = $2", 2);
	assert_sql("a = ?1 OR b = ?1 OR c = ?2", "a = $1 OR b = $1 OR c = $2", 2);
	/* PostgreSQL wants no gaps. */
	assert_sql("a = ?1 AND b = ?4", "a = $1 AND b = $2", 2);
	assert_sql("b = ?4 AND a = ?1", "b = $1 AND a = $2", 2);
	assert_sql("", "", 0);
}

TEST(what_is_quoted_stays)
{
	assert_sql("a = '?' AND \"b?\" = ?", "a = '?' AND \"b?\" = $1", 1);
	assert_sql("'it''s ?' || ?", "'it''s ?' || $1", 1);
	assert_sql("'open ?", "'open ?", 0);
}

TEST(a_place_tells_its_value)
{
	struct pg_sql_places places;
	struct buf b;

	buf_init(&b, 4096);
	pg_sql_translate("b = ?4 AND a = ?1", &b, &places);
	assert_int_equal(places.value[4], 1);
	assert_int_equal(places.value[1], 2);
	assert_int_equal(places.value[2], 0);
	buf_free(&b);
}

static void
assert_text(struct slice text, const char *want)
{
	struct buf mended;

	buf_init(&mended, 4096);
	assert_slice(pg_sql_text(text, &mended), slice_str(want));
	buf_free(&mended);
}

TEST(texts_are_utf8_without_zeros)
{
	assert_text(S(""), "");
	assert_text(slice_of(NULL, 0), "");
	assert_text(S("plain"), "plain");
	assert_text(S("\xc3\xa4\xf0\x9f\x99\x82"), "\xc3\xa4\xf0\x9f\x99\x82");
	assert_text(slice_of("a\0b", 3), "a\xef\xbf\xbd"
					 "b");
	assert_text(S("\xff"), "\xef\xbf\xbd");
	assert_text(S("x\xc3"), "x\xef\xbf\xbd");
	assert_text(S("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(numbers)
{
	assert_int_equal(pg_sql_i64("0"), 0);
	assert_int_equal(pg_sql_i64("-9223372036854775808"), INT64_MIN);
	assert_int_equal(pg_sql_i64("99999999999999999999"), INT64_MAX);
	assert_int_equal(pg_sql_i64("t"), 1);
	assert_int_equal(pg_sql_i64("f"), 0);
	assert_int_equal(pg_sql_i64(""), 0);
}

TEST(blobs)
{
	struct buf b;

	buf_init(&b, 4096);
	pg_sql_blob("\\x00ff0a", &b);
	assert_slice(buf_slice(&b), slice_of("\0\xff\n", 3));
	buf_clear(&b);
	pg_sql_blob("\\x", &b);
	assert_int_equal(b.len, 0);
	pg_sql_blob("none", &b);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(places_are_numbered),
	    cmocka_unit_test(what_is_quoted_stays),
	    cmocka_unit_test(a_place_tells_its_value),
	    cmocka_unit_test(texts_are_utf8_without_zeros),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(blobs),
	};

	return cmocka_run_group_tests_name("pg_sql", tests, NULL, NULL);
}
