#include "config/google.h"

#include "core/base64.h"
#include "test.h"
#include "torture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

/* A key pair of this run. */
static EVP_PKEY *pair;
static char *pem;

static char home[] = "/tmp/weir-google-XXXXXX";
static char path[64];
static struct note why;

static char *
pem_of(EVP_PKEY *key)
{
	BIO *bytes = BIO_new(BIO_s_mem());
	char *text, *copy;
	long n;

	assert_int_equal(
	    PEM_write_bio_PrivateKey(bytes, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bytes, &text);
	copy = slice_dup(slice_of(text, (size_t)n));
	BIO_free(bytes);
	return copy;
}

/* The file, with the key's line ends as JSON has them. */
static void
write_file(const char *type, const char *email, const char *key)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fprintf(f,
	    "{\"type\": \"%s\", \"project_id\": \"p-1\", \"private_key_id\": \"k1\",\n"
	    " \"client_email\": \"%s\", \"token_uri\": \"https://host/token\", "
	    "\"private_key\": \"",
	    type, email);
	for (; *key != '\0'; key++)
		(void)fprintf(f, *key == '\n' ? "\\n" : "%c", *key);
	(void)fprintf(f, "\"}\n");
	assert_int_equal(fclose(f), 0);
}

static int
set_up(void **state)
{
	(void)state;
	if (pair == NULL) {
		pair = EVP_RSA_gen(2048);
		assert_non_null(pair);
		pem = pem_of(pair);
		assert_non_null(mkdtemp(home));
		(void)snprintf(path, sizeof(path), "%s/account.json", home);
	}
	setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
	unsetenv("GOOGLE_CLOUD_PROJECT");
	unsetenv("GOOGLE_CLOUD_LOCATION");
	write_file("service_account", "a@b", pem);
	return 0;
}

static int
clean_up(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)rmdir(home);
	EVP_PKEY_free(pair);
	free(pem);
	return 0;
}

static void
assert_refused(const char *words)
{
	struct google g;

	assert_int_equal(google_find(&g, &why), ERR_NOT_FOUND);
	if (strstr(why.text, words) == NULL)
		fail_msg("%s: not in: %s", words, why.text);
}

TEST(an_account_is_read)
{
	struct google g;

	assert_int_equal(google_find(&g, &why), ERR_OK);
	assert_string_equal(g.account.issuer, "a@b");
	assert_string_equal(g.account.key_id, "k1");
	assert_string_equal(g.account.audience, "https://host/token");
	assert_slice(secret_reveal(&g.account.key), slice_str(pem));
	assert_string_equal(g.project, "p-1");
	assert_string_equal(g.location, "global");
	google_done(&g);
	assert_null(g.account.issuer);
}

TEST(what_does_not_do_is_told)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	char *text = pem_of(other);

	write_file("authorized_user", "a@b", pem);
	assert_refused("not of a service account");
	write_file("service_account", "", pem);
	assert_refused("no client_email");
	write_file("service_account", "a\\u0000@b", pem);
	assert_refused("no client_email");
	write_file("service_account", "a@b", "");
	assert_refused("no RSA key");
	write_file("service_account", "a@b", text);
	assert_refused("no RSA key");
	write_file("service_account", "\"", pem);
	assert_refused("not JSON");
	setenv("GOOGLE_APPLICATION_CREDENTIALS", home, 1);
	assert_refused("irectory");
	setenv("GOOGLE_APPLICATION_CREDENTIALS", "", 1);
	assert_refused("set GOOGLE_APPLICATION_CREDENTIALS");
	EVP_PKEY_free(other);
	free(text);
}

TEST(names_that_go_into_a_url)
{
	setenv("GOOGLE_CLOUD_LOCATION", "a/b", 1);
	assert_refused("GOOGLE_CLOUD_LOCATION");
	setenv("GOOGLE_CLOUD_LOCATION", "us", 1);
	setenv("GOOGLE_CLOUD_PROJECT", "a?b", 1);
	assert_refused("GOOGLE_CLOUD_PROJECT");
}

