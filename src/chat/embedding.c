#include "chat/embedding.h"

#include "core/base64.h"
#include "json/write.h"

#include <stdlib.h>

#define NUMBER_MAX 64 /* bytes of one, spelt */

/* The next number of "[0.1, -2e-3]", taken off; false at the end. */
static bool
next_number(struct slice *rest, float *ret)
{
	char text[NUMBER_MAX];
	size_t n = 0;

	while (rest->len > 0 && strchr("[], \t\r\n", rest->ptr[0]) != NULL)
		*rest = slice_from(*rest, 1);
	while (n < rest->len && n < sizeof(text) - 1 &&
	       strchr("[], \t\r\n", rest->ptr[n]) == NULL) {
		text[n] = rest->ptr[n];
		n++;
	}
	text[n] = '\0';
	*rest = slice_from(*rest, n);
	*ret = strtof(text, NULL);
	return n > 0;
}

void
embedding_put_base64(struct buf *to, struct slice vector, bool base64)
{
	struct buf bytes;
	float f;

	if (base64) {
		json_put_inner(to, vector);
		return;
	}
	buf_init(&bytes, vector.len * 4 + 4);
	while (next_number(&vector, &f)) {
		uint32_t bits;

		memcpy(&bits, &f, sizeof(bits));
		for (unsigned i = 0; i < 4; i++)
			buf_byte(&bytes, (char)(bits >> (8 * i) & 0xff));
	}
	json_put_inner(to, S(""));
	if (to->err == ERR_OK)
		to->len--; /* the closing quote */
	base64_put(to, buf_slice(&bytes));
	buf_byte(to, '"');
	if (bytes.err != ERR_OK && to->err == ERR_OK)
		to->err = bytes.err;
	buf_free(&bytes);
}

void
embedding_put_array(struct buf *to, struct slice vector, bool base64)
{
	size_t n = 0;
	char *bytes;

	if (!base64) {
		json_put_raw(to, vector);
		return;
	}
	bytes = malloc(BASE64_BYTES(vector.len));
	if (bytes == NULL) {
		to->err = to->err == ERR_OK ? ERR_NOMEM : to->err;
		return;
	}
	json_open(to, '[');
	if (!base64_decode(vector, bytes, &n))
		n = 0;
	for (size_t i = 0; i + 4 <= n; i += 4) {
		uint32_t bits = 0;
		float f;

		for (unsigned k = 0; k < 4; k++)
			bits |= (uint32_t)(unsigned char)bytes[i + k] << (8 * k);
		memcpy(&f, &bits, sizeof(f));
		buf_printf(to, "%s%.9g", i == 0 ? "" : ",", (double)f);
	}
	json_close(to, ']');
	free(bytes);
}

enum err
embedding_texts(const struct json *j, uint32_t v, struct arena *a, struct embed_prompt *p)
{
	unsigned n = 0;

	if (json_is(j, v, JSON_ARRAY))
		JSON_FOR_EACH (one, j, v)
			n++;
	p->texts = arena_alloc(a, (n + 1) * sizeof(p->texts[0]));
	if (p->texts == NULL)
		return ERR_NOMEM;
	if (json_is(j, v, JSON_STRING))
		p->texts[p->ntexts++] = json_inner(j, v);
	else if (!json_is(j, v, JSON_ARRAY))
		return ERR_NO_EQUIVALENT;
	else
		JSON_FOR_EACH (one, j, v) {
			if (!json_is(j, one, JSON_STRING))
				return ERR_NO_EQUIVALENT;
			p->texts[p->ntexts++] = json_inner(j, one);
		}
	return ERR_OK;
}

void
embedding_note(const struct json *j, uint32_t object, const struct slice *known,
    unsigned n, struct losses *own)
{
	JSON_FOR_EACH_KEY (k, j, object) {
		bool is_known = json_is(j, k + 1, JSON_NULL);

		for (unsigned i = 0; i < n && !is_known; i++)
			is_known = json_equals(j, k, known[i]);
		if (!is_known)
			losses_add(own, json_inner(j, k));
	}
}
