/*
 * Where a configuration is found, how it is written, its options and its errors.
 * What it says of providers and models is in test_config_offers.c.
 */
#include "config/option.h"
#include "config_case.h"
#include "dialect/document.h"

#include <errno.h>
#include <sys/stat.h>

static const char example[] =
    "listen: 127.0.0.1:8080\n"
    "threads: 2\n"
    "providers:\n"
    "  mine:\n"
    "    dialect: openai\n"
    "    base_url: http://127.0.0.1:9001/v1\n"
    "    api_key: ${MINE_KEY}\n"
    "models:\n"
    "  acme/large:\n"
    "    - {provider: mine, model: large-v1, context: 131072, price: {input: 0.15, "
    "cached_input: 0.075, output: 0.60}}   # USD per million tokens\n"
    "    - {provider: groq, model: openai/gpt-oss-120b}\n"
    "local:\n"
    "  models:\n"
    "    tiny: {file: tiny.gguf, context: 4096}\n";

/* --- finding it --- */

TEST(nothing_is_needed)
{
	assert_int_equal(try_load(NULL), ERR_OK);
	assert_null(loaded->file);
	assert_int_equal(loaded->options.listen.count, 1);
	assert_string_equal(loaded->options.listen.at[0], "127.0.0.1:8080");
	assert_null(loaded->options.listen.at[1]);
	assert_int_equal(loaded->options.threads, 0);
	assert_int_equal(loaded->options.total_time, 600000);
	assert_int_equal(loaded->options.balance, 500000000);
	assert_int_equal(loaded->options.explore, 20);
	assert_int_equal(loaded->warnings.len, 0);
	assert_int_equal(loaded->nkeys, 0);
	assert_null(loaded->tls_client);
	assert_null(loaded->tls_server);
}

TEST(an_empty_file_is_none)
{
	static const char *const texts[] = {
	    "", "\n\n", "# nothing\n", "---\n", "---\n...\n", "~\n", "\xef\xbb\xbf"};

	for (size_t i = 0; i < COUNT(texts); i++) {
		load(texts[i]);
		assert_string_equal(loaded->file, "weir.yaml");
		assert_int_equal(loaded->options.threads, 0);
	}
}

TEST(sections_may_be_empty)
{
	load("log:\nproviders:\nmodels: ~\nkeys: null\nlocal:\n  models:\n");
	load("local:\n");
}

TEST(the_nearest_file_is_read)
{
	assert_int_equal(mkdir("xdg", 0700), 0);
	assert_int_equal(mkdir("xdg/weir", 0700), 0);
	assert_int_equal(mkdir(".config", 0700), 0);
	assert_int_equal(mkdir(".config/weir", 0700), 0);
	write_file(".config/weir/weir.yaml", S("threads: 3\n"));
	assert_int_equal(try_load(NULL), ERR_OK);
	assert_int_equal(loaded->options.threads, 3);

	write_file("xdg/weir/weir.yaml", S("threads: 4\n"));
	set("XDG_CONFIG_HOME", "xdg"); /* a relative one does not count */
	assert_int_equal(try_load(NULL), ERR_OK);
	assert_int_equal(loaded->options.threads, 3);

	case_teardown(NULL);
	case_setup(NULL);
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/xdg", case_home);
	set("XDG_CONFIG_HOME", path);
	assert_int_equal(try_load(NULL), ERR_OK);
	assert_int_equal(loaded->options.threads, 4);

	assert_int_equal(load("threads: 5\n")->options.threads, 5);

	write_file("other.yaml", S("threads: 6\n"));
	assert_int_equal(try_load("other.yaml"), ERR_OK);
	assert_int_equal(loaded->options.threads, 6);
	assert_string_equal(loaded->file, "other.yaml");
	assert_int_equal(unlink(".config/weir/weir.yaml"), 0);
}

TEST(a_named_file_must_be_there)
{
	assert_int_equal(try_load("nowhere.yaml"), ERR_SYNTAX);
	assert_string_equal(lines_of(&case_errors),
	    "nowhere.yaml: cannot read: No such file or directory\n");
	assert_int_equal(try_load("/"), ERR_SYNTAX);
	assert_string_equal(lines_of(&case_errors), "/: cannot read: Is a directory\n");
}