TEST(each_location_has_its_host)
{
	static const struct {
		const char *location, *url;
	} cases[] = {
	    {"global",
		"https://aiplatform.googleapis.com/v1/projects/q/locations/global/"},
	    {"eu",
		"https://aiplatform.eu.rep.googleapis.com/v1/projects/q/locations/eu/"},
	    {"us-central1", "https://us-central1-aiplatform.googleapis.com/v1/projects/q/"
			    "locations/us-central1/"},
	};

	setenv("GOOGLE_CLOUD_PROJECT", "q", 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct google g;
		struct buf url;

		setenv("GOOGLE_CLOUD_LOCATION", cases[i].location, 1);
		assert_int_equal(google_find(&g, &why), ERR_OK);
		buf_init(&url, 1000);
		google_put_url(&g, &url);
		assert_true(slice_starts(buf_slice(&url), slice_str(cases[i].url)));
		assert_true(slice_ends(buf_slice(&url), S("/publishers/google")));
		buf_free(&url);
		google_done(&g);
	}
}

static enum err
find_it(void *arg)
{
	struct google g;
	enum err e = google_find(&g, &why);

	(void)arg;
	if (e == ERR_OK)
		google_done(&g);
	return e;
}

TEST(survives_torture)
{
	assert_true(torture(find_it, NULL) > 0);
}

/* --- what it signs --- */

/* Decodes a part, after which the byte `end` stands. */
static size_t
decode(struct slice *rest, char to[4096])
{
	struct slice part = slice_cut(rest, '.');
	size_t n;

	for (size_t i = 0; i < part.len; i++)
		assert_null(strchr("+/=", part.ptr[i]));
	assert_true(base64_decode(part, to, &n));
	return n;
}

static const char scope[] = "https://www.googleapis.com/auth/cloud-platform";

TEST(the_assertion_is_as_it_must_be)
{
	struct google g;
	struct buf b;
	struct slice rest;
	char text[4096];
	size_t n;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(google_find(&g, &why), ERR_OK);
	buf_init(&b, 8192);
	assert_int_equal(jwt_put(&g.account, slice_str(scope), 1000, &b), ERR_OK);
	rest = buf_slice(&b);
	n = decode(&rest, text);
	assert_slice(
	    slice_of(text, n), S("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"));
	n = decode(&rest, text);
	assert_slice(slice_of(text, n),
	    S("{\"iss\":\"a@b\",\"scope\":\"https://www.googleapis.com/auth/"
	      "cloud-platform\",\"aud\":\"https://host/token\",\"iat\":1000,"
	      "\"exp\":4600}"));
	n = (size_t)(rest.ptr - b.ptr) - 1;
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pair), 1);
	assert_int_equal(EVP_DigestVerify(ctx, (unsigned char *)text, decode(&rest, text),
			     (unsigned char *)b.ptr, n),
	    1);
	assert_null(rest.ptr);
	EVP_MD_CTX_free(ctx);
	buf_free(&b);
	google_done(&g);
}

TEST(a_key_that_is_none_signs_nothing)
{
	char text[] = "x";
	struct jwt_account a = {text, text, text, secret_new(S("x"))};
	struct buf b;

	buf_init(&b, 8192);
	assert_false(jwt_is_key(S("x")));
	assert_false(jwt_is_key(S("")));
	assert_int_equal(jwt_put(&a, S("s"), 1, &b), ERR_SYNTAX);
	secret_free(&a.key);
	buf_free(&b);
}

static enum err
sign_it(void *arg)
{
	struct buf b;
	enum err e;

	buf_init(&b, 8192);
	e = jwt_put(arg, S("s"), 1, &b);
	buf_free(&b);
	return e;
}

TEST(signing_survives_torture)
{
	struct google g;

	assert_int_equal(google_find(&g, &why), ERR_OK);
	assert_true(torture(sign_it, &g.account) > 0);
	google_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(an_account_is_read, set_up),
	    cmocka_unit_test_setup(what_does_not_do_is_told, set_up),
	    cmocka_unit_test_setup(names_that_go_into_a_url, set_up),
	    cmocka_unit_test_setup(each_location_has_its_host, set_up),
	    cmocka_unit_test_setup(survives_torture, set_up),
	    cmocka_unit_test_setup(the_assertion_is_as_it_must_be, set_up),
	    cmocka_unit_test_setup(a_key_that_is_none_signs_nothing, set_up),
	    cmocka_unit_test_setup(signing_survives_torture, set_up),
	};

	return cmocka_run_group_tests_name("google", tests, NULL, clean_up);
}
