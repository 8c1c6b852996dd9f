/*
 * Golden cases: test/golden/DIALECT/CASE/ holds what a caller sends and a host of that
 * dialect answers, and what then has to come to the host, to the caller and into the
 * ledger. Each is played whole, byte by byte and cut at every place, in every framing
 * that HTTP has.
 *
 *	request   method, path and fields of the caller, an empty line, the body
 *	upstream  the request as it comes to the host, all of its head
 *	reply     the host's status line and fields, an empty line, the body
 *	client    the reply as it comes to the caller; without what belongs to the
 *		  framing, and without date and x-request-id
 *	ledger    outcome, cost, tokens
 *	provider  more fields of the host's entry in the configuration; may be missing
 *
 * Lines of heads end with LF in the files, the body is every byte that follows.
 * With WEIR_GOLDEN=write the expected files are made from what comes; read them.
 */
#include "core/buf.h"
#include "meter/row.h"
#include "provider/price.h"
#include "torture.h"
#include "world.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ROOT	  "test/golden"
#define CASES_MAX 400
#define OPTIONS                                                                          \
	"upstream: {attempts: 1, first_token: 1000s, idle: 1000s, total: 2000s, "        \
	"hold_time: 1000s, comment_time: 1000s}\n"                                       \
	"route: {explore: 0%, breaker_failures: 1000}"

enum framing { BY_LENGTH, BY_CHUNKS, BY_CLOSE, FRAMINGS };

static const char *const framings[] = {"by length", "by chunks", "by close"};

struct golden {
	char folder[300];
	struct arena arena; /* what the files hold */
	struct slice request, reply[FRAMINGS];
	struct slice upstream, client, ledger;
};

/* --- files --- */

static struct slice
read_file(struct golden *g, const char *name)
{
	char path[400];
	struct stat st;
	FILE *f;
	char *bytes;

	(void)snprintf(path, sizeof(path), "%s/%s", g->folder, name);
	f = fopen(path, "rb");
	if (f == NULL)
		return S("");
	assert_int_equal(fstat(fileno(f), &st), 0);
	bytes = arena_alloc(&g->arena, (size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, (size_t)st.st_size, f), st.st_size);
	(void)fclose(f);
	return slice_of(bytes, (size_t)st.st_size);
}

static void
write_file(const struct golden *g, const char *name, struct slice bytes)
{
	char path[400];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", g->folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
}

/* --- messages --- */

/* A message of a file as it goes over the wire: `more` behind the first line and
 * `fields` behind the others. */
static struct slice
to_wire(struct golden *g, struct slice file, const char *more, const char *fields,
    bool as_chunk)
{
	struct buf b;
	struct slice out;
	bool first = true;

	buf_init(&b, 1u << 20);
	for (;;) {
		struct slice line = slice_cut(&file, '\n');

		assert_non_null(file.ptr); /* the empty line is missing */
		if (line.len == 0)
			break;
		buf_printf(&b, "%.*s%s\r\n", SLICE_ARGS(line), first ? more : "");
		first = false;
	}
	buf_add(&b, slice_str(fields));
	if (slice_ends(slice_str(fields), S("content-length: ")))
		buf_printf(&b, "%zu\r\n", file.len);
	buf_add(&b, S("\r\n"));
	if (as_chunk)
		buf_printf(&b, "%zx\r\n%.*s\r\n0\r\n\r\n", file.len, SLICE_ARGS(file));
	else
		buf_add(&b, file);
	assert_true(arena_copy(&g->arena, buf_slice(&b), &out));
	buf_free(&b);
	return out;
}

/* Does the field depend on the time, or on how the body comes? */
static bool
is_left_out(struct slice line)
{
	static const char *const names[] = {
	    "date: ", "x-request-id: ", "content-length: ", "transfer-encoding: ", NULL};

	for (unsigned i = 0; names[i] != NULL; i++)
		if (slice_istarts(line, slice_str(names[i])))
			return true;
	return false;
}

/* The head of a message of the wire, as files have it. */
static void
head_to_file(struct slice head, bool all, struct buf *to)
{
	while (head.len > 0) {
		struct slice line = slice_cut(&head, '\n');

		line = slice_head(line, slice_find(line, '\r'));
		if (all || !is_left_out(line))
			buf_printf(to, "%.*s\n", SLICE_ARGS(line));
	}
}

