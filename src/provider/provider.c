#include "provider/provider.h"

#include "net/address.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST_MAX 253 /* bytes of a name (RFC 1035, 2.3.4) */

static const struct provider_row rows[] = {
#define PROVIDER(name, alias, title, key, url, dialect, auth, limits, id, quirks)        \
	{#name, alias, title, key, url, DIALECT_##dialect, AUTH_##auth, LIMITS_##limits, \
	    id, quirks},
#include "provider/providers.def"
};

enum scope { SCOPE_MODEL, SCOPE_ACCOUNT };

static const struct {
	enum scope scope;
	const char *names[PROVIDER_LIMITS];
} limit_rows[] = {
#define LIMITS(style, scope, ...) {SCOPE_##scope, {__VA_ARGS__}},
#include "provider/limits.def"
};

const struct provider_row *
provider_rows(unsigned *ret_count)
{
	*ret_count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const char *const *
provider_limits(enum limits_style style)
{
	return limit_rows[style].names;
}

bool
provider_limits_are_joint(enum limits_style style)
{
	return limit_rows[style].scope == SCOPE_ACCOUNT;
}

static bool
is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool
parse_authority(struct slice s, struct provider_url *u)
{
	size_t close = slice_find(s, ']');
	struct slice port;
	uint64_t number;

	if (s.len > 0 && s.ptr[0] == '[') {
		if (close == s.len)
			return false;
		u->host = slice_of(s.ptr + 1, close - 1);
		port = slice_from(s, close + 1);
		if (port.len > 0 && port.ptr[0] != ':')
			return false;
	} else {
		size_t colon = slice_find(s, ':');

		u->host = slice_head(s, colon);
		port = slice_from(s, colon);
	}
	if (u->host.len == 0 || u->host.len > HOST_MAX)
		return false;
	for (size_t i = 0; i < u->host.len; i++)
		if (!is_host_byte(u->host.ptr[i]))
			return false;
	if (port.len == 0)
		return true;
	if (!slice_u64(slice_from(port, 1), &number) || number == 0 || number > 65535)
		return false;
	u->port = (uint16_t)number;
	return true;
}

enum err
provider_url_parse(struct slice url, struct provider_url *ret_url)
{
	struct provider_url u = {0};
	size_t slash;

	if (slice_istarts(url, S("https://"))) {
		u.tls = true;
		u.port = 443;
		url = slice_from(url, 8);
	} else if (slice_istarts(url, S("http://"))) {
		u.port = 80;
		url = slice_from(url, 7);
	} else {
		return ERR_SYNTAX;
	}
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == '#' ||
		    url.ptr[i] == '?')
			return ERR_SYNTAX;
	slash = slice_find(url, '/');
	u.path = slice_from(url, slash);
	while (u.path.len > 0 && u.path.ptr[u.path.len - 1] == '/')
		u.path.len--;
	if (!parse_authority(slice_head(url, slash), &u))
		return ERR_SYNTAX;
	*ret_url = u;
	return ERR_OK;
}

/* What stands in the Host field: the port only when it is not the usual one. */
static char *
host_field(const struct provider_url *u)
{
	bool usual = u->port == (u->tls ? 443 : 80);
	bool v6 = slice_find(u->host, ':') < u->host.len;
	char text[HOST_MAX + 10];

	(void)snprintf(text, sizeof(text), v6 ? "[%.*s]" : "%.*s", SLICE_ARGS(u->host));
	if (!usual) {
		size_t n = strlen(text);

		(void)snprintf(text + n, sizeof(text) - n, ":%u", (unsigned)u->port);
	}
	return slice_dup(slice_str(text));
}

static bool
host_is_loopback(struct slice host)
{
	struct address a;

	if (slice_ieq(host, S("localhost")))
		return true;
	return address_of_host(host, 0, &a) == ERR_OK && address_is_loopback(&a);
}

enum err
provider_set_url(struct provider *p, struct slice url)
{
	struct provider_url u;
	enum err e = provider_url_parse(url, &u);

	if (e != ERR_OK)
		return e;
	free(p->base_url);
	free(p->host.name);
	free(p->path);
	free(p->host_header);
	p->base_url = slice_dup(url);
	p->host.name = slice_dup(u.host);
	p->host.port = u.port;
	p->path = slice_dup(u.path);
	p->host_header = host_field(&u);
	p->over_tls = u.tls;
	/* A server of one's own machine is local, whoever runs it; a configuration
	 * that knows better says `local: false`. */
	p->local = p->auth == AUTH_OPTIONAL && host_is_loopback(u.host);
	if (p->base_url == NULL || p->host.name == NULL || p->path == NULL ||
	    p->host_header == NULL)
		return ERR_NOMEM;
	return ERR_OK;
}

bool
provider_is_usable(const struct provider *p)
{
	return p->missing == NULL;
}

void
provider_done(struct provider *p)
{
	free(p->name);
	free(p->alias);
	free(p->title);
	free(p->key_variable);
	free(p->id_header);
	free(p->base_url);
	free(p->host.name);
	free(p->path);
	free(p->host_header);
	for (unsigned i = 0; i < p->nkeys; i++)
		secret_free(&p->keys[i]);
	sigv4_credentials_done(&p->aws);
	free(p->aws_region);
	jwt_account_done(&p->google);
	free(p->caps);
}

static const struct face faces[] = {
#define FACE(provider, dialect, auth, path)                                              \
	{#provider, DIALECT_##dialect, AUTH_##auth, path},
#include "provider/faces.def"
};

const struct face *
provider_faces(unsigned *ret_count)
{
	*ret_count = sizeof(faces) / sizeof(faces[0]);
	return faces;
}

bool
provider_speaks(const struct provider *p, enum dialect_id d, const char **ret_path,
    enum auth *ret_auth)
{
	if (p->dialect == d) {
		*ret_path = p->path;
		*ret_auth = p->auth;
		return true;
	}
	for (unsigned i = 0; i < p->nfaces; i++) {
		const struct face *f = p->faces[i];

		if (f->dialect != d)
			continue;
		*ret_path = f->path[0] == '\0' ? p->path : f->path;
		*ret_auth = p->auth == AUTH_OPTIONAL ? p->auth : f->auth;
		return true;
	}
	return false;
}
