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
