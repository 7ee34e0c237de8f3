/* table.c: every command, one row. */
#include "imap/cmd/command.h"
#include "imap/wire/acl_args.h"
#include "imap/wire/esearch_args.h"
#include "imap/wire/fetch_args.h"
#include "imap/wire/list_args.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/message_args.h"
#include "imap/wire/metadata_args.h"
#include "imap/wire/notify_args.h"
#include "imap/wire/quota_args.h"
#include "imap/wire/search_args.h"
#include "imap/wire/session_args.h"
#include "imap/wire/sort_args.h"

/* clang-format off */
static const struct command commands[] = {
    /* name                        allowed in            flags                                    parse                    run */
    { STR_INIT("CAPABILITY"),     IN_ANY_STATE,         0,                                       no_args_parse,           capability_run     },
    { STR_INIT("NOOP"),           IN_ANY_STATE,         0,                                       no_args_parse,           noop_run           },
    { STR_INIT("CHECK"),          IN_SELECTED,          0,                                       no_args_parse,           noop_run           }, /* RFC 3501, 6.4.1 */
    { STR_INIT("LOGOUT"),         IN_ANY_STATE,         0,                                       no_args_parse,           logout_run         },
    { STR_INIT("ID"),             IN_ANY_STATE,         0,                                       id_args_parse,           id_run             },
    { STR_INIT("LANGUAGE"),       IN_ANY_STATE,         0,                                       language_args_parse,     language_run       },
    { STR_INIT("COMPARATOR"),     IN_AUTHENTICATED,     0,                                       comparator_args_parse,   comparator_run     },
    { STR_INIT("STARTTLS"),       IN_NOT_AUTHENTICATED, 0,                                       no_args_parse,           starttls_run       },
    { STR_INIT("LOGIN"),          IN_NOT_AUTHENTICATED, 0,                                       login_args_parse,        login_run          },
    { STR_INIT("AUTHENTICATE"),   IN_NOT_AUTHENTICATED, 0,                                       authenticate_args_parse, authenticate_run   },
    { STR_INIT("ENABLE"),         IN_AUTHENTICATED,     0,                                       enable_args_parse,       enable_run         },
    { STR_INIT("COMPRESS"),       IN_AUTHENTICATED,     CMD_NO_UPDATES,                          compress_args_parse,     compress_run       },
    { STR_INIT("UNAUTHENTICATE"), IN_AUTHENTICATED,     CMD_NO_UPDATES,                          no_args_parse,           unauthenticate_run },
    { STR_INIT("NAMESPACE"),      IN_AUTHENTICATED,     0,                                       no_args_parse,           namespace_run      },
    { STR_INIT("CREATE"),         IN_AUTHENTICATED,     CMD_CHANGES,                             create_args_parse,       create_run         },
    { STR_INIT("DELETE"),         IN_AUTHENTICATED,     CMD_CHANGES,                             mailbox_args_parse,      delete_run         },
    { STR_INIT("RENAME"),         IN_AUTHENTICATED,     CMD_CHANGES,                             rename_args_parse,       rename_run         },
    { STR_INIT("SUBSCRIBE"),      IN_AUTHENTICATED,     CMD_CHANGES,                             mailbox_args_parse,      subscribe_run      },
    { STR_INIT("UNSUBSCRIBE"),    IN_AUTHENTICATED,     CMD_CHANGES,                             mailbox_args_parse,      unsubscribe_run    },
    { STR_INIT("LIST"),           IN_AUTHENTICATED,     0,                                       list_args_parse,         list_run           },
    { STR_INIT("LSUB"),           IN_AUTHENTICATED,     0,                                       lsub_args_parse,         lsub_run           },
    { STR_INIT("STATUS"),         IN_AUTHENTICATED,     0,                                       status_args_parse,       status_run         },
    { STR_INIT("GETMETADATA"),    IN_AUTHENTICATED,     0,                                       getmetadata_args_parse,  getmetadata_run    },
    { STR_INIT("SETMETADATA"),    IN_AUTHENTICATED,     CMD_CHANGES,                             setmetadata_args_parse,  setmetadata_run    },
    { STR_INIT("GETQUOTA"),       IN_AUTHENTICATED,     0,                                       quota_args_parse,        getquota_run       },
    { STR_INIT("GETQUOTAROOT"),   IN_AUTHENTICATED,     0,                                       mailbox_args_parse,      getquotaroot_run   },
    { STR_INIT("SETQUOTA"),       IN_AUTHENTICATED,     CMD_CHANGES,                             setquota_args_parse,     setquota_run       },
    { STR_INIT("GETACL"),         IN_AUTHENTICATED,     0,                                       mailbox_args_parse,      getacl_run         },
    { STR_INIT("SETACL"),         IN_AUTHENTICATED,     CMD_CHANGES,                             setacl_args_parse,       setacl_run         },
    { STR_INIT("DELETEACL"),      IN_AUTHENTICATED,     CMD_CHANGES,                             acl_args_parse,          deleteacl_run      },
    { STR_INIT("LISTRIGHTS"),     IN_AUTHENTICATED,     0,                                       acl_args_parse,          listrights_run     },
    { STR_INIT("MYRIGHTS"),       IN_AUTHENTICATED,     0,                                       mailbox_args_parse,      myrights_run       },
    { STR_INIT("SELECT"),         IN_AUTHENTICATED,     CMD_NO_UPDATES,                          select_args_parse,       select_run         },
    { STR_INIT("EXAMINE"),        IN_AUTHENTICATED,     CMD_NO_UPDATES,                          select_args_parse,       examine_run        },
    { STR_INIT("UNSELECT"),       IN_SELECTED,          CMD_NO_UPDATES,                          no_args_parse,           unselect_run       },
    { STR_INIT("CLOSE"),          IN_SELECTED,          CMD_NO_UPDATES,                          no_args_parse,           close_run          },
    { STR_INIT("FETCH"),          IN_SELECTED,          CMD_USES_SEQ | CMD_HAS_UID,              fetch_args_parse,        fetch_run          },
    { STR_INIT("SEARCH"),         IN_SELECTED,          CMD_USES_SEQ | CMD_HAS_UID,              search_args_parse,       search_run         },
    { STR_INIT("SORT"),           IN_SELECTED,          CMD_USES_SEQ | CMD_HAS_UID,              sort_args_parse,         sort_run           },
    { STR_INIT("CANCELUPDATE"),   IN_SELECTED,          0,                                       cancelupdate_args_parse, cancelupdate_run   },
    { STR_INIT("ESEARCH"),        IN_AUTHENTICATED,     CMD_HAS_UID | CMD_ONLY_UIDS,             esearch_args_parse,      esearch_run        },
    { STR_INIT("THREAD"),         IN_SELECTED,          CMD_USES_SEQ | CMD_HAS_UID,              thread_args_parse,       thread_run         },
    { STR_INIT("STORE"),          IN_SELECTED,          CMD_USES_SEQ | CMD_HAS_UID | CMD_WRITES, store_args_parse,        store_run          },
    { STR_INIT("COPY"),           IN_SELECTED,          CMD_HAS_UID | CMD_CHANGES,               copy_args_parse,         copy_run           },
    { STR_INIT("MOVE"),           IN_SELECTED,          CMD_HAS_UID | CMD_WRITES,                copy_args_parse,         move_run           },
    { STR_INIT("EXPUNGE"),        IN_SELECTED,          CMD_WRITES,                              no_args_parse,           expunge_run        },
    { STR_INIT("EXPUNGE"),        IN_SELECTED,          CMD_ONLY_UID | CMD_WRITES,               set_args_parse,          uid_expunge_run    },
    { STR_INIT("UIDBATCHES"),     IN_SELECTED,          0,                                       uidbatches_args_parse,   uidbatches_run     },
    { STR_INIT("NOTIFY"),         IN_AUTHENTICATED,     0,                                       notify_args_parse,       notify_run         },
    { STR_INIT("IDLE"),           IN_AUTHENTICATED,     0,                                       no_args_parse,           idle_run           },
};
/* clang-format on */

