/* Built without GNU SASL. */
#include "auth/sasl/gssapi.h"

int gssapi_prepare(const struct gssapi_settings *settings, struct err *err)
{
    return settings->keytab[0] ? err_set(err, ERR_CANNOT, "gssapi.keytab: Loft was built without GNU SASL")
                               : 0;
}

int gssapi_new(const struct gssapi_settings *settings, const char *service,
               struct gssapi_exchange **exchange_out, struct err *err)
{
    (void)settings, (void)service, (void)exchange_out;
    return err_set(err, ERR_UNAVAILABLE, "built without GNU SASL");
}

void gssapi_free(struct gssapi_exchange **exchange)
{
    *exchange = NULL;
}

int gssapi_step(struct gssapi_exchange *exchange, struct str response, struct buf *challenge,
                char name_out[USER_NAME_BYTES_MAX + 1], char authzid_out[USER_NAME_BYTES_MAX + 1],
                struct err *err)
{
    (void)exchange, (void)response, (void)challenge, (void)name_out, (void)authzid_out;
    return err_set(err, ERR_UNAVAILABLE, "built without GNU SASL");
}
