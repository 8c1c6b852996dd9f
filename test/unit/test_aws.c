#include "config/aws.h"

#include "test.h"
#include "torture.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/weir-aws-XXXXXX";
static struct note why;

static const char credentials[] = "# keys\n"
				  "[default]\n"
				  "aws_access_key_id = AKIDEFAULT\r\n"
				  "aws_secret_access_key=se/cr+et==\n"
				  "\n"
				  "[work]\n"
				  "aws_access_key_id=AKIWORK\n"
				  "aws_secret_access_key =  work secret\t\n"
				  "aws_session_token = to=ken\n"
				  "; not this\n"
				  "  region = nested\n"
				  "[half]\n"
				  "aws_access_key_id = AKIHALF\n";

static const char settings[] = "[default]\n"
			       "region = eu-west-1\n"
			       "[profile work]\n"
			       "region = us-east-2\n"
			       "s3 =\n"
			       "  region = nested\n"
			       "[profile only]\n"
			       "aws_access_key_id = AKIONLY\n"
			       "aws_secret_access_key = x\n";

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
assert_found(const char *id, const char *secret, const char *token, const char *region)
{
	struct aws a;

	assert_int_equal(aws_find(&a, &why), ERR_OK);
	assert_string_equal(a.key.id, id);
	assert_slice(secret_reveal(&a.key.secret), slice_str(secret));
	assert_slice(secret_reveal(&a.key.token), slice_str(token));
	assert_slice(slice_str(a.region), slice_str(region));
	aws_done(&a);
	assert_null(a.key.id);
}

TEST(values_stand_in_sections)
{
	struct slice text = slice_str(credentials);

	assert_slice(
	    aws_value(text, S("default"), S("aws_access_key_id")), S("AKIDEFAULT"));
	assert_slice(
	    aws_value(text, S("default"), S("aws_secret_access_key")), S("se/cr+et=="));
	assert_slice(aws_value(text, S("work"), S("aws_session_token")), S("to=ken"));
	assert_slice(aws_value(text, S("work"), S("region")), S(""));
	assert_slice(aws_value(text, S("other"), S("region")), S(""));
	assert_slice(
	    aws_value(slice_str(settings), S("work"), S("REGION")), S("us-east-2"));
}

TEST(any_text_is_read)
{
	static const char *const odd[] = {"", "[", "[]", "[default", "=", "a",
	    "[default]", "[default]\n=x", "[default]\naws_access_key_id",
	    "[profile ]\n[profile", "\n\n\r\n", "[default]]\naws_access_key_id = x"};

	for (size_t i = 0; i < COUNT(odd); i++)
		(void)aws_value(slice_str(odd[i]), S("default"), S("aws_access_key_id"));
	assert_slice(
	    aws_value(S("[default]\nk = a\n[b]\n[default]\nk = c"), S("default"), S("k")),
	    S("c"));
	assert_slice(aws_value((struct slice){NULL, 0}, S("default"), S("k")), S(""));
}

TEST(variables_come_first)
{
	setenv("AWS_ACCESS_KEY_ID", "AKIENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "env", 1);
	assert_found("AKIENV", "env", "", "eu-west-1");
	setenv("AWS_SESSION_TOKEN", "session", 1);
	setenv("AWS_DEFAULT_REGION", "ap-south-1", 1);
	assert_found("AKIENV", "env", "session", "ap-south-1");
	setenv("AWS_REGION", "sa-east-1", 1);
	assert_found("AKIENV", "env", "session", "sa-east-1");
	setenv("AWS_SECRET_ACCESS_KEY", "", 1); /* half a key is none */
	assert_found("AKIDEFAULT", "se/cr+et==", "", "sa-east-1");
}

TEST(what_no_field_can_hold_is_no_key)
{
	setenv("AWS_ACCESS_KEY_ID", "AKI\nENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "env", 1);
	assert_found("AKIDEFAULT", "se/cr+et==", "", "eu-west-1");
	setenv("AWS_ACCESS_KEY_ID", "AKIENV", 1);
	setenv("AWS_SESSION_TOKEN", "a b", 1);
	assert_found("AKIDEFAULT", "se/cr+et==", "", "eu-west-1");
}

TEST(the_profile_is_named)
{
	assert_found("AKIDEFAULT", "se/cr+et==", "", "eu-west-1");
	setenv("AWS_PROFILE", "work", 1);
	assert_found("AKIWORK", "work secret", "to=ken", "us-east-2");
	setenv("AWS_PROFILE", "only", 1);
	assert_found("AKIONLY", "x", "", "");
}

TEST(without_a_key_it_says_what_to_do)
{
	struct aws a;

	setenv("AWS_PROFILE", "half", 1);
	assert_int_equal(aws_find(&a, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "AWS_ACCESS_KEY_ID"));
	assert_non_null(strstr(why.text, "\"half\""));
	unsetenv("HOME");
	unsetenv("AWS_PROFILE");
	assert_int_equal(aws_find(&a, &why), ERR_NOT_FOUND);
}

TEST(files_may_be_elsewhere)
{
	setenv("AWS_SHARED_CREDENTIALS_FILE", ".aws/config", 1);
	setenv("AWS_CONFIG_FILE", "/nowhere/config", 1);
	setenv("AWS_PROFILE", "only", 1);
	assert_found("AKIONLY", "x", "", "");
	setenv("AWS_SHARED_CREDENTIALS_FILE", ".aws", 1); /* a folder */
	setenv("AWS_CONFIG_FILE", ".aws/config", 1);
	assert_found("AKIONLY", "x", "", "");
}

static enum err
find(void *arg)
{
	struct aws a;
	enum err e = aws_find(&a, &why);

	(void)arg;
	if (e == ERR_OK)
		aws_done(&a);
	return e;
}

TEST(survives_torture)
{
	setenv("AWS_PROFILE", "work", 1);
	assert_true(torture(find, NULL) > 0);
}

static int
start(void **state)
{
	(void)state;
	(void)clearenv();
	return setenv("HOME", home, 1);
}

static int
make_home(void **state)
{
	(void)state;
	if (mkdtemp(home) == NULL || chdir(home) != 0 || mkdir(".aws", 0700) != 0)
		return -1;
	write_file(".aws/credentials", credentials);
	write_file(".aws/config", settings);
	return 0;
}

static int
drop_home(void **state)
{
	(void)state;
	(void)unlink(".aws/credentials");
	(void)unlink(".aws/config");
	(void)rmdir(".aws");
	return rmdir(home);
}

#define CASE(name) cmocka_unit_test_setup(name, start)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(values_stand_in_sections),
	    CASE(any_text_is_read),
	    CASE(variables_come_first),
	    CASE(what_no_field_can_hold_is_no_key),
	    CASE(the_profile_is_named),
	    CASE(without_a_key_it_says_what_to_do),
	    CASE(files_may_be_elsewhere),
	    CASE(survives_torture),
	};

	return cmocka_run_group_tests_name("aws", tests, make_home, drop_home);
}
