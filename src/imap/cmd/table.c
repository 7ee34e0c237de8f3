/* table.c: every command, one row. */
#include "imap/cmd/command.h"
#include "imap/wire/list_args.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/message_args.h"
#include "imap/wire/session_args.h"

static const struct command commands[] = {
    /* name                    allowed in            flags           parse                    run */
    { STR_INIT("CAPABILITY"),  IN_ANY_STATE,         0,              no_args_parse,           capability_run   },
    { STR_INIT("NOOP"),        IN_ANY_STATE,         0,              no_args_parse,           noop_run         },
    { STR_INIT("CHECK"),       IN_SELECTED,          0,              no_args_parse,           noop_run         }, /* RFC 3501, 6.4.1 */
    { STR_INIT("LOGOUT"),      IN_ANY_STATE,         0,              no_args_parse,           logout_run       },
    { STR_INIT("ID"),          IN_ANY_STATE,         0,              id_args_parse,           id_run           },
    { STR_INIT("STARTTLS"),    IN_NOT_AUTHENTICATED, 0,              no_args_parse,           starttls_run     },
    { STR_INIT("LOGIN"),       IN_NOT_AUTHENTICATED, 0,              login_args_parse,        login_run        },
    { STR_INIT("AUTHENTICATE"),IN_NOT_AUTHENTICATED, 0,              authenticate_args_parse, authenticate_run },
    { STR_INIT("ENABLE"),      IN_AUTHENTICATED,     0,              enable_args_parse,       enable_run       },
    { STR_INIT("NAMESPACE"),   IN_AUTHENTICATED,     0,              no_args_parse,           namespace_run    },
    { STR_INIT("SELECT"),      IN_AUTHENTICATED,     CMD_NO_UPDATES, select_args_parse,       select_run       },
    { STR_INIT("EXAMINE"),     IN_AUTHENTICATED,     CMD_NO_UPDATES, select_args_parse,       examine_run      },
    { STR_INIT("UNSELECT"),    IN_SELECTED,          CMD_NO_UPDATES, no_args_parse,           unselect_run     },
    { STR_INIT("CLOSE"),       IN_SELECTED,          CMD_NO_UPDATES, no_args_parse,           close_run        },
    { STR_INIT("IDLE"),        IN_AUTHENTICATED,     0,              no_args_parse,           idle_run         },
};

const struct command *command_find(struct str name, bool uid_form)
{
    const struct command *row = str_eq_nocase(name, command_append.name) ? &command_append : FIND_ROW(name, commands);
    if (!row || (uid_form && !(row->flags & (CMD_HAS_UID | CMD_ONLY_UID))) || (!uid_form && row->flags & CMD_ONLY_UID))
        return NULL;
    return row;
}
