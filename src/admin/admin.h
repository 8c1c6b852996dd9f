/* admin: the services, one a function; each replies by request_reply(). */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "proxy/request.h"

/* models.c: GET /v1/models, GET /v1/models/ID */
void admin_models(struct request *r);
void admin_model(struct request *r);

/* generation.c: GET /v1/generation?id= */
void admin_generation(struct request *r);

/* billing.c: POST /api/{namespace}/usage */
void admin_billing(struct request *r);

/* ops.c: GET /healthz, /readyz, /metrics */
void admin_health(struct request *r);
void admin_ready(struct request *r);
void admin_metrics(struct request *r);

/* manage.c: what is under /admin/v1, by the store's thread */
void admin_manage(struct request *r);

/* openapi.c: GET /admin/v1/openapi.json */
void admin_openapi(struct request *r);

#endif
