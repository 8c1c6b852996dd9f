/*
 * The tables as documents: docs/configuration.md, docs/providers.md, and the
 * list of options for terminals.
 */
#include "dialect/document.h"
#include "config/config.h"
#include "config/option.h"
#include "dialect/dialect.h"

#define GENERATED                                                                        \
	"<!-- Made by `make docs` from the tables of the source; do not edit. -->\n\n"

static void
put(struct buf *to, const char *text)
{
	buf_add(to, slice_str(text));
}

/* "a, b or c" out of "A|B|C", each as code. */
static void
put_names(struct buf *to, struct slice names)
{
	bool first = true;

	while (names.ptr != NULL && names.len > 0) {
		struct slice name = slice_cut(&names, '|');

		buf_printf(to, "%s`%.*s`", first ? "" : " or ", SLICE_ARGS(name));
		first = false;
	}
}

/* --- docs/configuration.md --- */

static const char intro[] =
    "# Configuration\n"
    "\n"
    "weir needs no configuration: it finds provider keys in the environment "
    "([providers](providers.md)),\n"
    "its catalog is built in, and it listens on 127.0.0.1:8080. What is to be "
    "otherwise stands in one\n"
    "YAML file, or in variables. `weir check` reads it as `weir serve` would, tells "
    "all that is wrong, and\n"
    "shows the result with where each value comes from.\n"
    "\n"
    "```yaml\n"
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
    "    tiny: {file: /models/tiny.gguf, context: 4096}\n"
    "```\n"
    "\n"
    "## Where it is looked for\n"
    "\n"
    "The first of these that exists is read, and no other:\n"
    "\n"
    "1. the file that `-c FILE` names (it must exist)\n"
    "2. `./weir.yaml`\n"
    "3. `$XDG_CONFIG_HOME/weir/weir.yaml`, without that variable "
    "`~/.config/weir/weir.yaml`\n"
    "4. `/etc/weir/weir.yaml`\n"
    "\n"
    "Over the file go the variables: every option has one, named `WEIR_` and its path "
    "in upper case with\n"
    "`_` for the dot. `WEIR_UPSTREAM_CONNECT=2s` is `connect: 2s` under `upstream:`. "
    "A variable that is set\n"
    "to nothing counts as not set. In a variable the items of a list stand between "
    "commas.\n"
    "\n"
    "On SIGHUP weir loads its configuration anew. When that has errors, they are "
    "logged and the old one stays.\n"
    "`listen`, `threads` and `data` are taken at the start only.\n"
    "\n"
    "## How it is written\n"
    "\n"
    "- `${NAME}` in a value is replaced by that variable of the environment, for "
    "secrets above all.\n"
    "  `$${` is a `${` that stays. Keys are not replaced. Inside of `{...}` and "
    "`[...]` YAML wants quotes around\n  it: `\"${NAME}\"`.\n"
    "- A variable that is not set is an error, except where it only puts one "
    "candidate out: in a provider's\n"
    "  `api_key` or `base_url`, in the `model` of an offer and in the files of a local "
    "model it is a warning.\n"
    "- Spans are `250ms`, `5s`, `10m`, `2h`, `1d` or several of these (`1m30s`); "
    "sizes `64KiB`, `1MiB`, `2GiB`\n"
    "  (or `64KB`: thousands); amounts are decimal numbers, exact to 12 places; "
    "`true` may also be `yes` or `on`.\n"
    "- In a path a leading `~/` is your home. Relative paths start at the folder that "
    "weir was started in.\n"
    "- A section that is left empty is as one that is not there. Anchors, aliases "
    "and tags of YAML are not supported.\n"
    "\n"
    "Errors have the form of a compiler's, one a line, all at once, and the exit "
    "status is 1:\n"
    "\n"
    "```\n"
    "weir.yaml:2:1: unknown option \"provders\"; did you mean \"providers\"?\n"
    "weir.yaml:9:12: upstream.connect: expected a span of time like \"5s\" or "
    "\"250ms\" from 1ms to 1h, found \"5\"\n"
    "WEIR_THREADS: expected a whole number from 0 to 64, found \"many\"\n"
    "weir.yaml:5:14: warning: MINE_KEY is not set: no key for provider \"mine\"\n"
    "```\n"
    "\n"
    "## Options\n"
    "\n";

