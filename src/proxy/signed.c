/*
 * Callers that sign their requests, as AWS's clients do. Who signed is known by the head,
 * whether he did only when the body is there: so it is read for whoever names a key, and
 * goes no further until the signature is right.
 */
#include "http/sigv4.h"
#include "proxy/request.h"

static enum err
refuse(struct request *r)
{
	note_set(&r->note, "The access key is not one of this weir, or it was revoked; "
			   "`weir key create --aws` makes one.");
	return ERR_BAD_KEY;
}

enum err
signed_claim(struct request *r)
{
	struct slice said = http_field(&r->head, S("authorization"));
	struct sigv4_claim claim;
	const struct key *k = NULL;

	if (sigv4_read(said, &claim) == ERR_OK)
		k = key_set_find_aws(r->worker->keys, claim.id);
	if (k == NULL)
		return refuse(r);
	r->key_id = k->id;
	r->is_signed = true;
	return arena_copy(&r->arena, slice_str(k->name), &r->key_name) ? ERR_OK
								       : ERR_NOMEM;
}

enum err
signed_check(struct request *r)
{
	struct slice body = buf_slice(&r->body);
	char hash[SIGV4_HASH_MAX];
	struct sigv4_claim claim;
	struct sigv4_request request = {.method = r->head.method,
	    .path = r->path,
	    .query = slice_from(r->query, 1),
	    .fields = r->head.fields,
	    .nfields = r->head.nfields};
	enum err e = sigv4_read(http_field(&r->head, S("authorization")), &claim);
	const struct key *k =
	    e == ERR_OK ? key_set_find_aws(r->worker->keys, claim.id) : NULL;

	/* It may have been revoked since. */
	if (k == NULL)
		return refuse(r);
	e = sigv4_hash(&body, 1, hash);
	request.payload_hash = slice_str(hash);
	if (e == ERR_OK)
		e = sigv4_verify(&claim, &request, &k->aws_secret,
		    loop_unix_ms(r->worker->loop) / 1000, &r->note);
	r->is_signed = false; /* and known to be right, or it goes no further */
	return e == ERR_FULL ? ERR_BAD_KEY : e;
}
