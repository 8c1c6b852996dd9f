#include "proxy/headers.h"

#include "test.h"

/* A reply's head with these fields. */
static struct http_head
head_of(struct http_field *fields, unsigned n)
{
	return (struct http_head){.status = 200, .fields = fields, .nfields = n};
}

static void
assert_sent(const char *const *names, size_t n, bool want)
{
	static const struct options none;

	for (size_t i = 0; i < n; i++)
		if (headers_to_provider(&none, slice_str(names[i])) != want)
			fail_msg("%s is %ssent", names[i], want ? "not " : "");
}

static void
assert_told(const char *const *names, size_t n, bool want)
{
	const struct http_head head = head_of(NULL, 0);

	for (size_t i = 0; i < n; i++)
		if (headers_to_caller(&head, slice_str(names[i])) != want)
			fail_msg("%s is %stold", names[i], want ? "not " : "");
}

TEST(what_a_provider_is_sent)
{
	static const char *const names[] = {"Content-Type", "accept", "USER-AGENT",
	    "OpenAI-Organization", "openai-project", "OpenAI-Beta", "anthropic-version",
	    "Anthropic-Beta", "Idempotency-Key", "X-Idempotency-Key",
	    "x-stainless-retry-count", "X-Client-Request-Id", "traceparent",
	    "HTTP-Referer", "X-Title"};

	assert_sent(names, COUNT(names), true);
}

/* What a caller says of himself stays here, his credentials before all. */
TEST(what_a_provider_is_not_sent)
{
	static const char *const names[] = {"Authorization", "x-api-key", "api-key",
	    "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection",
	    "Expect", "TE", "Upgrade", "Proxy-Authorization", "Origin", "Referer",
	    "X-Forwarded-For", "Forwarded", "Via", "Accept-Encoding", "Accept-Language",
	    "Content-Encoding", "Range", "If-None-Match", "x-weir-cost", "openai",
	    "xopenai-organization", "content-typ", "content-types", "o", "x",
	    "x-goog-api-key", "sec-fetch-site"};

	assert_sent(names, COUNT(names), false);
}

TEST(what_the_configuration_adds_is_sent)
{
	static char first[] = "x-tenant", second[] = "cookie";
	char *at[] = {first, second};
	struct options o = {.forward = {at, 2}};

	assert_true(headers_to_provider(&o, S("X-Tenant")));
	assert_true(headers_to_provider(&o, S("Cookie")));
	assert_true(headers_to_provider(&o, S("accept")));
	assert_false(headers_to_provider(&o, S("x-tenant-id")));
	assert_false(headers_to_provider(&o, S("authorization")));
}

TEST(what_a_caller_is_told)
{
	static const char *const names[] = {"content-type", "Content-Encoding",
	    "cache-control", "x-ratelimit-remaining-requests", "Retry-After",
	    "openai-processing-ms", "cf-ray", "vary", "etag", "x-request", "dates",
	    "x-weir", "setcookie", "server-timing", "access-control", "t",
	    "x-groq-region", "x-content-type-options"};

	assert_told(names, COUNT(names), true);
}

TEST(what_a_caller_is_not_told)
{
	static const char *const names[] = {"Connection", "keep-alive",
	    "Transfer-Encoding", "Content-Length", "TE", "Trailer", "Upgrade",
	    "Proxy-Authenticate", "proxy-connection", "Date", "Server", "Set-Cookie",
	    "Alt-Svc", "Strict-Transport-Security", "NEL", "Report-To",
	    "Content-Security-Policy", "Access-Control-Allow-Origin",
	    "access-control-expose-headers", "WWW-Authenticate", "X-Request-Id",
	    "x-upstream-request-id", "X-Inference-Provider", "x-weir-attempts",
	    "X-Weir-Cost-Usd"};

	assert_told(names, COUNT(names), false);
}

/* What the reply's Connection names is of that connection (RFC 9110, 7.6.1). */
TEST(what_connection_names_stays_here)
{
	struct http_field fields[] = {
	    {S("connection"), S("close, X-Hop")}, {S("Connection"), S("x-other")}};
	const struct http_head head = head_of(fields, COUNT(fields));

	assert_false(headers_to_caller(&head, S("x-hop")));
	assert_false(headers_to_caller(&head, S("X-Other")));
	assert_false(headers_to_caller(&head, S("close")));
	assert_true(headers_to_caller(&head, S("x-hop2")));
	assert_true(headers_to_caller(&head, S("content-type")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_provider_is_sent),
	    cmocka_unit_test(what_a_provider_is_not_sent),
	    cmocka_unit_test(what_the_configuration_adds_is_sent),
	    cmocka_unit_test(what_a_caller_is_told),
	    cmocka_unit_test(what_a_caller_is_not_told),
	    cmocka_unit_test(what_connection_names_stays_here),
	};

	return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