static const char providers_text[] =
    "\n"
    "## `providers`\n"
    "\n"
    "A mapping of names to hosts. An entry with the name of a "
    "[built-in provider](providers.md) changes just\n"
    "the fields that it gives; an entry with another name is a new host and needs a "
    "`base_url`. A name is\n"
    "letters, digits, `-`, `_` and `.`; it can then stand in a model string "
    "(`acme/large:mine`,\n"
    "`mine/large-v1`).\n"
    "\n"
    "| field | value | what |\n"
    "|---|---|---|\n"
    "| `base_url` | URL | What the paths of the dialect are put behind: "
    "`https://host/v1`, `http://127.0.0.1:9001/v1`. |\n"
    "| `api_key` | text or list | The key, or several that are taken in turn and "
    "benched one by one; commas part keys as well. Without it a new host is asked "
    "without a key, and a built-in one with the key of its variable. |\n"
    "| `dialect` | word | What it speaks: `openai`, `responses`, `anthropic`, `gemini`, "
    "`cohere` or `bedrock` ([dialects](dialects.md)). |\n"
    "| `auth` | word | How the key is sent: `bearer` (`Authorization: Bearer KEY`), "
    "`api-key` (`api-key: KEY`), `x-api-key` (`x-api-key: KEY`), "
    "`x-goog-api-key`, `aws` (each request is signed with the access key that AWS's own "
    "tools would use), `google` (a token of the service account that "
    "`GOOGLE_APPLICATION_CREDENTIALS` names), `none`. |\n"
    "| `title` | text | Its name for people. |\n"
    "| `quirks` | list | How it deviates from its dialect; "
    "[names](providers.md#quirks). Replaces the built-in list. |\n"
    "| `limits` | mapping | How much weir asks of it at most, see "
    "[limits](#limits-of-providers-and-models); in "
    "it, or as a word in its place, `headers`: whose names its rate-limit headers have; "
    "[styles](providers.md#rate-limit-headers). |\n"
    "| `id_header` | text | The header with its own request id; empty: it has "
    "none. |\n"
    "| `local` | bool | Does what is sent there stay on this machine? By default that "
    "is so for hosts without a key on a loopback address. `:local` goes to local "
    "hosts only. |\n"
    "| `data_collection` | `allow` or `deny` | `deny` says that it keeps no data of "
    "yours: then it also serves requests that want "
    "`provider.data_collection: deny`. Only you know. |\n"
    "| `discount` | percentage | What your account pays less than the list, `12.5%`, or "
    "more, `-10%`; up to two decimals. It is in every cost, exactly, and in the choice "
    "of the cheapest; not where a team's own key is used. |\n"
    "\n";

static const char models_text[] =
    "## `models`\n"
    "\n"
    "A mapping of model ids to lists of offers: who has the model, best first for "
    "`preferred`. The list\n"
    "replaces the one that the catalog has for that id. Instead of the list there may "
    "be a mapping\n"
    "`{kind: embedding, providers: [...], limits: {...}}`; `kind` is `chat`, "
    "`completion` or `embedding`,\n"
    "[`limits`](#limits-of-providers-and-models) are those of the model at all its "
    "providers together. "
    "`{limits: {...}}` alone leaves\n"
    "the offers of the catalog as they are.\n"
    "\n"
    "What an offer does not say comes from the catalog: from the offer of the same "
    "provider with the same\n"
    "upstream id, else from that provider's offer of the same model (of that id, a "
    "further id of the\n"
    "catalog, or the part behind the slash: `gpt-5-mini`). A field of "
    "`price` that is not given is\n"
    "not taken from there: a stated price stands alone, and tells both `input` and "
    "`output`.\n"
    "\n"
    "| field | value | what |\n"
    "|---|---|---|\n"
    "| `provider` | name | Who offers it; required. `local`: a local model. |\n"
    "| `model` | text | The id that the provider knows it by. Default: the catalog's, "
    "else the model's own id. |\n"
    "| `context` | tokens | How much goes into one request, answer included. |\n"
    "| `max_output` | tokens | The longest answer. |\n"
    "| `price` | mapping | What it costs, see below. Where neither the entry nor the "
    "catalog has a price, the cost is unknown, which is not zero. |\n"
    "| `tools`, `vision`, `audio`, `structured_output`, `reasoning` | bool | What it "
    "can and cannot do. What nobody says is tried. |\n"
    "| `deprecated` | bool | Taken last. |\n"
    "| `dialect` | word | The one dialect in which it can be asked, where that is not "
    "its "
    "provider's: `responses` for models that OpenAI serves so only. |\n"
    "\n"
    "Prices are exact decimal numbers of USD for a million tokens, or "
    "`{usd: AMOUNT, per: UNITS}`. Classes\n"
    "without a price of their own cost what the class in the last column does:\n"
    "\n"
    "| field | what | else as |\n"
    "|---|---|---|\n";

