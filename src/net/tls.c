#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define OUTPUT_MAX (64u << 20) /* more than any request body in one write */
#define RECORD_MAX 16384

struct tls {
	SSL *ssl;
	struct slice in; /* ciphertext not yet read by OpenSSL */
	struct buf out;	 /* ciphertext not yet on the wire */
	struct tls_session **session_place;
	char why[TLS_WHY_MAX];
};

/* The two opaque types are OpenSSL's own, under names that say what they are. */
static SSL_CTX *
ctx_of(struct tls_context *c)
{
	return (SSL_CTX *)c;
}

/* --- the wire, seen from OpenSSL: a BIO over the two slices --- */

static int
wire_read(BIO *bio, char *to, int cap)
{
	struct tls *t = BIO_get_data(bio);
	size_t n = t->in.len < (size_t)cap ? t->in.len : (size_t)cap;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, t->in.ptr, n);
	t->in = slice_from(t->in, n);
	return (int)n;
}

static int
wire_write(BIO *bio, const char *from, int n)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	buf_add(&t->out, slice_of(from, (size_t)n));
	return t->out.err == ERR_OK ? n : -1;
}

static long
wire_ctrl(BIO *bio, int command, long number, void *arg)
{
	(void)bio;
	(void)number;
	(void)arg;
	return command == BIO_CTRL_FLUSH;
}

/* Made once, at the first context; never freed. */
static BIO_METHOD *wire;

static bool
make_wire(void)
{
	if (wire != NULL)
		return true;
	wire = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
	return wire != NULL && BIO_meth_set_read(wire, wire_read) == 1 &&
	       BIO_meth_set_write(wire, wire_write) == 1 &&
	       BIO_meth_set_ctrl(wire, wire_ctrl) == 1;
}

/* --- contexts --- */

static void
explain(char why[TLS_WHY_MAX], const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);

	(void)snprintf(
	    why, TLS_WHY_MAX, "%s: %s", what, reason == NULL ? "unknown error" : reason);
	ERR_clear_error();
}

/* Keeps the newest session of a connection where its owner wants it. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);

	if (t == NULL || t->session_place == NULL)
		return 0;
	tls_session_free(*t->session_place);
	*t->session_place = (struct tls_session *)session;
	return 1; /* the reference is ours now */
}

static SSL_CTX *
new_context(const SSL_METHOD *method, char why[TLS_WHY_MAX])
{
	SSL_CTX *ctx = make_wire() ? SSL_CTX_new(method) : NULL;

	if (ctx == NULL) {
		explain(why, "cannot set up TLS");
		return NULL;
	}
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	return ctx;
}

enum err
tls_client_context(
    const char *ca_file, struct tls_context **ret_context, char why[TLS_WHY_MAX])
{
	SSL_CTX *ctx = new_context(TLS_client_method(), why);
	int loaded;

	if (ctx == NULL)
		return ERR_NOMEM;
	loaded = ca_file == NULL ? SSL_CTX_set_default_verify_paths(ctx)
				 : SSL_CTX_load_verify_file(ctx, ca_file);
	if (loaded != 1) {
		explain(
		    why, ca_file == NULL ? "cannot load the system's roots" : ca_file);
		SSL_CTX_free(ctx);
		return ERR_TLS;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	*ret_context = (struct tls_context *)ctx;
	return ERR_OK;
}

enum err
tls_server_context(const char *cert_file, const char *key_file,
    struct tls_context **ret_context, char why[TLS_WHY_MAX])
{
	SSL_CTX *ctx = new_context(TLS_server_method(), why);
	const char *bad = NULL;

	if (ctx == NULL)
		return ERR_NOMEM;
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		bad = cert_file;
	else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(ctx) != 1)
		bad = key_file;
	if (bad != NULL) {
		explain(why, bad);
		SSL_CTX_free(ctx);
		return ERR_TLS;
	}
	*ret_context = (struct tls_context *)ctx;
	return ERR_OK;
}

struct tls_context *
tls_context_ref(struct tls_context *c)
{
	if (c != NULL)
		(void)SSL_CTX_up_ref(ctx_of(c));
	return c;
}

void
tls_context_unref(struct tls_context *c)
{
	SSL_CTX_free(ctx_of(c));
}

void
tls_session_free(struct tls_session *s)
{
	SSL_SESSION_free((SSL_SESSION *)s);
}

