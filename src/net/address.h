/*
 * net: bytes over TCP, and nothing of what they mean: addresses, listeners,
 * streams (plain or TLS), and a pool of kept-alive connections to hosts.
 *
 * A listener hands out streams for clients; upstream_take/upstream_connect give
 * connections to providers. Both are read and written as a struct stream, which
 * never blocks and tells its queue, so that a slow side slows the other. All
 * of it belongs to one loop thread. Not here: HTTP.
 *
 * address: a numeric IP address with a port.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "core/err.h"
#include "core/slice.h"

#include <netinet/in.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa;
};

#define ADDRESS_TEXT_MAX 64 /* bytes of address_text, terminator included */

/*
 * "127.0.0.1:8080", "[::1]:8080", ":8080" (every IPv4 and IPv6 address),
 * "localhost:8080" (127.0.0.1), "8080". ERR_SYNTAX for other text.
 */
enum err address_parse(struct slice s, struct address *ret_address) MUST_CHECK;

/* A bare numeric host ("::1", "10.0.0.1") with a port. ERR_SYNTAX otherwise. */
enum err
address_of_host(struct slice host, uint16_t port, struct address *ret_address) MUST_CHECK;

/* Writes it as text, terminated; returns `to`. */
const char *address_text(const struct address *a, char to[ADDRESS_TEXT_MAX]);

/* Is it reachable from this machine only? */
bool address_is_loopback(const struct address *a);

/*
 * Is it one of the open internet? Not: this machine, private and shared networks, links,
 * groups, what is reserved or for examples, the services that clouds give their guests.
 * What stands for an IPv4 address (mapped, NAT64) is as that one is.
 */
bool address_is_public(const struct address *a);

socklen_t address_len(const struct address *a);
uint16_t address_port(const struct address *a);

#endif
