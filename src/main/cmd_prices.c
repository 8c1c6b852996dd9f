/*
 * weir prices: a file of prices that overrides the catalog, kept in the data folder.
 */
#include "core/text.h"
#include "main/command.h"
#include "main/table.h"
#include "store/audit.h"
#include "store/store.h"
#include "json/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] =
    "usage: weir prices diff FILE [--json]\n"
    "       weir prices import FILE\n"
    "       weir prices remove\n\n"
    "FILE is a catalog (docs/catalog.md) of the offers whose prices are others,\n"
    "and nothing else.\n\n"
    "diff    shows which prices would change, and from when on; --json tells more.\n"
    "import  checks it and keeps it in the data folder, in the place of the one\n"
    "        before. `weir serve` takes it at its start and at SIGHUP. What the\n"
    "        configuration says under `models:` goes before. For requests of the\n"
    "        past see `weir reprice`.\n"
    "remove  goes back to the catalog's prices.\n";

#define FILE_BYTES_MAX (32u << 20)

static int
fail(const char *what, const char *path)
{
	(void)fprintf(stderr, "weir: %s %s: %s\n", what, path, strerror(errno));
	return 1;
}

/* --- what changes --- */

struct diff {
	struct table table;
	struct buf json;
	unsigned changes, offers;
};

/* 2026-01-31, 2026-01-31T12:00:00Z, or "always" */
static struct slice
date_of(uint64_t ms, char to[TEXT_TIME_MAX])
{
	if (ms == 0)
		return S("always");
	(void)text_time(to, ms);
	to[19] = 'Z';
	return slice_of(to, ms % 86400000 == 0 ? 10 : 20);
}

/* "0.15" a million, "0.111/3600", "-" */
static struct slice
rate_of(const struct rate *r, char to[64])
{
	char usd[TEXT_PUSD_MAX];
	int n = (int)text_pusd(usd, r == NULL ? 0 : r->pusd);

	if (r == NULL || r->per == 0)
		return S("-");
	if (r->per == PRICE_TOKENS)
		n = snprintf(to, 64, "%.*s", n, usd);
	else
		n = snprintf(to, 64, "%.*s/%lld", n, usd, (long long)r->per);
	return slice_of(to, (size_t)n);
}

static bool
same_rate(const struct rate *a, const struct rate *b)
{
	if (a == NULL || b == NULL || a->per == 0 || b->per == 0)
		return (a == NULL || a->per == 0) && (b == NULL || b->per == 0);
	return !price_exceeds(a, b->pusd, b->per) && !price_exceeds(b, a->pusd, a->per);
}

static const struct rate *
rate_in(const struct price *p, enum usage_class c)
{
	return p == NULL ? NULL : &p->rate[c];
}

/* Is it in both as the class that stands for it? Then that one tells it. */
static bool
is_told(const struct price *a, const struct price *b, enum usage_class c)
{
	enum usage_class other = usage_instead(c);

	return other != c && same_rate(rate_in(a, c), rate_in(a, other)) &&
	       same_rate(rate_in(b, c), rate_in(b, other));
}

struct moment { /* a row's key */
	struct slice model, provider, upstream;
	uint64_t from_ms, above_tok;
	enum tier service;
};

static void
put_change(struct diff *d, const struct moment *m, enum usage_class c,
    const struct rate *was, const struct rate *is)
{
	char date[TEXT_TIME_MAX], before[64], after[64], tier[TEXT_U64_MAX], class[64];
	struct slice b = rate_of(was, before), n = rate_of(is, after);

	table_cell(&d->table, m->model);
	table_cell(&d->table, m->provider);
	table_cell(&d->table, date_of(m->from_ms, date));
	table_cell(&d->table,
	    m->above_tok == 0 ? S("-") : slice_of(tier, text_u64(tier, m->above_tok)));
	(void)snprintf(class, sizeof(class), "%s%s%s",
	    m->service == TIER_STANDARD ? "" : tier_name(m->service),
	    m->service == TIER_STANDARD ? "" : ": ", usage_key(c));
	table_cell(&d->table, slice_str(class));
	table_cell(&d->table, b);
	table_cell(&d->table, n);
	json_open(&d->json, '{');
	json_member(&d->json, S("model"), m->model);
	json_member(&d->json, S("provider"), m->provider);
	json_member(&d->json, S("upstream"), m->upstream);
	json_member(&d->json, S("from"), date_of(m->from_ms, date));
	json_member_u64(&d->json, S("above_input_tokens"), m->above_tok);
	json_member(&d->json, S("service_tier"), slice_str(tier_name(m->service)));
	json_member(&d->json, S("class"), slice_str(usage_key(c)));
	json_member(&d->json, S("before"), b);
	json_member(&d->json, S("after"), n);
	json_close(&d->json, '}');
	d->changes++;
}

