#include "admin/hub.h"

#include "admin/admin.h"

const struct services admin_services = {
    .serve =
	{
	    [SERVE_MODELS] = admin_models,
	    [SERVE_MODEL] = admin_model,
	    [SERVE_GENERATION] = admin_generation,
	    [SERVE_HEALTH] = admin_health,
	    [SERVE_READY] = admin_ready,
	    [SERVE_METRICS] = admin_metrics,
	},
};
