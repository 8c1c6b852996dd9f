#include "core/crc32c.h"

#include "test.h"

/* RFC 3720, B.4, and the catalogue's check value. */
TEST(the_known_values)
{
	static const unsigned char zeros[32], nine[] = "123456789";
	unsigned char ones[32], up[32];

	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 32; i++)
		up[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, nine, 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c_plain(0, nine, 9), 0xe3069283);
}

/* Whole or in two parts, by the instruction or without, from any address. */
TEST(all_ways_agree)
{
	unsigned char bytes[70];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 37 + 11);
	for (size_t from = 0; from < 8; from++) {
		for (size_t n = 0; from + n <= sizeof(bytes); n++) {
			uint32_t whole = crc32c_plain(0, bytes + from, n);
			size_t cut = n / 3;

			assert_int_equal(crc32c(0, bytes + from, n), whole);
			assert_int_equal(crc32c(crc32c(0, bytes + from, cut),
					     bytes + from + cut, n - cut),
			    whole);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_known_values),
	    cmocka_unit_test(all_ways_agree),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
