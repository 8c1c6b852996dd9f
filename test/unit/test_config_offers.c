/*
 * What a configuration says of providers, models, local models and keys.
 */
#include "config_case.h"

#include "provider/catalog.h"
#include "store/keys.h"

/* A catalog of our own, over the built-in one: the figures can't move. */
static const char catalog[] =
    "{\"format\": 1, \"models\": {\n"
    "\"acme/large\": {\"context\": 100000, \"tools\": true,\n"
    "  \"aliases\": [\"acme/large-2026\"], \"providers\": [\n"
    "  {\"provider\": \"groq\", \"model\": \"large-old\", \"deprecated\": true},\n"
    "  {\"provider\": \"groq\", \"model\": \"large-new\", \"context\": 1000,\n"
    "   \"max_output\": 500, \"vision\": false,\n"
    "   \"prices\": [{\"input\": 0.5, \"output\": 1}]},\n"
    "  {\"provider\": \"together\", \"model\": \"acme/large-t\"}]},\n"
    "\"acme/embed\": {\"kind\": \"embedding\", \"providers\": [\n"
    "  {\"provider\": \"groq\", \"model\": \"embed-1\",\n"
    "   \"prices\": [{\"input\": 0.02}]}]}\n"
    "}}\n";

static const struct config *
load_over_catalog(const char *text)
{
	write_file("catalog.json", slice_str(catalog));
	set("WEIR_CATALOG", "catalog.json");
	set("GROQ_API_KEY", "k");
	return load(text);
}

/* --- providers --- */

TEST(keys_come_from_the_environment)
{
	set("GROQ_API_KEY", " a,b, c,\n");
	set("GOOGLE_API_KEY", "g"); /* the second of its two names */
	set("XAI_API_KEY", "");
	load("");
	assert_int_equal(provider("groq")->nkeys, 3);
	assert_string_equal(provider("groq")->keys[0].bytes, "a");
	assert_string_equal(provider("groq")->keys[1].bytes, "b");
	assert_string_equal(provider("groq")->keys[2].bytes, "c");
	assert_true(provider_is_usable(provider("groq")));
	assert_int_equal(provider("google")->nkeys, 1);
	assert_string_equal(provider("xai")->missing, "no key: set XAI_API_KEY");
	assert_string_equal(provider("fireworks-ai")->name, "fireworks");
	assert_true(provider_is_usable(provider("vllm"))); /* needs none */
	assert_true(provider("vllm")->local);
	assert_false(provider("groq")->local);
}

