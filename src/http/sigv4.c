#include "http/sigv4.h"

#include "core/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <time.h>

#define CANONICAL_MAX (256u << 10)
#define NAMES_MAX     (16u << 10)
#define PARAMS_MAX    64 /* of a query */
#define ALGORITHM     "AWS4-HMAC-SHA256"
#define HASH_BYTES    32

void
sigv4_credentials_done(struct sigv4_credentials *c)
{
	free(c->id);
	c->id = NULL;
	secret_free(&c->secret);
	secret_free(&c->token);
}

/* --- time and hashes --- */

void
sigv4_date(uint64_t unix_s, char ret_date[SIGV4_DATE_MAX])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	/* A year of five digits does not fit. */
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(ret_date, SIGV4_DATE_MAX, "%Y%m%dT%H%M%SZ", &tm) == 0)
		ret_date[0] = '\0';
}

static bool
parse_date(struct slice s, uint64_t *ret_s)
{
	static const char shape[] = "00000000T000000Z";
	struct tm tm = {0};

	if (s.len != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (shape[i] == '0' ? s.ptr[i] < '0' || s.ptr[i] > '9'
				    : s.ptr[i] != shape[i])
			return false;
#define TWO(i) ((s.ptr[i] - '0') * 10 + s.ptr[(i) + 1] - '0')
	tm.tm_year = TWO(0) * 100 + TWO(2) - 1900;
	tm.tm_mon = TWO(4) - 1;
	tm.tm_mday = TWO(6);
	tm.tm_hour = TWO(9);
	tm.tm_min = TWO(11);
	tm.tm_sec = TWO(13);
#undef TWO
	*ret_s = tm.tm_year < 70 ? 0 : (uint64_t)timegm(&tm);
	return true;
}

static void
to_hex(const unsigned char hash[HASH_BYTES], char ret[SIGV4_HASH_MAX])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < HASH_BYTES; i++) {
		ret[2 * i] = digits[hash[i] >> 4];
		ret[2 * i + 1] = digits[hash[i] & 15];
	}
	ret[2 * HASH_BYTES] = '\0';
}

enum err
sigv4_hash(const struct slice *parts, unsigned n, char ret_hash[SIGV4_HASH_MAX])
{
	unsigned char hash[HASH_BYTES];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (unsigned i = 0; done && i < n; i++)
		done = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
	done = done && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!done)
		return ERR_NOMEM;
	to_hex(hash, ret_hash);
	return ERR_OK;
}

/* --- what is signed --- */