static const char rest_text[] =
    "\n"
    "```yaml\n"
    "models:\n"
    "  acme/ear:\n"
    "    - {provider: mine, model: ear-1, price: {second: {usd: 0.111, per: 3600}}}\n"
    "```\n"
    "\n"
    "### Limits of providers and models\n"
    "\n"
    "`limits` of a provider (of weir's own account there, whatever the model) or of a "
    "model (at all of its\n"
    "providers) are what weir sends at most. A candidate at its limit is passed over "
    "for the next one; when\n"
    "no other is left the request is a 429 ([budgets and limits](budgets.md)). They "
    "hold for each process by itself, or for all that share a server "
    "(`shared.url`).\n"
    "\n"
    "| field | value | what |\n"
    "|---|---|---|\n"
    "| `rpm` | number | Requests a minute. |\n"
    "| `tpm`, `input_tpm`, `output_tpm` | number | Tokens a minute: all, of prompts, of "
    "answers. |\n"
    "| `spm` | USD | Money a minute. |\n"
    "| `concurrent` | number | Requests at a time. |\n"
    "\n"
    "```yaml\n"
    "providers:\n"
    "  groq: {limits: {rpm: 300, tpm: 250000, concurrent: 20}}\n"
    "models:\n"
    "  openai/gpt-5: {limits: {spm: 2.50}}\n"
    "```\n"
    "\n"
    "## `keys`\n"
    "\n"
    "Keys that callers may use, by the SHA-256 of their text; `weir key create` "
    "prints both, and keeps keys of\n"
    "its own in the data folder, which need no entry here. Once any key is defined, "
    "every call needs one.\n"
    "\n"
    "```yaml\n"
    "keys:\n"
    "  - {name: ci, hash: "
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}\n"
    "```\n"
    "\n"
    "## `local.models`\n"
    "\n"
    "A mapping of names to GGUF files, each of which becomes a model of that name, "
    "served by llama.cpp's\n"
    "server on this machine. `smollm2` is there without an entry once `make engine` "
    "fetched it; an entry\n"
    "of that name replaces it. A file that is missing is a warning.\n"
    "\n"
    "| field | value | what |\n"
    "|---|---|---|\n"
    "| `file` | path | The model; required. |\n"
    "| `mmproj` | path | Its projector for images. Without one the model takes text "
    "only. |\n"
    "| `context` | tokens | Of one request. Default: `local.context`. |\n"
    "| `embedding` | bool | It makes embeddings, not answers. |\n"
    "\n"
    "A local model may also be one of several offers of a model: "
    "`{provider: local, model: tiny}`.\n";

static void
put_range(struct buf *to, const struct option_row *row)
{
	struct slice range = slice_str(row->range);
	size_t mid = slice_search(range, S(".."));

	if (range.len > 0)
		buf_printf(to, "%.*s to %s", (int)mid, range.ptr, range.ptr + mid + 2);
}

static void
document_option(const struct option_row *row, struct buf *to)
{
	char variable[OPTION_VARIABLE_MAX];

	buf_printf(to, "| `%s` | `%s` | ", row->path, option_variable(row, variable));
	if (row->value[0] != '\0')
		buf_printf(to, "`%s`", row->value);
	put(to, " | ");
	put_range(to, row);
	put(to, " | ");
	document_cell(to, row->help);
	put(to, " |\n");
}

