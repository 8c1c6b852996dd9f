/*
 * Any bytes as the header fields in which providers tell of their rate limits, and as
 * the spans, dates and URLs in them and in a configuration: read or not, never more
 * than an hour, and nothing is read past its end.
 */
#include "fuzz.h"

#include "core/text.h"
#include "meter/row.h"
#include "proxy/limits.h"

#define HOUR_MS 3600000u
#define NOW_MS	1754000000000u

/* "name: value" lines. */
static struct http_head
head_of(struct slice text, struct http_field fields[HTTP_FIELDS_MAX])
{
	struct http_head h = {.status = 429, .fields = fields};

	while (text.ptr != NULL && h.nfields < HTTP_FIELDS_MAX) {
		struct slice line = slice_cut(&text, '\n');
		struct slice name = slice_cut(&line, ':');

		fields[h.nfields++] = (struct http_field){name, slice_trim(line)};
	}
	return h;
}

static void
check_head(struct slice text)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head h = head_of(text, fields);

	for (enum limits_style s = 0; s < LIMITS_STYLES; s++) {
		uint64_t used_up = limits_used_up(&h, s, NOW_MS);

		HOLDS(used_up <= HOUR_MS);
		HOLDS(limits_retry_after(&h, s, NOW_MS) <= HOUR_MS);
	}
}

static void
check_url(struct slice text)
{
	struct provider_url u;
	struct provider p = {.auth = AUTH_OPTIONAL};
	enum err e = provider_url_parse(text, &u);

	HOLDS(provider_set_url(&p, text) == e);
	HOLDS(e == ERR_OK || e == ERR_SYNTAX);
	if (e == ERR_OK) {
		HOLDS(u.port > 0 && u.host.len > 0 && u.host.len <= 253);
		HOLDS(u.path.len == 0 || u.path.ptr[0] == '/');
		HOLDS(strlen(p.host.name) == u.host.len);
		/* It stands in a header line. */
		for (const char *c = p.host_header; *c != '\0'; c++)
			HOLDS(*c > ' ' && *c < 0x7f);
		for (const char *c = p.path; *c != '\0'; c++)
			HOLDS((unsigned char)*c > ' ');
	}
	provider_done(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct request_id id;
	uint64_t value;

	check_head(text);
	(void)limits_parse_reset(text, NOW_MS, &value);
	(void)limits_parse_reset(text, 0, &value);
	(void)text_span_ms(text, 1000, &value);
	(void)text_bytes(text, &value);
	if (request_id_parse(text, &id)) {
		char back[REQUEST_ID_LEN];

		request_id_write(id, back);
		HOLDS(slice_eq(slice_of(back, sizeof(back)), text));
	}
	check_url(text);
	return 0;
}
