#include "core/base64.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_put(struct buf *b, struct slice bytes)
{
	char *to = buf_room(b, (bytes.len + 2) / 3 * 4);

	if (to == NULL)
		return;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t n = (uint32_t)(unsigned char)bytes.ptr[i] << 16;

		if (left > 1)
			n |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
		if (left > 2)
			n |= (uint32_t)(unsigned char)bytes.ptr[i + 2];
		*to++ = digits[n >> 18];
		*to++ = digits[n >> 12 & 63];
		*to++ = left > 1 ? digits[n >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[n & 63] : '=';
	}
	buf_wrote(b, (bytes.len + 2) / 3 * 4);
}

/* The value of a digit of either alphabet; 64 when it is none. */
static unsigned
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : 64;
}

bool
base64_decode(struct slice text, char *to, size_t *ret_len)
{
	uint32_t held = 0;
	unsigned bits = 0;
	size_t n = 0;

	for (unsigned pad = 0; pad < 2 && slice_ends(text, S("=")); pad++)
		text.len--;
	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned v = value_of(text.ptr[i]);

		if (v == 64)
			return false;
		held = held << 6 | v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			to[n++] = (char)(held >> bits & 0xff);
		}
	}
	*ret_len = n;
	return true;
}
