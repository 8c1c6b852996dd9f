#include "dialect/dialect.h"

const struct dialect *
dialect_find(enum dialect_id id)
{
	return id == DIALECT_OPENAI ? &dialect_openai : NULL;
}