static void
describe_upstream(struct world *w, struct buf *to)
{
	struct slice all = slice_str(world_sent(w, "a"));
	size_t body = slice_search(all, S("\r\n\r\n")) + 4;

	head_to_file(slice_head(all, body), true, to);
	buf_add(to, slice_from(all, body));
}

static void
describe_reply(struct world *w, struct buf *to)
{
	head_to_file(world_head(w), false, to);
	buf_add(to, slice_str(world_body(w)));
}

static void
describe_row(struct world *w, struct buf *to)
{
	struct meter_row row;

	if (!world_take_row(w, &row)) {
		buf_add(to, S("none\n"));
		return;
	}
	buf_printf(to, "%.*s%s%s\n", SLICE_ARGS(row.text[TEXT_OUTCOME]),
	    row.n.partial ? ", partial" : "", row.n.estimated ? ", estimated" : "");
	if (row.n.cost_pusd == PRICE_UNKNOWN)
		buf_add(to, S("cost unknown\n"));
	else
		buf_printf(to, "cost_pusd %lld\n", (long long)row.n.cost_pusd);
	if (row.n.usage.has_stated)
		buf_printf(to, "stated_pusd %lld\n", (long long)row.n.usage.stated_pusd);
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (row.n.usage.count[c] != 0 && usage_is_tokens((enum usage_class)c))
			buf_printf(to, "%s %llu\n", usage_name((enum usage_class)c),
			    (unsigned long long)row.n.usage.count[c]);
}

/* --- playing --- */

static void
compare(const struct golden *g, const char *name, struct slice want, struct buf *got,
    const char *how, size_t split)
{
	if (!slice_eq(buf_slice(got), want))
		fail_msg("%s/%s, %s, cut at %zu:\n--- wanted\n%.*s\n--- came\n%.*s",
		    g->folder, name, how, split, SLICE_ARGS(want),
		    SLICE_ARGS(buf_slice(got)));
	buf_clear(got);
}

/* What the host is going to say. */
static void
set_reply(
    struct world *w, const struct golden *g, enum framing f, size_t split, bool bytewise)
{
	world_forget(w);
	world_host(w, "a", pieces(g->reply[f], split, bytewise, f == BY_CLOSE));
}

/* Says the request, and lets all come that follows. */
static void
play(struct world *w, const struct golden *g, size_t split, bool bytewise)
{
	world_say(w, g->request, split % g->request.len, bytewise);
	for (unsigned i = 0; i < 200 && !world_ended(w); i++)
		world_run_for(w, 100);
	world_run_for(w, 10); /* to the end of what follows the last byte */
	if (!world_ended(w))
		fail_msg("%s, cut at %zu: no end", g->folder, split);
}

static void
check(struct world *w, struct golden *g, enum framing f, size_t split, bool bytewise)
{
	struct buf got;

	buf_init(&got, 1u << 20);
	set_reply(w, g, f, split, bytewise);
	play(w, g, split, bytewise);
	describe_upstream(w, &got);
	compare(g, "upstream", g->upstream, &got, framings[f], split);
	describe_reply(w, &got);
	compare(g, "client", g->client, &got, framings[f], split);
	describe_row(w, &got);
	compare(g, "ledger", g->ledger, &got, framings[f], split);
	buf_free(&got);
}

static void
write_expected(struct world *w, struct golden *g)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	set_reply(w, g, BY_CHUNKS, 0, false);
	play(w, g, 0, false);
	describe_upstream(w, &b);
	write_file(g, "upstream", buf_slice(&b));
	buf_clear(&b);
	describe_reply(w, &b);
	write_file(g, "client", buf_slice(&b));
	buf_clear(&b);
	describe_row(w, &b);
	write_file(g, "ledger", buf_slice(&b));
	buf_free(&b);
}

/* --- cases --- */