static bool
has_row(const struct price *rows, const struct price *p)
{
	for (; rows != NULL; rows = rows->next)
		if (rows->from_ms == p->from_ms && rows->above_tok == p->above_tok &&
		    rows->tier == p->tier)
			return true;
	return false;
}

/* What holds from that moment on, before and after. */
static void
compare_at(struct diff *d, const struct moment *m, const struct price *was,
    const struct price *is)
{
	uint64_t input = m->above_tok == 0 ? 0 : m->above_tok + 1;
	const struct price *a = price_at(was, m->from_ms, m->service, input),
			   *b = price_at(is, m->from_ms, m->service, input);

	for (unsigned i = 0; i < USAGE_CLASSES; i++) {
		enum usage_class c = (enum usage_class)i;

		if (!same_rate(rate_in(a, c), rate_in(b, c)) && !is_told(a, b, c))
			put_change(d, m, c, rate_in(a, c), rate_in(b, c));
	}
}

/* m: whose rows they are. */
static void
compare_rows(
    struct diff *d, struct moment *m, const struct price *was, const struct price *is)
{
	unsigned before = d->changes;

	for (const struct price *p = is; p != NULL; p = p->next) {
		m->from_ms = p->from_ms;
		m->above_tok = p->above_tok;
		m->service = p->tier;
		compare_at(d, m, was, is);
	}
	for (const struct price *p = was; p != NULL; p = p->next) {
		m->from_ms = p->from_ms;
		m->above_tok = p->above_tok;
		m->service = p->tier;
		if (!has_row(is, p))
			compare_at(d, m, was, is);
	}
	d->offers += d->changes > before;
}

static void
compare_offers(struct diff *d, const struct offer *any, const struct price *was,
    const struct price *is)
{
	struct moment m = {.model = any->model->id,
	    .provider = slice_str(any->provider->name),
	    .upstream = any->upstream};

	compare_rows(d, &m, was, is);
}

static bool
same_internal(const struct internal_price *a, const struct internal_price *b)
{
	return slice_eq(a->team, b->team) && slice_eq(a->organisation, b->organisation) &&
	       slice_eq(a->models, b->models);
}

static const struct price *
internal_in(const struct internal_price *list, const struct internal_price *like)
{
	while (list != NULL && !same_internal(list, like))
		list = list->next;
	return list == NULL ? NULL : list->prices;
}

/* In the place of a provider stands who is charged. */
static void
compare_internal(struct diff *d, const struct internal_price *i, const struct price *was,
    const struct price *is)
{
	struct moment m = {.model = i->models, .upstream = S("")};
	char who[200];

	(void)snprintf(who, sizeof(who), "%s%.*s%s%s%.*s", i->team.len > 0 ? "team " : "",
	    SLICE_ARGS(i->team), i->team.len > 0 && i->organisation.len > 0 ? ", " : "",
	    i->organisation.len > 0 ? "organisation " : "", SLICE_ARGS(i->organisation));
	m.provider = who[0] == '\0' ? S("everyone") : slice_str(who);
	compare_rows(d, &m, was, is);
}

/* The same offer in another catalog; NULL. */
static const struct offer *
same_offer(const struct catalog *c, const struct offer *o)
{
	const struct model *m = map_get(&c->ids, o->model->id);
	const struct offer *x = m == NULL ? NULL : m->offers;

	while (x != NULL && (strcmp(x->provider->name, o->provider->name) != 0 ||
				!slice_eq(x->upstream, o->upstream)))
		x = x->next;
	return x;
}

static void
compare(struct diff *d, const struct catalog *was, const struct catalog *is)
{
	for (unsigned i = 0; i < is->nmodels; i++)
		for (const struct offer *o = is->models[i]->offers; o != NULL;
		     o = o->next) {
			const struct offer *before = same_offer(was, o);

			compare_offers(
			    d, o, before == NULL ? NULL : before->list, o->list);
		}
	for (unsigned i = 0; i < was->nmodels; i++)
		for (const struct offer *o = was->models[i]->offers; o != NULL;
		     o = o->next)
			if (same_offer(is, o) == NULL)
				compare_offers(d, o, o->list, NULL);
	for (const struct internal_price *i = is->internal; i != NULL; i = i->next)
		compare_internal(d, i, internal_in(was->internal, i), i->prices);
	for (const struct internal_price *i = was->internal; i != NULL; i = i->next)
		if (internal_in(is->internal, i) == NULL)
			compare_internal(d, i, i->prices, NULL);
}

static void
diff_start(struct diff *d)
{
	static const char *const titles[] = {"model", "provider", "from", ">above input",
	    "class", ">USD before", ">USD after"};

	*d = (struct diff){0};
	table_init(&d->table, 7, titles);
	buf_init(&d->json, 256u << 20);
	json_open(&d->json, '[');
}

