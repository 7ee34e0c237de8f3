#include "imap/capability.h"

#include "imap/cmd/limit.h"
#include "imap/cmd/login.h"
#include "net/addr.h"

#include <stdio.h>

enum when {
    ALWAYS = 1,
    BEFORE_LOGIN = 2,
    AFTER_LOGIN = 4,
    IF_STARTTLS = 8,        /* the listener offers it and it is not on yet */
    IF_NO_LOGIN = 32,       /* passwords may not be sent */
    IF_UNAUTHENTICATE = 64, /* it is not switched off */
    IF_LANGUAGES = 128,     /* there is a catalogue */
    IF_REFERRALS = 256,     /* some user has one */
};

static const struct {
    const char *name;
    unsigned when;
} capabilities[] = {
    { "IMAP4rev2", ALWAYS },
    { "IMAP4rev1", ALWAYS },
    { "LITERAL-", BEFORE_LOGIN }, /* RFC 7888, 5: a stranger sends small ones only */
    { "LITERAL+", AFTER_LOGIN },  /* RFC 7888, 4 */
    { "SASL-IR", BEFORE_LOGIN },  /* RFC 4959 */
    { "STARTTLS", BEFORE_LOGIN | IF_STARTTLS },
    { "LOGINDISABLED", BEFORE_LOGIN | IF_NO_LOGIN },
    { "AUTH=", BEFORE_LOGIN },                             /* each mechanism that is offered */
    { "LOGIN-REFERRALS", BEFORE_LOGIN | IF_REFERRALS },    /* RFC 2221 */
    { "ID", ALWAYS },                                      /* RFC 2971 */
    { "ENABLE", ALWAYS },                                  /* RFC 5161 */
    { "LANGUAGE", IF_LANGUAGES },                          /* RFC 5255, 3.1: also in the greeting */
    { "UTF8=ACCEPT", AFTER_LOGIN },                        /* RFC 9755 */
    { "IDLE", AFTER_LOGIN },                               /* RFC 2177 */
    { "NOTIFY", AFTER_LOGIN },                             /* RFC 5465 */
    { "COMPRESS=DEFLATE", AFTER_LOGIN },                   /* RFC 4978 */
    { "UNAUTHENTICATE", AFTER_LOGIN | IF_UNAUTHENTICATE }, /* RFC 8437 */
    { "NAMESPACE", AFTER_LOGIN },                          /* RFC 2342 */
    { "ACL", AFTER_LOGIN },                                /* RFC 4314 */
    { "RIGHTS=texk", AFTER_LOGIN },                        /* RFC 4314, 5.1.1 */
    { "LIST-MYRIGHTS", AFTER_LOGIN },                      /* RFC 8440 */
    { "CHILDREN", AFTER_LOGIN },                           /* RFC 3348 */
    { "UIDPLUS", AFTER_LOGIN },                            /* RFC 4315 */
    { "UNSELECT", AFTER_LOGIN },                           /* RFC 3691 */
    { "MOVE", AFTER_LOGIN },                               /* RFC 6851 */
    { "CONDSTORE", AFTER_LOGIN },                          /* RFC 7162 */
    { "QRESYNC", AFTER_LOGIN },                            /* RFC 7162 */
    { "UIDONLY", AFTER_LOGIN },                            /* RFC 9586 */
    { "UIDBATCHES", AFTER_LOGIN },                         /* RFC 10022 */
    { "ESEARCH", AFTER_LOGIN },                            /* RFC 4731 */
    { "SEARCHRES", AFTER_LOGIN },                          /* RFC 5182 */
    { "SEARCH=FUZZY", AFTER_LOGIN },                       /* RFC 6203 */
    { "MULTISEARCH", AFTER_LOGIN },                        /* RFC 7377 */
    { "INPROGRESS", AFTER_LOGIN },                         /* RFC 9585 */
    { "CONTEXT=SEARCH", AFTER_LOGIN },                     /* RFC 5267 */
    { "CONTEXT=SORT", AFTER_LOGIN },                       /* RFC 5267 */
    { "PARTIAL", AFTER_LOGIN },                            /* RFC 9394 */
    { "WITHIN", AFTER_LOGIN },                             /* RFC 5032 */
    { "SORT", AFTER_LOGIN },                               /* RFC 5256 */
    { "SORT=DISPLAY", AFTER_LOGIN },                       /* RFC 5957 */
    { "ESORT", AFTER_LOGIN },                              /* RFC 5267 */
    { "THREAD=ORDEREDSUBJECT", AFTER_LOGIN },              /* RFC 5256 */
    { "THREAD=REFERENCES", AFTER_LOGIN },                  /* RFC 5256 */
    { "THREAD=REFS", AFTER_LOGIN },                        /* draft-ietf-morg-inthread */
    { "I18NLEVEL=2", AFTER_LOGIN },                        /* RFC 5255, 4.4: it includes I18NLEVEL=1 */
    { "LIST-EXTENDED", AFTER_LOGIN },                      /* RFC 5258 */
    { "METADATA", AFTER_LOGIN },                           /* RFC 5464 */
    { "METADATA-SERVER", AFTER_LOGIN },                    /* RFC 5464 */
    { "LIST-METADATA", AFTER_LOGIN },                      /* RFC 9590 */
    { "FILTERS", AFTER_LOGIN },                            /* RFC 5466 */
    { "LIST-STATUS", AFTER_LOGIN },                        /* RFC 5819 */
    { "STATUS=SIZE", AFTER_LOGIN },                        /* RFC 8438 */
    { "SPECIAL-USE", AFTER_LOGIN },                        /* RFC 6154 */
    { "CREATE-SPECIAL-USE", AFTER_LOGIN },                 /* RFC 6154 */
    { "BINARY", AFTER_LOGIN },                             /* RFC 3516 */
    { "MULTIAPPEND", AFTER_LOGIN },                        /* RFC 3502 */
    { "CATENATE", AFTER_LOGIN },                           /* RFC 4469 */
    { "REPLACE", AFTER_LOGIN },                            /* RFC 8508 */
    { "OBJECTID", AFTER_LOGIN },                           /* RFC 8474 */
    { "SAVEDATE", AFTER_LOGIN },                           /* RFC 8514 */
    { "PREVIEW", AFTER_LOGIN },                            /* RFC 8970 */
    { "QUOTA", AFTER_LOGIN },                              /* RFC 9208 */
    { "QUOTA=RES-STORAGE", AFTER_LOGIN },                  /* RFC 9208 */
    { "QUOTA=RES-MESSAGE", AFTER_LOGIN },                  /* RFC 9208 */
    { "QUOTA=RES-MAILBOX", AFTER_LOGIN },                  /* RFC 9208 */
    { "QUOTA=RES-ANNOTATION-STORAGE", AFTER_LOGIN },       /* RFC 9208 */
    { "QUOTASET", AFTER_LOGIN },                           /* RFC 9208 */
};

