#include "quota/lender.h"

static void
on_mail(void *arg)
{
	struct lease_ask *a = arg;

	a->fn(a);
}

void
lender_answer(struct lease_ask *a)
{
	a->mail.fn = on_mail;
	a->mail.arg = a;
	loop_post(a->loop, &a->mail);
}