TEST(a_configuration_is_counted)
{
	struct config *c;

	load("threads: 1\n");
	c = config_ref(loaded);
	assert_ptr_equal(c, loaded);
	config_unref(c);
	assert_int_equal(loaded->options.threads, 1);
	config_unref(NULL);
}

/* --- the example of the manual --- */

TEST(the_example_loads)
{
	const struct offer *o;

	set("MINE_KEY", "sk-mine");
	set("GROQ_API_KEY", "gsk-1");
	write_file("tiny.gguf", S("GGUF"));
	load(example);
	assert_int_equal(loaded->options.threads, 2);
	assert_string_equal(provider("mine")->base_url, "http://127.0.0.1:9001/v1");
	assert_string_equal(provider("mine")->host.name, "127.0.0.1");
	assert_int_equal(provider("mine")->host.port, 9001);
	assert_null(provider("mine")->host.tls);
	assert_string_equal(provider("mine")->path, "/v1");
	assert_string_equal(provider("mine")->keys[0].bytes, "sk-mine");
	assert_int_equal(provider("mine")->nkeys, 1);
	assert_true(provider_is_usable(provider("mine")));

	assert_true(model("acme/large")->configured);
	assert_int_equal(model("acme/large")->noffers, 2);
	o = offer("acme/large", 0, "mine", "large-v1");
	assert_int_equal(o->context_tok, 131072);
	assert_int_equal(o->prices->rate[USAGE_INPUT].pusd, 150000000000);
	assert_int_equal(o->prices->rate[USAGE_INPUT].per, 1000000);
	assert_int_equal(o->prices->rate[USAGE_CACHED].pusd, 75000000000);
	assert_int_equal(o->prices->rate[USAGE_OUTPUT].pusd, 600000000000);
	assert_null(o->prices->next);
	o = offer("acme/large", 1, "groq", "openai/gpt-oss-120b");
	assert_non_null(o->prices); /* the catalog's */
	assert_int_equal(o->context_tok, 131072);

	o = offer("tiny", 0, "local", "tiny");
	assert_null(o->missing);
	assert_int_equal(o->context_tok, 4096);
	assert_int_equal(loaded->nengines, 2);
	assert_string_equal(loaded->engines[0].name, "tiny");
	assert_string_equal(loaded->engines[0].file, "tiny.gguf");
	assert_string_equal(loaded->engines[1].name, "smollm2");
	assert_int_equal(unlink("tiny.gguf"), 0);
}

TEST(the_example_warns_of_what_is_missing)
{
	load_warned(example,
	    "weir.yaml:7:14: warning: MINE_KEY is not set: no key for provider "
	    "\"mine\"\n"
	    "weir.yaml:14:18: warning: tiny.gguf: No such file or directory; the local "
	    "model \"tiny\" is left out\n");
	assert_string_equal(provider("mine")->missing, "MINE_KEY is not set");
	assert_string_equal(provider("groq")->missing, "no key: set GROQ_API_KEY");
	assert_string_equal(offer("tiny", 0, "local", "tiny")->missing,
	    "its file: No such file or directory");
}

/* --- errors --- */

