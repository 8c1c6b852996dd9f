/*
 * tls: OpenSSL as a machine without I/O: ciphertext in, plaintext out, and the
 * other way. net/stream.c moves the bytes.
 *
 * A context (certificates, roots) is made when a configuration is loaded and
 * shared by all threads; a struct tls is one connection of one thread.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "core/buf.h"

struct tls_context; /* reference-counted */
struct tls_session; /* for resumption */
struct tls;	    /* one connection */

#define TLS_WHY_MAX 160

/*
 * For connections to providers, verified against ca_file, or the system's roots
 * when it is NULL. Reads files: not for loop threads. On failure a sentence in
 * why. ERR_TLS, ERR_NOMEM.
 */
enum err tls_client_context(const char *ca_file, struct tls_context **ret_context,
    char why[TLS_WHY_MAX]) MUST_CHECK;

/* For clients, with a certificate chain and its key (PEM files). */
enum err tls_server_context(const char *cert_file, const char *key_file,
    struct tls_context **ret_context, char why[TLS_WHY_MAX]) MUST_CHECK;

struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c);

/*
 * A connection to the host `name` (DNS name or address, terminated), which the
 * certificate must bear; resumes `session` if not NULL (borrowed). New sessions
 * replace *session_place (owned by the caller; may be NULL), which must outlive
 * the connection. ERR_NOMEM.
 */
enum err tls_connect(struct tls_context *c, const char *name,
    struct tls_session **session_place, struct tls **ret_tls) MUST_CHECK;

/* A connection from a client. ERR_NOMEM. */
enum err tls_accept(struct tls_context *c, struct tls **ret_tls) MUST_CHECK;

void tls_free(struct tls *t);
void tls_session_free(struct tls_session *s);

/* Ciphertext from the wire; borrowed until tls_handshake/tls_read took it all. */
void tls_input(struct tls *t, struct slice cipher);

/* Goes on with the handshake. *ret_done tells its end. ERR_TLS, see tls_why(). */
enum err tls_handshake(struct tls *t, bool *ret_done) MUST_CHECK;

/*
 * Plaintext into `to`; *ret_n is 0 when more ciphertext is needed. ERR_EOF at
 * the peer's orderly end, ERR_TLS.
 */
enum err tls_read(struct tls *t, char *to, size_t cap, size_t *ret_n) MUST_CHECK;

/* Encrypts all of it into the output. ERR_TLS, ERR_NOMEM. */
enum err tls_write(struct tls *t, struct slice plain) MUST_CHECK;

/* Says goodbye into the output. */
void tls_goodbye(struct tls *t);

/* Ciphertext for the wire; tls_sent() empties it. */
struct slice tls_output(const struct tls *t);
void tls_sent(struct tls *t);

/* Why it failed, for people: "certificate has expired". */
const char *tls_why(const struct tls *t);

#endif
