#include "core/clock.h"
#include "core/text.h"
#include "main/command.h"
#include "main/table.h"
#include "route/route.h"
#include "store/learnt.h"
#include "json/write.h"

#include <stdio.h>

static const char help[] =
    "usage: weir route MODEL [--prompt N] [--answer N] [--tier NAME] [--json]\n\n"
    "Explains where a request for MODEL (with a suffix, like x:cheapest or x:groq)\n"
    "would go: every candidate in the order in which it is tried, what the request\n"
    "is expected to cost and take there, and why others are out.\n\n"
    "  --prompt N   tokens of the prompt (default 1000)\n"
    "  --answer N   tokens of the answer (default 256)\n"
    "  --tier NAME  the service tier that it asks for: flex, priority, ...\n";

struct question {
	const char *model;
	uint64_t prompt_tok, answer_tok;
	enum tier tier; /* TIERS: it asks for none */
};

static int
read_args(struct args *a, struct question *q)
{
	const char *arg;

	while ((arg = args_next(a, help)) != NULL) {
		uint64_t *number = strcmp(arg, "--prompt") == 0	  ? &q->prompt_tok
				   : strcmp(arg, "--answer") == 0 ? &q->answer_tok
								  : NULL;

		if (number != NULL) {
			if (!slice_u64(slice_str(args_value(a, arg)), number))
				return args_bad(a, "%s wants a number", arg);
		} else if (strcmp(arg, "--tier") == 0) {
			q->tier = tier_of(slice_str(args_value(a, arg)));
			if (q->tier == TIERS)
				return args_bad(a, "--tier wants a service tier, like "
						   "standard, flex or priority");
		} else if (arg[0] == '-' || q->model != NULL) {
			return args_unknown(a, arg);
		} else {
			q->model = arg;
		}
	}
	return q->model == NULL ? args_bad(a, "the name of a model is wanted") : 0;
}

static const char *
meaning(enum policy p)
{
	static const char *const texts[] = {
	    "expected time to the last token, as learnt from traffic",
	    "expected cost of this request", "the order of the configuration",
	    "expected cost, and time at route.balance USD a second",
	    "models on this machine only, the fastest first"};

	return texts[p];
}

static void
cost_text(const struct candidate *c, char text[TEXT_PUSD_MAX + 1])
{
	if (c->guess.cost_pusd == PRICE_UNKNOWN)
		memcpy(text, "unknown", 8);
	else
		text[text_pusd(text, c->guess.cost_pusd)] = '\0';
}

static void
put_row(struct table *t, const struct candidate *c, unsigned place)
{
	char cost[TEXT_PUSD_MAX + 1], number[16] = "out";

	if (place > 0)
		(void)snprintf(number, sizeof(number), "%u.", place);
	table_cell(t, slice_str(number));
	table_cell(t, slice_str(c->offer->provider->name));
	table_cell(t, c->offer->upstream);
	cost_text(c, cost);
	table_cell(t, slice_str(cost));
	table_number(t, c->guess.total_ms);
	table_cell(t, slice_str(place == 0	  ? route_out_text(c)
				: place == 1	  ? "taken first"
				: c->guess.learnt ? "in"
						  : "in; nothing learnt yet"));
}

static void
print_table(const struct route_plan *p, struct slice asked)
{
	static const char *const titles[] = {
	    "", "provider", "its id", ">USD", ">ms", "why"};
	struct table t;
	unsigned place = 0;
	struct buf line;

	buf_init(&line, 4096);
	buf_printf(&line, "%.*s: %s (%s)\n\n", SLICE_ARGS(asked), policy_name(p->policy),
	    meaning(p->policy));
	command_print(buf_slice(&line));
	table_init(&t, 6, titles);
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].out == OUT_NOT)
			put_row(&t, &p->all[i], ++place);
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].out != OUT_NOT)
			put_row(&t, &p->all[i], 0);
	table_print(&t);
	if (place == 0)
		command_print(S("\nNo candidate is left: such a request is refused.\n"));
	buf_free(&line);
}

