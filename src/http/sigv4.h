/*
 * sigv4: AWS Signature Version 4 in the Authorization field: signing requests that go
 * out, and checking those that come in. Pure; the time is given. Any thread.
 *
 *	char date[SIGV4_DATE_MAX], hash[SIGV4_HASH_MAX];
 *	sigv4_date(now_s, date);
 *	... sigv4_hash(&body, 1, hash) ...
 *	... fields: host, x-amz-date: date, and x-amz-security-token if there is one ...
 *	e = sigv4_sign(&request, &credentials, region, S("bedrock"), &authorization);
 *
 * Not here: signatures in the query, bodies signed chunk by chunk, and where
 * credentials come from (config/aws.h). (AWS Identity and Access Management User
 * Guide, "Signature Version 4 for API requests", 2025.)
 */
#ifndef HTTP_SIGV4_H
#define HTTP_SIGV4_H

#include "core/note.h"
#include "core/secret.h"
#include "http/parser.h"

#define SIGV4_DATE_MAX	 17 /* "20150830T123600Z", terminated */
#define SIGV4_HASH_MAX	 65 /* SHA-256 in hex, terminated */
#define SIGV4_SECRET_MAX 256
#define SIGV4_SKEW_S	 900 /* how far the clocks of both sides may be apart */

struct sigv4_credentials {
	char *id; /* the access key's; NULL: there are none */
	struct secret secret;
	struct secret token; /* of a session; empty for keys that last */
};

/* Frees and wipes what it holds; they are then none. */
void sigv4_credentials_done(struct sigv4_credentials *c);

struct sigv4_request {
	struct slice method;
	struct slice path, query; /* as they stand in the target, without the "?" */
	/* To be signed: at least host and x-amz-date, in any order. */
	const struct http_field *fields;
	unsigned nfields;
	struct slice payload_hash; /* sigv4_hash(), or SIGV4_UNSIGNED */
	bool keep_path;		   /* "." and ".." and "//" in it stay, as S3 has it */
};

/* In place of the hash: the body is not signed. x-amz-content-sha256 must say so. */
#define SIGV4_UNSIGNED S("UNSIGNED-PAYLOAD")

/* The time as the field x-amz-date has it. */
void sigv4_date(uint64_t unix_s, char ret_date[SIGV4_DATE_MAX]);

/* The hash of a body that lies in n pieces. ERR_NOMEM. */
enum err sigv4_hash(
    const struct slice *parts, unsigned n, char ret_hash[SIGV4_HASH_MAX]) MUST_CHECK;

/*
 * Appends what is signed of a request, and the names of the fields in it by their
 * order, apart by ";", to two buffers. ERR_FULL, ERR_NOMEM.
 */
enum err sigv4_canonical(
    const struct sigv4_request *r, struct buf *to, struct buf *signed_names) MUST_CHECK;

/*
 * Appends the value of the Authorization field. ERR_BAD_REQUEST: no x-amz-date among
 * the fields. ERR_FULL, ERR_NOMEM.
 */
enum err sigv4_sign(const struct sigv4_request *r, const struct sigv4_credentials *c,
    struct slice region, struct slice service, struct buf *to) MUST_CHECK;

/* What an Authorization field claims; slices of it. */
struct sigv4_claim {
	struct slice id, day, region, service;
	struct slice signed_names, signature;
};

/* Is it a signature of this kind at all? */
bool sigv4_is(struct slice authorization);

/* Takes it apart. ERR_BAD_KEY when it is none. */
enum err sigv4_read(struct slice authorization, struct sigv4_claim *ret_claim) MUST_CHECK;

/*
 * Was the request signed with the secret of the claim's id, not longer ago than
 * SIGV4_SKEW_S? r has all the fields that came and the hash of the body; which fields
 * are signed the claim tells, host and x-amz-date must be. A body may be left unsigned
 * by a signed x-amz-content-sha256. ERR_BAD_KEY with a note; ERR_FULL, ERR_NOMEM.
 */
enum err sigv4_verify(const struct sigv4_claim *c, const struct sigv4_request *r,
    const struct secret *secret, uint64_t now_s, struct note *note) MUST_CHECK;

/* The region in the name of an AWS host ("bedrock-runtime.us-east-1.amazonaws.com");
 * empty when it is no such name. */
struct slice sigv4_region_of(struct slice host);

#endif
