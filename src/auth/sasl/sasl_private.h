/* sasl_private.h: what the mechanisms share: sasl.c has the table of them. */
#ifndef LOFT_AUTH_SASL_PRIVATE_H
#define LOFT_AUTH_SASL_PRIVATE_H

#include "auth/sasl/sasl.h"
#include "auth/scram.h"

struct sasl_scram;

struct sasl_ops {
    const char *name;
    unsigned bit, plus_bit; /* enum sasl_mechanism; plus_bit: its sister with channel binding, or 0 */
    bool plus;              /* it is that sister */
    enum scram_hash hash;
    bool server_first; /* it has something to say before the client does */
    /* As sasl_step; without server_first `response` is not NIL. Not called again once it has returned 0 or an error. */
    int (*step)(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                struct err *err);
};

struct sasl {
    const struct sasl_ops *ops;
    struct sasl_params params;
    struct auth_request request; /* authcid and authzid borrow the names below */
    char authcid[USER_NAME_BYTES_MAX + 1], authzid[USER_NAME_BYTES_MAX + 1];
    unsigned step; /* how many responses it has taken */
    bool over;
    struct sasl_scram *scram;
    struct gssapi_exchange *gssapi;
    /* The end that a last challenge has told already: what the response to it leads to. */
    bool decided;
    int result;
    struct auth_outcome outcome;
    struct err err;
};

/* Who asks. -ERR_LIMIT above USER_NAME_BYTES_MAX. */
MUST_USE int sasl_set_names(struct sasl *s, struct str authcid, struct str authzid, struct err *err);

/* The outcome is known, and told by a challenge that has been written: 1, and the next response ends it with `result`. */
int sasl_decide(struct sasl *s, int result, const struct auth_outcome *outcome, const struct err *err);

int sasl_plain_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                    struct err *err);
int sasl_login_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                    struct err *err);
int sasl_external_step(struct sasl *s, struct str response, struct buf *challenge,
                       struct auth_outcome *outcome, struct err *err);
int sasl_oauthbearer_step(struct sasl *s, struct str response, struct buf *challenge,
                          struct auth_outcome *outcome, struct err *err);
int sasl_xoauth2_step(struct sasl *s, struct str response, struct buf *challenge,
                      struct auth_outcome *outcome, struct err *err);
int sasl_gssapi_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                     struct err *err);
int sasl_scram_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                    struct err *err);
void sasl_scram_free(struct sasl *s);
bool sasl_scram_is_open(const struct sasl_scram *scram); /* server-first was sent, and no proof came */

#endif
