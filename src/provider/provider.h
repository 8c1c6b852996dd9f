/*
 * provider: who can be asked, what they offer, and what it costs.
 *
 * A provider is one row of data (providers.def, or a configuration's entry): no
 * code is written for one; a difference is a named quirk. catalog.h knows which
 * models they offer; price.h what a unit costs. All of it is built while a
 * configuration is loaded and then only read, by any thread, as long as that
 * configuration lives.
 *
 * Not here: whether a provider is well (route/health.h), the connections to it
 * (net/), the bytes of its dialect (dialect/).
 */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include "core/err.h"
#include "core/secret.h"
#include "dialect/quirk.h"
#include "http/sigv4.h"
#include "net/upstream.h"
#include "provider/jwt.h"
#include "quota/account.h"

enum auth {
	AUTH_BEARER,
	AUTH_API_KEY,
	AUTH_X_API_KEY,
	AUTH_OPTIONAL,
	AUTH_X_GOOG_API_KEY,
	AUTH_AWS,    /* each request is signed (http/sigv4.h) */
	AUTH_GOOGLE, /* a token that a service account is given (jwt.h) */
	AUTH_ENGINE
};

enum limits_style {
#define LIMITS(style, ...) LIMITS_##style,
#include "provider/limits.def"
	LIMITS_STYLES
};

#define PROVIDER_KEYS_MAX 16

/* A built-in row, as in providers.def. */
struct provider_row {
	const char *name, *alias, *title, *key_variable, *base_url;
	enum dialect_id dialect;
	enum auth auth;
	enum limits_style limits;
	const char *id_header;
	unsigned quirks;
};

/* A further dialect of a built-in row's host, as in faces.def. */
struct face {
	const char *provider;
	enum dialect_id dialect;
	enum auth auth;
	const char *path; /* "": the row's */
};

#define PROVIDER_FACES_MAX 4

/* The built-in rows; *ret_count of them. */
const struct provider_row *provider_rows(unsigned *ret_count);

#define PROVIDER_LIMITS 8

/* The header names of a style, in pairs: requests left, reset; then the same of tokens,
 * of input tokens and of output tokens. */
const char *const *provider_limits(enum limits_style style);

/* Are they of all models together? */
bool provider_limits_are_joint(enum limits_style style);

/* All faces; *ret_count of them. */
const struct face *provider_faces(unsigned *ret_count);

/* A provider as configured. */
struct provider {
	unsigned index; /* its place in the catalog's array */
	char *name, *alias, *title;
	char *key_variable; /* "" when it has none */
	enum dialect_id dialect;
	enum auth auth;
	enum limits_style limits;
	char *id_header;
	unsigned quirks;
	const struct face *faces[PROVIDER_FACES_MAX]; /* further dialects */
	unsigned nfaces;
	bool configured;     /* it has an entry in the configuration */
	bool local;	     /* what is sent there stays on this machine */
	bool keeps_no_data;  /* stated by the configuration: data_collection: deny */
	int64_t discount_bp; /* off all prices; hundredths of a percent */
	char *base_url;	     /* as configured; NULL when a variable is missing */
	bool over_tls;	     /* of base_url; host.tls is set when roots are loaded */
	struct host host;    /* out of base_url; name NULL for the engine */
	char *path;	     /* of base_url, without the slash at its end */
	char *host_header; /* "api.groq.com", "127.0.0.1:9001"; both also the engine's */
	struct secret keys[PROVIDER_KEYS_MAX];
	unsigned nkeys;
	struct sigv4_credentials aws; /* with AUTH_AWS */
	char *aws_region;
	struct jwt_account google; /* with AUTH_GOOGLE */
	const char *missing; /* why it can't be used, or NULL; lives with the catalog */
	struct account_limits *caps; /* of our account there, or NULL: none are set */
	struct account *account;     /* that counts for them; set by route */
};

/* A URL in parts; slices of the text. */
struct provider_url {
	bool tls;
	struct slice host; /* without brackets */
	uint16_t port;
	struct slice path; /* from the slash on, without one at its end; may be empty */
};

/* http://host[:port][/path] or https://. ERR_SYNTAX for anything else. */
enum err provider_url_parse(struct slice url, struct provider_url *ret_url) MUST_CHECK;

/*
 * Gives the provider its base URL: fills host, path and host_header. Copies.
 * ERR_SYNTAX, ERR_NOMEM.
 */
enum err provider_set_url(struct provider *p, struct slice url) MUST_CHECK;

/* How it is spoken to in that dialect: the path and the credential's form. False when it
 * does not speak it. */
bool provider_speaks(const struct provider *p, enum dialect_id d, const char **ret_path,
    enum auth *ret_auth);

/* May it be asked now, as far as its configuration goes? */
bool provider_is_usable(const struct provider *p);

/* Frees what it holds, not itself. */
void provider_done(struct provider *p);

#endif
