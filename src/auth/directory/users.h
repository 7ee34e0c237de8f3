/* users.h: who has an account here. The records live in the store itself, in account 0, the directory.
 *
 * State of account 0 (its version grows by one with each change to any user):
 *   "N"             be64  the next account id to give. Ids are never reused, also not after a deletion.
 *   "U/" name       one record, laid out in users.c, with a format version; the store adds the checksum
 *   "G.." "I.." "P/" groups, what was granted to whom, public accounts: groups.h, grants.h
 *   "A/" entry      an annotation of the server: server_metadata.h
 *   "C/" name       what opens the account beside the password: credential.h
 *   "R/" name       the user has a referral
 *   "D/" id id      a device that has signed in: devices.h
 *   "L/" "V/"       aliases and domains: names.h
 *   "Y"             users_secret()
 *   "X/" be64 id    a deleted user whose mail is not removed yet; see users_purge()
 * A name is held normalised (users_normalise_name), so that it is found whichever way it is spelled.
 * Several processes or machines may change the directory at once: a change that meets -ERR_CONFLICT is
 * planned again.
 * Threads: any number on one `struct users`. Calls block on the store; add and set_password also hash. */
#ifndef LOFT_AUTH_USERS_H
#define LOFT_AUTH_USERS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/store.h"

enum {
    USER_NAME_BYTES_MAX = 255,
    USER_PASSWORD_BYTES_MAX = 1024,
    USER_HASH_BYTES_MAX = 128, /* crypto_pwhash_STRBYTES, with its NUL */
    USER_HIDDEN_BYTES_MAX = 255,
    USER_REFERRAL_BYTES_MAX = 255,
    USER_PROVIDER_BYTES_MAX = 31,
    USER_REASON_BYTES_MAX = 127,
};

#define DIRECTORY_ACCOUNT ((struct account_id){ 0 })
#define FIRST_ACCOUNT_ID  UINT64_C(1)

/* What an administrator has put on an account. Both keep everybody from signing in to it, whatever the credential.
 *   disabled  the account is out of use; mail may be refused, too
 *   locked    the account is in use, but somebody else may know its password; mail is delivered */
enum user_hold { USER_DISABLED, USER_LOCKED };

struct user_hold_note {
    int64_t since_ms;                       /* wall clock; 0: not known */
    int64_t until_ms;                       /* ends by itself; 0: when it is taken off */
    char reason[USER_REASON_BYTES_MAX + 1]; /* for administrators; "" */
};

/* A copy of one record: a plain value, owned by whoever holds it. */
struct user {
    char name[USER_NAME_BYTES_MAX + 1];
    struct account_id account;
    int64_t created_ms;    /* wall clock */
    bool disabled, locked; /* enum user_hold; false once `until_ms` has passed */
    bool refuses_mail;     /* while disabled: no mail is taken. Else it is still delivered */
    struct user_hold_note disabled_note, locked_note;
    /* Who answers for the user's passwords: "" is this record. Others: the name of the provider that made the account
     * (provider.h); then `hash` is empty. */
    char provider[USER_PROVIDER_BYTES_MAX + 1];
    int64_t password_changed_ms; /* wall clock; of a record that does not say: when the account was made */
    uint64_t revision;           /* directory version that wrote this record: another one after each change */
    char hidden[USER_HIDDEN_BYTES_MAX + 1]; /* IMAP capabilities not to be announced, with spaces between */
    char referral[USER_REFERRAL_BYTES_MAX + 1]; /* URL of the server where the user's mail is; "": here */
    char hash
        [USER_HASH_BYTES_MAX]; /* argon2id, as crypto_pwhash_str writes it; keep it out of logs and answers */
};

struct users;

struct users_params {
    struct store *store;        /* borrows, until users_free */
    const struct clock *clock;  /* borrows */
    uint64_t hash_passes;       /* argon2id: passes over the memory, at least 1 */
    uint64_t hash_memory_bytes; /* argon2id: memory of one computation, at least 8 KiB */
    uint32_t scram_iterations;  /* of the verifiers that are made with each password; 0: none are made */
    bool scram_sha_1;           /* one for SCRAM-SHA-1, too */
    uint32_t totp_skew_steps;   /* so many codes before and after that of now are taken: second_factor.h */
    bool totp_with_password;    /* a code may stand behind the password */
    const char *totp_issuer;    /* borrows: how authenticator programs title the account; NULL: "Loft" */
};

/* Opens the directory; an empty one is fine. -ERR_IO, -ERR_CORRUPT. */
MUST_USE int users_open(const struct users_params *params, struct users **users_out, struct err *err);
void users_free(struct users **users);

/* A number that grows with each change that was made through `users`, before that returns. What others change, the store
 * tells (mail_directory_version). */
uint64_t users_changes(const struct users *users);

enum { USERS_SECRET_BYTES = 32 };

