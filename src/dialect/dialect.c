#include "dialect/dialect.h"

const struct dialect *
dialect_find(enum dialect_id id)
{
	switch (id) {
	case DIALECT_OPENAI: return &dialect_openai;
	case DIALECT_RESPONSES: return &dialect_responses;
	case DIALECT_ANTHROPIC: return &dialect_anthropic;
	case DIALECT_COHERE: return &dialect_cohere;
	case DIALECT_BEDROCK: return &dialect_bedrock;
	case DIALECT_GEMINI: return &dialect_gemini;
	default: return NULL;
	}
}