static void
put_candidate(struct buf *b, const struct candidate *c)
{
	json_open(b, '{');
	json_member(b, S("provider"), slice_str(c->offer->provider->name));
	json_member(b, S("model"), c->offer->upstream);
	json_key(b, S("in"));
	json_put_bool(b, c->out == OUT_NOT);
	if (c->out != OUT_NOT) {
		json_member(b, S("out"), slice_str(route_out_name(c->out)));
		json_member(b, S("why"), slice_str(route_out_text(c)));
	}
	json_key(b, S("expected_cost_pusd"));
	if (c->guess.cost_pusd == PRICE_UNKNOWN)
		json_put_null(b);
	else
		json_put_i64(b, c->guess.cost_pusd);
	json_member_u64(b, S("expected_ms"), c->guess.total_ms);
	json_member_u64(b, S("expected_ttft_ms"), c->guess.ttft_ms);
	json_key(b, S("score"));
	json_put_i64(b, c->score);
	json_close(b, '}');
}

static void
print_json(const struct route_plan *p, struct slice asked)
{
	struct buf b;

	buf_init(&b, 16u << 20);
	json_open(&b, '{');
	json_member(&b, S("asked"), asked);
	json_member(&b, S("policy"), slice_str(policy_name(p->policy)));
	json_key(&b, S("candidates"));
	json_open(&b, '[');
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].out == OUT_NOT)
			put_candidate(&b, &p->all[i]);
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].out != OUT_NOT)
			put_candidate(&b, &p->all[i]);
	json_close(&b, ']');
	json_close(&b, '}');
	buf_byte(&b, '\n');
	command_print(buf_slice(&b));
	buf_free(&b);
}

static int
unknown(const struct config *c, struct slice asked)
{
	struct slice near[3];
	unsigned n = catalog_nearest(c->catalog, asked, near, 3);

	(void)fprintf(stderr, "weir: there is no model \"%.*s\"", SLICE_ARGS(asked));
	for (unsigned i = 0; i < n; i++)
		(void)fprintf(stderr, "%s%.*s", i == 0 ? "; did you mean " : ", ",
		    SLICE_ARGS(near[i]));
	(void)fputs(n > 0 ? "?\n" : "\n", stderr);
	return 1;
}

static int
explain(const struct args *a, const struct config *c, const struct question *q)
{
	struct slice asked = slice_str(q->model);
	struct route_limits limits = {.balance_pusd = c->options.balance};
	struct ask ask = {.op = OP_CHAT,
	    .prompt_bytes = q->prompt_tok * 4,
	    .max_output_tok = q->answer_tok,
	    .answers = 1,
	    .tier_asked = q->tier != TIERS,
	    .tier = q->tier == TIERS ? TIER_STANDARD : q->tier};
	struct route_name name;
	struct wish wish;
	struct route_query query = {.catalog = c->catalog,
	    .limits = &limits,
	    .name = &name,
	    .wish = &wish,
	    .ask = &ask,
	    .dialect = &dialect_openai,
	    .now_ms = clock_mono_ms(),
	    .unix_ms = clock_unix_ms()};
	struct route_plan plan;
	struct arena arena;
	enum err e;

	wish_init(&wish);
	if (route_name_parse(c->catalog, asked, c->options.policy, &name) != ERR_OK)
		return unknown(c, asked);
	if (name.model != NULL && name.model->op != OP_NONE)
		ask.op = name.model->op;
	arena_init(&arena, NULL, 0, 16u << 20);
	e = route_plan(&query, &arena, &plan);
	if (e == ERR_OK && a->json)
		print_json(&plan, asked);
	else if (e == ERR_OK)
		print_table(&plan, asked);
	arena_free(&arena);
	return e == ERR_OK ? 0 : 1;
}

int
cmd_route(struct args *a)
{
	struct question q = {NULL, 1000, 256, TIERS};
	struct config *c;
	struct note note;
	struct db *db;
	int status = read_args(a, &q);

	if (status != 0)
		return status;
	c = command_config(a, false);
	if (c == NULL)
		return 1;
	/* What a running server learnt, as far as it wrote it down. */
	db = command_database(c);
	if (db != NULL)
		(void)!learnt_load(db, &note);
	db_close(db);
	status = health_attach(c->catalog) == ERR_OK ? explain(a, c, &q) : 1;
	config_unref(c);
	return status;
}
