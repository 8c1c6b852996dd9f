/*
 * err: one enumeration of everything that can go wrong, from errors.def. A
 * code has a kind, and the kind alone decides what follows (another provider,
 * the breaker, the bill); no code elsewhere compares HTTP status numbers.
 * The sentence a person reads is not here: it is written where the fault is
 * found.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include <stdbool.h>

enum err {
#define ERROR(code, kind, status, type, name) ERR_##code,
#include "core/errors.def"
	ERR_COUNT
};

enum err_kind {
#define KIND(kind, another, again, breaker, bill) KIND_##kind,
#include "core/errors.def"
	KIND_COUNT
};

enum err_breaker { BREAKER_NONE, BREAKER_COUNT, BREAKER_BENCH };

/* A function whose result must not be dropped. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* One that is called when something is wrong: the compiler keeps the calls, and what
 * leads to them, apart from the code that runs with each request. */
#define SELDOM __attribute__((cold))

/* What an error is; the others ask this. */
enum err_kind err_kind(enum err e);

/* The code's own name without prefix: "CONNECT". Static text. */
const char *err_name(enum err e);

/* The HTTP status of weir's own reply for it. */
unsigned err_status(enum err e);

/* The `type` and the `code` of the error object; "" where it has none. */
const char *err_type(enum err e);
const char *err_code(enum err e);

/* May another provider be tried, as long as no byte was relayed? */
bool err_try_another(enum err e);

/* May the same provider be tried again, when no other is left? */
bool err_try_again(enum err e);

enum err_breaker err_breaker(enum err e);

/* Is what was received before the error to be paid for? */
bool err_bills_partial(enum err e);

#endif
