#include "config/google.h"

#include "config/expand.h"
#include "config/loading.h"
#include "json/tape.h"

#include <stdlib.h>

#define TAPE_MAX 4096

/* They go into a URL. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr("-.:_", s.ptr[i]) == NULL &&
		    !(s.ptr[i] >= '0' && s.ptr[i] <= '9') &&
		    !(s.ptr[i] >= 'a' && s.ptr[i] <= 'z'))
			return false;
	return s.len > 0;
}

/* A member of the file, decoded, for the heap; NULL when out of memory. */
static char *
member(const struct json *j, struct arena *a, const char *name)
{
	struct slice text;

	if (!json_string(j, json_get(j, 0, slice_str(name)), a, &text))
		text = S("");
	return slice_dup(memchr(text.ptr, '\0', text.len) != NULL ? S("") : text);
}

static const char *
read_account(struct google *g, const struct json *j, struct arena *a)
{
	struct slice key;

	if (!json_equals(j, json_get(j, 0, S("type")), S("service_account")))
		return "it is not of a service account";
	g->account.issuer = member(j, a, "client_email");
	g->account.key_id = member(j, a, "private_key_id");
	g->account.audience = member(j, a, "token_uri");
	g->project = member(j, a, "project_id");
	if (!json_string(j, json_get(j, 0, S("private_key")), a, &key))
		key = S("");
	g->account.key = secret_new(key);
	if (g->account.issuer == NULL || g->account.audience == NULL)
		return "out of memory";
	if (g->account.issuer[0] == '\0')
		return "it has no client_email";
	if (!slice_istarts(slice_str(g->account.audience), S("http")))
		return "it has no token_uri";
	return jwt_is_key(key) ? NULL : "its private_key is no RSA key";
}

/* What is wrong with the file, or NULL. */
static const char *
read_file(struct google *g, const char *path)
{
	struct buf text;
	struct json j;
	struct arena a;
	int error;
	const char *wrong;

	buf_init(&text, GOOGLE_FILE_MAX);
	json_init(&j, TAPE_MAX);
	arena_init(&a, NULL, 0, GOOGLE_FILE_MAX);
	error = loading_file(path, &text);
	if (error != 0)
		wrong = strerror(error);
	else if (json_parse(&j, buf_slice(&text), 4) != ERR_OK)
		wrong = "it is not JSON";
	else
		wrong = read_account(g, &j, &a);
	if (text.len > 0)
		secret_wipe(text.ptr, text.len);
	buf_free(&text);
	json_free(&j);
	arena_free(&a);
	return wrong;
}

static enum err
set(char **to, const char *text)
{
	char *copy = slice_dup(slice_str(text));

	if (copy == NULL)
		return ERR_NOMEM;
	free(*to);
	*to = copy;
	return ERR_OK;
}

static enum err
read_place(struct google *g)
{
	const char *project = expand_variable("GOOGLE_CLOUD_PROJECT");
	const char *location = expand_variable("GOOGLE_CLOUD_LOCATION");
	enum err e = set(&g->location, location == NULL ? "global" : location);

	return e == ERR_OK && project != NULL ? set(&g->project, project) : e;
}

enum err
google_find(struct google *ret_google, struct note *ret_why)
{
	const char *path = expand_variable("GOOGLE_APPLICATION_CREDENTIALS"), *wrong;
	struct google g = {0};
	enum err e = ERR_NOT_FOUND;

	if (path == NULL) {
		note_set(ret_why, "no service account: set "
				  "GOOGLE_APPLICATION_CREDENTIALS to its file");
		return e;
	}
	wrong = read_file(&g, path);
	if (wrong != NULL)
		note_set(ret_why, "GOOGLE_APPLICATION_CREDENTIALS: %s: %s", path, wrong);
	else if (g.account.key_id == NULL || g.project == NULL ||
		 g.account.key.bytes == NULL || read_place(&g) != ERR_OK)
		e = ERR_NOMEM;
	else if (!is_name(slice_str(g.location)))
		note_set(ret_why, "GOOGLE_CLOUD_LOCATION is no name of a location");
	else if (g.project[0] != '\0' && !is_name(slice_str(g.project)))
		note_set(ret_why, "GOOGLE_CLOUD_PROJECT is no id of a project");
	else
		e = ERR_OK;
	if (e == ERR_OK)
		*ret_google = g;
	else
		google_done(&g);
	return e;
}

void
google_done(struct google *g)
{
	jwt_account_done(&g->account);
	free(g->project);
	free(g->location);
	g->project = g->location = NULL;
}

void
google_put_url(const struct google *g, struct buf *to)
{
	struct slice at = slice_str(g->location);

	if (slice_eq(at, S("global")))
		buf_add(to, S("https://aiplatform.googleapis.com"));
	else if (slice_eq(at, S("us")) || slice_eq(at, S("eu")))
		buf_printf(to, "https://aiplatform.%s.rep.googleapis.com", g->location);
	else
		buf_printf(to, "https://%s-aiplatform.googleapis.com", g->location);
	buf_printf(to, "/v1/projects/%s/locations/%s/publishers/google", g->project,
	    g->location);
}