static struct world *
open_world(struct golden *g, const char *dialect)
{
	struct slice more = read_file(g, "provider");
	struct world *w = world_new(OPTIONS);
	char fields[180];

	more = slice_head(more, slice_find(more, '\n'));
	(void)snprintf(fields, sizeof(fields), "dialect: %s%s%.*s", dialect,
	    more.len > 0 ? ", " : "", SLICE_ARGS(more));
	world_provider(w, fields);
	return w;
}

static void
open_case(struct golden *g, const char *dialect, const char *name)
{
	struct slice reply;

	(void)snprintf(g->folder, sizeof(g->folder), ROOT "/%s/%s", dialect, name);
	arena_init(&g->arena, NULL, 0, 16u << 20);
	reply = read_file(g, "reply");
	g->request = to_wire(g, read_file(g, "request"), " HTTP/1.1",
	    "Host: localhost\r\ncontent-length: ", false);
	g->reply[BY_LENGTH] = to_wire(g, reply, "", "content-length: ", false);
	g->reply[BY_CHUNKS] =
	    to_wire(g, reply, "", "transfer-encoding: chunked\r\n", true);
	g->reply[BY_CLOSE] = to_wire(g, reply, "", "", false);
	g->upstream = read_file(g, "upstream");
	g->client = read_file(g, "client");
	g->ledger = read_file(g, "ledger");
}

/* With the n-th allocation failing: it ends, in an orderly way. */
static void
torture_case(struct golden *g, const char *dialect)
{
	bool failed = true;

	for (size_t n = 1; failed; n++) {
		struct world *w = open_world(g, dialect);

		set_reply(w, g, BY_CHUNKS, 0, false);
		world_connect(w);
		torture_start(n, false);
		play(w, g, 0, false);
		failed = torture_calm();
		world_free(w);
		(void)torture_stop();
	}
}

static void
run_case(const char *dialect, const char *name)
{
	static struct golden g;
	const char *mode = getenv("WEIR_GOLDEN");
	struct world *w;

	open_case(&g, dialect, name);
	w = open_world(&g, dialect);
	if (mode != NULL && strcmp(mode, "write") == 0)
		write_expected(w, &g);
	for (unsigned f = 0; f < FRAMINGS && mode == NULL; f++) {
		check(w, &g, (enum framing)f, 0, false);
		check(w, &g, (enum framing)f, 0, true);
	}
	for (size_t at = 1; at < g.reply[BY_CHUNKS].len && mode == NULL; at++)
		check(w, &g, BY_CHUNKS, at, false);
	world_free(w);
	torture_case(&g, dialect);
	arena_free(&g.arena);
}

/* --- folders --- */

static int
is_shown(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* A test for each case: its name is DIALECT/CASE. */
static void
run_named(void **state)
{
	char dialect[100];
	const char *name = *state, *slash = strchr(name, '/');

	(void)snprintf(dialect, sizeof(dialect), "%.*s", (int)(slash - name), name);
	run_case(dialect, slash + 1);
}

static unsigned
list_cases(const char *dialect, struct CMUnitTest *tests, unsigned n)
{
	struct dirent **found;
	char path[300];
	int count;

	(void)snprintf(path, sizeof(path), ROOT "/%s", dialect);
	count = scandir(path, &found, is_shown, alphasort);
	for (int i = 0; i < count; i++) {
		char *name = malloc(strlen(dialect) + strlen(found[i]->d_name) + 2);

		(void)sprintf(name, "%s/%s", dialect, found[i]->d_name);
		tests[n++] = (struct CMUnitTest){name, run_named, NULL, NULL, name};
		free(found[i]);
	}
	if (count >= 0)
		free(found);
	return n;
}

int
main(void)
{
	static struct CMUnitTest tests[CASES_MAX];
	struct dirent **found;
	int count = scandir(ROOT, &found, is_shown, alphasort), failed;
	unsigned n = 0;

	if (count <= 0) {
		print_error("no cases in " ROOT "; run me where that is\n");
		return 1;
	}
	for (int i = 0; i < count; i++) {
		n = list_cases(found[i]->d_name, tests, n);
		free(found[i]);
	}
	free(found);
	failed = _cmocka_run_group_tests("golden", tests, n, NULL, NULL);
	for (unsigned i = 0; i < n; i++)
		free(tests[i].initial_state);
	return failed;
}
