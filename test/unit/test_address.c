#include "net/address.h"

#include "test.h"

TEST(texts_of_addresses)
{
	static const struct {
		const char *text, *back;
	} cases[] = {
	    {"127.0.0.1:8080", "127.0.0.1:8080"},
	    {"0.0.0.0:0", "0.0.0.0:0"},
	    {"[::1]:8080", "[::1]:8080"},
	    {"[2001:DB8::0:1]:65535", "[2001:db8::1]:65535"},
	    {"[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.4]:1"},
	    {":8080", "[::]:8080"},
	    {"localhost:8080", "127.0.0.1:8080"},
	    {"LocalHost:80", "127.0.0.1:80"},
	    {"8080", "127.0.0.1:8080"},
	    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[ADDRESS_TEXT_MAX];
		struct address a;

		if (address_parse(slice_str(cases[i].text), &a) != ERR_OK)
			fail_msg("refused: %s", cases[i].text);
		assert_ptr_equal(address_text(&a, text), text);
		assert_string_equal(text, cases[i].back);
	}
}

TEST(other_texts_are_refused)
{
	static const char *const bad[] = {"", ":", "a", "127.0.0.1", "::1", "::1:80",
	    "[::1]", "[::1]80", "[::1]:", "[::1:80", "::1]:80", "127.0.0.1:", "1.2.3:80",
	    "1.2.3.4.5:80", "256.0.0.1:80", "127.0.0.1:65536", "127.0.0.1:-1",
	    "127.0.0.1:+1", "127.0.0.1: 80", "127.0.0.1:80 ", " 127.0.0.1:80",
	    "example.com:80", "[]:80", "[", "]:80", "65536", "-1", "127.0.0.1:80x",
	    "127.0.0.1:99999999999999999999",
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1"};
	struct address a, before;

	memset(&a, 'x', sizeof(a));
	before = a;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (address_parse(slice_str(bad[i]), &a) != ERR_SYNTAX)
			fail_msg("accepted: %s", bad[i]);
	assert_memory_equal(&a, &before, sizeof(a)); /* untouched */
}

TEST(hosts_with_a_port)
{
	struct address a;

	assert_int_equal(address_of_host(S("10.0.0.1"), 443, &a), ERR_OK);
	assert_int_equal(address_port(&a), 443);
	assert_int_equal(address_len(&a), sizeof(struct sockaddr_in));
	assert_int_equal(a.sa.any.sa_family, AF_INET);
	assert_int_equal(address_of_host(S("fe80::1"), 65535, &a), ERR_OK);
	assert_int_equal(address_port(&a), 65535);
	assert_int_equal(address_len(&a), sizeof(struct sockaddr_in6));
	assert_int_equal(a.sa.any.sa_family, AF_INET6);
	assert_int_equal(address_of_host(S(""), 1, &a), ERR_SYNTAX);
	assert_int_equal(address_of_host(S("localhost"), 1, &a), ERR_SYNTAX);
	assert_int_equal(address_of_host(S("[::1]"), 1, &a), ERR_SYNTAX);
	assert_int_equal(address_of_host(S("1.2.3.4:80"), 1, &a), ERR_SYNTAX);
	assert_int_equal(address_port(&a), 65535);
}

TEST(a_zero_byte_ends_no_host)
{
	struct address a;

	assert_int_equal(address_of_host(S("10.0.0.1\0.evil"), 1, &a), ERR_SYNTAX);
	assert_int_equal(address_parse(S("10.0.0.1\0x:80"), &a), ERR_SYNTAX);
}

TEST(loopback_is_this_machine_only)
{
	static const struct {
		const char *text;
		bool loopback;
	} cases[] = {
	    {"127.0.0.1:1", true},
	    {"127.255.255.254:1", true},
	    {"128.0.0.1:1", false},
	    {"126.0.0.1:1", false},
	    {"0.0.0.0:1", false},
	    {"10.0.0.1:1", false},
	    {"[::1]:1", true},
	    {"[::]:1", false},
	    {"[::2]:1", false},
	    {"[::ffff:127.0.0.1]:1", true},
	    {"[::ffff:10.0.0.1]:1", false},
	    {"[fe80::1]:1", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address a;

		assert_int_equal(address_parse(slice_str(cases[i].text), &a), ERR_OK);
		if (address_is_loopback(&a) != cases[i].loopback)
			fail_msg("%s", cases[i].text);
	}
}

static void
public_is_what_the_internet_has(void **state)
{
	static const char *const open[] = {"1.1.1.1", "8.8.8.8", "9.255.255.255",
	    "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
	    "168.63.129.17", "192.0.1.0", "192.169.0.0", "198.17.255.255", "198.20.0.0",
	    "223.255.255.255", "2606:4700::1111", "2001:200::1", "2a00:1450::1",
	    "::ffff:8.8.8.8", "64:ff9b::808:808"};
	static const char *const inward[] = {"0.0.0.0", "0.1.2.3", "10.255.255.255",
	    "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
	    "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.192", "192.0.2.1",
	    "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1",
	    "203.0.113.1", "168.63.129.16", "224.0.0.1", "239.255.255.255", "240.0.0.1",
	    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1",
	    "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "fc00::1",
	    "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:1ff::1",
	    "2001:db8::1", "2002:7f00:1::1", "3fff::1"};
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		assert_int_equal(address_of_host(slice_str(open[i]), 0, &a), ERR_OK);
		if (!address_is_public(&a))
			fail_msg("%s is public", open[i]);
	}
	for (size_t i = 0; i < sizeof(inward) / sizeof(inward[0]); i++) {
		assert_int_equal(address_of_host(slice_str(inward[i]), 0, &a), ERR_OK);
		if (address_is_public(&a))
			fail_msg("%s is not public", inward[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_of_addresses),
	    cmocka_unit_test(other_texts_are_refused),
	    cmocka_unit_test(hosts_with_a_port),
	    cmocka_unit_test(a_zero_byte_ends_no_host),
	    cmocka_unit_test(loopback_is_this_machine_only),
	    cmocka_unit_test(public_is_what_the_internet_has),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
