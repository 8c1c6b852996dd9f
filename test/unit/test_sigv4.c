#include "http/sigv4.h"

#include "test.h"
#include "torture.h"

#include <stdlib.h>

/* The key, the time and the answers of AWS's own test suite; the e2e tests have all
 * of its cases. */
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TIME_S 1440938160
#define EMPTY  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct http_field fields[8];
static struct sigv4_credentials key;
static struct buf out;

static struct sigv4_request
request(const char *method, const char *path, const char *query)
{
	fields[0] = (struct http_field){S("Host"), S("example.amazonaws.com")};
	fields[1] = (struct http_field){S("X-Amz-Date"), S("20150830T123600Z")};
	return (struct sigv4_request){.method = slice_str(method),
	    .path = slice_str(path),
	    .query = slice_str(query),
	    .fields = fields,
	    .nfields = 2,
	    .payload_hash = S(EMPTY)};
}

static struct slice
sign(const struct sigv4_request *r)
{
	buf_clear(&out);
	assert_int_equal(sigv4_sign(r, &key, S("us-east-1"), S("service"), &out), ERR_OK);
	return buf_slice(&out);
}

static struct slice
canonical(const struct sigv4_request *r)
{
	struct buf names;

	buf_clear(&out);
	buf_init(&names, 1000);
	assert_int_equal(sigv4_canonical(r, &out, &names), ERR_OK);
	buf_free(&names);
	return buf_slice(&out);
}

TEST(times_have_a_form)
{
	char date[SIGV4_DATE_MAX];

	sigv4_date(TIME_S, date);
	assert_string_equal(date, "20150830T123600Z");
	sigv4_date(0, date);
	assert_string_equal(date, "19700101T000000Z");
	sigv4_date(UINT64_MAX / 2, date);
	assert_string_equal(date, "");
}

TEST(bodies_are_hashed_in_pieces)
{
	const struct slice parts[] = {S("Param1"), {NULL, 0}, S("=value1")};
	char hash[SIGV4_HASH_MAX];

	assert_int_equal(sigv4_hash(parts, 3, hash), ERR_OK);
	assert_string_equal(
	    hash, "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e");
	assert_int_equal(sigv4_hash(NULL, 0, hash), ERR_OK);
	assert_string_equal(hash, EMPTY);
}