TEST(a_key_that_cannot_be_one_is_left_out)
{
	set("GROQ_API_KEY", "a b");
	set("XAI_API_KEY", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17");
	load_warned("", "GROQ_API_KEY: warning: holds a character that no key has; "
			"provider \"groq\" does without\n"
			"XAI_API_KEY: warning: holds too many keys; provider \"xai\" "
			"does without\n");
	assert_string_equal(
	    provider("groq")->missing, "GROQ_API_KEY holds a character that no key has");
	assert_int_equal(provider("xai")->nkeys, PROVIDER_KEYS_MAX);
	assert_true(provider_is_usable(provider("xai")));
}

TEST(azure_needs_its_endpoint)
{
	set("AZURE_OPENAI_API_KEY", "k");
	load("");
	assert_string_equal(
	    provider("azure")->missing, "AZURE_OPENAI_ENDPOINT is not set");
	assert_null(provider("azure")->base_url);
	set("AZURE_OPENAI_ENDPOINT", "https://me.openai.azure.com/");
	load("");
	assert_string_equal(
	    provider("azure")->base_url, "https://me.openai.azure.com/openai/v1");
	assert_true(provider_is_usable(provider("azure")));

	case_teardown(NULL);
	case_setup(NULL);
	set("AZURE_OPENAI_ENDPOINT", "me.openai.azure.com");
	load_warned("", "AZURE_OPENAI_ENDPOINT: warning: bad URL; expected "
			"https://HOST/PATH or http://HOST:PORT/PATH; provider \"azure\" "
			"is left out\n");
	assert_string_equal(
	    provider("azure")->missing, "AZURE_OPENAI_ENDPOINT gives no URL");
}

TEST(an_entry_changes_just_its_fields)
{
	const struct provider_row *rows;
	unsigned n;
	struct provider *p;

	set("GROQ_API_KEY", "k");
	load("providers:\n  groq: {base_url: \"http://127.0.0.1:9002/v1/\"}\n"
	     "  fireworks-ai: {title: F}\n  xai:\n");
	rows = provider_rows(&n);
	assert_true(n > 20);
	p = provider("groq");
	assert_string_equal(p->base_url, "http://127.0.0.1:9002/v1/");
	assert_string_equal(p->path, "/v1");
	assert_string_equal(p->host_header, "127.0.0.1:9002");
	assert_false(p->over_tls);
	assert_string_equal(p->keys[0].bytes, "k");
	assert_int_equal(p->quirks, Q_USAGE_IN_X_GROQ);
	assert_int_equal(p->limits, LIMITS_OPENAI);
	assert_false(p->local); /* who has a key is another */
	assert_string_equal(provider("fireworks")->title, "F");
	assert_int_equal(loaded->catalog->nproviders, n);
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(loaded->catalog->providers[i]->name, rows[i].name);
	assert_int_equal(loaded->provider_lines[p->index], 2);
	assert_int_equal(loaded->provider_lines[provider("openai")->index], 0);
}

TEST(every_field_of_a_provider)
{
	struct provider *p;

	load("providers:\n  mine:\n    dialect: openai\n    base_url: http://h:1/x/\n"
	     "    api_key: [a, \"b,c\"]\n    auth: x-api-key\n    title: Mine\n"
	     "    quirks: [Q_USAGE_UNASKED, q_reasoning_apart]\n    limits: mistral\n"
	     "    id_header: x-id\n    local: true\n    data_collection: deny\n");
	p = provider("mine");
	assert_int_equal(p->dialect, DIALECT_OPENAI);
	assert_string_equal(p->host_header, "h:1");
	assert_string_equal(p->path, "/x");
	assert_int_equal(p->nkeys, 3);
	assert_string_equal(p->keys[2].bytes, "c");
	assert_int_equal(p->auth, AUTH_X_API_KEY);
	assert_string_equal(p->title, "Mine");
	assert_int_equal(p->quirks, Q_USAGE_UNASKED | Q_REASONING_APART);
	assert_int_equal(p->limits, LIMITS_MISTRAL);
	assert_string_equal(p->id_header, "x-id");
	assert_true(p->local);
	assert_true(p->keeps_no_data);
	assert_true(provider_is_usable(p));
}

TEST(a_host_without_a_key)
{
	set("OPENAI_API_KEY", "must-not-be-sent");
	load("providers:\n  mine: {base_url: \"http://localhost:1\"}\n"
	     "  far: {base_url: \"http://far.example\"}\n"
	     "  not: {base_url: \"http://localhost:1\", local: false}\n"
	     "  openai: {base_url: \"http://localhost:1\", auth: none}\n");
	assert_int_equal(provider("mine")->auth, AUTH_OPTIONAL);
	assert_true(provider_is_usable(provider("mine")));
	assert_true(provider("mine")->local);
	assert_false(provider("far")->local);
	assert_false(provider("not")->local);
	assert_int_equal(provider("openai")->nkeys, 0);
	assert_true(provider_is_usable(provider("openai")));
}

TEST(a_variable_that_is_missing_puts_a_provider_out)
{
	set("B", "b");
	set("EMPTY", "");
	load_warned("providers:\n"
		    "  one: {base_url: \"http://h\", api_key: \"${A}\"}\n"
		    "  two: {base_url: \"http://h\", api_key: [\"${A}\", \"${B}\"]}\n"
		    "  three: {base_url: \"http://${A}:1\"}\n"
		    "  four: {base_url: \"http://h\", api_key: \"${EMPTY}\"}\n"
		    "  vllm: {api_key: \"${A}\"}\n",
	    "weir.yaml:2:40: warning: A is not set: no key for provider \"one\"\n"
	    "weir.yaml:3:41: warning: A is not set: no key for provider \"two\"\n"
	    "weir.yaml:4:21: warning: A is not set: provider \"three\" is left out\n"
	    "weir.yaml:5:41: warning: EMPTY is empty: no key for provider \"four\"\n"
	    "weir.yaml:6:19: warning: A is not set: no key for provider \"vllm\"\n");
	assert_string_equal(provider("one")->missing, "A is not set");
	assert_string_equal(provider("one")->key_variable, "A");
	assert_non_null(provider("one")->base_url);
	assert_null(provider("two")->missing);
	assert_int_equal(provider("two")->nkeys, 1);
	assert_string_equal(provider("three")->missing, "A is not set");
	assert_null(provider("three")->base_url);
	assert_string_equal(provider("four")->missing, "EMPTY is empty");
	assert_string_equal(provider("vllm")->missing, "A is not set");
}

TEST(every_dialect_can_be_said)
{
	char text[128];

	for (enum dialect_id d = 0; d < DIALECT_NATIVE; d++) {
		(void)snprintf(text, sizeof(text),
		    "providers: {mine: {dialect: %s, base_url: \"http://h\"}}\n",
		    dialect_name(d));
		load(text);
		assert_int_equal(provider("mine")->dialect, d);
		assert_true(provider_is_usable(provider("mine")));
	}
}

TEST(errors_in_providers)
{
	static const struct {
		const char *text, *lines;
	} cases[] = {
	    {"providers: 7\n",
		"weir.yaml:1:12: expected a mapping of providers, found a text\n"},
	    {"providers: {mine: 7}\n",
		"weir.yaml:1:19: expected a mapping (\"name: value\"), found a text\n"},
	    {"providers: {mine: {api_key: a}}\n", "weir.yaml:1:13: provider \"mine\" is "
						  "not built in and has no base_url\n"},
	    {"providers: {gorq: {api_key: a}}\n",
		"weir.yaml:1:13: provider \"gorq\" is not built in and has no base_url; "
		"did you mean \"groq\"?\n"},
	    {"providers: {groq: {base_ur: x}}\n",
		"weir.yaml:1:20: unknown option \"base_ur\" in providers.groq; did you "
		"mean \"base_url\"?\n"},
	    {"providers: {groq: {base_url: ftp://h}}\n",
		"weir.yaml:1:30: base_url \"ftp://h\": bad URL; expected "
		"https://HOST/PATH or http://HOST:PORT/PATH\n"},
	    {"providers: {groq: {base_url: \"http://h:99999\"}}\n",
		"weir.yaml:1:30: base_url \"http://h:99999\": bad URL; expected "
		"https://HOST/PATH or http://HOST:PORT/PATH\n"},
	    {"providers: {groq: {base_url: \"http://user:word@h\"}}\n",
		"weir.yaml:1:30: base_url \"@h\": a user name in a URL is not "
		"supported; give the key as api_key\n"},
	    {"providers: {groq: {base_url: \"http://h/v1/chat/completions\"}}\n",
		"weir.yaml:1:30: base_url \"http://h/v1/chat/completions\": the URL "
		"without \"/chat/completions\" is wanted\n"},
	    {"providers: {groq: {api_key: \"\"}}\n",
		"weir.yaml:1:29: api_key is empty\n"},
	    {"providers: {groq: {api_key: []}}\n", "weir.yaml:1:29: api_key is empty\n"},
	    {"providers: {groq: {api_key: {a: b}}}\n",
		"weir.yaml:1:29: expected a key, or a list of keys, found a mapping\n"},
	    {"providers: {groq: {api_key: \"se cret\"}}\n",
		"weir.yaml:1:29: api_key holds a character that no key has\n"},
	    {"providers: {groq: {auth: barer}}\n",
		"weir.yaml:1:26: unknown word \"barer\"; did you mean \"bearer\"?\n"},
	    {"providers: {groq: {auth: none, api_key: a}}\n",
		"weir.yaml:1:41: an api_key and \"auth: none\": one of them is too "
		"much\n"},
	    {"providers: {m: {base_url: \"http://h\", auth: bearer}}\n",
		"weir.yaml:1:13: provider \"m\" has no api_key; without need for one "
		"say \"auth: none\"\n"},
	    {"providers: {groq: {quirks: [Q_USAGE_UNASK]}}\n",
		"weir.yaml:1:29: unknown word \"Q_USAGE_UNASK\"; did you mean "
		"\"Q_USAGE_UNASKED\"?\n"},
	    {"providers: {groq: {quirks: Q_USAGE_UNASKED}}\n",
		"weir.yaml:1:28: expected a list of quirks, found a text\n"},
	    {"providers: {groq: {limits: opena}}\n",
		"weir.yaml:1:28: unknown word \"opena\"; did you mean \"OPENAI\"?\n"},
	    {"providers: {groq: {id_header: \"a b\"}}\n",
		"weir.yaml:1:31: expected the name of a header, found \"a b\"\n"},
	    {"providers: {groq: {dialect: klingon}}\n",
		"weir.yaml:1:29: unknown word \"klingon\"; expected one of openai, "
		"responses, anthropic, gemini, cohere, bedrock\n"},
	    {"providers: {groq: {local: maybe}}\n",
		"weir.yaml:1:27: expected true or false, found \"maybe\"\n"},
	    {"providers: {groq: {data_collection: no}}\n",
		"weir.yaml:1:37: unknown word \"no\"; expected one of allow, deny\n"},
	    {"providers:\n  fireworks: {}\n  fireworks-ai: {}\n",
		"weir.yaml:3:3: \"fireworks-ai\" is another name of \"fireworks\" in "
		"line 2\n"},
	    {"providers: {local: {}}\n", "weir.yaml:1:13: \"local\" is weir's own "
					 "engine; its models are in local.models\n"},
	    {"providers: {\"a b\": {base_url: \"http://h\"}}\n",
		"weir.yaml:1:13: a provider's name is letters, digits, \"-\", \"_\" and "
		"\".\", found \"a b\"\n"},
	    {"providers: {fastest: {base_url: \"http://h\"}}\n",
		"weir.yaml:1:13: \"fastest\" is a policy and cannot be a provider's "
		"name\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		refuse(cases[i].text, cases[i].lines);
}

TEST(roots_are_loaded_for_https_only)
{
	set("GROQ_API_KEY", "k");
	set("MISTRAL_API_KEY", "k");
	set("FAL_KEY", "k"); /* its dialect is not spoken */
	load("providers: {groq: {base_url: \"http://h\"}, mistral: {base_url: "
	     "\"http://h\"}}\n");
	assert_null(loaded->tls_client);
	load("");
	assert_non_null(loaded->tls_client);
	assert_ptr_equal(provider("groq")->host.tls, loaded->tls_client);
	assert_ptr_equal(provider("mistral")->host.tls, loaded->tls_client);
	write_file("bad.pem", S("nothing\n"));
	refuse_like("ca_file: bad.pem\n", "weir.yaml:1:10: ca_file: bad.pem: ");
}

TEST(https_for_callers)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
	    "PATH=/usr/bin:/bin openssl req -x509 -newkey ec -pkeyopt "
	    "ec_paramgen_curve:P-256 -nodes -subj /CN=weir -keyout key.pem -out "
	    "cert.pem -days 1 2>/dev/null");
	if (system(command) != 0)
		skip();
	load("tls: {cert: cert.pem, key: key.pem}\n");
	assert_non_null(loaded->tls_server);
	refuse_like("tls: {cert: cert.pem, key: ./cert.pem}\n",
	    "weir.yaml:1:28: tls.key: ./cert.pem: ");
	refuse_like("tls: {cert: key.pem, key: key.pem}\n",
	    "weir.yaml:1:13: tls.cert: key.pem: ");
	refuse("tls: {key: key.pem}\n",
	    "weir.yaml:1:12: tls.key: tls.cert is wanted as well\n");
}

/* --- models --- */

TEST(what_an_entry_lacks_comes_from_the_catalog)
{
	const struct offer *o;

	load_over_catalog("models:\n  acme/large:\n    - {provider: groq}\n"
			  "    - {provider: together, context: 7, max_output: 5}\n");
	assert_int_equal(model("acme/large")->noffers, 2);
	o = offer("acme/large", 0, "groq", "large-new"); /* not the deprecated one */
	assert_int_equal(o->context_tok, 1000);
	assert_int_equal(o->max_output_tok, 500);
	assert_int_equal(o->prices->rate[USAGE_INPUT].pusd, 500000000000);
	assert_true((o->can & CAP_TOOLS) != 0);
	assert_true((o->cannot & CAP_VISION) != 0);
	assert_false(o->deprecated);
	o = offer("acme/large", 1, "together", "acme/large-t");
	assert_int_equal(o->context_tok, 7);
	assert_int_equal(o->max_output_tok, 5);
	assert_null(o->prices);
	assert_int_equal(model("acme/large")->context_tok, 1000);
	assert_int_equal(loaded->nmodels, 1);
	assert_int_equal(loaded->models[0].line, 2);
}

TEST(an_entry_stands_for_an_offer_of_the_catalog)
{
	const struct offer *o;

	/* A deployment under a name of its own has the price of that model there. */
	load_over_catalog("models:\n  acme/large:\n    - {provider: groq, model: mine}\n"
			  "  other/name:\n    - {provider: groq, model: large-new}\n"
			  "    - {provider: groq, model: large-old}\n"
			  "    - {provider: groq, model: nothing}\n"
			  "  acme/embed: [{provider: groq}]\n"
			  "  my-embed: [{provider: groq, model: embed-1}]\n");
	o = offer("acme/large", 0, "groq", "mine");
	assert_int_equal(o->prices->rate[USAGE_INPUT].pusd, 500000000000);
	/* The lists above replaced the catalog's, but not what it says. */
	o = offer("other/name", 0, "groq", "large-new");
	assert_int_equal(o->context_tok, 1000);
	o = offer("other/name", 1, "groq", "large-old");
	assert_true(o->deprecated);
	o = offer("other/name", 2, "groq", "nothing");
	assert_null(o->prices);
	assert_int_equal(o->context_tok, 0);
	assert_int_equal(model("acme/embed")->op, OP_EMBEDDING);
	assert_int_equal(model("my-embed")->op, OP_EMBEDDING);
	assert_int_equal(model("other/name")->op, OP_CHAT);
}

TEST(an_entry_may_have_another_name_of_the_model)
{
	const struct offer *o;

	load_over_catalog("models:\n  acme/large-2026: [{provider: groq}]\n"
			  "  large: [{provider: groq, model: mine}]\n"
			  "  embed: [{provider: groq}]\n");
	o = offer("acme/large-2026", 0, "groq", "large-new");
	assert_int_equal(o->prices->rate[USAGE_INPUT].pusd, 500000000000);
	assert_int_equal(model("acme/large-2026")->noffers, 1);
	o = offer("large", 0, "groq", "mine");
	assert_int_equal(o->context_tok, 1000);
	assert_int_equal(offer("embed", 0, "groq", "embed-1")->model->op, OP_EMBEDDING);
	assert_int_equal(model("acme/large")->noffers, 3); /* as it was */
}

TEST(every_field_of_an_offer)
{
	const struct offer *o;

	load_over_catalog(
	    "models:\n  acme/large:\n    - provider: groq\n      model: x\n"
	    "      context: 1\n      max_output: 2\n      tools: false\n"
	    "      vision: yes\n      structured_output: true\n      reasoning: off\n"
	    "      audio: true\n      deprecated: true\n"
	    "      price: {input: 0.000001, output: \"1.5\", request: {usd: 5, per: "
	    "1000}}\n");
	o = offer("acme/large", 0, "groq", "x");
	assert_int_equal(o->context_tok, 1);
	assert_int_equal(o->max_output_tok, 2);
	assert_int_equal(o->can, CAP_VISION | CAP_STRUCTURED | CAP_AUDIO);
	assert_int_equal(o->cannot, CAP_TOOLS | CAP_REASONING);
	assert_true(o->deprecated);
	assert_int_equal(o->prices->rate[USAGE_INPUT].pusd, 1000000);
	assert_int_equal(o->prices->rate[USAGE_OUTPUT].pusd, 1500000000000);
	assert_int_equal(o->prices->rate[USAGE_REASONING].pusd, 1500000000000);
	assert_int_equal(o->prices->rate[USAGE_REQUESTS].pusd, 5000000000000);
	assert_int_equal(o->prices->rate[USAGE_REQUESTS].per, 1000);
	assert_null(o->prices->next);
}

TEST(a_price_costs_what_it_says)
{
	struct usage u = {.known = true};
	const struct offer *o;

	load("providers: {mine: {base_url: \"http://h\"}}\nmodels:\n  a:\n"
	     "    - {provider: mine, price: {input: 0.15, cached_input: 0.075, output: "
	     "0.60, second: {usd: 0.111, per: 3600}}}\n"
	     "  free: [{provider: mine, price: {input: 0, output: 0}}]\n"
	     "  unknown: [{provider: mine}]\n");
	o = offer("a", 0, "mine", "a");
	u.count[USAGE_INPUT] = 1000;
	u.count[USAGE_CACHED] = 200;
	u.count[USAGE_OUTPUT] = 50;
	assert_int_equal(price_cost_pusd(o->prices, &u), 150000000 + 15000000 + 30000000);
	u = (struct usage){.known = true};
	u.count[USAGE_SECONDS] = 1;
	assert_int_equal(price_cost_pusd(o->prices, &u), 30833333);
	assert_non_null(offer("free", 0, "mine", "free")->prices);
	assert_null(offer("unknown", 0, "mine", "unknown")->prices);
}

TEST(an_id_that_is_missing_puts_an_offer_out)
{
	set("GROQ_API_KEY", "k");
	set("DEPLOYMENT", "my-large");
	load_warned("models:\n  a:\n    - {provider: groq, model: \"${NONE}\"}\n"
		    "    - {provider: groq, model: \"${DEPLOYMENT}\"}\n",
	    "weir.yaml:3:31: warning: NONE is not set: this offer of \"a\" is left "
	    "out\n");
	assert_string_equal(offer("a", 0, "groq", "${NONE}")->missing, "NONE is not set");
	assert_null(offer("a", 1, "groq", "my-large")->missing);
}

TEST(kinds_of_models)
{
	load("providers: {mine: {base_url: \"http://h\"}}\nmodels:\n"
	     "  a: {kind: embedding, providers: [{provider: mine, price: {input: 1}}]}\n"
	     "  b: {kind: completion, providers: [{provider: mine}]}\n"
	     "  c: {providers: [{provider: mine}]}\n");
	assert_int_equal(model("a")->op, OP_EMBEDDING);
	assert_int_equal(model("b")->op, OP_COMPLETION);
	assert_int_equal(model("c")->op, OP_CHAT);
}

TEST(errors_in_models)
{
	static const struct {
		const char *text, *lines;
	} cases[] = {
	    {"models: []\n", "weir.yaml:1:9: expected a mapping of models to lists of "
			     "providers, found a list\n"},
	    {"models: {a: []}\n",
		"weir.yaml:1:13: expected a list of providers (\"- {provider: NAME, "
		"model: ID}\"), found an empty one\n"},
	    {"models: {a: groq}\n",
		"weir.yaml:1:13: expected a list of providers (\"- {provider: NAME, "
		"model: ID}\"), found a text\n"},
	    {"models: {a: {kind: chat}}\n",
		"weir.yaml:1:13: expected {kind: KIND, providers: [...]}\n"},
	    {"models: {a: {kind: image, providers: [{provider: groq}]}}\n",
		"weir.yaml:1:20: unknown word \"image\"; expected one of chat, "
		"completion, embedding\n"},
	    {"models: {\"a b\": [{provider: groq}]}\n",
		"weir.yaml:1:10: a model's name is up to 256 bytes without blanks, "
		"found \"a b\"\n"},
	    {"models: {a: [groq]}\n",
		"weir.yaml:1:14: expected a mapping (\"name: value\"), found a text\n"},
	    {"models: {a: [{model: b}]}\n",
		"weir.yaml:1:14: an entry of a model wants a provider: {provider: NAME, "
		"model: ID}\n"},
	    {"models: {a: [{provider: gro, context: x}]}\n",
		"weir.yaml:1:25: unknown provider \"gro\"; did you mean \"groq\"?\n"
		"weir.yaml:1:39: expected a whole number from 1 to 1073741824, found "
		"\"x\"\n"},
	    {"models: {a: [{provider: groq, contxt: 1}]}\n",
		"weir.yaml:1:31: unknown option \"contxt\" in models.a; did you mean "
		"\"context\"?\n"},
	    {"models: {a: [{provider: groq}, {provider: groq}]}\n",
		"weir.yaml:1:32: \"a\" of provider \"groq\" is listed twice\n"},
	    {"models: {a: [{provider: groq, price: 1}]}\n",
		"weir.yaml:1:38: expected a mapping (\"name: value\"), found a text\n"},
	    {"models: {a: [{provider: groq, price: {}}]}\n",
		"weir.yaml:1:38: expected prices, like {input: 0.15, output: 0.60}\n"},
	    {"models: {a: [{provider: groq, price: {input: 1}}]}\n",
		"weir.yaml:1:38: the price has no output; where that is free, say so: "
		"output: 0\n"},
	    {"models: {a: [{provider: groq, price: {inpt: 1, output: 1}}]}\n",
		"weir.yaml:1:39: unknown option \"inpt\" in price; did you mean "
		"\"input\"?\n"},
	    {"models: {a: [{provider: groq, price: {input: 1e-7, output: -1}}]}\n",
		"weir.yaml:1:46: expected an amount of USD like \"0.15\", found "
		"\"1e-7\"\n"
		"weir.yaml:1:60: expected an amount of USD like \"0.15\", found "
		"\"-1\"\n"},
	    {"models: {a: [{provider: groq, price: {input: 0.0000000000001, output: "
	     "1}}]}\n",
		"weir.yaml:1:46: expected an amount of USD like \"0.15\", found "
		"\"0.0000000000001\"\n"},
	    {"models: {a: [{provider: groq, price: {request: 1}}]}\n",
		"weir.yaml:1:48: request: expected {usd: AMOUNT, per: UNITS}\n"},
	    {"models: {a: [{provider: groq, price: {request: {usd: 1}}}]}\n",
		"weir.yaml:1:48: expected {usd: AMOUNT, per: UNITS}\n"},
	    {"models: {a: [{provider: groq, price: {request: {usd: 1, per: 0}}}]}\n",
		"weir.yaml:1:62: expected a whole number from 1 to 4294967295, found "
		"\"0\"\n"},
	    {"models: {a: [{provider: groq, price: {input: {usd: 1, per: 999983}, "
	     "output: {usd: 1, per: 999979}}}]}\n",
		"weir.yaml:1:38: the units (\"per\") of these prices have no common "
		"multiple below 4294967295\n"},
	    {"models: {a: [{provider: local, model: smolm2}]}\n",
		"weir.yaml:1:39: unknown local model \"smolm2\"; did you mean "
		"\"smollm2\"?\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		refuse(cases[i].text, cases[i].lines);
}

TEST(a_bad_catalog_is_told)
{
	write_file("catalog.json", S("{\"models\": {\n  \"a\": 7}}\n"));
	refuse_like("catalog: catalog.json\n",
	    "catalog.json:2:8: in model \"a\": a model is an object\n");
	write_file("catalog.json", S("{\"models\""));
	refuse_like("catalog: catalog.json\n", "catalog.json:1:10: expected ");
}

/* --- local models --- */

TEST(smollm2_is_there_once_it_is_fetched)
{
	char path[256];

	load("");
	assert_string_equal(offer("smollm2", 0, "local", "smollm2")->missing,
	    "not fetched: run `make engine`");
	assert_int_equal(system("/bin/mkdir -p c/weir/models"), 0);
	write_file("c/weir/models/SmolLM2-135M-Instruct.Q4_1.gguf", S("GGUF"));
	(void)snprintf(path, sizeof(path), "%s/c", case_home);
	set("XDG_CACHE_HOME", path);
	load("");
	assert_null(offer("smollm2", 0, "local", "smollm2")->missing);
	assert_int_equal(loaded->engines[0].context_tok, 8192);
	load("local: {context: 512}\n");
	assert_int_equal(loaded->engines[0].context_tok, 8192);
}

TEST(local_models_cost_nothing_and_that_is_known)
{
	struct usage u = {.known = true};
	const struct offer *o;

	write_file("m.gguf", S("GGUF"));
	load("local:\n  context: 512\n  models:\n    a: {file: m.gguf}\n"
	     "    b/c: {file: m.gguf, mmproj: m.gguf, context: 1024}\n"
	     "    e: {file: m.gguf, embedding: true}\n"
	     "    smollm2: {file: m.gguf}\n");
	o = offer("a", 0, "local", "a");
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		u.count[c] = 12345;
	assert_non_null(o->prices);
	assert_int_equal(price_cost_pusd(o->prices, &u), 0);
	assert_int_equal(o->context_tok, 512);
	assert_true((o->cannot & CAP_VISION) != 0);
	assert_true(o->provider->local);
	assert_true(provider_is_usable(o->provider));
	o = offer("b/c", 0, "local", "b/c");
	assert_true((o->can & CAP_VISION) != 0);
	assert_int_equal(o->context_tok, 1024);
	assert_int_equal(model("e")->op, OP_EMBEDDING);
	assert_int_equal(model("a")->op, OP_CHAT);
	assert_int_equal(loaded->nengines, 4);
	assert_null(offer("smollm2", 0, "local", "smollm2")->missing);
	assert_int_equal(loaded->engines[1].line, 5);
	assert_int_equal(unlink("m.gguf"), 0);
}

TEST(a_local_model_among_other_offers)
{
	write_file("m.gguf", S("GGUF"));
	load_over_catalog("models:\n  acme/large:\n    - {provider: local, model: tiny}\n"
			  "    - {provider: groq}\n"
			  "  e: [{provider: local, model: embed}]\n"
			  "local:\n  models:\n    tiny: {file: m.gguf, context: 777}\n"
			  "    embed: {file: m.gguf, embedding: true}\n"
			  "    acme/large: {file: m.gguf}\n");
	assert_int_equal(offer("acme/large", 0, "local", "tiny")->context_tok, 777);
	assert_int_equal(model("acme/large")->noffers, 2); /* its list is as written */
	assert_int_equal(model("e")->op, OP_EMBEDDING);
	assert_int_equal(offer("tiny", 0, "local", "tiny")->context_tok, 777);
	assert_int_equal(unlink("m.gguf"), 0);
}

TEST(a_local_model_that_is_missing_is_a_warning)
{
	load_warned("local:\n  models:\n    a: {file: /nowhere/a.gguf}\n"
		    "    b: {file: \"${B_FILE}\"}\n    c: {file: /, mmproj: none}\n",
	    "weir.yaml:3:15: warning: /nowhere/a.gguf: No such file or directory; the "
	    "local model \"a\" is left out\n"
	    "weir.yaml:4:15: warning: B_FILE is not set: the local model \"b\" is left "
	    "out\n"
	    "weir.yaml:5:15: warning: /: not a file; the local model \"c\" is left out\n"
	    "weir.yaml:5:26: warning: none: No such file or directory; the local model "
	    "\"c\" is left out\n");
	assert_string_equal(offer("b", 0, "local", "b")->missing, "B_FILE is not set");
	assert_string_equal(loaded->engines[1].file, "");
	assert_string_equal(loaded->engines[2].missing, "its file: not a file");
}

TEST(local_models_may_be_off)
{
	set("WEIR_LOCAL_ENGINE", "off");
	load("");
	assert_string_equal(provider("local")->missing, "local.engine is off");
}

TEST(errors_in_local_models)
{
	refuse("local: {models: []}\n",
	    "weir.yaml:1:17: expected a mapping of names to models, found a list\n");
	refuse("local: {models: {a: b}}\n",
	    "weir.yaml:1:21: expected a mapping (\"name: value\"), found a text\n");
	refuse("local: {models: {a: {fil: b}}}\n",
	    "weir.yaml:1:18: the local model \"a\" has no file\n"
	    "weir.yaml:1:22: unknown option \"fil\" in local.models.a; did you mean "
	    "\"file\"?\n");
	refuse("local: {model: {}}\n", "weir.yaml:1:9: unknown option \"model\" in "
				       "local; did you mean \"models\"?\n");
	write_file("m.gguf", S("GGUF"));
	refuse("local: {models: {a: {file: m.gguf, context: 1, embedding: so}}}\n",
	    "weir.yaml:1:45: expected a whole number from 128 to 16777216, found \"1\"\n"
	    "weir.yaml:1:59: expected true or false, found \"so\"\n");
	assert_int_equal(unlink("m.gguf"), 0);
}

/* --- keys --- */

TEST(keys_of_callers)
{
	unsigned char hash[KEY_HASH_BYTES];

	set("WEIR_KEY", "sk-weir-test");
	load("keys:\n  - {name: ci, hash: "
	     "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08}\n");
	assert_int_equal(loaded->nkeys, 2);
	key_hash(S("sk-weir-test"), hash);
	assert_string_equal(loaded->keys[0].name, "WEIR_KEY");
	assert_memory_equal(loaded->keys[0].hash, hash, sizeof(hash));
	key_hash(S("test"), hash);
	assert_string_equal(loaded->keys[1].name, "ci");
	assert_memory_equal(loaded->keys[1].hash, hash, sizeof(hash));
	assert_null(loaded->options.key.bytes); /* only the hash is kept */
}

TEST(errors_in_keys)
{
#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	refuse("keys: [{name: a, hash: sk-weir-secret}]\n",
	    "weir.yaml:1:24: expected the SHA-256 of a key as 64 hexadecimal digits; "
	    "`weir key create` prints it\n");
	refuse("keys: [{name: a}]\n", "weir.yaml:1:8: a key is {name: NAME, hash: "
				      "SHA-256}; \"hash\" is missing\n");
	refuse("keys: [{name: \"\", hash: " HASH "}]\n",
	    "weir.yaml:1:15: expected a name, found an empty text\n");
	refuse("keys:\n  - {name: a, hash: " HASH "}\n  - {name: a, hash: " HASH "}\n",
	    "weir.yaml:3:12: a second key of the name \"a\"\n");
	refuse("keys: [{nam: a}, b]\n",
	    "weir.yaml:1:8: a key is {name: NAME, hash: SHA-256}; \"name\" is missing\n"
	    "weir.yaml:1:9: unknown option \"nam\" in keys; did you mean \"name\"?\n"
	    "weir.yaml:1:18: expected a mapping (\"name: value\"), found a text\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RUN(keys_come_from_the_environment),
	    RUN(a_key_that_cannot_be_one_is_left_out),
	    RUN(azure_needs_its_endpoint),
	    RUN(an_entry_changes_just_its_fields),
	    RUN(every_field_of_a_provider),
	    RUN(a_host_without_a_key),
	    RUN(a_variable_that_is_missing_puts_a_provider_out),
	    RUN(every_dialect_can_be_said),
	    RUN(errors_in_providers),
	    RUN(roots_are_loaded_for_https_only),
	    RUN(https_for_callers),
	    RUN(what_an_entry_lacks_comes_from_the_catalog),
	    RUN(an_entry_stands_for_an_offer_of_the_catalog),
	    RUN(an_entry_may_have_another_name_of_the_model),
	    RUN(every_field_of_an_offer),
	    RUN(a_price_costs_what_it_says),
	    RUN(an_id_that_is_missing_puts_an_offer_out),
	    RUN(kinds_of_models),
	    RUN(errors_in_models),
	    RUN(a_bad_catalog_is_told),
	    RUN(smollm2_is_there_once_it_is_fetched),
	    RUN(local_models_cost_nothing_and_that_is_known),
	    RUN(a_local_model_among_other_offers),
	    RUN(a_local_model_that_is_missing_is_a_warning),
	    RUN(local_models_may_be_off),
	    RUN(errors_in_local_models),
	    RUN(keys_of_callers),
	    RUN(errors_in_keys),
	};

	return cmocka_run_group_tests_name(
	    "config_offers", tests, group_setup, group_teardown);
}