static void
document_classes(struct buf *to)
{
	for (unsigned i = 0; i < USAGE_CLASSES; i++) {
		enum usage_class class = (enum usage_class)i, as = usage_instead(class);
		const char *key = usage_key(class);

		buf_printf(to, "| `%s` | ", key);
		if (usage_is_tokens(class))
			buf_printf(to, "USD for a million of %s", usage_name(class));
		else
			buf_printf(
			    to, "`{usd: AMOUNT, per: UNITS}` of %s", usage_name(class));
		if (as == class)
			put(to,
			    usage_is_tokens(class) ? " | unknown |\n" : " | free |\n");
		else
			buf_printf(to, " | `%s` |\n", usage_key(as));
	}
}

void
config_document(struct buf *to)
{
	unsigned n;
	const struct option_row *rows = option_rows(&n);

	put(to, GENERATED);
	put(to, intro);
	for (unsigned i = 0; i < n; i++) {
		if (rows[i].type != OPTION_SECTION) {
			document_option(&rows[i], to);
			continue;
		}
		if (rows[i].path[0] != '\0')
			buf_printf(to, "\n### `%s`\n\n", rows[i].path);
		buf_printf(to,
		    "%s\n\n| option | variable | default | range | what |\n"
		    "|---|---|---|---|---|\n",
		    rows[i].help);
	}
	put(to, providers_text);
	put(to, models_text);
	document_classes(to);
	put(to, rest_text);
}

/* --- docs/providers.md --- */

static const char providers_intro[] =
    "# Providers\n"
    "\n"
    "weir knows these hosts. Set the variable of one to your key and it is used; "
    "several keys stand between\n"
    "commas and are taken in turn. Entries of `providers:` change and add hosts "
    "([configuration](configuration.md#providers)):\n"
    "\n"
    "```yaml\n"
    "providers:\n"
    "  mine:\n"
    "    base_url: https://llm.example.org/v1\n"
    "    api_key: ${MINE_KEY}\n"
    "  groq:                             # built in: just the key is another\n"
    "    api_key: [\"${GROQ_KEY_A}\", \"${GROQ_KEY_B}\"]\n"
    "```\n"
    "\n"
    "| name | host | variable of the key | base URL | dialect | request id | quirks |\n"
    "|---|---|---|---|---|---|---|\n";

static const char providers_notes[] =
    "\n"
    "A host whose dialect is `native` is known by name and not spoken to. Those with an "
    "optional key\n"
    "run on your own machine; they are asked without one, and what is sent there is "
    "local. Where a base URL\n"
    "holds `${NAME}`, that variable must be set as well.\n"
    "\n"
    "`bedrock` without its variable signs requests with the access key that AWS's own "
    "tools would use.\n"
    "`vertex` without its variable (a key of Vertex in express mode) uses the service "
    "account whose file\n"
    "`GOOGLE_APPLICATION_CREDENTIALS` names, in the project `GOOGLE_CLOUD_PROJECT` (else "
    "the account's own)\n"
    "and at the location `GOOGLE_CLOUD_LOCATION` (else `global`); each thread gets a "
    "token of its own, and\n"
    "another some minutes before that ends.\n"
    "\n"
    "## Quirks\n"
    "\n"
    "Where a host deviates from its dialect:\n"
    "\n"
    "| name | what |\n"
    "|---|---|\n";

static const char limits_text[] =
    "\n"
    "## Rate-limit headers\n"
    "\n"
    "What a host says about what is left keeps weir from asking it in vain: a key "
    "without room for a request\n"
    "is not used for it until the limit is full again, for ten minutes at most. A new "
    "host of the dialects\n"
    "`openai` and `responses` has the style `OPENAI`, one of `anthropic` the style "
    "`ANTHROPIC`, others `NONE`.\n"
    "The limits are those of each model, with `FIREWORKS` those of all models "
    "together. The styles:\n"
    "\n"
    "| name | requests left | full again | tokens left | full again | input tokens "
    "left | full again | output tokens left | full again |\n"
    "|---|---|---|---|---|---|---|---|---|\n";