static bool has_form(const struct command *row, bool uid_form)
{
    return uid_form ? row->flags & (CMD_HAS_UID | CMD_ONLY_UID) : !(row->flags & CMD_ONLY_UID);
}

const struct command *command_find(struct str name, bool uid_form)
{
    static const struct command *const streamed[] = { &command_append, &command_replace };
    for (size_t i = 0; i < ARRAY_COUNT(streamed); i++)
        if (str_eq_nocase(name, streamed[i]->name))
            return has_form(streamed[i], uid_form) ? streamed[i] : NULL;
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        if (str_eq_nocase(name, commands[i].name) && has_form(&commands[i], uid_form))
            return &commands[i];
    return NULL;
}

int command_check_allowed(const struct session *s, const struct command *command, struct err *err)
{
    if ((command->flags & (CMD_CHANGES | CMD_WRITES)) && s->read_only)
        return err_set(err, ERR_DENIED, "The app password of this session is for reading only");
    if ((command->flags & CMD_WRITES) && s->view.read_only)
        return err_set(err, ERR_DENIED, "The mailbox is open for reading only");
    return 0;
}

int command_check_numbers(struct session *s, const struct command *command, struct err *err)
{
    bool by_number = (command->flags & (CMD_HAS_UID | CMD_ONLY_UIDS)) == CMD_HAS_UID && !s->uid_form;
    return s->uidonly && by_number ? session_uid_required(s, err) : 0;
}