/* --- connections --- */

static enum err
new_tls(struct tls_context *c, struct tls **ret_tls)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *bio = t == NULL ? NULL : BIO_new(wire);

	if (bio == NULL) {
		free(t);
		return ERR_NOMEM;
	}
	buf_init(&t->out, OUTPUT_MAX);
	t->ssl = SSL_new(ctx_of(c));
	if (t->ssl == NULL) {
		BIO_free(bio);
		free(t);
		return ERR_NOMEM;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio); /* takes the one reference for both */
	SSL_set_app_data(t->ssl, t);
	*ret_tls = t;
	return ERR_OK;
}

/* The certificate must be for this name; a name, not an address, is sent as SNI. */
static bool
expect_name(SSL *ssl, const char *name)
{
	unsigned char ip[16];
	char *host;

	if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	memcpy(&host, &name, sizeof(host)); /* OpenSSL's macro has no const */
	return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, name) == 1;
}

enum err
tls_connect(struct tls_context *c, const char *name, struct tls_session **session_place,
    struct tls **ret_tls)
{
	struct tls *t;
	enum err e = new_tls(c, &t);

	if (e != ERR_OK)
		return e;
	if (!expect_name(t->ssl, name)) {
		tls_free(t);
		return ERR_NOMEM;
	}
	if (session_place != NULL && *session_place != NULL)
		(void)SSL_set_session(t->ssl, (SSL_SESSION *)*session_place);
	t->session_place = session_place;
	SSL_set_connect_state(t->ssl);
	*ret_tls = t;
	return ERR_OK;
}

enum err
tls_accept(struct tls_context *c, struct tls **ret_tls)
{
	enum err e = new_tls(c, ret_tls);

	if (e == ERR_OK)
		SSL_set_accept_state((*ret_tls)->ssl);
	return e;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	/* Without this, OpenSSL takes the session of a connection that was just
	 * closed without a goodbye for a broken one and forgets it. */
	SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	buf_free(&t->out);
	free(t);
}

void
tls_input(struct tls *t, struct slice cipher)
{
	t->in = cipher;
}

/* What a call that did not succeed means; n is its result. */
static enum err
failed(struct tls *t, int n)
{
	int why = SSL_get_error(t->ssl, n);
	long verify = SSL_get_verify_result(t->ssl);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return ERR_OK;
	if (why == SSL_ERROR_ZERO_RETURN)
		return ERR_EOF;
	if (verify != X509_V_OK) {
		(void)snprintf(t->why, sizeof(t->why), "certificate not accepted: %s",
		    X509_verify_cert_error_string(verify));
		ERR_clear_error();
	} else {
		explain(t->why, "TLS");
	}
	return ERR_TLS;
}

enum err
tls_handshake(struct tls *t, bool *ret_done)
{
	int n = SSL_do_handshake(t->ssl);

	*ret_done = n == 1;
	return n == 1 ? ERR_OK : failed(t, n);
}

enum err
tls_read(struct tls *t, char *to, size_t cap, size_t *ret_n)
{
	int n = SSL_read(t->ssl, to, cap > INT32_MAX ? INT32_MAX : (int)cap);

	*ret_n = n > 0 ? (size_t)n : 0;
	return n > 0 ? ERR_OK : failed(t, n);
}

enum err
tls_write(struct tls *t, struct slice plain)
{
	while (plain.len > 0) {
		size_t part = plain.len < RECORD_MAX ? plain.len : RECORD_MAX;
		int n = SSL_write(t->ssl, plain.ptr, (int)part);

		if (n <= 0) {
			enum err e = t->out.err != ERR_OK ? ERR_NOMEM : failed(t, n);

			return e == ERR_OK ? ERR_TLS : e;
		}
		plain = slice_from(plain, (size_t)n);
	}
	return ERR_OK;
}

void
tls_goodbye(struct tls *t)
{
	if (SSL_is_init_finished(t->ssl))
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

struct slice
tls_output(const struct tls *t)
{
	return buf_slice(&t->out);
}

void
tls_sent(struct tls *t)
{
	if (t->out.cap > RECORD_MAX)
		buf_free(&t->out);
	else
		buf_clear(&t->out);
}

const char *
tls_why(const struct tls *t)
{
	return t->why;
}
