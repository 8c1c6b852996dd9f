#include "core/secret.h"

#include <stdlib.h>

struct secret
secret_new(struct slice s)
{
	struct secret secret = {NULL, 0};

	if (s.len == 0)
		return secret;
	secret.bytes = slice_dup(s);
	secret.len = secret.bytes == NULL ? 0 : s.len;
	return secret;
}

void
secret_free(struct secret *s)
{
	if (s->bytes != NULL)
		secret_wipe(s->bytes, s->len);
	free(s->bytes);
	*s = (struct secret){NULL, 0};
}

struct slice
secret_reveal(const struct secret *s)
{
	return slice_of(s->bytes, s->len);
}

void
secret_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

bool
secret_same(struct slice a, struct slice b)
{
	unsigned char differ = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differ |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
	return differ == 0;
}
