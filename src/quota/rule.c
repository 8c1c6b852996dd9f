#include "quota/rule.h"

/* Greedy from the left: the last "*" that was passed is the one to go back to. */
static bool
matches(struct slice pattern, struct slice name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, from = 0;

	while (n < name.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			from = n;
		} else if (p < pattern.len && slice_ieq(slice_of(pattern.ptr + p, 1),
						  slice_of(name.ptr + n, 1))) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

bool
rule_allows(const char *list, struct slice name)
{
	struct slice rest = slice_str(list);

	if (list == NULL)
		return true;
	while (rest.ptr != NULL)
		if (matches(slice_trim(slice_cut(&rest, ',')), name))
			return true;
	return false;
}

/* The address's bytes, IPv4 also where it is written as IPv6; their number. */
static size_t
bytes_of(const struct address *a, const unsigned char **ret)
{
	static const unsigned char mapped[12] = {
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (a->sa.any.sa_family == AF_INET) {
		*ret = (const unsigned char *)&a->sa.v4.sin_addr;
		return 4;
	}
	*ret = (const unsigned char *)&a->sa.v6.sin6_addr;
	if (memcmp(*ret, mapped, sizeof(mapped)) == 0) {
		*ret += sizeof(mapped);
		return 4;
	}
	return 16;
}

/* A network in parts; false for other text. */
static bool
read_network(struct slice text, struct address *ret_address, uint64_t *ret_bits)
{
	size_t slash = slice_find(text, '/');
	const unsigned char *bytes;
	size_t n;

	if (address_of_host(slice_head(text, slash), 0, ret_address) != ERR_OK)
		return false;
	n = bytes_of(ret_address, &bytes) * 8;
	*ret_bits = n;
	return slash == text.len ||
	       (slice_u64(slice_from(text, slash + 1), ret_bits) && *ret_bits <= n);
}

static bool
is_within(const struct address *a, struct slice network)
{
	const unsigned char *x, *y;
	struct address net;
	uint64_t bits;
	size_t n;

	if (!read_network(network, &net, &bits))
		return false;
	n = bytes_of(a, &x);
	if (n != bytes_of(&net, &y))
		return false;
	for (size_t i = 0; i < n && bits > 0; i++) {
		unsigned take = bits < 8 ? (unsigned)bits : 8;
		unsigned mask = 0xffu << (8 - take) & 0xffu;

		if (((x[i] ^ y[i]) & mask) != 0)
			return false;
		bits -= take;
	}
	return true;
}

bool
rule_allows_address(const char *list, const struct address *a)
{
	struct slice rest = slice_str(list);

	if (list == NULL)
		return true;
	while (rest.ptr != NULL)
		if (is_within(a, slice_trim(slice_cut(&rest, ','))))
			return true;
	return false;
}

struct slice
rule_bad_network(const char *list)
{
	struct slice rest = slice_str(list);

	while (rest.ptr != NULL) {
		struct slice one = slice_trim(slice_cut(&rest, ','));
		struct address a;
		uint64_t bits;

		if (!read_network(one, &a, &bits))
			return one.len > 0 ? one : S("(nothing)");
	}
	return S("");
}
