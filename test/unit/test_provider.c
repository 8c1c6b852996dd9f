#include "provider/provider.h"

#include "test.h"
#include "torture.h"

#include <stdlib.h>

/* --- the rows --- */

TEST(every_row_makes_sense)
{
	unsigned n;
	const struct provider_row *rows = provider_rows(&n);

	assert_true(n > 30);
	for (unsigned i = 0; i < n; i++) {
		const struct provider_row *r = &rows[i];
		struct provider_url u;
		bool engine = r->auth == AUTH_ENGINE;

		for (unsigned k = 0; k < i; k++) {
			assert_string_not_equal(r->name, rows[k].name);
			assert_string_not_equal(r->alias, rows[k].name);
			assert_true(
			    r->alias[0] == '\0' || strcmp(r->alias, rows[k].alias) != 0);
		}
		assert_true(r->dialect < DIALECTS);
		assert_true(r->limits < LIMITS_STYLES);
		assert_int_equal(r->quirks >> QUIRKS, 0);
		assert_int_equal(r->base_url[0] == '\0', engine);
		assert_int_equal(r->key_variable[0] == '\0', engine);
		if (engine || strchr(r->base_url, '$') != NULL)
			continue; /* those are completed first */
		assert_int_equal(provider_url_parse(slice_str(r->base_url), &u), ERR_OK);
		/* A key goes over the network only by TLS. */
		assert_int_equal(u.tls, r->auth != AUTH_OPTIONAL);
	}
}

TEST(limits_have_names_in_pairs)
{
	for (enum limits_style s = 0; s < LIMITS_STYLES; s++) {
		const char *const *names = provider_limits(s);

		for (unsigned i = 0; i < PROVIDER_LIMITS; i += 2) {
			/* A reset without a count would never be looked at. */
			assert_true(names[i][0] != '\0' || names[i + 1][0] == '\0');
			assert_true(
			    names[i][0] == '\0' || strstr(names[i], "remaining") != NULL);
		}
	}
	assert_string_equal(
	    provider_limits(LIMITS_OPENAI)[0], "x-ratelimit-remaining-requests");
	assert_string_equal(
	    provider_limits(LIMITS_OPENAI)[3], "x-ratelimit-reset-tokens");
	assert_string_equal(provider_limits(LIMITS_NONE)[0], "");
}

/* --- URLs --- */

TEST(urls_in_parts)
{
	static const struct {
		const char *url;
		bool tls;
		const char *host;
		unsigned port;
		const char *path;
	} cases[] = {
	    {"https://api.groq.com/openai/v1", true, "api.groq.com", 443, "/openai/v1"},
	    {"http://127.0.0.1:9001/v1", false, "127.0.0.1", 9001, "/v1"},
	    {"http://a", false, "a", 80, ""},
	    {"http://a/", false, "a", 80, ""},
	    {"http://a/v1/", false, "a", 80, "/v1"},
	    {"http://a//v1//", false, "a", 80, "//v1"},
	    {"HTTPS://A.b-c_d:1", true, "A.b-c_d", 1, ""},
	    {"Http://a:65535/x", false, "a", 65535, "/x"},
	    {"http://a:080", false, "a", 80, ""},
	    {"http://[::1]", false, "::1", 80, ""},
	    {"https://[fe80::1]:8443/v1", true, "fe80::1", 8443, "/v1"},
	    {"http://a/b:c/[d]@e", false, "a", 80, "/b:c/[d]@e"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct provider_url u;

		assert_int_equal(provider_url_parse(slice_str(cases[i].url), &u), ERR_OK);
		assert_int_equal(u.tls, cases[i].tls);
		assert_slice(u.host, slice_str(cases[i].host));
		assert_int_equal(u.port, cases[i].port);
		assert_slice(u.path, slice_str(cases[i].path));
	}
}

TEST(what_is_no_url_is_refused)
{
	static const char *const urls[] = {"", "a", "a.b/c", "ftp://a", "http:/a",
	    "http//a", "http://", "https://", "http:///v1", "http://:80",
	    "http://a:", "http://a:0", "http://a:65536", "http://a:x", "http://a:8x",
	    "http://a:-1", "http://a:+1", "http://a: 1", "http://a:1:2", "http://user@a",
	    "http://user:secret@a", "http://a b", "http:// a", "http://%a", "ftp://abc",
	    "http://a/b c", "http://a\tb", "http://a\n", "http://a/b\r\nx: y",
	    "http://a?x=1", "http://a/b?x=1", "http://a#b", "http://a/b#c", "http://[::1",
	    "http://[]", "http://[]:80", "http://[::1]x", "http://[::1]x80",
	    "http://[::1]80", "http://[::1]:", "http://[::1]:0", "http://[::1]:65536",
	    "http://::1", "http://a]", "http://a%20b", "http://a,b", "http://a/ ",
	    " http://a", "http://\xc3\xa4"};

	for (size_t i = 0; i < COUNT(urls); i++) {
		struct provider_url u = {.port = 7};

		if (provider_url_parse(slice_str(urls[i]), &u) != ERR_SYNTAX)
			fail_msg("\"%s\" is taken", urls[i]);
		assert_int_equal(u.port, 7); /* untouched */
	}
}

/* A name that DNS can't have would be cut in the Host field. */
TEST(bug_a_host_is_as_long_as_a_name_may_be)
{
	char url[400];
	struct provider_url u;

	(void)snprintf(url, sizeof(url), "http://%0253d:12345/v1", 1);
	assert_int_equal(provider_url_parse(slice_str(url), &u), ERR_OK);
	assert_int_equal(u.host.len, 253);
	(void)snprintf(url, sizeof(url), "http://%0254d:12345/v1", 1);
	assert_int_equal(provider_url_parse(slice_str(url), &u), ERR_SYNTAX);
	(void)snprintf(url, sizeof(url), "http://[%0254d]:12345/v1", 1);
	assert_int_equal(provider_url_parse(slice_str(url), &u), ERR_SYNTAX);
}

TEST(a_url_fills_host_path_and_field)
{
	static const struct {
		const char *url, *host;
		unsigned port;
		const char *path, *field;
		bool tls;
	} cases[] = {
	    {"https://api.x.ai/v1", "api.x.ai", 443, "/v1", "api.x.ai", true},
	    {"https://api.x.ai:443/v1/", "api.x.ai", 443, "/v1", "api.x.ai", true},
	    {"https://api.x.ai:80", "api.x.ai", 80, "", "api.x.ai:80", true},
	    {"http://h:80", "h", 80, "", "h", false},
	    {"http://h:443", "h", 443, "", "h:443", false},
	    {"http://[::1]:80/", "::1", 80, "", "[::1]", false},
	    {"http://[::1]:8080", "::1", 8080, "", "[::1]:8080", false},
	};
	struct provider p = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(provider_set_url(&p, slice_str(cases[i].url)), ERR_OK);
		assert_string_equal(p.base_url, cases[i].url);
		assert_string_equal(p.host.name, cases[i].host);
		assert_int_equal(p.host.port, cases[i].port);
		assert_string_equal(p.path, cases[i].path);
		assert_string_equal(p.host_header, cases[i].field);
		assert_int_equal(p.over_tls, cases[i].tls);
	}
	/* A bad one changes nothing. */
	assert_int_equal(provider_set_url(&p, S("http://a b")), ERR_SYNTAX);
	assert_string_equal(p.host_header, "[::1]:8080");
	provider_done(&p);
}