static bool
is_unreserved(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void
put_encoded(struct buf *to, unsigned char c)
{
	if (is_unreserved(c))
		buf_byte(to, (char)c);
	else
		buf_printf(to, "%%%02X", (unsigned)c);
}

/* The path as it stands, encoded once more, segment by segment. */
static void
put_path(struct buf *to, struct slice path, bool keep)
{
	size_t begun = to->len;
	struct slice rest = slice_from(path, path.len > 0 && path.ptr[0] == '/');

	while (rest.ptr != NULL && to->err == ERR_OK) {
		struct slice s = slice_cut(&rest, '/');

		if (!keep && slice_eq(s, S(".."))) {
			while (to->len > begun && to->ptr[--to->len] != '/')
				continue;
			continue;
		}
		if (!keep && (s.len == 0 || slice_eq(s, S("."))))
			continue;
		buf_byte(to, '/');
		for (size_t i = 0; i < s.len; i++)
			put_encoded(to, (unsigned char)s.ptr[i]);
	}
	if (to->len == begun || (!keep && slice_ends(path, S("/"))))
		buf_byte(to, '/');
}

/* A name or value of a query: decoded and encoded, so that all spellings are one. */
static struct slice
put_param(struct buf *to, struct slice s)
{
	size_t begun = to->len;

	for (size_t i = 0; i < s.len; i++) {
		int high = -1, low = -1;

		if (s.ptr[i] == '%' && i + 2 < s.len) {
			high = text_hex(s.ptr[i + 1]);
			low = text_hex(s.ptr[i + 2]);
		}
		if (high < 0 || low < 0) {
			put_encoded(to, (unsigned char)s.ptr[i]);
			continue;
		}
		put_encoded(to, (unsigned char)(high << 4 | low));
		i += 2;
	}
	return slice_of(NULL, to->len - begun);
}

struct param {
	struct slice name, value;
};

static int
param_cmp(const void *a, const void *b)
{
	const struct param *x = a, *y = b;
	int order = slice_cmp(x->name, y->name);

	return order != 0 ? order : slice_cmp(x->value, y->value);
}

static enum err
put_query(struct buf *to, struct slice query)
{
	struct param params[PARAMS_MAX];
	unsigned n = 0;
	struct buf text;
	const char *at;

	buf_init(&text, CANONICAL_MAX);
	while (query.len > 0) {
		struct slice value = slice_cut(&query, '&');
		struct slice name = slice_cut(&value, '=');

		if (name.ptr == NULL || (name.len == 0 && value.ptr == NULL))
			continue;
		if (n == PARAMS_MAX) {
			text.err = ERR_FULL;
			break;
		}
		params[n].name = put_param(&text, name);
		params[n++].value = put_param(&text, value);
	}
	/* The text does not move any more. */
	at = text.ptr == NULL ? "" : text.ptr;
	for (unsigned i = 0; i < n && text.err == ERR_OK; i++) {
		params[i].name.ptr = at;
		params[i].value.ptr = at + params[i].name.len;
		at = params[i].value.ptr + params[i].value.len;
	}
	if (text.err == ERR_OK && n > 0)
		qsort(params, n, sizeof(params[0]), param_cmp);
	for (unsigned i = 0; i < n && text.err == ERR_OK; i++) {
		if (i > 0)
			buf_byte(to, '&');
		buf_add(to, params[i].name);
		buf_byte(to, '=');
		buf_add(to, params[i].value);
	}
	if (text.err != ERR_OK && to->err == ERR_OK)
		to->err = text.err;
	buf_free(&text);
	return to->err;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int
name_cmp(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return (unsigned char)lower(a.ptr[i]) <
				       (unsigned char)lower(b.ptr[i])
				   ? -1
				   : 1;
	return a.len < b.len ? -1 : a.len > b.len;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without blanks around it; several inside are one. */
static void
put_value(struct buf *to, struct slice s)
{
	bool blank = false, any = false;

	for (size_t i = 0; i < s.len; i++) {
		if (is_blank(s.ptr[i])) {
			blank = any;
			continue;
		}
		if (blank)
			buf_byte(to, ' ');
		buf_byte(to, s.ptr[i]);
		blank = false;
		any = true;
	}
}

/* The fields in the order of their names; those of one name stay as they came. */
static unsigned
sort_fields(const struct sigv4_request *r, unsigned char ret_order[HTTP_FIELDS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->nfields && n < HTTP_FIELDS_MAX; i++) {
		unsigned at = n++;

		for (; at > 0; at--) {
			if (name_cmp(r->fields[ret_order[at - 1]].name,
				r->fields[i].name) <= 0)
				break;
			ret_order[at] = ret_order[at - 1];
		}
		ret_order[at] = (unsigned char)i;
	}
	return n;
}

static void
put_fields(const struct sigv4_request *r, struct buf *to, struct buf *names)
{
	unsigned char order[HTTP_FIELDS_MAX];
	unsigned n = sort_fields(r, order);

	for (unsigned i = 0; i < n; i++) {
		const struct http_field *f = &r->fields[order[i]];

		if (i > 0 && name_cmp(r->fields[order[i - 1]].name, f->name) == 0) {
			buf_byte(to, ',');
		} else {
			if (i > 0) {
				buf_byte(to, '\n');
				buf_byte(names, ';');
			}
			for (size_t k = 0; k < f->name.len; k++) {
				buf_byte(to, lower(f->name.ptr[k]));
				buf_byte(names, lower(f->name.ptr[k]));
			}
			buf_byte(to, ':');
		}
		put_value(to, f->value);
	}
	if (n > 0)
		buf_byte(to, '\n');
}

enum err
sigv4_canonical(const struct sigv4_request *r, struct buf *to, struct buf *signed_names)
{
	buf_add(to, r->method);
	buf_byte(to, '\n');
	put_path(to, r->path, r->keep_path);
	buf_byte(to, '\n');
	if (put_query(to, r->query) != ERR_OK)
		return to->err;
	buf_byte(to, '\n');
	put_fields(r, to, signed_names);
	buf_byte(to, '\n');
	buf_add(to, buf_slice(signed_names));
	buf_byte(to, '\n');
	buf_add(to, r->payload_hash);
	return to->err != ERR_OK ? to->err : signed_names->err;
}

/* --- the signature --- */

static bool
hmac(const void *key, size_t key_len, struct slice text, unsigned char ret[HASH_BYTES])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n;

	if (HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr,
		text.len, hash, &n) == NULL)
		return false;
	memcpy(ret, hash, HASH_BYTES);
	secret_wipe(hash, sizeof(hash));
	return true;
}

struct scope {
	struct slice day, region, service;
};

static enum err
sign_text(const struct secret *secret, const struct scope *s, struct slice text,
    char ret_hex[SIGV4_HASH_MAX])
{
	char first[4 + SIGV4_SECRET_MAX] = "AWS4";
	struct slice shown = secret_reveal(secret);
	unsigned char key[HASH_BYTES];
	bool done;

	if (shown.len > SIGV4_SECRET_MAX)
		return ERR_FULL;
	if (shown.len > 0)
		memcpy(first + 4, shown.ptr, shown.len);
	done = hmac(first, 4 + shown.len, s->day, key) &&
	       hmac(key, sizeof(key), s->region, key) &&
	       hmac(key, sizeof(key), s->service, key) &&
	       hmac(key, sizeof(key), S("aws4_request"), key) &&
	       hmac(key, sizeof(key), text, key);
	if (done)
		to_hex(key, ret_hex);
	secret_wipe(first, sizeof(first));
	secret_wipe(key, sizeof(key));
	return done ? ERR_OK : ERR_NOMEM;
}

/* The signature of the request, and the names of its fields. */
static enum err
sign(const struct sigv4_request *r, const struct secret *secret, const struct scope *s,
    struct slice date, struct buf *names, char ret_hex[SIGV4_HASH_MAX])
{
	struct buf text;
	char hash[SIGV4_HASH_MAX];
	struct slice canonical;
	enum err e;

	buf_init(&text, CANONICAL_MAX);
	e = sigv4_canonical(r, &text, names);
	canonical = buf_slice(&text);
	if (e == ERR_OK)
		e = sigv4_hash(&canonical, 1, hash);
	buf_clear(&text);
	buf_add(&text, S(ALGORITHM "\n"));
	buf_add(&text, date);
	buf_printf(&text, "\n%.*s/%.*s/%.*s/aws4_request\n", SLICE_ARGS(s->day),
	    SLICE_ARGS(s->region), SLICE_ARGS(s->service));
	if (e == ERR_OK) {
		buf_add(&text, slice_of(hash, SIGV4_HASH_MAX - 1));
		e = text.err;
	}
	if (e == ERR_OK)
		e = sign_text(secret, s, buf_slice(&text), ret_hex);
	buf_free(&text);
	return e;
}

/* The first field of that name. */
static const struct http_field *
find(const struct sigv4_request *r, struct slice name)
{
	for (unsigned i = 0; i < r->nfields; i++)
		if (slice_ieq(r->fields[i].name, name))
			return &r->fields[i];
	return NULL;
}

enum err
sigv4_sign(const struct sigv4_request *r, const struct sigv4_credentials *c,
    struct slice region, struct slice service, struct buf *to)
{
	const struct http_field *date = find(r, S("x-amz-date"));
	char hex[SIGV4_HASH_MAX];
	struct scope s;
	struct buf names;
	enum err e;

	if (date == NULL)
		return ERR_BAD_REQUEST;
	s = (struct scope){slice_head(date->value, 8), region, service};
	buf_init(&names, NAMES_MAX);
	e = sign(r, &c->secret, &s, date->value, &names, hex);
	if (e == ERR_OK) {
		buf_printf(to, ALGORITHM " Credential=%s/%.*s/%.*s/%.*s/aws4_request, ",
		    c->id, SLICE_ARGS(s.day), SLICE_ARGS(region), SLICE_ARGS(service));
		buf_add(to, S("SignedHeaders="));
		buf_add(to, buf_slice(&names));
		buf_add(to, S(", Signature="));
		buf_add(to, slice_of(hex, SIGV4_HASH_MAX - 1));
		e = to->err;
	}
	buf_free(&names);
	return e;
}

/* --- requests that come in --- */

bool
sigv4_is(struct slice authorization)
{
	return slice_starts(authorization, S(ALGORITHM " ")) ||
	       slice_starts(authorization, S(ALGORITHM "\t"));
}

enum err
sigv4_read(struct slice authorization, struct sigv4_claim *ret_claim)
{
	struct slice rest = slice_from(authorization, sizeof(ALGORITHM) - 1), scope;
	struct sigv4_claim c = {0};

	if (!sigv4_is(authorization))
		return ERR_BAD_KEY;
	while (rest.ptr != NULL) {
		struct slice value = slice_trim(slice_cut(&rest, ','));
		struct slice name = slice_cut(&value, '=');

		if (slice_eq(name, S("Credential")))
			scope = value;
		else if (slice_eq(name, S("SignedHeaders")))
			c.signed_names = value;
		else if (slice_eq(name, S("Signature")))
			c.signature = value;
		else
			continue;
		if (slice_eq(name, S("Credential"))) {
			c.id = slice_cut(&scope, '/');
			c.day = slice_cut(&scope, '/');
			c.region = slice_cut(&scope, '/');
			c.service = slice_cut(&scope, '/');
			if (!slice_eq(scope, S("aws4_request")))
				return ERR_BAD_KEY;
		}
	}
	if (c.id.len == 0 || c.day.len != 8 || c.signed_names.len == 0 ||
	    c.signature.len != SIGV4_HASH_MAX - 1)
		return ERR_BAD_KEY;
	*ret_claim = c;
	return ERR_OK;
}

static bool
is_named(struct slice names, struct slice name)
{
	while (names.ptr != NULL)
		if (slice_ieq(slice_cut(&names, ';'), name))
			return true;
	return false;
}

static enum err
refuse(struct note *note, const char *why)
{
	note_set(note, "%s", why);
	return ERR_BAD_KEY;
}

/* The hash that the caller signed: of the body, or none. */
static enum err
signed_hash(const struct sigv4_claim *c, const struct sigv4_request *r,
    struct slice *ret_hash, struct note *note)
{
	static const struct slice name = {"x-amz-content-sha256", 20};
	const struct http_field *said = find(r, name);

	*ret_hash = r->payload_hash;
	if (said == NULL || slice_eq(said->value, r->payload_hash))
		return ERR_OK;
	if (slice_eq(said->value, SIGV4_UNSIGNED) && is_named(c->signed_names, name)) {
		*ret_hash = said->value;
		return ERR_OK;
	}
	return refuse(note, slice_starts(said->value, S("STREAMING-"))
				? "Bodies that are signed chunk by chunk are not "
				  "supported."
				: "x-amz-content-sha256 is not the hash of the body.");
}

static enum err
check_time(const struct sigv4_claim *c, const struct sigv4_request *r, uint64_t now_s,
    struct slice *ret_date, struct note *note)
{
	const struct http_field *date = find(r, S("x-amz-date"));
	uint64_t at;

	if (date == NULL || !is_named(c->signed_names, date->name) ||
	    !is_named(c->signed_names, S("host")))
		return refuse(
		    note, "The signature must cover the fields host and x-amz-date.");
	if (!parse_date(date->value, &at) ||
	    !slice_eq(slice_head(date->value, 8), c->day))
		return refuse(note, "x-amz-date is not the time of the signature.");
	if (at > now_s + SIGV4_SKEW_S || now_s > at + SIGV4_SKEW_S)
		return refuse(note, "The signature is of another time: it holds 15 "
				    "minutes, and both clocks must be right.");
	*ret_date = date->value;
	return ERR_OK;
}

enum err
sigv4_verify(const struct sigv4_claim *c, const struct sigv4_request *r,
    const struct secret *secret, uint64_t now_s, struct note *note)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct sigv4_request q = *r;
	struct scope s = {c->day, c->region, c->service};
	char hex[SIGV4_HASH_MAX];
	struct slice date;
	struct buf names;
	enum err e = check_time(c, r, now_s, &date, note);

	if (e == ERR_OK)
		e = signed_hash(c, r, &q.payload_hash, note);
	if (e != ERR_OK)
		return e;
	q.fields = fields;
	q.nfields = 0;
	for (unsigned i = 0; i < r->nfields && q.nfields < HTTP_FIELDS_MAX; i++)
		if (is_named(c->signed_names, r->fields[i].name))
			fields[q.nfields++] = r->fields[i];
	buf_init(&names, NAMES_MAX);
	e = sign(&q, secret, &s, date, &names, hex);
	if (e == ERR_OK &&
	    (!slice_eq(buf_slice(&names), c->signed_names) ||
		!secret_same(slice_of(hex, SIGV4_HASH_MAX - 1), c->signature)))
		e = refuse(note, "The signature is not that of this request and key.");
	secret_wipe(hex, sizeof(hex)); /* the right one, which was not shown */
	buf_free(&names);
	return e;
}

/* "us-east-1", "us-gov-west-1" */
static bool
is_region(struct slice s)
{
	if (s.len < 9 || s.ptr[2] != '-' || s.ptr[s.len - 2] != '-')
		return false;
	return s.ptr[s.len - 1] >= '0' && s.ptr[s.len - 1] <= '9';
}

struct slice
sigv4_region_of(struct slice host)
{
	struct slice found = S("");

	while (host.ptr != NULL) {
		struct slice label = slice_cut(&host, '.');

		if (slice_eq(label, S("amazonaws")))
			return found;
		if (is_region(label))
			found = label;
	}
	return S("");
}
