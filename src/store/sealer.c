#include "store/sealer.h"

#include "core/random.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define NONCE 12
#define TAG   16

/*	sealed:  nonce (12)  cipher text  tag (16)	*/

void
sealer_init(struct sealer *s, struct slice text)
{
	static const char label[] = "weir: provider keys, version 1";
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned int n = 0;

	*s = (struct sealer){.any = false};
	s->any = text.len > 0 && c != NULL &&
		 EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
		 EVP_DigestUpdate(c, label, sizeof(label)) == 1 &&
		 EVP_DigestUpdate(c, text.ptr, text.len) == 1 &&
		 EVP_DigestFinal_ex(c, s->key, &n) == 1 && n == sizeof(s->key);
	EVP_MD_CTX_free(c);
}

static bool
begin(EVP_CIPHER_CTX *c, const struct sealer *s, const unsigned char *nonce, bool seal)
{
	return c != NULL && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, nonce,
				seal ? 1 : 0) == 1;
}

bool
sealer_seal(
    const struct sealer *s, struct slice plain, struct slice bound_to, struct buf *to)
{
	EVP_CIPHER_CTX *c = s->any ? EVP_CIPHER_CTX_new() : NULL;
	unsigned char nonce[NONCE], tag[TAG], *out = malloc(plain.len + 1);
	int n = 0, end = 0;
	bool ok;

	random_bytes(nonce, sizeof(nonce));
	ok = out != NULL && begin(c, s, nonce, true) &&
	     EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)bound_to.ptr,
		 (int)bound_to.len) == 1 &&
	     EVP_CipherUpdate(
		 c, out, &n, (const unsigned char *)plain.ptr, (int)plain.len) == 1 &&
	     EVP_CipherFinal_ex(c, out + n, &end) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1;
	if (ok) {
		buf_add(to, slice_of((const char *)nonce, NONCE));
		buf_add(to, slice_of((const char *)out, (size_t)n + (size_t)end));
		buf_add(to, slice_of((const char *)tag, TAG));
	}
	EVP_CIPHER_CTX_free(c);
	free(out);
	return ok && to->err == ERR_OK;
}

bool
sealer_open(const struct sealer *s, struct slice sealed, struct slice bound_to,
    struct secret *ret)
{
	struct slice text = slice_from(sealed, NONCE);
	unsigned char tag[TAG], *out;
	EVP_CIPHER_CTX *c;
	int n = 0, end = 0;
	bool ok;

	if (!s->any || sealed.len <= NONCE + TAG)
		return false;
	text.len -= TAG;
	memcpy(tag, text.ptr + text.len, TAG);
	c = EVP_CIPHER_CTX_new();
	out = malloc(text.len);
	ok = out != NULL && begin(c, s, (const unsigned char *)sealed.ptr, false) &&
	     EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)bound_to.ptr,
		 (int)bound_to.len) == 1 &&
	     EVP_CipherUpdate(
		 c, out, &n, (const unsigned char *)text.ptr, (int)text.len) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
	     EVP_CipherFinal_ex(c, out + n, &end) == 1;
	if (ok)
		*ret = secret_new(slice_of((const char *)out, (size_t)n + (size_t)end));
	if (out != NULL)
		secret_wipe(out, text.len);
	free(out);
	EVP_CIPHER_CTX_free(c);
	return ok && ret->len > 0;
}
