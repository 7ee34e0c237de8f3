/* sasl_external.c: EXTERNAL: TLS has proved who the client is.     RFC 4422, A */
#include "auth/sasl/sasl_private.h"
#include "base/utf8.h"

/* The response is the user to act as; empty for the one that the certificate names. */
int sasl_external_step(struct sasl *s, struct str response, struct buf *challenge,
                       struct auth_outcome *outcome, struct err *err)
{
    (void)challenge;
    if (str_find_char(response, '\0') >= 0 || !utf8_is_valid(response))
        return err_set(err, ERR_SYNTAX, "the name is not UTF-8");
    int r = sasl_set_names(s, str_c(s->params.channel->certificate_user), response, err);
    if (r == 0) /* who has the key has something, beside what he may know */
        r = auth_sign_in_identity(s->params.auth, &s->request, true, outcome, err);
    return r;
}
