#include "core/version.h"

#include "main/command.h"
#include "main/server.h"

#include <stdio.h>

#define LINE 88

/* "  name  " and items separated by commas, wrapped. */
struct lines {
	struct buf out;
	size_t line; /* where the current line begins */
	unsigned items;
};

static void
begin(struct lines *l, const char *title)
{
	l->line = l->out.len;
	l->items = 0;
	buf_printf(&l->out, "  %-10s", title);
}

static void
item(struct lines *l, struct slice text)
{
	if (l->items++ > 0)
		buf_add(&l->out, S(", "));
	if (l->items > 1 && l->out.len - l->line + text.len > LINE) {
		l->out.len--; /* the blank */
		buf_add(&l->out, S("\n            "));
		l->line = l->out.len - 12;
	}
	buf_add(&l->out, text);
}

static void
put_addresses(struct lines *l, const struct server *s)
{
	char text[ADDRESS_TEXT_MAX], url[ADDRESS_TEXT_MAX + 10];

	begin(l, "listening");
	for (unsigned i = 0; i < s->naddresses; i++) {
		int n = snprintf(url, sizeof(url), "%s://%s",
		    s->config->tls_server != NULL ? "https" : "http",
		    address_text(&s->addresses[i], text));

		item(l, slice_of(url, (size_t)n));
	}
	buf_byte(&l->out, '\n');
}

static void
put_providers(struct lines *l, const struct server *s)
{
	const struct catalog *c = s->config->catalog;

	begin(l, "providers");
	for (unsigned i = 0; i < c->nproviders; i++) {
		const struct provider *p = c->providers[i];
		/* Those without a key are there when somebody asks for them by name. */
		bool configured = p->nkeys > 0 || p->auth == AUTH_AWS ||
				  p->auth == AUTH_GOOGLE ||
				  (p->auth == AUTH_OPTIONAL && p->configured);

		if (provider_is_usable(p) && configured)
			item(l, slice_str(p->name));
	}
	if (l->items == 0)
		item(l, S("no key found; set one of GROQ_API_KEY, OPENAI_API_KEY, ... "
			  "(`weir check` lists all)"));
	buf_byte(&l->out, '\n');
}

static void
put_models(struct lines *l, const struct server *s)
{
	char text[ENGINE_WHY_MAX];

	begin(l, "local");
	for (unsigned i = 0; i < s->config->nengines; i++)
		if (s->config->engines[i].missing == NULL)
			item(l, slice_str(s->config->engines[i].name));
	if (l->items == 0)
		item(l, S("no model; `make engine` fetches one"));
	else if (!engine_available(s->config, text))
		item(l, slice_str(text));
	buf_byte(&l->out, '\n');
}

/* A model that answers at once: a local one, else any that can be used. */
static struct slice
model_to_try(const struct server *s)
{
	const struct catalog *c = s->config->catalog;

	for (unsigned i = 0; i < s->config->nengines; i++)
		if (s->config->engines[i].missing == NULL)
			return slice_str(s->config->engines[i].name);
	for (unsigned i = 0; i < c->nmodels; i++)
		for (const struct offer *o = c->models[i]->offers; o != NULL; o = o->next)
			if (provider_is_usable(o->provider) && o->missing == NULL &&
			    c->models[i]->op == OP_CHAT && !o->deprecated)
				return c->models[i]->id;
	return S("smollm2");
}

void
banner_print(const struct server *s)
{
	struct lines l = {0};
	char text[ADDRESS_TEXT_MAX];
	struct address try = s->addresses[0], loopback;
	bool keys = server_has_keys(s, s->config);

	buf_init(&l.out, 64u << 10);
	buf_printf(&l.out, "weir %s\n", WEIR_VERSION);
	put_addresses(&l, s);
	put_providers(&l, s);
	put_models(&l, s);
	buf_printf(&l.out, "  ledger    %s/weir.db\n", s->folder);
	buf_printf(&l.out, "  keys      %s\n",
	    keys ? "callers need one"
		 : "none defined: this machine only (`weir key create --name NAME`)");
	if (!address_is_loopback(&try) &&
	    address_of_host(S("127.0.0.1"), address_port(&try), &loopback) == ERR_OK)
		try = loopback;
	buf_printf(&l.out,
	    "\n  curl %s%s://%s/v1/chat/completions %s-d "
	    "'{\"model\":\"%.*s\",\"messages\":[{\"role\":\"user\",\"content\":\"What is "
	    "the "
	    "capital of France?\"}]}'\n\n",
	    s->config->tls_server != NULL ? "-k " : "",
	    s->config->tls_server != NULL ? "https" : "http", address_text(&try, text),
	    keys ? "-H \"Authorization: Bearer $WEIR_KEY\" " : "",
	    SLICE_ARGS(model_to_try(s)));
	command_print(buf_slice(&l.out));
	buf_free(&l.out);
}