/* Random bytes that belong to this directory and stay: made when somebody asks for the first time. To make up what must look
 * as if it were kept. -ERR_IO, -ERR_CORRUPT, -ERR_FULL */
MUST_USE int users_secret(struct users *users, unsigned char secret_out[USERS_SECRET_BYTES], struct err *err);

/* Where the directory lies. */
struct store *users_store(const struct users *users);

/* The one spelling of a name, into `out` with a NUL: what stands before the last "@" as RFC 8265, 3.3 (UsernameCaseMapped: width,
 * lower case, NFC) prepares a userpart, and each label behind it in the same way. Beyond the profile: a "/" and a
 * leading "." are in no name, and neither are the blanks with which it would join userparts. A domain is not taken from or
 * to its form with "xn--".
 *   errors  -ERR_INVALID: empty, not UTF-8, or characters that are in no name; -ERR_LIMIT above USER_NAME_BYTES_MAX bytes */
MUST_USE int users_normalise_name(struct str name, char out[USER_NAME_BYTES_MAX + 1], struct err *err);
/* The same of a domain alone. */
MUST_USE int users_normalise_domain(struct str domain, char out[USER_NAME_BYTES_MAX + 1], struct err *err);

/* Create a user with a fresh account id. -ERR_EXISTS; -ERR_INVALID (name; password empty or with a NUL);
 * -ERR_LIMIT. */
MUST_USE int users_add(struct users *users, struct str name, struct str password, struct user *user_out,
                       struct err *err);

/* An account for a user whose password somebody else keeps. Errors of users_add for the name. */
MUST_USE int users_add_foreign(struct users *users, struct str name, const char *provider,
                               struct user *user_out, struct err *err);

/* -ERR_NOT_FOUND; -ERR_INVALID or -ERR_LIMIT for the password; -ERR_CANNOT: a provider keeps it. Sessions that are signed
 * in stay so. */
MUST_USE int users_set_password(struct users *users, struct str name, struct str password, struct err *err);

/* Put a hold on, or take it off (`note` NULL). `note->since_ms` is filled here. Sessions that are signed in stay so: the
 * caller ends them.
 *   refuse_mail  of USER_DISABLED only
 *   errors       -ERR_NOT_FOUND; -ERR_INVALID: an end that has passed, a reason with control characters */
MUST_USE int users_set_hold(struct users *users, struct str name, enum user_hold hold,
                            const struct user_hold_note *note, bool refuse_mail, struct err *err);
/* The same without reason or end. */
MUST_USE int users_set_disabled(struct users *users, struct str name, bool disabled, struct err *err);

/* Announce an IMAP capability to the user's clients no more (hide), or again: for clients with faults. A name that
 * ends in "*" hides all that begin so. -ERR_NOT_FOUND: the user, or what is not hidden; -ERR_EXISTS: hidden already;
 * -ERR_INVALID: no name of a capability; -ERR_LIMIT above USER_HIDDEN_BYTES_MAX. */
MUST_USE int users_hide_capability(struct users *users, struct str name, struct str capability, bool hide,
                                   struct err *err);

/* Send the user's clients to another server once they have signed in (RFC 2221); "" ends that.
 * -ERR_NOT_FOUND; -ERR_INVALID: no IMAP URL; -ERR_LIMIT. */
MUST_USE int users_set_referral(struct users *users, struct str name, struct str url, struct err *err);
/* Is there any user with one? From memory while the directory has not changed; when the store fails, no. */
bool users_have_referrals(struct users *users);

/* Remove the user. Its mail goes with users_purge(), to be called once nothing has the account open any more;
 * what a crash leaves in between is found by users_next_deleted() after the next start. -ERR_NOT_FOUND. */
MUST_USE int users_delete(struct users *users, struct str name, struct account_id *account_out,
                          struct err *err);

/* Drop all mail of a deleted user. -ERR_NOT_FOUND when `account` does not belong to a deleted user. */
MUST_USE int users_purge(struct users *users, struct account_id account, struct err *err);

/* 1 and the account of some deleted user that is not purged yet, or 0. */
MUST_USE int users_next_deleted(struct users *users, struct account_id *account_out, struct err *err);

/* By name, normalised here. Answered from memory while the directory has not changed. Who was added before names followed
 * RFC 8265, and is spelled otherwise now, is found by the name as it was, and keeps it.
 * -ERR_NOT_FOUND, also for a name that users_normalise_name refuses. */
MUST_USE int users_find(struct users *users, struct str name, struct user *user_out, struct err *err);

/* Every user in the byte order of names. Return 0 to go on, 1 to stop, -ERR_x to fail; `user` borrows until
 * `fn` returns. */
typedef int users_fn(void *ctx, const struct user *user, struct err *err);
MUST_USE int users_list(struct users *users, users_fn *fn, void *ctx, struct err *err);

#endif
