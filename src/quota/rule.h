/*
 * rule: lists of what a key may be used for: patterns of names, and networks. Lists are
 * apart by commas; NULL allows everything. Pure.
 */
#ifndef QUOTA_RULE_H
#define QUOTA_RULE_H

#include "net/address.h"

/* Does one of the patterns match the name? A "*" stands for any text; case counts not. */
bool rule_allows(const char *list, struct slice name);

/* Is the address in one of the networks ("10.0.0.0/8", "2001:db8::/32", "127.0.0.1")? */
bool rule_allows_address(const char *list, const struct address *a);

/* The first part of the list that is no network; empty: all are. */
struct slice rule_bad_network(const char *list);

#endif
