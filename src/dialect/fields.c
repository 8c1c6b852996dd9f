#include "dialect/fields.h"

/* All rows, a dialect's behind each other as they stand in the table. */
static const struct {
	enum dialect_id dialect;
	struct field field;
} rows[] = {
#define FIELD(dialect, path, meaning, example)                                           \
	{DIALECT_##dialect, {{path, sizeof(path) - 1}, MEANING_##meaning, example}},
#include "dialect/fields.def"
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct field *
fields_find(enum dialect_id d, struct slice path)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].dialect == d && slice_eq(rows[i].field.path, path))
			return &rows[i].field;
	return NULL;
}

const struct field *
fields_for(enum dialect_id d, enum meaning m)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].dialect == d && rows[i].field.meaning == m)
			return &rows[i].field;
	return NULL;
}

const struct field *
fields_at(unsigned i, enum dialect_id *ret_dialect)
{
	if (i >= ROWS)
		return NULL;
	*ret_dialect = rows[i].dialect;
	return &rows[i].field;
}
