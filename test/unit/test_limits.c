#include "proxy/limits.h"

#include "test.h"

#define NOW  UINT64_C(1754000000000) /* 2025-07-31T22:13:20Z */
#define HOUR 3600000

/* --- resets --- */

TEST(the_forms_of_a_reset)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {
	    {"6m0s", 360000},
	    {"59ms", 59},
	    {"1s", 1000},
	    {"2m59.56s", 179560},
	    {"1h2m3s", 3723000},
	    {"7.66s", 7660},
	    {"0", 0},
	    {"20", 20000},
	    {"0.5", 500},
	    {" 20 ", 20000},
	    {"999999999", 999999999000}, /* seconds up to here, then a time */
	    {"1754000030", 30000},	 /* epoch seconds */
	    {"1754000030.5", 30500},
	    {"1754000030000", 30000}, /* epoch ms */
	    {"1753999999", 0},	      /* which is past */
	    {"1753999999999", 0},
	    {"Thu, 31 Jul 2025 22:14:20 GMT", 60000},
	    {"Thu, 31 Jul 2025 22:13:19 GMT", 0},
	    {"2025-07-31T22:13:50Z", 30000},
	    {"2025-07-31T22:13:50.999Z", 30000},
	    {"2025-07-31T22:13:19Z", 0},
	    {"1969-07-31T22:13:19Z", 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t ms = 77;

		if (!limits_parse_reset(slice_str(cases[i].text), NOW, &ms))
			fail_msg("%s is not understood", cases[i].text);
		if (ms != cases[i].ms)
			fail_msg("%s: %llu", cases[i].text, (unsigned long long)ms);
	}
}

TEST(bug_a_date_has_its_time_zone)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {
	    {"2025-08-01T00:13:50+02:00", 30000},
	    {"2025-08-01T00:13:50.123456+02:00", 30000},
	    {"2025-07-31T16:43:50-05:30", 30000},
	    {"2025-07-31T22:13:50+00:00", 30000},
	    {"2025-07-31T22:13:50", 30000},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t ms = 77;

		assert_true(limits_parse_reset(slice_str(cases[i].text), NOW, &ms));
		if (ms != cases[i].ms)
			fail_msg("%s: %llu", cases[i].text, (unsigned long long)ms);
	}
}

TEST(what_is_no_reset)
{
	static const char *const texts[] = {"", " ", "soon", "-1", "+1", "1e3", "1 s",
	    "s", "1x", "1s2", "0x10", "Thu, 31 Jul", "2025-07-31",
	    "99999999999999999999999",
	    "Thu, 31 Jul 2025 22:14:20 GMT, which is a date and a very long one"};

	for (size_t i = 0; i < COUNT(texts); i++) {
		uint64_t ms = 77;

		if (limits_parse_reset(slice_str(texts[i]), NOW, &ms))
			fail_msg("%s is %llu", texts[i], (unsigned long long)ms);
		assert_int_equal(ms, 77);
	}
}

/* --- whole replies --- */

/* A head of "name: value" lines. */
static struct http_head
head_of(const char *lines, struct http_field fields[8])
{
	struct http_head h = {.status = 429, .fields = fields};
	struct slice rest = slice_str(lines);

	while (rest.len > 0) {
		struct slice line = slice_cut(&rest, '\n');
		struct slice name = slice_cut(&line, ':');

		fields[h.nfields++] = (struct http_field){name, slice_trim(line)};
	}
	return h;
}

static void
assert_wait(const char *lines, enum limits_style style, uint64_t want)
{
	struct http_field fields[8];
	const struct http_head h = head_of(lines, fields);
	uint64_t ms = limits_retry_after(&h, style, NOW);

	if (ms != want)
		fail_msg("%s: %llu", lines, (unsigned long long)ms);
}

static void
assert_used_up(const char *lines, enum limits_style style, uint64_t want)
{
	struct http_field fields[8];
	const struct http_head h = head_of(lines, fields);
	uint64_t ms = limits_used_up(&h, style, NOW);

	if (ms != want)
		fail_msg("%s: %llu", lines, (unsigned long long)ms);
}

TEST(the_forms_of_retry_after)
{
	assert_wait("retry-after: 20", LIMITS_NONE, 20000);
	assert_wait("Retry-After: 0.5", LIMITS_NONE, 500);
	assert_wait("retry-after: 20s", LIMITS_NONE, 20000);
	assert_wait("retry-after: Thu, 31 Jul 2025 22:14:20 GMT", LIMITS_NONE, 60000);
	assert_wait("retry-after: Thu, 31 Jul 2025 22:00:00 GMT", LIMITS_NONE, 0);
	assert_wait("retry-after-ms: 1500", LIMITS_NONE, 1500);
	assert_wait("x-ms-retry-after-ms: 1500", LIMITS_NONE, 1500);
	assert_wait("retry-after: 0", LIMITS_NONE, 0);
	assert_wait("", LIMITS_NONE, 0);
}

