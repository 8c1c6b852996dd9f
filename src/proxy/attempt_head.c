/*
 * The head of a request to a provider: where it goes, who pays, and what of the caller's
 * own fields passes.
 */
#include "http/write.h"
#include "proxy/attempt_reply.h"
#include "proxy/headers.h"
#include "proxy/worker.h"

static void
put_credential(struct attempt *a, enum auth auth, struct buf *to)
{
	struct slice key = attempt_key(a);

	if (key.len == 0)
		return;
	if (auth == AUTH_API_KEY) {
		http_put_field(to, S("api-key"), key);
	} else if (auth == AUTH_X_API_KEY) {
		http_put_field(to, S("x-api-key"), key);
	} else if (auth == AUTH_X_GOOG_API_KEY) {
		http_put_field(to, S("x-goog-api-key"), key);
	} else {
		buf_add(to, S("authorization: Bearer "));
		buf_add(to, key);
		buf_add(to, S("\r\n"));
	}
}

/*
 * Signs what is sent. The head so far is "POST TARGET HTTP/1.1", and the host. A buffer
 * that fails makes the head fail.
 */
static void
put_signature(struct attempt *a, struct slice said, struct buf *to)
{
	const struct provider *p = a->candidate->offer->provider;
	char date[SIGV4_DATE_MAX], hash[SIGV4_HASH_MAX];
	struct slice token = secret_reveal(&p->aws.token), rest = said, method, target;
	struct http_field fields[3];
	struct sigv4_request request = {.fields = fields, .nfields = 2};
	struct buf copy, line;
	enum err e;

	sigv4_date(loop_unix_ms(a->worker->loop) / 1000, date);
	buf_init(&copy, said.len);
	buf_init(&line, 4096);
	buf_add(&copy, said); /* `to` grows below */
	rest = buf_slice(&copy);
	method = slice_cut(&rest, ' ');
	target = slice_cut(&rest, ' ');
	request.method = method;
	request.path = slice_head(target, slice_find(target, '?'));
	request.query = slice_from(target, request.path.len + 1);
	fields[0] = (struct http_field){S("host"), slice_str(p->host_header)};
	fields[1] = (struct http_field){S("x-amz-date"), slice_str(date)};
	if (token.len > 0)
		fields[request.nfields++] =
		    (struct http_field){S("x-amz-security-token"), token};
	e = copy.err != ERR_OK ? copy.err
			       : sigv4_hash(a->ask->parts, a->ask->nparts, hash);
	request.payload_hash = slice_str(hash);
	if (e == ERR_OK)
		e = sigv4_sign(
		    &request, &p->aws, slice_str(p->aws_region), S("bedrock"), &line);
	for (unsigned i = 1; e == ERR_OK && i < request.nfields; i++)
		http_put_field(to, fields[i].name, fields[i].value);
	if (e == ERR_OK)
		http_put_field(to, S("authorization"), buf_slice(&line));
	else
		to->err = e;
	buf_free(&copy);
	buf_free(&line);
}

/* The caller's query, behind what of one the target has already. */
static void
put_query(struct attempt *a, struct buf *to, size_t from)
{
	struct slice query = a->ask->query;
	struct slice target = slice_from(buf_slice(to), from);

	if (query.len > 1 && slice_find(target, '?') < target.len) {
		buf_byte(to, '&');
		query = slice_from(query, 1);
	}
	buf_add(to, query);
}

/* The caller's fields that pass; those of his dialect only where it is spoken. */
static void
put_fields(struct attempt *a, struct buf *to)
{
	const struct http_head *h = a->ask->head;

	for (unsigned i = 0; i < h->nfields; i++) {
		struct slice name = h->fields[i].name;

		if (a->ask->answer != NULL && headers_of_dialect(name))
			continue;
		if (headers_to_provider(&a->worker->config->options, name))
			http_copy_field(to, &h->fields[i]);
	}
}

void
attempt_put_head(struct attempt *a, struct buf *to)
{
	const struct provider *p = a->candidate->offer->provider;
	const struct dialect *d = a->ask->dialect;
	const char *path = p->path == NULL ? "" : p->path;
	enum auth auth = p->auth;
	enum operation op = a->ask->surface->op;
	const struct http_head *h = a->ask->head;
	size_t had = to->len;

	(void)provider_speaks(p, d->id, &path, &auth);
	buf_add(to, S("POST "));
	buf_add(to, slice_str(a->use != NULL ? "/v1" : path));
	if (op == OP_EMBEDDING && a->ask->answer != NULL)
		op = OP_EMBEDDINGS; /* what is translated is written for many */
	d->put_target(op, a->candidate->offer->upstream, a->ask->stream, to);
	if (a->ask->answer == NULL)
		put_query(a, to, had);
	buf_add(to, S(" HTTP/1.1\r\n"));
	http_put_field(
	    to, S("host"), slice_str(a->use != NULL ? "127.0.0.1" : p->host_header));
	if (auth == AUTH_AWS)
		put_signature(a, slice_from(buf_slice(to), had), to);
	else
		put_credential(a, auth, to);
	put_fields(a, to);
	if (d->field_name.len > 0 &&
	    (a->ask->answer != NULL || http_field(h, d->field_name).ptr == NULL))
		http_put_field(to, d->field_name, d->field_value);
	if (a->ask->answer != NULL || http_field(h, S("content-type")).ptr == NULL)
		http_put_field(to, S("content-type"), S("application/json"));
	if (p->quirks & Q_ASK_FOR_ENGLISH)
		http_put_field(to, S("accept-language"), S("en-US,en"));
	http_put_field(to, S("accept-encoding"), S("identity"));
	http_put_number(to, S("content-length"), a->ask->body_len);
	http_put_end(to);
}
