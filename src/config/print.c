/*
 * `weir check`: the configuration in effect, as YAML with comments.
 */
#include "config/config.h"
#include "config/loading.h"
#include "core/clock.h"
#include "core/text.h"
#include "dialect/dialect.h"

#include <stdarg.h>
#include <stdio.h>

#define COMMENT_COLUMN 48

struct printing {
	const struct config *c;
	struct buf *to;
	size_t line_at; /* where the current line begins */
};

/* Ends a line, with a comment where there is one to make. */
static void
end_line(struct printing *p, const char *comment)
{
	struct buf *b = p->to;

	if (comment != NULL && comment[0] != '\0') {
		buf_byte(b, ' ');
		do
			buf_byte(b, ' ');
		while (b->err == ERR_OK && b->len - p->line_at < COMMENT_COLUMN);
		buf_add(b, S("# "));
		for (; *comment != '\0'; comment++)
			buf_byte(b, (unsigned char)*comment < ' ' ? '?' : *comment);
	}
	buf_byte(b, '\n');
	p->line_at = b->len;
}

/* A line of plain text of our own. */
static void
put_line(struct printing *p, const char *text)
{
	buf_add(p->to, slice_str(text));
	end_line(p, NULL);
}

/* "  name: text" */
static void
put_text(struct printing *p, unsigned indent, const char *name, const char *text)
{
	buf_printf(p->to, "%*s%s: ", (int)indent, "", name);
	option_print_text(slice_str(text), p->to);
}

/* "  name:" and a comment. */
static void
put_name(struct printing *p, unsigned indent, const char *name, const char *comment)
{
	buf_printf(p->to, "%*s", (int)indent, "");
	option_print_text(slice_str(name), p->to);
	buf_byte(p->to, ':');
	end_line(p, comment);
}

/* "weir.yaml:7", or what there is instead. */
static void
say_line(const struct printing *p, unsigned line, struct note *to)
{
	if (line == 0)
		note_set(to, "built in");
	else
		note_set(to, "%s:%u", p->c->file, line);
}

/* --- options --- */

static void
put_option(struct printing *p, const struct option_row *row)
{
	const char *dot = strrchr(row->path, '.');
	const struct origin *origin =
	    (const struct origin *)(const void *)((const char *)&p->c->origins +
						  row->origin_at);
	char variable[OPTION_VARIABLE_MAX];
	struct note comment = {"default"};

	if (origin->kind == ORIGIN_FILE)
		say_line(p, origin->line, &comment);
	else if (origin->kind == ORIGIN_VARIABLE)
		note_set(&comment, "%s", option_variable(row, variable));
	buf_printf(
	    p->to, "%s%s: ", dot == NULL ? "" : "  ", dot == NULL ? row->path : dot + 1);
	if (row->type == OPTION_SECRET && origin->kind == ORIGIN_DEFAULT)
		buf_add(p->to, S("\"\""));
	else
		option_print(row, &p->c->options, p->to);
	end_line(p, comment.text);
}

static void
put_engine(struct printing *p, const struct config_engine *e)
{
	struct note comment;

	if (e->missing != NULL && e->line == 0) {
		buf_printf(p->to, "    # %s: %s", e->name, e->missing);
		end_line(p, NULL);
		return;
	}
	say_line(p, e->line, &comment);
	if (e->missing != NULL)
		note_add(&comment, "; out: %s", e->missing);
	put_name(p, 4, e->name, comment.text);
	if (e->file[0] != '\0') {
		put_text(p, 6, "file", e->file);
		end_line(p, NULL);
	}
	if (e->mmproj != NULL) {
		put_text(p, 6, "mmproj", e->mmproj);
		end_line(p, NULL);
	}
	buf_printf(p->to, "%6scontext: ", "");
	buf_u64(p->to, e->context_tok);
	end_line(p, NULL);
	if (e->embedding)
		put_line(p, "      embedding: true");
}

static void
put_options(struct printing *p)
{
	unsigned n;
	const struct option_row *rows = option_rows(&n);

	for (unsigned i = 0; i < n; i++) {
		if (rows[i].type != OPTION_SECTION)
			put_option(p, &rows[i]);
		else if (rows[i].path[0] != '\0')
			put_name(p, 0, rows[i].path, NULL);
	}
	/* The last section is `local`. */
	put_line(p, "  models:");
	for (unsigned i = 0; i < p->c->nengines; i++)
		put_engine(p, &p->c->engines[i]);
}

/* --- keys, providers --- */

static void
put_keys(struct printing *p)
{
	if (p->c->nkeys == 0)
		return;
	put_line(p, "keys:");
	for (unsigned i = 0; i < p->c->nkeys; i++) {
		buf_add(p->to, S("  - {name: "));
		option_print_text(slice_str(p->c->keys[i].name), p->to);
		buf_add(p->to, S(", hash: (set)}"));
		end_line(p, NULL);
	}
}

static const char *
provider_fault(const struct provider *p)
{
	if (dialect_find(p->dialect) == NULL)
		return "it speaks no dialect that weir does";
	return p->missing;
}

static void
put_discount(struct printing *p, int64_t bp)
{
	long long all = bp < 0 ? -bp : bp;

	if (bp == 0)
		return;
	buf_printf(p->to, "    discount: %s%lld.%02lld%%", bp < 0 ? "-" : "", all / 100,
	    all % 100);
	end_line(p, NULL);
}

