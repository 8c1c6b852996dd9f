/*
 * wish: the body's `provider` object, by OpenRouter's convention: order, only,
 * ignore, sort, max_price, allow_fallbacks, require_parameters, data_collection.
 */
#ifndef ROUTE_WISH_H
#define ROUTE_WISH_H

#include "core/note.h"
#include "route/name.h"
#include "json/tape.h"

#define WISH_NAMES_MAX 16

struct wish {
	const struct provider *order[WISH_NAMES_MAX];
	const struct provider *only[WISH_NAMES_MAX];
	const struct provider *ignore[WISH_NAMES_MAX];
	unsigned norder, nonly, nignore;
	bool has_only; /* also when none of its names can be used */
	bool has_sort;
	enum policy sort;
	bool no_fallbacks, require_parameters, keep_no_data;
	/* Ceilings in pico-USD for a million tokens, or a request; -1: none. */
	int64_t max_input_pusd, max_output_pusd, max_request_pusd;
};

/* No wish at all. */
void wish_init(struct wish *w);

/*
 * Reads the value v of `provider` (JSON_NONE: none). ERR_BAD_REQUEST with a note
 * and the member's name in *ret_param (static) for what it does not understand:
 * a wish is never passed over.
 */
enum err wish_read(const struct catalog *c, const struct json *j, uint32_t v,
    struct wish *ret_wish, struct note *note, const char **ret_param) MUST_CHECK;

#endif
