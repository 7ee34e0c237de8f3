#include "auth/sasl/gssapi.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOST_BYTES = 256 };

struct gssapi_exchange {
    const struct gssapi_settings *settings;
    Gsasl *library;
    Gsasl_session *session;
};

/* Who may come in is decided elsewhere; that the ticket is good is all we ask of GNU SASL. */
static int on_property(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
    (void)library, (void)session;
    return property == GSASL_VALIDATE_GSSAPI ? GSASL_OK : GSASL_NO_CALLBACK;
}

int gssapi_new(const struct gssapi_settings *settings, const char *service,
               struct gssapi_exchange **exchange_out, struct err *err)
{
    struct gssapi_exchange *x = calloc(1, sizeof *x);
    char host[HOST_BYTES] = "localhost";
    if (!x)
        abort();
    x->settings = settings;
    if (settings->host[0])
        snprintf(host, sizeof host, "%s", settings->host);
    else if (gethostname(host, sizeof host - 1) < 0)
        snprintf(host, sizeof host, "localhost");
    int r = gsasl_init(&x->library);
    if (r == GSASL_OK) {
        gsasl_callback_set(x->library, on_property);
        r = gsasl_server_start(x->library, "GSSAPI", &x->session);
    }
    if (r == GSASL_OK)
        r = gsasl_property_set(x->session, GSASL_SERVICE, service);
    if (r == GSASL_OK)
        r = gsasl_property_set(x->session, GSASL_HOSTNAME, host);
    if (r != GSASL_OK) {
        gssapi_free(&x);
        return err_set(err, ERR_UNAVAILABLE, "GSSAPI: %s", gsasl_strerror(r));
    }
    *exchange_out = x;
    return 0;
}

void gssapi_free(struct gssapi_exchange **exchange)
{
    struct gssapi_exchange *x = *exchange;
    if (!x)
        return;
    if (x->session)
        gsasl_finish(x->session);
    if (x->library)
        gsasl_done(x->library);
    free(x);
    *exchange = NULL;
}

static int failure(int r, struct err *err)
{
    bool ours = r == GSASL_GSSAPI_ACQUIRE_CRED_ERROR || r == GSASL_MALLOC_ERROR;
    return err_set(err, ours ? ERR_UNAVAILABLE : ERR_AUTH, "GSSAPI: %s", gsasl_strerror(r));
}

static int take_names(struct gssapi_exchange *x, char name_out[USER_NAME_BYTES_MAX + 1],
                      char authzid_out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    struct str authzid = str_c(gsasl_property_fast(x->session, GSASL_AUTHZID));
    struct str name = str_c(gsasl_property_fast(x->session, GSASL_GSSAPI_DISPLAY_NAME));
    if (authzid.n > USER_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a name of more than %d bytes", USER_NAME_BYTES_MAX);
    if (authzid.n)
        memcpy(authzid_out, authzid.p, authzid.n);
    authzid_out[authzid.n] = '\0';
    return gssapi_user_of(name, str_c(x->settings->realms), name_out, err);
}

int gssapi_step(struct gssapi_exchange *x, struct str response, struct buf *challenge,
                char name_out[USER_NAME_BYTES_MAX + 1], char authzid_out[USER_NAME_BYTES_MAX + 1],
                struct err *err)
{
    char *out = NULL;
    size_t out_n = 0;
    int r = gsasl_step(x->session, response.p ? response.p : "", response.n, &out, &out_n);
    if (r == GSASL_NEEDS_MORE && out_n > 0)
        buf_add_bytes(challenge, out, out_n);
    gsasl_free(out);
    if (r == GSASL_NEEDS_MORE)
        return 1;
    return r == GSASL_OK ? take_names(x, name_out, authzid_out, err) : failure(r, err);
}

/* The library looks for our key when it gets the first token: give it one that is none. */
static int try_keytab(const struct gssapi_settings *settings, struct err *err)
{
    struct gssapi_exchange *x = NULL;
    char name[USER_NAME_BYTES_MAX + 1], authzid[USER_NAME_BYTES_MAX + 1];
    struct buf challenge = BUF_INIT;
    int r = gssapi_new(settings, "imap", &x, err);
    if (r == 0)
        r = gssapi_step(x, STR("x"), &challenge, name, authzid, err);
    gssapi_free(&x);
    buf_deinit(&challenge);
    if (r == -ERR_UNAVAILABLE)
        return err_set(err, ERR_INVALID, "gssapi.keytab: %s has no key of imap/%s that can be read",
                       settings->keytab, settings->host[0] ? settings->host : "this machine");
    return 0;
}

int gssapi_prepare(const struct gssapi_settings *settings, struct err *err)
{
    if (!settings->keytab[0])
        return 0;
    if (!settings->realms[0])
        return err_set(err, ERR_INVALID, "gssapi.keytab needs gssapi.realms");
    /* A token that is sent again is of no use without the key in it, which the last step of RFC 4752 asks for: so no file of
     * tokens that were seen is kept. */
    if (setenv("KRB5_KTNAME", settings->keytab, 1) < 0 || setenv("KRB5RCACHENAME", "none:", 1) < 0)
        abort();
    return try_keytab(settings, err);
}
