#include "admin/hub.h"

#include "admin/admin.h"

_Static_assert(sizeof(((struct services *)0)->serve) / sizeof(service_fn *) >= SERVES,
    "a service for each");

const struct services admin_services = {
    .serve =
	{
	    [SERVE_MODELS] = admin_models,
	    [SERVE_MODEL] = admin_model,
	    [SERVE_GENERATION] = admin_generation,
	    [SERVE_BILLING] = admin_billing,
	    [SERVE_HEALTH] = admin_health,
	    [SERVE_READY] = admin_ready,
	    [SERVE_METRICS] = admin_metrics,
	    [SERVE_ADMIN_LIST] = admin_manage,
	    [SERVE_ADMIN_CREATE] = admin_manage,
	    [SERVE_ADMIN_SHOW] = admin_manage,
	    [SERVE_ADMIN_SET] = admin_manage,
	    [SERVE_ADMIN_REMOVE] = admin_manage,
	    [SERVE_ADMIN_ROTATE] = admin_manage,
	    [SERVE_ADMIN_BLOCK] = admin_manage,
	    [SERVE_ADMIN_UNBLOCK] = admin_manage,
	    [SERVE_ADMIN_CREDITS] = admin_manage,
	    [SERVE_ADMIN_CREDIT] = admin_manage,
	    [SERVE_ADMIN_OWN_KEYS] = admin_manage,
	    [SERVE_ADMIN_OWN_KEY] = admin_manage,
	    [SERVE_ADMIN_OWN_REMOVE] = admin_manage,
	    [SERVE_ADMIN_USAGE] = admin_manage,
	    [SERVE_ADMIN_AUDIT] = admin_manage,
	    [SERVE_ADMIN_OPENAPI] = admin_openapi,
	},
};
