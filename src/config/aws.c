#include "config/aws.h"

#include "config/expand.h"
#include "config/loading.h"

#include <stdlib.h>

/* --- the file: lines "[section]" and "key = value" --- */

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && strchr(" \t\r", s.ptr[0]) != NULL)
		s = slice_from(s, 1);
	while (s.len > 0 && strchr(" \t\r", s.ptr[s.len - 1]) != NULL)
		s.len--;
	return s;
}

/* Is it the head of this profile's section? */
static bool
is_head(struct slice line, struct slice profile)
{
	struct slice name = slice_of(line.ptr + 1, slice_find(line, ']') - 1);

	name = trim(name);
	if (slice_starts(name, S("profile ")) || slice_starts(name, S("profile\t")))
		name = trim(slice_from(name, 8));
	return slice_eq(name, profile);
}

struct slice
aws_value(struct slice text, struct slice profile, struct slice key)
{
	struct slice found = S("");
	bool inside = false;

	while (text.ptr != NULL) {
		struct slice value = slice_cut(&text, '\n'), line = trim(value), name;

		if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
			continue;
		if (line.ptr[0] == '[') {
			inside = is_head(line, profile);
			continue;
		}
		/* Lines that begin with a blank belong to a group of settings. */
		if (!inside || value.ptr != line.ptr)
			continue;
		value = line;
		name = trim(slice_cut(&value, '='));
		if (slice_ieq(name, key))
			found = trim(value);
	}
	return found;
}

/* --- the key --- */

/* They go into header fields. */
static bool
is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	return true;
}

static enum err
make(struct aws *a, struct slice id, struct slice secret, struct slice token)
{
	if (id.len == 0 || secret.len == 0 || !is_plain(id) || !is_plain(token))
		return ERR_OK; /* it is none */
	a->key.id = slice_dup(id);
	a->key.secret = secret_new(secret);
	a->key.token = secret_new(token);
	if (a->key.id == NULL || a->key.secret.bytes == NULL ||
	    (token.len > 0 && a->key.token.bytes == NULL))
		return ERR_NOMEM;
	return ERR_OK;
}

static enum err
set_region(struct aws *a, struct slice region)
{
	if (region.len == 0 || a->region != NULL)
		return ERR_OK;
	a->region = slice_dup(region);
	return a->region == NULL ? ERR_NOMEM : ERR_OK;
}

static struct slice
variable(const char *name)
{
	return slice_str(expand_variable(name));
}

static enum err
read_variables(struct aws *a)
{
	struct slice id = variable("AWS_ACCESS_KEY_ID");
	struct slice secret = variable("AWS_SECRET_ACCESS_KEY");
	enum err e = set_region(a, variable("AWS_REGION"));

	if (e == ERR_OK)
		e = set_region(a, variable("AWS_DEFAULT_REGION"));
	if (e == ERR_OK)
		e = make(a, id, secret, variable("AWS_SESSION_TOKEN"));
	return e;
}

static enum err
read_text(struct aws *a, struct slice text, struct slice profile)
{
	struct slice id = aws_value(text, profile, S("aws_access_key_id"));
	struct slice secret = aws_value(text, profile, S("aws_secret_access_key"));
	enum err e = set_region(a, aws_value(text, profile, S("region")));

	if (e == ERR_OK && a->key.id == NULL)
		e = make(a, id, secret, aws_value(text, profile, S("aws_session_token")));
	return e;
}

/* The file that a variable names, or the usual one. One that is not there is none. */
static enum err
read_file(struct aws *a, const char *name, const char *usual, struct slice profile)
{
	const char *path = expand_variable(name), *home = expand_variable("HOME");
	struct buf text, made;
	enum err e = ERR_OK;

	buf_init(&made, 4096);
	if (path == NULL && home != NULL) {
		buf_printf(&made, "%s/.aws/%s", home, usual);
		buf_byte(&made, '\0');
		path = made.ptr;
	}
	buf_init(&text, AWS_FILE_MAX);
	if (made.err != ERR_OK)
		e = made.err;
	else if (path != NULL && loading_file(path, &text) == 0)
		e = read_text(a, buf_slice(&text), profile);
	if (text.err == ERR_NOMEM)
		e = ERR_NOMEM;
	if (text.len > 0)
		secret_wipe(text.ptr, text.len);
	buf_free(&text);
	buf_free(&made);
	return e;
}

enum err
aws_find(struct aws *ret_aws, struct note *ret_why)
{
	struct slice profile = variable("AWS_PROFILE");
	struct aws a = {0};
	enum err e;

	if (profile.len == 0)
		profile = S("default");
	e = read_variables(&a);
	if (e == ERR_OK)
		e = read_file(&a, "AWS_SHARED_CREDENTIALS_FILE", "credentials", profile);
	if (e == ERR_OK)
		e = read_file(&a, "AWS_CONFIG_FILE", "config", profile);
	if (e == ERR_OK && a.key.id == NULL) {
		e = ERR_NOT_FOUND;
		note_set(ret_why,
		    "no access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
		    "give the profile \"%.*s\" one in ~/.aws/credentials",
		    SLICE_ARGS(profile));
	}
	if (e == ERR_OK)
		*ret_aws = a;
	else
		aws_done(&a);
	return e;
}

void
aws_done(struct aws *a)
{
	sigv4_credentials_done(&a->key);
	free(a->region);
	a->region = NULL;
}
