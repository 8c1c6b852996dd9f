/*
 * listener: accepts clients on one address. Every loop thread opens its own on
 * the same address (SO_REUSEPORT), and the kernel spreads the clients.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/address.h"
#include "net/stream.h"
#include "net/tls.h"

struct listener;

/*
 * A client came: the callee owns the stream and attends it now, or closes it.
 * `from` is valid during the call.
 */
typedef void listener_fn(void *arg, struct stream *s, const struct address *from);

/*
 * Has another process the address? The threads of this one share it, and the kernel
 * would let a second process join them. ERR_IO with a sentence in why (at least 128
 * bytes).
 */
enum err listener_check(const struct address *at, char *why) MUST_CHECK;

/*
 * Listens; fn(arg, ...) for every client. With port 0 the kernel picks one:
 * listener_address() tells. On failure a sentence in why (at least 128 bytes).
 * ERR_IO, ERR_NOMEM.
 */
enum err listener_open(struct loop *l, const struct address *at, listener_fn *fn,
    void *arg, struct listener **ret_listener, char *why) MUST_CHECK;

/* Clients from now on speak TLS by this context (referenced), or plain for NULL. */
void listener_set_tls(struct listener *li, struct tls_context *c);

/* Leaves clients in the kernel's queue, and takes them again; one may be given to fn
 * in this call. */
void listener_pause(struct listener *li);
void listener_resume(struct listener *li);

/* The address that it is bound to. */
struct address listener_address(const struct listener *li);

/* Stops accepting and frees it; accepted streams live on. NULL does nothing. */
void listener_close(struct listener *li);

#endif
