/* credential.h: the record of what opens an account beside the hash in the user's own record: SCRAM verifiers, the second factor,
 * app passwords. What is done with them: second_factor.h, app_password.h, provider_own.h.
 *
 * State of account 0:
 *   "C/" name            one record, laid out in credential.c, with a format version; the store adds the checksum
 *   "C/" name "/" be64   when and from where an app password was last used: app_password.c
 * A record belongs to an account id: who gets the name of a deleted user gets none of it. It goes with its user.
 *
 * Every change that takes something away, or asks for more, writes the user's record in the same commit, with a new revision: so
 * whatever was remembered of earlier sign-ins no longer holds once it returns.
 * Threads: any; calls block on the store. */
#ifndef LOFT_AUTH_CREDENTIAL_H
#define LOFT_AUTH_CREDENTIAL_H

#include "auth/own/totp.h"
#include "auth/own/verifier.h"

enum {
    CREDENTIAL_HASH_BYTES = 32, /* BLAKE2b */
    RECOVERY_CODES_MAX = 10,
    APP_PASSWORDS_MAX = 64, /* of one user */
    APP_PASSWORD_LABEL_BYTES_MAX = 64,
    APP_PASSWORD_NETWORKS_BYTES_MAX = 500,
};

/* What an app password is good for. Bits are stored: they never change their meaning. */
enum credential_scope {
    SCOPE_IMAP = 1u << 0,
    SCOPE_POP3 = 1u << 1,
    SCOPE_SUBMISSION = 1u << 2,
    SCOPE_SIEVE = 1u << 3,
    SCOPE_DELIVERY = 1u << 4,
    SCOPE_DAV = 1u << 5,
    SCOPE_JMAP = 1u << 6,
};
#define SCOPES_ALL 0x7fu

/* "imap", the name of a protocol in struct auth_peer, too; 0: none of these. */
enum credential_scope credential_scope_by_name(struct str name);
/* "imap,sieve"; "" for 0, which means everything. */
void credential_scopes_text(uint32_t scopes, struct buf *out);
/* The reverse, with commas or spaces between; "" and "all" are 0. -ERR_INVALID */
MUST_USE int credential_scopes_parse(struct str text, uint32_t *scopes_out, struct err *err);

struct app_password {
    uint64_t id; /* of this user; never given again */
    char label[APP_PASSWORD_LABEL_BYTES_MAX + 1];
    char networks[APP_PASSWORD_NETWORKS_BYTES_MAX +
                  1];               /* addresses and networks, spaces between; "": from anywhere */
    int64_t created_ms, expires_ms; /* wall; 0: never */
    uint32_t scopes;                /* 0: everything */
    bool read_only;
    unsigned char hash[CREDENTIAL_HASH_BYTES]; /* app_password.c */
    struct verifiers verifiers;
};

enum second_factor_state {
    SECOND_FACTOR_NONE,
    SECOND_FACTOR_PENDING, /* a secret was made, and no code of it has been shown yet: asks for nothing */
    SECOND_FACTOR_ACTIVE,
};

struct credential {
    struct account_id account;
    struct verifiers verifiers; /* of the password */
    struct {
        enum second_factor_state state;
        int64_t since_ms; /* wall */
        unsigned char secret[TOTP_SECRET_BYTES];
        uint64_t used_step; /* the last whose code was taken: that one and all before are used up */
        unsigned char recovery[RECOVERY_CODES_MAX][CREDENTIAL_HASH_BYTES]; /* those not used yet */
        size_t recovery_count;
    } totp;
    uint64_t next_app_password;         /* id */
    struct app_password *app_passwords; /* heap; in order of their ids */
    size_t app_password_count;
};

void credential_init(struct credential *credential, struct account_id account); /* of one who has nothing */
void credential_deinit(struct credential *credential);                          /* wipes, and frees */

struct app_password *credential_find_app_password(struct credential *credential, uint64_t id); /* NULL */
/* The place for one more; the caller fills it. At most APP_PASSWORDS_MAX are there: the caller has looked. */
struct app_password *credential_add_app_password(struct credential *credential);
void credential_remove_app_password(struct credential *credential, uint64_t id);

/* Those whose salts a new password takes: of the app passwords, so that they stay of use; else, for an app password, those of the
 * password. NULL: none. Borrows. */
const struct verifiers *credential_salts(const struct credential *credential, bool for_app_password);

void credential_encode(const struct credential *credential, struct buf *out); /* a secret: wipe it */
/* Into a record that credential_init made, or none did: what was in it is not looked at.
 * -ERR_CORRUPT; then nothing needs credential_deinit. */
MUST_USE int credential_decode(struct str value, struct credential *credential_out, struct err *err);

/* The user's record, or an empty one; the caller calls credential_deinit. -ERR_CORRUPT, -ERR_IO. */
MUST_USE int credential_read(struct users *users, const struct user *user, struct credential *credential_out,
                             struct err *err);

/* ---- changes ---- */

/* Change the record of `user` in one commit.
 *   plan   looks and edits; may be called again, with what others have written meanwhile. Returns 0 to commit, 1 when there is
 *          nothing to write, or an error, which is returned
 *   user   whose account it must still be; -ERR_NOT_FOUND when the name has gone to somebody else, or to nobody */
typedef int credential_plan_fn(void *args, struct credential *credential, const struct user *user,
                               struct err *err);
enum credential_effect {
    CREDENTIAL_ADDS,   /* what was right stays right */
    CREDENTIAL_REVOKES /* the user's record gets a new revision */
};
MUST_USE int credential_change(struct users *users, const struct user *user, enum credential_effect effect,
                               credential_plan_fn *plan, void *args, struct err *err);

/* For users.c, inside its own commits: the password of `user` is another one from now on. */
MUST_USE int credential_plan_password(struct users *users, const struct user *user,
                                      const struct verifiers *verifiers, struct batch *batch,
                                      struct err *err);
/* The user goes: so does all of this. */
void credential_plan_delete(const char *user_name, struct batch *batch);

/* "C/" name "/" be64: the key of an app password's last use. */
void credential_use_key(const char *user_name, uint64_t app_password, struct buf *key);

#endif