static void
put_provider(struct printing *p, const struct provider *provider)
{
	unsigned line = p->c->provider_lines[provider->index];
	const char *fault = provider_fault(provider);
	struct note comment;

	if (fault != NULL && line == 0) {
		buf_printf(p->to, "  # %s: %s", provider->name, fault);
		end_line(p, NULL);
		return;
	}
	say_line(p, line, &comment);
	note_add(&comment, fault == NULL ? "; usable" : "; out: %s", fault);
	put_name(p, 2, provider->name, comment.text);
	put_text(p, 4, "dialect", dialect_name(provider->dialect));
	end_line(p, NULL);
	if (provider->base_url != NULL) {
		put_text(p, 4, "base_url", provider->base_url);
		end_line(p, NULL);
	}
	if (provider->nkeys > 0) {
		note_set(&comment, "%s", provider->key_variable);
		if (provider->nkeys > 1)
			note_add(&comment, "%s%u keys, in turn",
			    comment.text[0] == '\0' ? "" : ", ", provider->nkeys);
		buf_add(p->to, S("    api_key: (set)"));
		end_line(p, comment.text);
	}
	if (provider->local)
		put_line(p, "    local: true");
	if (provider->caps != NULL && caps_any(provider->caps)) {
		buf_add(p->to, S("    "));
		caps_print(provider->caps, p->to);
		end_line(p, NULL);
	}
	if (provider->keeps_no_data)
		put_line(p, "    data_collection: deny");
	put_discount(p, provider->discount_bp);
}

static void
put_providers(struct printing *p)
{
	put_line(p, "providers:");
	for (unsigned i = 0; i < p->c->catalog->nproviders; i++) {
		const struct provider *provider = p->c->catalog->providers[i];

		if (provider->auth != AUTH_ENGINE)
			put_provider(p, provider);
	}
}

/* --- models --- */

static void
put_rate(struct printing *p, enum usage_class class, const struct rate *r)
{
	char usd[TEXT_PUSD_MAX];
	int n = (int)text_pusd(usd, r->pusd);

	if (usage_is_tokens(class) && r->per == PRICE_TOKENS)
		buf_printf(p->to, "%s: %.*s", usage_key(class), n, usd);
	else
		buf_printf(p->to, "%s: {usd: %.*s, per: %lld}", usage_key(class), n, usd,
		    (long long)r->per);
}

/* The row that holds now; classes that cost what another does are left out. */
static void
put_price(struct printing *p, const struct price *row)
{
	bool first = true;

	buf_add(p->to, S(", price: {"));
	for (unsigned i = 0; i < USAGE_CLASSES; i++) {
		enum usage_class class = (enum usage_class)i, as = usage_instead(class);

		if (row->rate[i].per == 0 ||
		    (as != class && row->rate[i].per == row->rate[as].per &&
			row->rate[i].pusd == row->rate[as].pusd))
			continue;
		buf_add(p->to, first ? S("") : S(", "));
		put_rate(p, class, &row->rate[i]);
		first = false;
	}
	buf_byte(p->to, '}');
}

static void
put_offer(struct printing *p, const struct offer *o)
{
	const struct price *row = price_at(o->list, clock_unix_ms(), TIER_STANDARD, 0);
	const char *fault = o->missing != NULL ? o->missing : provider_fault(o->provider);
	struct note comment = {""};

	buf_add(p->to, S("    - {provider: "));
	option_print_text(slice_str(o->provider->name), p->to);
	buf_add(p->to, S(", model: "));
	option_print_text(o->upstream, p->to);
	if (o->context_tok > 0)
		buf_printf(p->to, ", context: %llu", (unsigned long long)o->context_tok);
	if (o->max_output_tok > 0)
		buf_printf(
		    p->to, ", max_output: %llu", (unsigned long long)o->max_output_tok);
	if (row != NULL)
		put_price(p, row);
	buf_byte(p->to, '}');
	if (fault != NULL)
		note_set(&comment, "out: %s", fault);
	else if (row == NULL)
		note_set(&comment, "its price is not known");
	end_line(p, comment.text);
}

static void
put_models(struct printing *p)
{
	if (p->c->nmodels == 0)
		return;
	put_line(p, "models:");
	for (unsigned i = 0; i < p->c->nmodels; i++) {
		const struct config_model *m = &p->c->models[i];
		struct note comment;

		say_line(p, m->line, &comment);
		put_name(p, 2, m->model->id.ptr, comment.text);
		if (m->model->caps != NULL && caps_any(m->model->caps)) {
			buf_add(p->to, S("    "));
			caps_print(m->model->caps, p->to);
			end_line(p, NULL);
			if (m->model->configured)
				put_line(p, "    providers:");
		}
		for (const struct offer *o = m->model->configured ? m->model->offers
								  : NULL;
		     o != NULL; o = o->next)
			put_offer(p, o);
	}
}

void
config_print(const struct config *c, struct buf *to)
{
	struct printing p = {.c = c, .to = to, .line_at = to->len};

	if (c->file == NULL)
		put_line(&p, "# No configuration file.");
	else
		buf_printf(to, "# Read from %s.\n", c->file);
	p.line_at = to->len;
	put_options(&p);
	put_keys(&p);
	put_providers(&p);
	put_models(&p);
}