bool capability_private_enough(const struct session *s)
{
    return auth_plaintext_allowed(conn_is_tls(s->conn), addr_is_loopback(conn_peer(s->conn)),
                                  s->server->settings.plaintext_on_loopback);
}

bool capability_login_allowed(const struct session *s)
{
    return capability_private_enough(s) && (s->server->settings.sasl.mechanisms & SASL_PLAIN);
}

static bool applies(const struct session *s, unsigned when)
{
    bool before = s->state == STATE_NOT_AUTHENTICATED;
    if ((when & BEFORE_LOGIN && !before) || (when & AFTER_LOGIN && before))
        return false;
    if (when & IF_STARTTLS && !conn_can_start_tls(s->conn))
        return false;
    if (when & IF_UNAUTHENTICATE && !s->server->settings.unauthenticate)
        return false;
    if (when & IF_LANGUAGES && !languages_has_catalogue(s->server->languages))
        return false;
    if (when & IF_REFERRALS && !users_have_referrals(s->server->users))
        return false;
    return !(when & IF_NO_LOGIN && capability_login_allowed(s));
}

bool capability_is_hidden(struct str name, struct str list)
{
    if (str_eq(name, STR("STARTTLS")) || str_eq(name, STR("LOGINDISABLED")))
        return false;
    for (struct str item; !str_is_nil(item = str_next_word(&list));) {
        bool begins = str_ends(item, STR("*"));
        item.n -= begins;
        if (item.n > 0 && (begins ? str_starts_nocase(name, item) : str_eq_nocase(name, item)))
            return true;
    }
    return false;
}

static bool hides(const char *list)
{
    return list && list[0];
}

static bool is_hidden(const struct session *s, struct str name)
{
    const struct imap_settings *settings = &s->server->settings;
    if (!hides(settings->hide_capabilities) && !hides(settings->hide_capabilities_here) &&
        !hides(s->hidden_capabilities))
        return false; /* almost always, and asked for each of them */
    return capability_is_hidden(name, str_c(settings->hide_capabilities)) ||
           capability_is_hidden(name, str_c(settings->hide_capabilities_here)) ||
           capability_is_hidden(name, str_c(s->hidden_capabilities));
}

static void add_name(const struct session *s, const char *name, struct buf *out)
{
    if (is_hidden(s, str_c(name)))
        return;
    if (out->n > 0 && out->p[out->n - 1] != ' ')
        buf_add_char(out, ' ');
    buf_add(out, str_c(name));
}

static void add_mechanisms(const struct session *s, struct buf *out)
{
    struct sign_in_room room;
    struct sasl_channel channel;
    sign_in_channel(s, &room, &channel);
    size_t at = 0;
    for (const char *name; (name = sasl_next_offered(&s->server->settings.sasl, &channel, &at));) {
        char capability[64];
        snprintf(capability, sizeof capability, "AUTH=%s", name);
        add_name(s, capability, out);
    }
}

/* " NAME=FIGURE"; hidden by the name alone. */
static void write_figure(const struct session *s, const char *name, uint64_t figure, struct buf *out)
{
    if (!is_hidden(s, str_c(name)))
        buf_printf(out, " %s=%llu", name, (unsigned long long)figure);
}

void capability_write(const struct session *s, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(capabilities); i++) {
        const char *name = capabilities[i].name;
        if (!applies(s, capabilities[i].when))
            continue;
        if (strcmp(name, "AUTH=") == 0)
            add_mechanisms(s, out);
        else
            add_name(s, name, out);
    }
    if (s->state == STATE_NOT_AUTHENTICATED)
        return;
    write_figure(s, "APPENDLIMIT", s->server->settings.message_bytes_max, out); /* RFC 7889 */
    if (limit_of_saving(s)) /* RFC 9738, 3: one of the two */
        write_figure(s, s->server->settings.message_limit ? "MESSAGELIMIT" : "SAVELIMIT", limit_of_saving(s),
                     out);
}