TEST(get_vanilla)
{
	struct sigv4_request r = request("GET", "/", "");

	assert_slice(sign(&r),
	    S("AWS4-HMAC-SHA256 "
	      "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
	      "SignedHeaders=host;x-amz-date, Signature="
	      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
}

static void
assert_line(const struct sigv4_request *r, unsigned line, const char *want)
{
	struct slice text = canonical(r), got = S("");

	for (unsigned i = 0; i <= line; i++)
		got = slice_cut(&text, '\n');
	assert_slice(got, slice_str(want));
}

TEST(paths_are_encoded_once_more)
{
	static const struct {
		const char *path, *want, *kept;
	} cases[] = {{"/", "/", "/"}, {"", "/", "/"}, {"//", "/", "//"},
	    {"/a/./b/../c", "/a/c", "/a/./b/../c"}, {"/../../a", "/a", "/../../a"},
	    {"/a b/", "/a%20b/", "/a%20b/"},
	    {"/model/amazon.nova-lite-v1%3A0/converse",
		"/model/amazon.nova-lite-v1%253A0/converse",
		"/model/amazon.nova-lite-v1%253A0/converse"},
	    {"/a/..", "/", "/a/.."}, {"/a/.", "/a", "/a/."}, {"/a//", "/a/", "/a//"},
	    {"/\xe1\x88\xb4", "/%E1%88%B4", "/%E1%88%B4"}, {"/~-._", "/~-._", "/~-._"}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sigv4_request r = request("GET", cases[i].path, "");

		assert_line(&r, 1, cases[i].want);
		r.keep_path = true;
		assert_line(&r, 1, cases[i].kept);
	}
}

TEST(queries_are_sorted_and_of_one_spelling)
{
	static const struct {
		const char *query, *want;
	} cases[] = {{"", ""}, {"b=2&a=1", "a=1&b=2"},
	    {"Param-3=3&Param=2&%e1%88%b4=1", "%E1%88%B4=1&Param=2&Param-3=3"},
	    {"a=2&a=1", "a=1&a=2"}, {"beta", "beta="}, {"a=b=c", "a=b%3Dc"},
	    {"&&a=1&", "a=1"}, {"=", "="}, {"a=1+2 %20", "a=1%2B2%20%20"},
	    {"a=%4", "a=%254"}, {"a=%zz", "a=%25zz"}, {"a=%", "a=%25"},
	    {"%41=%42", "A=B"}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sigv4_request r = request("GET", "/", cases[i].query);

		assert_line(&r, 2, cases[i].want);
	}
}

TEST(too_many_parameters_are_refused)
{
	struct sigv4_request r = request("GET", "/", "");
	char query[2 * 65];

	for (unsigned i = 0; i < 65; i++)
		memcpy(query + 2 * i, "a&", 2);
	r.query = slice_of(query, 2 * 64);
	(void)sign(&r);
	r.query = slice_of(query, 2 * 65);
	buf_clear(&out);
	assert_int_equal(
	    sigv4_sign(&r, &key, S("us-east-1"), S("service"), &out), ERR_FULL);
	assert_int_equal(out.len, 0);
}

TEST(fields_are_sorted_and_joined)
{
	struct sigv4_request r = request("GET", "/", "");

	fields[2] = (struct http_field){S("My-Header"), S(" b  \"c   d\" ")};
	fields[3] = (struct http_field){S("a-b"), S("")};
	fields[4] = (struct http_field){S("my-header"), S("a\n   x\t y")};
	r.nfields = 5;
	assert_slice(
	    canonical(&r), S("GET\n/\n\na-b:\nhost:example.amazonaws.com\n"
			     "my-header:b \"c d\",a x y\nx-amz-date:20150830T123600Z\n\n"
			     "a-b;host;my-header;x-amz-date\n" EMPTY));
}

TEST(without_a_time_nothing_is_signed)
{
	struct sigv4_request r = request("GET", "/", "");

	r.nfields = 1;
	assert_int_equal(
	    sigv4_sign(&r, &key, S("us-east-1"), S("service"), &out), ERR_BAD_REQUEST);
}

TEST(a_secret_that_is_too_long_is_refused)
{
	struct sigv4_request r = request("GET", "/", "");
	char text[SIGV4_SECRET_MAX + 1];

	memset(text, 'x', sizeof(text));
	secret_free(&key.secret);
	key.secret = secret_new(slice_of(text, sizeof(text) - 1));
	(void)sign(&r);
	secret_free(&key.secret);
	key.secret = secret_new(slice_of(text, sizeof(text)));
	assert_int_equal(
	    sigv4_sign(&r, &key, S("us-east-1"), S("service"), &out), ERR_FULL);
}

/* --- requests that come in --- */

static struct sigv4_claim
claim(struct slice authorization)
{
	struct sigv4_claim c;

	assert_int_equal(sigv4_read(authorization, &c), ERR_OK);
	return c;
}

static struct note note;

static enum err
verify(const struct sigv4_request *r, uint64_t now_s)
{
	struct sigv4_claim c = claim(buf_slice(&out));

	note_set(&note, "%s", "");
	return sigv4_verify(&c, r, &key.secret, now_s, &note);
}

TEST(a_claim_is_taken_apart)
{
	struct sigv4_request r = request("GET", "/", "");
	struct sigv4_claim c = claim(sign(&r));

	assert_slice(c.id, S("AKIDEXAMPLE"));
	assert_slice(c.day, S("20150830"));
	assert_slice(c.region, S("us-east-1"));
	assert_slice(c.service, S("service"));
	assert_slice(c.signed_names, S("host;x-amz-date"));
	assert_slice(slice_head(c.signature, 8), S("5fa00fa3"));
}

TEST(what_is_no_claim_is_refused)
{
#define SIG "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	static const char *const bad[] = {"", "Bearer sk-weir-x", "AWS4-HMAC-SHA256",
	    "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=",
	    "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request, "
	    "SignedHeaders=host",
	    "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request, Signature=" SIG,
	    "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=" SIG,
	    "AWS4-HMAC-SHA256 Credential=a/2015083/r/s/aws4_request, "
	    "SignedHeaders=host, Signature=" SIG,
	    "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4, SignedHeaders=host, "
	    "Signature=" SIG,
	    "AWS4-HMAC-SHA256 Credential=a/20150830/r/aws4_request, SignedHeaders=host, "
	    "Signature=" SIG,
	    "AWS4-HMAC-SHA256 Credential=/20150830/r/s/aws4_request, SignedHeaders=host, "
	    "Signature=" SIG,
	    "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request, "
	    "SignedHeaders=host, Signature=abc"};
	struct sigv4_claim c;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(sigv4_read(slice_str(bad[i]), &c), ERR_BAD_KEY);
	/* With or without blanks. */
	c = claim(S("AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request,"
		    "SignedHeaders=host,Signature=" SIG));
	assert_slice(c.signed_names, S("host"));
}

TEST(what_was_signed_is_verified)
{
	struct sigv4_request r = request("POST", "/model/a%3A0/converse", "x=1");

	fields[2] = (struct http_field){S("Content-Type"), S("application/json")};
	r.nfields = 3;
	(void)sign(&r);
	/* Fields that are not signed may come along, in any order. */
	fields[3] = fields[0];
	fields[0] = (struct http_field){S("User-Agent"), S("boto3")};
	r.nfields = 4;
	assert_int_equal(verify(&r, TIME_S), ERR_OK);
	assert_int_equal(verify(&r, TIME_S + SIGV4_SKEW_S), ERR_OK);
	assert_int_equal(verify(&r, TIME_S - SIGV4_SKEW_S), ERR_OK);
}

TEST(what_was_changed_is_refused)
{
	struct sigv4_request r = request("POST", "/a", "x=1"), q;

	(void)sign(&r);
	assert_int_equal(verify(&r, TIME_S), ERR_OK);
	q = r;
	q.method = S("GET");
	assert_int_equal(verify(&q, TIME_S), ERR_BAD_KEY);
	q = r;
	q.path = S("/b");
	assert_int_equal(verify(&q, TIME_S), ERR_BAD_KEY);
	q = r;
	q.query = S("x=2");
	assert_int_equal(verify(&q, TIME_S), ERR_BAD_KEY);
	q = r;
	q.payload_hash = SIGV4_UNSIGNED;
	assert_int_equal(verify(&q, TIME_S), ERR_BAD_KEY);
	assert_string_equal(
	    note.text, "The signature is not that of this request and key.");
	fields[0].value = S("other.amazonaws.com");
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
	fields[0].value = S("example.amazonaws.com");
	out.ptr[out.len - 1] ^= 1;
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
	out.ptr[out.len - 1] ^= 1;
	assert_int_equal(verify(&r, TIME_S), ERR_OK);
	secret_free(&key.secret);
	key.secret = secret_new(S("another"));
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
}

TEST(old_and_early_ones_are_refused)
{
	struct sigv4_request r = request("GET", "/", "");

	(void)sign(&r);
	assert_int_equal(verify(&r, TIME_S + SIGV4_SKEW_S + 1), ERR_BAD_KEY);
	assert_non_null(strstr(note.text, "15 minutes"));
	assert_int_equal(verify(&r, TIME_S - SIGV4_SKEW_S - 1), ERR_BAD_KEY);
	fields[1].value = S("20150831T123600Z"); /* of another day */
	assert_int_equal(verify(&r, TIME_S + 86400), ERR_BAD_KEY);
	fields[1].value = S("20150830T12360Z");
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
	fields[1].value = S("20150830X123600Z");
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
}

TEST(host_and_time_must_be_signed)
{
	struct sigv4_request r = request("GET", "/", "");

	fields[2] = fields[0];
	r.fields = fields + 1; /* the time alone */
	r.nfields = 1;
	(void)sign(&r);
	r.nfields = 2;
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
	assert_non_null(strstr(note.text, "host and x-amz-date"));
	r = request("GET", "/", "");
	(void)sign(&r);
	r.nfields = 1;
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
}

TEST(a_signed_field_must_be_there)
{
	struct sigv4_request r = request("GET", "/", "");

	fields[2] = (struct http_field){S("a"), S("")};
	r.nfields = 3;
	(void)sign(&r);
	assert_int_equal(verify(&r, TIME_S), ERR_OK);
	r.nfields = 2;
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
}

TEST(a_body_may_be_left_unsigned)
{
	struct sigv4_request r = request("POST", "/", "");

	fields[2] = (struct http_field){S("X-Amz-Content-Sha256"), SIGV4_UNSIGNED};
	r.nfields = 3;
	r.payload_hash = SIGV4_UNSIGNED;
	(void)sign(&r);
	r.payload_hash = S(EMPTY); /* of what came */
	assert_int_equal(verify(&r, TIME_S), ERR_OK);
	fields[2].value = S("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
	assert_non_null(strstr(note.text, "chunk by chunk"));
	fields[2].value = S("0123");
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
	/* Said, but not signed. */
	r.nfields = 2;
	r.payload_hash = SIGV4_UNSIGNED;
	(void)sign(&r);
	fields[2].value = SIGV4_UNSIGNED;
	r.nfields = 3;
	r.payload_hash = S(EMPTY);
	assert_int_equal(verify(&r, TIME_S), ERR_BAD_KEY);
}

TEST(regions_stand_in_the_names_of_hosts)
{
	static const struct {
		const char *host, *want;
	} cases[] = {{"bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"},
	    {"bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
	    {"bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"},
	    {"vpce-0a1b-2c.bedrock-runtime.eu-west-3.vpce.amazonaws.com", "eu-west-3"},
	    {"bedrock-runtime.us-east-1.example.com", ""}, {"127.0.0.1", ""},
	    {"localhost", ""}, {"", ""}};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_slice(
		    sigv4_region_of(slice_str(cases[i].host)), slice_str(cases[i].want));
}

static enum err
sign_and_verify(void *arg)
{
	struct sigv4_request r = request("POST", "/", "b=1&a=2");
	struct sigv4_claim c;
	struct buf b;
	enum err e;

	(void)arg;
	buf_init(&b, 1000);
	e = sigv4_sign(&r, &key, S("us-east-1"), S("service"), &b);
	if (e == ERR_OK)
		e = sigv4_read(buf_slice(&b), &c);
	if (e == ERR_OK)
		e = sigv4_verify(&c, &r, &key.secret, TIME_S, &note);
	buf_free(&b);
	return e;
}

TEST(survives_torture)
{
	assert_true(torture(sign_and_verify, NULL) > 0);
}

static int
start(void **state)
{
	(void)state;
	buf_init(&out, 100000);
	key.id = slice_dup(S("AKIDEXAMPLE"));
	key.secret = secret_new(S(SECRET));
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	buf_free(&out);
	sigv4_credentials_done(&key);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(times_have_a_form),
	    CASE(bodies_are_hashed_in_pieces),
	    CASE(get_vanilla),
	    CASE(paths_are_encoded_once_more),
	    CASE(queries_are_sorted_and_of_one_spelling),
	    CASE(too_many_parameters_are_refused),
	    CASE(fields_are_sorted_and_joined),
	    CASE(without_a_time_nothing_is_signed),
	    CASE(a_secret_that_is_too_long_is_refused),
	    CASE(a_claim_is_taken_apart),
	    CASE(what_is_no_claim_is_refused),
	    CASE(what_was_signed_is_verified),
	    CASE(what_was_changed_is_refused),
	    CASE(old_and_early_ones_are_refused),
	    CASE(host_and_time_must_be_signed),
	    CASE(a_signed_field_must_be_there),
	    CASE(a_body_may_be_left_unsigned),
	    CASE(regions_stand_in_the_names_of_hosts),
	    CASE(survives_torture),
	};

	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