/* The finer one goes first; what cannot be read is passed over. */
TEST(of_several_the_first_that_can_be_read)
{
	assert_wait("retry-after: 20\nretry-after-ms: 1500", LIMITS_NONE, 1500);
	assert_wait("retry-after: 20\nx-ms-retry-after-ms: 15", LIMITS_NONE, 15);
	assert_wait("x-ms-retry-after-ms: 15\nretry-after-ms: 16", LIMITS_NONE, 16);
	assert_wait("retry-after: 20\nretry-after-ms: soon", LIMITS_NONE, 20000);
	assert_wait("retry-after: soon", LIMITS_NONE, 0);
	assert_wait("retry-after: -1\nx-ratelimit-remaining-requests: 0\n"
		    "x-ratelimit-reset-requests: 5s",
	    LIMITS_OPENAI, 5000);
	assert_wait("retry-after: 3\nx-ratelimit-remaining-requests: 0\n"
		    "x-ratelimit-reset-requests: 5s",
	    LIMITS_OPENAI, 3000);
}

/* Whatever a header says, a provider is asked again within the hour. */
TEST(nothing_waits_for_more_than_an_hour)
{
	assert_wait("retry-after: 3599", LIMITS_NONE, 3599000);
	assert_wait("retry-after: 3600", LIMITS_NONE, HOUR);
	assert_wait("retry-after: 86400", LIMITS_NONE, HOUR);
	assert_wait("retry-after-ms: 99999999999", LIMITS_NONE, HOUR);
	assert_wait("retry-after: Fri, 31 Jul 2035 22:14:20 GMT", LIMITS_NONE, HOUR);
	assert_used_up(
	    "x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 24h",
	    LIMITS_OPENAI, HOUR);
}

/* Each style by its own names: requests, tokens, and the later of the two. */
TEST(the_styles_of_the_providers)
{
	for (enum limits_style s = 0; s < LIMITS_STYLES; s++) {
		const char *const *names = provider_limits(s);

		for (unsigned i = 0; i < PROVIDER_LIMITS; i += 2) {
			uint64_t reset = names[i + 1][0] == '\0' ? 60000 : 7000;
			char lines[300];

			if (names[i][0] == '\0')
				continue;
			(void)snprintf(lines, sizeof(lines), "%s: 0\n%s%s", names[i],
			    names[i + 1], names[i + 1][0] == '\0' ? "" : ": 7s");
			assert_used_up(lines, s, reset);
			assert_wait(lines, s, reset);
			(void)snprintf(lines, sizeof(lines), "%s: 1\n%s: 7s", names[i],
			    names[i + 1][0] == '\0' ? "x" : names[i + 1]);
			assert_used_up(lines, s, 0);
			(void)snprintf(lines, sizeof(lines), "%s: 0", names[i]);
			assert_used_up(lines, s, 60000); /* no reset: of a minute */
		}
		assert_used_up("", s, 0);
	}
	assert_used_up(
	    "x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 2s\n"
	    "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6m0s",
	    LIMITS_OPENAI, 360000);
	assert_used_up(
	    "x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 2s\n"
	    "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 59ms",
	    LIMITS_OPENAI, 2000);
	assert_used_up(
	    "x-ratelimit-remaining-requests: 9\nx-ratelimit-reset-requests: 2h\n"
	    "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 59ms",
	    LIMITS_OPENAI, 59);
	assert_used_up(
	    "x-ratelimit-remaining: 0\nx-ratelimit-reset: 5", LIMITS_TOGETHER, 5000);
	/* OpenRouter's are epoch ms, Together's epoch seconds. */
	assert_used_up("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1754000030000",
	    LIMITS_TOGETHER, 30000);
	assert_used_up("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1754000030",
	    LIMITS_TOGETHER, 30000);
	/* Another style's names say nothing. */
	assert_used_up("x-ratelimit-remaining-requests: 0", LIMITS_NONE, 0);
	assert_used_up("x-ratelimit-remaining-requests: 0", LIMITS_MISTRAL, 0);
}

TEST(a_count_is_a_whole_number)
{
	static const char *const values[] = {"", "-0", "0.0", "00x", "none", "-1", "1"};

	for (size_t i = 0; i < COUNT(values); i++) {
		char lines[100];

		(void)snprintf(lines, sizeof(lines), "x-ratelimit-remaining-requests: %s",
		    values[i]);
		assert_used_up(lines, LIMITS_OPENAI, 0);
	}
	assert_used_up("x-ratelimit-remaining-requests: 000", LIMITS_OPENAI, 60000);
	assert_used_up("x-ratelimit-remaining-requests: 0\n"
		       "x-ratelimit-reset-requests: soon",
	    LIMITS_OPENAI, 60000);
	assert_used_up("x-ratelimit-remaining-requests: 0\n"
		       "x-ratelimit-reset-requests: 0s",
	    LIMITS_OPENAI, 0); /* it is full again */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_forms_of_a_reset),
	    cmocka_unit_test(bug_a_date_has_its_time_zone),
	    cmocka_unit_test(what_is_no_reset),
	    cmocka_unit_test(the_forms_of_retry_after),
	    cmocka_unit_test(of_several_the_first_that_can_be_read),
	    cmocka_unit_test(nothing_waits_for_more_than_an_hour),
	    cmocka_unit_test(the_styles_of_the_providers),
	    cmocka_unit_test(a_count_is_a_whole_number),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
