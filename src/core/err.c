#include "core/err.h"

#include <assert.h>

#define NO	false
#define YES	true
#define PARTIAL true

static const struct {
	bool another, again;
	enum err_breaker breaker;
	bool partial;
} kinds[] = {
#define KIND(kind, another, again, breaker, bill)                                        \
	[KIND_##kind] = {another, again, BREAKER_##breaker, bill},
#include "core/errors.def"
};

static const struct {
	const char *name;
	enum err_kind kind;
	unsigned status;
	const char *type, *code;
} errors[] = {
#define ERROR(code, kind, status, type, name)                                            \
	[ERR_##code] = {#code, KIND_##kind, status, type, name},
#include "core/errors.def"
};

enum err_kind
err_kind(enum err e)
{
	assert(e < ERR_COUNT);
	return errors[e].kind;
}

const char *
err_name(enum err e)
{
	assert(e < ERR_COUNT);
	return errors[e].name;
}

unsigned
err_status(enum err e)
{
	assert(e < ERR_COUNT);
	return errors[e].status;
}

const char *
err_type(enum err e)
{
	assert(e < ERR_COUNT);
	return errors[e].type;
}

const char *
err_code(enum err e)
{
	assert(e < ERR_COUNT);
	return errors[e].code;
}

bool
err_try_another(enum err e)
{
	return kinds[err_kind(e)].another;
}

bool
err_try_again(enum err e)
{
	return kinds[err_kind(e)].again;
}

enum err_breaker
err_breaker(enum err e)
{
	return kinds[err_kind(e)].breaker;
}

bool
err_bills_partial(enum err e)
{
	return kinds[err_kind(e)].partial;
}
