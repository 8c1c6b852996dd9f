/*
 * Loading a configuration with memory failing at every place where it asks for
 * some: it says so, and nothing is lost or kept.
 */
#include "config_case.h"
#include "torture.h"

/* Something of everything. The catalog alone makes most allocations. */
static const char everything[] =
    "listen: [127.0.0.1:1, \"[::1]:2\"]\n"
    "data: ~/data\n"
    "catalog: catalog.json\n"
    "key: sk-weir-a\n"
    "route: {prefer: \"groq, mine\"}\n"
    "providers:\n"
    "  mine: {base_url: \"http://${HOST}/v1/\", api_key: [\"${KEY}\", \"${NONE}\"]}\n"
    "  two: {base_url: \"http://${NONE}\"}\n"
    "  groq: {title: Groq, api_key: k, id_header: x-id}\n"
    "models:\n"
    "  acme/a:\n"
    "    - {provider: mine, price: {input: 1, output: 2}}\n"
    "    - {provider: local, model: tiny}\n"
    "  acme/b: {kind: embedding, providers: [{provider: groq, context: 5}]}\n"
    "keys:\n"
    "  - {name: a, hash: "
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}\n"
    "local:\n"
    "  models:\n"
    "    tiny: {file: \"${NONE}\"}\n"
    "    two: {file: ~/two.gguf, mmproj: /nowhere}\n";

static enum err
load_everything(void)
{
	struct config *c;
	struct buf errors, text;
	enum err e;

	buf_init(&errors, 1u << 20);
	e = config_load("weir.yaml", &c, &errors);
	if (e == ERR_SYNTAX)
		print_error("%.*s", SLICE_ARGS(buf_slice(&errors)));
	buf_free(&errors);
	if (e != ERR_OK)
		return e;
	buf_init(&text, 1u << 20);
	config_print(c, &text);
	e = text.err;
	buf_free(&text);
	config_unref(c);
	return e;
}

/* Every eleventh place: all of them, with both ways to fail, take seconds. */
TEST(loading_survives_the_want_of_memory)
{
	bool failed = true;
	size_t n = 1;

	set("HOST", "h");
	set("KEY", "k,l");
	write_file("weir.yaml", slice_str(everything));
	write_file("catalog.json", S("{\"models\": {}}"));
	for (; failed; n += 11) {
		for (unsigned all = 0; all < 2; all++) {
			enum err e;

			torture_start(n, all != 0);
			e = load_everything();
			failed = torture_stop();
			assert_int_equal(e, failed ? ERR_NOMEM : ERR_OK);
		}
	}
	assert_true(n > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {RUN(loading_survives_the_want_of_memory)};

	return cmocka_run_group_tests_name(
	    "config_torture", tests, group_setup, group_teardown);
}
