#include "core/slice.h"

#include <stdlib.h>

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	if (order == 0)
		order = (a.len > b.len) - (a.len < b.len);
	return order < 0 ? -1 : order > 0;
}

bool
slice_starts(struct slice s, struct slice prefix)
{
	return slice_eq(slice_head(s, prefix.len), prefix);
}

static bool
same_letters(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

/* Names of header fields are compared by the dozen in each request: so eight bytes at
 * once. Only where they differ just in the bit of the case are they looked at. */
static bool
same_but_case(const char *a, const char *b, size_t n)
{
	const uint64_t not_case = ~(uint64_t)0x2020202020202020u;

	if (n < 8)
		return same_letters(a, b, n);
	for (size_t i = 0; i < n; i += 8) {
		size_t at = n - i >= 8 ? i : n - 8; /* the last eight */
		uint64_t x, y;

		memcpy(&x, a + at, 8);
		memcpy(&y, b + at, 8);
		if (((x ^ y) & not_case) != 0 ||
		    (x != y && !same_letters(a + at, b + at, 8)))
			return false;
	}
	return true;
}

bool
slice_istarts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && same_but_case(s.ptr, prefix.ptr, prefix.len);
}

bool
slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_eq(slice_from(s, s.len - suffix.len), suffix);
}

size_t
slice_find(struct slice s, char c)
{
	const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

	return at == NULL ? s.len : (size_t)(at - s.ptr);
}

size_t
slice_rfind(struct slice s, char c)
{
	for (size_t i = s.len; i > 0; i--)
		if (s.ptr[i - 1] == c)
			return i - 1;
	return s.len;
}

size_t
slice_search(struct slice s, struct slice what)
{
	const char *at;

	if (what.len == 0)
		return 0;
	if (s.len < what.len)
		return s.len;
	at = memmem(s.ptr, s.len, what.ptr, what.len);
	return at == NULL ? s.len : (size_t)(at - s.ptr);
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

struct slice
slice_cut(struct slice *s, char c)
{
	size_t at = slice_find(*s, c);
	struct slice part = slice_head(*s, at);

	if (at == s->len)
		*s = (struct slice){NULL, 0};
	else
		*s = slice_from(*s, at + 1);
	return part;
}

bool
slice_u64(struct slice s, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}

char *
slice_dup(struct slice s)
{
	char *copy = malloc(s.len + 1);

	if (copy == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

uint64_t
slice_hash(struct slice s)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.len; i++) {
		hash ^= (unsigned char)s.ptr[i];
		hash *= 0x100000001b3u;
	}
	return hash;
}
