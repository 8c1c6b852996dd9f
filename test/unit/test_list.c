#include "core/list.h"

#include "test.h"

struct item {
	int number;
	struct link link;
};

/* The numbers in order, as text. */
static void
assert_list(struct link *head, const char *want)
{
	char got[64] = "";
	size_t n = 0;

	LIST_FOR_EACH (l, head) {
		struct item *it = CONTAINER_OF(l, struct item, link);

		assert_ptr_equal(l->next->prev, l);
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%d ", it->number);
	}
	assert_string_equal(got, want);
}

static void
make(struct item *items, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		items[i].number = (int)i;
		list_init(&items[i].link);
	}
}

TEST(front_and_back)
{
	struct item items[4];
	struct link head;

	make(items, 4);
	list_init(&head);
	assert_true(list_empty(&head));
	list_push_back(&head, &items[1].link);
	list_push_back(&head, &items[2].link);
	list_push_front(&head, &items[0].link);
	list_push_back(&head, &items[3].link);
	assert_false(list_empty(&head));
	assert_list(&head, "0 1 2 3 ");
}

TEST(remove_is_legal_twice)
{
	struct item items[3];
	struct link head;

	make(items, 3);
	list_init(&head);
	list_remove(&items[0].link); /* in no list */
	for (unsigned i = 0; i < 3; i++)
		list_push_back(&head, &items[i].link);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_true(list_empty(&items[1].link));
	assert_list(&head, "0 2 ");
	list_remove(&items[0].link);
	list_remove(&items[2].link);
	assert_true(list_empty(&head));
	list_push_front(&head, &items[1].link); /* and it may go in again */
	assert_list(&head, "1 ");
}

TEST(walks_see_every_element)
{
	struct item items[5];
	struct link head;
	int seen = 0;

	make(items, 5);
	list_init(&head);
	LIST_FOR_EACH (l, &head)
		fail();
	for (unsigned i = 0; i < 5; i++)
		list_push_back(&head, &items[i].link);
	LIST_FOR_EACH (l, &head)
		assert_int_equal(CONTAINER_OF(l, struct item, link)->number, seen++);
	assert_int_equal(seen, 5);
	LIST_FOR_EACH_SAFE (l, &head)
		if (CONTAINER_OF(l, struct item, link)->number % 2 == 0)
			list_remove(l);
	assert_list(&head, "1 3 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(front_and_back),
	    cmocka_unit_test(remove_is_legal_twice),
	    cmocka_unit_test(walks_see_every_element),
	};

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