static void
put_code(struct buf *to, const char *text)
{
	if (text[0] != '\0')
		buf_printf(to, "`%s`", text);
}

static void
document_row(const struct provider_row *row, struct buf *to)
{
	bool first = true;

	buf_printf(to, "| `%s`", row->name);
	if (row->alias[0] != '\0')
		buf_printf(to, ", `%s`", row->alias);
	buf_printf(to, " | %s | ", row->title);
	put_names(to, slice_str(row->key_variable));
	put(to, row->auth == AUTH_OPTIONAL ? " (optional) | " : " | ");
	put_code(to, row->base_url);
	buf_printf(to, " | %s%s | ", dialect_name(row->dialect),
	    dialect_find(row->dialect) == NULL ? " (not spoken)" : "");
	put_code(to, row->id_header);
	put(to, " | ");
	for (unsigned i = 0; i < QUIRKS; i++) {
		if ((row->quirks & (1u << i)) == 0)
			continue;
		buf_printf(to, "%s`%s`", first ? "" : ", ", quirk_name(i));
		first = false;
	}
	put(to, " |\n");
}

static void
document_limits(struct buf *to)
{
	static const char *const names[] = {
#define LIMITS(style, ...) #style,
#include "provider/limits.def"
	};

	for (unsigned i = 0; i < LIMITS_STYLES; i++) {
		const char *const *headers = provider_limits((enum limits_style)i);

		buf_printf(to, "| `%s`", names[i]);
		for (unsigned k = 0; k < PROVIDER_LIMITS; k++) {
			put(to, " | ");
			put_code(to, headers[k]);
		}
		put(to, " |\n");
	}
}

void
config_document_providers(struct buf *to)
{
	unsigned n;
	const struct provider_row *rows = provider_rows(&n);

	put(to, GENERATED);
	put(to, providers_intro);
	for (unsigned i = 0; i < n; i++)
		if (rows[i].auth != AUTH_ENGINE)
			document_row(&rows[i], to);
	put(to, providers_notes);
	for (unsigned i = 0; i < QUIRKS; i++)
		buf_printf(to, "| `%s` | %s |\n", quirk_name(i), quirk_text(i));
	put(to, limits_text);
	document_limits(to);
}

/* --- weir help options --- */

#define HELP_NAME    24 /* columns */
#define HELP_DEFAULT 16
#define HELP_TEXT    39

/* As much of the text as fits into the last column, cut off it at a blank. */
static struct slice
cut_line(struct slice *text)
{
	struct slice line = slice_head(*text, HELP_TEXT);

	if (line.len < text->len)
		line.len = slice_rfind(slice_head(*text, HELP_TEXT + 1), ' ');
	if (line.len > HELP_TEXT) /* a word that is longer than the column */
		line.len = HELP_TEXT;
	*text = slice_trim(slice_from(*text, line.len));
	return line;
}

static void
help_option(const struct option_row *row, struct buf *to)
{
	char plain[512];
	struct slice text = {plain, 0}, line;

	for (const char *p = row->help; *p != '\0' && text.len < sizeof(plain); p++)
		if (*p != '`')
			plain[text.len++] = *p;
	line = cut_line(&text);
	buf_printf(to, "%-*s %-*s%.*s\n", HELP_NAME - 1, row->path, HELP_DEFAULT,
	    row->value, SLICE_ARGS(line));
	while (text.len > 0) {
		line = cut_line(&text);
		buf_printf(
		    to, "%*s%.*s\n", HELP_NAME + HELP_DEFAULT, "", SLICE_ARGS(line));
	}
}

void
config_help(struct buf *to)
{
	unsigned n;
	const struct option_row *rows = option_rows(&n);

	put(to, "Options of the file, a section a name before the dot. The variable of "
		"one is\nWEIR_ and its name in upper case, _ for the dot: "
		"WEIR_UPSTREAM_CONNECT.\n\n");
	buf_printf(
	    to, "%-*s%-*s%s\n", HELP_NAME, "OPTION", HELP_DEFAULT, "DEFAULT", "WHAT");
	for (unsigned i = 0; i < n; i++)
		if (rows[i].type != OPTION_SECTION)
			help_option(&rows[i], to);
}
