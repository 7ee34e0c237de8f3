/* cmd_cancelupdate.c: CANCELUPDATE.     RFC 5267, 4.3.5 */
#include "imap/cmd/command.h"
#include "imap/context.h"

int cancelupdate_run(struct session *s, const void *args, struct err *err)
{
    const struct cancelupdate_args *a = args;
    return context_cancel(s, a->tags, a->count, err);
}
