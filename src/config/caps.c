/*
 * Limits of a provider or a model, in its entry: {rpm: 60, tpm: 100000, concurrent: 4}.
 */
#include "config/loading.h"

#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX  (INT64_C(1) << 40)
#define WHERE_BYTES 100

enum field {
	FIELD_RPM,
	FIELD_TPM,
	FIELD_INPUT_TPM,
	FIELD_OUTPUT_TPM,
	FIELD_CONCURRENT,
	FIELD_SPM,
	FIELD_HEADERS,
	FIELDS
};

static const char *const field_names[FIELDS] = {
    "rpm", "tpm", "input_tpm", "output_tpm", "concurrent", "spm", "headers"};

static void
take_number(struct loading *l, const struct yaml_node *n, int64_t *ret)
{
	uint64_t number;

	if (n != NULL && loading_count(l, n, 1, NUMBER_MAX, &number))
		*ret = (int64_t)number;
}

static void
take_money(struct loading *l, const struct yaml_node *n, int64_t *ret_pusd)
{
	struct secret text;

	if (n == NULL || !loading_text(l, n, "an amount of USD", &text))
		return;
	if (!text_scaled(secret_reveal(&text), 12, ret_pusd) || *ret_pusd <= 0)
		report_error(&l->report, loading_place(l, n),
		    "expected an amount of USD like \"0.15\", found \"%s\"",
		    QUOTE(n->text));
	secret_free(&text);
}

const struct yaml_node *
caps_load(struct loading *l, const struct yaml_node *map, struct slice where,
    bool with_headers, struct account_limits *ret)
{
	const struct yaml_node *v[FIELDS] = {NULL};
	unsigned n = with_headers ? FIELDS : FIELD_HEADERS;

	*ret = account_unlimited;
	if (!loading_members(l, map, where, field_names, n, v))
		return NULL;
	take_number(l, v[FIELD_RPM], &ret->requests_min);
	take_number(l, v[FIELD_TPM], &ret->tokens_min);
	take_number(l, v[FIELD_INPUT_TPM], &ret->input_min);
	take_number(l, v[FIELD_OUTPUT_TPM], &ret->output_min);
	take_number(l, v[FIELD_CONCURRENT], &ret->concurrent);
	take_money(l, v[FIELD_SPM], &ret->pusd_min);
	return v[FIELD_HEADERS];
}

/* --- of a provider --- */

/* Those that a host speaks of that resembles the dialect's first. */
static enum limits_style
usual_style(enum dialect_id d)
{
	switch (d) {
	case DIALECT_OPENAI:
	case DIALECT_RESPONSES: return LIMITS_OPENAI;
	case DIALECT_ANTHROPIC: return LIMITS_ANTHROPIC;
	default: return LIMITS_NONE;
	}
}

void
caps_of_provider(
    struct loading *l, const struct yaml_node *n, bool is_new, struct provider *p)
{
	static const char *const words[] = {
#define LIMITS(style, ...) #style,
#include "provider/limits.def"
	};
	char where[WHERE_BYTES];
	unsigned i;

	if (is_new)
		p->limits = usual_style(p->dialect);
	if (n != NULL && n->kind == YAML_MAP) {
		(void)snprintf(where, sizeof(where), "providers.%s.limits", p->name);
		p->caps = malloc(sizeof(*p->caps));
		if (p->caps == NULL) {
			l->nomem = true;
			return;
		}
		n = caps_load(l, n, slice_str(where), true, p->caps);
	}
	if (n != NULL && loading_word(l, n, words, LIMITS_STYLES, &i))
		p->limits = (enum limits_style)i;
}

/* --- shown --- */

static void
put_number(struct buf *to, const char *name, int64_t limit, bool *first)
{
	if (limit == QUOTA_NONE)
		return;
	buf_printf(to, "%s%s: %lld", *first ? "" : ", ", name, (long long)limit);
	*first = false;
}

void
caps_print(const struct account_limits *limits, struct buf *to)
{
	bool first = true;
	char usd[TEXT_PUSD_MAX];

	buf_add(to, S("limits: {"));
	put_number(to, field_names[FIELD_RPM], limits->requests_min, &first);
	put_number(to, field_names[FIELD_TPM], limits->tokens_min, &first);
	put_number(to, field_names[FIELD_INPUT_TPM], limits->input_min, &first);
	put_number(to, field_names[FIELD_OUTPUT_TPM], limits->output_min, &first);
	put_number(to, field_names[FIELD_CONCURRENT], limits->concurrent, &first);
	if (limits->pusd_min != QUOTA_NONE)
		buf_printf(to, "%s%s: \"%.*s\"", first ? "" : ", ",
		    field_names[FIELD_SPM], (int)text_pusd(usd, limits->pusd_min), usd);
	buf_byte(to, '}');
}

bool
caps_any(const struct account_limits *limits)
{
	return limits->requests_min != QUOTA_NONE || limits->tokens_min != QUOTA_NONE ||
	       limits->input_min != QUOTA_NONE || limits->output_min != QUOTA_NONE ||
	       limits->concurrent != QUOTA_NONE || limits->pusd_min != QUOTA_NONE;
}
