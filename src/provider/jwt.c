#include "provider/jwt.h"

#include "core/base64.h"
#include "json/write.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define TEXT_MAX      (16u << 10)
#define SIGNATURE_MAX 2048 /* of a key of 16384 bits */

void
jwt_account_done(struct jwt_account *a)
{
	free(a->issuer);
	free(a->key_id);
	free(a->audience);
	a->issuer = a->key_id = a->audience = NULL;
	secret_free(&a->key);
}

/* Keys that want a pass phrase are refused, not asked for. */
static int
no_phrase(char *to, int size, int writes, void *arg)
{
	(void)to;
	(void)size;
	(void)writes;
	(void)arg;
	return -1;
}

static EVP_PKEY *
read_key(struct slice pem)
{
	BIO *bytes = pem.len > TEXT_MAX ? NULL : BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = NULL;

	if (bytes != NULL)
		key = PEM_read_bio_PrivateKey(bytes, NULL, no_phrase, NULL);
	BIO_free(bytes);
	if (key != NULL && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

bool
jwt_is_key(struct slice pem)
{
	EVP_PKEY *key = read_key(pem);

	EVP_PKEY_free(key);
	return key != NULL;
}

/* Base64 in the alphabet of URLs, without its padding. */
static void
put_part(struct buf *to, struct slice bytes)
{
	size_t from = to->len;

	base64_put(to, bytes);
	if (to->err != ERR_OK)
		return;
	while (to->len > from && to->ptr[to->len - 1] == '=')
		to->len--;
	for (size_t i = from; i < to->len; i++)
		to->ptr[i] = to->ptr[i] == '+'	 ? '-'
			     : to->ptr[i] == '/' ? '_'
						 : to->ptr[i];
}

static void
put_texts(
    const struct jwt_account *a, struct slice scope, uint64_t unix_s, struct buf *to)
{
	struct buf part;

	buf_init(&part, TEXT_MAX);
	json_open(&part, '{');
	json_member(&part, S("alg"), S("RS256"));
	json_member(&part, S("typ"), S("JWT"));
	if (a->key_id[0] != '\0')
		json_member(&part, S("kid"), slice_str(a->key_id));
	json_close(&part, '}');
	put_part(to, buf_slice(&part));
	buf_byte(to, '.');
	buf_drop(&part, part.len);
	json_open(&part, '{');
	json_member(&part, S("iss"), slice_str(a->issuer));
	json_member(&part, S("scope"), scope);
	json_member(&part, S("aud"), slice_str(a->audience));
	json_member_u64(&part, S("iat"), unix_s);
	json_member_u64(&part, S("exp"), unix_s + JWT_SPAN_S);
	json_close(&part, '}');
	put_part(to, buf_slice(&part));
	if (part.err != ERR_OK && to->err == ERR_OK)
		to->err = part.err;
	buf_free(&part);
}

enum err
jwt_put(const struct jwt_account *a, struct slice scope, uint64_t unix_s, struct buf *to)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t from = to->len, n = sizeof(signature);
	EVP_PKEY *key = read_key(secret_reveal(&a->key));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool signs;

	put_texts(a, scope, unix_s, to);
	signs = key != NULL && ctx != NULL && to->err == ERR_OK &&
		EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(ctx, signature, &n, (const unsigned char *)to->ptr + from,
		    to->len - from) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	if (to->err != ERR_OK)
		return to->err;
	if (!signs)
		return ERR_SYNTAX;
	buf_byte(to, '.');
	put_part(to, slice_of((const char *)signature, n));
	return to->err;
}
