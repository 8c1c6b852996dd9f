#include "proxy/surface.h"

#include "test.h"

static const struct surface *
find(const char *method, const char *path, enum err *ret_err)
{
	return surface_find(slice_str(method), slice_str(path), ret_err);
}

TEST(every_path_is_served)
{
	static const struct {
		const char *method, *path;
		enum serve serve;
		enum operation op;
		enum door door;
		enum model_at model;
		const struct dialect *dialect;
	} want[] = {
	    {"POST", "/v1/chat/completions", SERVE_FORWARD, OP_CHAT, DOOR_KEY, MODEL_BODY,
		&dialect_openai},
	    {"POST", "/v1/responses", SERVE_FORWARD, OP_CHAT, DOOR_KEY, MODEL_BODY,
		&dialect_responses},
	    {"POST", "/v1/completions", SERVE_FORWARD, OP_COMPLETION, DOOR_KEY,
		MODEL_BODY, &dialect_openai},
	    {"POST", "/v1/embeddings", SERVE_FORWARD, OP_EMBEDDING, DOOR_KEY, MODEL_BODY,
		&dialect_openai},
	    {"POST", "/v1/messages", SERVE_FORWARD, OP_CHAT, DOOR_KEY, MODEL_BODY,
		&dialect_anthropic},
	    {"POST", "/v1/messages/count_tokens", SERVE_FORWARD, OP_COUNT, DOOR_KEY,
		MODEL_BODY, &dialect_anthropic},
	    {"GET", "/v1/models", SERVE_MODELS, OP_NONE, DOOR_KEY, MODEL_NONE,
		&dialect_openai},
	    {"GET", "/v1/models/openai/gpt-5", SERVE_MODEL, OP_NONE, DOOR_KEY, MODEL_NONE,
		&dialect_openai},
	    {"GET", "/v1/generation", SERVE_GENERATION, OP_NONE, DOOR_KEY, MODEL_NONE,
		&dialect_openai},
	    {"POST", "/api/web/usage", SERVE_BILLING, OP_NONE, DOOR_KEY, MODEL_NONE,
		&dialect_openai},
	    {"GET", "/healthz", SERVE_HEALTH, OP_NONE, DOOR_OPEN, MODEL_NONE,
		&dialect_openai},
	    {"GET", "/readyz", SERVE_READY, OP_NONE, DOOR_OPEN, MODEL_NONE,
		&dialect_openai},
	    {"GET", "/metrics", SERVE_METRICS, OP_NONE, DOOR_METRICS, MODEL_NONE,
		&dialect_openai},
	};

	for (size_t i = 0; i < COUNT(want); i++) {
		enum err e = ERR_INTERNAL;
		const struct surface *s = find(want[i].method, want[i].path, &e);

		assert_non_null(s);
		assert_int_equal(e, ERR_OK);
		assert_int_equal(s->serve, want[i].serve);
		assert_int_equal(s->op, want[i].op);
		assert_int_equal(s->door, want[i].door);
		assert_int_equal(s->model, want[i].model);
		assert_ptr_equal(s->dialect, want[i].dialect);
	}
}

/* Nothing that a provider is asked for is open, and nothing else may spend. */
TEST(what_spends_wants_a_key)
{
	static const char *const methods[] = {"GET", "POST"};
	static const char *const paths[] = {"/v1/chat/completions", "/v1/responses",
	    "/v1/messages", "/v1/messages/count_tokens", "/v1/completions",
	    "/v1/embeddings", "/v1/models", "/v1/models/x", "/v1/generation", "/healthz",
	    "/readyz", "/metrics"};

	for (size_t m = 0; m < COUNT(methods); m++)
		for (size_t i = 0; i < COUNT(paths); i++) {
			enum err e;
			const struct surface *s = find(methods[m], paths[i], &e);

			if (s == NULL)
				continue;
			assert_int_equal(s->serve == SERVE_FORWARD, s->op != OP_NONE);
			if (s->serve == SERVE_FORWARD) {
				assert_int_equal(s->door, DOOR_KEY);
				assert_int_not_equal(s->model, MODEL_NONE);
			}
		}
}

TEST(head_is_as_get)
{
	enum err e;

	assert_ptr_equal(find("HEAD", "/healthz", &e), find("GET", "/healthz", &e));
	assert_null(find("HEAD", "/v1/embeddings", &e));
	assert_int_equal(e, ERR_BAD_METHOD);
}

TEST(a_path_is_exact)
{
	static const char *const paths[] = {"", "/", "/v1", "/v1/", "/v1/models/",
	    "/v1/chat/completions/", "/v1/chat/completion", "/V1/models", "/v1//models",
	    "/healthz/", "/healthz/x", "/metrics2", "v1/models", "/v1/model"};

	for (size_t i = 0; i < COUNT(paths); i++) {
		enum err e = ERR_OK;

		assert_null(find("GET", paths[i], &e));
		assert_int_equal(e, ERR_NOT_FOUND);
	}
}

TEST(another_method_is_told_what_is_taken)
{
	static const struct {
		const char *method, *path, *methods;
	} cases[] = {
	    {"GET", "/v1/chat/completions", "POST"},
	    {"POST", "/v1/models", "GET, HEAD"},
	    {"DELETE", "/v1/models/x", "GET, HEAD"},
	    {"get", "/healthz", "GET, HEAD"},
	    {"", "/metrics", "GET, HEAD"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		enum err e = ERR_OK;
		struct buf b;

		assert_null(find(cases[i].method, cases[i].path, &e));
		assert_int_equal(e, ERR_BAD_METHOD);
		buf_init(&b, 1000);
		surface_methods(slice_str(cases[i].path), &b);
		assert_slice(buf_slice(&b), slice_str(cases[i].methods));
		buf_free(&b);
	}
}

TEST(what_follows_a_prefix)
{
	enum err e;
	const struct surface *s = find("GET", "/v1/models/openai/gpt-5", &e);

	assert_slice(surface_rest(s, S("/v1/models/openai/gpt-5")), S("openai/gpt-5"));
	assert_slice(surface_rest(s, S("/v1/models/x")), S("x"));
}

TEST(operations_have_names)
{
	assert_string_equal(surface_operation(OP_NONE), "");
	assert_string_equal(surface_operation(OP_CHAT), "chat");
	assert_string_equal(surface_operation(OP_COMPLETION), "completion");
	assert_string_equal(surface_operation(OP_EMBEDDING), "embedding");
	assert_string_equal(surface_operation(OP_COUNT), "count");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_path_is_served),
	    cmocka_unit_test(what_spends_wants_a_key),
	    cmocka_unit_test(head_is_as_get),
	    cmocka_unit_test(a_path_is_exact),
	    cmocka_unit_test(another_method_is_told_what_is_taken),
	    cmocka_unit_test(what_follows_a_prefix),
	    cmocka_unit_test(operations_have_names),
	};

	return cmocka_run_group_tests_name("surface", tests, NULL, NULL);
}
