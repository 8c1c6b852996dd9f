#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>

enum err
address_of_host(struct slice host, uint16_t port, struct address *ret_address)
{
	char text[ADDRESS_TEXT_MAX];
	struct address a;

	if (host.len == 0 || host.len >= sizeof(text) ||
	    memchr(host.ptr, '\0', host.len) != NULL)
		return ERR_SYNTAX;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, text, &a.sa.v4.sin_addr) == 1) {
		a.sa.v4.sin_family = AF_INET;
		a.sa.v4.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &a.sa.v6.sin6_addr) == 1) {
		a.sa.v6.sin6_family = AF_INET6;
		a.sa.v6.sin6_port = htons(port);
	} else {
		return ERR_SYNTAX;
	}
	*ret_address = a;
	return ERR_OK;
}

enum err
address_parse(struct slice s, struct address *ret_address)
{
	size_t colon = slice_rfind(s, ':');
	struct slice host = slice_head(s, colon), port = slice_from(s, colon + 1);
	uint64_t number;

	if (colon == s.len) { /* a bare port */
		host = S("127.0.0.1");
		port = s;
	} else if (host.len == 0) {
		host = S("::");
	} else if (host.ptr[0] == '[') {
		if (host.len < 2 || host.ptr[host.len - 1] != ']')
			return ERR_SYNTAX;
		host = slice_of(host.ptr + 1, host.len - 2);
	} else if (slice_ieq(host, S("localhost"))) {
		host = S("127.0.0.1");
	} else if (slice_find(host, ':') < host.len) {
		return ERR_SYNTAX; /* an IPv6 address wants brackets */
	}
	if (!slice_u64(port, &number) || number > 65535)
		return ERR_SYNTAX;
	return address_of_host(host, (uint16_t)number, ret_address);
}

const char *
address_text(const struct address *a, char to[ADDRESS_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "?";
	bool v6 = a->sa.any.sa_family == AF_INET6;

	if (v6)
		(void)inet_ntop(AF_INET6, &a->sa.v6.sin6_addr, host, sizeof(host));
	else
		(void)inet_ntop(AF_INET, &a->sa.v4.sin_addr, host, sizeof(host));
	(void)snprintf(to, ADDRESS_TEXT_MAX, v6 ? "[%s]:%u" : "%s:%u", host,
	    (unsigned)address_port(a));
	return to;
}

bool
address_is_loopback(const struct address *a)
{
	const struct in6_addr *v6 = &a->sa.v6.sin6_addr;

	if (a->sa.any.sa_family == AF_INET)
		return ntohl(a->sa.v4.sin_addr.s_addr) >> 24 == 127;
	if (IN6_IS_ADDR_V4MAPPED(v6))
		return v6->s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(v6);
}

/* --- public or not: IANA's registries of special-purpose addresses --- */

/* Of IPv4, what is not globally reachable. 168.63.129.16 is Azure's to its guests. */
static const struct {
	uint32_t net;
	unsigned bits;
} inward_v4[] = {{0x00000000, 8}, {0x0a000000, 8}, {0x64400000, 10}, {0x7f000000, 8},
    {0xa83f8110, 32}, {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24},
    {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16}, {0xc6120000, 15},
    {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4}, {0xf0000000, 4}};

static bool
is_public_v4(uint32_t ip)
{
	for (size_t i = 0; i < sizeof(inward_v4) / sizeof(inward_v4[0]); i++)
		if ((ip ^ inward_v4[i].net) >> (32 - inward_v4[i].bits) == 0)
			return false;
	return true;
}

static uint32_t
four_bytes(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Of IPv6 only 2000::/3 is handed out, and in it are tunnels that end anywhere
 * (2001::/23, 2002::/16) and examples (2001:db8::/32, 3fff::/20). */
static bool
is_public_v6(const struct in6_addr *v6)
{
	static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
	const unsigned char *p = v6->s6_addr;
	uint32_t top = four_bytes(p);

	if (IN6_IS_ADDR_V4MAPPED(v6) || memcmp(p, nat64, sizeof(nat64)) == 0)
		return is_public_v4(four_bytes(p + 12));
	return top >> 29 == 1 && top >> 9 != 0x20010000 >> 9 && top >> 16 != 0x2002 &&
	       top != 0x20010db8 && top >> 12 != 0x3fff0;
}

bool
address_is_public(const struct address *a)
{
	if (a->sa.any.sa_family == AF_INET)
		return is_public_v4(ntohl(a->sa.v4.sin_addr.s_addr));
	return a->sa.any.sa_family == AF_INET6 && is_public_v6(&a->sa.v6.sin6_addr);
}

socklen_t
address_len(const struct address *a)
{
	return a->sa.any.sa_family == AF_INET6 ? sizeof(a->sa.v6) : sizeof(a->sa.v4);
}

uint16_t
address_port(const struct address *a)
{
	return ntohs(
	    a->sa.any.sa_family == AF_INET6 ? a->sa.v6.sin6_port : a->sa.v4.sin_port);
}