TEST(errors_have_their_place)
{
	static const struct {
		const char *text, *lines;
	} cases[] = {
	    {"threads: 2\nprovders:\n  a: b\n",
		"weir.yaml:2:1: unknown option \"provders\"; did you mean "
		"\"providers\"?\n"},
	    {"threads: many\n", "weir.yaml:1:10: threads: expected a whole number from 0 "
				"to 64, found \"many\"\n"},
	    {"threads: 65\n", "weir.yaml:1:10: threads: expected a whole number from 0 "
			      "to 64, found \"65\"\n"},
	    {"threads: [1]\n", "weir.yaml:1:10: expected a whole number from 0 to 64, "
			       "found a list\n"},
	    {"threads:\n", "weir.yaml:1:9: expected a whole number from 0 to 64, found "
			   "nothing\n"},
	    {"log: {levl: debug}\n", "weir.yaml:1:7: unknown option \"levl\" in log; did "
				     "you mean \"level\"?\n"},
	    {"log: debug\n",
		"weir.yaml:1:6: expected a mapping of options, found a text\n"},
	    {"level: debug\n", "weir.yaml:1:1: unknown option \"level\"; did you mean "
			       "\"log.level\"?\n"},
	    {"log.level: debug\n", "weir.yaml:1:1: \"log.level\" is written as "
				   "\"level:\" below \"log:\"\n"},
	    {"cors: {zzzzz: 1}\n", "weir.yaml:1:8: unknown option \"zzzzz\" in cors; "
				   "expected one of origins\n"},
	    {"log: {format: xml}\n", "weir.yaml:1:15: log.format: expected text or json, "
				     "found \"xml\"\n"},
	    {"core_dumps: maybe\n", "weir.yaml:1:13: core_dumps: expected true or false, "
				    "found \"maybe\"\n"},
	    {"upstream: {connect: 5}\n",
		"weir.yaml:1:21: upstream.connect: expected a span of time like \"5s\" "
		"or \"250ms\" from 1ms to 1h, found \"5\"\n"},
	    {"route: {explore: 101%}\n", "weir.yaml:1:18: route.explore: expected a "
					 "share like \"2%\" from 0% to 100%, found "
					 "\"101%\"\n"},
	    {"route: {balance: -1}\n",
		"weir.yaml:1:18: route.balance: expected an amount of USD like "
		"\"0.0005\" from 0 to 1000, found \"-1\"\n"},
	    {"limits: {body_bytes: 1PB}\n",
		"weir.yaml:1:22: limits.body_bytes: expected a size like \"64KiB\" from "
		"1KiB to 60MiB, found \"1PB\"\n"},
	    {"route: {policy: best}\n", "weir.yaml:1:17: route.policy: expected fastest, "
					"cheapest, balanced, preferred or local, found "
					"\"best\"\n"},
	    {"route: {breaker_open: 2m}\n", "weir.yaml:1:23: route.breaker_open: the "
					    "first span is longer than the longest\n"},
	    {"listen: [127.0.0.1:80, \"x:y\"]\n",
		"weir.yaml:1:24: listen: expected an address like \"127.0.0.1:8080\" or "
		"\"[::1]:8080\", found \"x:y\"\n"},
	    {"listen: [8080, 8080]\n",
		"weir.yaml:1:16: listen: \"8080\" is listed twice\n"},
	    {"listen: []\n", "weir.yaml:1:9: listen: expected at least one address\n"},
	    {"listen: [{a: b}]\n", "weir.yaml:1:10: expected a text, found a mapping\n"},
	    {"route: {prefer: [groq, opnai]}\n", "weir.yaml:1:24: route.prefer: unknown "
						 "provider \"opnai\"; did you mean "
						 "\"openai\"?\n"},
	    {"upstream: {forward: Host}\n", "weir.yaml:1:21: upstream.forward: \"Host\" "
					    "cannot be passed on\n"},
	    {"upstream: {forward: [a b]}\n",
		"weir.yaml:1:22: upstream.forward: expected the name of a header, found "
		"\"a b\"\n"},
	    {"cors: {origins: http://a/b}\n",
		"weir.yaml:1:17: cors.origins: expected an origin like "
		"\"https://app.example.org\", without a path, found \"http://a/b\"\n"},
	    {"tls: {cert: a.pem}\n",
		"weir.yaml:1:13: tls.cert: tls.key is wanted as well\n"},
	    {"ca_file: none.pem\n", "weir.yaml:1:10: ca_file: none.pem: No such file or "
				    "directory\n"},
	    {"catalog: none.json\n", "weir.yaml:1:10: catalog: none.json: No such file "
				     "or directory\n"},
	    {"key: a b\n", "weir.yaml:1:6: key: a key is letters, digits and signs of "
			   "ASCII, without blanks\n"},
	    {"- a\n", "weir.yaml:1:1: expected options (\"name: value\"), found a "
		      "list\n"},
	    {"text\n", "weir.yaml:1:1: expected options (\"name: value\"), found a "
		       "text\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		refuse(cases[i].text, cases[i].lines);
}

TEST(all_errors_are_told_in_order)
{
	set("WEIR_THREADS", "many");
	set("WEIR_LISTEN", "127.0.0.1:80,nowhere");
	refuse("treads: 2\nlog: {level: loud}\nproviders: {mine: {}}\nkeys: 7\n",
	    "weir.yaml:1:1: unknown option \"treads\"; did you mean \"threads\"?\n"
	    "weir.yaml:2:14: log.level: expected error, warn, info or debug, found "
	    "\"loud\"\n"
	    "weir.yaml:3:13: provider \"mine\" is not built in and has no base_url\n"
	    "weir.yaml:4:7: expected a list of keys (\"- {name: A, hash: B}\"), found a "
	    "text\n"
	    "WEIR_THREADS: expected a whole number from 0 to 64, found \"many\"\n"
	    "WEIR_LISTEN: expected an address like \"127.0.0.1:8080\" or "
	    "\"[::1]:8080\", found \"nowhere\"\n");
}

TEST(errors_are_bounded)
{
	struct buf text;
	unsigned lines = 0;

	buf_init(&text, 1u << 20);
	for (unsigned i = 0; i < 5000; i++)
		buf_printf(&text, "nonsense%u: 1\n", i);
	write_file("weir.yaml", buf_slice(&text));
	buf_free(&text);
	assert_int_equal(try_load(NULL), ERR_SYNTAX);
	for (size_t i = 0; i < case_errors.len; i++)
		lines += case_errors.ptr[i] == '\n';
	assert_int_equal(lines, 201);
	assert_true(case_errors.len < 256u << 10);
}

TEST(foreign_text_is_shown_on_one_line)
{
	refuse_like("\"a\\nb\\e[31m\": 1\n", "unknown option \"a?b?[31m\"");
	refuse_like("threads: \"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		    "1234567890123456789012345678901234567890123456789012345678901234567"
		    "8901234567890\xc3\xa4\"\n",
	    "\xe2\x80\xa6\"\n");
}

/* --- YAML --- */

TEST(yaml_is_read_strictly)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
	    {"threads: 1\nthreads: 2\n",
		"weir.yaml:2:1: \"threads\" is given twice; first in line 1\n"},
	    {"a: &x 1\n", "weir.yaml:1:4: anchors and aliases"},
	    {"threads: *x\n", "weir.yaml:1:10: anchors and aliases"},
	    {"threads: !!int 2\n", "weir.yaml:1:10: tags (!) are not supported"},
	    {"---\nthreads: 1\n---\nthreads: 2\n", "weir.yaml:3:1: a second document"},
	    {"log:\n\tlevel: info\n", "weir.yaml:2:1: a tab; YAML is indented by"},
	    {"threads: [1, 2\n", "weir.yaml:2:1: "},
	    {"threads: 1\n  log: 2\n", "weir.yaml:2:6: mapping values are not allowed"},
	    {"? [a, b]\n: 1\n", "weir.yaml:1:3: a key must be a text, found a list"},
	    {"data: \"a\\0b\"\n", "weir.yaml:1:7: a text cannot hold a zero byte"},
	    {"threads: 1\ndata: \xff\xfe\n", "weir.yaml:2:7: not a text in UTF-8"},
	    {"data: a\x01\n", "weir.yaml:1:8: not a text in UTF-8: control characters"},
	    {"data: \xed\xa0\x80\n", "not a text in UTF-8"},
	    {"a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", "nested too deeply"},
	    {"a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: "
	     "1}}}}}}}}}"
	     "}}}}}}}\n",
		"nested too deeply"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		refuse_like(cases[i].text, cases[i].part);
}

TEST(yaml_is_bounded)
{
	struct buf text;

	buf_init(&text, 4u << 20);
	buf_add(&text, S("listen: ["));
	for (unsigned i = 0; i < 200000; i++)
		buf_add(&text, S("a,"));
	buf_add(&text, S("]\n"));
	write_file("weir.yaml", buf_slice(&text));
	assert_int_equal(try_load(NULL), ERR_SYNTAX);
	assert_non_null(strstr(lines_of(&case_errors), "too many values in one file"));

	while (text.len <= 1u << 20)
		buf_add(&text, S("# a comment that goes on and on\n"));
	write_file("weir.yaml", buf_slice(&text));
	assert_int_equal(try_load(NULL), ERR_SYNTAX);
	assert_string_equal(lines_of(&case_errors),
	    "weir.yaml: more than 1048576 bytes; a configuration is smaller\n");
	buf_free(&text);
}

/* Whatever part of a file is there, it is read or refused. (fuzz_config does it
 * for all parts and bytes.) */
TEST(any_prefix_is_read_or_refused)
{
	struct slice text = slice_str(example);

	set("MINE_KEY", "k");
	for (size_t n = 0; n <= text.len; n += 29) {
		write_file("weir.yaml", slice_head(text, n));
		if (try_load(NULL) != ERR_OK)
			assert_true(case_errors.len > 0);
	}
}

/* And whatever one byte becomes. */
TEST(any_byte_may_be_another)
{
	static const char others[] = "\0\t\n !&*-:[]{}\"'#%@`|>,?$~\x80\xff";
	struct slice text = slice_str(example);
	char copy[sizeof(example)];

	set("MINE_KEY", "k");
	for (size_t i = 0; i < text.len; i += 23) {
		memcpy(copy, example, sizeof(example));
		copy[i] = others[i % (sizeof(others) - 1)];
		write_file("weir.yaml", slice_of(copy, text.len));
		if (try_load(NULL) != ERR_OK)
			assert_true(case_errors.len > 0);
	}
}

/* --- options --- */

/* Another value than the default, as it is written and as it is shown. */
static const char *
sample_of(const struct option_row *row)
{
	switch (row->type) {
	case OPTION_TEXT:
	case OPTION_PATH: return "a/b.c";
	case OPTION_SECRET: return "sk-weir-secret";
	case OPTION_COUNT: return strncmp(row->range, "128", 3) == 0 ? "4096" : "7";
	case OPTION_SPAN: return "11s";
	case OPTION_BYTES: return strncmp(row->range, "1KiB", 4) == 0 ? "5KiB" : "2MiB";
	case OPTION_BOOL: return row->value[0] == 't' ? "false" : "true";
	case OPTION_USD: return "0.125";
	case OPTION_PERCENT: return "12.5%";
	case OPTION_LIST:
		if (strcmp(row->path, "listen") == 0)
			return "127.0.0.1:1,localhost:2";
		if (strcmp(row->path, "cors.origins") == 0)
			return "https://a.example,http://localhost:3000";
		return "groq,openai";
	case OPTION_LEVEL: return "debug";
	case OPTION_FORMAT: return "json";
	case OPTION_POLICY: return "cheapest";
	case OPTION_FULL: return "go_on";
	case OPTION_SECTION: break;
	}
	return "";
}

static const char *
shown(const struct option_row *row, const struct options *o)
{
	static struct buf text;

	buf_free(&text);
	buf_init(&text, 4096);
	option_print(row, o, &text);
	return lines_of(&text);
}

/* The same text, or for a list the same between brackets. */
static void
assert_shown(const struct option_row *row, const char *sample)
{
	char list[256];
	size_t n = 0;

	if (row->type != OPTION_LIST) {
		assert_string_equal(shown(row, &loaded->options),
		    row->type == OPTION_SECRET ? "(set)" : sample);
		return;
	}
	list[n++] = '[';
	for (const char *p = sample; *p != '\0'; p++) {
		list[n++] = *p;
		if (*p == ',')
			list[n++] = ' ';
	}
	list[n++] = ']';
	list[n] = '\0';
	assert_string_equal(shown(row, &loaded->options), list);
}

/* Options that must have a good file, or a partner, are set by their own cases. */
static bool
stands_alone(const struct option_row *row)
{
	return strncmp(row->path, "tls.", 4) != 0 && strcmp(row->path, "ca_file") != 0 &&
	       strcmp(row->path, "catalog") != 0 &&
	       strncmp(row->path, "webhook.", 8) != 0 &&
	       strncmp(row->path, "secret.", 7) != 0 &&
	       strncmp(row->path, "store.", 6) != 0 &&
	       strncmp(row->path, "shared.", 7) != 0;
}

TEST(every_option_can_be_set_in_the_file)
{
	unsigned n;
	const struct option_row *rows = option_rows(&n);

	for (unsigned i = 0; i < n; i++) {
		const char *dot = strchr(rows[i].path, '.');
		char text[256];

		if (rows[i].type == OPTION_SECTION || !stands_alone(&rows[i]))
			continue;
		if (dot == NULL)
			(void)snprintf(text, sizeof(text), "%s: %s\n", rows[i].path,
			    sample_of(&rows[i]));
		else
			(void)snprintf(text, sizeof(text), "%.*s:\n  %s: \"%s\"\n",
			    (int)(dot - rows[i].path), rows[i].path, dot + 1,
			    sample_of(&rows[i]));
		load(text);
		assert_int_equal(
		    option_origin(&rows[i], &loaded->origins)->kind, ORIGIN_FILE);
		assert_int_equal(
		    option_origin(&rows[i], &loaded->origins)->line, dot == NULL ? 1 : 2);
		if (rows[i].type != OPTION_SECRET)
			assert_shown(&rows[i], sample_of(&rows[i]));
	}
}

TEST(every_option_can_be_set_by_its_variable)
{
	unsigned n;
	const struct option_row *rows = option_rows(&n);

	for (unsigned i = 0; i < n; i++) {
		char variable[OPTION_VARIABLE_MAX];

		if (rows[i].type == OPTION_SECTION || !stands_alone(&rows[i]))
			continue;
		case_teardown(NULL);
		case_setup(NULL);
		set(option_variable(&rows[i], variable), sample_of(&rows[i]));
		assert_int_equal(try_load(NULL), ERR_OK);
		assert_int_equal(
		    option_origin(&rows[i], &loaded->origins)->kind, ORIGIN_VARIABLE);
		if (rows[i].type != OPTION_SECRET)
			assert_shown(&rows[i], sample_of(&rows[i]));
	}
}

TEST(names_of_variables)
{
	char to[OPTION_VARIABLE_MAX];

	assert_string_equal(option_variable(option_find(S("listen")), to), "WEIR_LISTEN");
	assert_string_equal(option_variable(option_find(S("upstream.first_token")), to),
	    "WEIR_UPSTREAM_FIRST_TOKEN");
	assert_null(option_find(S("log")));
	assert_null(option_find(S("")));
}

/* What is shown of a default means the same as the table's own words. */
TEST(defaults_are_good_values)
{
	unsigned n;
	const struct option_row *rows = option_rows(&n);
	struct options o, again;
	struct note why;

	assert_int_equal(option_defaults(&o), ERR_OK);
	assert_int_equal(option_defaults(&again), ERR_OK);
	for (unsigned i = 0; i < n; i++) {
		char text[256];

		if (rows[i].type <= OPTION_SECRET || rows[i].type == OPTION_LIST)
			continue;
		(void)snprintf(text, sizeof(text), "%s", shown(&rows[i], &o));
		assert_int_equal(
		    option_set_text(&rows[i], &again, slice_str(text), &why), ERR_OK);
		assert_string_equal(shown(&rows[i], &again), text);
	}
	option_done(&o);
	option_done(&again);
	(void)shown(option_find(S("threads")), &(struct options){0});
}

TEST(variables_go_over_the_file)
{
	set("WEIR_THREADS", "7");
	set("WEIR_LOG_LEVEL", ""); /* as if it were not set */
	load("threads: 2\nlog: {level: debug}\n");
	assert_int_equal(loaded->options.threads, 7);
	assert_int_equal(loaded->options.log_level, LOG_DEBUG);
	assert_int_equal(loaded->origins.threads.kind, ORIGIN_VARIABLE);
	assert_int_equal(loaded->origins.log_level.kind, ORIGIN_FILE);
	assert_int_equal(loaded->origins.log_level.column, 14);
	assert_int_equal(loaded->origins.log_format.kind, ORIGIN_DEFAULT);
}

TEST(a_slip_in_a_variable_is_told)
{
	set("WEIR_LISTN", ":80");
	set("WEIR_SERVICE_HOST", "10.0.0.1"); /* Kubernetes has these */
	set("WEIR_PORT", "tcp://10.0.0.1:8080");
	set("WEIR_FIXTURES", "/somewhere");
	load_warned("", "WEIR_LISTN: warning: no such option; did you mean "
			"WEIR_LISTEN?\n");
}

TEST(words_and_units)
{
	load("core_dumps: Yes\nlog: {requests: OFF, level: WARN}\n"
	     "upstream: {connect: 1m30s, idle: 1.5s, pool_idle: 0}\n"
	     "limits: {body_bytes: 2MB}\nroute: {policy: balanced, prefer: groq}\n");
	assert_true(loaded->options.core_dumps);
	assert_false(loaded->options.log_requests);
	assert_int_equal(loaded->options.log_level, LOG_WARN);
	assert_int_equal(loaded->options.connect_time, 90000);
	assert_int_equal(loaded->options.idle_time, 1500);
	assert_int_equal(loaded->options.pool_idle, 0);
	assert_int_equal(loaded->options.body_bytes, 2000000);
	assert_int_equal(loaded->options.policy, POLICY_BALANCED);
	assert_int_equal(loaded->options.prefer.count, 1);
}

TEST(lists_by_commas_or_as_lists)
{
	static const char *const texts[] = {"listen: 8080, '[::1]:1'\n",
	    "listen: [8080, '[::1]:1']\n", "listen:\n  - 8080\n  - '[::1]:1'\n",
	    "listen: \" 8080 ,, [::1]:1,\"\n"};

	for (size_t i = 1; i < COUNT(texts); i++) {
		load(texts[i]);
		assert_int_equal(loaded->options.listen.count, 2);
		assert_string_equal(loaded->options.listen.at[0], "8080");
		assert_string_equal(loaded->options.listen.at[1], "[::1]:1");
		assert_null(loaded->options.listen.at[2]);
	}
}

TEST(variables_in_values)
{
	set("PART", "b");
	set("EMPTY", "");
	set("NUMBER", "3");
	set("LIST", "groq,openai");
	load("data: a${PART}c${EMPTY}$d$${PART}${PART}\nthreads: ${NUMBER}\n"
	     "catalog: ${EMPTY}\nroute: {prefer: \"${LIST}\"}\n");
	assert_string_equal(loaded->options.data, "abc$d${PART}b");
	assert_int_equal(loaded->options.threads, 3);
	assert_string_equal(loaded->options.catalog, "");
	assert_int_equal(loaded->options.prefer.count, 2);

	refuse("data: ${NOWHERE}\n", "weir.yaml:1:7: NOWHERE is not set\n");
	refuse_like("data: \"${NOT A NAME}\"\n", "expected the name of a variable");
	refuse_like("data: \"${}\"\n", "expected the name of a variable");
	refuse_like("data: \"${PART\"\n", "expected the name of a variable");
	/* The name is shown, never the value. */
	set("SECRET", "sk-secret");
	refuse("threads: ${SECRET}\n", "weir.yaml:1:10: threads: expected a whole number "
				       "from 0 to 64, found \"${SECRET}\"\n");
}

TEST(the_data_folder)
{
	char path[128];

	load("");
	(void)snprintf(path, sizeof(path), "%s/.local/share/weir", case_home);
	assert_string_equal(loaded->options.data, path);
	set("XDG_DATA_HOME", "/x");
	assert_string_equal(load("")->options.data, "/x/weir");
	set("STATE_DIRECTORY", "/var/lib/weir:/other");
	assert_string_equal(load("")->options.data, "/var/lib/weir");
	(void)snprintf(path, sizeof(path), "%s/d", case_home);
	assert_string_equal(load("data: ~/d\n")->options.data, path);
	set("WEIR_DATA", "/data");
	assert_string_equal(load("data: ~/d\n")->options.data, "/data");
}

/* --- what is shown --- */

TEST(secrets_are_not_shown)
{
	struct buf text;

	set("GROQ_API_KEY", "gsk-hidden,gsk-hidden2");
	set("MINE_KEY", "mine-hidden");
	load_warned("key: weir-hidden\nkeys: [{name: ci, hash: "
		    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]\n"
		    "providers:\n  mine: {base_url: http://h, api_key: \"${MINE_KEY}\"}\n"
		    "  two: {base_url: http://h, api_key: lit-hidden}\n",
	    "");
	buf_init(&text, 1u << 20);
	config_print(loaded, &text);
	assert_int_equal(text.err, ERR_OK);
	assert_null(strstr(lines_of(&text), "hidden"));
	assert_null(strstr(lines_of(&text), "9f86"));
	assert_non_null(strstr(text.ptr, "key: (set)"));
	assert_non_null(strstr(text.ptr, "# GROQ_API_KEY, 2 keys, in turn\n"));
	assert_non_null(strstr(text.ptr, "# openai: no key: set OPENAI_API_KEY\n"));
	buf_free(&text);
}

/* What `weir check` shows is a configuration that means the same. */
TEST(what_is_shown_can_be_read)
{
	struct buf text, again;

	set("GROQ_API_KEY", "k");
	write_file("tiny.gguf", S("GGUF"));
	load("listen: [127.0.0.1:1, \"[::1]:2\"]\ndata: \"a: b # c\"\n"
	     "cors: {origins: \"*\"}\nproviders:\n  mine: {base_url: http://h:1/v1}\n"
	     "models:\n  acme/a:\n    - {provider: mine, price: {input: 1, output: 2, "
	     "second: {usd: 0.111, per: 3600}}}\n    - {provider: local, model: tiny}\n"
	     "local: {models: {tiny: {file: tiny.gguf, embedding: true}}}\n");
	buf_init(&text, 1u << 20);
	buf_init(&again, 1u << 20);
	config_print(loaded, &text);
	/* But for secrets: without them the key's line must not be there. */
	for (char *at; (at = strstr(lines_of(&text), "    api_key: (set)")) != NULL;)
		memcpy(at, "    # ", 6);
	load(text.ptr);
	config_print(loaded, &again);
	assert_int_equal(loaded->options.listen.count, 2);
	assert_string_equal(loaded->options.data, "a: b # c");
	assert_int_equal(
	    offer("acme/a", 0, "mine", "acme/a")->prices->rate[USAGE_SECONDS].per, 3600);
	assert_int_equal(model("tiny")->op, OP_EMBEDDING);
	buf_free(&text);
	buf_free(&again);
	assert_int_equal(unlink("tiny.gguf"), 0);
}

TEST(help_fits_a_terminal)
{
	struct buf text;
	struct slice rest, line;
	unsigned n, lines = 0;
	const struct option_row *rows = option_rows(&n);

	buf_init(&text, 1u << 20);
	config_help(&text);
	rest = buf_slice(&text);
	while (rest.len > 0) {
		line = slice_cut(&rest, '\n');
		assert_true(line.len < 80);
		assert_true(line.len == 0 || line.ptr[line.len - 1] != ' ');
		lines++;
	}
	assert_true(lines > n);
	for (unsigned i = 0; i < n; i++)
		assert_true(
		    slice_search(buf_slice(&text), slice_str(rows[i].path)) < text.len);
	buf_free(&text);
}

static void
assert_document(void (*make)(struct buf *to), const char *name)
{
	char path[4096];
	struct buf want, have;
	FILE *f;
	size_t n;

	buf_init(&want, 1u << 20);
	buf_init(&have, 1u << 20);
	make(&want);
	assert_int_equal(want.err, ERR_OK);
	(void)snprintf(path, sizeof(path), "%s/docs/%s", case_root, name);
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s: %s; run `make docs`", path, strerror(errno));
	do {
		n = fread(buf_room(&have, 4096), 1, 4096, f);
		buf_wrote(&have, n);
	} while (n > 0);
	(void)fclose(f);
	if (!slice_eq(buf_slice(&want), buf_slice(&have)))
		fail_msg("docs/%s is stale; run `make docs`", name);
	buf_free(&want);
	buf_free(&have);
}

TEST(the_documents_are_fresh)
{
	assert_document(config_document, "configuration.md");
	assert_document(config_document_providers, "providers.md");
	assert_document(document_dialects, "dialects.md");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(nothing_is_needed),
	    RUN(an_empty_file_is_none),
	    RUN(sections_may_be_empty),
	    RUN(the_nearest_file_is_read),
	    RUN(a_named_file_must_be_there),
	    RUN(a_configuration_is_counted),
	    RUN(the_example_loads),
	    RUN(the_example_warns_of_what_is_missing),
	    RUN(errors_have_their_place),
	    RUN(all_errors_are_told_in_order),
	    RUN(errors_are_bounded),
	    RUN(foreign_text_is_shown_on_one_line),
	    RUN(yaml_is_read_strictly),
	    RUN(yaml_is_bounded),
	    RUN(any_prefix_is_read_or_refused),
	    RUN(any_byte_may_be_another),
	    RUN(every_option_can_be_set_in_the_file),
	    RUN(every_option_can_be_set_by_its_variable),
	    RUN(names_of_variables),
	    RUN(defaults_are_good_values),
	    RUN(variables_go_over_the_file),
	    RUN(a_slip_in_a_variable_is_told),
	    RUN(words_and_units),
	    RUN(lists_by_commas_or_as_lists),
	    RUN(variables_in_values),
	    RUN(the_data_folder),
	    RUN(secrets_are_not_shown),
	    RUN(what_is_shown_can_be_read),
	    RUN(help_fits_a_terminal),
	    RUN(the_documents_are_fresh),
	};

	return cmocka_run_group_tests_name("config", tests, group_setup, group_teardown);
}
