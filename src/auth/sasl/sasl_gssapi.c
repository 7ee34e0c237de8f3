/* sasl_gssapi.c: GSSAPI: a Kerberos ticket.     RFC 4752 */
#include "auth/sasl/sasl_private.h"

int sasl_gssapi_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                     struct err *err)
{
    char name[USER_NAME_BYTES_MAX + 1], authzid[USER_NAME_BYTES_MAX + 1];
    int r = 0;
    if (!s->gssapi)
        r = gssapi_new(&s->params.settings->gssapi, s->params.peer->protocol, &s->gssapi, err);
    if (r == 0)
        r = gssapi_step(s->gssapi, response, challenge, name, authzid, err);
    if (r == -ERR_AUTH)
        return auth_refuse(s->params.auth, &s->request, AUTH_WRONG, outcome, err);
    if (r == 0 && (r = sasl_set_names(s, str_c(name), str_c(authzid), err)) == 0)
        r = auth_sign_in_identity(s->params.auth, &s->request, false, outcome, err);
    return r;
}