TEST(the_longest_host_is_not_cut)
{
	struct provider p = {0};
	char url[400], want[400];

	(void)snprintf(want, sizeof(want), "%0253d:12345", 1);
	(void)snprintf(url, sizeof(url), "http://%0253d:12345/v1", 1);
	assert_int_equal(provider_set_url(&p, slice_str(url)), ERR_OK);
	assert_string_equal(p.host_header, want);
	provider_done(&p);
}

/* Only a server of one's own, on this machine, keeps what it is sent. */
TEST(who_is_local)
{
	static const struct {
		const char *url;
		bool local;
	} cases[] = {
	    {"http://127.0.0.1:8000/v1", true},
	    {"http://127.9.8.7", true},
	    {"http://localhost:1", true},
	    {"http://LocalHost", true},
	    {"http://[::1]:1", true},
	    {"http://localhost.example", false},
	    {"http://128.0.0.1", false},
	    {"http://0.0.0.0:1", false},
	    {"http://10.0.0.1", false},
	    {"http://[::2]", false},
	    {"https://api.groq.com", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		for (enum auth auth = AUTH_BEARER; auth <= AUTH_OPTIONAL; auth++) {
			struct provider p = {.auth = auth};

			assert_int_equal(
			    provider_set_url(&p, slice_str(cases[i].url)), ERR_OK);
			assert_int_equal(
			    p.local, cases[i].local && auth == AUTH_OPTIONAL);
			provider_done(&p);
		}
}

TEST(what_is_missing_makes_it_unusable)
{
	struct provider p = {0};

	assert_true(provider_is_usable(&p));
	p.missing = "no key";
	assert_false(provider_is_usable(&p));
}

/* --- memory --- */

static enum err
set_twice(void *arg)
{
	struct provider p = {.auth = AUTH_OPTIONAL};
	char **const texts[] = {
	    &p.name, &p.alias, &p.title, &p.key_variable, &p.id_header};
	enum err e = provider_set_url(&p, S("http://[::1]:80/v1"));

	(void)arg;
	if (e == ERR_OK)
		e = provider_set_url(&p, S("https://api.groq.com/openai/v1"));
	for (size_t i = 0; i < COUNT(texts) && e == ERR_OK; i++) {
		*texts[i] = slice_dup(S("text"));
		if (*texts[i] == NULL)
			e = ERR_NOMEM;
	}
	for (; p.nkeys < 2 && e == ERR_OK; p.nkeys++) {
		p.keys[p.nkeys] = secret_new(S("key"));
		if (p.keys[p.nkeys].bytes == NULL)
			e = ERR_NOMEM;
	}
	if (e == ERR_OK) {
		assert_non_null(p.base_url);
		assert_string_equal(p.host.name, "api.groq.com");
		assert_string_equal(p.path, "/openai/v1");
		assert_string_equal(p.host_header, "api.groq.com");
	}
	provider_done(&p);
	return e;
}

TEST(survives_torture)
{
	assert_int_equal(torture(set_twice, NULL), 15);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_makes_sense),
	    cmocka_unit_test(limits_have_names_in_pairs),
	    cmocka_unit_test(urls_in_parts),
	    cmocka_unit_test(what_is_no_url_is_refused),
	    cmocka_unit_test(bug_a_host_is_as_long_as_a_name_may_be),
	    cmocka_unit_test(a_url_fills_host_path_and_field),
	    cmocka_unit_test(the_longest_host_is_not_cut),
	    cmocka_unit_test(who_is_local),
	    cmocka_unit_test(what_is_missing_makes_it_unusable),
	    cmocka_unit_test(survives_torture),
	};

	return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}
