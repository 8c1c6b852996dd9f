#include "core/err.h"

#include "test.h"

#include <ctype.h>

#define FOR_EACH_ERR(e) for (enum err e = ERR_OK; e < ERR_COUNT; e++)

/* Every row of errors.def says something that makes sense. */
TEST(every_code_has_a_name_and_a_kind)
{
	FOR_EACH_ERR (e) {
		assert_true(err_kind(e) < KIND_COUNT);
		assert_true(strlen(err_name(e)) > 0);
		for (const char *c = err_name(e); *c != '\0'; c++)
			assert_true(isupper(*c) || isdigit(*c) || *c == '_');
	}
	assert_string_equal(err_name(ERR_CONNECT), "CONNECT");
}

TEST(statuses_fit_their_kinds)
{
	FOR_EACH_ERR (e) {
		unsigned status = err_status(e);

		switch (err_kind(e)) {
		case KIND_NOTHING: assert_int_equal(status, 200); break;
		case KIND_CALLER: /* 501 and 505 are what HTTP wants there */
			assert_true((status >= 400 && status < 500) || status == 501 ||
				    status == 505);
			break;
		case KIND_OURS: assert_true(status == 500 || status == 503); break;
		case KIND_LIMIT: assert_int_equal(status, 429); break;
		case KIND_CONTEXT: assert_int_equal(status, 400); break;
		case KIND_GONE: assert_int_equal(status, 499); break;
		default: assert_true(status == 502 || status == 504);
		}
	}
}

/* 503 makes some clients retry at once: only for what passes by itself. */
TEST(a_503_is_never_for_a_lasting_condition)
{
	FOR_EACH_ERR (e)
		assert_int_equal(
		    err_status(e) == 503, e == ERR_LEDGER_FULL || e == ERR_STOPPING);
}

TEST(the_client_is_told_a_type)
{
	static const char *const types[] = {"server_error", "invalid_request_error",
	    "upstream_error", "rate_limit_error", "insufficient_quota"};

	assert_string_equal(err_type(ERR_OK), "");
	assert_string_equal(err_code(ERR_OK), "");
	for (enum err e = ERR_OK + 1; e < ERR_COUNT; e++) {
		bool known = false;

		for (size_t i = 0; i < COUNT(types); i++)
			known = known || strcmp(err_type(e), types[i]) == 0;
		assert_true(known);
		assert_non_null(err_code(e));
		for (const char *c = err_code(e); *c != '\0'; c++)
			assert_true(islower(*c) || isdigit(*c) || *c == '_');
		/* A provider's own refusal brings its own code. */
		assert_int_equal(err_code(e)[0] == '\0', e == ERR_UP_CALLER);
	}
}

/* What the request machine does follows from the kind alone. */
TEST(kinds_decide)
{
	static const struct {
		enum err_kind kind;
		bool another, again;
		enum err_breaker breaker;
		bool partial;
	} want[] = {
	    {KIND_NOTHING, false, false, BREAKER_NONE, false},
	    {KIND_CALLER, false, false, BREAKER_NONE, false},
	    {KIND_OURS, false, false, BREAKER_NONE, false},
	    {KIND_PROVIDER, true, true, BREAKER_COUNT, false},
	    /* Its supervisor has tried again already. */
	    {KIND_ENGINE, true, false, BREAKER_COUNT, false},
	    {KIND_LIMIT, true, true, BREAKER_BENCH, false},
	    {KIND_CREDENTIAL, true, false, BREAKER_BENCH, false},
	    {KIND_MISSING, true, false, BREAKER_BENCH, false},
	    {KIND_CONTEXT, true, false, BREAKER_NONE, false},
	    {KIND_TIME, false, false, BREAKER_NONE, false},
	    {KIND_PARTIAL, false, false, BREAKER_COUNT, true},
	    {KIND_GONE, false, false, BREAKER_NONE, true},
	};

	assert_int_equal(COUNT(want), KIND_COUNT);
	FOR_EACH_ERR (e) {
		unsigned i = 0;

		while (want[i].kind != err_kind(e))
			i++;
		assert_int_equal(err_try_another(e), want[i].another);
		assert_int_equal(err_try_again(e), want[i].again);
		assert_int_equal(err_breaker(e), want[i].breaker);
		assert_int_equal(err_bills_partial(e), want[i].partial);
	}
}

/* Nothing is sent twice after the client has seen a byte. */
TEST(what_comes_after_the_first_byte_is_not_retried)
{
	static const enum err late[] = {ERR_CUT_STREAM, ERR_STALLED, ERR_BAD_STREAM,
	    ERR_STREAM_ERROR, ERR_STREAM_TIME, ERR_CLIENT_GONE};

	for (size_t i = 0; i < COUNT(late); i++) {
		assert_false(err_try_another(late[i]));
		assert_false(err_try_again(late[i]));
		assert_true(err_bills_partial(late[i]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_a_name_and_a_kind),
	    cmocka_unit_test(statuses_fit_their_kinds),
	    cmocka_unit_test(a_503_is_never_for_a_lasting_condition),
	    cmocka_unit_test(the_client_is_told_a_type),
	    cmocka_unit_test(kinds_decide),
	    cmocka_unit_test(what_comes_after_the_first_byte_is_not_retried),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