static void
diff_print(struct diff *d, bool json)
{
	json_close(&d->json, ']');
	buf_byte(&d->json, '\n');
	if (json) {
		command_print(buf_slice(&d->json));
		table_done(&d->table);
	} else if (d->changes == 0) {
		command_print(S("no price would change\n"));
		table_done(&d->table);
	} else {
		table_print(&d->table);
	}
	buf_free(&d->json);
}

/* --- keeping it --- */

static int
write_file(const char *path, struct slice text)
{
	char temporary[4300];
	int fd, status = 0;

	(void)snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail("cannot write", temporary);
	if (write(fd, text.ptr, text.len) != (ssize_t)text.len || fsync(fd) != 0)
		status = fail("cannot write", temporary);
	(void)close(fd);
	if (status == 0 && rename(temporary, path) != 0)
		status = fail("cannot write", path);
	if (status != 0)
		(void)unlink(temporary);
	return status;
}

static int
copy_file(const char *from, const char *to)
{
	int fd = open(from, O_RDONLY | O_CLOEXEC), status = 1;
	struct buf text;
	ssize_t n = -1;
	char *room;

	if (fd < 0)
		return fail("cannot read", from);
	buf_init(&text, FILE_BYTES_MAX);
	while ((room = buf_room(&text, 65536)) != NULL && (n = read(fd, room, 65536)) > 0)
		buf_wrote(&text, (size_t)n);
	(void)close(fd);
	status = n != 0 ? fail("cannot read", from) : write_file(to, buf_slice(&text));
	buf_free(&text);
	return status;
}

static int
tell_audit(const struct config *c, const char *action, const struct diff *d)
{
	struct audit_actor by = command_actor();
	struct audit_row row = {
	    .action = slice_str(action), .kind = S("prices"), .name = S(CONFIG_PRICES)};
	struct note note;
	struct db *db = command_database(c);
	enum err e;

	if (db == NULL)
		return 1;
	row.after = d == NULL ? S("") : buf_slice(&d->json);
	e = audit_add(db, &by, &row, &note);
	db_close(db);
	if (e != ERR_OK)
		(void)fprintf(stderr, "weir: %s\n", note.text);
	return e == ERR_OK ? 0 : 1;
}

static int
import(
    const struct config *was, const struct config *is, const char *file, const char *path)
{
	struct diff d;
	int status;

	diff_start(&d);
	compare(&d, was->catalog, is->catalog);
	json_close(&d.json, ']');
	status = tell_audit(was, "import", &d);
	if (status == 0)
		status = copy_file(file, path);
	if (status == 0)
		(void)fprintf(stderr,
		    "%u prices of %u offers change; a running server takes them at "
		    "SIGHUP\n",
		    d.changes, d.offers);
	table_done(&d.table);
	buf_free(&d.json);
	return status;
}

static int
remove_prices(const struct config *c, const char *path)
{
	if (access(path, F_OK) != 0) {
		(void)fputs("weir: no prices are imported\n", stderr);
		return 1;
	}
	if (tell_audit(c, "remove", NULL) != 0)
		return 1;
	if (unlink(path) != 0)
		return fail("cannot remove", path);
	(void)fputs("removed; a running server goes back at SIGHUP\n", stderr);
	return 0;
}

/* --- the command --- */

static int
run(const struct args *a, const struct config *c, const char *verb, const char *file)
{
	char folder[4096], path[4200];
	struct config *with;
	struct diff d;
	struct note note;
	int status = 0;

	(void)store_folder(c->options.data, folder);
	(void)snprintf(path, sizeof(path), "%s/" CONFIG_PRICES, folder);
	if (file == NULL)
		return remove_prices(c, path);
	with = command_config_prices(a, file, false);
	if (with == NULL)
		return 1;
	if (strcmp(verb, "diff") == 0) {
		diff_start(&d);
		compare(&d, c->catalog, with->catalog);
		diff_print(&d, a->json);
	} else if (store_make_folder(folder, &note) != ERR_OK) {
		(void)fprintf(stderr, "weir: %s\n", note.text);
		status = 1;
	} else {
		status = import(c, with, file, path);
	}
	config_unref(with);
	return status;
}

int
cmd_prices(struct args *a)
{
	const char *verb = args_next(a, help), *file = NULL, *more;
	struct config *c;
	int status;

	if (verb == NULL || (strcmp(verb, "diff") != 0 && strcmp(verb, "import") != 0 &&
				strcmp(verb, "remove") != 0))
		return args_bad(a, "one of diff, import, remove is wanted");
	if (strcmp(verb, "remove") != 0) {
		file = args_next(a, help);
		if (file == NULL || file[0] == '-')
			return args_bad(a, "a file is wanted");
	}
	more = args_next(a, help);
	if (more != NULL)
		return args_unknown(a, more);
	c = command_config(a, false);
	if (c == NULL)
		return 1;
	status = run(a, c, verb, file);
	config_unref(c);
	return status;
}
