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

/* A file in the reading. */
struct reading {
	struct json json;
	struct arena arena;
	bool nomem;
};

/* A member, decoded; empty when it is no text, or none that a C string can hold. */
static struct slice
text_of(struct reading *r, struct slice name)
{
	uint32_t v = json_get(&r->json, 0, name);
	struct slice text;

	if (!json_is(&r->json, v, JSON_STRING))
		return S("");
	if (!json_string(&r->json, v, &r->arena, &text)) {
		r->nomem = true;
		return S("");
	}
	return slice_find(text, '\0') < text.len ? S("") : text;
}

/* The same for the heap. */
static char *
member(struct reading *r, struct slice name)
{
	char *copy = slice_dup(text_of(r, name));

	r->nomem = r->nomem || copy == NULL;
	return copy;
}

static const char *
read_account(struct google *g, struct reading *r)
{
	struct jwt_account *a = &g->account;
	struct slice key;

	if (!slice_eq(text_of(r, S("type")), S("service_account")))
		return "it is not of a service account";
	a->issuer = member(r, S("client_email"));
	a->key_id = member(r, S("private_key_id"));
	a->audience = member(r, S("token_uri"));
	g->project = member(r, S("project_id"));
	key = text_of(r, S("private_key"));
	a->key = secret_new(key);
	r->nomem = r->nomem || (key.len > 0 && a->key.bytes == NULL);
	if (r->nomem)
		return NULL;
	if (a->issuer[0] == '\0')
		return "it has no client_email";
	if (!slice_istarts(slice_str(a->audience), S("http")))
		return "it has no token_uri";
	return jwt_is_key(key) ? NULL : "its private_key is no RSA key";
}

/* ERR_NOT_FOUND with what is wrong with the file; ERR_NOMEM. */
static enum err
read_file(struct google *g, const char *path, const char **ret_wrong)
{
	struct buf text;
	struct reading r = {.nomem = false};
	enum err e = ERR_NOT_FOUND;
	int error;

	buf_init(&text, GOOGLE_FILE_MAX);
	json_init(&r.json, TAPE_MAX);
	arena_init(&r.arena, NULL, 0, 4 * GOOGLE_FILE_MAX);
	error = loading_file(path, &text);
	if (error != 0) {
		r.nomem = text.err == ERR_NOMEM;
		*ret_wrong = strerror(error);
	} else {
		e = json_parse(&r.json, buf_slice(&text), 4);
		r.nomem = e == ERR_NOMEM;
		*ret_wrong = e != ERR_OK ? "it is not JSON" : read_account(g, &r);
		e = *ret_wrong == NULL ? ERR_OK : ERR_NOT_FOUND;
	}
	if (text.len > 0)
		secret_wipe(text.ptr, text.len);
	buf_free(&text);
	json_free(&r.json);
	arena_free(&r.arena);
	return r.nomem ? ERR_NOMEM : e;
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
	enum err e;

	if (path == NULL) {
		note_set(ret_why, "no service account: set "
				  "GOOGLE_APPLICATION_CREDENTIALS to its file");
		return ERR_NOT_FOUND;
	}
	e = read_file(&g, path, &wrong);
	if (e == ERR_NOT_FOUND)
		note_set(ret_why, "GOOGLE_APPLICATION_CREDENTIALS: %s: %s", path, wrong);
	if (e == ERR_OK)
		e = read_place(&g);
	if (e == ERR_OK && !is_name(slice_str(g.location))) {
		note_set(ret_why, "GOOGLE_CLOUD_LOCATION is no name of a location");
		e = ERR_NOT_FOUND;
	} else if (e == ERR_OK && g.project[0] != '\0' &&
		   !is_name(slice_str(g.project))) {
		note_set(ret_why, "GOOGLE_CLOUD_PROJECT is no id of a project");
		e = ERR_NOT_FOUND;
	}
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
